// SPDX-License-Identifier: GPL-2.0-or-later
/* Checks of dom0 itself: who runs this, and what its kernel offers. */
#include "cli/doctor.h"

#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <unistd.h>

#include <linux/seccomp.h>

#define DOMID_OF_NOBODY 0x7ff0u /* DOMID_SELF: what a handle is restricted to does not matter */
/* linux/include/uapi/xen/privcmd.h, which no package of Debian installs */
#define PRIVCMD_RESTRICT _IOC(_IOC_NONE, 'P', 6, sizeof(uint16_t))

static void check_user(struct doctor *d)
{
	if (geteuid() == 0)
		doctor_say(d, DOCTOR_PASS, "privileges", NULL,
			   "this runs as root, as tocsind must");
	else
		doctor_say(d, DOCTOR_FAIL, "privileges", "run it as root: sudo tocsin doctor",
			   "this runs as user %u, who can see little of what is checked",
			   (unsigned int)geteuid());
}

/* A handle to all memory becomes one to a single domain's: what keeps workers apart. */
static void check_privcmd(struct doctor *d)
{
	uint16_t domid = DOMID_OF_NOBODY;
	char path[PATH_MAX];
	int fd;

	snprintf(path, sizeof(path), "%s/xen/privcmd", d->places.dev);
	fd = open(path, O_RDWR | O_CLOEXEC);
	if (fd < 0) {
		doctor_say(d, DOCTOR_FAIL, "kernel privcmd",
			   errno == ENOENT ? "boot Xen, and in its dom0: modprobe xen-privcmd"
					   : "run it as root in dom0",
			   "cannot open %s: %s", path, strerror(errno));
		return;
	}
	if (ioctl(fd, PRIVCMD_RESTRICT, &domid))
		doctor_say(d, DOCTOR_FAIL, "kernel privcmd",
			   "boot a kernel of 4.15 or later in dom0",
			   "%s cannot be restricted to one domain: %s", path, strerror(errno));
	else
		doctor_say(d, DOCTOR_PASS, "kernel privcmd", NULL,
			   "guests' memory can be had, restricted to one domain");
	close(fd);
}

static void check_device(struct doctor *d, const char *check, const char *name, const char *module,
			 const char *what)
{
	char path[PATH_MAX], remedy[128];
	struct stat st;

	snprintf(path, sizeof(path), "%s/%s", d->places.dev, name);
	snprintf(remedy, sizeof(remedy), "boot Xen, and in its dom0: modprobe %s", module);
	if (stat(path, &st) || access(path, R_OK | W_OK))
		doctor_say(d, DOCTOR_FAIL, check, errno == EACCES ? "run it as root" : remedy,
			   "cannot use %s: %s", path, strerror(errno));
	else
		doctor_say(d, DOCTOR_PASS, check, NULL, "%s", what);
}

static void check_seccomp(struct doctor *d)
{
	const uint32_t actions[] = {SECCOMP_RET_KILL_PROCESS, SECCOMP_RET_ERRNO};

	for (size_t i = 0; i < sizeof(actions) / sizeof(actions[0]); i++) {
		if (!syscall(SYS_seccomp, SECCOMP_GET_ACTION_AVAIL, 0, &actions[i]))
			continue;
		doctor_say(d, DOCTOR_FAIL, "kernel seccomp",
			   "boot a kernel with CONFIG_SECCOMP_FILTER (4.14 or later)",
			   "system calls of workers cannot be filtered: %s", strerror(errno));
		return;
	}
	doctor_say(d, DOCTOR_PASS, "kernel seccomp", NULL, "system calls can be filtered");
}

/* What `tocsin trace on --graph` captures guests' interfaces with. */
static void check_packets(struct doctor *d)
{
	int fd = socket(AF_PACKET, SOCK_RAW | SOCK_CLOEXEC, 0);

	if (fd < 0)
		doctor_say(d, DOCTOR_WARN, "kernel packets",
			   errno == EPERM ? "run it as root" : "modprobe af_packet",
			   "the network of guests cannot be captured when they are traced: %s",
			   strerror(errno));
	else
		doctor_say(d, DOCTOR_PASS, "kernel packets", NULL,
			   "guests' network can be captured");
	if (fd >= 0)
		close(fd);
}

void doctor_dom0(struct doctor *d)
{
	check_user(d);
	check_privcmd(d);
	check_device(d, "kernel evtchn", "xen/evtchn", "xen-evtchn", "event channels can be bound");
	check_seccomp(d);
	check_packets(d);
}
