/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "dispatch/kernels.h"

#include <errno.h>
#include <fcntl.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cmocka.h>

#define NOW 1800000000
#define DAY (24 * 3600)

static char root[64];

static const char *at(const char *name)
{
	static char path[256];

	snprintf(path, sizeof(path), "%s/%s", root, name);
	return path;
}

/* The folder of the guest whose UUID is this byte, sixteen times. */
static const char *folder(unsigned int guest)
{
	static char name[33];

	for (size_t i = 0; i < 16; i++)
		snprintf(name + 2 * i, 3, "%02x", guest);
	return name;
}

static void make(const char *name, long days)
{
	const struct timespec times[2] = {{NOW - days * DAY, 0}, {NOW - days * DAY, 0}};
	char file[300];
	int fd;

	assert_int_equal(mkdir(at(name), 0700), 0);
	snprintf(file, sizeof(file), "%s/1c0-00ff", at(name));
	fd = open(file, O_WRONLY | O_CREAT | O_CLOEXEC, 0600);
	assert_true(fd >= 0);
	close(fd);
	assert_int_equal(utimensat(AT_FDCWD, at(name), times, 0), 0);
}

static bool is_there(const char *name)
{
	return !access(at(name), F_OK);
}

static bool is_first_or_second(const void *context, const uint8_t uuid[16])
{
	return uuid[0] == 1 || uuid[0] == 2;
}

static int prune(void)
{
	return tocsin_kernels_prune(root, NOW, is_first_or_second, NULL);
}

static int setup(void **state)
{
	strcpy(root, "/tmp/tocsin-kernels-XXXXXX");
	return mkdtemp(root) ? 0 : -1;
}

static int teardown(void **state)
{
	char command[96];

	snprintf(command, sizeof(command), "rm -rf %s", root);
	return system(command);
}

static void old_ones_go_and_guests_that_are_there_keep_theirs(void **state)
{
	make(folder(1), 300);
	make(folder(3), 31);
	make(folder(4), 29);
	assert_int_equal(prune(), 1);
	assert_true(is_there(folder(1)));
	assert_false(is_there(folder(3)));
	assert_true(is_there(folder(4)));
	assert_int_equal(prune(), 0);
}

static void only_so_many_are_kept_the_newest(void **state)
{
	for (unsigned int i = 0; i < TOCSIN_KERNELS_KEPT + 5; i++)
		make(folder(1 + i), (long)i / 8);
	/* Two of them are there. */
	assert_int_equal(prune(), 3);
	for (unsigned int i = 0; i < TOCSIN_KERNELS_KEPT + 2; i++)
		assert_true(is_there(folder(1 + i)));
	for (unsigned int i = TOCSIN_KERNELS_KEPT + 2; i < TOCSIN_KERNELS_KEPT + 5; i++)
		assert_false(is_there(folder(1 + i)));
}

static void what_is_not_a_guests_is_left_alone(void **state)
{
	char outside[256];

	make("0123456789abcdef0123456789abcdeg", 300);
	make("0123456789abcdef", 300);
	make("elsewhere", 300);
	/* A link of a guest's name is not followed, nor counted. */
	snprintf(outside, sizeof(outside), "%s", at("elsewhere"));
	assert_int_equal(symlink(outside, at(folder(9))), 0);
	assert_int_equal(prune(), 0);
	assert_true(is_there("elsewhere/1c0-00ff"));
	assert_true(is_there("0123456789abcdef0123456789abcdeg/1c0-00ff"));
	assert_true(is_there("0123456789abcdef/1c0-00ff"));
}

static void a_folder_that_is_not_there_is_an_error(void **state)
{
	assert_int_equal(tocsin_kernels_prune(at("none"), NOW, is_first_or_second, NULL), -ENOENT);
}

int main(void)
{
#define TEST(f) cmocka_unit_test_setup_teardown(f, setup, teardown)
	const struct CMUnitTest all[] = {
	    TEST(old_ones_go_and_guests_that_are_there_keep_theirs),
	    TEST(only_so_many_are_kept_the_newest),
	    TEST(what_is_not_a_guests_is_left_alone),
	    TEST(a_folder_that_is_not_there_is_an_error),
	};

	return cmocka_run_group_tests(all, NULL, NULL);
}
