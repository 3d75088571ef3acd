// SPDX-License-Identifier: MIT
/*
 * The program is seized (ptrace(2), PTRACE_SEIZE), so that it can still be stopped and continued as
 * usual, and installs the filter itself just before exec. If this process dies, so does the
 * program: without a tracer, what the filter hands over would fail.
 *
 * A moment before a system call is taken where seccomp stopped it: the thread rings, and then makes
 * the system call again, which is let pass. A moment after one is taken at its exit.
 */
#include "trace.h"
#include "internal.h"

#include <errno.h>
#include <fcntl.h>
#include <linux/audit.h>
#include <linux/filter.h>
#include <linux/seccomp.h>
#include <signal.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/prctl.h>
#include <sys/ptrace.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#define OPTIONS                                                                                    \
	(PTRACE_O_EXITKILL | PTRACE_O_TRACECLONE | PTRACE_O_TRACEEXEC | PTRACE_O_TRACEFORK |       \
	 PTRACE_O_TRACEVFORK | PTRACE_O_TRACESECCOMP | PTRACE_O_TRACESYSGOOD)

struct process {
	pid_t pid;
	size_t threads;
	bool begun; /* has made its first exec: before that it is a copy of this program */
	struct remote_place place;
	uint64_t last[TRACE_MOMENTS]; /* nanoseconds; 0: never */
};

enum waiting { NOTHING, EXEC_EXIT, CODE_EXIT };

struct thread {
	pid_t tid;
	struct process *process;
	enum waiting waiting; /* for which exit of a system call */
	bool pass;            /* the system call that comes has been looked at */
};

struct trace {
	const struct trace_events *events;
	struct thread **threads;
	size_t count;
	pid_t first;
	int status;
	unsigned long skipped;
	uint64_t next_interval;
};

const char *trace_moment_name(enum trace_moment moment)
{
	static const char *const names[] = {"exec", "code", "connect", "listen", "exit"};

	return names[moment];
}

/* ---- the program's side ---- */

#define LOAD(field) BPF_STMT(BPF_LD | BPF_W | BPF_ABS, offsetof(struct seccomp_data, field))
#define JUMP_IF(value, yes, no) BPF_JUMP(BPF_JMP | BPF_JEQ | BPF_K, value, yes, no)

/* Little endian: the low half of an argument comes first. PROT_EXEC lies in it. */
static int install_filter(void)
{
	struct sock_filter code[] = {
	    LOAD(arch),
	    JUMP_IF(AUDIT_ARCH_X86_64, 0, 12),
	    LOAD(nr),
	    JUMP_IF(SYS_connect, 9, 0),
	    JUMP_IF(SYS_listen, 8, 0),
	    JUMP_IF(SYS_exit_group, 7, 0),
	    JUMP_IF(SYS_exit, 6, 0),
	    JUMP_IF(SYS_mmap, 2, 0),
	    JUMP_IF(SYS_mprotect, 1, 0),
	    JUMP_IF(SYS_pkey_mprotect, 0, 4),
	    LOAD(args[2]),
	    BPF_STMT(BPF_ALU | BPF_AND | BPF_K, PROT_EXEC),
	    JUMP_IF(PROT_EXEC, 0, 1),
	    BPF_STMT(BPF_RET | BPF_K, SECCOMP_RET_TRACE),
	    BPF_STMT(BPF_RET | BPF_K, SECCOMP_RET_ALLOW),
	};
	struct sock_fprog program = {sizeof(code) / sizeof(code[0]), code};

	/* Only root may filter without giving up what set-user-ID programs would grant; those do
	 * not get it under a tracer anyway. */
	if (prctl(PR_SET_SECCOMP, SECCOMP_MODE_FILTER, &program) &&
	    (prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0) ||
	     prctl(PR_SET_SECCOMP, SECCOMP_MODE_FILTER, &program)))
		return -errno;
	return 0;
}

/* After fork: wait until it is traced, then become the program. Says why not on fd. */
static _Noreturn void become(char **argv, int go, int fd)
{
	int error;
	char byte;

	if (read(go, &byte, 1) != 1)
		_exit(126);
	error = -install_filter();
	if (!error) {
		execvp(argv[0], argv);
		error = errno;
	}
	_exit(write(fd, &error, sizeof(error)) == sizeof(error) ? 127 : 126);
}

