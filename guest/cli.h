/* SPDX-License-Identifier: MIT */
/* What the subcommands of tocsin-guest share. */
#ifndef TOCSIN_GUEST_CLI_H
#define TOCSIN_GUEST_CLI_H

#include <stdbool.h>
#include <stdio.h>

#include <tocsin/guest.h>

/* Exit codes; a contract with scripts, documented in tocsin-guest(1). */
enum cli_exit {
	CLI_CLEAN = 0,
	CLI_MALICIOUS = 1,
	CLI_USAGE = 2,
	CLI_UNAVAILABLE = 3,  /* VMFUNC raises #UD */
	CLI_REFUSED = 4,      /* EAX 1..4 */
	CLI_INCONCLUSIVE = 5, /* no answer in time, or no verdict could be reached */
	CLI_SUSPICIOUS = 6,
	CLI_FAILED = 7, /* dom0 reports an error, or the system refused something */
};

#define CLI_KEY_SIZE 32

struct cli {
	bool has_key; /* answers are checked against this key of dom0's */
	uint8_t key[CLI_KEY_SIZE];
	bool json;
	unsigned int timeout_ms;
	FILE *log; /* answers also go there, one JSON object a line; NULL: not */
};

/* Subcommands: argv[0] is their name. Return an exit code. */
int cli_ping(const struct cli *cli, int argc, char **argv);
int cli_scan(const struct cli *cli, int argc, char **argv);
int cli_run(const struct cli *cli, int argc, char **argv);
int cli_bench(const struct cli *cli, int argc, char **argv);
int cli_verify(const struct cli *cli, int argc, char **argv);

/* A public key in hexadecimal, or of a file that begins with it. 0 or a negative errno. */
int cli_read_key(const char *text, uint8_t ret[CLI_KEY_SIZE]);

/* 0, or -EBADMSG: this key did not sign this answer to this nonce. */
int cli_check_signature(const uint8_t key[CLI_KEY_SIZE], const uint8_t nonce[TOCSIN_NONCE_SIZE],
			const struct tocsin_answer *answer);

int cli_usage_error(const char *format, ...) __attribute__((format(printf, 1, 2)));

/* Parse a decimal number in [min, max]. 0 or -EINVAL. */
int cli_number(const char *s, unsigned long min, unsigned long max, unsigned long *ret);

/* Say on stderr (or in JSON on stdout) why there is no answer; the matching exit code. */
int cli_report_error(const struct cli *cli, const char *when, int error);

/* Print an answer; the matching exit code. when: "scan", or at which point of a run. */
int cli_report_answer(const struct cli *cli, const char *when, const struct tocsin_answer *answer,
		      const uint8_t nonce[TOCSIN_NONCE_SIZE]);

/* The exit code for an errno of the library. */
enum cli_exit cli_exit_of_error(int error);

#endif
