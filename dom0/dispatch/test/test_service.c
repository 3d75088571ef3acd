// SPDX-License-Identifier: GPL-2.0-or-later
/* What the outside sees of the whole daemon, and what its configuration does, on a host made up. */
#include "dispatch/setup.h"
#include "service/api.h"
#include "sim.h"

#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <setjmp.h>
#include <signal.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>
#include <sys/wait.h>
#include <unistd.h>

#include <json-c/json.h>

#include <cmocka.h>

static char path[128], api[128];

/* As setup.c does it, for settings of the test. */
static int load(struct tocsin_daemon_settings *s, struct tocsin_error *err)
{
	struct tocsin_config *c;
	int rc = tocsin_config_load(path, NULL, NULL, &c, err);

	if (rc)
		return rc;
	tocsin_config_free(s->config);
	s->config = c;
	return 0;
}

static void configure(const char *text)
{
	FILE *f = fopen(path, "we");

	assert_non_null(f);
	fprintf(f, "api = { socket = \"%s\"; };\n%s\n", api, text);
	fclose(f);
}

static int make(void **state)
{
	sim_make(3);
	snprintf(path, sizeof(path), "%s/conf", sim->folder);
	snprintf(api, sizeof(api), "%s/api", sim->folder);
	sim->settings.setup = load;
	sim->settings.config_file = path;
	return 0;
}

static int end(void **state)
{
	/* After a failure it still runs; its other processes end with it. */
	if (sim->supervisor && !waitpid(sim->supervisor, NULL, WNOHANG)) {
		kill(sim->supervisor, SIGKILL);
		waitpid(sim->supervisor, NULL, 0);
		poll(NULL, 0, 200);
	}
	tocsin_config_free(sim->settings.config);
	sim_end();
	return 0;
}

/* The daemon opens its socket after all else. */
static bool is_listening(void)
{
	struct tocsin_client *c;

	if (tocsin_client_open(api, &c, &(struct tocsin_error){0}))
		return false;
	tocsin_client_close(c);
	return true;
}

static void begin(const char *text)
{
	struct tocsin_error err = {0};

	configure(text);
	if (load(&sim->settings, &err))
		fail_msg("%s", err.message);
	sim_start();
	assert_true(sim_wait(is_listening));
}

static struct tocsin_client *connect_to(void)
{
	struct tocsin_error err = {0};
	struct tocsin_client *c;

	if (tocsin_client_open(api, &c, &err))
		fail_msg("%s", err.message);
	return c;
}

static struct json_object *call(const char *method, const char *params)
{
	struct tocsin_client *c = connect_to();
	struct tocsin_error err = {0};
	struct json_object *o = NULL;

	if (tocsin_client_call(c, method, params ? json_tokener_parse(params) : NULL, &o, &err))
		fail_msg("%s: %s", method, err.message);
	tocsin_client_close(c);
	return o;
}

static struct json_object *member(struct json_object *o, const char *name)
{
	struct json_object *m = NULL;

	if (!json_object_object_get_ex(o, name, &m))
		fail_msg("there is no %s in %s", name, json_object_to_json_string(o));
	return m;
}

static const char *text_of(struct json_object *o, const char *name)
{
	return json_object_get_string(member(o, name));
}

static struct tocsin_client *subscribe(void)
{
	struct tocsin_client *c = connect_to();
	struct json_object *o = NULL;

	assert_int_equal(tocsin_client_call(c, "subscribe", NULL, &o, NULL), 0);
	json_object_put(o);
	return c;
}

/* The next event of a kind; json_object_put() it. */
static struct json_object *event(struct tocsin_client *c, const char *kind)
{
	struct json_object *o, *params;
	bool found = false;

	do {
		assert_int_equal(tocsin_client_next(c, &o, NULL), 0);
		params = json_object_get(member(o, "params"));
		json_object_put(o);
		found = !strcmp(text_of(params, "kind"), kind);
		if (!found)
			json_object_put(params);
	} while (!found);
	return params;
}

static bool all_are_known(void)
{
	struct json_object *o = call("status", NULL);
	size_t n = json_object_array_length(member(o, "guests"));

	json_object_put(o);
	return n == 3;
}

