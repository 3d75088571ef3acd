/* SPDX-License-Identifier: GPL-2.0-or-later */
#ifndef TOCSIN_FUZZ_H
#define TOCSIN_FUZZ_H

#include <stddef.h>
#include <stdint.h>

/* The entry point that libFuzzer calls; replay_main.c calls it with each corpus file. */
int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

#endif
