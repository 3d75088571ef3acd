/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Scanners over made-up mappings. The process's memory is one array here: this program defines
 * the two functions of introspect/ that scanners read with.
 */
#include "made_up.h"

#include <tocsin/request.h>

#include <errno.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/syscall.h>
#include <time.h>
#include <unistd.h>

#include <cmocka.h>

uint8_t ram[PAGES * TOCSIN_PAGE_SIZE];
bool absent[PAGES];
static int walk_error, changes_after_read;
static time_t clock_leaps; /* seconds that pass from one look at the clock to the next */
bool halves, mapped;
struct tocsin_vma rows[3];
static struct tocsin_vma_list vmas;
static struct tocsin_process process;
static struct tocsin_process_details details;
static struct tocsin_file sockets[4];
static struct tocsin_file_list files;
static uint8_t original[TOCSIN_PAGE_SIZE]; /* at sizeof(ram) and on */
static struct tocsin_copy copy_rows[2];
static struct tocsin_copy_list copies;
struct tocsin_findings findings;
struct tocsin_scan_target target;

/* libyara's clock too. */
int clock_gettime(clockid_t which, struct timespec *ret)
{
	static time_t ahead;
	int rc = (int)syscall(SYS_clock_gettime, which, ret);

	ret->tv_sec += __atomic_add_fetch(&ahead, clock_leaps, __ATOMIC_RELAXED);
	return rc;
}

int tocsin_process_walk(struct tocsin_kernel *k, const struct tocsin_process *p, uint64_t va,
			struct tocsin_mapping *ret)
{
	uint64_t page = (va - BASE) / TOCSIN_PAGE_SIZE;

	if (walk_error)
		return walk_error;
	if (va < BASE || page >= PAGES || absent[page])
		return -EFAULT;
	*ret = (struct tocsin_mapping){.gpa = va - BASE, .page_size = TOCSIN_PAGE_SIZE};
	if (halves) /* the second half of the memory lies before the first */
		ret->gpa = (ret->gpa + sizeof(ram) / 2) % sizeof(ram);
	return 0;
}

int tocsin_process_read(struct tocsin_kernel *k, const struct tocsin_process *p, uint64_t va,
			void *buf, size_t size, size_t *done)
{
	struct tocsin_mapping map;

	if (va < BASE || va - BASE > sizeof(ram) - size || tocsin_process_walk(k, p, va, &map))
		return -EFAULT;
	for (size_t i = 0; i < size; i++)
		((uint8_t *)buf)[i] =
		    ram[(va - BASE + i + (halves ? sizeof(ram) / 2 : 0)) % sizeof(ram)];
	if (changes_after_read)
		memset(ram + (va - BASE), 0, size);
	return 0;
}

struct tocsin_memory *tocsin_kernel_memory(struct tocsin_kernel *k)
{
	return NULL;
}

int tocsin_memory_read(struct tocsin_memory *m, uint64_t gpa, void *buf, size_t size)
{
	memcpy(buf, gpa < sizeof(ram) ? ram + gpa : original + (gpa - sizeof(ram)), size);
	if (changes_after_read && gpa < sizeof(ram))
		memset(ram + gpa, 0, size);
	return 0;
}

const uint8_t *tocsin_memory_map(struct tocsin_memory *m, uint64_t gpa, uint64_t *size)
{
	*size = gpa < sizeof(ram) ? sizeof(ram) - gpa : 0;
	return mapped && *size ? ram + gpa : NULL;
}

int tocsin_copy_list(struct tocsin_kernel *k, const struct tocsin_process *p,
		     const struct tocsin_vma *v, struct tocsin_copy_list *ret,
		     struct tocsin_error *err)
{
	*ret = v == &rows[0] ? copies : (struct tocsin_copy_list){0};
	return 0;
}

void tocsin_copy_list_free(struct tocsin_copy_list *list)
{
}

const char *tocsin_socket_kind(const struct tocsin_socket *s)
{
	return "tcp";
}

