/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Reports for systemd's journal, in its native protocol: one datagram an entry, whose fields are
 * bytes with their length before them, so that nothing a guest says can become a field of its own.
 * The socket is opened once, by who may; sending needs no more than write(2).
 * Source: https://systemd.io/JOURNAL_NATIVE_PROTOCOL/
 */
#ifndef TOCSIN_OUTPUT_JOURNAL_H
#define TOCSIN_OUTPUT_JOURNAL_H

#include "output/output.h"

#define TOCSIN_JOURNAL_SOCKET "/run/systemd/journal/socket"

/* An entry; free(ret). 0 or -ENOMEM. */
int tocsin_journal_entry(const struct tocsin_report *r, char **ret, size_t *size);

/* A socket, close(2) it. An error: there is no journal here. */
int tocsin_journal_open(const char *path, int *ret);

/* 0; -EAGAIN: the journal does not keep up, and the entry is dropped; another negative errno. */
int tocsin_journal_send(int fd, const struct tocsin_report *r);

#endif
