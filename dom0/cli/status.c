// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * tocsin status [--json | --metrics | --follow] [--socket PATH]: what the running tocsind says of
 * itself, over its API (docs/api.md).
 */
#include "cli/command.h"
#include "cli/fold.h"
#include "output/output.h"
#include "service/api.h"

#include <inttypes.h>
#include <stdbool.h>
#include <stdio.h>
#include <string.h>

#include <json-c/json.h>

struct options {
	const char *socket, *method;
	bool json, follow;
};

static int read_arguments(int argc, char **argv, struct options *o)
{
	int kinds = 0;

	for (int i = 1; i < argc; i++) {
		if (!strcmp(argv[i], "--json")) {
			o->json = true;
			kinds++;
		} else if (!strcmp(argv[i], "--metrics")) {
			o->method = "metrics";
			kinds++;
		} else if (!strcmp(argv[i], "--follow")) {
			o->follow = true;
			kinds++;
		} else if (!strcmp(argv[i], "--socket") && i + 1 < argc) {
			o->socket = argv[++i];
		} else {
			fprintf(stderr, "tocsin status: unexpected argument '%s'\n", argv[i]);
			return EXIT_USAGE;
		}
	}
	if (kinds <= 1)
		return EXIT_DONE;
	fputs("tocsin status: one of --json, --metrics and --follow\n", stderr);
	return EXIT_USAGE;
}

static struct json_object *member(struct json_object *o, const char *name)
{
	struct json_object *m = NULL;

	json_object_object_get_ex(o, name, &m);
	return m;
}

static uint64_t number(struct json_object *o, const char *name)
{
	return json_object_get_uint64(member(o, name));
}

/* What the daemon cleaned, once more: who answers may be another program. */
static const char *text(struct json_object *o, const char *name, char ret[128])
{
	const char *s = json_object_get_string(member(o, name));

	tocsin_output_clean(s ? s : "", s ? strlen(s) : 0, ret, 128);
	return ret;
}

static void print_time(uint64_t seconds)
{
	if (seconds >= 86400)
		printf("%" PRIu64 " d ", seconds / 86400);
	printf("%" PRIu64 ":%02" PRIu64 ":%02" PRIu64, seconds / 3600 % 24, seconds / 60 % 60,
	       seconds % 60);
}

/* What was lost, by where, if anything was. */
static void print_lost(struct json_object *counters)
{
	bool any = false;

	json_object_object_foreach(counters, name, value)
	{
		char word[128];
		uint64_t n = json_object_get_uint64(value);

		if (strncmp(name, "lost_", 5) != 0 || !n)
			continue;
		tocsin_output_clean(name + 5, strlen(name + 5), word, sizeof(word));
		printf("%s %" PRIu64 " (%s)", any ? "," : "lost      ", n, word);
		any = true;
	}
	puts(any ? "" : "lost       nothing");
}

static void print_guest(struct json_object *g)
{
	struct json_object *c = member(g, "counters");
	uint64_t lost = 0, worker = number(g, "worker");
	char name[128], pid[24] = "-";

	if (json_object_is_type(c, json_type_object)) {
		json_object_object_foreach(c, key, value)
		{
			if (!strncmp(key, "lost_", 5))
				lost += json_object_get_uint64(value);
		}
	}
	if (worker)
		snprintf(pid, sizeof(pid), "%" PRIu64, worker);
	printf("%5" PRIu64 " %-20s %8" PRIu64 " %8s %8" PRIu64 " %9" PRIu64 " %9" PRIu64
	       " %7" PRIu64 " %7" PRIu64 "\n",
	       number(g, "id"), text(g, "name", name),
	       json_object_get_boolean(member(g, "on")) ? number(g, "rate") : 0, pid,
	       number(g, "waiting") + number(g, "in_work"), number(c, "accepted"),
	       number(c, "verdicts"), number(c, "errors") + number(c, "inconclusive"), lost);
}

