/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Connections of the API.
 *
 * Invariants: no call here blocks. A connection has at most a line of input, and output only up to
 * OUT_MAX; while there is more output than OUT_FULL its input is not read, so who asks without
 * reading the answers stops. A call of tocsin_api_run treats a few requests, whoever sends them, so
 * that the daemon's other work goes on. Some connections are kept for root, so that nobody else can
 * take all.
 */
#include "service/api.h"

#include <errno.h>
#include <grp.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>
#include <unistd.h>

#define CLIENTS_MAX 40u
#define CLIENTS_OTHERS 32u /* of those who are not root */
#define CLIENTS_USER 8u    /* of one user who is not root */
#define GROUPS_MAX 1024u
#define REQUESTS 4u /* in one run */
#define EVENTS 16
#define OUT_FULL (64u << 10)    /* no more is read */
#define OUT_EVENTS (256u << 10) /* no more events are added */
#define OUT_MAX (16u << 20)     /* the connection is closed: an answer that large there is none */

struct client {
	int fd;
	uid_t uid;
	bool subscribed, ended; /* ended: no more requests will come */
	char in[TOCSIN_API_LINE];
	size_t in_size;
	char *out;
	size_t out_size, out_room;
	uint64_t missed; /* events */
	uint32_t interest;
};

struct tocsin_api {
	int epoll, listener;
	char path[sizeof(((struct sockaddr_un *)0)->sun_path)];
	bool has_group;
	gid_t group;
	const struct tocsin_api_method *methods;
	void *context;
	struct client *clients[CLIENTS_MAX];
};

static void drop(struct tocsin_api *a, struct client *c)
{
	for (size_t i = 0; i < CLIENTS_MAX; i++)
		if (a->clients[i] == c)
			a->clients[i] = NULL;
	/* A process that was forked meanwhile may hold it open, and then it would be watched on. */
	epoll_ctl(a->epoll, EPOLL_CTL_DEL, c->fd, NULL);
	close(c->fd);
	free(c->out);
	free(c);
}

/* ---- output ---- */

static bool append(struct client *c, const char *bytes, size_t size)
{
	size_t room = c->out_room ? c->out_room : 4096;
	char *grown;

	if (size > OUT_MAX || c->out_size > OUT_MAX - size)
		return false;
	while (room < c->out_size + size)
		room *= 2;
	if (room != c->out_room) {
		grown = realloc(c->out, room);
		if (!grown)
			return false;
		c->out = grown;
		c->out_room = room;
	}
	memcpy(c->out + c->out_size, bytes, size);
	c->out_size += size;
	return true;
}

/* False: the other end is gone. */
static bool flush(struct client *c)
{
	size_t done = 0;
	ssize_t n = 0;

	while (done < c->out_size) {
		n = send(c->fd, c->out + done, c->out_size - done, MSG_NOSIGNAL | MSG_DONTWAIT);
		if (n < 0 && errno != EINTR)
			break;
		done += n > 0 ? (size_t)n : 0;
	}
	if (n < 0 && errno != EAGAIN)
		return false;
	if (done)
		memmove(c->out, c->out + done, c->out_size - done);
	c->out_size -= done;
	if (!c->out_size) {
		free(c->out);
		c->out = NULL;
		c->out_room = 0;
	}
	return true;
}

/* Who missed events is told as soon as there is room again. */
static bool tell_missed(struct client *c)
{
	char line[96];
	int n;

	if (!c->missed || c->out_size > OUT_EVENTS / 2)
		return true;
	n = snprintf(line, sizeof(line),
		     "{\"jsonrpc\":\"2.0\",\"method\":\"missed\",\"params\":{\"events\":%llu}}\n",
		     (unsigned long long)c->missed);
	c->missed = 0;
	return append(c, line, (size_t)n);
}

/* ---- requests ---- */

/* The end of the first line of input; NULL: it is not whole. */
static char *line_end(struct client *c)
{
	return memchr(c->in, '\n', c->in_size);
}

/* False: give the connection up. */
static bool treat_line(struct tocsin_api *a, struct client *c)
{
	struct tocsin_api_request r = {.methods = a->methods,
				       .context = a->context,
				       .may_change = c->uid == 0 || c->uid == geteuid()};
	char *end = line_end(c), *answer;
	size_t size = (size_t)(end - c->in);
	bool ok = true;

	if (tocsin_api_answer(&r, c->in, size, &answer))
		return false;
	c->subscribed |= r.subscribed;
	if (answer)
		ok = append(c, answer, strlen(answer));
	free(answer);
	c->in_size -= size + 1;
	memmove(c->in, end + 1, c->in_size);
	return ok;
}