static int setup(void **state)
{
	memset(&details, 0, sizeof(details));
	memset(&files, 0, sizeof(files));
	memset(&copies, 0, sizeof(copies));
	memset(ram, 0, sizeof(ram));
	memset(absent, 0, sizeof(absent));
	memset(rows, 0, sizeof(rows));
	memset(&process, 0, sizeof(process));
	memset(&findings, 0, sizeof(findings));
	walk_error = changes_after_read = 0;
	clock_leaps = 0;
	halves = mapped = false;
	rows[0] =
	    (struct tocsin_vma){.start = BASE, .end = BASE + sizeof(ram), .read = true, .path = ""};
	vmas = (struct tocsin_vma_list){.rows = rows, .count = 1};
	target = (struct tocsin_scan_target){
	    .process = &process, .vmas = &vmas, .details = &details, .files = &files};
	return 0;
}

void scan(void)
{
	assert_int_equal(tocsin_scan(&target, &findings), 0);
}

static void expect_one(const char *rule, enum tocsin_severity severity)
{
	scan();
	assert_int_equal(findings.count, 1);
	assert_string_equal(findings.rows[0].rule, rule);
	assert_int_equal(findings.rows[0].severity, severity);
	assert_string_equal(findings.unreadable, "");
	memset(&findings, 0, sizeof(findings));
}

static void jit(const char *path)
{
	rows[1] =
	    (struct tocsin_vma){.exec = true, .has_file = true, .path = path, .file.inode = 5};
	vmas.count = 2;
}

static void data_is_nothing(void **state)
{
	rows[0].write = true;
	scan();
	assert_int_equal(findings.count, 0);
	assert_string_equal(findings.unreadable, "");
}

static void writable_executable(void **state)
{
	rows[0].write = rows[0].exec = true;
	memset(ram, 0x90, 64);
	scan();
	assert_int_equal(findings.rows[0].start, BASE);
	assert_int_equal(findings.rows[0].end, BASE + sizeof(ram));
	assert_int_equal(findings.rows[0].evidence_size, TOCSIN_EVIDENCE_SIZE);
	assert_memory_equal(findings.rows[0].evidence, ram, TOCSIN_EVIDENCE_SIZE);
	assert_string_equal(findings.rows[0].code, "nop; nop; nop; nop; nop");
	memset(&findings, 0, sizeof(findings));
	expect_one("memory.writable-executable", TOCSIN_SEVERITY_HIGH);
	jit("/usr/lib/jvm/lib/server/libjvm.so");
	expect_one("memory.writable-executable", TOCSIN_SEVERITY_LOW);
	jit("/home/u/libjvm.so"); /* anybody's file */
	expect_one("memory.writable-executable", TOCSIN_SEVERITY_HIGH);
	jit("/usr/../tmp/libjvm.so");
	expect_one("memory.writable-executable", TOCSIN_SEVERITY_HIGH);
}

static void anonymous_executable(void **state)
{
	rows[0].exec = true;
	expect_one("memory.anonymous-executable", TOCSIN_SEVERITY_MEDIUM);
	jit("/usr/bin/node");
	expect_one("memory.anonymous-executable", TOCSIN_SEVERITY_INFO);
	vmas.count = 1;
	rows[0].special = true; /* the vdso */
	scan();
	assert_int_equal(findings.count, 0);
}

static void torn_mapping_is_no_finding_and_not_clean(void **state)
{
	struct tocsin_verdict v;

	rows[0].write = rows[0].exec = true;
	rows[0].confidence = TOCSIN_TORN;
	vmas.torn = 1;
	scan();
	assert_int_equal(findings.count, 0);
	tocsin_verdict_decide(&findings, &v);
	assert_int_equal(v.verdict, TOCSIN_VERDICT_INCONCLUSIVE);
}

static void program_without_file(void **state)
{
	process.exe_id.deleted = true;
	expect_one("executable.deleted", TOCSIN_SEVERITY_MEDIUM);
	process.exe_id.memfd = true;
	expect_one("executable.memfd", TOCSIN_SEVERITY_HIGH);
}

static void code_without_file(void **state)
{
	rows[0].exec = rows[0].has_file = true;
	rows[0].path = "/memfd:x";
	rows[0].file = (struct tocsin_file_id){.inode = 9, .deleted = true};
	expect_one("executable.deleted-code", TOCSIN_SEVERITY_LOW);
	rows[0].file.memfd = true;
	expect_one("executable.memfd-code", TOCSIN_SEVERITY_HIGH);
}

