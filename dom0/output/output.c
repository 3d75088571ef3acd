/* SPDX-License-Identifier: GPL-2.0-or-later */
/* The table of outputs: a new format is one file and one line here. */
#include "output/formats.h"

#include <tocsin/trigger.h>

#include <string.h>

const struct tocsin_output tocsin_outputs[] = {
    {"json", tocsin_output_json},
    {"text", tocsin_output_text},
    {NULL, NULL},
};

static const char *const kinds[] = {
    [TOCSIN_REPORT_RING] = "ring",
    [TOCSIN_REPORT_VERDICT] = "verdict",
    [TOCSIN_REPORT_ERROR] = "error",
    [TOCSIN_REPORT_LOSS] = "loss",
};

const struct tocsin_output *tocsin_output_find(const char *name)
{
	const struct tocsin_output *o;

	for (o = tocsin_outputs; o->name; o++)
		if (!strcmp(o->name, name))
			return o;
	return NULL;
}

const char *tocsin_report_kind_name(enum tocsin_report_kind kind)
{
	return (size_t)kind < sizeof(kinds) / sizeof(kinds[0]) ? kinds[kind] : "unknown";
}

/* Length of the well-formed UTF-8 sequence at s (RFC 3629), 0: none. */
static size_t utf8_length(const unsigned char *s, size_t size)
{
	size_t n, i;

	if (s[0] < 0x80)
		return 1;
	if (s[0] < 0xc2 || s[0] > 0xf4)
		return 0;
	n = s[0] < 0xe0 ? 2 : s[0] < 0xf0 ? 3 : 4;
	if (n > size)
		return 0;
	for (i = 1; i < n; i++)
		if ((s[i] & 0xc0) != 0x80)
			return 0;
	if ((s[0] == 0xe0 && s[1] < 0xa0) || (s[0] == 0xed && s[1] > 0x9f) ||
	    (s[0] == 0xf0 && s[1] < 0x90) || (s[0] == 0xf4 && s[1] > 0x8f))
		return 0;
	return n;
}

/* C0, DEL and C1 (which is U+0080..U+009F): what a terminal would act on. */
static bool is_control(const unsigned char *s, size_t n)
{
	return (n == 1 && (s[0] < 0x20 || s[0] == 0x7f)) || (n == 2 && s[0] == 0xc2 && s[1] < 0xa0);
}

const char *tocsin_operation_name(uint32_t ecx)
{
	static const char *const names[TOCSIN_OP_COUNT] = {
	    [TOCSIN_OP_PING] = "PING",
	    [TOCSIN_OP_SCAN_SELF] = "SCAN_SELF",
	    [TOCSIN_OP_SCAN] = "SCAN",
	    [TOCSIN_OP_MARK] = "MARK",
	};

	return TOCSIN_ECX_OP(ecx) < TOCSIN_OP_COUNT ? names[TOCSIN_ECX_OP(ecx)] : "?";
}

size_t tocsin_output_clean(const char *in, size_t size, char *ret, size_t ret_size)
{
	const unsigned char *s = (const unsigned char *)in;
	static const char hex[] = "0123456789abcdef";
	size_t out = 0, n;

	while (size) {
		n = utf8_length(s, size);
		if (n && !is_control(s, n) && s[0] != '\\') {
			if (out + n >= ret_size)
				break;
			memcpy(ret + out, s, n);
			out += n;
		} else {
			if (out + 4 >= ret_size)
				break;
			ret[out++] = '\\';
			ret[out++] = 'x';
			ret[out++] = hex[s[0] >> 4];
			ret[out++] = hex[s[0] & 15];
			n = 1;
		}
		s += n;
		size -= n;
	}
	ret[out] = '\0';
	return out;
}
