// SPDX-License-Identifier: GPL-2.0-or-later
#include "cli/when.h"

#include <errno.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#define SECOND 1000000000u
#define LATEST 9000000000u /* seconds; 64 bits hold it as nanoseconds, signed */

/* Digits, exactly count of them. */
static bool digits(const char **text, unsigned int count, int *ret)
{
	*ret = 0;
	for (; count; count--, (*text)++) {
		if (**text < '0' || **text > '9')
			return false;
		*ret = *ret * 10 + (**text - '0');
	}
	return true;
}

static bool character(const char **text, const char *any)
{
	if (!**text || !strchr(any, **text))
		return false;
	(*text)++;
	return true;
}

/* ".123", of which nine digits count. */
static bool fraction(const char **text, uint64_t *ret)
{
	uint64_t unit = SECOND / 10;

	*ret = 0;
	if (!character(text, "."))
		return true;
	if (**text < '0' || **text > '9')
		return false;
	for (; **text >= '0' && **text <= '9'; (*text)++, unit /= 10)
		*ret += (uint64_t)(**text - '0') * unit;
	return true;
}

/* "Z", "+01:00"; in seconds. */
static bool offset(const char **text, long *ret)
{
	int hours, minutes, sign = **text == '-' ? -1 : 1;

	*ret = 0;
	if (character(text, "Zz"))
		return true;
	if (!character(text, "+-") || !digits(text, 2, &hours) || !character(text, ":") ||
	    !digits(text, 2, &minutes) || hours > 23 || minutes > 59)
		return false;
	*ret = sign * (hours * 3600L + minutes * 60L);
	return true;
}

static bool clock_time(const char **text, struct tm *tm, uint64_t *ns, long *shift)
{
	return character(text, "Tt ") && digits(text, 2, &tm->tm_hour) && character(text, ":") &&
	       digits(text, 2, &tm->tm_min) && character(text, ":") &&
	       digits(text, 2, &tm->tm_sec) && fraction(text, ns) && offset(text, shift) &&
	       tm->tm_hour < 24 && tm->tm_min < 60 && tm->tm_sec < 61;
}

static bool parse_date(const char *text, uint64_t *ret)
{
	struct tm tm = {0};
	uint64_t ns = 0;
	long shift = 0;
	time_t seconds;
	int day, month;

	if (!digits(&text, 4, &tm.tm_year) || !character(&text, "-") || !digits(&text, 2, &month) ||
	    !character(&text, "-") || !digits(&text, 2, &day))
		return false;
	tm.tm_mday = day;
	tm.tm_mon = month - 1;
	tm.tm_year -= 1900;
	if ((*text && !clock_time(&text, &tm, &ns, &shift)) || *text)
		return false;
	seconds = timegm(&tm);
	if (tm.tm_mday != day || tm.tm_mon != month - 1) /* 31 February */
		return false;
	seconds -= shift;
	if (seconds < 0 || (uint64_t)seconds > LATEST)
		return false;
	*ret = (uint64_t)seconds * SECOND + ns;
	return true;
}

int when_parse(const char *text, uint64_t now, uint64_t *ret)
{
	static const char units[] = "smhdw";
	static const uint64_t factors[] = {1, 60, 3600, 86400, 604800};
	const char *unit, *end;
	unsigned long long value;
	uint64_t ns;

	if (parse_date(text, ret))
		return 0;
	if (*text < '0' || *text > '9')
		return -EINVAL;
	errno = 0;
	value = strtoull(text, (char **)&end, 10);
	if (errno || value > LATEST || !fraction(&end, &ns))
		return -EINVAL;
	if (!*end) {
		*ret = value * SECOND + ns;
		return 0;
	}
	unit = strchr(units, *end);
	if (!unit || end[1] || value > LATEST / factors[unit - units])
		return -EINVAL;
	value = (value * SECOND + ns) * factors[unit - units];
	*ret = value < now ? now - value : 0;
	return 0;
}

void when_print(const char *name, uint64_t time)
{
	time_t seconds = (time_t)(time / SECOND);
	char text[64] = "-";
	struct tm tm;

	if (time && gmtime_r(&seconds, &tm))
		strftime(text, sizeof(text), "%FT%TZ", &tm);
	printf("%-10s %s\n", name, text);
}
