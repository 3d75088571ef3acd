// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * In the live guest: storms of processes, sockets, mappings and modules, logged as churn.h says.
 * churn MODULE-FOLDER; it starts itself again as "churn child SERIAL MILLISECONDS".
 */
#include "churn.h"

#include <arpa/inet.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/prctl.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

#define LOG_FD 100
#define CHILDREN 40

static struct churn_log *events;

static void fail(const char *what)
{
	perror(what);
	exit(1);
}

static void map_log(void)
{
	events = mmap((void *)CHURN_ADDRESS, sizeof(*events), PROT_READ | PROT_WRITE,
		      MAP_SHARED | MAP_FIXED_NOREPLACE | MAP_POPULATE, LOG_FD, 0);
	if (events == MAP_FAILED)
		fail("the log");
}

/* Returns its place. A full log ends the storm. */
static uint64_t note(enum churn_phase phase, enum churn_kind kind, uint64_t id, uint64_t extra,
		     uint64_t about)
{
	uint64_t place = __atomic_fetch_add(&events->next, 1, __ATOMIC_SEQ_CST);
	struct churn_event *e = &events->events[place];

	if (place >= CHURN_EVENTS) {
		for (;;)
			pause();
	}
	e->kind = kind;
	e->id = id;
	e->extra = extra;
	e->about = about;
	__atomic_store_n(&e->phase, phase, __ATOMIC_SEQ_CST);
	return place;
}

static uint32_t random_below(uint32_t bound)
{
	static uint32_t seed;

	if (!seed)
		seed = (uint32_t)getpid() * 2654435761u | 1;
	seed ^= seed << 13;
	seed ^= seed >> 17;
	seed ^= seed << 5;
	return seed % bound;
}

static int child(uint64_t serial, unsigned int milliseconds)
{
	map_log();
	note(CHURN_BORN, CHURN_PROCESS, serial, (uint64_t)getpid(), 0);
	usleep(milliseconds * 1000);
	note(CHURN_DYING, CHURN_PROCESS, serial, (uint64_t)getpid(), 0);
	return 0;
}

/* Two of these share the serials: one has the even, one the odd. */
static void processes(uint64_t serial)
{
	static const unsigned int lives[] = {0, 0, 1, 5, 20, 100, 1000, 4000};
	pid_t pids[CHILDREN] = {0};
	uint64_t serials[CHILDREN];

	for (;;) {
		uint32_t slot = random_below(CHILDREN);
		char text[2][24];
		pid_t ended;

		while ((ended = waitpid(-1, NULL, WNOHANG)) > 0)
			for (int i = 0; i < CHILDREN; i++)
				if (pids[i] == ended) {
					note(CHURN_DEAD, CHURN_PROCESS, serials[i], (uint64_t)ended,
					     0);
					pids[i] = 0;
				}
		if (pids[slot]) {
			usleep(500);
			continue;
		}
		serials[slot] = serial;
		note(CHURN_ABOUT, CHURN_PROCESS, serial, 0, 0);
		pids[slot] = fork();
		if (pids[slot] < 0)
			fail("fork");
		if (!pids[slot]) {
			snprintf(text[0], sizeof(text[0]), "%lu", (unsigned long)serial);
			snprintf(text[1], sizeof(text[1]), "%u", lives[random_below(8)]);
			execl("/bin/churn", "churn", "child", text[0], text[1], NULL);
			fail("exec");
		}
		serial += 2;
	}
}

static int open_socket(uint32_t slot)
{
	struct sockaddr_in here = {.sin_family = AF_INET, .sin_port = htons(CHURN_PORT + slot)};
	int fd = socket(AF_INET, slot % 2 ? SOCK_STREAM : SOCK_DGRAM, 0), one = 1;

	here.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
	if (fd < 0 || setsockopt(fd, SOL_SOCKET, SO_REUSEADDR, &one, sizeof(one)) ||
	    bind(fd, (struct sockaddr *)&here, sizeof(here)) || (slot % 2 && listen(fd, 5)))
		fail("socket");
	return fd;
}

