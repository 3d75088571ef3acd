/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Open files, their paths and sockets of every family, from hostile bytes. Input: the kernel's
 * memory from VA DATA on, which begins with a task_struct; its layout is in kernel.h and below.
 */
#include "kernel.h"

#include "introspect/file.h"

static const struct tocsin_file_layout layout = {
    .task_files = 0,
    .files_fdt = 0,
    .fdt_fd = 0,
    .fdt_max = 8,
    .file_flags = 16,
    .file_position = 24,
    .file_inode = 32,
    .inode_mode = 16,
    .sb_magic = 24,
    .alloc_socket = 0,
    .alloc_inode = 64,
    .socket_sk = 0,
    .sk_socket = 0,
    .sk_type = 8,
    .sk_protocol = 10,
    .sk_family = 12,
    .sk_state = 14,
    .sk_net = 16,
    .sk_daddr = 24,
    .sk_saddr = 28,
    .sk_dport = 32,
    .sk_num = 34,
    .sk_rmem = 36,
    .sk_wmem = 40,
    .sk_ack_backlog = 44,
    .sk_max_ack_backlog = 48,
    .tcp_rcv_nxt = 52,
    .tcp_copied_seq = 56,
    .tcp_write_seq = 60,
    .tcp_snd_una = 64,
    .unix_addr = 72,
    .unix_peer = 80,
    .sk_daddr6 = 88,
    .sk_saddr6 = 104,
    .udp_deficit = 120,
    .unix_address_len = 0,
    .unix_address_name = 4,
    .net_inum = 0,
};

static void check_list(const struct tocsin_file_list *list)
{
	size_t torn = 0;

	for (size_t i = 0; i < list->count; i++) {
		const struct tocsin_file *f = &list->rows[i];

		check(f->fd >= 0 && (!i || list->rows[i - 1].fd < f->fd));
		check(strlen(f->path) < TOCSIN_PATH_SIZE);
		check(f->socket.name_size <= TOCSIN_SOCKET_NAME_SIZE);
		check(tocsin_socket_kind(&f->socket)[0] && tocsin_socket_state(&f->socket));
		torn += f->confidence == TOCSIN_TORN;
	}
	check(torn <= list->torn);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct tocsin_process_layout process = fuzz_layout;
	struct tocsin_file_layout file = layout;
	struct tocsin_kernel k = FUZZ_KERNEL;
	struct tocsin_process p = {.task = DATA, .mm = DATA};
	struct tocsin_file_list list;
	struct tocsin_error err = {0};
	int rc;

	if (!fuzz_memory(&k, data, size))
		return 0;
	process.task_fs = 8;
	k.process = &process;
	k.file = &file;
	rc = tocsin_file_list(&k, &p, &list, &err);
	check(!rc == !err.code);
	if (!rc) {
		check_list(&list);
		tocsin_file_list_free(&list);
	}
	tocsin_memory_close(k.m);
	return 0;
}
