/* SPDX-License-Identifier: GPL-2.0-or-later */
/* tocsind in the foreground: its command line. What it does is begun by supervisor.c. */
#include "dispatch/backend_xen.h"
#include "dispatch/supervisor.h"
#include "dispatch/tap.h"

#include <errno.h>
#include <getopt.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#define RULES_MAX 8
#define STATE_FILE TOCSIN_KEY_FOLDER "/state.db"

struct options {
	const char *rules[RULES_MAX + 2]; /* the shipped ones first */
	const char *key, *output, *log, *state;
};

static void usage(FILE *to)
{
	fputs("usage: tocsind [--rules DIR]... [--key FILE] [--state FILE] [--output json|text]\n"
	      "               [--log FILE]\n"
	      "\n"
	      "Takes the triggers of all guests that `tocsin enable` switched on, scans who rang "
	      "and\n"
	      "reports one line each. Runs in the foreground in dom0, as root, until SIGTERM or\n"
	      "SIGINT. One consumer of Xen's trace buffers can run at a time.\n"
	      "\n"
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
	      "SIGHUP: rules are compiled again, and the log is opened again.\n"
	      "Exit codes: 0 stopped by a signal, 1 failed, 2 usage.\n",
	      to);
}

/* -1: go on; else the exit code. */
static int parse(int argc, char **argv, struct options *o)
{
	static const struct option known[] = {
	    {"rules", required_argument, NULL, 'r'}, {"key", required_argument, NULL, 'k'},
	    {"state", required_argument, NULL, 's'}, {"output", required_argument, NULL, 'o'},
	    {"log", required_argument, NULL, 'l'},   {"help", no_argument, NULL, 'h'},
	    {"version", no_argument, NULL, 'V'},     {0}};
	size_t rules = 0;
	int c;

	if (!access(TOCSIN_RULES_DIR, F_OK))
		o->rules[rules++] = TOCSIN_RULES_DIR;

	while ((c = getopt_long(argc, argv, "r:k:s:o:l:h", known, NULL)) >= 0) {
		switch (c) {
		case 'r':
			if (rules == RULES_MAX + 1) {
				fprintf(stderr, "tocsind: at most %d --rules\n", RULES_MAX);
				return 2;
			}
			o->rules[rules++] = optarg;
			break;
		case 'k':
			o->key = optarg;
			break;
		case 's':
			o->state = optarg;
			break;
		case 'o':
			o->output = optarg;
			break;
		case 'l':
			o->log = optarg;
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

	if (!strcmp(o->key, TOCSIN_KEY_FILE) || !strcmp(o->state, STATE_FILE))
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
	struct options o = {.key = TOCSIN_KEY_FILE, .output = "json", .state = STATE_FILE};
	struct tocsin_daemon_settings s = TOCSIN_DAEMON_DEFAULTS;
	char cache[256];
	int rc = parse(argc, argv, &o);

	if (rc >= 0)
		return rc;
	s.writer.output = tocsin_output_find(o.output);
	if (!s.writer.output) {
		fprintf(stderr, "tocsind: no output '%s' (json, text)\n", o.output);
		return 2;
	}
	if (!o.rules[0])
		fputs("tocsind: no YARA rules: only the scanners that need none\n", stderr);
	s.backend = &tocsin_backend_xen;
	s.worker.cache = make_folders(&o, cache, sizeof(cache));
	s.worker.job.scan.limits.threads = tocsin_scan_processors();
	s.writer.log = o.log;
	s.rule_folders = o.rules;
	s.key = o.key;
	s.tap = TOCSIN_TAP_SOCKET;
	s.state = strcmp(o.state, "none") ? o.state : NULL;
	return tocsin_supervise(&s);
}