static void status_metrics_and_events(void **state)
{
	struct tocsin_client *c;
	struct json_object *o;
	char line[64];

	begin("policies = ( { guests = \"*\"; actions = { clean = \"notify\"; inconclusive = "
	      "\"notify\"; suspicious = \"notify\"; malicious = \"notify\"; }; } );\n");
	assert_true(sim_wait(all_are_known));
	c = subscribe();
	sim_ring(2, TOCSIN_OP_SCAN_SELF, 0);
	o = event(c, "verdict");
	assert_string_equal(text_of(member(o, "domain"), "name"), "guest-2");
	json_object_put(o);
	tocsin_client_close(c);
	o = call("status", NULL);
	assert_int_equal(json_object_get_int(member(member(o, "counters"), "verdicts")), 1);
	assert_int_equal(json_object_get_int(member(o, "capacity")), 65536);
	json_object_put(o);
	o = call("metrics", NULL);
	snprintf(line, sizeof(line), "\ntocsin_guest_verdicts_total{guest=\"guest-2\",");
	assert_non_null(strstr(json_object_get_string(o), line));
	json_object_put(o);
	assert_int_equal(sim_stop(), 0);
	/* It was notified, and counted, and not logged. */
	assert_int_equal(sim_lines(sim->log, "verdict"), 0);
	assert_int_equal(access(api, F_OK), -1);
}

static bool switches_are_set(void)
{
	return sim_guest(1)->rate == 1000 && sim_guest(2)->rate == 0 && sim_guest(3)->rate == 7;
}

static void policies_hold(void **state)
{
	begin("policies = ( { guests = \"guest-2\"; enabled = false; },\n"
	      "{ guests = \"guest-3\"; enabled = true; rate = 7; } );\n");
	assert_true(sim_wait(switches_are_set));
	sim_guest(2)->rate = 100;
	sim_guest(1)->rate = 1000;
	sim_domains_changed();
	assert_true(sim_wait(switches_are_set));
	assert_int_equal(sim_stop(), 0);
	assert_true(sim_lines(sim->errors, "domain 2 (guest-2) may not ring, by its policy") >= 2);
}

/* The made-up process has executable memory that no file is behind. */
static void a_policy_leaves_scans_out(void **state)
{
	begin("policies = ( { guests = \"guest-2\"; scans = [ \"process\" ]; } );\n");
	assert_true(sim_wait(all_are_known));
	sim_ring(1, TOCSIN_OP_SCAN_SELF, 0);
	sim_ring(2, TOCSIN_OP_SCAN_SELF, 0);
	assert_true(sim_settled(2));
	assert_int_equal(sim_stop(), 0);
	assert_int_equal(sim_lines(sim->log, "\"kind\":\"verdict\""), 2);
	assert_int_equal(sim_lines(sim->log, "memory.anonymous-executable"), 1);
}

static bool fourth_is_known(void)
{
	struct json_object *o = call("status", NULL);
	size_t n = json_object_array_length(member(o, "guests"));

	json_object_put(o);
	return n == 4;
}

static bool fourth_may_not(void)
{
	return sim_guest(4)->rate == 0;
}

/* Which policy is its own is not known before its name is. */
static void a_domain_without_a_name_is_left_as_it_is(void **state)
{
	begin("policies = ( { guests = \"guest-4\"; enabled = false; },\n"
	      "{ guests = \"*\"; enabled = true; rate = 7; } );\n");
	assert_true(sim_wait(all_are_known));
	sim->no_xenstored = true;
	memset(sim_guest(4)->uuid, 4, 16);
	strcpy(sim_guest(4)->name, "guest-4");
	sim_guest(4)->rate = 1000;
	sim_guest(4)->exists = true;
	assert_true(sim_wait(fourth_is_known));
	assert_int_equal(sim_guest(4)->rate, 1000);
	assert_int_equal(sim_guest(1)->rate, 7);
	sim->no_xenstored = false;
	assert_true(sim_wait(fourth_may_not));
	assert_int_equal(sim_stop(), 0);
	assert_int_equal(sim_lines(sim->errors, "domain 4 (guest-4) may not ring, by its policy"),
			 1);
}

static bool second_may_not(void)
{
	return sim_guest(2)->rate == 0;
}

static bool it_was_refused(void)
{
	return sim_lines(sim->errors, "the configuration stays as it was") > 0;
}

