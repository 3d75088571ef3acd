/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "dispatch/pulse.h"
#include "base/pulse.h"
#include "dispatch/message.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <signal.h>
#include <stdio.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/time.h>
#include <unistd.h>

#define TICK_MS 100

static struct {
	const struct tocsin_memory *memory;
	int socket;
	uint64_t reads; /* as of the last tick */
	volatile sig_atomic_t missed;
} watched;
static struct tocsin_packet last_words;

/* Nothing but what a handler of signals may do. */
static void on_tick(int signal)
{
	uint64_t reads = __atomic_load_n(&watched.memory->stats.reads, __ATOMIC_RELAXED);

	if (reads != watched.reads || tocsin_pulse_paused()) {
		watched.reads = reads;
		watched.missed = 0;
		return;
	}
	if (++watched.missed < TOCSIN_PULSE_HUNG_MS / TICK_MS)
		return;
	send(watched.socket, last_words.bytes, last_words.size, MSG_DONTWAIT | MSG_NOSIGNAL);
	_exit(1);
}

int tocsin_pulse_watch(const struct tocsin_memory *m, int socket)
{
	const struct sigaction action = {.sa_handler = on_tick, .sa_flags = SA_RESTART};
	const struct timeval tick = {.tv_usec = TICK_MS * 1000};
	const struct itimerval timer = {tick, tick};
	const struct tocsin_msg_note note = {0};
	uint8_t message[sizeof(note) + 64];

	watched.memory = m;
	watched.socket = socket;
	tocsin_packet_add(&last_words, message,
			  tocsin_msg_put_note(message, TOCSIN_MSG_HUNG, &note));
	return sigaction(SIGPROF, &action, NULL) || setitimer(ITIMER_PROF, &timer, NULL) ? -errno
											 : 0;
}

void tocsin_pulse_begin(void)
{
	watched.missed = 0;
}

/* Of a file that the kernel writes a line each of. */
static bool thread_sleeps(int task, const char *tid, uint64_t *switches)
{
	char path[300], line[128], state = 0;
	uint64_t count;
	int fd;
	FILE *f;

	snprintf(path, sizeof(path), "%s/status", tid);
	fd = openat(task, path, O_RDONLY | O_CLOEXEC);
	f = fd < 0 ? NULL : fdopen(fd, "r");
	if (!f) {
		if (fd >= 0)
			close(fd);
		return false;
	}
	while (fgets(line, sizeof(line), f)) {
		sscanf(line, "State: %c", &state);
		if (sscanf(line, "voluntary_ctxt_switches: %" SCNu64, &count) == 1 ||
		    sscanf(line, "nonvoluntary_ctxt_switches: %" SCNu64, &count) == 1)
			*switches += count;
	}
	fclose(f);
	return state == 'S';
}

bool tocsin_pulse_sleeps(pid_t pid, uint64_t *switches)
{
	bool all = true;
	char path[32];
	struct dirent *e;
	DIR *d;

	snprintf(path, sizeof(path), "/proc/%d/task", (int)pid);
	d = opendir(path);
	if (!d)
		return false;
	*switches = 0;
	while (all && (e = readdir(d)))
		all = e->d_name[0] == '.' || thread_sleeps(dirfd(d), e->d_name, switches);
	closedir(d);
	return all;
}