static void print_status(struct json_object *s)
{
	struct json_object *c = member(s, "counters"), *guests = member(s, "guests");
	char word[128];

	fold_lines(11);
	printf("tocsind    %s, running for ", text(s, "version", word));
	print_time(number(s, "now") - number(s, "started"));
	printf("\nhypervisor %s\n", json_object_get_boolean(member(s, "perceives"))
					? "has Tocsin"
					: "has no Tocsin: no guest can ring");
	if (member(s, "config"))
		printf("config     %s\n", text(s, "config", word));
	printf("rules      %" PRIu64 "\nqueue      %" PRIu64 " of %" PRIu64 ", and %" PRIu64
	       " with workers\n",
	       number(s, "rules"), number(s, "waiting"), number(s, "capacity"),
	       number(s, "in_work"));
	printf("triggers   %" PRIu64 " accepted: %" PRIu64 " verdicts (%" PRIu64
	       " answered), %" PRIu64 " errors, %" PRIu64 " inconclusive, %" PRIu64
	       " refused, %" PRIu64 " rings\n",
	       number(c, "accepted"), number(c, "verdicts"), number(c, "answered"),
	       number(c, "errors"), number(c, "inconclusive"), number(c, "refused"),
	       number(c, "rings"));
	if (json_object_is_type(c, json_type_object))
		print_lost(c);
	printf("log        ");
	if (member(s, "log_error"))
		printf("%" PRIu64 " reports wait for it: %s\n", number(s, "unlogged"),
		       text(s, "log_error", word));
	else
		puts("is written");
	if (!json_object_is_type(guests, json_type_array))
		return;
	printf("%5s %-20s %8s %8s %8s %9s %9s %7s %7s\n", "ID", "NAME", "RATE/S", "WORKER",
	       "WAITING", "ACCEPTED", "VERDICTS", "FAILED", "LOST");
	for (size_t i = 0; i < json_object_array_length(guests); i++)
		print_guest(json_object_array_get_idx(guests, i));
}

static void print_json(struct json_object *o)
{
	puts(json_object_to_json_string_ext(o, JSON_C_TO_STRING_PLAIN |
						   JSON_C_TO_STRING_NOSLASHESCAPE));
}

/* Events, as they come, a line each, until the daemon ends. */
static int follow(struct tocsin_client *c, struct tocsin_error *err)
{
	struct json_object *o = NULL;
	int rc = tocsin_client_call(c, "subscribe", NULL, &o, err);

	json_object_put(o);
	while (!rc) {
		rc = tocsin_client_next(c, &o, err);
		if (rc)
			break;
		if (!strcmp(json_object_get_string(member(o, "method")), "missed"))
			fprintf(stderr, "tocsin status: %" PRIu64 " events were missed\n",
				number(member(o, "params"), "events"));
		else
			print_json(member(o, "params"));
		json_object_put(o);
		if (fflush(stdout))
			return EXIT_FAILED;
	}
	return rc;
}

static int ask(struct tocsin_client *c, const struct options *o, struct tocsin_error *err)
{
	struct json_object *answer = NULL;
	int rc = tocsin_client_call(c, o->method, NULL, &answer, err);

	if (rc)
		return rc;
	if (!strcmp(o->method, "metrics"))
		fputs(json_object_get_string(answer), stdout);
	else if (o->json)
		print_json(answer);
	else
		print_status(answer);
	json_object_put(answer);
	return 0;
}

int command_daemon_status(int argc, char **argv)
{
	struct options o = {.socket = TOCSIN_API_SOCKET, .method = "status"};
	struct tocsin_error err = {0};
	struct tocsin_client *c;
	int rc = read_arguments(argc, argv, &o);

	if (rc)
		return rc;
	rc = tocsin_client_open(o.socket, &c, &err);
	if (!rc) {
		rc = o.follow ? follow(c, &err) : ask(c, &o, &err);
		tocsin_client_close(c);
	}
	if (!rc)
		return EXIT_DONE;
	if (err.code)
		fprintf(stderr, "tocsin status: %s\n", err.message);
	return EXIT_FAILED;
}
