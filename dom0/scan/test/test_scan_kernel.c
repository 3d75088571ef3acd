/* SPDX-License-Identifier: GPL-2.0-or-later */
/* The kernel's scanner over lists that the test makes up (the linker's --wrap). */
#include "scan/scan.h"
#include "scan/scanners.h"

#include <errno.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <string.h>

#include <cmocka.h>

static struct tocsin_hook_list hooks;

#define LACKING(name, list)                                                                        \
	int __wrap_tocsin_##name(struct tocsin_kernel *k, struct list *ret,                        \
				 struct tocsin_error *err);                                        \
	int __wrap_tocsin_##name(struct tocsin_kernel *k, struct list *ret,                        \
				 struct tocsin_error *err)                                         \
	{                                                                                          \
		return -ENOTSUP;                                                                   \
	}

LACKING(module_list, tocsin_module_list)
LACKING(hidden_list, tocsin_hidden_list)
LACKING(bpf_list, tocsin_bpf_list)
LACKING(socket_list, tocsin_socket_list)

int __wrap_tocsin_code_open(struct tocsin_kernel *k, struct tocsin_code **ret,
			    struct tocsin_error *err);
void __wrap_tocsin_code_close(struct tocsin_code *code);
int __wrap_tocsin_code_strays(const struct tocsin_code *code, struct tocsin_code_range *rows,
			      size_t room, size_t *count, struct tocsin_error *err);
int __wrap_tocsin_kernel_symbol(struct tocsin_kernel *k, const char *name, uint64_t *ret);
int __wrap_tocsin_hook_list(struct tocsin_kernel *k, const struct tocsin_code *code,
			    struct tocsin_hook_list *ret, struct tocsin_error *err);
int __wrap_tocsin_scan_text(struct tocsin_kernel *k, const struct tocsin_code *code,
			    struct tocsin_findings *findings, struct tocsin_error *err);

int __wrap_tocsin_code_open(struct tocsin_kernel *k, struct tocsin_code **ret,
			    struct tocsin_error *err)
{
	*ret = NULL;
	return 0;
}

void __wrap_tocsin_code_close(struct tocsin_code *code)
{
}

int __wrap_tocsin_code_strays(const struct tocsin_code *code, struct tocsin_code_range *rows,
			      size_t room, size_t *count, struct tocsin_error *err)
{
	*count = 0;
	return 0;
}

int __wrap_tocsin_kernel_symbol(struct tocsin_kernel *k, const char *name, uint64_t *ret)
{
	return -ENOENT;
}

int __wrap_tocsin_hook_list(struct tocsin_kernel *k, const struct tocsin_code *code,
			    struct tocsin_hook_list *ret, struct tocsin_error *err)
{
	*ret = hooks;
	return 0;
}

int __wrap_tocsin_scan_text(struct tocsin_kernel *k, const struct tocsin_code *code,
			    struct tocsin_findings *findings, struct tocsin_error *err)
{
	return 0;
}

/* A hook that does not hold still may be the one that matters: nobody may call that clean. */
static void torn_hooks_are_said(void **state)
{
	struct tocsin_findings findings = {0};

	tocsin_scan_kernel(NULL, &findings);
	assert_string_equal(findings.unreadable, "");
	hooks.torn = 2;
	tocsin_scan_kernel(NULL, &findings);
	assert_int_equal(findings.count, 0);
	assert_string_equal(findings.unreadable, "kernel: 2 hooks changed while they were read");
}

int main(void)
{
	const struct CMUnitTest list[] = {
	    cmocka_unit_test(torn_hooks_are_said),
	};

	return cmocka_run_group_tests(list, NULL, NULL);
}
