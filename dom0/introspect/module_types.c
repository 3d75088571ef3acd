// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * The types of a module, from the copy that the kernel keeps of them (kernel/bpf/btf.c): a list of
 * modules, each with its blob, which goes on where the kernel's own types end.
 */
#include "introspect/list.h"
#include "introspect/process.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#define MODULES_MAX 4096
#define BLOB_MAX (16u << 20)

struct layout {
	uint32_t list, module, btf, name, data, size;
};

static int find_layout(struct tocsin_kernel *k, struct layout *l)
{
	l->list = tocsin_member_or_none(k, "btf_module", "list");
	l->module = tocsin_member_or_none(k, "btf_module", "module");
	l->btf = tocsin_member_or_none(k, "btf_module", "btf");
	l->name = tocsin_member_or_none(k, "module", "name");
	l->data = tocsin_member_or_none(k, "btf", "data");
	l->size = tocsin_member_or_none(k, "btf", "data_size");
	for (const uint32_t *m = (uint32_t *)l; m < (uint32_t *)(l + 1); m++)
		if (*m == TOCSIN_NO_MEMBER)
			return -ENOTSUP;
	return 0;
}

static int open_blob(struct tocsin_kernel *k, const struct layout *l, uint64_t btf,
		     struct tocsin_btf **ret, struct tocsin_error *err)
{
	uint64_t data;
	uint32_t size;
	uint8_t *bytes;
	int rc;

	if (tocsin_kernel_read_u64(k, btf + l->data, &data) ||
	    tocsin_kernel_read(k, btf + l->size, &size, sizeof(size)))
		return -EFAULT;
	if (size > BLOB_MAX)
		return -E2BIG;
	bytes = malloc(size ? size : 1);
	if (!bytes)
		return -ENOMEM;
	rc = tocsin_kernel_read(k, data, bytes, size);
	if (!rc)
		rc = tocsin_btf_open_split(k->btf, bytes, size, ret, err);
	free(bytes);
	return rc;
}

/* -ENOENT: no such module, or one without types. */
static int open_types(struct tocsin_kernel *k, const char *module, struct tocsin_btf **ret,
		      struct tocsin_error *err)
{
	struct tocsin_addresses modules = {0};
	char name[TOCSIN_MODULE_NAME_SIZE + 1] = "";
	struct layout l;
	uint64_t head;
	int rc = find_layout(k, &l);

	if (!rc && tocsin_kernel_symbol(k, "btf_modules", &head))
		rc = -ENOTSUP;
	if (!rc)
		rc = tocsin_list_collect(k, head, l.list, MODULES_MAX, &modules);
	for (size_t i = 0; i < modules.count && !rc; i++) {
		uint64_t owner, btf;

		if (tocsin_kernel_read_u64(k, modules.at[i] + l.module, &owner) ||
		    tocsin_kernel_read_u64(k, modules.at[i] + l.btf, &btf) ||
		    tocsin_kernel_read(k, owner + l.name, name, TOCSIN_MODULE_NAME_SIZE) ||
		    strcmp(name, module))
			continue;
		rc = open_blob(k, &l, btf, ret, err);
		tocsin_addresses_free(&modules);
		return rc;
	}
	tocsin_addresses_free(&modules);
	return rc ? rc : -ENOENT;
}

int tocsin_kernel_member(struct tocsin_kernel *k, const char *module, const char *type,
			 const char *path, uint64_t *offset, uint64_t *size,
			 struct tocsin_error *err)
{
	struct tocsin_btf_member member;
	struct tocsin_btf *types = NULL;
	int rc = module ? open_types(k, module, &types, err) : 0;

	if (rc)
		return tocsin_error_set(err, rc, "the types of module %s cannot be read: %s",
					module, strerror(-rc));
	rc = tocsin_btf_member(types ? types : k->btf, type, path, &member);
	tocsin_btf_close(types);
	if (rc)
		return tocsin_error_set(err, rc, "there is no %s.%s", type, path);
	*offset = member.offset * 8 + member.bit_offset;
	*size = member.bit_size ? member.bit_size : member.size * 8;
	return 0;
}
