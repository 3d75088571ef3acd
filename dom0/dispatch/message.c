/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "dispatch/message.h"
#include "dispatch/wire.h"

#include <errno.h>
#include <string.h>

int tocsin_msg_kind(const uint8_t *bytes, size_t size)
{
	if (!size || size > TOCSIN_MESSAGE_MAX || !bytes[0] || bytes[0] >= TOCSIN_MSG_KINDS)
		return -EBADMSG;
	return bytes[0];
}

/* ---- jobs ---- */

size_t tocsin_msg_put_job(uint8_t *to, const struct tocsin_msg_job *m)
{
	struct tocsin_wire w = tocsin_wire_message(to, TOCSIN_MSG_JOB);

	tocsin_wire_u64(&w, m->id);
	tocsin_wire_u8(&w, m->give_up);
	tocsin_wire_u32(&w, m->without);
	tocsin_wire_bytes(&w, &m->record, sizeof(m->record));
	return w.at;
}

int tocsin_msg_get_job(const uint8_t *bytes, size_t size, struct tocsin_msg_job *ret)
{
	struct tocsin_wire_in in = tocsin_wire_get_message(bytes, size, TOCSIN_MSG_JOB);

	ret->id = tocsin_wire_get_u64(&in);
	ret->give_up = tocsin_wire_get_bool(&in);
	ret->without = tocsin_wire_get_u32(&in);
	tocsin_wire_get_bytes(&in, &ret->record, sizeof(ret->record));
	return tocsin_wire_finish(&in);
}

/* ---- outcomes ---- */

static void put_process(struct tocsin_wire *w, const struct tocsin_process *p)
{
	tocsin_wire_u8(w, p->confidence);
	tocsin_wire_u64(w, p->task);
	tocsin_wire_u64(w, p->mm);
	tocsin_wire_u64(w, p->pgd);
	tocsin_wire_u64(w, p->start_time);
	tocsin_wire_u32(w, (uint32_t)p->pid);
	tocsin_wire_u32(w, (uint32_t)p->tid);
	tocsin_wire_u32(w, (uint32_t)p->ppid);
	tocsin_wire_u32(w, (uint32_t)p->ns_pid);
	tocsin_wire_u32(w, p->uid);
	tocsin_wire_u32(w, p->euid);
	tocsin_wire_u32(w, p->suid);
	tocsin_wire_u32(w, p->fsuid);
	tocsin_wire_u32(w, p->gid);
	tocsin_wire_u32(w, p->egid);
	tocsin_wire_u64(w, p->cred);
	tocsin_wire_u64(w, p->cap_effective);
	tocsin_wire_u8(w, p->user_ns_initial);
	tocsin_wire_text(w, p->comm, sizeof(p->comm));
	tocsin_wire_text(w, p->exe, sizeof(p->exe));
	tocsin_wire_file_id(w, &p->exe_id);
	tocsin_wire_u32(w, p->exe_mode);
	tocsin_wire_blob(w, p->cmdline, p->cmdline_size);
	tocsin_wire_u8(w, p->cmdline_truncated);
}

static void get_process(struct tocsin_wire_in *in, struct tocsin_process *p)
{
	p->confidence = tocsin_wire_get_choice(in, TOCSIN_CONTRADICTED + 1);
	p->task = tocsin_wire_get_u64(in);
	p->mm = tocsin_wire_get_u64(in);
	p->pgd = tocsin_wire_get_u64(in);
	p->start_time = tocsin_wire_get_u64(in);
	p->pid = (int32_t)tocsin_wire_get_u32(in);
	p->tid = (int32_t)tocsin_wire_get_u32(in);
	p->ppid = (int32_t)tocsin_wire_get_u32(in);
	p->ns_pid = (int32_t)tocsin_wire_get_u32(in);
	p->uid = tocsin_wire_get_u32(in);
	p->euid = tocsin_wire_get_u32(in);
	p->suid = tocsin_wire_get_u32(in);
	p->fsuid = tocsin_wire_get_u32(in);
	p->gid = tocsin_wire_get_u32(in);
	p->egid = tocsin_wire_get_u32(in);
	p->cred = tocsin_wire_get_u64(in);
	p->cap_effective = tocsin_wire_get_u64(in);
	p->user_ns_initial = tocsin_wire_get_bool(in);
	tocsin_wire_get_text(in, p->comm, sizeof(p->comm));
	tocsin_wire_get_text(in, p->exe, sizeof(p->exe));
	tocsin_wire_get_file_id(in, &p->exe_id);
	p->exe_mode = tocsin_wire_get_u32(in);
	p->cmdline_size = tocsin_wire_get_blob(in, p->cmdline, sizeof(p->cmdline));
	p->cmdline_truncated = tocsin_wire_get_bool(in);
}

