/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Scanners over made-up mappings: what each finds, and what it does not. */
#include "made_up.h"

#include <tocsin/request.h>

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdio.h>
#include <string.h>

#include <cmocka.h>

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

#define T(f) cmocka_unit_test_setup(f, made_up)

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
	    T(without_a_scanner),
	};

	return cmocka_run_group_tests_name("scan", list, NULL, NULL);
}
