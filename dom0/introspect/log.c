// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * The kernel's log, from its lockless ring of records (kernel/printk/printk_ringbuffer.c, since
 * 5.10; what was before is in log_records.c). The kernel writes to it while we read, and each
 * record says by its descriptor whether it is whole: a record counts only when its descriptor said
 * so before and after the text was copied, and when the block of text names that descriptor. Others
 * are counted, not printed.
 */
#include "introspect/log.h"
#include "base/room.h"

#include <errno.h>
#include <stddef.h>
#include <stdlib.h>
#include <string.h>

#define RECORDS_BITS_MAX 22
#define TEXT_BITS_MAX 30
#define STATE_SHIFT 62
#define STATE_COMMITTED 1
#define STATE_FINALIZED 2
#define NO_DATA 1ull /* in the position of a block: the record has none */

struct layout {
	uint32_t count_bits, descriptors, infos, tail, text_bits, text_data;
	uint32_t state, begin, next;
	uint32_t seq, time, length;
	struct tocsin_btf_member level, facility;
	uint64_t descriptor_size, info_size;
};

struct ring {
	struct tocsin_kernel *k;
	const struct layout *l;
	uint64_t descriptors, infos, data;
	uint64_t count, size; /* powers of two */
	struct tocsin_log_growing *to;
};

static int find_layout(struct tocsin_kernel *k, struct layout *l)
{
	const struct {
		const char *type, *path;
		uint32_t *to;
	} members[] = {
	    {"printk_ringbuffer", "desc_ring.count_bits", &l->count_bits},
	    {"printk_ringbuffer", "desc_ring.descs", &l->descriptors},
	    {"printk_ringbuffer", "desc_ring.infos", &l->infos},
	    {"printk_ringbuffer", "desc_ring.tail_id", &l->tail},
	    {"printk_ringbuffer", "text_data_ring.size_bits", &l->text_bits},
	    {"printk_ringbuffer", "text_data_ring.data", &l->text_data},
	    {"prb_desc", "state_var", &l->state},
	    {"prb_desc", "text_blk_lpos.begin", &l->begin},
	    {"prb_desc", "text_blk_lpos.next", &l->next},
	    {"printk_info", "seq", &l->seq},
	    {"printk_info", "ts_nsec", &l->time},
	    {"printk_info", "text_len", &l->length},
	};
	int rc = 0;

	for (size_t i = 0; i < sizeof(members) / sizeof(members[0]) && !rc; i++) {
		struct tocsin_btf_member m;

		rc = tocsin_btf_member(k->btf, members[i].type, members[i].path, &m);
		if (!rc && (m.offset > UINT16_MAX || m.bit_size))
			rc = -EINVAL;
		if (!rc)
			*members[i].to = (uint32_t)m.offset;
	}
	if (!rc)
		rc = tocsin_btf_member(k->btf, "printk_info", "level", &l->level);
	if (!rc)
		rc = tocsin_btf_member(k->btf, "printk_info", "facility", &l->facility);
	if (!rc)
		rc = tocsin_btf_sizeof(k->btf, "prb_desc", &l->descriptor_size);
	if (!rc)
		rc = tocsin_btf_sizeof(k->btf, "printk_info", &l->info_size);
	if (!rc &&
	    (l->descriptor_size > 256 || l->info_size > 256 || l->level.offset >= l->info_size ||
	     l->facility.offset >= l->info_size || l->length + 2 > l->info_size ||
	     l->level.bit_size > 8 || l->seq + 8 > l->info_size || l->time + 8 > l->info_size ||
	     l->begin + 8 > l->descriptor_size || l->next + 8 > l->descriptor_size ||
	     l->state + 8 > l->descriptor_size))
		rc = -EINVAL;
	return rc;
}

static int open_ring(struct ring *r, uint64_t prb, uint64_t *tail)
{
	uint32_t count_bits, text_bits;

	if (tocsin_kernel_read(r->k, prb + r->l->count_bits, &count_bits, 4) ||
	    tocsin_kernel_read(r->k, prb + r->l->text_bits, &text_bits, 4) ||
	    tocsin_kernel_read_u64(r->k, prb + r->l->descriptors, &r->descriptors) ||
	    tocsin_kernel_read_u64(r->k, prb + r->l->infos, &r->infos) ||
	    tocsin_kernel_read_u64(r->k, prb + r->l->text_data, &r->data) ||
	    tocsin_kernel_read_u64(r->k, prb + r->l->tail, tail))
		return -EFAULT;
	if (!count_bits || count_bits > RECORDS_BITS_MAX || !text_bits || text_bits > TEXT_BITS_MAX)
		return -EINVAL;
	r->count = 1ull << count_bits;
	r->size = 1ull << text_bits;
	return 0;
}

static int reserve(struct tocsin_log_growing *g, size_t text)
{
	struct tocsin_log *log = &g->log;

	if (!TOCSIN_ROOM(log->rows, g->rows_room, log->count))
		return -ENOMEM;
	if (g->text_room - log->text_size < text) {
		size_t room = g->text_room * 2 + text;
		char *more = realloc(log->text, room);

		if (!more)
			return -ENOMEM;
		log->text = more;
		g->text_room = room;
	}
	return 0;
}

