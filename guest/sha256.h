/* SPDX-License-Identifier: MIT */
/* SHA-256 (FIPS 180-4), so that the guest library needs nothing but libc. */
#ifndef TOCSIN_GUEST_SHA256_H
#define TOCSIN_GUEST_SHA256_H

#include <stddef.h>
#include <stdint.h>

#define SHA256_SIZE 32

void tocsin_sha256(const void *data, size_t size, uint8_t ret[SHA256_SIZE]);

#endif
