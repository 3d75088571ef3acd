/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Both views of sockets in a kernel that lies. Input: a byte of choices, then changes of 8 bytes
 * each to a world that begins whole (socket_world.h): u8 what to do, u24 which word of the objects
 * there are, u32 a value or another word. So that a change is no offset that the next member added
 * to the layout would shift away, few inputs go far: they are read modulo what there is.
 */
#include "fuzz.h"
#include "socket_world.h"

#include "monitor/view.h"

#include <time.h>

#define CHANGE 8

/* Nobody runs this kernel: there is nothing to wait for. */
int nanosleep(const struct timespec *request, struct timespec *remain)
{
	return 0;
}

static void check(bool ok)
{
	if (!ok)
		abort();
}

static void change(struct world *w, const uint8_t *bytes)
{
	uint64_t words = (w->used - WORLD_DATA) / 8, where = bytes[1], value, *at, *other;
	uint32_t number;

	where |= (uint64_t)bytes[2] << 8 | (uint64_t)bytes[3] << 16;
	memcpy(&number, bytes + 4, sizeof(number));
	at = world_at(w, WORLD_DATA + where % words * 8);
	value = WORLD_DATA + number % words * 8;
	other = world_at(w, value);
	switch (bytes[0] % 6) {
	case 0:
		*at = number;
		break;
	case 1: /* a pointer to another word */
		*at = value;
		break;
	case 2:
		*at = *other;
		break;
	case 3:
		*at ^= 1ull << number % 64;
		break;
	case 4: /* two links exchanged */
		value = *at;
		*at = *other;
		*other = value;
		break;
	default:
		*at = 0xffff000000000000ull | number;
		break;
	}
}

static void choose(struct world *w, uint8_t choices)
{
	if (choices & 1) { /* kernels before 5.18 */
		w->f.at_unix = w->unixes;
		w->f.net_unix = TOCSIN_NO_MEMBER;
	}
	if (choices & 2)
		w->f.locked_buckets = false;
	if (choices & 4)
		w->f.at_udplite = w->f.at_udp;
	if (choices & 8)
		world_put_u64(w, w->net, w->f.net_tcp, w->f.at_tcp);
	if (choices & 16) { /* one that hides: no table has it */
		uint16_t port = 4444;

		world_sock(w, AF_INET, SOCK_STREAM, IPPROTO_TCP, TCP_ESTABLISHED, port);
	}
	if (choices & 32) /* and one whose holder does */
		*world_at(w, w->fds) = 0;
}

static void check_socket(const struct tocsin_socket *s)
{
	check(s->name_size <= TOCSIN_SOCKET_NAME_SIZE);
	check(tocsin_socket_kind(s)[0] && tocsin_socket_state(s));
	check(tocsin_socket_owner_name(s->owner) && tocsin_socket_table_of(s) <= TOCSIN_TABLES);
}

static void check_view(const struct tocsin_view *v)
{
	size_t torn = 0, contradicted = 0;

	for (size_t i = 0; i < v->count; i++) {
		const struct tocsin_view_row *row = &v->rows[i];

		check_socket(&row->socket);
		check(!i || v->rows[i - 1].socket.sock < row->socket.sock);
		check(row->first <= v->holders.count &&
		      row->holders <= v->holders.count - row->first);
		for (size_t n = 0; n < row->holders; n++)
			check(v->holders.rows[row->first + n].sock == row->socket.sock);
		check(row->in_table || row->holders || row->confidence != TOCSIN_CONSISTENT);
		check(!row->unheld || (row->in_table && !row->holders));
		check(row->confidence != TOCSIN_CONTRADICTED || !row->in_table);
		torn += row->confidence == TOCSIN_TORN;
		contradicted += row->confidence == TOCSIN_CONTRADICTED;
	}
	check(torn <= v->torn && contradicted == v->contradicted);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	static struct world w;
	struct tocsin_error err = {0};
	struct tocsin_view view;
	int rc;

	if (!size)
		return 0;
	world_begin(&w);
	world_fill(&w);
	choose(&w, data[0]);
	for (size_t at = 1; at + CHANGE <= size; at += CHANGE)
		change(&w, data + at);
	rc = tocsin_view_read(&w.k, NULL, &view, &err);
	check(!rc == !err.code);
	if (!rc) {
		/* What nobody broke is as it was made. */
		if (size < 1 + CHANGE) {
			check(view.contradicted == (data[0] >> 4 & 1) && !view.torn);
			check(view.count == 9u + (data[0] >> 4 & 1));
			check(view.rows[0].unheld == (data[0] >> 5 & 1));
		}
		check_view(&view);
		tocsin_view_free(&view);
	}
	world_end(&w);
	return 0;
}
