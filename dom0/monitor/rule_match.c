// SPDX-License-Identifier: GPL-2.0-or-later
/* Does an event meet a rule's conditions? What costs least is asked first. */
#include "monitor/rule_internal.h"

#include <arpa/inet.h>
#include <inttypes.h>
#include <stdio.h>
#include <string.h>
#include <sys/socket.h>

static bool is_inet(const struct tocsin_socket *s)
{
	return s->family == AF_INET || s->family == AF_INET6;
}

/* The bit of a word; without ignored at its end. */
static uint32_t bit_of(const char *const *names, const char *word, char ignored)
{
	char text[16];
	size_t size = strnlen(word, sizeof(text) - 1);
	int i;

	memcpy(text, word, size);
	if (size && text[size - 1] == ignored)
		size--;
	text[size] = 0;
	i = tocsin_rule_name_index(names, text);
	return i < 0 ? 0 : 1u << i;
}

/* An abstract name has bytes of zero: @ stands for each, as ss shows them. */
static void copy_path(const struct tocsin_socket *s, char ret[TOCSIN_SOCKET_NAME_SIZE + 1])
{
	size_t size = s->name_size < sizeof(s->name) ? s->name_size : sizeof(s->name);

	while (size && s->name[0] && !s->name[size - 1])
		size--;
	for (size_t i = 0; i < size; i++)
		ret[i] = s->name[i] ? s->name[i] : '@';
	ret[size] = 0;
}

void tocsin_rule_look(struct rule_look *look, const struct tocsin_event *e)
{
	const struct tocsin_socket *s = e->socket ? &e->socket->socket : NULL;

	look->e = e;
	look->path[0] = 0;
	look->protocol = look->state = look->direction = 0;
	look->inet = s && is_inet(s);
	if (!s)
		return;
	look->protocol = bit_of(tocsin_rule_protocols, tocsin_socket_kind(s), '6');
	look->state = bit_of(tocsin_rule_states, tocsin_socket_state(s), 0);
	look->direction = 1u << e->socket->direction;
	if (look->inet) {
		tocsin_rule_address(s->family, s->local, &look->local);
		tocsin_rule_address(s->family, s->remote, &look->remote);
	} else if (s->family == AF_UNIX) {
		copy_path(s, look->path);
	}
}

static bool text_allowed(const struct rule_field *f, const char *text)
{
	bool has = !f->used || tocsin_rule_set_has_text(&f->own, text);

	for (size_t i = 0; i < f->list_count && !has; i++)
		has = tocsin_rule_set_has_text(f->lists[i], text);
	return has;
}

static bool number_allowed(const struct rule_field *f, uint32_t number)
{
	bool has = !f->used || tocsin_rule_set_has_number(&f->own, number);

	for (size_t i = 0; i < f->list_count && !has; i++)
		has = tocsin_rule_set_has_number(f->lists[i], number);
	return has;
}

static bool address_allowed(const struct rule_field *f, const struct rule_address *a)
{
	bool has = !f->used || tocsin_rule_set_has_address(&f->own, a);

	for (size_t i = 0; i < f->list_count && !has; i++)
		has = tocsin_rule_set_has_address(f->lists[i], a);
	return has;
}

static bool answers(enum rule_answer asked, bool is)
{
	return asked == RULE_ANY || (asked == RULE_YES) == is;
}

static bool process_meets(const struct rule_process *c, const struct tocsin_event_process *p)
{
	if (!c->used)
		return true;
	return p && answers(c->exe_deleted, p->exe_deleted) &&
	       answers(c->exe_memfd, p->exe_memfd) && answers(c->stdin_socket, p->stdin_socket) &&
	       answers(c->kernel_thread, p->kernel_thread) &&
	       answers(c->in_container, p->container[0] != 0) && number_allowed(&c->uid, p->uid) &&
	       text_allowed(&c->comm, p->comm) && text_allowed(&c->exe, p->exe) &&
	       text_allowed(&c->container, p->container);
}

static bool socket_meets(const struct rule_socket *c, const struct rule_look *look)
{
	const struct tocsin_socket *s = look->e->socket ? &look->e->socket->socket : NULL;

	if (!c->used)
		return true;
	if (!s || (c->protocol && !(c->protocol & look->protocol)) ||
	    (c->state && !(c->state & look->state)) ||
	    (c->direction && !(c->direction & look->direction)))
		return false;
	if (c->path.used && (s->family != AF_UNIX || !text_allowed(&c->path, look->path)))
		return false;
	if (!c->local.used && !c->remote.used && !c->local_port.used && !c->remote_port.used)
		return true;
	return look->inet && number_allowed(&c->local_port, s->local_port) &&
	       number_allowed(&c->remote_port, s->remote_port) &&
	       address_allowed(&c->local, &look->local) &&
	       address_allowed(&c->remote, &look->remote);
}