static void put_finding(struct tocsin_wire *w, const struct tocsin_finding *f)
{
	tocsin_wire_text(w, f->scanner, sizeof(f->scanner));
	tocsin_wire_text(w, f->rule, sizeof(f->rule));
	tocsin_wire_u8(w, f->severity);
	tocsin_wire_u8(w, f->certainty);
	tocsin_wire_text(w, f->technique, sizeof(f->technique));
	tocsin_wire_u64(w, f->start);
	tocsin_wire_u64(w, f->end);
	tocsin_wire_blob(w, f->evidence, f->evidence_size);
	tocsin_wire_text(w, f->code, sizeof(f->code));
	tocsin_wire_text(w, f->what, sizeof(f->what));
	tocsin_wire_text(w, f->why, sizeof(f->why));
}

static void get_finding(struct tocsin_wire_in *in, struct tocsin_finding *f)
{
	tocsin_wire_get_text(in, f->scanner, sizeof(f->scanner));
	tocsin_wire_get_text(in, f->rule, sizeof(f->rule));
	f->severity = tocsin_wire_get_choice(in, TOCSIN_SEVERITY_CRITICAL + 1);
	f->certainty = tocsin_wire_get_choice(in, TOCSIN_CERTAINTY_HIGH + 1);
	tocsin_wire_get_text(in, f->technique, sizeof(f->technique));
	f->start = tocsin_wire_get_u64(in);
	f->end = tocsin_wire_get_u64(in);
	f->evidence_size = tocsin_wire_get_blob(in, f->evidence, sizeof(f->evidence));
	tocsin_wire_get_text(in, f->code, sizeof(f->code));
	tocsin_wire_get_text(in, f->what, sizeof(f->what));
	tocsin_wire_get_text(in, f->why, sizeof(f->why));
}

/* The rows come last, as many as there is room for. */
#define ROW_MAX (sizeof(struct tocsin_finding) + 64u)
#define TAIL_ROOM 2048u /* what a report puts before an outcome */

static void put_findings(struct tocsin_wire *w, const struct tocsin_findings *f)
{
	size_t count = 0, at;

	tocsin_wire_u64(w, f->pages_present);
	tocsin_wire_u64(w, f->pages_read);
	tocsin_wire_u64(w, f->pages_torn);
	tocsin_wire_u64(w, f->unknown);
	tocsin_wire_u8(w, f->truncated);
	tocsin_wire_text(w, f->unreadable, sizeof(f->unreadable));
	at = w->at;
	tocsin_wire_u64(w, 0);
	tocsin_wire_u32(w, 0);
	for (; count < f->count && w->size - w->at > ROW_MAX + TAIL_ROOM; count++)
		put_finding(w, &f->rows[count]);
	tocsin_wire_patch(w, at, f->dropped + (f->count - count), (uint32_t)count);
}

static void get_findings(struct tocsin_wire_in *in, struct tocsin_findings *f)
{
	uint32_t count;

	f->pages_present = tocsin_wire_get_u64(in);
	f->pages_read = tocsin_wire_get_u64(in);
	f->pages_torn = tocsin_wire_get_u64(in);
	f->unknown = tocsin_wire_get_u64(in);
	f->truncated = tocsin_wire_get_bool(in);
	tocsin_wire_get_text(in, f->unreadable, sizeof(f->unreadable));
	f->dropped = tocsin_wire_get_u64(in);
	count = tocsin_wire_get_u32(in);
	if (count > TOCSIN_FINDINGS_MAX)
		in->bad = true;
	f->count = 0;
	while (!in->bad && f->count < count)
		get_finding(in, &f->rows[f->count++]);
}

