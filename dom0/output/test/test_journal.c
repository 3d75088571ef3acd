// SPDX-License-Identifier: GPL-2.0-or-later
/* Entries of the journal: read back as journald reads them, from reports that are hostile. */
#include "output/journal.h"

#include <tocsin/request.h>

#include <endian.h>
#include <errno.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <unistd.h>

#include <cmocka.h>

/* The n-th value of a field, in ret; -1: there is none. Fails if the entry is not well-formed. */
static int field(const char *entry, size_t size, const char *name, int n, char *ret)
{
	size_t at = 0;

	while (at < size) {
		const char *end = memchr(entry + at, '\n', size - at), *is;
		const char *value;
		uint64_t length;
		size_t name_size;

		assert_non_null(end);
		is = memchr(entry + at, '=', (size_t)(end - entry - at));
		name_size = (size_t)((is ? is : end) - entry) - at;
		value = (is ? is : end) + 1;
		length = (uint64_t)(end - value);
		if (!is) {
			memcpy(&length, value, sizeof(length));
			length = le64toh(length);
			value += sizeof(length);
			assert_true(length < size && value + length < entry + size);
			assert_int_equal(value[length], '\n');
		}
		for (size_t i = 0; i < name_size; i++)
			assert_non_null(strchr("ABCDEFGHIJKLMNOPQRSTUVWXYZ_", entry[at + i]));
		if (strlen(name) == name_size && !memcmp(entry + at, name, name_size) && !n--) {
			memcpy(ret, value, length);
			ret[length] = '\0';
			return (int)length;
		}
		at = (size_t)(value + length + 1 - entry);
	}
	return -1;
}

static struct tocsin_findings findings;
static struct tocsin_process target;

static struct tocsin_report verdict_of(struct tocsin_verdict *v)
{
	struct tocsin_report r = {.kind = TOCSIN_REPORT_VERDICT,
				  .time = 1700000000000000000,
				  .domain = "shop\nPRIORITY=0",
				  .domain_uuid = {0xab},
				  .record = {.domid = 3, .seq = 9},
				  .findings = &findings,
				  .target = &target,
				  .verdict = v};

	memset(&findings, 0, sizeof(findings));
	memset(&target, 0, sizeof(target));
	target.pid = 77;
	target.uid = 5;
	strcpy(target.comm, "sh\nA=1");
	for (int i = 0; i < 2; i++) {
		struct tocsin_finding *f = tocsin_findings_add(
		    &findings, "yara", i ? "yara.two" : "yara.one", TOCSIN_SEVERITY_HIGH);
		strcpy(f->what, "it is there\nREALLY=1");
		strcpy(f->technique, i ? "" : "T1055");
	}
	*v = (struct tocsin_verdict){TOCSIN_VERDICT_MALICIOUS, 90, "malicious: yara.one"};
	return r;
}

static void expect(const char *entry, size_t size, const char *name, int n, const char *value)
{
	char text[8192];

	assert_true(field(entry, size, name, n, text) >= 0);
	assert_string_equal(text, value);
}

static void verdict(void **state)
{
	struct tocsin_verdict v;
	struct tocsin_report r = verdict_of(&v);
	char *entry, text[8192];
	size_t size;

	assert_int_equal(tocsin_journal_entry(&r, &entry, &size), 0);
	expect(entry, size, "PRIORITY", 0, "2");
	expect(entry, size, "SYSLOG_IDENTIFIER", 0, "tocsind");
	expect(entry, size, "TOCSIN_KIND", 0, "verdict");
	expect(entry, size, "TOCSIN_VERDICT", 0, "malicious");
	expect(entry, size, "TOCSIN_SCORE", 0, "90");
	expect(entry, size, "TOCSIN_DOMAIN", 0, "shop\\x0aPRIORITY=0");
	expect(entry, size, "TOCSIN_DOMAIN_ID", 0, "3");
	expect(entry, size, "TOCSIN_DOMAIN_UUID", 0, "ab000000-0000-0000-0000-000000000000");
	expect(entry, size, "TOCSIN_TICKET", 0, "9");
	expect(entry, size, "TOCSIN_PID", 0, "77");
	expect(entry, size, "TOCSIN_COMM", 0, "sh\\x0aA=1");
	expect(entry, size, "TOCSIN_RULE", 0, "yara.one");
	expect(entry, size, "TOCSIN_RULE", 1, "yara.two");
	expect(entry, size, "TOCSIN_TECHNIQUE", 0, "T1055");
	assert_int_equal(field(entry, size, "TOCSIN_TECHNIQUE", 1, text), -1);
	assert_int_equal(field(entry, size, "PRIORITY", 1, text), -1);
	assert_int_equal(field(entry, size, "REALLY", 0, text), -1);
	assert_true(field(entry, size, "MESSAGE", 0, text) > 0);
	assert_int_equal(strncmp(text, "verdict", 7), 0); /* no time: the journal has its own */
	assert_int_not_equal(text[strlen(text) - 1], '\n');
	free(entry);
}

static void loss(void **state)
{
	struct tocsin_report r = {
	    .kind = TOCSIN_REPORT_LOSS, .lost = 12, .reason = "the trace buffer was full"};
	char *entry, text[8192];
	size_t size;

	assert_int_equal(tocsin_journal_entry(&r, &entry, &size), 0);
	expect(entry, size, "PRIORITY", 0, "4");
	expect(entry, size, "TOCSIN_LOST", 0, "12");
	assert_int_equal(field(entry, size, "TOCSIN_DOMAIN_ID", 0, text), -1);
	assert_true(field(entry, size, "MESSAGE", 0, text) > 0);
	assert_non_null(strstr(text, "the trace buffer was full"));
	free(entry);
}

static void sending(void **state)
{
	struct tocsin_report r = {.kind = TOCSIN_REPORT_LOSS, .lost = 1, .reason = "x"};
	struct sockaddr_un at = {.sun_family = AF_UNIX};
	int journal = socket(AF_UNIX, SOCK_DGRAM | SOCK_CLOEXEC, 0), fd = -1, rc = 0, sent = 0;
	char got[4096], text[8192];
	ssize_t n;

	snprintf(at.sun_path, sizeof(at.sun_path), "/tmp/tocsin-journal-%d", (int)getpid());
	assert_int_equal(tocsin_journal_open(at.sun_path, &fd), -ENOENT);
	assert_int_equal(bind(journal, (const struct sockaddr *)&at, sizeof(at)), 0);
	assert_int_equal(tocsin_journal_open(at.sun_path, &fd), 0);
	assert_int_equal(tocsin_journal_send(fd, &r), 0);
	n = recv(journal, got, sizeof(got), 0);
	assert_true(n > 0 && field(got, (size_t)n, "MESSAGE", 0, text) > 0);
	/* A journal that does not read holds nobody up. */
	while (!(rc = tocsin_journal_send(fd, &r)) && sent < 100000)
		sent++;
	assert_int_equal(rc, -EAGAIN);
	close(journal);
	unlink(at.sun_path);
	assert_true(tocsin_journal_send(fd, &r) < 0);
	close(fd);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
	    cmocka_unit_test(verdict),
	    cmocka_unit_test(loss),
	    cmocka_unit_test(sending),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