static void one_rule_of(const char *rule)
{
	size_t n = 0;

	scan();
	for (size_t i = 0; i < findings.count; i++)
		n += !strcmp(findings.rows[i].rule, rule);
	if (n != 1)
		fail_msg("%s was found %zu times", rule, n);
	assert_string_equal(findings.unreadable, "");
	memset(&findings, 0, sizeof(findings));
}

static void nothing(void)
{
	scan();
	assert_int_equal(findings.count, 0);
	assert_string_equal(findings.unreadable, "");
}

static void program(const char *exe, const char *argument)
{
	process.mm = 1;
	snprintf(process.exe, sizeof(process.exe), "%s", exe);
	process.cmdline_size = strlen(argument) + 1;
	memcpy(process.cmdline, argument, process.cmdline_size);
	process.exe_id.inode = 7;
	rows[2] = (struct tocsin_vma){.exec = true, .has_file = true, .path = exe, .file.inode = 7};
	rows[1] = rows[2];
	vmas.count = 2;
}

static void names_that_lie(void **state)
{
	program("/usr/bin/sleep", "sleep");
	strcpy(process.comm, "sleep");
	nothing();
	strcpy(process.comm, "kworker/0:1");
	expect_one("process.kernel-thread-name", TOCSIN_SEVERITY_HIGH);
	process.mm = 0; /* it is one */
	nothing();
	program("/usr/bin/sleep", "[kworker/0:1]");
	strcpy(process.comm, "sleep");
	expect_one("process.kernel-thread-name", TOCSIN_SEVERITY_HIGH);
	program("/usr/bin/rcu_test", "rcu_test");
	strcpy(process.comm, "rcu_test");
	nothing();
	strcpy(process.comm, "x");
	program("/home/u/x", "/usr/sbin/sshd");
	expect_one("process.spoofed-name", TOCSIN_SEVERITY_HIGH);
	program("/usr/bin/dash", "/bin/sh");
	nothing();
}

static void hidden_and_traced(void **state)
{
	details.tracer = 5;
	expect_one("process.traced", TOCSIN_SEVERITY_LOW);
	details.confidence = TOCSIN_TORN;
	nothing();
	process.confidence = TOCSIN_CONTRADICTED;
	expect_one("process.hidden", TOCSIN_SEVERITY_CRITICAL);
}

static void rights(void **state)
{
	struct tocsin_process parent = {.mm = 1, .uid = 8, .euid = 8, .user_ns_initial = true};

	process.mm = 1;
	process.user_ns_initial = true;
	process.uid = process.euid = 1000;
	details.account_uid = 1000;
	process.cap_effective = 1; /* CAP_CHOWN */
	nothing();
	process.cap_effective = 1ull << 16 | 1ull << 19;
	scan();
	assert_int_equal(findings.count, 1);
	assert_string_equal(findings.rows[0].rule, "capabilities.dangerous");
	assert_string_equal(findings.rows[0].what, "user 1000 has CAP_SYS_MODULE CAP_SYS_PTRACE");
	assert_string_equal(findings.rows[0].technique, "T1548");
	memset(&findings, 0, sizeof(findings));
	process.cap_effective = 0;
	process.uid = process.euid = 0;
	expect_one("credentials.forged", TOCSIN_SEVERITY_CRITICAL);
	details.account_uid = 0;
	target.cred_sharer = -1;
	expect_one("credentials.shared", TOCSIN_SEVERITY_CRITICAL);
	target.cred_sharer = 0;
	program("/usr/bin/x", "x");
	target.parent = &parent;
	expect_one("credentials.raised", TOCSIN_SEVERITY_MEDIUM);
	process.exe_mode = 04755;
	nothing();
}

static void environment(void **state)
{
	static char text[] = "A=1\0LD_PRELOAD=/usr/lib/a.so:libb.so\0";

	details.environment = text;
	details.environment_size = sizeof(text) - 1;
	expect_one("environment.preload-installed", TOCSIN_SEVERITY_LOW);
	memcpy(strstr(text + 4, "/usr"), "/tmp", 4);
	expect_one("environment.preload", TOCSIN_SEVERITY_HIGH);
	memcpy(text + 4, "XX", 2);
	nothing();
}