static bool meets(const struct rule_condition *c, const struct rule_look *look)
{
	return socket_meets(&c->socket, look) && process_meets(&c->process, look->e->process) &&
	       process_meets(&c->other, look->e->other);
}

bool tocsin_rule_matches(const struct rule *r, const struct rule_look *look)
{
	if (!answers(r->initial, look->e->initial) || !meets(&r->when, look))
		return false;
	for (size_t i = 0; i < r->exception_count; i++)
		if (meets(&r->exceptions[i], look))
			return false;
	return true;
}

static void say_address(const struct rule_look *look, bool local, char *ret, size_t size)
{
	const struct rule_address *a = local ? &look->local : &look->remote;
	const struct tocsin_socket *s = look->e->socket ? &look->e->socket->socket : NULL;
	char text[INET6_ADDRSTRLEN] = "?";

	if (s && s->family == AF_UNIX && local && look->path[0]) {
		snprintf(ret, size, "%s", look->path);
	} else if (look->inet) {
		inet_ntop(a->four ? AF_INET : AF_INET6, a->v6 + (a->four ? 12 : 0), text,
			  sizeof(text));
		snprintf(ret, size, a->four ? "%s:%u" : "[%s]:%u", text,
			 local ? s->local_port : s->remote_port);
	} else {
		snprintf(ret, size, "?");
	}
}

static void say_process(const struct tocsin_event_process *p, const char *name, char *ret,
			size_t size)
{
	if (!p)
		snprintf(ret, size, "?");
	else if (!strcmp(name, "comm"))
		snprintf(ret, size, "%s", p->comm);
	else if (!strcmp(name, "exe"))
		snprintf(ret, size, "%s", p->exe[0] ? p->exe : "?");
	else if (!strcmp(name, "pid"))
		snprintf(ret, size, "%" PRId32, p->pid);
	else if (!strcmp(name, "uid"))
		snprintf(ret, size, "%" PRIu32, p->uid);
	else
		snprintf(ret, size, "%.12s", p->container[0] ? p->container : "no container");
}

static void say_interval(uint64_t nanoseconds, char *ret, size_t size)
{
	snprintf(ret, size, "%" PRIu64 ".%" PRIu64 " s", nanoseconds / 1000000000,
		 nanoseconds / 100000000 % 10);
}

static void say_one(const struct rule_look *look, const struct rule_measure *m, const char *name,
		    char *ret, size_t size)
{
	const struct tocsin_event *e = look->e;

	if (!strcmp(name, "local") || !strcmp(name, "remote"))
		say_address(look, name[0] == 'l', ret, size);
	else if (!strcmp(name, "protocol"))
		snprintf(ret, size, "%s", e->socket ? tocsin_socket_kind(&e->socket->socket) : "?");
	else if (!strcmp(name, "state"))
		snprintf(ret, size, "%s",
			 e->socket ? tocsin_socket_state(&e->socket->socket) : "?");
	else if (!strcmp(name, "count"))
		snprintf(ret, size, "%" PRIu64, m->count);
	else if (!strcmp(name, "interval"))
		say_interval(m->interval, ret, size);
	else if (!strcmp(name, "detail"))
		snprintf(ret, size, "%s", e->detail);
	else if (!strcmp(name, "other"))
		snprintf(ret, size, "%s", e->other ? e->other->comm : "?");
	else
		say_process(e->process, name, ret, size);
}

void tocsin_rule_say(const struct rule *r, const struct rule_look *look,
		     const struct rule_measure *m, char *ret, size_t size)
{
	size_t done = 0;

	for (const char *at = r->sentence; *at && done + 1 < size;) {
		size_t length = strcspn(at, "{");

		if (length) {
			length = length < size - 1 - done ? length : size - 1 - done;
			memcpy(ret + done, at, length);
			at += length;
		} else {
			char name[32];

			length = strcspn(at, "}");
			snprintf(name, sizeof(name), "%.*s", (int)length - 1, at + 1);
			say_one(look, m, name, ret + done, size - done);
			at += length + 1;
			length = strlen(ret + done);
		}
		done += length;
	}
	ret[done] = 0;
}