static void reload(void **state)
{
	begin("");
	configure("policies = 7;");
	kill(sim->supervisor, SIGHUP);
	assert_true(sim_wait(it_was_refused));
	assert_int_equal(sim_guest(2)->rate, 1000);
	configure("policies = ( { guests = \"guest-2\"; enabled = false; } );");
	json_object_put(call("reload", NULL));
	assert_true(sim_wait(second_may_not));
	assert_int_equal(sim_stop(), 0);
}

static void reload_tells_the_first_mistake(void **state)
{
	struct tocsin_error err = {0};
	struct tocsin_client *c;
	struct json_object *o;

	begin("");
	configure("policies = 7;");
	c = connect_to();
	assert_int_equal(tocsin_client_call(c, "reload", NULL, &o, &err), -EREMOTEIO);
	assert_non_null(strstr(err.message, "conf:2: policies: not a list"));
	tocsin_client_close(c);
	assert_int_equal(sim_stop(), 0);
}

static bool there_is_a_log(void)
{
	return !access(sim->log, F_OK);
}

static void a_log_that_was_moved_is_opened_again(void **state)
{
	char old[128];

	begin("");
	snprintf(old, sizeof(old), "%s.1", sim->log);
	sim_ring(1, TOCSIN_OP_PING, 1);
	assert_true(sim_settled(1));
	for (int i = 0; i < 3; i++) { /* it is looked at once a second */
		assert_true(sim_wait(there_is_a_log));
		poll(NULL, 0, i ? 1 : 1200);
		if (!i)
			rename(sim->log, old);
	}
	sim_ring(1, TOCSIN_OP_PING, 2);
	assert_true(sim_settled(2));
	assert_int_equal(sim_stop(), 0);
	assert_int_equal(sim_lines(old, "\"kind\":\"ring\""), 1);
	assert_int_equal(sim_lines(sim->log, "\"kind\":\"ring\""), 1);
}

static bool is_swept(void)
{
	return sim_lines(sim->log, "\"swept\":true") > 0 &&
	       sim_lines(sim->errors, "the whole domain 1 (guest-1)") > 0;
}

static void a_sweep(void **state)
{
	struct tocsin_client *c;
	struct json_object *o;

	begin("policies = ( { guests = \"guest-1\"; schedule = 1; } );");
	assert_true(sim_wait(is_swept)); /* the first one is due in its first second */
	assert_true(sim_wait(all_are_known));
	c = subscribe();
	o = call("scan", "{\"guest\":\"guest-3\"}");
	assert_true(json_object_get_boolean(o));
	json_object_put(o);
	o = event(c, "sweep");
	assert_string_equal(text_of(o, "domain"), "guest-3");
	assert_non_null(strstr(text_of(o, "scanned"), "1 processes"));
	json_object_put(o);
	tocsin_client_close(c);
	assert_int_equal(sim_stop(), 0);
	assert_int_equal(sim_lines(sim->errors, "the whole domain 3 (guest-3)"), 1);
	assert_true(sim_lines(sim->log, "\"swept\":true") > 0);
	assert_int_equal(sim_lines(sim->log, "\"trigger\""), 0);
	assert_int_equal(sim->shared->now.accepted, 0);
}

static void a_dump(void **state)
{
	char text[512], head[4] = "";
	struct tocsin_client *c;
	struct json_object *o;
	struct stat st;
	int fd;

	snprintf(text, sizeof(text),
		 "dump = { folder = \"%s/dumps\"; };\npolicies = ( { guests = \"*\"; actions = { "
		 "clean = \"dump\"; inconclusive = \"dump\"; suspicious = \"dump\"; malicious = "
		 "\"dump\"; }; } );\n",
		 sim->folder);
	begin(text);
	c = subscribe();
	sim_ring(1, TOCSIN_OP_SCAN_SELF, 0);
	o = event(c, "dump");
	assert_string_equal(text_of(o, "domain"), "guest-1");
	fd = open(text_of(o, "file"), O_RDONLY);
	assert_true(fd >= 0);
	assert_int_equal(fstat(fd, &st), 0);
	assert_int_equal(st.st_mode & 07777, 0600);
	assert_int_equal(read(fd, head, 4), 4);
	assert_memory_equal(head,
			    "\x7f"
			    "ELF",
			    4);
	close(fd);
	json_object_put(o);
	/* The same process once more: there is a dump of it. */
	sim_ring(1, TOCSIN_OP_SCAN_SELF, 0);
	assert_true(sim_settled(2));
	tocsin_client_close(c);
	assert_int_equal(sim_stop(), 0);
	assert_int_equal(sim_lines(sim->errors, "the memory of process"), 1);
}

