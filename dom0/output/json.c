/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * One JSON object on one line per report; docs/schema.md names every member. 64-bit addresses are
 * strings in hexadecimal, because many readers keep numbers as doubles. A line is built whole and
 * written whole: no memory means an error, never half a report.
 */
#include "output/formats.h"

#include <arpa/inet.h>
#include <errno.h>
#include <inttypes.h>
#include <stdlib.h>
#include <string.h>

#include <json-c/json.h>

/* An object under construction; bad is set when memory ran out and stays set. */
struct builder {
	struct json_object *o;
	bool *bad;
};

static void put(struct builder b, const char *key, struct json_object *value)
{
	if (!value || !b.o || json_object_object_add(b.o, key, value)) {
		json_object_put(value);
		*b.bad = true;
	}
}

static void put_u64(struct builder b, const char *key, uint64_t value)
{
	put(b, key, json_object_new_uint64(value));
}

static void put_bool(struct builder b, const char *key, bool value)
{
	put(b, key, json_object_new_boolean(value));
}

static void put_hex(struct builder b, const char *key, uint64_t value)
{
	char text[32];

	snprintf(text, sizeof(text), "0x%" PRIx64, value);
	put(b, key, json_object_new_string(text));
}

static struct json_object *bytes_text(const char *bytes, size_t size)
{
	char *text = malloc(size * 4 + 1);
	struct json_object *o;

	if (!text)
		return NULL;
	o = json_object_new_string_len(text,
				       (int)tocsin_output_clean(bytes, size, text, size * 4 + 1));
	free(text);
	return o;
}

static void put_text(struct builder b, const char *key, const char *text)
{
	put(b, key, bytes_text(text, strlen(text)));
}

static void put_bytes(struct builder b, const char *key, const uint8_t *bytes, size_t size)
{
	char text[2 * 64 + 1] = "";
	size_t i;

	for (i = 0; i < size && i < 64; i++)
		snprintf(text + 2 * i, 3, "%02x", bytes[i]);
	put(b, key, json_object_new_string(text));
}

/* A member that is an object itself. */
static struct builder open_object(struct builder b, const char *key)
{
	struct builder child = {json_object_new_object(), b.bad};
	struct json_object *keep = child.o;

	put(b, key, child.o);
	if (*b.bad)
		keep = NULL; /* it may be freed */
	child.o = keep;
	return child;
}

static void put_uuid(struct builder b, const uint8_t u[16])
{
	char text[37];

	snprintf(text, sizeof(text),
		 "%02x%02x%02x%02x-%02x%02x-%02x%02x-%02x%02x-%02x%02x%02x%02x%02x%02x", u[0], u[1],
		 u[2], u[3], u[4], u[5], u[6], u[7], u[8], u[9], u[10], u[11], u[12], u[13], u[14],
		 u[15]);
	put(b, "uuid", json_object_new_string(text));
}

static void put_trigger(struct builder top, const struct tocsin_record *r)
{
	struct builder b = open_object(top, "trigger");

	put_u64(b, "vcpu", r->vcpu);
	put_text(b, "operation", tocsin_operation_name(r->ecx));
	put_hex(b, "ecx", r->ecx);
	put_hex(b, "rdx", r->rdx);
	put_hex(b, "cr3", r->cr3);
	put_u64(b, "ticket", r->seq);
}

/* The command line's arguments, as bytes between NULs. */
static void put_cmdline(struct builder b, const struct tocsin_process *p)
{
	struct json_object *list = json_object_new_array(), *row;
	size_t size = p->cmdline_size, at = 0, n;

	if (size > sizeof(p->cmdline))
		size = sizeof(p->cmdline);
	while (list && at < size) {
		n = strnlen(p->cmdline + at, size - at);
		row = bytes_text(p->cmdline + at, n);
		if (!row || json_object_array_add(list, row)) {
			json_object_put(row);
			*b.bad = true;
			break;
		}
		at += n + 1;
	}
	put(b, "cmdline", list);
	put_bool(b, "cmdline_truncated", p->cmdline_truncated);
}

