// SPDX-License-Identifier: GPL-2.0-or-later
/* What a service manager hears. */
#include "service/notify.h"

#include <errno.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <unistd.h>

#include <cmocka.h>

/* A manager that listens, at a path or (with @) at an abstract name. */
static int listen_at(const char *name)
{
	struct sockaddr_un at = {.sun_family = AF_UNIX};
	int fd = socket(AF_UNIX, SOCK_DGRAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);

	memcpy(at.sun_path, name, strlen(name));
	if (*name == '@')
		at.sun_path[0] = '\0';
	assert_int_equal(bind(fd, (const struct sockaddr *)&at,
			      (socklen_t)(offsetof(struct sockaddr_un, sun_path) + strlen(name))),
			 0);
	setenv("NOTIFY_SOCKET", name, 1);
	return fd;
}

static void tells(void **state)
{
	char name[64], text[64] = "";
	int fd;

	for (int i = 0; i < 2; i++) {
		snprintf(name, sizeof(name), i ? "@tocsin-notify-%d" : "/tmp/tocsin-notify-%d",
			 (int)getpid());
		fd = listen_at(name);
		assert_int_equal(tocsin_notify("READY=1\nSTATUS=x"), 0);
		assert_int_equal(recv(fd, text, sizeof(text) - 1, 0), 16);
		assert_string_equal(text, "READY=1\nSTATUS=x");
		close(fd);
		unlink(name);
	}
	assert_true(tocsin_notify("READY=1") < 0); /* it is gone */
}

static void nobody(void **state)
{
	unsetenv("NOTIFY_SOCKET");
	assert_int_equal(tocsin_notify("READY=1"), 0);
	setenv("NOTIFY_SOCKET", "relative", 1);
	assert_int_equal(tocsin_notify("READY=1"), -EINVAL);
}

static void watchdog(void **state)
{
	char pid[16];

	unsetenv("WATCHDOG_USEC");
	unsetenv("WATCHDOG_PID");
	assert_int_equal(tocsin_notify_watchdog(), 0);
	setenv("WATCHDOG_USEC", "30000000", 1);
	assert_int_equal(tocsin_notify_watchdog(), 30000000);
	snprintf(pid, sizeof(pid), "%d", (int)getpid());
	setenv("WATCHDOG_PID", pid, 1);
	assert_int_equal(tocsin_notify_watchdog(), 30000000);
	setenv("WATCHDOG_PID", "1", 1);
	assert_int_equal(tocsin_notify_watchdog(), 0);
	unsetenv("WATCHDOG_PID");
	setenv("WATCHDOG_USEC", "3x", 1);
	assert_int_equal(tocsin_notify_watchdog(), 0);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
	    cmocka_unit_test(tells),
	    cmocka_unit_test(nobody),
	    cmocka_unit_test(watchdog),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