static void sockets_of_shells(void **state)
{
	program("/usr/bin/dash", "sh");
	for (int i = 0; i < 3; i++)
		sockets[i] = (struct tocsin_file){
		    .fd = i,
		    .is_socket = true,
		    .socket = {.sock = 77, .family = 2, .type = 1, .state = 1}};
	files = (struct tocsin_file_list){.rows = sockets, .count = 3};
	expect_one("network.shell-on-socket", TOCSIN_SEVERITY_CRITICAL);
	sockets[1].socket.sock = 78;
	nothing();
	sockets[1].socket.sock = 77;
	sockets[0].confidence = TOCSIN_TORN;
	nothing();
	sockets[0].confidence = TOCSIN_CONSISTENT;
	program("/usr/sbin/daemon", "daemon");
	expect_one("network.stdio-on-socket", TOCSIN_SEVERITY_LOW);
	sockets[0].socket.family = 17;
	expect_one("network.packet-socket", TOCSIN_SEVERITY_MEDIUM);
	process.exe_id.memfd = true;
	rows[1].file.memfd = true;
	files.count = 1;
	one_rule_of("network.fileless-program");
}

static void program_that_is_not_there(void **state)
{
	program("/usr/bin/x", "x");
	nothing();
	rows[1].path = "/below/x"; /* overlayfs */
	rows[1].file.inode = 8;
	nothing();
	rows[1].path = "/usr/bin/y";
	expect_one("executable.not-mapped", TOCSIN_SEVERITY_CRITICAL);
	program("/tmp/x", "x");
	expect_one("executable.temporary-place", TOCSIN_SEVERITY_MEDIUM);
}

static void changed_code(void **state)
{
	rows[0].exec = rows[0].has_file = true;
	rows[0].path = "/usr/bin/x";
	copies = (struct tocsin_copy_list){.rows = copy_rows, .count = 1};
	copy_rows[0] = (struct tocsin_copy){BASE, 0, sizeof(ram)};
	memset(original, 0, sizeof(original));
	nothing();
	ram[100] = 0xcc;
	expect_one("executable.breakpoint", TOCSIN_SEVERITY_MEDIUM);
	ram[101] = 0xcc;
	scan();
	assert_int_equal(findings.count, 1);
	assert_string_equal(findings.rows[0].rule, "executable.modified");
	assert_int_equal(findings.rows[0].start, BASE + 100);
	assert_int_equal(findings.rows[0].evidence[0], 0xcc);
	assert_string_equal(findings.rows[0].what,
			    "2 bytes in 1 places of a page are not as in /usr/bin/x");
}

static void library_of_32_bits_without_a_file(void **state)
{
	static const uint32_t dynamic[] = {5, 0x2a4, 6, 0x1f4, 10, 99, 11, 16, 4, 0x154, 0, 0};
	/* offset, address, the same, in the file, in memory, flags, aligned to */
	static const uint32_t header[] = {1, 0, 0, 0, 9, 9, 5, 0x1000};
	uint8_t *page = ram + 3 * TOCSIN_PAGE_SIZE;

	rows[0].end = BASE + TOCSIN_PAGE_SIZE;
	rows[1] = (struct tocsin_vma){
	    .start = rows[0].end, .end = BASE + 4 * TOCSIN_PAGE_SIZE, .exec = true, .path = ""};
	vmas.count = 2;
	memcpy(page + 164, dynamic, sizeof(dynamic));
	one_rule_of("memory.headless-elf");
	memset(page + 164, 0, sizeof(dynamic));
	memcpy(page + 160, dynamic, sizeof(dynamic));
	one_rule_of("memory.headless-elf");
	memset(page + 160 + 4 * 8, 0, 8); /* it ends before the hash table */
	expect_one("memory.anonymous-executable", TOCSIN_SEVERITY_MEDIUM);
	memcpy(ram + 52, header, sizeof(header));
	memcpy(ram + 84, header, sizeof(header));
	one_rule_of("memory.headless-elf");
	ram[84 + 28] = 1; /* not aligned to pages */
	expect_one("memory.anonymous-executable", TOCSIN_SEVERITY_MEDIUM);
}

