// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * Runs the generator, a program of its own since it needs a compiler: what it refuses, it refuses
 * with one sentence on its standard error, which is ours then.
 *
 * Invariants: it gets no more than TIMEOUT_MS, what it says is bounded, and it inherits no
 * descriptor but the three standard ones.
 */
#include "cli/hypervisor.h"

#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <signal.h>
#include <spawn.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>

#define TIMEOUT_MS 120000
#define XENSYMS "/proc/xen/xensyms"

extern char **environ;

static const char *generator(void)
{
	const char *path = getenv("TOCSIN_LIVEPATCH_GENERATE");

	return path ? path : TOCSIN_GENERATE;
}

const char *hypervisor_running_symbols(void)
{
	return access(XENSYMS, R_OK) ? NULL : XENSYMS;
}

/* The last of what it said, until it closes its standard error. */
static int listen_to(int fd, pid_t child, char *said, size_t room)
{
	struct pollfd p = {.fd = fd, .events = POLLIN};
	size_t have = 0;
	ssize_t n = 1;
	int ready;

	while (n > 0) {
		ready = poll(&p, 1, TIMEOUT_MS);
		if (ready < 0 && errno == EINTR)
			continue;
		if (ready <= 0) {
			kill(child, SIGKILL);
			return -ETIMEDOUT;
		}
		if (have == room - 1) {
			memmove(said, said + room / 2, have - room / 2);
			have -= room / 2;
		}
		n = read(fd, said + have, room - 1 - have);
		have += n > 0 ? (size_t)n : 0;
	}
	said[have] = '\0';
	return 0;
}

static int start(char *const *argv, int out, pid_t *child)
{
	posix_spawn_file_actions_t actions;
	int rc = -posix_spawn_file_actions_init(&actions);

	if (rc)
		return rc;
	rc = -posix_spawn_file_actions_addopen(&actions, STDIN_FILENO, "/dev/null", O_RDONLY, 0);
	if (!rc)
		rc = -posix_spawn_file_actions_addopen(&actions, STDOUT_FILENO, "/dev/null",
						       O_WRONLY, 0);
	if (!rc)
		rc = -posix_spawn_file_actions_adddup2(&actions, out, STDERR_FILENO);
	if (!rc)
		rc = -posix_spawn(child, argv[0], &actions, NULL, argv, environ);
	posix_spawn_file_actions_destroy(&actions);
	return rc;
}

/* The last line, without the program's name before it. */
static const char *sentence(char *said)
{
	static const char name[] = "generate: ";
	char *line;

	for (line = said + strlen(said); line > said && line[-1] == '\n';)
		*--line = '\0';
	line = strrchr(said, '\n');
	line = line ? line + 1 : said;
	return strncmp(line, name, strlen(name)) ? line : line + strlen(name);
}

static int run(const char *const *argv, struct tocsin_error *err)
{
	char said[4096] = "";
	int pipes[2], rc, status = 0;
	pid_t child;

	if (pipe2(pipes, O_CLOEXEC))
		return tocsin_error_set(err, -errno, "cannot make a pipe: %s", strerror(errno));
	rc = start((char *const *)argv, pipes[1], &child);
	close(pipes[1]);
	if (rc) {
		close(pipes[0]);
		if (rc == -ENOENT)
			return tocsin_error_set(err, rc,
						"there is no generator here (%s): make the payload "
						"elsewhere and give it with --payload",
						argv[0]);
		return tocsin_error_set(err, rc, "cannot run %s: %s", argv[0], strerror(-rc));
	}
	rc = listen_to(pipes[0], child, said, sizeof(said));
	close(pipes[0]);
	while (waitpid(child, &status, 0) < 0 && errno == EINTR)
		;
	if (rc)
		return tocsin_error_set(err, rc, "%s did not end within two minutes", argv[0]);
	if (WIFEXITED(status) && WEXITSTATUS(status) == 0)
		return 0;
	if (WIFEXITED(status) && *said)
		return tocsin_error_set(err, -EINVAL, "%s", sentence(said));
	return tocsin_error_set(err, -EIO, "%s failed and said nothing", argv[0]);
}

/* xen-syms is an ELF file, what Xen itself tells is text. */
int hypervisor_generate(const char *xen, const char *symbols, const char *out,
			struct tocsin_error *err)
{
	const char *argv[8] = {generator(), "--xen", xen, "--out", out};

	if (symbols) {
		argv[5] = strcmp(symbols, XENSYMS) ? "--dbg" : "--symbols";
		argv[6] = symbols;
	}
	return run(argv, err);
}

int hypervisor_check(const char *payload, struct tocsin_error *err)
{
	const char *const argv[] = {generator(), "--check", payload, NULL};

	return run(argv, err);
}
