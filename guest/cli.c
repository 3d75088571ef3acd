// SPDX-License-Identifier: MIT
/*
 * How tocsin-guest prints answers and errors and what exit code each means, and the two subcommands
 * that do nothing more. Whatever comes from dom0 is printed with control characters and non-ASCII
 * bytes replaced, since a verdict's text may quote names that an attacker chose.
 */
#include "cli.h"

#include <errno.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

int cli_usage_error(const char *format, ...)
{
	va_list args;

	fputs("tocsin-guest: ", stderr);
	va_start(args, format);
	vfprintf(stderr, format, args);
	va_end(args);
	fputs("\nTry 'tocsin-guest --help'.\n", stderr);
	return CLI_USAGE;
}

int cli_number(const char *s, unsigned long min, unsigned long max, unsigned long *ret)
{
	unsigned long n;
	char *end;

	if (*s < '0' || *s > '9')
		return -EINVAL;
	errno = 0;
	n = strtoul(s, &end, 10);
	if (errno || *end || n < min || n > max)
		return -EINVAL;
	*ret = n;
	return 0;
}

enum cli_exit cli_exit_of_error(int error)
{
	switch (error) {
	case -EOPNOTSUPP:
		return CLI_UNAVAILABLE;
	case -ENOTCONN:
	case -EBUSY:
	case -ENOSYS:
	case -EPERM:
		return CLI_REFUSED;
	case -ETIMEDOUT:
		return CLI_INCONCLUSIVE;
	default:
		return CLI_FAILED;
	}
}

/* Safe inside a JSON string and on a terminal. */
static void print_safe(FILE *f, const char *s, bool json)
{
	for (; *s; s++) {
		if (json && (*s == '"' || *s == '\\'))
			fputc('\\', f);
		fputc(*s < ' ' || *s > '~' ? '?' : *s, f);
	}
}

static void print_hex(FILE *f, const uint8_t *bytes, size_t size)
{
	for (size_t i = 0; i < size; i++)
		fprintf(f, "%02x", bytes[i]);
}

static void print_error_json(FILE *f, const char *when, int code, int error, const char *why)
{
	fprintf(f, "{\"at\":\"%s\",\"exit\":%d,\"error\":\"", when, code);
	print_safe(f, tocsin_strerror(error), true);
	if (*why) {
		fprintf(f, "\",\"why\":\"");
		print_safe(f, why, true);
	}
	fprintf(f, "\"}\n");
	fflush(f);
}

int cli_report_error(const struct cli *cli, const char *when, int error)
{
	enum cli_exit code = cli_exit_of_error(error);
	char why[160] = "";

	if (error == -EOPNOTSUPP)
		tocsin_unavailable_reason(why, sizeof(why));
	if (cli->log)
		print_error_json(cli->log, when, code, error, why);
	if (cli->json) {
		print_error_json(stdout, when, code, error, why);
	} else {
		fprintf(stderr, "tocsin-guest: %s: %s%s", when, tocsin_strerror(error),
			*why ? ": " : "");
		print_safe(stderr, why, false);
		fputc('\n', stderr);
	}
	return code;
}

static enum cli_exit exit_of_answer(const struct tocsin_answer *answer)
{
	if (answer->state != TOCSIN_STATE_DONE)
		return CLI_FAILED;
	switch (answer->verdict) {
	case TOCSIN_VERDICT_CLEAN:
		return CLI_CLEAN;
	case TOCSIN_VERDICT_SUSPICIOUS:
		return CLI_SUSPICIOUS;
	case TOCSIN_VERDICT_MALICIOUS:
		return CLI_MALICIOUS;
	default:
		return CLI_INCONCLUSIVE;
	}
}

static const char *request_error_name(uint32_t error)
{
	static const char *const name[] = {"none", "no such process", "not permitted",
					   "introspection failed"};

	return error < sizeof(name) / sizeof(name[0]) ? name[error] : "unknown error";
}