static void library_without_a_file(void **state)
{
	static const uint64_t dynamic[] = {5, 0x1000, 6, 0x2000, 10, 99, 11, 24, 0, 0};
	static const uint32_t header[] = {1, 5, 0, 0, 0, 0, 0, 0, 9, 0, 9, 0, 0x1000, 0};

	rows[0].end = BASE + TOCSIN_PAGE_SIZE;
	rows[1] = (struct tocsin_vma){
	    .start = rows[0].end, .end = BASE + 4 * TOCSIN_PAGE_SIZE, .exec = true, .path = ""};
	vmas.count = 2;
	expect_one("memory.anonymous-executable", TOCSIN_SEVERITY_MEDIUM);
	memcpy(ram + 3 * TOCSIN_PAGE_SIZE + 160, dynamic, sizeof(dynamic));
	one_rule_of("memory.headless-elf");
	memset(ram + 3 * TOCSIN_PAGE_SIZE + 160, 0, sizeof(dynamic));
	memcpy(ram + 3 * TOCSIN_PAGE_SIZE + 168, dynamic, sizeof(dynamic));
	one_rule_of("memory.headless-elf");
	ram[3 * TOCSIN_PAGE_SIZE + 168 + 56] = 25; /* no size of a symbol */
	expect_one("memory.anonymous-executable", TOCSIN_SEVERITY_MEDIUM);
	memcpy(ram + 64, header, sizeof(header));
	memcpy(ram + 120, header, sizeof(header));
	one_rule_of("memory.headless-elf");
	memcpy(ram, "\177ELF\2\1\1", 7);
	one_rule_of("memory.injected-elf");
	rows[1].start += TOCSIN_PAGE_SIZE; /* they do not touch */
	expect_one("memory.anonymous-executable", TOCSIN_SEVERITY_MEDIUM);
}

static void every_rule_is_whole(void **state)
{
	for (const struct tocsin_scan_rule *r = tocsin_scan_rules; r->name; r++) {
		const struct tocsin_scanner *s = tocsin_scanners;

		while (s->name && (strncmp(r->name, s->name, strlen(s->name)) ||
				   r->name[strlen(s->name)] != '.'))
			s++;
		if (!s->name && strncmp(r->name, "kernel.", 7))
			fail_msg("%s is of no scanner", r->name);
		assert_true(strlen(r->name) < sizeof(findings.rows[0].rule));
		assert_true(strlen(r->why) < sizeof(findings.rows[0].why));
		assert_int_equal(r->technique[0], 'T');
		assert_true(!r[1].name || strcmp(r->name, r[1].name) < 0);
	}
}

/* ---- rules ---- */

#define MARKER "TOCSIN-TRIAL-STRING!THIS-STANDS-FOR-MALWARE!8d1f6c"

static struct tocsin_rules *rules;

static int load(void **state)
{
	const char *const directories[] = {getenv("TOCSIN_RULES"), NULL};
	struct tocsin_error err = {0};

	return tocsin_rules_load(directories, NULL, NULL, &rules, &err);
}

static int unload(void **state)
{
	tocsin_rules_free(rules);
	return 0;
}

static int setup_rules(void **state)
{
	setup(state);
	target.rules = rules;
	return 0;
}

static void shipped_rules_load(void **state)
{
	assert_int_equal(tocsin_rules_count(rules), 4);
}

static void nothing_matches_zeroes(void **state)
{
	scan();
	assert_int_equal(findings.count, 0);
	assert_int_equal(findings.pages_present, PAGES);
	assert_int_equal(findings.pages_read, PAGES);
	assert_false(findings.truncated);
	assert_string_equal(findings.unreadable, "");
}

static void marker_is_found(void **state)
{
	uint64_t at = 3 * TOCSIN_PAGE_SIZE - 20; /* across two pages */

	memcpy(ram + at, MARKER, strlen(MARKER));
	absent[0] = absent[5] = true;
	scan();
	assert_int_equal(findings.pages_present, PAGES - 2);
	assert_int_equal(findings.rows[0].start, BASE + at);
	assert_int_equal(findings.rows[0].end, BASE + at + strlen(MARKER));
	assert_memory_equal(findings.rows[0].evidence, MARKER, TOCSIN_EVIDENCE_SIZE);
	memset(&findings, 0, sizeof(findings));
	expect_one("yara.tocsin_test_malicious", TOCSIN_SEVERITY_CRITICAL);
	absent[3] = true;
	scan();
	assert_int_equal(findings.count, 0);
}

