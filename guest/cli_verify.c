// SPDX-License-Identifier: MIT
/*
 * verify: is an answer, as --json printed it, what dom0 signed? The signature covers the nonce, the
 * domain, the time, who was scanned and what the verdict is (tocsin/request.h), but not the text.
 * The text of an answer that an attacker kept is as genuine as it ever was: whoever verifies must
 * say what nonce, domain or age is expected.
 */
#include "cli.h"

#include <tocsin/request.h>

#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include <json-c/json.h>
#include <sodium.h>

#define LINE_MAX_SIZE 65536
#define MAX_AGE_S (100ul * 366 * 86400)

struct expected {
	uint8_t key[crypto_sign_PUBLICKEYBYTES], nonce[TOCSIN_NONCE_SIZE], domain[16];
	bool has_key, has_nonce, has_domain;
	unsigned long max_age_s; /* 0: any */
};

/* Exactly size bytes in hexadecimal; dashes, as in UUIDs, are passed over. */
static int parse_hex(const char *text, uint8_t *ret, size_t size)
{
	const char *end;
	size_t got;

	if (sodium_hex2bin(ret, size, text, strlen(text), "- \n", &got, &end) || *end ||
	    got != size)
		return -EINVAL;
	return 0;
}

int cli_read_key(const char *text, uint8_t ret[CLI_KEY_SIZE])
{
	char line[256];
	FILE *f;
	int rc;

	if (!parse_hex(text, ret, CLI_KEY_SIZE))
		return 0;
	f = fopen(text, "re");
	if (!f)
		return -errno;
	rc = fgets(line, sizeof(line), f) ? parse_hex(line, ret, CLI_KEY_SIZE) : -EINVAL;
	fclose(f);
	return rc;
}

int cli_check_signature(const uint8_t key[CLI_KEY_SIZE], const uint8_t nonce[TOCSIN_NONCE_SIZE],
			const struct tocsin_answer *a)
{
	uint8_t message[TOCSIN_SIGN_SIZE];

	tocsin_sign_message(nonce, a, message);
	if (sodium_init() < 0 ||
	    crypto_sign_verify_detached(a->signature, message, sizeof(message), key))
		return -EBADMSG;
	return 0;
}

/* ---- an answer from JSON ---- */

static int get_bytes(struct json_object *o, const char *name, uint8_t *ret, size_t size)
{
	struct json_object *value;

	if (!json_object_object_get_ex(o, name, &value) ||
	    !json_object_is_type(value, json_type_string))
		return -EINVAL;
	return parse_hex(json_object_get_string(value), ret, size);
}

static int get_number(struct json_object *o, const char *name, uint64_t max, uint64_t *ret)
{
	struct json_object *value;
	const char *text;
	char *end;

	if (!json_object_object_get_ex(o, name, &value) ||
	    !json_object_is_type(value, json_type_int))
		return -EINVAL;
	/* As it stands there: json-c cuts what does not fit. */
	text = json_object_to_json_string(value);
	errno = 0;
	*ret = strtoull(text, &end, 10);
	return *text == '-' || *end || errno || *ret > max ? -EINVAL : 0;
}

static int parse_answer(struct json_object *o, struct tocsin_answer *a,
			uint8_t nonce[TOCSIN_NONCE_SIZE], const char **missing)
{
	const struct {
		const char *name;
		uint32_t *to;
	} numbers[] = {
	    {"state", &a->state},   {"verdict_code", &a->verdict},
	    {"score", &a->score},   {"findings", &a->findings},
	    {"ticket", &a->ticket}, {"error_code", &a->error},
	    {"pid", &a->pid},       {"uid", &a->uid},
	};
	uint64_t value;

	memset(a, 0, sizeof(*a));
	for (size_t i = 0; i < sizeof(numbers) / sizeof(numbers[0]); i++) {
		*missing = numbers[i].name;
		if (get_number(o, numbers[i].name, UINT32_MAX, &value))
			return -EINVAL;
		*numbers[i].to = (uint32_t)value;
	}
	*missing = "time";
	if (get_number(o, "time", UINT64_MAX, &a->time))
		return -EINVAL;
	*missing = "start_time";
	if (get_number(o, "start_time", UINT64_MAX, &a->start_time))
		return -EINVAL;
	*missing = "signature";
	if (get_bytes(o, "signature", a->signature, sizeof(a->signature)))
		return -EINVAL;
	*missing = "domain_uuid";
	if (get_bytes(o, "domain_uuid", a->domain_uuid, sizeof(a->domain_uuid)))
		return -EINVAL;
	*missing = "nonce";
	return get_bytes(o, "nonce", nonce, TOCSIN_NONCE_SIZE);
}