static void put_identity(struct builder b, const struct tocsin_process *p)
{
	put_u64(b, "pid", (uint32_t)p->pid);
	put_u64(b, "tid", (uint32_t)p->tid);
	put_u64(b, "ppid", (uint32_t)p->ppid);
	put_u64(b, "ns_pid", (uint32_t)p->ns_pid);
	put_u64(b, "uid", p->uid);
	put_u64(b, "euid", p->euid);
	put_u64(b, "start_time", p->start_time);
	put(b, "comm", bytes_text(p->comm, strnlen(p->comm, sizeof(p->comm))));
	put(b, "exe", bytes_text(p->exe, strnlen(p->exe, sizeof(p->exe))));
	put_bool(b, "exe_deleted", p->exe_id.deleted);
	put_bool(b, "exe_memfd", p->exe_id.memfd);
	put_cmdline(b, p);
	put_text(b, "confidence", tocsin_confidence_name(p->confidence));
}

static void put_process(struct builder top, const char *key, const struct tocsin_process *p)
{
	if (p)
		put_identity(open_object(top, key), p);
}

static struct json_object *vma(const struct tocsin_vma *v, bool *bad)
{
	struct builder b = {json_object_new_object(), bad};
	char permissions[] = {v->read ? 'r' : '-', v->write ? 'w' : '-', v->exec ? 'x' : '-',
			      v->shared ? 's' : 'p', 0};

	put_hex(b, "start", v->start);
	put_hex(b, "end", v->end);
	put_text(b, "permissions", permissions);
	put(b, "path", bytes_text(v->path, strlen(v->path)));
	put_u64(b, "inode", v->file.inode);
	put_bool(b, "deleted", v->file.deleted);
	put_bool(b, "memfd", v->file.memfd);
	put_bool(b, "special", v->special);
	put_text(b, "confidence", tocsin_confidence_name(v->confidence));
	return b.o;
}

static void put_vmas(struct builder b, const struct tocsin_vma_list *list)
{
	struct json_object *array = json_object_new_array(), *row;

	for (size_t i = 0; array && i < list->count && !*b.bad; i++) {
		row = vma(&list->rows[i], b.bad);
		if (!row || json_object_array_add(array, row)) {
			json_object_put(row);
			*b.bad = true;
		}
	}
	put(b, "vmas", array);
	put_bool(b, "vmas_truncated", list->truncated);
}

static struct json_object *finding(const struct tocsin_finding *f, bool *bad)
{
	struct builder b = {json_object_new_object(), bad};
	size_t n = f->evidence_size;

	put_text(b, "scanner", f->scanner);
	put_text(b, "rule", f->rule);
	put_text(b, "severity", tocsin_severity_name(f->severity));
	if (f->start || f->end) {
		put_hex(b, "start", f->start);
		put_hex(b, "end", f->end);
	}
	if (n)
		put_bytes(b, "evidence", f->evidence,
			  n < sizeof(f->evidence) ? n : sizeof(f->evidence));
	put_text(b, "what", f->what);
	put_text(b, "why", f->why);
	return b.o;
}

static void put_findings(struct builder b, const struct tocsin_findings *f)
{
	struct json_object *list = json_object_new_array(), *row;
	struct builder seen;
	size_t i;

	for (i = 0; list && i < f->count && i < TOCSIN_FINDINGS_MAX; i++) {
		row = finding(&f->rows[i], b.bad);
		if (!row || json_object_array_add(list, row)) {
			json_object_put(row);
			*b.bad = true;
			break;
		}
	}
	put(b, "findings", list);
	seen = open_object(b, "coverage");
	put_u64(seen, "findings_dropped", f->dropped);
	put_u64(seen, "pages_present", f->pages_present);
	put_u64(seen, "pages_read", f->pages_read);
	put_u64(seen, "pages_torn", f->pages_torn);
	put_bool(seen, "truncated", f->truncated);
	put_text(seen, "unreadable", f->unreadable);
}