/* ---- bookkeeping ---- */

static pid_t process_of(pid_t tid)
{
	char name[64], line[128];
	pid_t pid = tid;
	FILE *f;
	int n;

	snprintf(name, sizeof(name), "/proc/%d/status", (int)tid);
	f = fopen(name, "re");
	while (f && fgets(line, sizeof(line), f))
		if (sscanf(line, "Tgid: %d", &n) == 1)
			pid = n;
	if (f)
		fclose(f);
	return pid;
}

static struct thread *find(const struct trace *t, pid_t tid)
{
	for (size_t i = 0; i < t->count; i++)
		if (t->threads[i]->tid == tid)
			return t->threads[i];
	return NULL;
}

static struct process *find_process(const struct trace *t, pid_t pid)
{
	for (size_t i = 0; i < t->count; i++)
		if (t->threads[i]->process->pid == pid)
			return t->threads[i]->process;
	return NULL;
}

/* A thread that is new; NULL: no memory. */
static struct thread *add(struct trace *t, pid_t tid)
{
	pid_t pid = process_of(tid);
	struct process *process = find_process(t, pid);
	struct thread **more = reallocarray(t->threads, t->count + 1, sizeof(struct thread *));
	struct thread *thread = calloc(1, sizeof(*thread));

	if (more)
		t->threads = more;
	if (!process)
		process = calloc(1, sizeof(*process));
	if (!more || !thread || !process) {
		free(thread);
		return NULL; /* what process may be lost here is that of a machine without memory */
	}
	process->pid = pid;
	process->threads++;
	thread->tid = tid;
	thread->process = process;
	t->threads[t->count++] = thread;
	return thread;
}

static void drop(struct trace *t, struct thread *thread)
{
	if (!--thread->process->threads)
		free(thread->process);
	for (size_t i = 0; i < t->count; i++) {
		if (t->threads[i] == thread) {
			t->threads[i] = t->threads[--t->count];
			break;
		}
	}
	free(thread);
}

/* ---- moments ---- */

static void go_on(const struct thread *thread, int signal)
{
	ptrace(PTRACE_CONT, thread->tid, NULL, (void *)(intptr_t)signal);
}

/* Go on after it was used. A SIGSTOP that came meanwhile was passed over. */
static void go_on_after(const struct thread *thread, const struct remote *r)
{
	if (r->stopped)
		syscall(SYS_tgkill, thread->process->pid, thread->tid, SIGSTOP);
	go_on(thread, 0);
}

static bool is_too_soon(struct trace *t, struct process *p, enum trace_moment moment)
{
	uint64_t now = tocsin_now_ns(), *last = &p->last[moment];

	if (*last && moment != TRACE_EXEC && moment != TRACE_EXIT &&
	    now - *last < t->events->pause_ms * 1000000ull) {
		t->skipped++;
		return true;
	}
	*last = now;
	return false;
}

static void tell(struct trace *t, struct thread *thread, enum trace_moment moment, struct remote *r,
		 const struct user_regs_struct *regs)
{
	struct trace_stop stop = {
	    .moment = moment,
	    .pid = thread->process->pid,
	    .remote = r,
	    .place = thread->process->place.code ? &thread->process->place : NULL,
	    .regs = regs,
	};

	t->events->moment(&stop, t->events->context);
}

/* Is what is about to be mapped executable worth a look? Files that are still there are not. */
static bool is_fileless(pid_t pid, const struct user_regs_struct *regs)
{
	char name[64], link[256];
	ssize_t n;

	if (regs->orig_rax != SYS_mmap || (regs->r10 & MAP_ANONYMOUS))
		return true;
	snprintf(name, sizeof(name), "/proc/%d/fd/%d", (int)pid, (int)regs->r8);
	n = readlink(name, link, sizeof(link) - 1);
	if (n < 0)
		return true;
	link[n] = '\0';
	return !strncmp(link, "/memfd:", 7) || strstr(link, " (deleted)") ||
	       !strncmp(link, "/tmp/", 5) || !strncmp(link, "/dev/shm/", 9);
}