static bool read_some(struct client *c)
{
	ssize_t n = recv(c->fd, c->in + c->in_size, sizeof(c->in) - c->in_size, MSG_DONTWAIT);

	if (n > 0)
		c->in_size += (size_t)n;
	else if (n == 0)
		c->ended = true;
	else if (errno != EAGAIN && errno != EINTR)
		return false;
	return true;
}

/* What the next run is to be woken for. A whole line that waits makes room for output matter:
 * there is room, so the run comes at once. */
static bool rearm(struct tocsin_api *a, struct client *c)
{
	bool line = line_end(c) && c->out_size <= OUT_FULL;
	struct epoll_event e = {.data.ptr = c};

	if (!c->ended && c->in_size < sizeof(c->in) && c->out_size <= OUT_FULL)
		e.events |= EPOLLIN;
	if (c->out_size || line)
		e.events |= EPOLLOUT;
	if (e.events == c->interest)
		return true;
	c->interest = e.events;
	return !epoll_ctl(a->epoll, EPOLL_CTL_MOD, c->fd, &e);
}

/* False: it is done, or to be given up. */
static bool serve(struct tocsin_api *a, struct client *c, uint32_t events, unsigned int *budget)
{
	static const char too_long[] = "{\"jsonrpc\":\"2.0\",\"id\":null,\"error\":{\"code\":-"
				       "32600,\"message\":\"a request has at "
				       "most 16383 bytes\"}}\n";

	if ((events & EPOLLERR) || ((events & EPOLLHUP) && !(events & EPOLLIN)))
		return false;
	if ((events & EPOLLIN) && !read_some(c))
		return false;
	if (*budget && c->out_size <= OUT_FULL && line_end(c)) {
		--*budget;
		if (!treat_line(a, c))
			return false;
	}
	if (c->in_size == sizeof(c->in) && !line_end(c)) {
		append(c, too_long, sizeof(too_long) - 1);
		flush(c);
		return false;
	}
	if (!flush(c) || !tell_missed(c))
		return false;
	/* Who wants events may have nothing more to ask. */
	if (c->ended && !line_end(c) && !c->out_size && !c->subscribed)
		return false;
	return rearm(a, c);
}

/* ---- connections ---- */

static bool in_group(const struct tocsin_api *a, int fd, gid_t first)
{
	gid_t groups[GROUPS_MAX];
	socklen_t size = sizeof(groups);

	if (!a->has_group)
		return false;
	if (first == a->group)
		return true;
	if (getsockopt(fd, SOL_SOCKET, SO_PEERGROUPS, groups, &size))
		return false;
	for (size_t i = 0; i < size / sizeof(groups[0]); i++)
		if (groups[i] == a->group)
			return true;
	return false;
}

/* A free place for this user; NULL: none. */
static struct client **place(struct tocsin_api *a, uid_t uid)
{
	struct client **free_place = NULL;
	size_t others = 0, own = 0;

	for (size_t i = 0; i < CLIENTS_MAX; i++) {
		if (!a->clients[i]) {
			free_place = &a->clients[i];
			continue;
		}
		others += a->clients[i]->uid != 0;
		own += a->clients[i]->uid == uid;
	}
	if (uid && (others >= CLIENTS_OTHERS || own >= CLIENTS_USER))
		return NULL;
	return free_place;
}

static void turn_away(int fd, const char *why)
{
	char line[160];
	int n = snprintf(line, sizeof(line),
			 "{\"jsonrpc\":\"2.0\",\"id\":null,\"error\":{\"code\":-32001,\"message\":"
			 "\"%s\"}}\n",
			 why);

	send(fd, line, (size_t)n, MSG_NOSIGNAL | MSG_DONTWAIT);
	close(fd);
}

static void take_connection(struct tocsin_api *a)
{
	int fd = accept4(a->listener, NULL, NULL, SOCK_CLOEXEC | SOCK_NONBLOCK);
	struct epoll_event e = {.events = EPOLLIN};
	struct ucred peer;
	socklen_t size = sizeof(peer);
	struct client **at, *c;

	if (fd < 0)
		return;
	if (getsockopt(fd, SOL_SOCKET, SO_PEERCRED, &peer, &size) ||
	    (peer.uid != 0 && peer.uid != geteuid() && !in_group(a, fd, peer.gid))) {
		turn_away(fd, "not permitted: only root, and the group of the configuration");
		return;
	}
	at = place(a, peer.uid);
	c = at ? calloc(1, sizeof(*c)) : NULL;
	if (!c) {
		turn_away(fd, "too many connections");
		return;
	}
	c->fd = fd;
	c->uid = peer.uid;
	c->interest = e.events;
	e.data.ptr = c;
	*at = c;
	if (epoll_ctl(a->epoll, EPOLL_CTL_ADD, fd, &e))
		drop(a, c);
}