/* What of an answer is a worker's to say. */
static void put_said(struct tocsin_wire *w, const struct tocsin_answer *a)
{
	tocsin_wire_u8(w, (uint8_t)a->state);
	tocsin_wire_u8(w, (uint8_t)a->verdict);
	tocsin_wire_u8(w, (uint8_t)a->error);
	tocsin_wire_u8(w, (uint8_t)a->score);
	tocsin_wire_u32(w, a->findings);
	tocsin_wire_u64(w, a->start_time);
	tocsin_wire_u32(w, a->pid);
	tocsin_wire_u32(w, a->uid);
	tocsin_wire_text(w, a->text, sizeof(a->text));
}

static void get_said(struct tocsin_wire_in *in, struct tocsin_answer *a)
{
	memset(a, 0, sizeof(*a));
	a->state = tocsin_wire_get_choice(in, TOCSIN_STATE_ERROR + 1);
	a->verdict = tocsin_wire_get_choice(in, TOCSIN_VERDICT_INCONCLUSIVE + 1);
	a->error = tocsin_wire_get_choice(in, TOCSIN_REQERR_INTERNAL + 1);
	a->score = tocsin_wire_get_choice(in, 101);
	a->findings = tocsin_wire_get_u32(in);
	a->start_time = tocsin_wire_get_u64(in);
	a->pid = tocsin_wire_get_u32(in);
	a->uid = tocsin_wire_get_u32(in);
	tocsin_wire_get_text(in, a->text, sizeof(a->text));
	if (!a->state)
		in->bad = true; /* the asker would wait for ever */
}

enum { HAS_ASKER = 1, HAS_TARGET = 2, HAS_REQUEST = 4, COALESCED = 8 };

static void put_outcome(struct tocsin_wire *w, const struct tocsin_outcome *o)
{
	tocsin_wire_u8(w, o->kind);
	tocsin_wire_u8(w, (o->has_asker ? HAS_ASKER : 0) | (o->has_target ? HAS_TARGET : 0) |
			      (o->has_request ? HAS_REQUEST : 0) | (o->coalesced ? COALESCED : 0));
	tocsin_wire_u64(w, o->bytes_read);
	tocsin_wire_u64(w, o->pages_mapped);
	tocsin_wire_u64(w, o->duration);
	tocsin_wire_text(w, o->reason, sizeof(o->reason));
	if (o->has_asker)
		put_process(w, &o->asker);
	if (o->has_target)
		put_process(w, &o->target);
	if (o->has_request) {
		tocsin_wire_bytes(w, o->nonce, sizeof(o->nonce));
		put_said(w, &o->answer);
	}
	if (o->kind != TOCSIN_REPORT_VERDICT)
		return;
	tocsin_wire_u8(w, (uint8_t)o->verdict.verdict);
	tocsin_wire_u8(w, (uint8_t)o->verdict.score);
	tocsin_wire_text(w, o->verdict.text, sizeof(o->verdict.text));
	put_findings(w, &o->findings);
}

