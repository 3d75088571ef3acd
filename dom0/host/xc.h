/* SPDX-License-Identifier: GPL-2.0-or-later */
/* A connection to the hypervisor, for the files of this folder. */
#ifndef TOCSIN_HOST_XC_H
#define TOCSIN_HOST_XC_H

#include "base/error.h"

#include <xenctrl.h>

/* Whose library prints nothing. The caller closes it with xc_interface_close(). */
int tocsin_xc_open(xc_interface **ret, struct tocsin_error *err);

#endif
