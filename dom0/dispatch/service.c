/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * What the outside sees of the daemon: the API's methods, metrics, signs of life for systemd, and
 * that a log which was moved away is opened again.
 */
#include "base/clock.h"
#include "dispatch/broker.h"
#include "service/api.h"
#include "service/notify.h"
#include "service/status.h"

#include <errno.h>
#include <inttypes.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/stat.h>
#include <unistd.h>

#include <json-c/json.h>

struct tocsin_service {
	struct tocsin_watch watch; /* the API; fd -1: none */
	struct tocsin_api *api;
	char socket[108], group[64]; /* as it was opened */
	uint64_t started;            /* seconds since the epoch */
	uint64_t next_metrics;
	int metrics_error; /* of the last writing, and it was said */
	/* the log, as it was when it was looked at last; inode 0: not yet */
	dev_t device;
	ino_t inode;
};

static struct tocsin_outcome outcome; /* large */

/* ---- the status ---- */

static void fill_guest(struct tocsin_broker *b, const struct tocsin_known *k,
		       struct tocsin_status_guest *ret)
{
	const struct tocsin_guest *g = b->guests;
	int64_t rate = k->domain.rate > 0 ? k->domain.rate : 0;

	*ret = (struct tocsin_status_guest){.domid = k->domain.domid,
					    .on = rate > 0,
					    .rate = (uint32_t)rate,
					    .schedule = k->policy.schedule,
					    .scanned = k->scanned};
	memcpy(ret->name, k->domain.name, sizeof(ret->name));
	memcpy(ret->uuid, k->domain.uuid, sizeof(ret->uuid));
	while (g && (g->gone || g->domain.domid != k->domain.domid))
		g = g->next;
	if (!g)
		return;
	ret->worker = g->pid;
	ret->waiting = g->lane.count;
	ret->in_work = g->sent.count;
	ret->counters = g->counters;
}

/* free(ret->guests) */
static int fill_status(struct tocsin_broker *b, struct tocsin_status *ret)
{
	struct tocsin_status s = {.version = TOCSIN_VERSION,
				  .started = b->service->started,
				  .now = tocsin_realtime() / TOCSIN_SECOND,
				  .perceives = true,
				  .capacity = b->s->capacity,
				  .log_error = b->reports.error,
				  .rules = b->s->shared->rules,
				  .config = b->s->config_file,
				  .counters = *b->counters};

	for (const struct tocsin_known *k = b->known; k; k = k->next)
		s.guest_count++;
	s.guests = calloc(s.guest_count + 1, sizeof(*s.guests));
	if (!s.guests)
		return -ENOMEM;
	s.guest_count = 0;
	for (const struct tocsin_known *k = b->known; k; k = k->next) {
		s.perceives &= !k->domain.hvm || k->domain.rate != -1;
		fill_guest(b, k, &s.guests[s.guest_count++]);
	}
	for (const struct tocsin_guest *g = b->guests; g; g = g->next) {
		s.waiting += g->lane.count;
		s.in_work += g->sent.count;
	}
	for (const struct tocsin_pending_report *p = b->reports.first; p; p = p->next)
		s.unlogged++;
	*ret = s;
	return 0;
}

/* ---- methods ---- */

static int run_status(void *context, struct json_object *params, struct json_object **ret,
		      struct tocsin_error *err)
{
	struct tocsin_status s;
	int rc = fill_status(context, &s);

	if (rc)
		return rc;
	*ret = tocsin_status_json(&s);
	free(s.guests);
	return *ret ? 0 : -ENOMEM;
}

static int run_metrics(void *context, struct json_object *params, struct json_object **ret,
		       struct tocsin_error *err)
{
	struct tocsin_status s;
	char *text = NULL;
	size_t size = 0;
	int rc = fill_status(context, &s);
	FILE *f;

	if (rc)
		return rc;
	f = open_memstream(&text, &size);
	rc = f ? tocsin_metrics_print(f, &s) : -ENOMEM;
	if (f && fclose(f))
		rc = -ENOMEM;
	if (!rc)
		*ret = json_object_new_string_len(text, (int)size);
	free(text);
	free(s.guests);
	return rc;
}