static void get_outcome(struct tocsin_wire_in *in, struct tocsin_outcome *o)
{
	uint8_t has;

	/* What is not in the message is nothing, and not what was there before. */
	memset(&o->verdict, 0, sizeof(o->verdict));
	memset(&o->answer, 0, sizeof(o->answer));
	o->findings.count = o->findings.dropped = 0;
	o->kind = tocsin_wire_get_choice(in, TOCSIN_REPORT_ERROR + 1);
	if (o->kind != TOCSIN_REPORT_VERDICT && o->kind != TOCSIN_REPORT_ERROR)
		in->bad = true;
	has = tocsin_wire_get_choice(in, 2 * COALESCED);
	o->has_asker = has & HAS_ASKER;
	o->has_target = has & HAS_TARGET;
	o->has_request = has & HAS_REQUEST;
	o->coalesced = has & COALESCED;
	o->bytes_read = tocsin_wire_get_u64(in);
	o->pages_mapped = tocsin_wire_get_u64(in);
	o->duration = tocsin_wire_get_u64(in);
	tocsin_wire_get_text(in, o->reason, sizeof(o->reason));
	if (o->has_asker)
		get_process(in, &o->asker);
	if (o->has_target)
		get_process(in, &o->target);
	if (o->has_request) {
		tocsin_wire_get_bytes(in, o->nonce, sizeof(o->nonce));
		get_said(in, &o->answer);
	}
	if (o->kind != TOCSIN_REPORT_VERDICT)
		return;
	o->verdict.verdict = tocsin_wire_get_choice(in, TOCSIN_VERDICT_INCONCLUSIVE + 1);
	o->verdict.score = tocsin_wire_get_choice(in, 101);
	tocsin_wire_get_text(in, o->verdict.text, sizeof(o->verdict.text));
	get_findings(in, &o->findings);
}

size_t tocsin_msg_put_result(uint8_t *to, uint64_t id, const struct tocsin_outcome *o)
{
	struct tocsin_wire w = tocsin_wire_message(to, TOCSIN_MSG_RESULT);

	tocsin_wire_u64(&w, id);
	put_outcome(&w, o);
	return w.at;
}

int tocsin_msg_get_result(const uint8_t *bytes, size_t size, uint64_t *id,
			  struct tocsin_outcome *ret, size_t *outcome_at)
{
	struct tocsin_wire_in in = tocsin_wire_get_message(bytes, size, TOCSIN_MSG_RESULT);

	*id = tocsin_wire_get_u64(&in);
	*outcome_at = in.at;
	if (size > TOCSIN_MESSAGE_MAX - TAIL_ROOM)
		in.bad = true;
	get_outcome(&in, ret);
	return tocsin_wire_finish(&in);
}

/* ---- answers, notes, processes that start ---- */

size_t tocsin_msg_put_answer(uint8_t *to, const struct tocsin_msg_answer *m)
{
	struct tocsin_wire w = tocsin_wire_message(to, TOCSIN_MSG_ANSWER);

	tocsin_wire_u64(&w, m->id);
	tocsin_wire_bytes(&w, &m->answer, sizeof(m->answer));
	return w.at;
}

int tocsin_msg_get_answer(const uint8_t *bytes, size_t size, struct tocsin_msg_answer *ret)
{
	struct tocsin_wire_in in = tocsin_wire_get_message(bytes, size, TOCSIN_MSG_ANSWER);

	ret->id = tocsin_wire_get_u64(&in);
	tocsin_wire_get_bytes(&in, &ret->answer, sizeof(ret->answer));
	return tocsin_wire_finish(&in);
}

size_t tocsin_msg_put_note(uint8_t *to, enum tocsin_message kind, const struct tocsin_msg_note *m)
{
	struct tocsin_wire w = tocsin_wire_message(to, kind);

	tocsin_wire_u64(&w, m->id);
	tocsin_wire_u32(&w, m->error);
	tocsin_wire_text(&w, m->text, sizeof(m->text));
	return w.at;
}

int tocsin_msg_get_note(const uint8_t *bytes, size_t size, struct tocsin_msg_note *ret)
{
	struct tocsin_wire_in in = {.bytes = bytes, .size = size};

	tocsin_wire_get_u8(&in);
	ret->id = tocsin_wire_get_u64(&in);
	ret->error = tocsin_wire_get_u32(&in);
	tocsin_wire_get_text(&in, ret->text, sizeof(ret->text));
	return tocsin_wire_finish(&in);
}

size_t tocsin_msg_put_start(uint8_t *to, enum tocsin_message kind, const struct tocsin_msg_start *m)
{
	struct tocsin_wire w = tocsin_wire_message(to, kind);

	tocsin_wire_u32(&w, m->domid);
	tocsin_wire_u32(&w, m->pid);
	tocsin_wire_u64(&w, m->number);
	tocsin_wire_bytes(&w, m->uuid, sizeof(m->uuid));
	tocsin_wire_u8(&w, m->errand);
	tocsin_wire_u64(&w, m->id);
	tocsin_wire_u32(&w, m->without);
	tocsin_wire_u32(&w, m->process);
	tocsin_wire_u64(&w, m->start_time);
	return w.at;
}

