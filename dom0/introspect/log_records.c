// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * The kernel's log before 5.10: records of variable size one after the other in one buffer, each
 * with its length; a length of 0 says that the next one is at the beginning (log_from_idx() of
 * kernel/printk/printk.c up to 5.9).
 *
 * A record has no mark of its own that it is whole. But the kernel moves log_first_seq past a
 * record before it writes over it, so what was copied counts if log_first_seq, read afterwards, has
 * not passed it.
 */
#include "introspect/log.h"
#include "introspect/process.h"

#include <errno.h>
#include <string.h>

#define HEAD_MAX 64u
#define BUFFER_MAX (1u << 30)
#define RETRIES 8

struct layout {
	uint32_t time, length, text_length, facility, size;
	struct tocsin_btf_member level;
	uint64_t buffer, buffer_size, first_seq, first_at, next_seq, next_at; /* symbols */
};

struct records {
	struct tocsin_kernel *k;
	struct layout l;
	struct tocsin_log_growing *to;
	uint64_t buffer; /* VA */
	uint32_t size;
	uint64_t seq; /* of the record at `at` */
	uint32_t at;
	uint64_t end; /* number and place of the record that is yet to come */
	uint32_t end_at;
};

static int find_layout(struct tocsin_kernel *k, struct layout *l)
{
	const struct {
		const char *name;
		uint64_t *to;
	} symbols[] = {
	    {"log_buf", &l->buffer},          {"log_buf_len", &l->buffer_size},
	    {"log_first_seq", &l->first_seq}, {"log_first_idx", &l->first_at},
	    {"log_next_seq", &l->next_seq},   {"log_next_idx", &l->next_at},
	};
	uint64_t size;

	l->time = tocsin_member_or_none(k, "printk_log", "ts_nsec");
	l->length = tocsin_member_or_none(k, "printk_log", "len");
	l->text_length = tocsin_member_or_none(k, "printk_log", "text_len");
	l->facility = tocsin_member_or_none(k, "printk_log", "facility");
	if (tocsin_btf_member(k->btf, "printk_log", "level", &l->level) ||
	    tocsin_btf_sizeof(k->btf, "printk_log", &size) || size < 16 || size > HEAD_MAX ||
	    l->time > size - 8 || l->length > size - 2 || l->text_length > size - 2 ||
	    l->facility > size - 1 || l->level.offset > size - 1 || l->level.bit_size > 8)
		return -ENOTSUP;
	l->size = (uint32_t)size;
	for (size_t i = 0; i < sizeof(symbols) / sizeof(symbols[0]); i++)
		if (tocsin_kernel_symbol(k, symbols[i].name, symbols[i].to))
			return -ENOTSUP;
	return 0;
}

/* A number and its place, as they are when the number is the same before and after. */
static int read_pair(struct records *r, uint64_t number, uint64_t place, uint64_t *seq,
		     uint32_t *at)
{
	uint64_t again;

	for (int i = 0; i < RETRIES; i++) {
		tocsin_kernel_wait(r->k, i);
		if (tocsin_kernel_read_u64(r->k, number, seq) ||
		    tocsin_kernel_read(r->k, place, at, 4) ||
		    tocsin_kernel_read_u64(r->k, number, &again))
			return -EFAULT;
		if (again == *seq)
			return 0;
	}
	return -EAGAIN;
}

static int find_first(struct records *r)
{
	return read_pair(r, r->l.first_seq, r->l.first_at, &r->seq, &r->at);
}

/* The head of the record at r->at, which moves to the beginning if the record is there. */
static int read_head(struct records *r, uint8_t head[HEAD_MAX], uint16_t *length)
{
	for (int i = 0; i < 2; i++) {
		if (r->at > r->size || r->size - r->at < r->l.size)
			return -EINVAL;
		if (tocsin_kernel_read(r->k, r->buffer + r->at, head, r->l.size))
			return -EFAULT;
		memcpy(length, head + r->l.length, sizeof(*length));
		if (*length)
			return 0;
		r->at = 0;
	}
	return -EINVAL;
}

/* One record. -EINVAL: none that makes sense. */
static int read_record(struct records *r, uint16_t *length)
{
	struct tocsin_log_record *row;
	uint8_t head[HEAD_MAX];
	uint16_t text;
	int rc = read_head(r, head, length);

	if (rc)
		return rc;
	memcpy(&text, head + r->l.text_length, sizeof(text));
	if (*length < r->l.size || text > *length - r->l.size || *length > r->size - r->at)
		return -EINVAL;
	if (text > TOCSIN_LOG_TEXT_MAX)
		text = TOCSIN_LOG_TEXT_MAX;
	rc = tocsin_log_take(r->k, r->to, r->buffer + r->at + r->l.size, text, &row);
	if (rc)
		return rc;
	row->seq = r->seq;
	memcpy(&row->time, head + r->l.time, sizeof(row->time));
	row->level = tocsin_log_bits(head, &r->l.level);
	row->facility = head[r->l.facility];
	return 0;
}

/* All up to the record that was the newest at first, or as many as there can be. */
static int read_all(struct records *r)
{
	uint32_t bound = r->size / r->l.size + 1;
	uint64_t first, missed;
	uint16_t length = 0;
	int rc;

	for (; bound && r->seq < r->end; bound--) {
		rc = read_record(r, &length);
		if (rc == -ENOMEM)
			return rc;
		if (tocsin_kernel_read_u64(r->k, r->l.first_seq, &first))
			return -EFAULT;
		if (first <= r->seq) {
			if (rc) /* it was not written over: it is no record */
				return rc;
			tocsin_log_keep(r->to);
			r->seq++;
			r->at += length;
			if ((r->at == r->end_at) != (r->seq == r->end))
				return -EAGAIN;
			continue;
		}
		missed = r->seq;
		rc = find_first(r);
		if (rc)
			return rc;
		missed = r->seq > missed ? r->seq - missed : 1;
		r->to->log.torn += missed < r->size ? missed : r->size;
	}
	return 0;
}

static int read_once(struct records *r)
{
	int rc = read_pair(r, r->l.next_seq, r->l.next_at, &r->end, &r->end_at);

	r->to->log.count = r->to->log.text_size = r->to->log.torn = 0;
	if (!rc)
		rc = find_first(r);
	return rc ? rc : read_all(r);
}

int tocsin_log_read_records(struct tocsin_kernel *k, struct tocsin_log_growing *g)
{
	struct records r = {.k = k, .to = g};
	int rc = find_layout(k, &r.l);

	if (rc)
		return rc;
	if (tocsin_kernel_read_u64(k, r.l.buffer, &r.buffer) ||
	    tocsin_kernel_read(k, r.l.buffer_size, &r.size, 4))
		return -EFAULT;
	if (r.size < r.l.size || r.size > BUFFER_MAX)
		return -EINVAL;
	rc = -EAGAIN;
	for (int i = 0; i < RETRIES && rc == -EAGAIN; i++) {
		tocsin_kernel_wait(k, i);
		rc = read_once(&r);
	}
	if (rc && rc != -ENOMEM && rc != -EAGAIN && g->log.count) { /* the rest is lost */
		g->log.torn++;
		rc = 0;
	}
	return rc;
}
