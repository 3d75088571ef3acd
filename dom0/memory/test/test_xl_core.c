// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * What `xl dump-core` writes, read back: xc_domain_dumpcore() of the installed libxenguest dumps a
 * domain of this test (fake_domain.h), through the installed libxenctrl, whose hypercalls are
 * answered here. So the format is Xen's own, not what we think it to be.
 */
#include "fake_domain.h"

#include "memory/memory.h"

#include <errno.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>

/* First of Xen's, for what it defines. */
#include <xenctrl.h>

#include <xencall.h>
#include <xendevicemodel.h>
#include <xenguest.h>

#include <cmocka.h>

#define PAGE 4096ul
#define FOUR_GIB 0x100000ul /* frames */
#define HIGH 64ul           /* frames above */
#define LOW 9000ul          /* frames below; more than the dump is written at once (4096) */
#define BALLOON 700ul
#define BALLOON_SIZE 300ul

static struct {
	uint64_t tot_pages; /* what Xen says there are */
	uint64_t shared_info;
	bool paravirtual;
	unsigned int domctls;
} xen;

/* ---- the hypercalls of a dump ---- */

xencall_handle *xencall_open(struct xentoollog_logger *logger, unsigned int flags)
{
	return (xencall_handle *)&xen;
}

int xencall_close(xencall_handle *h)
{
	return 0;
}

void *xencall_alloc_buffer_pages(xencall_handle *h, size_t pages)
{
	return calloc(pages, PAGE);
}

void xencall_free_buffer_pages(xencall_handle *h, void *p, size_t pages)
{
	free(p);
}

void *xencall_alloc_buffer(xencall_handle *h, size_t size)
{
	return calloc(1, size);
}

void xencall_free_buffer(xencall_handle *h, void *p)
{
	free(p);
}

int xencall_buffers_never_fault(xencall_handle *h)
{
	return 1;
}

xendevicemodel_handle *xendevicemodel_open(struct xentoollog_logger *logger, unsigned int flags)
{
	return (xendevicemodel_handle *)&xen;
}

int xendevicemodel_close(xendevicemodel_handle *h)
{
	return 0;
}

static int refuse(int error)
{
	errno = error;
	return -1;
}

int xencall1(xencall_handle *h, unsigned int op, uint64_t arg)
{
	struct xen_domctl *d = (struct xen_domctl *)(uintptr_t)arg;

	if (op != __HYPERVISOR_domctl || d->domain != FAKE_DOMID)
		return refuse(ESRCH);
	xen.domctls++;
	switch (d->cmd) {
	case XEN_DOMCTL_getdomaininfo:
		memset(&d->u.getdomaininfo, 0, sizeof(d->u.getdomaininfo));
		d->u.getdomaininfo.domain = FAKE_DOMID;
		d->u.getdomaininfo.flags = xen.paravirtual ? 0 : XEN_DOMINF_hvm_guest;
		d->u.getdomaininfo.tot_pages = xen.tot_pages;
		d->u.getdomaininfo.shared_info_frame = xen.shared_info;
		d->u.getdomaininfo.max_vcpu_id = 1;
		return 0;
	case XEN_DOMCTL_get_address_size:
		d->u.address_size.size = 64;
		return 0;
	case XEN_DOMCTL_getvcpucontext:
		return 0;
	default:
		return refuse(ENOSYS);
	}
}

/* libxenctrl asks within a multicall, whose results are wider than those of ioctl(2). */
int xencall2(xencall_handle *h, unsigned int op, uint64_t arg1, uint64_t arg2)
{
	multicall_entry_t *call = (multicall_entry_t *)(uintptr_t)arg1;

	if (op == __HYPERVISOR_multicall && arg2 == 1 && call->op == __HYPERVISOR_memory_op &&
	    (call->args[0] == XENMEM_maximum_gpfn || call->args[0] == XENMEM_maximum_ram_page)) {
		call->result = fake.frames - 1;
		return 0;
	}
	if (op == __HYPERVISOR_xen_version)
		return arg1 == XENVER_pagesize ? (int)PAGE : 0;
	return refuse(ENOSYS);
}

/* ---- dumps ---- */

/* With what HVM has nothing of: the VGA's frames, what is ballooned out, the hole below 4 GiB. */
static int setup(void **state)
{
	fake_domain_make(FOUR_GIB + HIGH);
	fake.any_handle = true; /* Xen's own tools do not restrict theirs */
	fake_domain_give(0, 0xa0);
	fake_domain_give(0xc0, BALLOON - 0xc0);
	fake_domain_give(BALLOON + BALLOON_SIZE, LOW - BALLOON - BALLOON_SIZE);
	fake_domain_give(FOUR_GIB, HIGH);
	xen.tot_pages = fake.present;
	xen.shared_info = ~0ull;
	return 0;
}

static int teardown(void **state)
{
	assert_false(fake.opened);
	fake_domain_end();
	return 0;
}

