// SPDX-License-Identifier: GPL-2.0-or-later
#include "monitor/view.h"
#include <errno.h>
#include <stdlib.h>
#include <string.h>
int tocsin_view_read(struct tocsin_kernel *k, struct tocsin_view *ret, struct tocsin_error *err)
{
	struct tocsin_socket_list l;
	struct tocsin_view v = {0};
	int rc = tocsin_socket_list(k, &l, err);
	if (rc)
		return rc;
	rc = tocsin_holder_list(k, &v.holders, err);
	if (rc)
		return rc;
	v.rows = calloc(l.count + v.holders.count + 1, sizeof(*v.rows));
	for (size_t i = 0; i < l.count; i++)
		v.rows[v.count++] = (struct tocsin_view_row){.socket = l.rows[i].socket,
							     .confidence = l.rows[i].confidence,
							     .in_table = true};
	size_t listed = v.count;
	for (size_t i = 0; i < v.holders.count; i++) {
		uint64_t s = v.holders.rows[i].sock;
		size_t j;
		if (i && v.holders.rows[i - 1].sock == s)
			continue;
		for (j = 0; j < listed && v.rows[j].socket.sock != s; j++) {
		}
		if (j == listed) {
			if (tocsin_socket_at(k, s, &v.rows[v.count].socket, NULL))
				continue;
			j = v.count++;
		}
		v.rows[j].first = i;
		while (i + v.rows[j].holders < v.holders.count &&
		       v.holders.rows[i + v.rows[j].holders].sock == s)
			v.rows[j].holders++;
	}
	for (size_t i = 1; i < v.count; i++)
		for (size_t j = i; j && v.rows[j - 1].socket.sock > v.rows[j].socket.sock; j--) {
			struct tocsin_view_row t = v.rows[j];
			v.rows[j] = v.rows[j - 1];
			v.rows[j - 1] = t;
		}
	tocsin_socket_list_free(&l);
	*ret = v;
	return 0;
}
void tocsin_view_free(struct tocsin_view *view)
{
	free(view->rows);
	tocsin_holder_list_free(&view->holders);
	memset(view, 0, sizeof(*view));
}
