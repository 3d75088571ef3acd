// SPDX-License-Identifier: MIT
/*
 * tocsin-guest: the library's functions for people and scripts. One function per subcommand, one
 * table.
 */
#include "cli.h"

#include <stdio.h>
#include <string.h>

#define DEFAULT_TIMEOUT_MS 30000u
#define MAX_TIMEOUT_S 86400u

static const struct {
	const char *name;
	int (*run)(const struct cli *cli, int argc, char **argv);
} commands[] = {
    {"ping", cli_ping},     {"scan", cli_scan},   {"run", cli_run},
    {"verify", cli_verify}, {"bench", cli_bench},
};

static const char help[] =
    "Usage: tocsin-guest [--json] [--timeout SEC] [--key KEY] COMMAND\n"
    "\n"
    "  ping                                     is anyone listening?\n"
    "  scan [PID]                               scan process PID, or this process itself\n"
    "  run [OPTIONS] [--] CMD…                  start CMD; it and all that it starts ring after\n"
    "                                           exec, when memory becomes executable, before\n"
    "                                           connect and listen, and before they exit\n"
    "      --interval SEC                       and it is scanned every so often (default 10)\n"
    "      --on VERDICT=ACTION                  what to do: report, pause or kill\n"
    "      --kill                               the same as --on malicious=kill\n"
    "      --log FILE                           add every answer to FILE, as JSON\n"
    "  verify [OPTIONS] [FILE]                  did dom0 sign these answers (lines of --json)?\n"
    "      --nonce HEX  --domain UUID           the request and the domain that are expected\n"
    "      --max-age SEC                        how old they may be\n"
    "  bench [N]                                RDTSC ticks of a ping and of CPUID, N times\n"
    "\n"
    "      --json         one JSON object per line\n"
    "      --timeout SEC  how long to wait for each answer (default 30)\n"
    "      --key KEY      dom0's public key, or a file that has it: answers that it did not sign\n"
    "                     are refused (dom0: tocsin key show)\n"
    "  -h, --help\n"
    "      --version\n"
    "\n"
    "Exit codes: 0 clean or accepted, 1 malicious, 2 usage, 3 VMFUNC not available,\n"
    "4 refused (no listener, rate limit, ...), 5 no answer in time or inconclusive,\n"
    "6 suspicious, 7 error. See tocsin-guest(1).\n";

/* Options before the command. Returns the command's place in argv, or -1 with *code set. */
static int parse_options(struct cli *cli, int argc, char **argv, int *code)
{
	unsigned long seconds;
	int i;

	for (i = 1; i < argc && argv[i][0] == '-'; i++) {
		if (!strcmp(argv[i], "--json")) {
			cli->json = true;
		} else if (!strcmp(argv[i], "--timeout") && i + 1 < argc) {
			if (cli_number(argv[++i], 1, MAX_TIMEOUT_S, &seconds)) {
				*code = cli_usage_error("not a timeout in seconds: %s", argv[i]);
				return -1;
			}
			cli->timeout_ms = (unsigned int)seconds * 1000u;
		} else if (!strcmp(argv[i], "--key") && i + 1 < argc) {
			int r = cli_read_key(argv[++i], cli->key);

			if (r) {
				*code = cli_usage_error("no key in %s: %s", argv[i], strerror(-r));
				return -1;
			}
			cli->has_key = true;
		} else if (!strcmp(argv[i], "--help") || !strcmp(argv[i], "-h")) {
			fputs(help, stdout);
			*code = 0;
			return -1;
		} else if (!strcmp(argv[i], "--version")) {
			puts("tocsin-guest " TOCSIN_VERSION);
			*code = 0;
			return -1;
		} else {
			*code = cli_usage_error("unknown option or missing value: %s", argv[i]);
			return -1;
		}
	}
	if (i == argc) {
		*code = cli_usage_error("a command is missing");
		return -1;
	}
	return i;
}

int main(int argc, char **argv)
{
	struct cli cli = {.timeout_ms = DEFAULT_TIMEOUT_MS};
	int code = CLI_USAGE, at;

	at = parse_options(&cli, argc, argv, &code);
	if (at < 0)
		return code;
	if (!strcmp(argv[at], "help") ||
	    (at + 1 < argc && (!strcmp(argv[at + 1], "--help") || !strcmp(argv[at + 1], "-h")))) {
		fputs(help, stdout);
		return CLI_CLEAN;
	}
	for (size_t i = 0; i < sizeof(commands) / sizeof(commands[0]); i++)
		if (!strcmp(argv[at], commands[i].name))
			return commands[i].run(&cli, argc - at, argv + at);
	return cli_usage_error("unknown command: %s", argv[at]);
}