static void put_verdict(struct builder b, const struct tocsin_report *r)
{
	struct builder v;

	put_process(b, "asker", r->asker);
	put_process(b, "target", r->target);
	if (r->verdict) {
		v = open_object(b, "verdict");
		put_text(v, "name", tocsin_verdict_name(r->verdict->verdict));
		put_u64(v, "score", r->verdict->score);
		put(v, "text",
		    bytes_text(r->verdict->text,
			       strnlen(r->verdict->text, sizeof(r->verdict->text))));
	}
	if (r->findings)
		put_findings(b, r->findings);
	put_bool(b, "answered", r->answered);
	if (r->slot_error)
		put_text(b, "slot_error", r->slot_error);
	v = open_object(b, "figures");
	put_u64(v, "bytes_read", r->bytes_read);
	put_u64(v, "pages_mapped", r->pages_mapped);
	put_u64(v, "duration_ns", r->duration);
}

static void put_report(struct builder b, const struct tocsin_report *r)
{
	struct builder domain;

	put_u64(b, "schema", TOCSIN_SCHEMA_VERSION);
	put_text(b, "kind", tocsin_report_kind_name(r->kind));
	put_u64(b, "time", r->time);
	put_u64(b, "tsc", r->tsc);
	put_u64(b, "cpu", r->cpu);
	if (r->kind != TOCSIN_REPORT_LOSS) {
		domain = open_object(b, "domain");
		put_u64(domain, "id", r->record.domid);
		put(domain, "name", bytes_text(r->domain, strnlen(r->domain, sizeof(r->domain))));
		put_uuid(domain, r->domain_uuid);
		put_trigger(b, &r->record);
	}
	if (r->kind == TOCSIN_REPORT_VERDICT || r->kind == TOCSIN_REPORT_ERROR)
		put_verdict(b, r);
	if (r->kind == TOCSIN_REPORT_LOSS)
		put_u64(b, "lost", r->lost);
	if (r->reason)
		put_text(b, "reason", r->reason);
}

/* Write and free b's object. */
static int write_line(FILE *to, struct builder b)
{
	const char *line = NULL;
	int rc = 0;

	if (!*b.bad)
		line = json_object_to_json_string_ext(b.o, JSON_C_TO_STRING_PLAIN |
							       JSON_C_TO_STRING_NOSLASHESCAPE);
	if (!line)
		rc = -ENOMEM;
	else if (fprintf(to, "%s\n", line) < 0 || fflush(to))
		rc = errno ? -errno : -EIO;
	json_object_put(b.o);
	return rc;
}

int tocsin_output_json(FILE *to, const struct tocsin_report *r)
{
	bool bad = false;
	struct builder b = {json_object_new_object(), &bad};

	put_report(b, r);
	return write_line(to, b);
}

int tocsin_output_process_json(FILE *to, const struct tocsin_process *p,
			       const struct tocsin_vma_list *vmas)
{
	bool bad = false;
	struct builder b = {json_object_new_object(), &bad};

	put_u64(b, "schema", TOCSIN_SCHEMA_VERSION);
	put_text(b, "kind", "process");
	put_identity(b, p);
	if (vmas)
		put_vmas(b, vmas);
	return write_line(to, b);
}

int tocsin_output_kernel_json(FILE *to, const struct tocsin_kernel_info *info)
{
	bool bad = false;
	struct builder b = {json_object_new_object(), &bad};

	put_u64(b, "schema", TOCSIN_SCHEMA_VERSION);
	put_text(b, "kind", "kernel");
	put_text(b, "release", info->release);
	put_bytes(b, "build_id", info->build_id, info->build_id_size);
	put_hex(b, "text_va", info->text_va);
	put_hex(b, "text_pa", info->text_pa);
	put_u64(b, "levels", (uint64_t)info->levels);
	put_bool(b, "page_table_isolation", info->pti);
	put_u64(b, "symbols", info->symbols);
	put_u64(b, "types", info->types);
	put_bool(b, "cached", info->cached);
	return write_line(to, b);
}

static void put_address(struct builder b, const char *key, const struct tocsin_socket *s,
			const uint8_t *address)
{
	char text[INET6_ADDRSTRLEN] = "";

	if (inet_ntop(s->family, address, text, sizeof(text)))
		put_text(b, key, text);
}

