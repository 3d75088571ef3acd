/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Sign an answer as dom0 does and print it as tocsin-guest --json does. usage:
 * sign_answer KEY-FILE [SECONDS-AGO] */
#include "request/request.h"

#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

static void hex(const char *name, const uint8_t *bytes, size_t size)
{
	printf(",\"%s\":\"", name);
	for (size_t i = 0; i < size; i++)
		printf("%02x", bytes[i]);
	printf("\"");
}

int main(int argc, char **argv)
{
	struct tocsin_answer a = {
	    .state = TOCSIN_STATE_DONE,
	    .verdict = TOCSIN_VERDICT_CLEAN,
	    .score = 5,
	    .findings = 1,
	    .time = (uint64_t)time(NULL) * 1000000000u + 123456789,
	    .ticket = 77,
	    .start_time = 987654321012,
	    .pid = 4242,
	    .uid = 1000,
	};
	uint8_t nonce[TOCSIN_NONCE_SIZE] = {1, 2, 3, 4, 250};
	struct tocsin_signer *signer;
	struct tocsin_error err = {0};

	memset(a.domain_uuid, 0xd0, sizeof(a.domain_uuid));
	if (argc == 3)
		a.time -= strtoull(argv[2], NULL, 10) * 1000000000u;
	if (argc < 2 || tocsin_signer_open(argv[1], &signer, &err)) {
		fprintf(stderr, "sign_answer: %s\n", err.message);
		return 1;
	}
	tocsin_signer_sign(signer, nonce, &a);
	tocsin_signer_close(signer);
	printf("{\"state\":%u,\"verdict_code\":%u,\"error_code\":%u,\"score\":%u,\"findings\":%u,"
	       "\"ticket\":%u,\"time\":%" PRIu64 ",\"pid\":%u,\"uid\":%u,\"start_time\":%" PRIu64,
	       a.state, a.verdict, a.error, a.score, a.findings, a.ticket, a.time, a.pid, a.uid,
	       a.start_time);
	hex("nonce", nonce, sizeof(nonce));
	hex("domain_uuid", a.domain_uuid, sizeof(a.domain_uuid));
	hex("key_id", a.key_id, sizeof(a.key_id));
	hex("signature", a.signature, sizeof(a.signature));
	printf("}\n");
	return 0;
}