/* Wherever it lies around the place where one block of memory ends and the next begins. */
static void marker_across_a_seam_is_found(void **state)
{
	const size_t seam = 1u << 20;

	for (size_t before = 0; before <= strlen(MARKER); before += 10) {
		memset(ram, 0, sizeof(ram));
		memcpy(ram + seam - before, MARKER, strlen(MARKER));
		expect_one("yara.tocsin_test_malicious", TOCSIN_SEVERITY_CRITICAL);
	}
}

/* Where what is next to each other lies apart, and nothing is copied that lies together. */
static void marker_across_stretches_is_found(void **state)
{
	const size_t half = sizeof(ram) / 2, size = strlen(MARKER);

	mapped = halves = true;
	nothing();
	assert_int_equal(findings.pages_present, PAGES);
	assert_int_equal(findings.pages_read, PAGES);
	memset(&findings, 0, sizeof(findings));
	for (size_t before = 0; before <= size; before += 10) {
		memset(ram, 0, sizeof(ram));
		memcpy(ram + sizeof(ram) - before, MARKER, before);
		memcpy(ram, MARKER + before, size - before);
		scan();
		assert_int_equal(findings.count, 1);
		assert_int_equal(findings.rows[0].start, BASE + half - before);
		memset(&findings, 0, sizeof(findings));
	}
}

/* More threads than blocks, and room for them in mappings of which little is there. */
static void many_threads_see_the_same(void **state)
{
	const size_t seam = 1u << 20;

	target.limits.threads = 4;
	rows[0].end = BASE + (64u << 20);
	nothing();
	memset(&findings, 0, sizeof(findings));
	for (size_t before = 0; before <= strlen(MARKER); before += 10) {
		memset(ram, 0, sizeof(ram));
		memcpy(ram + seam - before, MARKER, strlen(MARKER));
		memcpy(ram + 5000, MARKER, strlen(MARKER));
		scan();
		assert_int_equal(findings.pages_present, PAGES);
		assert_int_equal(findings.pages_read, PAGES);
		assert_int_equal(findings.rows[0].start, BASE + 5000);
		memset(&findings, 0, sizeof(findings));
		expect_one("yara.tocsin_test_malicious", TOCSIN_SEVERITY_CRITICAL);
	}
	changes_after_read = 1;
	nothing();
	walk_error = -ENODEV;
	scan();
	assert_non_null(strstr(findings.unreadable, "yara: memory cannot be read"));
}

/* What needs to see several blocks, in whichever way, decides the same with one thread and four. */
static void conditions_over_blocks(void **state)
{
	static const struct {
		const char *rule;
		bool found;
	} cases[] = {
	    {"rule r { strings: $a = \"first part\" $b = \"second part\" condition: $a and $b }",
	     true},
	    {"rule r { strings: $a = \"first part\" condition: #a == 3 }", true},
	    {"rule r { strings: $a = \"first part\" condition: #a == 2 }", false},
	    {"rule r { strings: $a = \"no such part\" condition: not $a }", true},
	    {"rule r { strings: $a = \"first part\" condition: @a[3] > @a[1] + 0x1f0000 }", true},
	    {"rule r { strings: $a = { 66 69 72 73 74 [300-3000000] 73 65 63 6f 6e 64 } "
	     "condition: $a }",
	     true},
	    {"rule r { condition: uint32(0x10000) == 0x73726966 }", true},
	    {"rule r { strings: $a = \"second part\" condition: $a and uint32(0x180000) == 7 }",
	     true},
	    {"rule r { strings: $a = \"zq#xw!\" condition: not $a }", true},
	    {"rule r { condition: true }", true},
	    /* the third is none, which shows only together with the page before */
	    {"rule r { strings: $a = \"first part\" fullword $b = \"second part\" "
	     "condition: #a == 2 and $b }",
	     true},
	};
	char dir[] = "/tmp/tocsin-rules-XXXXXX";
	struct tocsin_rules *some;

	assert_non_null(mkdtemp(dir));
	rows[0].end = BASE + (64u << 20);
	strcpy((char *)ram, "first part");
	strcpy((char *)ram + 0x100ffa, "first part"); /* across the seam, in one block */
	strcpy((char *)ram + 0x200000, "first part");
	strcpy((char *)ram + 0x200800, "second part");
	ram[0x1fffff] = 'x';
	ram[0x170000] = 7; /* nothing else is near */
	for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		write_rules(dir, cases[i].rule, &some);
		target.rules = some;
		for (unsigned int threads = 1; threads <= 4; threads += 3) {
			target.limits.threads = threads;
			scan();
			if (findings.count != cases[i].found || findings.unreadable[0])
				fail_msg("%u threads: %zu findings, %s: %s", threads,
					 findings.count, findings.unreadable, cases[i].rule);
			memset(&findings, 0, sizeof(findings));
		}
		tocsin_rules_free(some);
	}
	rmdir(dir);
}

