/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Events as lines of text, for tests, for what other tracers saw, and to try things:
 *
 *   # a comment
 *   guest web                                        of all that follows
 *   1700000000 created who=1:init other=412:sh
 *   +0.5 written who=412:sh file=/tmp/x ino=77 open=1
 *
 * A line is a time (seconds since the epoch, or + seconds since the line before), a kind
 * (provenance/event.h), and words NAME=VALUE; %XX is a byte. who and other are PID[@START][:COMM].
 * The words: who other uid euid ppid exe file ino dev (MAJOR:MINOR) ns mode open to local remote
 * (ADDRESS:PORT, [ADDRESS]:PORT) proto (tcp, udp) netns unix (SOCKET[/PEER], hexadecimal) sent
 * received value lost detail rule severity what since source (hook, sample, wire); and, without a
 * value, deleted and unsure.
 */
#ifndef TOCSIN_PROVENANCE_SCRIPT_H
#define TOCSIN_PROVENANCE_SCRIPT_H

#include "provenance/event.h"

#include <stdio.h>

/*
 * Take each event of the text from `from` on. What take returns ends it and is returned. -EINVAL:
 * err says which line is wrong, and how; -EINVAL of take as well: the event lacks something.
 */
int tocsin_trace_script(FILE *from, tocsin_trace_take *take, void *context,
			struct tocsin_error *err);

#endif