static int manager;
static char metrics[128];

static bool there_are_metrics(void)
{
	return !access(metrics, R_OK);
}

static bool it_was_told(void)
{
	char text[256] = "";

	return recv(manager, text, sizeof(text) - 1, MSG_DONTWAIT) > 0 &&
	       !strcmp(text, "WATCHDOG=1");
}

static void signs_of_life(void **state)
{
	struct sockaddr_un at = {.sun_family = AF_UNIX};
	char text[256] = "", line[256];

	snprintf(metrics, sizeof(metrics), "%s/t.prom", sim->folder);
	snprintf(line, sizeof(line), "metrics = { file = \"%s\"; period = 1; };", metrics);
	snprintf(at.sun_path, sizeof(at.sun_path), "%s/notify", sim->folder);
	manager = socket(AF_UNIX, SOCK_DGRAM | SOCK_CLOEXEC, 0);
	assert_int_equal(bind(manager, (const struct sockaddr *)&at, sizeof(at)), 0);
	setenv("NOTIFY_SOCKET", at.sun_path, 1);
	sim->settings.watchdog = 3000000;
	begin(line);
	unsetenv("NOTIFY_SOCKET");
	assert_true(recv(manager, text, sizeof(text) - 1, 0) > 0);
	assert_string_equal(text, "READY=1");
	assert_true(sim_wait(it_was_told));
	close(manager);
	assert_true(sim_wait(there_are_metrics));
	assert_int_equal(sim_stop(), 0);
	assert_int_equal(sim_lines(metrics, "tocsin_build_info"), 3);
}

/* The command line comes before the file; a file with a mistake changes nothing. */
static void settings(void **state)
{
	struct tocsin_setup u = {
	    .config = path, .shipped = "/", .rules = {"/tmp"}, .rule_count = 1};
	struct tocsin_error err = {0};

	configure("log = { file = \"/l\"; format = \"text\"; journal = true; }; key = \"/k\";\n"
		  "rules = [ \"/usr\", \"/nowhere\" ];");
	assert_int_equal(tocsin_setup_load(&u.settings, &err), 0);
	assert_string_equal(u.settings.writer.log, "/l");
	assert_string_equal(u.settings.writer.output->name, "text");
	assert_true(u.settings.writer.journal);
	assert_string_equal(u.settings.key, "/k");
	assert_string_equal(u.settings.rule_folders[1], "/tmp");
	assert_string_equal(u.settings.rule_folders[2], "/usr");
	assert_null(u.settings.rule_folders[3]);
	u.log = "/other";
	u.output = "json";
	configure("log = 3;");
	assert_int_equal(tocsin_setup_load(&u.settings, &err), -EINVAL);
	assert_string_equal(u.settings.writer.log, "/l");
	configure("log = { file = \"/l\"; format = \"text\"; }; key = \"/k2\";");
	err = (struct tocsin_error){0};
	assert_int_equal(tocsin_setup_load(&u.settings, &err), 0);
	assert_string_equal(u.settings.writer.log, "/other");
	assert_string_equal(u.settings.writer.output->name, "json");
	assert_string_equal(u.settings.key, "/k"); /* not while it runs */
	free((char *)u.settings.key);
	tocsin_config_free(u.settings.config);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
	    cmocka_unit_test_setup_teardown(status_metrics_and_events, make, end),
	    cmocka_unit_test_setup_teardown(policies_hold, make, end),
	    cmocka_unit_test_setup_teardown(a_policy_leaves_scans_out, make, end),
	    cmocka_unit_test_setup_teardown(a_domain_without_a_name_is_left_as_it_is, make, end),
	    cmocka_unit_test_setup_teardown(reload, make, end),
	    cmocka_unit_test_setup_teardown(reload_tells_the_first_mistake, make, end),
	    cmocka_unit_test_setup_teardown(a_log_that_was_moved_is_opened_again, make, end),
	    cmocka_unit_test_setup_teardown(a_sweep, make, end),
	    cmocka_unit_test_setup_teardown(a_dump, make, end),
	    cmocka_unit_test_setup_teardown(signs_of_life, make, end),
	    cmocka_unit_test_setup_teardown(settings, make, end),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