static int dump_and_open(struct tocsin_memory **ret, struct tocsin_error *err)
{
	xc_interface *xch;
	char path[64];
	int fd = memfd_create("core", MFD_CLOEXEC), rc;

	assert_true(fd >= 0);
	snprintf(path, sizeof(path), "/proc/self/fd/%d", fd);
	xch = xc_interface_open(NULL, NULL, 0);
	assert_non_null(xch);
	xen.domctls = 0;
	rc = xc_domain_dumpcore(xch, FAKE_DOMID, path);
	xc_interface_close(xch);
	assert_int_equal(rc, 0);
	assert_true(xen.domctls > 0); /* it was really we who were asked */
	rc = tocsin_memory_open_dump(path, ret, err);
	close(fd);
	return rc;
}

static struct tocsin_memory *dump(void)
{
	struct tocsin_error err = {0};
	struct tocsin_memory *m = NULL;

	if (dump_and_open(&m, &err))
		fail_msg("%s", err.message);
	return m;
}

/* Each frame of the guest is in the dump as it is in the guest, and no other is. */
static void expect_all(struct tocsin_memory *m, uint64_t end)
{
	uint64_t got[PAGE / 8];

	for (uint64_t gfn = 0; gfn < end; gfn++) {
		int rc = tocsin_memory_read(m, gfn * PAGE, got, sizeof(got));

		if (fake.page[gfn] == FAKE_ABSENT) {
			assert_int_equal(rc, -EFAULT);
			continue;
		}
		assert_int_equal(rc, 0);
		assert_memory_equal(got, fake_domain_at(gfn), PAGE);
	}
}

static void test_whole(void **state)
{
	struct tocsin_memory *m;
	uint8_t got[2 * PAGE];

	memset(fake_domain_at(LOW - 1), 0x5a, PAGE);
	m = dump();
	assert_int_equal(m->range_count, 4);
	assert_int_equal(m->ranges[1].start, 0xc0 * PAGE);
	assert_int_equal(m->ranges[2].start, (BALLOON + BALLOON_SIZE) * PAGE);
	assert_int_equal(m->ranges[3].start, FOUR_GIB * PAGE);
	assert_int_equal(m->ranges[3].size, HIGH * PAGE);
	expect_all(m, fake.frames);
	assert_int_equal(tocsin_memory_read(m, (BALLOON - 1) * PAGE, got, sizeof(got)), -EFAULT);
	assert_int_equal(tocsin_memory_read(m, (BALLOON - 1) * PAGE, got, PAGE), 0);
	assert_int_equal(tocsin_memory_read(m, 200 * PAGE + 17, got, PAGE), 0);
	tocsin_memory_close(m);
}

/* With the page that a guest shares with Xen there is one section more. */
static void test_shared_info(void **state)
{
	struct tocsin_memory *m;

	xen.shared_info = 5;
	m = dump();
	expect_all(m, LOW);
	tocsin_memory_close(m);
}

/* A guest that shrinks while it is dumped: pages without a frame are at the end. */
static void test_shrinks(void **state)
{
	struct tocsin_memory *m;

	fake_domain_take(5000, 100);
	m = dump();
	expect_all(m, fake.frames);
	tocsin_memory_close(m);
}

/* One that grows: what was too much is lost, and a hole. */
static void test_grows(void **state)
{
	struct tocsin_memory *m;
	uint64_t got;

	xen.tot_pages = fake.present - HIGH - 10;
	m = dump();
	expect_all(m, LOW - 10);
	for (uint64_t gfn = LOW - 10; gfn < FOUR_GIB + HIGH; gfn += gfn < LOW ? 1 : 13)
		assert_int_equal(tocsin_memory_read(m, gfn * PAGE, &got, 8), -EFAULT);
	tocsin_memory_close(m);
}

/*
 * A paravirtual guest's dump has .xen_p2m, from a tree of frames that the guest keeps, and page
 * tables of another kind: it is refused, and the reason says so.
 */
static void test_paravirtual(void **state)
{
	struct tocsin_memory *m = NULL;
	struct tocsin_error err = {0};
	const uint64_t list = 3, leaf = 4, tree = 2;

	fake_domain_make(512);
	fake.any_handle = true;
	fake_domain_give(0, 512);
	memcpy(fake_domain_at(1) + offsetof(shared_info_t, arch.pfn_to_mfn_frame_list_list), &tree,
	       sizeof(tree));
	memcpy(fake_domain_at(tree), &list, sizeof(list));
	memcpy(fake_domain_at(list), &leaf, sizeof(leaf));
	for (uint64_t i = 0; i < 512; i++)
		memcpy(fake_domain_at(leaf) + i * 8, &i, sizeof(i));
	xen.paravirtual = true;
	xen.tot_pages = 512;
	xen.shared_info = 1;
	assert_int_equal(dump_and_open(&m, &err), -EINVAL);
	assert_null(m);
	assert_non_null(strstr(err.message, "not the dump of an HVM or PVH guest"));
	xen.paravirtual = false;
	fake_domain_end();
}

#define with_domain(test) cmocka_unit_test_setup_teardown(test, setup, teardown)

int main(void)
{
	const struct CMUnitTest tests[] = {
	    with_domain(test_whole), with_domain(test_shared_info),      with_domain(test_shrinks),
	    with_domain(test_grows), cmocka_unit_test(test_paravirtual),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
