// SPDX-License-Identifier: GPL-2.0-or-later
/* The rows that introspection yields, one JSON object each; docs/schema.md names every member. */
#include "output/build.h"

#include <arpa/inet.h>

void tocsin_json_arguments(struct builder b, const char *bytes, size_t size)
{
	struct json_object *list = json_object_new_array(), *row;
	size_t at = 0, n;

	while (list && at < size) {
		n = strnlen(bytes + at, size - at);
		row = bytes_text(bytes + at, n);
		if (!row || json_object_array_add(list, row)) {
			json_object_put(row);
			*b.bad = true;
			break;
		}
		at += n + 1;
	}
	put(b, "cmdline", list);
}

void tocsin_json_identity(struct builder b, const struct tocsin_process *p)
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
	tocsin_json_arguments(b, p->cmdline,
			      p->cmdline_size < sizeof(p->cmdline) ? p->cmdline_size
								   : sizeof(p->cmdline));
	put_bool(b, "cmdline_truncated", p->cmdline_truncated);
	put_text(b, "confidence", tocsin_confidence_name(p->confidence));
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

static void put_namespaces(struct builder top, const struct tocsin_namespaces *n)
{
	struct builder b = open_object(top, "namespaces");

	put_u64(b, "mnt", n->mnt);
	put_u64(b, "uts", n->uts);
	put_u64(b, "ipc", n->ipc);
	put_u64(b, "pid", n->pid);
	put_u64(b, "net", n->net);
	put_u64(b, "user", n->user);
	put_u64(b, "cgroup", n->cgroup);
	put_u64(b, "time", n->time);
}

static void put_environment(struct builder b, const struct tocsin_process_details *d)
{
	struct json_object *list = json_object_new_array();

	for (size_t at = 0; list && at < d->environment_size;) {
		size_t n = strnlen(d->environment + at, d->environment_size - at);

		if (n)
			append(list, bytes_text(d->environment + at, n), b.bad);
		at += n + 1;
	}
	put(b, "environment", list);
	put_bool(b, "environment_truncated", d->environment_truncated);
}

static void put_details(struct builder top, const struct tocsin_process_details *d)
{
	struct builder b = open_object(top, "details");

	put_hex(b, "cap_inheritable", d->cap_inheritable);
	put_hex(b, "cap_permitted", d->cap_permitted);
	put_hex(b, "cap_bounding", d->cap_bounding);
	put_hex(b, "cap_ambient", d->cap_ambient);
	put_bool(b, "no_new_privs", d->no_new_privs);
	put_u64(b, "seccomp", d->seccomp);
	put_u64(b, "seccomp_filters", d->seccomp_filters);
	put_u64(b, "tracer", (uint32_t)d->tracer);
	put_u64(b, "pgid", (uint32_t)d->pgid);
	put_u64(b, "sid", (uint32_t)d->sid);
	put_namespaces(b, &d->namespaces);
	put_text(b, "cgroup", d->cgroup);
	put_text(b, "container", d->container);
	put_text(b, "cwd", d->cwd);
	put_text(b, "root", d->root);
	put_environment(b, d);
	put_text(b, "confidence", tocsin_confidence_name(d->confidence));
}

static void put_threads(struct builder top, const struct tocsin_thread_list *list)
{
	struct json_object *array = json_object_new_array();

	for (size_t i = 0; array && i < list->count && !*top.bad; i++) {
		const struct tocsin_thread *t = &list->rows[i];
		struct builder b = {json_object_new_object(), top.bad};
		char state[2] = {t->state, 0};

		put_u64(b, "tid", (uint32_t)t->tid);
		put(b, "comm", bytes_text(t->comm, strnlen(t->comm, sizeof(t->comm))));
		put_text(b, "state", state);
		put_u64(b, "start_time", t->start_time);
		put_text(b, "confidence", tocsin_confidence_name(t->confidence));
		append(array, b.o, top.bad);
	}
	put(top, "threads", array);
	put_bool(top, "threads_truncated", list->truncated);
}

int tocsin_output_process_json(FILE *to, const struct tocsin_process *p,
			       const struct tocsin_vma_list *vmas,
			       const struct tocsin_process_details *details,
			       const struct tocsin_thread_list *threads)
{
	bool bad = false;
	struct builder b = {json_object_new_object(), &bad};

	put_u64(b, "schema", TOCSIN_SCHEMA_VERSION);
	put_text(b, "kind", "process");
	tocsin_json_identity(b, p);
	put_u64(b, "suid", p->suid);
	put_u64(b, "fsuid", p->fsuid);
	put_u64(b, "gid", p->gid);
	put_u64(b, "egid", p->egid);
	put_hex(b, "cap_effective", p->cap_effective);
	put_bool(b, "user_ns_initial", p->user_ns_initial);
	put_bool(b, "kernel_thread", !p->mm);
	if (details)
		put_details(b, details);
	if (threads)
		put_threads(b, threads);
	if (vmas)
		put_vmas(b, vmas);
	return write_line(to, b);
}

int tocsin_output_vma_json(FILE *to, const struct tocsin_process *p, const struct tocsin_vma *v,
			   const struct tocsin_page_counts *pages)
{
	bool bad = false;
	struct builder b = {vma(v, &bad), &bad}, counts;

	put_u64(b, "schema", TOCSIN_SCHEMA_VERSION);
	put_text(b, "kind", "vma");
	put_u64(b, "pid", (uint32_t)p->pid);
	counts = open_object(b, "pages");
	put_u64(counts, "present", pages->present);
	put_u64(counts, "dirty", pages->dirty);
	put_u64(counts, "large", pages->large);
	put_u64(counts, "swapped", pages->out);
	put_u64(counts, "guarded", pages->guarded);
	return write_line(to, b);
}