/* Ring before the system call at which seccomp stopped it, which is then made again. */
static void before(struct trace *t, struct thread *thread, enum trace_moment moment,
		   struct user_regs_struct *regs)
{
	struct remote r = {.tid = thread->tid};

	if (is_too_soon(t, thread->process, moment)) {
		go_on(thread, 0);
		return;
	}
	regs->rip -= 2; /* SYSCALL */
	regs->rax = regs->orig_rax;
	/* Where nothing could be placed it is not touched: the system call goes on as it is. */
	thread->pass = thread->process->place.code;
	tell(t, thread, moment, &r, regs);
	go_on_after(thread, &r);
}

static void on_seccomp(struct trace *t, struct thread *thread)
{
	struct user_regs_struct regs;

	if (thread->pass || !thread->process->begun ||
	    ptrace(PTRACE_GETREGS, thread->tid, NULL, &regs)) {
		thread->pass = false;
		go_on(thread, 0);
		return;
	}
	switch (regs.orig_rax) {
	case SYS_connect:
		before(t, thread, TRACE_CONNECT, &regs);
		return;
	case SYS_listen:
		before(t, thread, TRACE_LISTEN, &regs);
		return;
	case SYS_exit_group:
		before(t, thread, TRACE_EXIT, &regs);
		return;
	case SYS_exit:
		if (thread->process->threads == 1)
			before(t, thread, TRACE_EXIT, &regs);
		else
			go_on(thread, 0);
		return;
	default:
		if (!is_fileless(thread->process->pid, &regs)) {
			go_on(thread, 0);
			return;
		}
		thread->waiting = CODE_EXIT;
		ptrace(PTRACE_SYSCALL, thread->tid, NULL, NULL);
	}
}

static void on_exit_of_call(struct trace *t, struct thread *thread)
{
	enum waiting waiting = thread->waiting;
	struct remote r = {.tid = thread->tid};
	struct user_regs_struct regs;

	thread->waiting = NOTHING;
	if (waiting == EXEC_EXIT)
		remote_place(&r, &thread->process->place);
	if (waiting != NOTHING && !ptrace(PTRACE_GETREGS, thread->tid, NULL, &regs)) {
		if (waiting == EXEC_EXIT)
			tell(t, thread, TRACE_EXEC, &r, &regs);
		else if ((int64_t)regs.rax >= 0 && !is_too_soon(t, thread->process, TRACE_CODE))
			tell(t, thread, TRACE_CODE, &r, &regs);
	}
	go_on_after(thread, &r);
}

/* Another process or thread, which has what this one has. */
static void on_new(struct trace *t, struct thread *thread)
{
	struct process *parent = thread->process;
	unsigned long tid;
	struct thread *other;

	if (!ptrace(PTRACE_GETEVENTMSG, thread->tid, NULL, &tid)) {
		other = find(t, (pid_t)tid);
		if (!other)
			other = add(t, (pid_t)tid);
		if (other && !other->process->begun) {
			other->process->begun = parent->begun;
			other->process->place = parent->place;
		}
	}
	go_on(thread, 0);
}

/* The other threads are gone, and this one has the leader's number. */
static void on_exec(struct trace *t, struct thread *thread)
{
	for (size_t i = t->count; i--;) { /* backwards: drop moves the last one */
		struct thread *other = t->threads[i];

		if (other != thread && other->process == thread->process)
			drop(t, other);
	}
	thread->process->begun = true;
	memset(&thread->process->place, 0, sizeof(thread->process->place));
	thread->pass = false;
	thread->waiting = EXEC_EXIT;
	ptrace(PTRACE_SYSCALL, thread->tid, NULL, NULL);
}

