// SPDX-License-Identifier: MIT
/* Does what run looks for, in ways in which it could go wrong, and checks that nothing went wrong.
 */
#include <errno.h>
#include <netinet/in.h>
#include <pthread.h>
#include <signal.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/socket.h>
#include <sys/syscall.h>
#include <sys/time.h>
#include <sys/wait.h>
#include <unistd.h>

static volatile sig_atomic_t ticks;
static volatile int stop;

static void need(int good, const char *what)
{
	if (good)
		return;
	perror(what);
	exit(1);
}

static void on_tick(int signal)
{
	ticks++;
}

/* Registers and the red zone must survive every moment. */
static void *spin(void *unused)
{
	uint64_t sum = 1, check = 1;

	while (!stop) {
		for (int i = 0; i < 1000; i++)
			sum = sum * 6364136223846793005u + 1;
		for (int i = 0; i < 1000; i++)
			check = check * 6364136223846793005u + 1;
		need(sum == check, "arithmetic");
	}
	return NULL;
}

static void make_code(void)
{
	static const uint8_t code[] = {0xb8, 42, 0, 0, 0, 0xc3}; /* mov $42, %eax; ret */
	uint8_t *at = mmap(NULL, 4096, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);

	need(at != MAP_FAILED, "mmap");
	memcpy(at, code, sizeof(code));
	need(!mprotect(at, 4096, PROT_READ | PROT_EXEC), "mprotect");
	need(((int (*)(void))(uintptr_t)at)() == 42, "code");
	munmap(at, 4096);
	/* One that fails stays a failure. */
	need(mprotect((void *)16, 1, PROT_EXEC) == -1 && errno == EINVAL, "mprotect of nothing");
}

static void converse(void)
{
	struct sockaddr_in at = {.sin_family = AF_INET, .sin_addr.s_addr = htonl(INADDR_LOOPBACK)};
	int a = socket(AF_INET, SOCK_STREAM, 0), b = socket(AF_INET, SOCK_STREAM, 0), c;
	socklen_t size = sizeof(at);

	need(!bind(a, (void *)&at, sizeof(at)), "bind");
	need(!listen(a, 1), "listen");
	need(!getsockname(a, (void *)&at, &size), "name");
	need(!connect(b, (void *)&at, sizeof(at)), "connect");
	c = accept(a, NULL, NULL);
	need(c >= 0 && write(b, "x", 1) == 1, "accept");
	close(a);
	close(b);
	close(c);
	/* The error must come through. */
	b = socket(AF_INET, SOCK_STREAM, 0);
	need(connect(b, (void *)&at, sizeof(at)) == -1 && errno == ECONNREFUSED, "refused");
	close(b);
}

int main(int argc, char **argv)
{
	struct itimerval often = {{0, 2000}, {0, 2000}};
	pthread_t threads[2];
	int status;
	pid_t pid;

	if (argc > 1 && !strcmp(argv[1], "calls")) { /* how long do system calls take? */
		for (long i = 0; i < 1000000; i++)
			syscall(SYS_getppid);
		return 0;
	}
	if (argc > 1 && !strcmp(argv[1], "work")) {
		volatile uint64_t sum = 0;

		for (uint64_t i = 0; i < 2000000000; i++)
			sum += i;
		return 0;
	}
	signal(SIGALRM, on_tick);
	setitimer(ITIMER_REAL, &often, NULL);
	for (int i = 0; i < 2; i++)
		need(!pthread_create(&threads[i], NULL, spin, NULL), "thread");
	make_code();
	converse();
	pid = fork();
	if (!pid) {
		usleep(600000); /* moments of one kind too soon after another are left out */
		make_code();
		_exit(7);
	}
	while (waitpid(pid, &status, 0) < 0)
		need(errno == EINTR, "wait");
	need(WIFEXITED(status) && WEXITSTATUS(status) == 7, "child");
	pid = vfork();
	if (!pid) {
		execl("/bin/true", "true", NULL);
		_exit(1);
	}
	while (waitpid(pid, &status, 0) < 0)
		need(errno == EINTR, "wait");
	need(!status, "program in a child");
	stop = 1;
	for (int i = 0; i < 2; i++)
		pthread_join(threads[i], NULL);
	need(ticks > 50, "signals");
	raise(SIGUSR1);
	return 3;
}
