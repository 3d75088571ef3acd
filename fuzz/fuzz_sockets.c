/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Sockets in the tables of their protocols, in an image that lies; input: mutate.h. */
#include "mutate.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	static struct fixture *f;
	struct tocsin_socket_list list;
	struct tocsin_error err = {0};
	size_t torn = 0;
	int rc;

	if (!f) {
		f = fixture_open(NULL);
		make_process(f);
		make_sockets(f, make_net(f));
		fixture_ready(f);
	}
	mutate(f, data, size);
	rc = tocsin_socket_list(&f->k, &list, &err);
	check_accesses(f);
	check(!rc == !err.code);
	check(size || (!rc && list.count == 4 && !list.torn));
	if (rc)
		return 0;
	for (size_t i = 0; i < list.count; i++) {
		const struct tocsin_socket *s = &list.rows[i].socket;

		check(tocsin_socket_kind(s)[0] && tocsin_socket_state(s));
		check(tocsin_socket_owner_name(s->owner) &&
		      s->name_size <= TOCSIN_SOCKET_NAME_SIZE);
		torn += list.rows[i].confidence == TOCSIN_TORN;
	}
	check(torn <= list.torn);
	tocsin_socket_list_free(&list);
	return 0;
}