int tocsin_output_mount_json(FILE *to, const struct tocsin_mount *m)
{
	bool bad = false;
	struct builder b = {json_object_new_object(), &bad};

	put_u64(b, "schema", TOCSIN_SCHEMA_VERSION);
	put_text(b, "kind", "mount");
	put_u64(b, "id", (uint32_t)m->id);
	put_u64(b, "parent", (uint32_t)m->parent_id);
	put_u64(b, "dev_major", m->dev_major);
	put_u64(b, "dev_minor", m->dev_minor);
	put_text(b, "type", m->type);
	put_text(b, "source", m->source);
	put_text(b, "path", m->path);
	put_bool(b, "read_only", m->read_only);
	put_bool(b, "no_suid", m->no_suid);
	put_bool(b, "no_dev", m->no_dev);
	put_bool(b, "no_exec", m->no_exec);
	put_text(b, "confidence", tocsin_confidence_name(m->confidence));
	return write_line(to, b);
}

static void put_system(struct builder top, const struct tocsin_system *s)
{
	struct builder b = open_object(top, "system");

	put_text(b, "sysname", s->sysname);
	put_text(b, "nodename", s->nodename);
	put_text(b, "release", s->release);
	put_text(b, "version", s->version);
	put_text(b, "machine", s->machine);
	put_text(b, "domainname", s->domainname);
	if (!s->clock_known)
		return;
	put(b, "now", json_object_new_int64(s->now));
	put_u64(b, "up", s->up);
	put_text(b, "clocksource", s->clocksource);
}

int tocsin_output_kernel_json(FILE *to, const struct tocsin_kernel_info *info,
			      const struct tocsin_system *system)
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
	put_system(b, system);
	return write_line(to, b);
}

static void put_address(struct builder b, const char *key, const struct tocsin_socket *s,
			const uint8_t *address)
{
	char text[INET6_ADDRSTRLEN] = "";

	if (inet_ntop(s->family, address, text, sizeof(text)))
		put_text(b, key, text);
}

void tocsin_json_socket(struct builder b, const struct tocsin_socket *s)
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
	put_hex(b, "sock", s->sock);
	put_text(b, "owner", tocsin_socket_owner_name(s->owner));
	if (s->uid != UINT32_MAX)
		put_u64(b, "uid", s->uid);
	if (s->interface)
		put_u64(b, "interface", s->interface);
	if (s->counted) {
		put_u64(b, "bytes_sent", s->bytes_sent);
		put_u64(b, "bytes_received", s->bytes_received);
	}
	if (s->idle != UINT64_MAX)
		put_u64(b, "idle", s->idle);
	if (s->family == AF_NETLINK) {
		put_u64(b, "port_id", s->port_id);
		put_u64(b, "groups", s->groups);
	}
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

int tocsin_output_file_json(FILE *to, const struct tocsin_process *p, const struct tocsin_file *f)
{
	bool bad = false;
	struct builder b = {json_object_new_object(), &bad};

	put_u64(b, "schema", TOCSIN_SCHEMA_VERSION);
	put_text(b, "kind", "file");
	put_u64(b, "pid", (uint32_t)p->pid);
	put(b, "comm", bytes_text(p->comm, strnlen(p->comm, sizeof(p->comm))));
	put_u64(b, "fd", (uint32_t)f->fd);
	put_text(b, "confidence", tocsin_confidence_name(f->confidence));
	put_text(b, "path", f->path);
	put_u64(b, "flags", f->flags);
	put_u64(b, "mode", f->mode);
	put_u64(b, "position", f->position);
	put_u64(b, "inode", f->id.inode);
	put_bool(b, "deleted", f->id.deleted);
	put_bool(b, "memfd", f->id.memfd);
	if (f->is_socket)
		tocsin_json_socket(open_object(b, "socket"), &f->socket);
	return write_line(to, b);
}

static struct json_object *holder(const struct tocsin_output_holder *h, bool *bad)
{
	struct builder b = {json_object_new_object(), bad};

	put_u64(b, "pid", (uint32_t)h->pid);
	if (h->tid != h->pid)
		put_u64(b, "tid", (uint32_t)h->tid);
	put_u64(b, "fd", (uint32_t)h->fd);
	put(b, "comm", bytes_text(h->comm, strnlen(h->comm, TOCSIN_COMM_SIZE + 1)));
	put_text(b, "container", h->container);
	put_bool(b, "hides", h->hides);
	return b.o;
}

int tocsin_output_socket_json(FILE *to, const struct tocsin_output_socket *s)
{
	struct json_object *holders = json_object_new_array();
	bool bad = false;
	struct builder b = {json_object_new_object(), &bad};

	put_u64(b, "schema", TOCSIN_SCHEMA_VERSION);
	put_text(b, "kind", "socket");
	put_text(b, "confidence", tocsin_confidence_name(s->confidence));
	put_bool(b, "in_table", s->in_table);
	put_bool(b, "unheld", s->unheld);
	tocsin_json_socket(b, s->socket);
	if (s->peer_inode)
		put_u64(b, "peer_inode", s->peer_inode);
	for (size_t i = 0; i < s->count && !bad; i++)
		append(holders, holder(&s->holders[i], &bad), &bad);
	put(b, "holders", holders);
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
	put_bool(b, "in_tree", m->in_tree);
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
