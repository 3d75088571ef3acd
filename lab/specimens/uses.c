// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * uses: what processes do with what they have open, apart from what they could do with it. All in
 * files below /tmp/uses, each by processes of its own that execute nothing; prints who they were:
 *
 *   parent  P opened "log" to write, and did not; C, its child, did
 *   pipe    P made a pipe; A read "secret" and wrote into it, B read it and wrote "out"
 *   pair    the same through a socket pair: "secret2", "out2"
 *   splice  the same through a pipe by sendfile and splice, which copy nothing: "secret3", "out3"
 *   both    C opened "both" for both and read it, at an offset
 *   late    C read "late" a thousand times, and wrote it then
 *   turns   ten children, one after another, which write to "turns", opened before the first
 *   mapped  C wrote "mapped" through memory; and read "seen" so
 *   cut     C truncated "cut" by its name
 *   sent    P gave "given" to a connection to itself by sendfile, and read nothing of it
 */
#include "specimen.h"

#include <fcntl.h>
#include <netinet/in.h>
#include <stdbool.h>
#include <sys/mman.h>
#include <sys/sendfile.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/wait.h>

#define FOLDER "/tmp/uses/"
#define TURNS 10

static int opened(const char *name, int flags)
{
	char path[64];
	int fd;

	snprintf(path, sizeof(path), FOLDER "%s", name);
	fd = open(path, flags, 0600);
	if (fd < 0)
		fail(path);
	return fd;
}

static void fill(const char *name)
{
	static const char text[8192] = "what was there before";
	int fd = opened(name, O_WRONLY | O_CREAT);

	if (write(fd, text, sizeof(text)) != sizeof(text))
		fail(name);
	close(fd);
}

static pid_t begin(void)
{
	pid_t child;

	fflush(stdout);
	child = fork();
	if (child < 0)
		fail("fork");
	return child;
}

/* Whose calls they were is read while it is there. */
__attribute__((noreturn)) static void done(void)
{
	usleep(30000);
	_exit(0);
}

static void wait_for(pid_t child)
{
	int status;

	if (waitpid(child, &status, 0) != child || status)
		fail("a child");
}

static void put(int fd)
{
	if (write(fd, "x", 1) != 1)
		fail("write");
}

static void get(int fd)
{
	char c;

	if (read(fd, &c, 1) != 1)
		fail("read");
}

static void parent(void)
{
	int fd = opened("log", O_WRONLY | O_CREAT);
	pid_t child = begin();

	if (!child) {
		put(fd);
		done();
	}
	wait_for(child);
	printf("uses what=parent p=%d c=%d\n", getpid(), child);
}

static void give(const char *from, int to, bool splices)
{
	int fd = opened(from, O_RDONLY);

	if (splices && sendfile(to, fd, NULL, 1) != 1)
		fail("sendfile");
	if (!splices) {
		get(fd);
		put(to);
	}
	done();
}

static void take(int from, const char *to, bool splices)
{
	int fd = opened(to, O_WRONLY | O_CREAT);

	if (splices && splice(from, NULL, fd, NULL, 1, 0) != 1)
		fail("splice");
	if (!splices) {
		get(from);
		put(fd);
	}
	done();
}

static void through(const char *what, const int ends[2], const char *from, const char *to)
{
	bool splices = !strcmp(what, "splice");
	pid_t a = begin(), b;

	if (!a)
		give(from, ends[1], splices);
	b = begin();
	if (!b)
		take(ends[0], to, splices);
	wait_for(a);
	wait_for(b);
	printf("uses what=%s p=%d a=%d b=%d\n", what, getpid(), a, b);
}

static void both_and_late(void)
{
	pid_t both = begin(), late;
	char c;

	if (!both) {
		if (pread(opened("both", O_RDWR), &c, 1, 4097) != 1)
			fail("pread");
		done();
	}
	wait_for(both);
	late = begin();
	if (!late) {
		int fd = opened("late", O_RDWR);

		for (int i = 0; i < 1000; i++)
			get(fd);
		put(fd);
		done();
	}
	wait_for(late);
	printf("uses what=both c=%d\nuses what=late c=%d\n", both, late);
}

static void turns(void)
{
	int fd = opened("turns", O_WRONLY | O_CREAT);

	printf("uses what=turns p=%d c=", getpid());
	for (int i = 0; i < TURNS; i++) {
		pid_t child = begin();

		if (!child) {
			put(fd);
			done();
		}
		wait_for(child);
		printf("%s%d", i ? "," : "", child);
	}
	putchar('\n');
}

static void mapped(void)
{
	pid_t child = begin();

	if (!child) {
		char *a = mmap(NULL, 4096, PROT_READ | PROT_WRITE, MAP_SHARED,
			       opened("mapped", O_RDWR), 0);
		volatile char *b =
		    mmap(NULL, 4096, PROT_READ, MAP_PRIVATE, opened("seen", O_RDONLY), 0);

		if (a == MAP_FAILED || b == MAP_FAILED)
			fail("mmap");
		a[0] = b[0];
		done();
	}
	wait_for(child);
	printf("uses what=mapped c=%d\n", child);
	child = begin();
	if (!child) {
		if (truncate(FOLDER "cut", 10))
			fail("truncate");
		done();
	}
	wait_for(child);
	printf("uses what=cut c=%d\n", child);
}

static void sent(void)
{
	struct sockaddr_in at = {.sin_family = AF_INET,
				 .sin_port = htons(7777),
				 .sin_addr.s_addr = htonl(INADDR_LOOPBACK)};
	int listener = socket(AF_INET, SOCK_STREAM, 0), out = socket(AF_INET, SOCK_STREAM, 0), in;
	pid_t child;
	char c[64];

	if (bind(listener, (struct sockaddr *)&at, sizeof(at)) || listen(listener, 1))
		fail("listen");
	child = begin();
	if (!child) {
		if (connect(out, (struct sockaddr *)&at, sizeof(at)) ||
		    sendfile(out, opened("given", O_RDONLY), NULL, 64) != 64)
			fail("sendfile");
		done();
	}
	in = accept(listener, NULL, NULL);
	if (in < 0 || recv(in, c, sizeof(c), MSG_WAITALL) != sizeof(c))
		fail("accept");
	wait_for(child);
	printf("uses what=sent p=%d c=%d\n", getpid(), child);
}

int main(void)
{
	static const char *const files[] = {"secret", "secret2", "secret3", "both", "late",
					    "mapped", "seen",    "cut",     "given"};
	int pipes[2], pair[2];

	if (mkdir(FOLDER, 0700) && errno != EEXIST)
		fail(FOLDER);
	for (size_t i = 0; i < sizeof(files) / sizeof(files[0]); i++)
		fill(files[i]);
	parent();
	if (pipe(pipes) || socketpair(AF_UNIX, SOCK_STREAM, 0, pair))
		fail("pipe");
	through("pipe", pipes, "secret", "out");
	through("pair", pair, "secret2", "out2");
	through("splice", pipes, "secret3", "out3");
	both_and_late();
	turns();
	mapped();
	sent();
	fflush(stdout);
	usleep(100000);
	return 0;
}
