// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * The configuration: whatever is in it, either every mistake is told, or it gives policies.
 *
 * libconfig 1.5 loses the buffer of a text that does not end: fuzz with -detect_leaks=0.
 */
#include "config/config.h"
#include "fuzz.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

static size_t complaints;

static void complain(const char *message, void *context)
{
	complaints++;
	if (strlen(message) > 511 || strncmp(message, "/fuzzed:", 8) != 0)
		abort();
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	static const char *const names[] = {"", "shop-1", "a", "*"};
	static const uint8_t uuid[16] = {1, 2, 3};
	struct tocsin_config *c = NULL;
	struct tocsin_error err = {0};
	struct tocsin_policy p;
	int rc;

	complaints = 0;
	rc = tocsin_config_parse("/fuzzed", (const char *)data, size, complain, NULL, &c, &err);
	if (rc ? c || rc != err.code || (rc == -EINVAL && !complaints) : complaints != 0)
		abort();
	for (size_t i = 0; !rc && i < sizeof(names) / sizeof(names[0]); i++) {
		tocsin_config_policy(c, names[i], uuid, &p);
		if (!p.rate || !p.scans)
			abort();
	}
	tocsin_config_free(c);
	return 0;
}
