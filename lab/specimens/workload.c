// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * workload: what a guest does for its living, many times, and what it took by the TSC.
 *
 * usage: workload [PART]   each job, PART of its usual size (1): "workload NAME=TICKS", for each
 * round of
 *
 *   rw      a read and a write of 64 bytes of an open file, the worst there is
 *   files   a file made, written and read in pieces of 4 KiB, renamed and removed
 *   pipe    a byte to another process and back
 *   tcp     a connection to another process, 100 bytes there, 4 KiB back
 *   stream  64 KiB through a connection
 *   forks   a child that executes a program, which ends
 */
#include "specimen.h"

#include <fcntl.h>
#include <netinet/in.h>
#include <signal.h>
#include <stdint.h>
#include <sys/socket.h>
#include <sys/wait.h>
#include <x86intrin.h>

#define PIECE 4096

static char buffer[65536];

static void all(ssize_t (*once)(int fd, void *bytes, size_t size), int fd, size_t size)
{
	while (size) {
		ssize_t n = once(fd, buffer, size < sizeof(buffer) ? size : sizeof(buffer));

		if (n <= 0)
			fail("a job");
		size -= (size_t)n;
	}
}

static ssize_t put_once(int fd, void *bytes, size_t size)
{
	return write(fd, bytes, size);
}

static void put(int fd, size_t size)
{
	all(put_once, fd, size);
}

static void get(int fd, size_t size)
{
	all(read, fd, size);
}

/* ---- files ---- */

static int open_file;

static void rw(void)
{
	if (pwrite(open_file, buffer, 64, 0) != 64 || pread(open_file, buffer, 64, 0) != 64)
		fail("rw");
}

static void files(void)
{
	int fd = open("/tmp/workload.a", O_RDWR | O_CREAT | O_EXCL, 0600);

	if (fd < 0)
		fail("/tmp/workload.a");
	for (int i = 0; i < 8; i++)
		put(fd, PIECE);
	lseek(fd, 0, SEEK_SET);
	for (int i = 0; i < 8; i++)
		get(fd, PIECE);
	close(fd);
	if (rename("/tmp/workload.a", "/tmp/workload.b") || unlink("/tmp/workload.b"))
		fail("rename");
}

/* ---- with another process ---- */

static int to[2], from[2];

static void pong(void)
{
	for (;;) {
		get(to[0], 1);
		put(from[1], 1);
	}
}

static void ping(void)
{
	put(to[1], 1);
	get(from[0], 1);
}

static struct sockaddr_in server;
static int listener;

static void serve(void)
{
	for (;;) {
		int fd = accept(listener, NULL, NULL);

		get(fd, 100);
		put(fd, PIECE);
		close(fd);
	}
}

static int connected(void)
{
	int fd = socket(AF_INET, SOCK_STREAM, 0);

	if (fd < 0 || connect(fd, (struct sockaddr *)&server, sizeof(server)))
		fail("connect");
	return fd;
}

static void request(void)
{
	int fd = connected();

	put(fd, 100);
	get(fd, PIECE);
	close(fd);
}

static int stream_to;

static void take_all(void)
{
	int fd = accept(listener, NULL, NULL);

	for (;;) {
		get(fd, sizeof(buffer));
		put(fd, 1);
	}
}

static void stream(void)
{
	put(stream_to, sizeof(buffer));
	get(stream_to, 1);
}

static void listen_here(void)
{
	socklen_t size = sizeof(server);

	server.sin_family = AF_INET;
	server.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
	listener = socket(AF_INET, SOCK_STREAM, 0);
	if (bind(listener, (struct sockaddr *)&server, size) || listen(listener, 64) ||
	    getsockname(listener, (struct sockaddr *)&server, &size))
		fail("listen");
}

/* ---- processes ---- */

static void fork_once(void)
{
	pid_t child = fork();

	if (child < 0)
		fail("fork");
	if (!child) {
		execl("/proc/self/exe", "workload", "nothing", NULL);
		_exit(1);
	}
	if (waitpid(child, NULL, 0) != child)
		fail("waitpid");
}

/* ---- all ---- */

static void job(const char *name, void (*once)(void), unsigned int rounds)
{
	uint64_t begin;

	once(); /* what is done only the first time */
	begin = __rdtsc();
	for (unsigned int i = 0; i < rounds; i++)
		once();
	printf(" %s=%lu", name, (unsigned long)((__rdtsc() - begin) / rounds));
}

/* The same, with another process that does its part. */
static void job_of_two(const char *name, void (*once)(void), unsigned int rounds,
		       void (*other)(void))
{
	pid_t child;

	fflush(stdout);
	child = fork();
	if (child < 0)
		fail("fork");
	if (!child) {
		other();
		_exit(0);
	}
	if (other == take_all)
		stream_to = connected();
	job(name, once, rounds);
	kill(child, SIGKILL);
	waitpid(child, NULL, 0);
}

int main(int argc, char **argv)
{
	double part = argc > 1 ? atof(argv[1]) : 1;

	if (argc > 1 && !strcmp(argv[1], "nothing"))
		return 0;
	open_file = open("/tmp/workload.rw", O_RDWR | O_CREAT, 0600);
	if (open_file < 0 || pipe(to) || pipe(from))
		fail("workload");
	listen_here();
	printf("workload");
	job("rw", rw, (unsigned int)(1000 * part));
	job("files", files, (unsigned int)(100 * part));
	job_of_two("pipe", ping, (unsigned int)(500 * part), pong);
	job_of_two("tcp", request, (unsigned int)(50 * part), serve);
	job_of_two("stream", stream, (unsigned int)(50 * part), take_all);
	job("forks", fork_once, (unsigned int)(30 * part));
	putchar('\n');
	unlink("/tmp/workload.rw");
	return 0;
}