static void put_socket(struct builder b, const struct tocsin_socket *s)
{
	put_text(b, "protocol", tocsin_socket_kind(s));
	put_text(b, "state", tocsin_socket_state(s));
	put_u64(b, "family", s->family);
	put_u64(b, "type", s->type);
	put_u64(b, "protocol_number", s->protocol);
	put_u64(b, "inode", s->inode);
	put_u64(b, "netns", s->netns);
	put_u64(b, "receive_queue", s->receive_queue);
	put_u64(b, "send_queue", s->send_queue);
	if (s->family == AF_INET || s->family == AF_INET6) {
		put_address(b, "local", s, s->local);
		put_u64(b, "local_port", s->local_port);
		put_address(b, "remote", s, s->remote);
		put_u64(b, "remote_port", s->remote_port);
	}
	if (s->family == AF_UNIX) {
		put(b, "name", bytes_text(s->name, s->name_size));
		put_bool(b, "connected", s->peer != 0);
	}
}

/* What a row of files and one of sockets begin with; p NULL: nobody holds it. */
static void put_holder(struct builder b, const char *kind, const struct tocsin_process *p,
		       int32_t fd, enum tocsin_confidence confidence)
{
	put_u64(b, "schema", TOCSIN_SCHEMA_VERSION);
	put_text(b, "kind", kind);
	if (p) {
		put_u64(b, "pid", (uint32_t)p->pid);
		put(b, "comm", bytes_text(p->comm, strnlen(p->comm, sizeof(p->comm))));
		put_u64(b, "fd", (uint32_t)fd);
	}
	put_text(b, "confidence", tocsin_confidence_name(confidence));
}

int tocsin_output_file_json(FILE *to, const struct tocsin_process *p, const struct tocsin_file *f)
{
	bool bad = false;
	struct builder b = {json_object_new_object(), &bad};

	put_holder(b, "file", p, f->fd, f->confidence);
	put_text(b, "path", f->path);
	put_u64(b, "flags", f->flags);
	put_u64(b, "mode", f->mode);
	put_u64(b, "position", f->position);
	put_u64(b, "inode", f->id.inode);
	put_bool(b, "deleted", f->id.deleted);
	put_bool(b, "memfd", f->id.memfd);
	if (f->is_socket)
		put_socket(open_object(b, "socket"), &f->socket);
	return write_line(to, b);
}

int tocsin_output_socket_json(FILE *to, const struct tocsin_process *p, int32_t fd,
			      enum tocsin_confidence confidence, const struct tocsin_socket *s)
{
	bool bad = false;
	struct builder b = {json_object_new_object(), &bad};

	put_holder(b, "socket", p, fd, confidence);
	put_socket(b, s);
	return write_line(to, b);
}

int tocsin_output_module_json(FILE *to, const struct tocsin_module *m)
{
	bool bad = false;
	struct builder b = {json_object_new_object(), &bad};

	put_u64(b, "schema", TOCSIN_SCHEMA_VERSION);
	put_text(b, "kind", "module");
	put_text(b, "name", m->name);
	put_hex(b, "base", m->base);
	put_u64(b, "size", m->size);
	put_text(b, "state", tocsin_module_state_name(m->state));
	put(b, "references", json_object_new_int64(m->references));
	put_u64(b, "taints", m->taints);
	put_bool(b, "in_list", m->in_list);
	put_bool(b, "in_sysfs", m->in_sysfs);
	put_text(b, "confidence", tocsin_confidence_name(m->confidence));
	return write_line(to, b);
}

int tocsin_output_log_json(FILE *to, const struct tocsin_log *log,
			   const struct tocsin_log_record *r)
{
	bool bad = false;
	struct builder b = {json_object_new_object(), &bad};

	put_u64(b, "schema", TOCSIN_SCHEMA_VERSION);
	put_text(b, "kind", "log");
	put_u64(b, "seq", r->seq);
	put_u64(b, "time", r->time);
	put_u64(b, "level", r->level);
	put_u64(b, "facility", r->facility);
	put(b, "text", bytes_text(log->text + r->text, r->size));
	return write_line(to, b);
}