int tocsin_msg_get_start(const uint8_t *bytes, size_t size, struct tocsin_msg_start *ret)
{
	struct tocsin_wire_in in = {.bytes = bytes, .size = size};

	tocsin_wire_get_u8(&in);
	ret->domid = tocsin_wire_get_u32(&in);
	ret->pid = tocsin_wire_get_u32(&in);
	ret->number = tocsin_wire_get_u64(&in);
	tocsin_wire_get_bytes(&in, ret->uuid, sizeof(ret->uuid));
	ret->errand = tocsin_wire_get_choice(&in, TOCSIN_ERRAND_KINDS);
	ret->id = tocsin_wire_get_u64(&in);
	ret->without = tocsin_wire_get_u32(&in);
	ret->process = tocsin_wire_get_u32(&in);
	ret->start_time = tocsin_wire_get_u64(&in);
	return tocsin_wire_finish(&in);
}

/* ---- reports ---- */

size_t tocsin_msg_put_report(uint8_t *to, const struct tocsin_msg_report *m, const uint8_t *outcome,
			     size_t size)
{
	struct tocsin_wire w = tocsin_wire_message(to, TOCSIN_MSG_REPORT);

	tocsin_wire_u64(&w, m->number);
	tocsin_wire_u8(&w, m->kind);
	tocsin_wire_u64(&w, m->time);
	tocsin_wire_u64(&w, m->tsc);
	tocsin_wire_u64(&w, m->lost);
	tocsin_wire_u32(&w, m->cpu);
	tocsin_wire_bytes(&w, &m->record, sizeof(m->record));
	tocsin_wire_text(&w, m->domain, sizeof(m->domain));
	tocsin_wire_bytes(&w, m->uuid, sizeof(m->uuid));
	tocsin_wire_u8(&w, m->answered);
	tocsin_wire_u8(&w, m->swept);
	tocsin_wire_u8(&w, m->actions);
	tocsin_wire_text(&w, m->slot_error, sizeof(m->slot_error));
	tocsin_wire_text(&w, m->reason, sizeof(m->reason));
	tocsin_wire_u8(&w, outcome != NULL);
	if (outcome)
		tocsin_wire_bytes(&w, outcome, size);
	return w.at;
}

int tocsin_msg_get_report(const uint8_t *bytes, size_t size, struct tocsin_msg_report *ret,
			  struct tocsin_outcome *outcome)
{
	struct tocsin_wire_in in = tocsin_wire_get_message(bytes, size, TOCSIN_MSG_REPORT);
	uint32_t cpu;

	ret->number = tocsin_wire_get_u64(&in);
	ret->kind = tocsin_wire_get_choice(&in, TOCSIN_REPORT_LOSS + 1);
	ret->time = tocsin_wire_get_u64(&in);
	ret->tsc = tocsin_wire_get_u64(&in);
	ret->lost = tocsin_wire_get_u64(&in);
	cpu = tocsin_wire_get_u32(&in);
	in.bad |= cpu > UINT16_MAX;
	ret->cpu = (uint16_t)cpu;
	tocsin_wire_get_bytes(&in, &ret->record, sizeof(ret->record));
	tocsin_wire_get_text(&in, ret->domain, sizeof(ret->domain));
	tocsin_wire_get_bytes(&in, ret->uuid, sizeof(ret->uuid));
	ret->answered = tocsin_wire_get_bool(&in);
	ret->swept = tocsin_wire_get_bool(&in);
	ret->actions = tocsin_wire_get_u8(&in);
	tocsin_wire_get_text(&in, ret->slot_error, sizeof(ret->slot_error));
	tocsin_wire_get_text(&in, ret->reason, sizeof(ret->reason));
	ret->has_outcome = tocsin_wire_get_bool(&in);
	if (ret->has_outcome && !in.bad)
		get_outcome(&in, outcome);
	return tocsin_wire_finish(&in);
}
