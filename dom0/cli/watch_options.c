// SPDX-License-Identifier: GPL-2.0-or-later
/* The arguments of tocsin watch. */
#include "cli/command.h"
#include "cli/watch.h"

#include "output/event.h"

#include <errno.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define MILLISECOND 1000000ull
#define SECOND 1000000000ull

const char *watch_guest_name(const struct guest_options *g)
{
	return g->domain ? g->domain : g->qemu;
}

/* A number with one of the units; each is a letter, or nothing, with what it stands for. */
static int parse_unit(const char *text, const char *units, const uint64_t *factors, uint64_t *ret)
{
	char *end;
	double value = strtod(text, &end);
	const char *unit = *end ? strchr(units, *end) : units + strlen(units);

	if (end == text || !unit || (*end && end[1]) || !isfinite(value) || value < 0)
		return -EINVAL;
	value *= (double)factors[unit - units];
	if (value > 9e18)
		return -EINVAL;
	*ret = (uint64_t)value;
	return 0;
}

static int parse_time(const char *text, uint64_t *ret)
{
	static const uint64_t factors[] = {SECOND, 60 * SECOND, 3600 * SECOND, 86400 * SECOND,
					   SECOND};

	return parse_unit(text, "smhd", factors, ret);
}

static int parse_size(const char *text, uint64_t *ret)
{
	static const uint64_t factors[] = {1u << 10, 1u << 20, 1u << 30, 1};

	return parse_unit(text, "KMG", factors, ret);
}

/* LEAST,MOST in milliseconds. */
static int parse_period(const char *text, struct tocsin_pace *ret)
{
	char *end;
	double least = strtod(text, &end), most = least;

	if (end == text)
		return -EINVAL;
	if (*end == ',') {
		text = end + 1;
		most = strtod(text, &end);
	}
	if (end == text || *end || !(least >= 1) || !(most >= least) || !(most <= 3600e3))
		return -EINVAL;
	ret->least = (uint64_t)(least * (double)MILLISECOND);
	ret->most = (uint64_t)(most * (double)MILLISECOND);
	return 0;
}

static int parse_share(const char *text, double *ret)
{
	char *end;
	double value = strtod(text, &end);

	if (end == text || *end || !(value > 0) || !(value <= 100))
		return -EINVAL;
	*ret = value / 100;
	return 0;
}

static int add_guest(const struct guest_options *g, struct watch_options *o)
{
	if (o->count == WATCH_GUESTS_MAX)
		return -E2BIG;
	for (size_t i = 0; i < o->count; i++)
		if (!strcmp(watch_guest_name(&o->guests[i]), watch_guest_name(g)))
			return -EEXIST;
	o->guests[o->count++] = *g;
	return 0;
}

static int add_rules(const char *directory, struct watch_options *o)
{
	size_t n = 0;

	while (o->rules[n])
		n++;
	if (n == WATCH_DIRECTORIES_MAX)
		return -E2BIG;
	o->rules[n] = directory;
	return 0;
}

/* An option without a value; false: it is none. */
static bool parse_flag(const char *option, struct watch_options *o)
{
	if (!strcmp(option, "--json"))
		o->format = "json";
	else if (!strcmp(option, "--view"))
		o->view = true;
	else if (!strcmp(option, "--initial"))
		o->initial = true;
	else if (!strcmp(option, "--stay"))
		o->stay = true;
	else if (!strcmp(option, "--no-rules"))
		o->no_rules = true;
	else
		return false;
	return true;
}

