// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * A load of connections inside a guest, which keeps its own truth. Static; prints READY when it is.
 *
 * serve PORT LOG: take connections, keep them until the other end closes.
 *
 * hold ADDRESS PORT N: N connections, held until it is ended.
 *
 * churn ADDRESS PORT RATE SECONDS LOG [GO]: RATE connections a second, of four lifetimes; then LOG
 * has "local-port nanoseconds-it-lived" for each. With GO, a FIFO, every eighth lives until a byte
 * comes out of it, which is waited for when all are open.
 *
 * steps PORT [GO]: one doing after another, a STEP apart, or with GO a byte; see steps().
 *
 * pump SECONDS: bytes through one loopback connection, each second.
 */
#include <arpa/inet.h>
#include <errno.h>
#include <fcntl.h>
#include <netinet/in.h>
#include <poll.h>
#include <signal.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#define MILLISECOND 1000000ull
#define SECOND 1000000000ull
#define STEP 1500 /* milliseconds */
#define FILES 65536

static const uint64_t lifetimes[] = {5 * MILLISECOND, 400 * MILLISECOND, 1200 * MILLISECOND,
				     2500 * MILLISECOND};

static uint64_t now(void)
{
	struct timespec t;

	clock_gettime(CLOCK_MONOTONIC, &t);
	return (uint64_t)t.tv_sec * SECOND + (uint64_t)t.tv_nsec;
}

static void rest(uint64_t nanoseconds)
{
	struct timespec t = {.tv_sec = (time_t)(nanoseconds / SECOND),
			     .tv_nsec = (long)(nanoseconds % SECOND)};

	nanosleep(&t, NULL);
}

static void need(int ok, const char *what)
{
	if (ok)
		return;
	fprintf(stderr, "netload: %s: %s\n", what, strerror(errno));
	exit(1);
}

static void ready(void)
{
	printf("READY\n");
	fflush(stdout);
}

static struct sockaddr_in address(const char *host, const char *port)
{
	struct sockaddr_in a = {.sin_family = AF_INET, .sin_port = htons((uint16_t)atoi(port))};

	need(inet_pton(AF_INET, host, &a.sin_addr) == 1, host);
	return a;
}

static int listen_on(const char *host, const char *port)
{
	struct sockaddr_in a = address(host, port);
	int fd = socket(AF_INET, SOCK_STREAM, 0);

	need(!setsockopt(fd, SOL_SOCKET, SO_REUSEADDR, &(int){1}, sizeof(int)), "setsockopt");
	need(!bind(fd, (struct sockaddr *)&a, sizeof(a)), "bind");
	need(!listen(fd, 4096), "listen");
	return fd;
}

static int connect_to(const char *host, const char *port)
{
	struct sockaddr_in a = address(host, port);
	int fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);

	need(fd >= 0, "socket");
	need(!connect(fd, (struct sockaddr *)&a, sizeof(a)), "connect");
	return fd;
}

static int take_one(int listener, uint64_t *born, uint16_t *ports)
{
	struct sockaddr_in a;
	socklen_t size = sizeof(a);
	int fd = accept4(listener, (struct sockaddr *)&a, &size, SOCK_CLOEXEC);

	if (fd < 0 || fd >= FILES)
		return -1;
	born[fd] = now();
	ports[fd] = ntohs(a.sin_port);
	return fd;
}

static void serve(const char *port, const char *path)
{
	static uint64_t born[FILES];
	static uint16_t ports[FILES];
	FILE *log = fopen(path, "w");
	int listener = listen_on("0.0.0.0", port), poll = epoll_create1(EPOLL_CLOEXEC);
	struct epoll_event e = {.events = EPOLLIN, .data.fd = listener}, events[64];
	char buffer[65536];

	need(log && !setvbuf(log, NULL, _IOLBF, BUFSIZ), path);
	need(!epoll_ctl(poll, EPOLL_CTL_ADD, listener, &e), "epoll_ctl");
	ready();
	for (;;) {
		int count = epoll_wait(poll, events, 64, -1);

		for (int i = 0; i < count; i++) {
			int fd = events[i].data.fd;

			if (fd != listener) {
				if (read(fd, buffer, sizeof(buffer)) > 0)
					continue;
				fprintf(log, "%d %llu\n", ports[fd],
					(unsigned long long)(now() - born[fd]));
				close(fd);
				continue;
			}
			fd = take_one(listener, born, ports);
			e = (struct epoll_event){.events = EPOLLIN, .data.fd = fd};
			if (fd >= 0)
				need(!epoll_ctl(poll, EPOLL_CTL_ADD, fd, &e), "epoll_ctl");
		}
	}
}