static void sockets(void)
{
	int fds[CHURN_SLOTS] = {0};
	uint64_t inodes[CHURN_SLOTS];

	for (uint32_t turn = 1;; turn++) {
		uint32_t slot = random_below(CHURN_SLOTS);

		if (turn % 16 == 0)
			usleep(2000);
		if (fds[slot]) {
			note(CHURN_DYING, CHURN_SOCKET, inodes[slot], CHURN_PORT + slot, 0);
			close(fds[slot]);
			fds[slot] = 0;
			note(CHURN_DEAD, CHURN_SOCKET, inodes[slot], CHURN_PORT + slot, 0);
		} else {
			uint64_t about = note(CHURN_ABOUT, CHURN_SOCKET, 0, CHURN_PORT + slot, 0);
			struct stat st;

			fds[slot] = open_socket(slot);
			if (fstat(fds[slot], &st))
				fail("fstat");
			inodes[slot] = st.st_ino;
			note(CHURN_BORN, CHURN_SOCKET, st.st_ino, CHURN_PORT + slot, about);
		}
	}
}

static void mappings(void)
{
	uint64_t pages[CHURN_SLOTS] = {0};

	for (uint32_t turn = 1;; turn++) {
		uint32_t slot = random_below(CHURN_SLOTS);
		char *at = (char *)CHURN_AREA + slot * CHURN_SLOT;

		if (turn % 64 == 0)
			usleep(2000);
		if (pages[slot]) {
			note(CHURN_DYING, CHURN_VMA, slot, pages[slot], 0);
			munmap(at, pages[slot] * 4096);
			note(CHURN_DEAD, CHURN_VMA, slot, pages[slot], 0);
			pages[slot] = 0;
		} else {
			uint64_t size = 1 + random_below(200);
			uint64_t about = note(CHURN_ABOUT, CHURN_VMA, slot, size, 0);

			if (mmap(at, size * 4096, PROT_READ | PROT_WRITE,
				 MAP_PRIVATE | MAP_ANONYMOUS | MAP_FIXED, -1, 0) == MAP_FAILED)
				fail("mmap");
			*at = 1;
			pages[slot] = size;
			note(CHURN_BORN, CHURN_VMA, slot, size, about);
		}
	}
}

static void modules(const char *folder)
{
	static const char *const names[] = {"llc", "stp", "dummy"}; /* stp needs llc */
	char path[256];

	for (;;) {
		for (int i = 0; i < 3; i++) {
			uint64_t about = note(CHURN_ABOUT, CHURN_MODULE, (uint64_t)i, 0, 0);
			int fd;

			snprintf(path, sizeof(path), "%s/%s.ko", folder, names[i]);
			fd = open(path, O_RDONLY);
			if (fd < 0 || syscall(SYS_finit_module, fd, "", 0))
				fail(path);
			close(fd);
			note(CHURN_BORN, CHURN_MODULE, (uint64_t)i, 0, about);
			usleep(random_below(50000));
		}
		usleep(random_below(200000));
		for (int i = 2; i >= 0; i--) {
			note(CHURN_DYING, CHURN_MODULE, (uint64_t)i, 0, 0);
			if (syscall(SYS_delete_module, names[i], 0))
				fail(names[i]);
			note(CHURN_DEAD, CHURN_MODULE, (uint64_t)i, 0, 0);
			usleep(random_below(20000));
		}
	}
}

static void start(const char *name, void (*storm)(void))
{
	pid_t pid = fork();

	if (pid < 0)
		fail("fork");
	if (pid)
		return;
	prctl(PR_SET_NAME, name);
	storm();
}

static const char *module_folder;

static void load_modules(void)
{
	modules(module_folder);
}

static void even_processes(void)
{
	processes(0);
}

static void odd_processes(void)
{
	processes(1);
}

int main(int argc, char **argv)
{
	int fd;

	if (argc == 4 && !strcmp(argv[1], "child"))
		return child(strtoull(argv[2], NULL, 10), (unsigned int)atoi(argv[3]));
	if (argc != 2)
		return 2;
	module_folder = argv[1];
	fd = memfd_create("log", 0);
	if (fd < 0 || dup2(fd, LOG_FD) < 0 || ftruncate(LOG_FD, sizeof(*events)))
		fail("memfd");
	close(fd);
	map_log();
	events->magic = CHURN_MAGIC;
	start("storm-fork", even_processes);
	start("storm-fork2", odd_processes);
	start("storm-socket", sockets);
	start("storm-mmap", mappings);
	start("storm-module", load_modules);
	prctl(PR_SET_NAME, "storm-log");
	puts("CHURNING");
	fflush(stdout);
	for (;;)
		pause();
}
