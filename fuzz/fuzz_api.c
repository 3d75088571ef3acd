// SPDX-License-Identifier: GPL-2.0-or-later
/* Lines of the API: whatever comes, the answer is one line that a client can read. */
#include "fuzz.h"
#include "service/api.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include <json-c/json.h>

static int run_echo(void *context, struct json_object *params, struct json_object **ret,
		    struct tocsin_error *err)
{
	*ret = json_object_get(params);
	return 0;
}

static int run_refuse(void *context, struct json_object *params, struct json_object **ret,
		      struct tocsin_error *err)
{
	return params ? tocsin_error_set(err, -EINVAL, "a \"reason\"") : -EIO;
}

static int run_never(void *context, struct json_object *params, struct json_object **ret,
		     struct tocsin_error *err)
{
	abort(); /* only root may */
}

static const struct tocsin_api_method methods[] = {
    {"echo", false, run_echo},
    {"refuse", false, run_refuse},
    {"never", true, run_never},
    {NULL, false, NULL},
};

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct tocsin_api_request r = {.methods = methods};
	struct json_object *o, *result, *error;
	char *answer;

	if (tocsin_api_answer(&r, (const char *)data, size, &answer))
		abort();
	if (!answer)
		return 0;
	if (strchr(answer, '\n') != answer + strlen(answer) - 1)
		abort();
	o = json_tokener_parse(answer);
	if (!json_object_object_get_ex(o, "id", NULL) ||
	    json_object_object_get_ex(o, "result", &result) ==
		json_object_object_get_ex(o, "error", &error))
		abort();
	json_object_put(o);
	free(answer);
	return 0;
}
