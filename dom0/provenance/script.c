// SPDX-License-Identifier: GPL-2.0-or-later
/* Lines of text to events: a table of words, each of which sets something of the event. */
#include "provenance/script.h"

#include "base/error.h"

#include <arpa/inet.h>
#include <errno.h>
#include <inttypes.h>
#include <netinet/in.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>

#define SECOND 1000000000u

struct line {
	struct tocsin_trace_event e;
	struct tocsin_event_process who, other;
	struct tocsin_trace_file file;
	struct tocsin_socket socket;
	struct tocsin_finding finding;
};

struct script {
	struct line l;
	char guest[64];
	uint64_t time, boot;
};

typedef bool set_word(struct line *l, char *value);

static bool number(const char *text, int base, uint64_t *ret)
{
	char *end;

	if (!((*text >= '0' && *text <= '9') || (base == 16 && *text)))
		return false;
	errno = 0;
	*ret = strtoull(text, &end, base);
	return !*end && !errno && text[0] != '-' && text[0] != '+';
}

static bool number32(const char *text, int base, uint32_t *ret)
{
	uint64_t value;

	if (!number(text, base, &value) || value > UINT32_MAX)
		return false;
	*ret = (uint32_t)value;
	return true;
}

/* Seconds with a fraction to nanoseconds. */
static bool seconds(char *text, uint64_t *ret)
{
	char *point = strchr(text, '.');
	uint64_t whole, part = 0, unit = SECOND;

	if (point)
		*point++ = 0;
	for (; point && *point; point++) {
		if (*point < '0' || *point > '9')
			return false;
		unit /= 10;
		part += (uint64_t)(*point - '0') * unit;
	}
	if (!number(text, 10, &whole) || whole > UINT64_MAX / SECOND / 2)
		return false;
	*ret = whole * SECOND + part;
	return true;
}

/* %XX to bytes, in place; none may be 0. */
static bool decode(char *text)
{
	char *to = text, digits[3] = "";

	for (; *text; to++) {
		if (*text != '%') {
			*to = *text++;
			continue;
		}
		if (!text[1] || !text[2])
			return false;
		memcpy(digits, text + 1, 2);
		*to = (char)strtoul(digits, NULL, 16);
		if (!*to)
			return false;
		text += 3;
	}
	*to = 0;
	return true;
}

static bool set_process(struct tocsin_event_process *p, char *value)
{
	char *comm = strchr(value, ':'), *start;
	uint64_t pid;

	if (comm)
		*comm++ = 0;
	start = strchr(value, '@');
	if (start)
		*start++ = 0;
	if (!number(value, 10, &pid) || pid > INT32_MAX ||
	    (start && !number(start, 10, &p->start_time)))
		return false;
	p->pid = (int32_t)pid;
	p->comm = comm ? comm : "";
	return true;
}

static bool set_who(struct line *l, char *value)
{
	l->e.who = &l->who;
	return set_process(&l->who, value);
}

static bool set_other(struct line *l, char *value)
{
	l->e.other = &l->other;
	return set_process(&l->other, value);
}

static bool set_uid(struct line *l, char *value)
{
	bool ok = number32(value, 10, &l->who.uid);

	if (l->who.euid == UINT32_MAX)
		l->who.euid = l->who.uid;
	return ok;
}

static bool set_euid(struct line *l, char *value)
{
	return number32(value, 10, &l->who.euid);
}

static bool set_exe(struct line *l, char *value)
{
	l->who.exe = value;
	return true;
}

static bool set_file(struct line *l, char *value)
{
	l->e.file = &l->file;
	l->file.path = value;
	return true;
}

static bool set_ino(struct line *l, char *value)
{
	return number(value, 10, &l->file.id.inode);
}

static bool set_dev(struct line *l, char *value)
{
	char *minor = strchr(value, ':');

	if (!minor)
		return false;
	*minor++ = 0;
	return number32(value, 10, &l->file.id.dev_major) &&
	       number32(minor, 10, &l->file.id.dev_minor);
}

static bool set_ns(struct line *l, char *value)
{
	return number32(value, 10, &l->file.mount_ns);
}

static bool set_mode(struct line *l, char *value)
{
	return number32(value, 8, &l->file.mode);
}

