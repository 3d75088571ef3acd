/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Inside memory/: questions to a QEMU monitor (QMP: docs/interop/qmp-spec.txt of QEMU). */
#ifndef TOCSIN_MEMORY_QMP_H
#define TOCSIN_MEMORY_QMP_H

#include "base/error.h"

#include <json-c/json.h>

struct tocsin_qmp;

/*
 * Connect to the monitor at this UNIX socket. -ETIMEDOUT: it does not answer within 5 seconds (a
 * monitor serves one client at a time); -EPROTO: it does not speak QMP.
 */
int tocsin_qmp_open(const char *path, struct tocsin_qmp **ret, struct tocsin_error *err);
void tocsin_qmp_close(struct tocsin_qmp *q);

/*
 * Execute one command; arguments (may be NULL) is taken over. ret: what it returned, to be put
 * with json_object_put. -EPROTO: QEMU answered with an error, which is in err.
 */
int tocsin_qmp_execute(struct tocsin_qmp *q, const char *command, struct json_object *arguments,
		       struct json_object **ret, struct tocsin_error *err);

/* The process at the other end, 0 if unknown. */
pid_t tocsin_qmp_peer(const struct tocsin_qmp *q);

/* Read off events that came meanwhile. -ENODEV: QEMU has closed the connection. */
int tocsin_qmp_drain(struct tocsin_qmp *q);

#endif
