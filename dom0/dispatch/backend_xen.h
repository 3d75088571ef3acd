/* SPDX-License-Identifier: GPL-2.0-or-later */
#ifndef TOCSIN_BACKEND_XEN_H
#define TOCSIN_BACKEND_XEN_H

#include "dispatch/backend.h"

extern struct tocsin_backend tocsin_backend_xen;

#endif
