// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * tocsin daemon reload | scan DOMAIN [--socket PATH]: have the running tocsind do something, over
 * its API (docs/api.md).
 */
#include "cli/command.h"
#include "service/api.h"

#include <stdbool.h>
#include <stdio.h>
#include <string.h>

#include <json-c/json.h>

static const char *text(struct json_object *o, const char *name)
{
	struct json_object *m = NULL;

	return json_object_object_get_ex(o, name, &m) && m ? json_object_get_string(m) : "";
}

/* Reports of the scan, a JSON line each, up to the one that says how it ended: 0, or not. */
static int follow(struct tocsin_client *c, const char *guest, struct tocsin_error *err)
{
	for (;;) {
		struct json_object *o, *params = NULL;
		int rc = tocsin_client_next(c, &o, err);
		bool ended;

		if (rc)
			return rc;
		json_object_object_get_ex(o, "params", &params);
		ended =
		    !strcmp(text(params, "kind"), "sweep") &&
		    (!strcmp(text(params, "domain"), guest) || !strcmp(text(params, "id"), guest));
		if (ended || json_object_object_get_ex(params, "swept", NULL))
			puts(json_object_to_json_string_ext(
			    params, JSON_C_TO_STRING_PLAIN | JSON_C_TO_STRING_NOSLASHESCAPE));
		rc = !ended ? 1 : *text(params, "scanned") ? 0 : -1;
		json_object_put(o);
		if (rc <= 0)
			return rc;
	}
}

static int scan(struct tocsin_client *c, const char *guest, struct tocsin_error *err)
{
	struct json_object *params = json_object_new_object(), *answer = NULL;
	int rc = tocsin_client_call(c, "subscribe", NULL, &answer, err);

	json_object_put(answer);
	answer = NULL;
	json_object_object_add(params, "guest", json_object_new_string(guest));
	if (rc)
		json_object_put(params);
	else
		rc = tocsin_client_call(c, "scan", params, &answer, err);
	json_object_put(answer);
	return rc ? rc : follow(c, guest, err);
}

static int reload(struct tocsin_client *c, struct tocsin_error *err)
{
	struct json_object *answer = NULL;
	int rc = tocsin_client_call(c, "reload", NULL, &answer, err);

	json_object_put(answer);
	return rc;
}

int command_daemon(int argc, char **argv)
{
	const char *path = TOCSIN_API_SOCKET;
	struct tocsin_error err = {0};
	struct tocsin_client *c;
	bool scans;
	int rc;

	if (argc > 2 && !strcmp(argv[argc - 2], "--socket")) {
		path = argv[argc - 1];
		argc -= 2;
	}
	scans = argc == 3 && !strcmp(argv[1], "scan");
	if (!scans && (argc != 2 || strcmp(argv[1], "reload") != 0)) {
		fputs("tocsin daemon: reload, or scan DOMAIN\n", stderr);
		return EXIT_USAGE;
	}
	rc = tocsin_client_open(path, &c, &err);
	if (!rc) {
		rc = scans ? scan(c, argv[2], &err) : reload(c, &err);
		tocsin_client_close(c);
	}
	if (err.code)
		fprintf(stderr, "tocsin daemon: %s\n", err.message);
	return rc ? EXIT_FAILED : EXIT_DONE;
}
