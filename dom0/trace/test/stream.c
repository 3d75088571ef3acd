// SPDX-License-Identifier: GPL-2.0-or-later
#include "stream.h"

#include <arpa/inet.h>
#include <inttypes.h>
#include <stdio.h>
#include <string.h>

struct fixture *f;
struct tocsin_process p;
struct tocsin_who_cache *who;
struct tocsin_traced_events *ev;
uint64_t file, dentry, inode, sb, sock, outer, shm_mnt;
uint32_t seq;
uint64_t now_is;
char said[8192], sockets[2048];
uint64_t last_sock, other_sock;

static void tell_socket(const struct tocsin_trace_event *e)
{
	char line[256], local[64], remote[64];
	const struct tocsin_socket *s = e->socket;

	if (e->kind == TOCSIN_TRACE_SENT || e->kind == TOCSIN_TRACE_RECEIVED)
		return;
	snprintf(line, sizeof(line), "%s %s%s\n", tocsin_trace_kind_name(e->kind),
		 s ? "other" : "-", e->resolved ? "" : " ?");
	if (s && s->family)
		snprintf(line, sizeof(line), "%s %s %s:%u %s:%u%s\n",
			 tocsin_trace_kind_name(e->kind),
			 s->protocol == IPPROTO_TCP ? "tcp" : "udp",
			 inet_ntop(s->family, s->local, local, sizeof(local)), s->local_port,
			 inet_ntop(s->family, s->remote, remote, sizeof(remote)), s->remote_port,
			 e->resolved ? "" : " ?");
	if (s || e->kind == TOCSIN_TRACE_GAP)
		strncat(sockets, line, sizeof(sockets) - strlen(sockets) - 1);
}

int take(const struct tocsin_trace_event *e, void *context)
{
	char line[1024], ns[32] = "";

	if (e->file && e->file->mount_ns)
		snprintf(ns, sizeof(ns), " in %" PRIu32, e->file->mount_ns);
	snprintf(line, sizeof(line), "%s %d%s%.0d%s%s%s%s%s%s%s%s%s%.0" PRIu64 "%s\n",
		 tocsin_trace_kind_name(e->kind), e->who ? e->who->pid : -1, e->other ? ">" : "",
		 e->other ? e->other->pid : 0, e->file ? " " : "", e->file ? e->file->path : "", ns,
		 e->file && e->file->id.deleted ? " deleted" : "", e->to ? " to " : "",
		 e->to ? e->to : "", e->who && e->who->exe[0] ? " as " : "",
		 e->who ? e->who->exe : "", e->value ? " =" : "", e->value,
		 e->resolved ? "" : " ?");
	tell_socket(e);
	if (e->kind == TOCSIN_TRACE_CONNECTED && e->socket) {
		other_sock = last_sock;
		last_sock = e->socket->sock;
	}
	assert_non_null(e->guest);
	assert_true(e->since <= e->time);
	strncat(said, line, sizeof(said) - strlen(said) - 1);
	return 0;
}

static void find_objects(void)
{
	struct made_opened opened = make_opened(f, &p);

	file = opened.file;
	dentry = opened.dentry;
	inode = opened.inode;
	sock = opened.sock;
	outer = opened.socket;
	sb = opened.sb;
	fixture_set(f, "file", file, "f_mode", TOCSIN_OPEN_READ);
}

int set_up(void **state)
{
	static const struct tocsin_traced_settings settings = {.guest = "guest", .boot = 7};

	f = fixture_open(made_traced);
	p = make_caller(f);
	shm_mnt = fixture_new(f, "vfsmount");
	fixture_set(f, "vfsmount", shm_mnt, "mnt_sb", fixture_new(f, "super_block"));
	fixture_word(f, FIXTURE_TEXT + 0x400, shm_mnt);
	fixture_symbol(f, "shm_mnt", FIXTURE_TEXT + 0x400);
	fixture_symbol(f, "tcp_prot", FIXTURE_TEXT + 0x100);
	fixture_symbol(f, "tcpv6_prot", FIXTURE_TEXT + 0x200);
	fixture_symbol(f, "udp_prot", FIXTURE_TEXT + 0x300);
	fixture_ready(f);
	find_objects();
	assert_int_equal(tocsin_who_open(&f->k, &who, NULL), 0);
	assert_int_equal(tocsin_traced_events_open(&f->k, who, &settings, take, NULL, &ev), 0);
	said[0] = sockets[0] = 0;
	seq = 0;
	now_is = NOW;
	return 0;
}

int tear_down(void **state)
{
	tocsin_traced_events_close(ev);
	tocsin_who_close(who);
	fixture_close(f);
	return 0;
}

void call_on(uint64_t stack, uint64_t time, const char *name, unsigned int at, const char *type,
	     uint64_t rdi, uint64_t rsi, uint64_t rdx)
{
	struct tocsin_function fn = {.typed = true, .count = 3};
	struct tocsin_traced_call call = {
	    .seq = ++seq, .rsp = stack + 0x3000, .rdi = rdi, .rsi = rsi, .rdx = rdx, .wide = true};

	fn.parameters[at].pointer = true;
	snprintf(fn.parameters[at].target, sizeof(fn.parameters[at].target), "%s", type);
	assert_int_equal(tocsin_traced_events_call(ev, name, &fn, &call, time, now_is), 0);
}

void say(const char *expected)
{
	assert_int_equal(tocsin_traced_events_commit(ev, UINT64_MAX), 0);
	assert_string_equal(said, expected);
	said[0] = 0;
}

void say_sockets(const char *expected)
{
	assert_int_equal(tocsin_traced_events_commit(ev, UINT64_MAX), 0);
	assert_string_equal(sockets, expected);
	said[0] = sockets[0] = 0;
}