/* -ENOENT: no such option; -EINVAL: the value will not do. */
static int parse_value(const char *option, const char *value, struct watch_options *o)
{
	struct guest_options guest = {0};
	const char **name = guest_option(option, &guest);

	if (name && name != &guest.dump) {
		*name = value;
		return add_guest(&guest, o);
	}
	if (!strcmp(option, "--format")) {
		o->format = value;
		return tocsin_event_output_find(value) ? 0 : -EINVAL;
	}
	if (!strcmp(option, "--history")) {
		o->history = value;
		return 0;
	}
	if (!strcmp(option, "--rings")) {
		o->rings = value;
		return 0;
	}
	if (!strcmp(option, "--rules"))
		return add_rules(value, o);
	if (!strcmp(option, "--keep"))
		return parse_time(value, &o->keep.max_age);
	if (!strcmp(option, "--max-size"))
		return parse_size(value, &o->keep.max_bytes);
	if (!strcmp(option, "--period"))
		return parse_period(value, &o->pace);
	if (!strcmp(option, "--share"))
		return parse_share(value, &o->pace.share);
	if (!strcmp(option, "--for"))
		return parse_time(value, &o->seconds) || !o->seconds ? -EINVAL : 0;
	if (!strcmp(option, "--account"))
		return parse_time(value, &o->accounts) || !o->accounts ? -EINVAL : 0;
	return -ENOENT;
}

/* What an option takes that did not take what it was given. */
static const char *takes(const char *option)
{
	static const struct {
		const char *option, *takes;
	} values[] = {
	    {"--format", "text, json or ocsf"},
	    {"--keep", "a time: seconds, or 90s, 10m, 2h, 7d"},
	    {"--for", "a time above 0: seconds, or 90s, 10m, 2h, 7d"},
	    {"--account", "a time above 0: seconds, or 90s, 10m, 2h, 7d"},
	    {"--max-size", "a size: bytes, or 64K, 100M, 2G"},
	    {"--period", "milliseconds, LEAST or LEAST,MOST, 1 to 3600000"},
	    {"--share", "a percentage, above 0, up to 100"},
	};

	for (size_t i = 0; i < sizeof(values) / sizeof(values[0]); i++)
		if (!strcmp(option, values[i].option))
			return values[i].takes;
	return "something else";
}

static int complain(const char *option, const char *value, int rc)
{
	if (!strcmp(option, "--dump"))
		fputs("tocsin watch: a dump does not change: use tocsin net --dump FILE\n", stderr);
	else if (rc == -ENOENT)
		fprintf(stderr, "tocsin watch: unexpected argument '%s'\n", option);
	else if (!value)
		fprintf(stderr, "tocsin watch: %s needs a value\n", option);
	else if (rc == -EEXIST)
		fprintf(stderr, "tocsin watch: %s %s is there twice\n", option, value);
	else if (rc == -E2BIG)
		fprintf(stderr, "tocsin watch: too many of %s\n", option);
	else
		fprintf(stderr, "tocsin watch: %s does not take '%s', but %s\n", option, value,
			takes(option));
	return EXIT_USAGE;
}

int watch_options_parse(int argc, char **argv, struct watch_options *ret)
{
	struct watch_options o = {
	    .keep = {.max_age = 7 * 86400 * SECOND, .max_bytes = 1u << 30},
	    .pace = {.least = 20 * MILLISECOND, .most = 500 * MILLISECOND, .share = 0.05},
	    .accounts = 60 * SECOND};

	for (int i = 1; i < argc; i++) {
		const char *option = argv[i], *value = i + 1 < argc ? argv[i + 1] : NULL;
		int rc;

		if (parse_flag(option, &o))
			continue;
		rc = value ? parse_value(option, value, &o)
			   : parse_value(option, "", &(struct watch_options){.count = 0});
		if (rc || !value)
			return complain(option, value, rc);
		i++;
	}
	if (o.view && o.format) {
		fputs("tocsin watch: --view is on the terminal, --json and --format are not: "
		      "one of them; --history keeps events beside either\n",
		      stderr);
		return EXIT_USAGE;
	}
	if (!o.format)
		o.format = "text";
	if (!o.count) {
		fputs("tocsin watch: which guests? -d DOMAIN or --qemu SOCKET, each as often as "
		      "there are guests\n",
		      stderr);
		return EXIT_USAGE;
	}
	*ret = o;
	return 0;
}