/* Memory that consists of matches may not cost more than it may. */
static void matches_are_bounded(void **state)
{
	char dir[] = "/tmp/tocsin-rules-XXXXXX";
	struct tocsin_rules *some;

	assert_non_null(mkdtemp(dir));
	write_rules(dir, "rule r { strings: $a = \"AAAA\" condition: #a > 1 }", &some);
	memset(ram, 'A', sizeof(ram));
	rows[0].end = BASE + (64u << 20);
	target.rules = some;
	target.limits.memory = 1u << 20;
	for (unsigned int threads = 1; threads <= 4; threads += 3) {
		target.limits.threads = threads;
		scan();
		assert_int_equal(findings.count, 1);
		assert_true(findings.truncated);
		assert_true(findings.pages_read < PAGES || threads > 1);
		memset(&findings, 0, sizeof(findings));
	}
	tocsin_rules_free(some);
	rmdir(dir);
}

static void shellcode_is_found(void **state)
{
	static const uint8_t code[] = {0x31, 0xf6, 0x56, 0x48, 0xbb, '/',  'b',  'i',
				       'n',  '/',  '/',  's',  'h',  0x53, 0x54, 0x5f,
				       0x6a, 0x3b, 0x58, 0x99, 0x0f, 0x05};

	memcpy(ram + 100, code, sizeof(code));
	expect_one("yara.shellcode_execve_shell", TOCSIN_SEVERITY_CRITICAL);
}

static void torn_match_is_no_finding(void **state)
{
	memcpy(ram + 10, MARKER, strlen(MARKER));
	changes_after_read = 1;
	scan();
	assert_int_equal(findings.count, 0);
	assert_int_equal(findings.pages_torn, 1);
}

static void bound_on_bytes_truncates(void **state)
{
	memcpy(ram + 4 * TOCSIN_PAGE_SIZE, MARKER, strlen(MARKER));
	target.limits.max_bytes = 2 * TOCSIN_PAGE_SIZE;
	scan();
	assert_int_equal(findings.pages_read, 2);
	assert_true(findings.truncated);
}

/* With one thread and with several, in a sieve's windows and without any. */
static void out_of_time_is_said(void **state)
{
	rows[0].end = BASE + (64u << 20);
	for (unsigned int way = 0; way < 4; way++) {
		if (way & 2)
			memcpy(ram + sizeof(ram) - TOCSIN_PAGE_SIZE, MARKER, strlen(MARKER));
		target.limits.seconds = 2;
		target.limits.threads = way & 1 ? 4 : 1;
		clock_leaps = 1;
		scan();
		clock_leaps = 0;
		assert_int_equal(findings.count, 0);
		assert_true(findings.truncated);
		assert_non_null(strstr(findings.unreadable, "yara: rules took too long"));
		memset(&findings, 0, sizeof(findings));
	}
	target.limits.seconds = 0;
	expect_one("yara.tocsin_test_malicious", TOCSIN_SEVERITY_CRITICAL);
}

