// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * Sets of networks, numbers and texts. A list of networks may come from a feed and be long, so
 * ranges are sorted and merged when the set is sealed, and looked up by halving.
 */
#include "monitor/rule_set.h"
#include "base/room.h"

#include <arpa/inet.h>
#include <errno.h>
#include <fnmatch.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>

static const uint8_t mapped[12] = {[10] = 0xff, [11] = 0xff};

const char *tocsin_rule_set_name(enum rule_set_type type)
{
	static const char *const names[] = {"networks", "ports", "users", "texts"};

	return names[type];
}

static int add_range(struct rule_set *set, uint32_t low, uint32_t high)
{
	if (!TOCSIN_ROOM(set->ranges, set->range_room, set->range_count))
		return -ENOMEM;
	set->ranges[set->range_count++] = (struct rule_range){low, high};
	return 0;
}

static int add_range6(struct rule_set *set, const uint8_t address[16], unsigned int bits)
{
	struct rule_range6 *r;

	if (!TOCSIN_ROOM(set->ranges6, set->range6_room, set->range6_count))
		return -ENOMEM;
	r = &set->ranges6[set->range6_count++];
	for (unsigned int i = 0; i < 16; i++) {
		unsigned int kept = bits > 8 * i ? bits - 8 * i : 0;
		uint8_t mask = kept >= 8 ? 0xff : (uint8_t)(0xff00u >> kept);

		r->low[i] = address[i] & mask;
		r->high[i] = address[i] | (uint8_t)~mask;
	}
	return 0;
}

/* Decimal digits to a number of at most limit; false: they are not. */
static bool number(const char *digits, size_t size, uint32_t limit, uint32_t *ret)
{
	uint64_t n = 0;

	if (!size || size > 10)
		return false;
	for (size_t i = 0; i < size; i++) {
		if (digits[i] < '0' || digits[i] > '9')
			return false;
		n = n * 10 + (uint64_t)(digits[i] - '0');
	}
	*ret = (uint32_t)n;
	return n <= limit;
}

static int add_network(struct rule_set *set, const char *entry, const char **why)
{
	size_t size = strcspn(entry, "/");
	char text[INET6_ADDRSTRLEN + 1];
	uint8_t address[16];
	uint32_t bits = 0;
	bool four;

	*why = "not an address, or one with a length of prefix, such as 10.0.0.0/8";
	if (size >= sizeof(text))
		return -EINVAL;
	memcpy(text, entry, size);
	text[size] = 0;
	four = inet_pton(AF_INET, text, address) == 1;
	if (!four && inet_pton(AF_INET6, text, address) != 1)
		return -EINVAL;
	bits = four ? 32 : 128;
	if (entry[size] && !number(entry + size + 1, strlen(entry + size + 1), bits, &bits))
		return -EINVAL;
	if (!four && bits >= 96 && !memcmp(address, mapped, sizeof(mapped))) {
		four = true;
		bits -= 96;
		memmove(address, address + 12, 4);
	}
	if (four) {
		uint32_t v4, mask = bits ? UINT32_MAX << (32 - bits) : 0;

		memcpy(&v4, address, sizeof(v4));
		v4 = ntohl(v4);
		return add_range(set, v4 & mask, v4 | ~mask);
	}
	return add_range6(set, address, bits);
}

static int add_number(struct rule_set *set, const char *entry, const char **why)
{
	uint32_t limit = set->type == RULE_SET_PORTS ? UINT16_MAX : UINT32_MAX, low, high;
	size_t size = strcspn(entry, "-");

	*why = set->type == RULE_SET_PORTS
		   ? "not a port, or a range of ports such as 8000-8999"
		   : "not a user's number, or a range of numbers such as 0-999";
	if (!number(entry, size, limit, &low))
		return -EINVAL;
	high = low;
	if (entry[size] && !number(entry + size + 1, strlen(entry + size + 1), limit, &high))
		return -EINVAL;
	return low <= high ? add_range(set, low, high) : -EINVAL;
}

static int add_text(struct rule_set *set, const char *entry, const char **why)
{
	bool glob = strpbrk(entry, "*?[\\") != NULL;
	char ***at = glob ? &set->globs : &set->texts;
	size_t *count = glob ? &set->glob_count : &set->text_count,
	       *room = glob ? &set->glob_room : &set->text_room, stars = 0;
	char *copy;

	for (const char *c = entry; *c; c++)
		stars += *c == '*';
	*why = stars > RULE_STARS_MAX ? "has more than 4 stars" : "is longer than 1024 bytes";
	if (stars > RULE_STARS_MAX || strlen(entry) > RULE_TEXT_MAX)
		return -EINVAL;
	if (!TOCSIN_ROOM(*at, *room, *count))
		return -ENOMEM;
	copy = strdup(entry);
	if (!copy)
		return -ENOMEM;
	(*at)[(*count)++] = copy;
	return 0;
}