static void hold(const char *host, const char *port, int count)
{
	for (int i = 0; i < count; i++)
		connect_to(host, port);
	ready();
	for (;;)
		pause();
}

/* -1: none is given. */
static int open_go(const char *path)
{
	int fd = path ? open(path, O_RDWR | O_CLOEXEC) : -1;

	need(!path || fd >= 0, path);
	return fd;
}

static void say_waits(void)
{
	printf("WAITS\n");
	fflush(stdout);
}

struct connection {
	int fd, port;
	uint64_t born, end, lived;
};

/* What is due is closed. The time it lived is less than what an observer could have seen. */
static void close_due(struct connection *all, size_t count, uint64_t time)
{
	for (size_t i = 0; i < count; i++) {
		struct connection *c = &all[i];

		if (c->fd < 0 || c->end > time)
			continue;
		c->lived = now() - c->born;
		close(c->fd);
		c->fd = -1;
	}
}

static void close_until_told(struct connection *all, size_t count, int go)
{
	struct pollfd p = {.fd = go, .events = POLLIN};

	say_waits();
	while (poll(&p, 1, 50) == 0)
		close_due(all, count, now());
}

static void churn(const char *host, const char *port, uint64_t rate, uint64_t seconds,
		  const char *path, int go)
{
	size_t count = rate * seconds, open = 0;
	struct connection *all = calloc(count, sizeof(*all));
	uint64_t begin = now(), ended;
	FILE *log;

	need(all != NULL, "memory");
	ready();
	for (size_t i = 0; i < count && now() < begin + seconds * SECOND; i++) {
		struct sockaddr_in a;
		socklen_t size = sizeof(a);
		uint64_t due = begin + i * SECOND / rate, time = now();

		if (due > time)
			rest(due - time);
		all[i].fd = connect_to(host, port);
		all[i].born = now();
		all[i].end = go >= 0 && i % 8 == 7 ? UINT64_MAX : all[i].born + lifetimes[i % 4];
		need(!getsockname(all[i].fd, (struct sockaddr *)&a, &size), "getsockname");
		all[i].port = ntohs(a.sin_port);
		open = i + 1;
		if (i % 8 == 7)
			close_due(all, open, now());
	}
	ended = now();
	if (go >= 0)
		close_until_told(all, open, go);
	close_due(all, open, UINT64_MAX);
	log = fopen(path, "w");
	need(log != NULL, path);
	for (size_t i = 0; i < open; i++)
		fprintf(log, "%d %llu\n", all[i].port, (unsigned long long)all[i].lived);
	need(!fclose(log), path);
	printf("DONE %zu in %llu ms\n", open, (unsigned long long)((ended - begin) / MILLISECOND));
}

static void send_fd(int over, int fd)
{
	char byte = 0, control[CMSG_SPACE(sizeof(int))] = {0};
	struct iovec part = {&byte, 1};
	struct msghdr m = {.msg_iov = &part,
			   .msg_iovlen = 1,
			   .msg_control = control,
			   .msg_controllen = sizeof(control)};
	struct cmsghdr *c = CMSG_FIRSTHDR(&m);

	c->cmsg_level = SOL_SOCKET;
	c->cmsg_type = SCM_RIGHTS;
	c->cmsg_len = CMSG_LEN(sizeof(int));
	memcpy(CMSG_DATA(c), &fd, sizeof(fd));
	need(sendmsg(over, &m, 0) == 1, "sendmsg");
}

/* The child: takes a connection in a message, becomes another program with it as standard input
 * when it is told to. */
