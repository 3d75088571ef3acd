/* SPDX-License-Identifier: GPL-2.0-or-later */
/* What the forms of events share; private to dom0/output. */
#ifndef TOCSIN_EVENT_FORMATS_H
#define TOCSIN_EVENT_FORMATS_H

#include "output/event.h"

int tocsin_event_text(FILE *to, const struct tocsin_event *e);
int tocsin_event_json(FILE *to, const struct tocsin_event *e);
int tocsin_event_ocsf(FILE *to, const struct tocsin_event *e);

/* The readable line without its time, its guest and its end. */
void tocsin_event_describe(FILE *to, const struct tocsin_event *e);

#endif
