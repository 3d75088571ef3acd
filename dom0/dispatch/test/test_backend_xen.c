/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Xen under the daemon, on a stand-in for it (host/test/fake_xen.h): xenstored comes and goes. */
#include "dispatch/backend_xen.h"
#include "dispatch/worker.h"
#include "fake_xen.h"

#include <errno.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <string.h>
#include <unistd.h>

#include <cmocka.h>
#include <xenstore.h>

static struct tocsin_backend *const b = &tocsin_backend_xen;

/* ---- what the backend stands on, beside fake_xen ---- */

bool xs_watch(struct xs_handle *h, const char *path, const char *token)
{
	return !fake_xen.no_xenstored;
}

int xs_fileno(struct xs_handle *h)
{
	return STDIN_FILENO;
}

char **xs_check_watch(struct xs_handle *h)
{
	errno = fake_xen.no_xenstored ? EPIPE : EAGAIN;
	return NULL;
}

int tocsin_capture_open(tocsin_event_fn fn, void *context, struct tocsin_capture **ret,
			struct tocsin_error *err)
{
	*ret = NULL;
	return 0;
}

void tocsin_capture_set_raw(struct tocsin_capture *c, tocsin_raw_fn *raw)
{
}

int tocsin_capture_set_mask(struct tocsin_capture *c, uint32_t mask, struct tocsin_error *err)
{
	return 0;
}

void tocsin_capture_close(struct tocsin_capture *c)
{
}

int tocsin_capture_fd(const struct tocsin_capture *c)
{
	return -1;
}

int tocsin_capture_drain(struct tocsin_capture *c, struct tocsin_error *err)
{
	return 0;
}

int tocsin_memory_open_xen(uint32_t domid, struct tocsin_memory **ret, struct tocsin_error *err)
{
	return -ENODEV;
}

int tocsin_worker_find_kernel(struct tocsin_job_guest *g, uint64_t cr3, struct tocsin_error *err)
{
	return -ENODEV;
}

/* ---- tests ---- */

static void has_name(const char *name)
{
	struct tocsin_domain d;

	assert_int_equal(b->domain(b, 1, &d, NULL), 0);
	assert_int_equal(d.domid, 1);
	assert_string_equal(d.name, name);
}

static int end(void **state)
{
	b->close(b);
	fake_xen = (struct fake_xen){0};
	return 0;
}

static void starts_before_xenstored_and_finds_it(void **state)
{
	struct tocsin_error err = {0};

	fake_xen.no_xenstored = 1;
	assert_int_equal(b->open(b, NULL, NULL, NULL, &err), 0);
	assert_int_equal(b->watch_fd(b), -1);
	has_name("");
	b->mend(b);
	assert_int_equal(b->watch_fd(b), -1);
	b->take_watch(b); /* of what is not there */
	fake_xen.no_xenstored = 0;
	b->mend(b);
	assert_int_equal(b->watch_fd(b), STDIN_FILENO);
	has_name("shop");
}

static void goes_on_without_xenstored_and_finds_the_next(void **state)
{
	assert_int_equal(b->open(b, NULL, NULL, NULL, NULL), 0);
	assert_int_equal(b->watch_fd(b), STDIN_FILENO);
	b->take_watch(b);
	assert_int_equal(b->watch_fd(b), STDIN_FILENO);
	fake_xen.no_xenstored = 1;
	b->take_watch(b);
	assert_int_equal(b->watch_fd(b), -1);
	has_name("");
	b->mend(b);
	assert_int_equal(b->watch_fd(b), -1);
	fake_xen.no_xenstored = 0;
	b->mend(b);
	assert_int_equal(b->watch_fd(b), STDIN_FILENO);
	has_name("shop");
	/* And when the watch's descriptor says nothing of it. */
	fake_xen.no_xenstored = 1;
	b->mend(b);
	assert_int_equal(b->watch_fd(b), -1);
}

static void does_not_start_without_xen(void **state)
{
	struct tocsin_error err = {0};

	fake_xen.no_xen = 1;
	assert_true(b->open(b, NULL, NULL, NULL, &err) < 0);
	assert_non_null(strstr(err.message, "hypervisor"));
}

int main(void)
{
	const struct CMUnitTest all[] = {
	    cmocka_unit_test_teardown(starts_before_xenstored_and_finds_it, end),
	    cmocka_unit_test_teardown(goes_on_without_xenstored_and_finds_the_next, end),
	    cmocka_unit_test_teardown(does_not_start_without_xen, end),
	};

	return cmocka_run_group_tests(all, NULL, NULL);
}