static void take(int over)
{
	char byte, control[CMSG_SPACE(sizeof(int))];
	struct iovec part = {&byte, 1};
	struct msghdr m = {.msg_iov = &part,
			   .msg_iovlen = 1,
			   .msg_control = control,
			   .msg_controllen = sizeof(control)};
	int fd;

	need(recvmsg(over, &m, 0) == 1, "recvmsg");
	memcpy(&fd, CMSG_DATA(CMSG_FIRSTHDR(&m)), sizeof(fd));
	need(read(over, &byte, 1) == 1, "read");
	dup2(fd, 0);
	close(fd);
	execl("/bin/sh", "sh", "-c", "read never; exit 0", (char *)NULL);
	need(0, "exec");
}

/* As many steps of time as it would take, or until a byte comes. */
static void step(int go, unsigned steps)
{
	char byte;

	if (go < 0) {
		rest(steps * STEP * MILLISECOND);
		return;
	}
	say_waits();
	need(read(go, &byte, 1) == 1, "read");
}

/*
 * A listener; a connection to PORT; it is handed to a child; given up here; the child becomes a
 * shell with it as its standard input; the child is killed; a raw socket; the listener goes.
 */
static void steps(const char *port, int go)
{
	int pair[2], listener, fd, raw;
	pid_t child;

	need(!socketpair(AF_UNIX, SOCK_STREAM, 0, pair), "socketpair");
	child = fork();
	need(child >= 0, "fork");
	if (!child) {
		close(pair[1]);
		take(pair[0]);
	}
	printf("CHILD %d\n", child);
	ready();
	step(go, 1);
	listener = listen_on("0.0.0.0", "7001");
	step(go, 1);
	fd = connect_to("127.0.0.1", port);
	step(go, 1);
	send_fd(pair[1], fd);
	step(go, 1);
	close(fd);
	step(go, 2);
	need(write(pair[1], "x", 1) == 1, "write");
	step(go, 2);
	kill(child, SIGKILL);
	waitpid(child, NULL, 0);
	step(go, 1);
	raw = socket(AF_INET, SOCK_RAW, IPPROTO_ICMP);
	need(raw >= 0, "raw socket");
	step(go, 1);
	close(raw);
	close(listener);
	step(go, 1);
	printf("DONE\n");
}

/* Bytes a second, since then; from and sent begin anew. */
static void print_rate(uint64_t *from, uint64_t *sent)
{
	uint64_t time = now();

	printf("%llu\n", (unsigned long long)(*sent * SECOND / (time - *from)));
	fflush(stdout);
	*from = time;
	*sent = 0;
}

static void pump(unsigned seconds)
{
	int listener = listen_on("127.0.0.1", "7999");
	static char buffer[65536];
	uint64_t end, sent = 0, from;
	int fd;

	if (!fork()) {
		fd = connect_to("127.0.0.1", "7999");
		while (write(fd, buffer, sizeof(buffer)) > 0)
			;
		_exit(0);
	}
	fd = accept(listener, NULL, NULL);
	ready();
	from = now();
	for (end = from + seconds * SECOND; now() < end;) {
		ssize_t n = read(fd, buffer, sizeof(buffer));

		need(n > 0, "read");
		sent += (uint64_t)n;
		if (now() - from >= SECOND)
			print_rate(&from, &sent);
	}
	if (now() - from >= SECOND / 2) /* the last second may be a moment short of one */
		print_rate(&from, &sent);
}

int main(int argc, char **argv)
{
	const char *what = argc > 1 ? argv[1] : "";
	struct rlimit files = {FILES, FILES};

	setrlimit(RLIMIT_NOFILE, &files);
	signal(SIGPIPE, SIG_IGN);
	signal(SIGCHLD, SIG_DFL);
	printf("PID %d\n", getpid());
	fflush(stdout);
	if (!strcmp(what, "serve") && argc == 4)
		serve(argv[2], argv[3]);
	else if (!strcmp(what, "hold") && argc == 5)
		hold(argv[2], argv[3], atoi(argv[4]));
	else if (!strcmp(what, "churn") && (argc == 7 || argc == 8))
		churn(argv[2], argv[3], (uint64_t)atoi(argv[4]), (uint64_t)atoi(argv[5]), argv[6],
		      open_go(argc == 8 ? argv[7] : NULL));
	else if (!strcmp(what, "steps") && (argc == 3 || argc == 4))
		steps(argv[2], open_go(argc == 4 ? argv[3] : NULL));
	else if (!strcmp(what, "pump") && argc == 3)
		pump((unsigned)atoi(argv[2]));
	else
		return 2;
	return 0;
}