static void on_stop(struct trace *t, struct thread *thread, int status)
{
	int event = status >> 16, signal = WSTOPSIG(status);

	switch (event) {
	case PTRACE_EVENT_EXEC:
		on_exec(t, thread);
		return;
	case PTRACE_EVENT_SECCOMP:
		on_seccomp(t, thread);
		return;
	case PTRACE_EVENT_FORK:
	case PTRACE_EVENT_VFORK:
	case PTRACE_EVENT_CLONE:
		on_new(t, thread);
		return;
	case PTRACE_EVENT_STOP:
		if (signal == SIGTRAP) /* it has just begun */
			go_on(thread, 0);
		else /* it stays stopped until it is continued */
			ptrace(PTRACE_LISTEN, thread->tid, NULL, NULL);
		return;
	}
	if (event)
		go_on(thread, 0);
	else if (signal == (SIGTRAP | 0x80))
		on_exit_of_call(t, thread);
	else
		go_on(thread, signal);
}

static void on_status(struct trace *t, pid_t tid, int status)
{
	struct thread *thread = find(t, tid);

	if (WIFSTOPPED(status)) {
		if (!thread)
			thread = add(t, tid);
		if (thread)
			on_stop(t, thread, status);
		else
			ptrace(PTRACE_CONT, tid, NULL, NULL);
		return;
	}
	if (tid == t->first)
		t->status = status;
	if (thread)
		drop(t, thread);
}

/* ---- the loop ---- */

/* Until something happened, or the next interval. */
static void wait_for_news(struct trace *t, const sigset_t *chld)
{
	uint64_t now = tocsin_now_ns();
	struct timespec left;

	if (now >= t->next_interval) {
		if (find(t, t->first))
			t->events->interval(t->first, t->events->context);
		t->next_interval = tocsin_now_ns() + t->events->interval_s * 1000000000ull;
		return;
	}
	now = t->next_interval - now;
	left.tv_sec = (time_t)(now / 1000000000u);
	left.tv_nsec = (long)(now % 1000000000u);
	sigtimedwait(chld, NULL, &left);
}

static void watch(struct trace *t)
{
	sigset_t chld;
	int status;
	pid_t tid;

	sigemptyset(&chld);
	sigaddset(&chld, SIGCHLD);
	sigprocmask(SIG_BLOCK, &chld, NULL);
	/* Ctrl-C ends the program, and this one reports how it ended. */
	signal(SIGINT, SIG_IGN);
	signal(SIGQUIT, SIG_IGN);
	t->next_interval = tocsin_now_ns() + t->events->interval_s * 1000000000ull;
	while (t->count) {
		tid = waitpid(-1, &status, __WALL | WNOHANG);
		if (tid > 0)
			on_status(t, tid, status);
		else if (tid < 0 && errno == ECHILD)
			break;
		else if (!tid)
			wait_for_news(t, &chld);
	}
	while (t->count)
		drop(t, t->threads[0]);
	free(t->threads);
}

/* Fork, seize, let go. The error of exec comes through the pipe later. */
static int start(struct trace *t, char **argv, int *ret)
{
	int go[2], said[2];
	pid_t pid;

	if (pipe2(go, O_CLOEXEC))
		return -errno;
	if (pipe2(said, O_CLOEXEC)) {
		close(go[0]);
		close(go[1]);
		return -errno;
	}
	pid = fork();
	if (!pid) {
		close(go[1]);
		become(argv, go[0], said[1]);
	}
	close(go[0]);
	close(said[1]);
	if (pid > 0) {
		t->first = pid;
		if (ptrace(PTRACE_SEIZE, pid, NULL, OPTIONS) || !add(t, pid) ||
		    write(go[1], "", 1) != 1) {
			int error = errno;

			kill(pid, SIGKILL);
			waitpid(pid, NULL, __WALL);
			pid = -error;
		}
	} else {
		pid = -errno;
	}
	close(go[1]);
	if (pid < 0)
		close(said[0]);
	else
		*ret = said[0];
	return pid < 0 ? (int)pid : 0;
}

int trace_run(char **argv, const struct trace_events *events, unsigned long *skipped)
{
	struct trace t = {.events = events};
	int said = -1, error = 0, rc = start(&t, argv, &said);

	if (rc)
		return rc;
	watch(&t);
	if (read(said, &error, sizeof(error)) != sizeof(error))
		error = 0;
	close(said);
	*skipped = t.skipped;
	if (error)
		return -error;
	events->end(t.first, t.status, events->context);
	return 0;
}