static void guest_gone_is_said(void **state)
{
	walk_error = -ENODEV;
	scan();
	assert_int_equal(findings.count, 0);
	assert_non_null(strstr(findings.unreadable, "yara: memory cannot be read"));
}

static void note_complaint(const char *message, void *context)
{
	snprintf(context, 256, "%s", message);
}

/* It is reported with its place, and the others work. */
static void broken_rules_are_left_out(void **state)
{
	char dir[] = "/tmp/tocsin-rules-XXXXXX", path[64], complaint[256] = "";
	const char *const directories[] = {dir, NULL};
	struct tocsin_rules *some = NULL;
	struct tocsin_error err = {0};
	FILE *f;

	assert_non_null(mkdtemp(dir));
	snprintf(path, sizeof(path), "%s/a.yar", dir);
	f = fopen(path, "w");
	assert_non_null(f);
	fputs("rule fine { condition: true }\nrule broken { condition: $nothing }\n", f);
	fclose(f);
	snprintf(path, sizeof(path), "%s/b.yar", dir);
	f = fopen(path, "w");
	assert_non_null(f);
	fputs("rule marker { strings: $a = \"nine lives\" condition: $a }\n", f);
	fclose(f);
	assert_int_equal(tocsin_rules_load(directories, note_complaint, complaint, &some, &err), 0);
	assert_int_equal(tocsin_rules_count(some), 1);
	assert_int_equal(tocsin_rules_broken(some), 1);
	assert_non_null(strstr(complaint, "a.yar:2: "));
	memcpy(ram + 5000, "nine lives", 10);
	target.rules = some;
	expect_one("yara.marker", TOCSIN_SEVERITY_HIGH);
	tocsin_rules_free(some);
	unlink(path);
	snprintf(path, sizeof(path), "%s/a.yar", dir);
	unlink(path);
	assert_int_equal(tocsin_rules_load(directories, note_complaint, complaint, &some, &err), 0);
	assert_int_equal(tocsin_rules_broken(some), 1);
	assert_non_null(strstr(complaint, "has no file *.yar"));
	tocsin_rules_free(some);
	rmdir(dir);
	assert_int_equal(tocsin_rules_load(directories, NULL, NULL, &some, &err), -ENOENT);
}

#define T(f) cmocka_unit_test_setup(f, setup)
#define R(f) cmocka_unit_test_setup(f, setup_rules)

static void without_a_scanner(void **state)
{
	size_t memory = 0;

	rows[0].write = rows[0].exec = true;
	expect_one("memory.writable-executable", TOCSIN_SEVERITY_HIGH);
	while (strcmp(tocsin_scanners[memory].name, "memory") != 0)
		memory++;
	target.without = 1u << memory;
	nothing();
	target.without = ~target.without;
	expect_one("memory.writable-executable", TOCSIN_SEVERITY_HIGH);
}

int main(void)
{
	const struct CMUnitTest list[] = {
	    T(data_is_nothing),
	    T(writable_executable),
	    T(anonymous_executable),
	    T(torn_mapping_is_no_finding_and_not_clean),
	    T(program_without_file),
	    T(code_without_file),
	    T(names_that_lie),
	    T(hidden_and_traced),
	    T(rights),
	    T(environment),
	    T(sockets_of_shells),
	    T(program_that_is_not_there),
	    T(changed_code),
	    T(library_of_32_bits_without_a_file),
	    T(library_without_a_file),
	    T(every_rule_is_whole),
	    R(shipped_rules_load),
	    R(nothing_matches_zeroes),
	    R(marker_is_found),
	    R(marker_across_a_seam_is_found),
	    R(marker_across_stretches_is_found),
	    R(many_threads_see_the_same),
	    T(conditions_over_blocks),
	    T(as_many_as_in_one_piece),
	    T(core_of_a_process),
	    T(core_has_bounds),
	    T(core_on_a_full_disk),
	    T(without_a_scanner),
	    T(matches_are_bounded),
	    R(shellcode_is_found),
	    R(torn_match_is_no_finding),
	    R(bound_on_bytes_truncates),
	    R(out_of_time_is_said),
	    R(guest_gone_is_said),
	    T(broken_rules_are_left_out),
	};

	return cmocka_run_group_tests(list, load, unload);
}
