/* SPDX-License-Identifier: GPL-2.0-or-later */
/* tocsind in the foreground: its command line. What it does is begun by supervisor.c. */
#include "capture/tap.h"
#include "dispatch/backend_xen.h"
#include "dispatch/setup.h"
#include "service/notify.h"

#include <errno.h>
#include <getopt.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#define STATE_FILE TOCSIN_KEY_FOLDER "/state.db"

struct options {
	struct tocsin_setup setup;
	const char *state;
	bool check;
};

static void usage(FILE *to)
{
	fputs(
	    "usage: tocsind [--config FILE] [--rules DIR]... [--key FILE] [--state FILE]\n"
	    "               [--output json|text] [--log FILE]\n"
	    "       tocsind --check-config [--config FILE]\n"
	    "\n"
	    "Takes the triggers of all guests that `tocsin enable` switched on, scans who rang "
	    "and\n"
	    "reports one line each. Runs in the foreground in dom0, as root, until SIGTERM or\n"
	    "SIGINT. One consumer of Xen's trace buffers can run at a time.\n"
	    "\n"
	    "  --config FILE  the configuration (default " TOCSIN_CONFIG_FILE ", if it is\n"
	    "                 there); options here come before what stands in it\n"
	    "  --check-config tell all its mistakes, and do nothing else\n"
	    "  --rules DIR    YARA rules (*.yar, *.yara) beside those in\n"
	    "                 " TOCSIN_RULES_DIR "; may be given several times\n"
	    "  --key FILE     Ed25519 key that signs answers, made if it is not there\n"
	    "                 (default " TOCSIN_KEY_FILE ")\n"
	    "  --state FILE   what survives a restart (default " STATE_FILE ");\n"
	    "                 none: nothing does\n"
	    "  --output NAME  json (default) or text\n"
	    "  --log FILE     append reports to FILE instead of standard output\n"
	    "  --help, --version\n"
	    "\n"
	    "SIGHUP: the configuration and the rules are read again, and the log is opened again.\n"
	    "Exit codes: 0 stopped by a signal, 1 failed, 2 usage.\n",
	    to);
}

/* -1: go on; else the exit code. */
static int parse(int argc, char **argv, struct options *o)
{
	static const struct option known[] = {
	    {"config", required_argument, NULL, 'c'}, {"check-config", no_argument, NULL, 'C'},
	    {"rules", required_argument, NULL, 'r'},  {"key", required_argument, NULL, 'k'},
	    {"state", required_argument, NULL, 's'},  {"output", required_argument, NULL, 'o'},
	    {"log", required_argument, NULL, 'l'},    {"help", no_argument, NULL, 'h'},
	    {"version", no_argument, NULL, 'V'},      {0}};
	struct tocsin_setup *u = &o->setup;
	int c;

	if (!access(TOCSIN_RULES_DIR, F_OK))
		u->shipped = TOCSIN_RULES_DIR;

	while ((c = getopt_long(argc, argv, "c:r:k:s:o:l:h", known, NULL)) >= 0) {
		switch (c) {
		case 'r':
			if (u->rule_count == TOCSIN_SETUP_RULES_MAX) {
				fprintf(stderr, "tocsind: at most %d --rules\n",
					TOCSIN_SETUP_RULES_MAX);
				return 2;
			}
			u->rules[u->rule_count++] = optarg;
			break;
		case 'c':
			u->config = optarg;
			break;
		case 'C':
			o->check = true;
			break;
		case 'k':
			u->key = optarg;
			break;
		case 's':
			o->state = optarg;
			break;
		case 'o':
			u->output = optarg;
			break;
		case 'l':
			u->log = optarg;
			break;
		case 'h':
			usage(stdout);
			return 0;
		case 'V':
			puts("tocsind " TOCSIN_VERSION);
			return 0;
		default:
			usage(stderr);
			return 2;
		}
	}
	if (optind == argc)
		return -1;
	fprintf(stderr, "tocsind: '%s' is not an option\n", argv[optind]);
	return 2;
}

/* Folders may be there; else opening what lies in them says why. */
static const char *make_folders(const struct options *o, char *cache, size_t size)
{
	char kernels[200];
	const char *folder = tocsin_kernel_cache_folder(kernels, sizeof(kernels));

	if (!strcmp(o->setup.settings.key, TOCSIN_KEY_FILE) || !strcmp(o->state, STATE_FILE))
		mkdir(TOCSIN_KEY_FOLDER, 0700);
	mkdir(TOCSIN_TAP_FOLDER, 0755);
	if (!folder || !*folder || snprintf(cache, size, "%s/guests", folder) >= (int)size)
		return NULL;
	mkdir(folder, 0700);
	mkdir(cache, 0700);
	return cache;
}

int main(int argc, char **argv)
{
	struct options o = {.state = STATE_FILE};
	struct tocsin_daemon_settings *s = &o.setup.settings;
	struct tocsin_error err = {0};
	char cache[256];
	int rc;

	*s = (struct tocsin_daemon_settings)TOCSIN_DAEMON_DEFAULTS;
	rc = parse(argc, argv, &o);
	if (rc >= 0)
		return rc;
	if (o.check)
		return tocsin_setup_check(o.setup.config);
	if (o.setup.output && !tocsin_output_find(o.setup.output)) {
		fprintf(stderr, "tocsind: no output '%s' (json, text)\n", o.setup.output);
		return 2;
	}
	s->setup = tocsin_setup_load;
	if (s->setup(s, &err)) {
		fprintf(stderr, "tocsind: %s\n", err.message);
		return 1;
	}
	if (!s->rule_folders[0])
		fputs("tocsind: no YARA rules: only the scanners that need none\n", stderr);
	s->backend = &tocsin_backend_xen;
	s->worker.cache = make_folders(&o, cache, sizeof(cache));
	s->worker.job.scan.limits.threads = tocsin_scan_processors();
	s->tap = TOCSIN_TAP_SOCKET;
	s->watchdog = tocsin_notify_watchdog();
	s->state = strcmp(o.state, "none") ? o.state : NULL;
	rc = tocsin_supervise(s);
	tocsin_setup_free(&o.setup);
	return rc;
}