int tocsin_log_take(struct tocsin_kernel *k, struct tocsin_log_growing *g, uint64_t text,
		    uint16_t size, struct tocsin_log_record **ret)
{
	struct tocsin_log_record *row;
	int rc = reserve(g, size);

	if (rc)
		return rc;
	if (size && tocsin_kernel_read(k, text, g->log.text + g->log.text_size, size))
		return -EFAULT;
	row = &g->log.rows[g->log.count];
	*row = (struct tocsin_log_record){.text = g->log.text_size, .size = size};
	*ret = row;
	return 0;
}

void tocsin_log_keep(struct tocsin_log_growing *g)
{
	g->log.text_size += g->log.rows[g->log.count++].size;
}

uint8_t tocsin_log_bits(const uint8_t *bytes, const struct tocsin_btf_member *m)
{
	unsigned int value = bytes[m->offset] >> m->bit_offset;

	return (uint8_t)(m->bit_size ? value & ((1u << m->bit_size) - 1) : value);
}

/* Where the text of the block [begin, next) lies, and how much fits there; -EAGAIN: nonsense. */
static int find_text(const struct ring *r, uint64_t id, uint64_t begin, uint64_t next, uint64_t *at,
		     uint64_t *room)
{
	uint64_t first = begin & (r->size - 1), last = next & (r->size - 1), owner;

	if (begin / r->size == next / r->size && first < last) {
		*at = first;
		*room = last - first;
	} else { /* a block that would cross the end lies at the beginning, whole */
		*at = 0;
		*room = last;
	}
	if (*room < sizeof(owner) || tocsin_kernel_read_u64(r->k, r->data + *at, &owner) ||
	    owner != id)
		return -EAGAIN;
	*at += sizeof(owner);
	*room -= sizeof(owner);
	return 0;
}

/* 0, -ENOENT: this descriptor holds no record, -EAGAIN: it does, but not for us. */
static int read_record(struct ring *r, uint64_t id)
{
	const struct layout *l = r->l;
	uint64_t slot = r->descriptors + (id & (r->count - 1)) * l->descriptor_size, state, again;
	uint64_t begin, next, at = 0, room = 0;
	struct tocsin_log_record *row;
	uint8_t info[256];
	uint16_t length;
	int rc;

	if (tocsin_kernel_read_u64(r->k, slot + l->state, &state))
		return -EFAULT;
	if ((state & ~(3ull << STATE_SHIFT)) != id ||
	    (state >> STATE_SHIFT != STATE_COMMITTED && state >> STATE_SHIFT != STATE_FINALIZED))
		return -ENOENT;
	if (tocsin_kernel_read_u64(r->k, slot + l->begin, &begin) ||
	    tocsin_kernel_read_u64(r->k, slot + l->next, &next) ||
	    tocsin_kernel_read(r->k, r->infos + (id & (r->count - 1)) * l->info_size, info,
			       l->info_size))
		return -EFAULT;
	memcpy(&length, info + l->length, sizeof(length));
	rc = begin & NO_DATA ? 0 : find_text(r, id, begin, next, &at, &room);
	if (rc)
		return rc;
	if (length > room)
		length = (uint16_t)room; /* the kernel cuts it there too */
	if (length > TOCSIN_LOG_TEXT_MAX)
		length = TOCSIN_LOG_TEXT_MAX;
	rc = tocsin_log_take(r->k, r->to, r->data + at, length, &row);
	if (rc)
		return rc;
	if (tocsin_kernel_read_u64(r->k, slot + l->state, &again) || again != state)
		return -EAGAIN;
	memcpy(&row->seq, info + l->seq, 8);
	memcpy(&row->time, info + l->time, 8);
	row->level = tocsin_log_bits(info, &l->level);
	row->facility = info[l->facility.offset];
	tocsin_log_keep(r->to);
	return 0;
}

/* -ENOTSUP: this kernel has no such ring. */
static int read_ring(struct tocsin_kernel *k, struct tocsin_log_growing *g)
{
	struct layout l;
	struct ring r = {.k = k, .l = &l, .to = g};
	uint64_t pointer, prb, tail;
	int rc;

	if (find_layout(k, &l) || tocsin_kernel_symbol(k, "prb", &pointer))
		return -ENOTSUP;
	rc = tocsin_kernel_read_u64(k, pointer, &prb);
	if (!rc)
		rc = open_ring(&r, prb, &tail);
	if (rc)
		return rc;
	for (uint64_t i = 0; i < r.count && rc != -ENOMEM; i++) {
		rc = read_record(&r, (tail + i) & ~(3ull << STATE_SHIFT));
		g->log.torn += rc == -EAGAIN || rc == -EFAULT;
	}
	return rc == -ENOMEM ? rc : 0;
}

int tocsin_log_read(struct tocsin_kernel *k, struct tocsin_log *ret, struct tocsin_error *err)
{
	struct tocsin_log_growing g = {0};
	int rc = read_ring(k, &g);

	if (rc == -ENOTSUP)
		rc = tocsin_log_read_records(k, &g);
	if (!rc && g.log.count) {
		*ret = g.log;
		return 0;
	}
	tocsin_log_free(&g.log);
	if (rc == -ENOTSUP)
		return tocsin_error_set(err, rc, "this kernel's log has no known layout");
	return rc ? tocsin_error_set(err, rc, "the kernel's log cannot be read: %s", strerror(-rc))
		  : tocsin_error_set(err, -EINVAL, "no record of the log is whole");
}

void tocsin_log_free(struct tocsin_log *log)
{
	free(log->rows);
	free(log->text);
	memset(log, 0, sizeof(*log));
}