static bool set_open(struct line *l, char *value)
{
	return number(value, 10, &l->file.open);
}

static bool set_to(struct line *l, char *value)
{
	l->e.to = value;
	return true;
}

static bool set_end(struct line *l, char *value, uint8_t address[16], uint16_t *port)
{
	char *colon = strrchr(value, ':');
	size_t size;
	uint32_t n;

	l->e.socket = &l->socket;
	if (!colon || !number32(colon + 1, 10, &n) || n > UINT16_MAX)
		return false;
	*colon = 0;
	*port = (uint16_t)n;
	size = strlen(value);
	if (size > 2 && value[0] == '[' && value[size - 1] == ']') {
		value[size - 1] = 0;
		l->socket.family = AF_INET6;
		return inet_pton(AF_INET6, value + 1, address) == 1;
	}
	l->socket.family = AF_INET;
	return inet_pton(AF_INET, value, address) == 1;
}

static bool set_local(struct line *l, char *value)
{
	return set_end(l, value, l->socket.local, &l->socket.local_port);
}

static bool set_remote(struct line *l, char *value)
{
	return set_end(l, value, l->socket.remote, &l->socket.remote_port);
}

static bool set_proto(struct line *l, char *value)
{
	bool udp = !strcmp(value, "udp");

	l->socket.protocol = udp ? IPPROTO_UDP : IPPROTO_TCP;
	l->socket.type = udp ? SOCK_DGRAM : SOCK_STREAM;
	return udp || !strcmp(value, "tcp");
}

static bool set_netns(struct line *l, char *value)
{
	return number32(value, 10, &l->socket.netns);
}

static bool set_unix(struct line *l, char *value)
{
	char *peer = strchr(value, '/');

	l->e.socket = &l->socket;
	l->socket.family = AF_UNIX;
	l->socket.protocol = 0;
	if (peer)
		*peer++ = 0;
	return number(value, 16, &l->socket.sock) && (!peer || number(peer, 16, &l->socket.peer));
}

static bool set_sent(struct line *l, char *value)
{
	l->socket.counted = true;
	return number(value, 10, &l->socket.bytes_sent);
}

static bool set_received(struct line *l, char *value)
{
	l->socket.counted = true;
	return number(value, 10, &l->socket.bytes_received);
}

static bool set_value(struct line *l, char *value)
{
	return number(value, value[0] == '0' ? 8 : 10, &l->e.value);
}

static bool set_lost(struct line *l, char *value)
{
	return number(value, 10, &l->e.lost);
}

static bool set_detail(struct line *l, char *value)
{
	l->e.detail = value;
	return true;
}

static bool set_rule(struct line *l, char *value)
{
	l->e.finding = &l->finding;
	snprintf(l->finding.rule, sizeof(l->finding.rule), "%s", value);
	return true;
}

static bool set_severity(struct line *l, char *value)
{
	for (int i = 0; i <= TOCSIN_SEVERITY_CRITICAL; i++)
		if (!strcmp(value, tocsin_severity_name((enum tocsin_severity)i))) {
			l->finding.severity = (enum tocsin_severity)i;
			return true;
		}
	return false;
}

static bool set_what(struct line *l, char *value)
{
	snprintf(l->finding.what, sizeof(l->finding.what), "%s", value);
	return true;
}

static bool set_since(struct line *l, char *value)
{
	return seconds(value, &l->e.since);
}

static bool set_source(struct line *l, char *value)
{
	static const char *const names[] = {"hook", "sample", "wire"};

	for (int i = 0; i < 3; i++)
		if (!strcmp(value, names[i])) {
			l->e.source = (enum tocsin_trace_source)i;
			return true;
		}
	return false;
}

static bool set_deleted(struct line *l, char *value)
{
	l->file.id.deleted = true;
	return !value;
}

static bool set_unsure(struct line *l, char *value)
{
	l->e.resolved = false;
	return !value;
}