int tocsin_rule_set_add(struct rule_set *set, const char *entry, const char **why)
{
	switch (set->type) {
	case RULE_SET_NETWORKS:
		return add_network(set, entry, why);
	case RULE_SET_PORTS:
	case RULE_SET_USERS:
		return add_number(set, entry, why);
	default:
		return add_text(set, entry, why);
	}
}

static int compare_ranges(const void *a, const void *b)
{
	const struct rule_range *x = a, *y = b;

	return (x->low > y->low) - (x->low < y->low);
}

static int compare_ranges6(const void *a, const void *b)
{
	return memcmp(a, b, sizeof(((struct rule_range6 *)0)->low));
}

static int compare_texts(const void *a, const void *b)
{
	return strcmp(*(char *const *)a, *(char *const *)b);
}

/* Sorted by where they begin, those that overlap become one; then each ends before the next. */
void tocsin_rule_set_seal(struct rule_set *set)
{
	size_t n = 0;

	if (set->range_count)
		qsort(set->ranges, set->range_count, sizeof(*set->ranges), compare_ranges);
	for (size_t i = 0; i < set->range_count; i++) {
		if (n && set->ranges[i].low <= set->ranges[n - 1].high) {
			if (set->ranges[i].high > set->ranges[n - 1].high)
				set->ranges[n - 1].high = set->ranges[i].high;
		} else {
			set->ranges[n++] = set->ranges[i];
		}
	}
	set->range_count = n;
	n = 0;
	if (set->range6_count)
		qsort(set->ranges6, set->range6_count, sizeof(*set->ranges6), compare_ranges6);
	for (size_t i = 0; i < set->range6_count; i++) {
		if (n && memcmp(set->ranges6[i].low, set->ranges6[n - 1].high, 16) <= 0) {
			if (memcmp(set->ranges6[i].high, set->ranges6[n - 1].high, 16) > 0)
				memcpy(set->ranges6[n - 1].high, set->ranges6[i].high, 16);
		} else {
			set->ranges6[n++] = set->ranges6[i];
		}
	}
	set->range6_count = n;
	if (set->text_count)
		qsort(set->texts, set->text_count, sizeof(*set->texts), compare_texts);
}

void tocsin_rule_set_clear(struct rule_set *set)
{
	for (size_t i = 0; i < set->text_count; i++)
		free(set->texts[i]);
	for (size_t i = 0; i < set->glob_count; i++)
		free(set->globs[i]);
	free(set->ranges);
	free(set->ranges6);
	free(set->texts);
	free(set->globs);
	*set = (struct rule_set){.type = set->type};
}

size_t tocsin_rule_set_count(const struct rule_set *set)
{
	return set->range_count + set->range6_count + set->text_count + set->glob_count;
}

bool tocsin_rule_set_has_number(const struct rule_set *set, uint32_t n)
{
	size_t low = 0, high = set->range_count;

	while (low < high) {
		size_t middle = low + (high - low) / 2;

		if (set->ranges[middle].high < n)
			low = middle + 1;
		else
			high = middle;
	}
	return low < set->range_count && set->ranges[low].low <= n;
}

static bool has_six(const struct rule_set *set, const uint8_t address[16])
{
	size_t low = 0, high = set->range6_count;

	while (low < high) {
		size_t middle = low + (high - low) / 2;

		if (memcmp(set->ranges6[middle].high, address, 16) < 0)
			low = middle + 1;
		else
			high = middle;
	}
	return low < set->range6_count && memcmp(set->ranges6[low].low, address, 16) <= 0;
}

void tocsin_rule_address(uint16_t family, const uint8_t bytes[16], struct rule_address *ret)
{
	ret->four = family == AF_INET || !memcmp(bytes, mapped, sizeof(mapped));
	memcpy(ret->v6, mapped, sizeof(mapped));
	if (ret->four) {
		memcpy(ret->v6 + 12, bytes + (family == AF_INET ? 0 : 12), 4);
		memcpy(&ret->v4, ret->v6 + 12, 4);
		ret->v4 = ntohl(ret->v4);
	} else {
		memcpy(ret->v6, bytes, 16);
		ret->v4 = 0;
	}
}

bool tocsin_rule_set_has_address(const struct rule_set *set, const struct rule_address *a)
{
	return a->four ? tocsin_rule_set_has_number(set, a->v4) : has_six(set, a->v6);
}

bool tocsin_rule_set_has_text(const struct rule_set *set, const char *text)
{
	if (set->text_count &&
	    bsearch(&text, set->texts, set->text_count, sizeof(*set->texts), compare_texts))
		return true;
	for (size_t i = 0; i < set->glob_count; i++)
		if (!fnmatch(set->globs[i], text, 0))
			return true;
	return false;
}