/* By name or number. */
static struct tocsin_known *find_guest(struct tocsin_broker *b, const char *name)
{
	struct tocsin_known *k = b->known;
	char number[16];

	for (; k; k = k->next) {
		snprintf(number, sizeof(number), "%u", k->domain.domid);
		if (!strcmp(number, name) || !strcmp(k->domain.name, name))
			break;
	}
	return k;
}

static int run_scan(void *context, struct json_object *params, struct json_object **ret,
		    struct tocsin_error *err)
{
	struct tocsin_broker *b = context;
	struct json_object *guest = NULL;
	struct tocsin_known *k;

	if (!params || !json_object_object_get_ex(params, "guest", &guest) ||
	    !json_object_get_string(guest))
		return tocsin_error_set(err, -EINVAL, "guest: a name or a number");
	k = find_guest(b, json_object_get_string(guest));
	if (!k)
		return tocsin_error_set(err, -ESRCH, "there is no such guest");
	if (!k->domain.hvm)
		return tocsin_error_set(err, -EOPNOTSUPP, "a PV domain cannot be scanned");
	if (tocsin_errands_sweep(b, &k->domain, ~k->policy.scans))
		return tocsin_error_set(err, -EBUSY, "it is being scanned, or too much else waits");
	*ret = json_object_new_boolean(1);
	return 0;
}

static void first_mistake(const char *message, void *context)
{
	struct tocsin_error *err = context;

	tocsin_error_set(err, -EINVAL, "%s", message);
}

/* The supervisor does it, who has no way to say what is wrong: so it is looked at here before. */
static int run_reload(void *context, struct json_object *params, struct json_object **ret,
		      struct tocsin_error *err)
{
	struct tocsin_broker *b = context;
	struct tocsin_config *c;
	struct tocsin_error first = {0};

	if (b->s->config_file &&
	    tocsin_config_load(b->s->config_file, first_mistake, &first, &c, &first))
		return tocsin_error_set(err, -EBADMSG, "%s", first.message);
	if (b->s->config_file)
		tocsin_config_free(c);
	if (kill(getppid(), SIGHUP))
		return -errno;
	*ret = json_object_new_boolean(1);
	return 0;
}

static const struct tocsin_api_method methods[] = {
    {"status", false, run_status}, {"metrics", false, run_metrics},
    {"scan", true, run_scan},      {"reload", true, run_reload},
    {NULL, false, NULL},
};

/* ---- the API ---- */

static void on_api(struct tocsin_broker *b, struct tocsin_watch *w, uint32_t events)
{
	tocsin_api_run(b->service->api);
}

static void close_api(struct tocsin_broker *b)
{
	struct tocsin_service *v = b->service;

	if (!v->api)
		return;
	epoll_ctl(b->epoll, EPOLL_CTL_DEL, v->watch.fd, NULL);
	v->watch.fd = -1;
	tocsin_api_close(v->api);
	v->api = NULL;
}

/* Without it the daemon does its work all the same. */
static void open_api(struct tocsin_broker *b)
{
	const struct tocsin_config *c = b->s->config;
	struct tocsin_service *v = b->service;
	struct tocsin_error err = {0};
	char folder[sizeof(v->socket)];

	strcpy(v->socket, c ? c->api_socket : "");
	strcpy(v->group, c ? c->api_group : "");
	if (!*v->socket)
		return;
	strcpy(folder, v->socket);
	*strrchr(folder, '/') = '\0';
	if (*folder)
		mkdir(folder, 0755); /* it may be there; else listening says why */
	if (tocsin_api_open(v->socket, v->group, methods, b, &v->api, &err)) {
		fprintf(stderr, "tocsind: there is no API: %s\n", err.message);
		return;
	}
	v->watch = (struct tocsin_watch){on_api, tocsin_api_fd(v->api)};
	if (tocsin_broker_watch(b, &v->watch, EPOLLIN))
		close_api(b);
}

void tocsin_service_event(struct tocsin_broker *b, const char *json)
{
	if (b->service && b->service->api && json)
		tocsin_api_event(b->service->api, json, strlen(json));
}