static const struct {
	const char *name;
	set_word *set;
	bool alone;
} words[] = {
    {"who", set_who, false},
    {"other", set_other, false},
    {"uid", set_uid, false},
    {"euid", set_euid, false},
    {"exe", set_exe, false},
    {"file", set_file, false},
    {"ino", set_ino, false},
    {"dev", set_dev, false},
    {"ns", set_ns, false},
    {"mode", set_mode, false},
    {"open", set_open, false},
    {"to", set_to, false},
    {"local", set_local, false},
    {"remote", set_remote, false},
    {"proto", set_proto, false},
    {"netns", set_netns, false},
    {"unix", set_unix, false},
    {"sent", set_sent, false},
    {"received", set_received, false},
    {"value", set_value, false},
    {"lost", set_lost, false},
    {"detail", set_detail, false},
    {"rule", set_rule, false},
    {"severity", set_severity, false},
    {"what", set_what, false},
    {"since", set_since, false},
    {"source", set_source, false},
    {"deleted", set_deleted, true},
    {"unsure", set_unsure, true},
};

static bool set(struct line *l, char *word)
{
	char *value = strchr(word, '=');

	if (value)
		*value++ = 0;
	if (value && !decode(value))
		return false;
	for (size_t i = 0; i < sizeof(words) / sizeof(words[0]); i++)
		if (!strcmp(word, words[i].name))
			return words[i].alone == !value && words[i].set(l, value);
	return false;
}

static void begin(struct script *s)
{
	static const struct tocsin_event_process nobody = {.uid = UINT32_MAX,
							   .euid = UINT32_MAX,
							   .comm = "",
							   .exe = "",
							   .cmdline = "",
							   .container = ""};
	struct line *l = &s->l;

	memset(l, 0, sizeof(*l));
	l->who = l->other = nobody;
	l->file.path = "";
	l->socket.family = AF_INET;
	l->socket.type = SOCK_STREAM;
	l->socket.protocol = IPPROTO_TCP;
	l->e = (struct tocsin_trace_event){
	    .guest = s->guest, .boot = s->boot, .detail = "", .resolved = true};
}

/* 0: there is an event; 1: there is none; else err says what is wrong. */
static int read_line(struct script *s, char *text, size_t number_of_line, struct tocsin_error *err)
{
	char *save = NULL, *word = strtok_r(text, " \t\r\n", &save), *kind;
	bool after = word && word[0] == '+';
	uint64_t time;

	if (!word || word[0] == '#')
		return 1;
	kind = strtok_r(NULL, " \t\r\n", &save);
	if (!strcmp(word, "guest") && kind) {
		snprintf(s->guest, sizeof(s->guest), "%s", kind);
		return 1;
	}
	if (!seconds(word + after, &time) || (after && time > INT64_MAX - s->time))
		return tocsin_error_set(err, -EINVAL, "line %zu: '%s' is no time", number_of_line,
					word);
	begin(s);
	s->time = after ? s->time + time : time;
	s->l.e.time = s->l.e.since = s->time;
	s->l.e.kind = tocsin_trace_kind_find(kind ? kind : "");
	if (s->l.e.kind == TOCSIN_TRACE_KINDS)
		return tocsin_error_set(err, -EINVAL, "line %zu: no kind of event is '%s'",
					number_of_line, kind ? kind : "");
	while ((word = strtok_r(NULL, " \t\r\n", &save)))
		if (!set(&s->l, word))
			return tocsin_error_set(err, -EINVAL, "line %zu: '%s' is not understood",
						number_of_line, word);
	return 0;
}

int tocsin_trace_script(FILE *from, tocsin_trace_take *take, void *context,
			struct tocsin_error *err)
{
	struct script s = {.guest = "guest"};
	char *text = NULL;
	size_t room = 0, at = 0;
	int rc = 0;

	while (rc >= 0 && getline(&text, &room, from) > 0) {
		rc = read_line(&s, text, ++at, err);
		if (rc)
			continue;
		rc = take(&s.l.e, context);
		if (rc == -EINVAL)
			tocsin_error_set(err, rc, "line %zu: the event lacks something", at);
		else if (rc)
			tocsin_error_set(err, rc, "line %zu: %s", at,
					 rc == -E2BIG ? "there is no room for more"
						      : strerror(-rc));
		if (rc > 0) {
			free(text);
			return rc;
		}
	}
	free(text);
	if (rc >= 0 && ferror(from))
		return tocsin_error_set(err, -EIO, "the events cannot be read");
	return rc < 0 ? rc : 0;
}