void tocsin_api_run(struct tocsin_api *a)
{
	struct epoll_event events[EVENTS];
	unsigned int budget = REQUESTS;
	int n = epoll_wait(a->epoll, events, EVENTS, 0);

	for (int i = 0; i < n; i++) {
		struct client *c = events[i].data.ptr;

		if (!c)
			take_connection(a);
		else if (!serve(a, c, events[i].events, &budget))
			drop(a, c);
	}
}

int tocsin_api_fd(const struct tocsin_api *a)
{
	return a->epoll;
}

/* ---- events ---- */

bool tocsin_api_wanted(const struct tocsin_api *a)
{
	for (size_t i = 0; i < CLIENTS_MAX; i++)
		if (a->clients[i] && a->clients[i]->subscribed)
			return true;
	return false;
}

void tocsin_api_event(struct tocsin_api *a, const char *json, size_t size)
{
	static const char head[] = "{\"jsonrpc\":\"2.0\",\"method\":\"event\",\"params\":",
			  end[] = "}\n";

	while (size && json[size - 1] == '\n')
		size--;
	for (size_t i = 0; i < CLIENTS_MAX; i++) {
		struct client *c = a->clients[i];
		bool ok = true;

		if (!c || !c->subscribed)
			continue;
		if (c->missed || c->out_size > OUT_EVENTS)
			c->missed++;
		else
			ok = append(c, head, sizeof(head) - 1) && append(c, json, size) &&
			     append(c, end, sizeof(end) - 1);
		if (!ok || !flush(c) || !tell_missed(c) || !rearm(a, c))
			drop(a, c);
	}
}

/* ---- the socket ---- */

/* One that nobody listens at any more is taken away. */
static int clear_path(const struct sockaddr_un *at)
{
	int fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0), rc = 0;
	struct stat st;

	if (fd < 0)
		return -errno;
	if (!connect(fd, (const struct sockaddr *)at, sizeof(*at)) || errno == EAGAIN)
		rc = -EADDRINUSE;
	close(fd);
	if (rc || lstat(at->sun_path, &st))
		return rc;
	if (!S_ISSOCK(st.st_mode))
		return -EEXIST;
	return unlink(at->sun_path) ? -errno : 0;
}

static int listen_at(struct tocsin_api *a)
{
	struct epoll_event e = {.events = EPOLLIN};
	struct sockaddr_un at = {.sun_family = AF_UNIX};
	int rc;

	strcpy(at.sun_path, a->path);
	rc = clear_path(&at);
	if (rc)
		return rc;
	a->epoll = epoll_create1(EPOLL_CLOEXEC);
	a->listener = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
	if (a->epoll < 0 || a->listener < 0)
		return -errno;
	/* Before it has a name, and so for nobody else until its group is known. */
	if (fchmod(a->listener, 0600) ||
	    bind(a->listener, (const struct sockaddr *)&at, sizeof(at)))
		return -errno;
	if ((a->has_group && (chown(a->path, (uid_t)-1, a->group) || chmod(a->path, 0660))) ||
	    listen(a->listener, 16) || epoll_ctl(a->epoll, EPOLL_CTL_ADD, a->listener, &e)) {
		rc = -errno;
		unlink(a->path);
	}
	return rc;
}

int tocsin_api_open(const char *path, const char *group, const struct tocsin_api_method *methods,
		    void *context, struct tocsin_api **ret, struct tocsin_error *err)
{
	struct group *g = *group ? getgrnam(group) : NULL;
	struct tocsin_api *a;
	int rc;

	if (*group && !g)
		return tocsin_error_set(err, -ENOENT,
					"%s: there is no group '%s': addgroup --system %s", path,
					group, group);
	if (strlen(path) >= sizeof(a->path))
		return tocsin_error_set(err, -ENAMETOOLONG, "%s: the path is too long", path);
	a = calloc(1, sizeof(*a));
	if (!a)
		return tocsin_error_set(err, -ENOMEM, "out of memory");
	a->epoll = a->listener = -1;
	strcpy(a->path, path);
	a->has_group = g != NULL;
	a->group = g ? g->gr_gid : 0;
	a->methods = methods;
	a->context = context;
	rc = listen_at(a);
	if (rc) {
		a->path[0] = '\0'; /* it is not ours to take away */
		tocsin_api_close(a);
		return tocsin_error_set(err, rc, "cannot listen at %s: %s%s", path, strerror(-rc),
					rc == -EADDRINUSE ? " (another tocsind?)" : "");
	}
	*ret = a;
	return 0;
}

void tocsin_api_close(struct tocsin_api *a)
{
	if (!a)
		return;
	for (size_t i = 0; i < CLIENTS_MAX; i++)
		if (a->clients[i])
			drop(a, a->clients[i]);
	if (a->path[0])
		unlink(a->path);
	if (a->listener >= 0)
		close(a->listener);
	if (a->epoll >= 0)
		close(a->epoll);
	free(a);
}
