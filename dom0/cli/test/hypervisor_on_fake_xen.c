// SPDX-License-Identifier: GPL-2.0-or-later
/* hypervisor_on_fake_xen VERB ...: `tocsin hypervisor VERB ...` on a stand-in for Xen. */
#include "cli/command.h"

int main(int argc, char **argv)
{
	return command_hypervisor(argc, argv);
}
