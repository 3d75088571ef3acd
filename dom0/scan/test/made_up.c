/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "made_up.h"

#include <errno.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <string.h>
#include <sys/syscall.h>
#include <unistd.h>

#include <cmocka.h>

uint8_t ram[PAGES * TOCSIN_PAGE_SIZE];
bool absent[PAGES];
int walk_error, changes_after_read;
time_t clock_leaps;
bool halves, mapped;
struct tocsin_vma rows[3];
struct tocsin_vma_list vmas;
struct tocsin_process process;
struct tocsin_process_details details;
struct tocsin_file sockets[4];
struct tocsin_file_list files;
uint8_t original[TOCSIN_PAGE_SIZE];
struct tocsin_copy copy_rows[2];
struct tocsin_copy_list copies;
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

int made_up(void **state)
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

void expect_one(const char *rule, enum tocsin_severity severity)
{
	scan();
	assert_int_equal(findings.count, 1);
	assert_string_equal(findings.rows[0].rule, rule);
	assert_int_equal(findings.rows[0].severity, severity);
	assert_string_equal(findings.unreadable, "");
	memset(&findings, 0, sizeof(findings));
}

void nothing(void)
{
	scan();
	assert_int_equal(findings.count, 0);
	assert_string_equal(findings.unreadable, "");
}