static int refuse(size_t line, const char *why, const char *what)
{
	fprintf(stderr, "tocsin-guest: verify: line %zu: %s%s\n", line, why, what);
	return CLI_FAILED;
}

static int check_line(const struct expected *e, const char *text, size_t line)
{
	struct json_object *o = json_tokener_parse(text);
	uint8_t nonce[TOCSIN_NONCE_SIZE];
	struct tocsin_answer a;
	const char *missing = "";
	uint64_t now = (uint64_t)time(NULL) * 1000000000u;
	int rc = json_object_is_type(o, json_type_object) ? parse_answer(o, &a, nonce, &missing)
							  : -EINVAL;

	json_object_put(o);
	if (rc)
		return refuse(line, *missing ? "no usable " : "not an answer in JSON", missing);
	if (cli_check_signature(e->key, nonce, &a))
		return refuse(line, "FORGED or altered: this key did not sign it", "");
	if (e->has_nonce && memcmp(nonce, e->nonce, sizeof(nonce)))
		return refuse(line, "REPLAYED: it answers another request than this nonce's", "");
	if (e->has_domain && memcmp(a.domain_uuid, e->domain, sizeof(e->domain)))
		return refuse(line, "REPLAYED: it is of another domain", "");
	if (e->max_age_s && (a.time + e->max_age_s * 1000000000u < now ||
			     a.time > now + e->max_age_s * 1000000000u))
		return refuse(line, "REPLAYED, or the clocks differ: it is not of this time", "");
	printf("genuine: %s, pid %u, uid %u, score %u\n",
	       a.state == TOCSIN_STATE_DONE ? tocsin_verdict_name(a.verdict) : "no verdict", a.pid,
	       a.uid, a.score);
	return CLI_CLEAN;
}

static int check_file(const struct expected *e, FILE *f)
{
	static char text[LINE_MAX_SIZE];
	size_t line = 0;
	int worst = CLI_CLEAN;

	while (fgets(text, sizeof(text), f)) {
		line++;
		if (!strchr(text, '\n') && !feof(f))
			return refuse(line, "too long", "");
		if (check_line(e, text, line) != CLI_CLEAN)
			worst = CLI_FAILED;
	}
	if (ferror(f) || !line)
		return refuse(line, "nothing to read", "");
	return worst;
}

int cli_verify(const struct cli *cli, int argc, char **argv)
{
	struct expected e = {.has_key = cli->has_key};
	FILE *f = stdin;
	int i, rc;

	memcpy(e.key, cli->key, sizeof(e.key));
	for (i = 1; i < argc && argv[i][0] == '-' && argv[i][1]; i += 2) {
		const char *value = i + 1 < argc ? argv[i + 1] : "";

		if (!strcmp(argv[i], "--nonce"))
			e.has_nonce = !parse_hex(value, e.nonce, sizeof(e.nonce));
		if (!strcmp(argv[i], "--domain"))
			e.has_domain = !parse_hex(value, e.domain, sizeof(e.domain));
		if (!strcmp(argv[i], "--max-age") && cli_number(value, 1, MAX_AGE_S, &e.max_age_s))
			e.max_age_s = 0;
		if ((strcmp(argv[i], "--nonce") || !e.has_nonce) &&
		    (strcmp(argv[i], "--domain") || !e.has_domain) &&
		    (strcmp(argv[i], "--max-age") || !e.max_age_s))
			return cli_usage_error("verify: unknown option or value: %s %s", argv[i],
					       value);
	}
	if (!e.has_key)
		return cli_usage_error("verify needs --key, before the command");
	if (argc - i > 1)
		return cli_usage_error("verify takes one file at most");
	if (i < argc && strcmp(argv[i], "-")) {
		f = fopen(argv[i], "re");
		if (!f)
			return cli_usage_error("cannot open %s: %s", argv[i], strerror(errno));
	}
	rc = check_file(&e, f);
	if (f != stdin)
		fclose(f);
	return rc;
}