static void tell_subscribers(struct tocsin_broker *b, const struct tocsin_msg_report *m)
{
	struct tocsin_report r = tocsin_writer_report(m, &outcome);
	char *text = NULL;
	size_t size = 0;
	FILE *f = open_memstream(&text, &size);

	if (f && !tocsin_output_find("json")->write(f, &r) && !fflush(f))
		tocsin_service_event(b, text);
	if (f)
		fclose(f);
	free(text);
}

void tocsin_service_report(struct tocsin_broker *b, const uint8_t *message, size_t size,
			   uint32_t actions)
{
	bool wanted = (actions & TOCSIN_ACTION_NOTIFY) && b->service && b->service->api &&
		      tocsin_api_wanted(b->service->api);
	struct tocsin_msg_report m;

	if ((!wanted && !(actions & TOCSIN_ACTION_DUMP)) ||
	    tocsin_msg_get_report(message, size, &m, &outcome))
		return;
	if (wanted)
		tell_subscribers(b, &m);
	if (actions & TOCSIN_ACTION_DUMP)
		tocsin_errands_dump(b, &m, &outcome);
}

/* ---- metrics ---- */

static void write_metrics(struct tocsin_broker *b)
{
	const struct tocsin_config *c = b->s->config;
	struct tocsin_service *v = b->service;
	struct tocsin_status s;
	int rc;

	if (!c || !c->metrics_file[0] || b->now < v->next_metrics)
		return;
	v->next_metrics = b->now + c->metrics_period * TOCSIN_SECOND;
	rc = fill_status(b, &s);
	if (!rc) {
		rc = tocsin_metrics_write(c->metrics_file, &s);
		free(s.guests);
	}
	if (rc && rc != v->metrics_error)
		fprintf(stderr, "tocsind: %s cannot be written: %s\n", c->metrics_file,
			strerror(-rc));
	v->metrics_error = rc;
}

/* ---- the log ---- */

/* Was it moved away, or removed? The file that is looked at first may be another than the one that
 * the writer has; then it is opened once more than needed. */
static void check_log(struct tocsin_broker *b)
{
	const char *path = b->s->writer.log;
	struct tocsin_service *v = b->service;
	bool known = v->inode != 0;
	struct stat st;

	if (!path)
		return;
	if (stat(path, &st)) {
		v->inode = 0;
		if (errno == ENOENT && known)
			tocsin_reports_reopen(b);
		return;
	}
	if (known && (st.st_dev != v->device || st.st_ino != v->inode))
		tocsin_reports_reopen(b);
	v->device = st.st_dev;
	v->inode = st.st_ino;
}

/* ---- its life ---- */

void tocsin_service_open(struct tocsin_broker *b)
{
	b->service = calloc(1, sizeof(*b->service));
	if (!b->service)
		return;
	b->service->watch.fd = -1;
	b->service->started = tocsin_realtime() / TOCSIN_SECOND;
	open_api(b);
}

void tocsin_service_ready(struct tocsin_broker *b)
{
	tocsin_notify("READY=1");
}

void tocsin_service_tick(struct tocsin_broker *b)
{
	char line[96];

	if (b->s->watchdog)
		tocsin_notify("WATCHDOG=1");
	if (!b->service)
		return;
	snprintf(line, sizeof(line), "STATUS=%" PRIu64 " triggers taken, %zu wait\n",
		 b->counters->accepted, b->waiting);
	if (getenv("NOTIFY_SOCKET") && b->now >= b->service->next_metrics)
		tocsin_notify(line);
	write_metrics(b);
	check_log(b);
}

void tocsin_service_reload(struct tocsin_broker *b)
{
	struct tocsin_daemon_settings *s = b->s;
	struct tocsin_error err = {0};

	if (s->setup && s->setup(s, &err)) {
		fprintf(stderr, "tocsind: the configuration stays as it was: %s\n", err.message);
		return;
	}
	tocsin_policy_reload(b);
	if (!b->service)
		return;
	b->service->inode = 0;
	b->service->next_metrics = 0;
	if (s->config && (strcmp(b->service->socket, s->config->api_socket) != 0 ||
			  strcmp(b->service->group, s->config->api_group) != 0)) {
		close_api(b);
		open_api(b);
	}
}

void tocsin_service_free(struct tocsin_broker *b)
{
	if (!b->service)
		return;
	close_api(b);
	free(b->service);
	b->service = NULL;
}
