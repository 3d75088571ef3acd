// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * remap: let a frame of a guest show another one in an altp2m view.
 * usage, in dom0: remap DOMID VIEW OLD_GFN NEW_GFN
 */
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <xenctrl.h>

int main(int argc, char **argv)
{
	xc_interface *xc;
	unsigned long n[4];
	int rc;

	if (argc != 5) {
		fputs("usage: remap DOMID VIEW OLD_GFN NEW_GFN\n", stderr);
		return 2;
	}
	for (int i = 0; i < 4; i++)
		n[i] = strtoul(argv[i + 1], NULL, 0);
	xc = xc_interface_open(NULL, NULL, 0);
	if (!xc)
		return 1;
	rc = xc_altp2m_change_gfn(xc, (uint32_t)n[0], (uint16_t)n[1], n[2], n[3]);
	if (rc)
		fprintf(stderr, "remap: %s\n", strerror(errno));
	xc_interface_close(xc);
	return rc ? 1 : 0;
}