static void print_json(FILE *f, const char *when, const struct tocsin_answer *a,
		       const uint8_t *nonce, int code)
{
	bool done = a->state == TOCSIN_STATE_DONE;

	fprintf(f, "{\"at\":\"%s\",\"exit\":%d,\"state\":%u,\"verdict_code\":%u,\"error_code\":%u,",
		when, code, a->state, a->verdict, a->error);
	fprintf(f, done ? "\"verdict\":\"%s\"," : "\"error\":\"%s\",",
		done ? tocsin_verdict_name(a->verdict) : request_error_name(a->error));
	fprintf(f, "\"score\":%u,\"findings\":%u,\"ticket\":%u,\"time\":%llu,", a->score,
		a->findings, a->ticket, (unsigned long long)a->time);
	fprintf(f, "\"pid\":%u,\"uid\":%u,\"start_time\":%llu,\"text\":\"", a->pid, a->uid,
		(unsigned long long)a->start_time);
	print_safe(f, a->text, true);
	fprintf(f, "\",\"nonce\":\"");
	print_hex(f, nonce, TOCSIN_NONCE_SIZE);
	fprintf(f, "\",\"domain_uuid\":\"");
	print_hex(f, a->domain_uuid, sizeof(a->domain_uuid));
	fprintf(f, "\",\"key_id\":\"");
	print_hex(f, a->key_id, sizeof(a->key_id));
	fprintf(f, "\",\"signature\":\"");
	print_hex(f, a->signature, sizeof(a->signature));
	fprintf(f, "\"}\n");
}

int cli_report_answer(const struct cli *cli, const char *when, const struct tocsin_answer *answer,
		      const uint8_t nonce[TOCSIN_NONCE_SIZE])
{
	enum cli_exit code = exit_of_answer(answer);

	if (cli->has_key && cli_check_signature(cli->key, nonce, answer))
		return cli_report_error(cli, when, -EBADMSG);
	if (cli->log)
		print_json(cli->log, when, answer, nonce, code);
	if (cli->json) {
		print_json(stdout, when, answer, nonce, code);
	} else if (answer->state == TOCSIN_STATE_DONE) {
		printf("%s: %s: pid %u uid %u score %u findings %u ticket %u: ", when,
		       tocsin_verdict_name(answer->verdict), answer->pid, answer->uid,
		       answer->score, answer->findings, answer->ticket);
		print_safe(stdout, answer->text, false);
		putchar('\n');
	} else {
		printf("%s: no verdict: %s: ", when, request_error_name(answer->error));
		print_safe(stdout, answer->text, false);
		putchar('\n');
	}
	fflush(stdout);
	return code;
}

int cli_ping(const struct cli *cli, int argc, char **argv)
{
	uint32_t ticket;
	int r;

	if (argc > 1)
		return cli_usage_error("ping takes no argument");
	r = tocsin_ping(&ticket);
	if (r)
		return cli_report_error(cli, "ping", r);
	printf(cli->json ? "{\"at\":\"ping\",\"exit\":0,\"ticket\":%u}\n"
			 : "ping: accepted, ticket %u\n",
	       ticket);
	return CLI_CLEAN;
}

int cli_scan(const struct cli *cli, int argc, char **argv)
{
	uint8_t nonce[TOCSIN_NONCE_SIZE];
	struct tocsin_answer answer;
	unsigned long pid = 0;
	int r;

	if (argc > 2)
		return cli_usage_error("scan takes one PID at most");
	if (argc == 2 && cli_number(argv[1], 1, INT32_MAX, &pid))
		return cli_usage_error("not a PID: %s", argv[1]);
	r = pid ? tocsin_scan((uint32_t)pid, cli->timeout_ms, &answer, nonce)
		: tocsin_scan_self(cli->timeout_ms, &answer, nonce);
	if (r)
		return cli_report_error(cli, "scan", r);
	return cli_report_answer(cli, "scan", &answer, nonce);
}
