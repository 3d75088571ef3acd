/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Settings by tables of forms. A reader that finds a mistake tells it and leaves its member as it
 * was: the reading goes on, so that all mistakes are told at once.
 */
#include "config/internal.h"

#include <limits.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>

void tocsin_config_wrong(struct config_reading *r, const config_setting_t *s, const char *format,
			 ...)
{
	char why[256], message[512];
	va_list ap;

	va_start(ap, format);
	vsnprintf(why, sizeof(why), format, ap);
	va_end(ap);
	r->mistakes++;
	if (!r->complain)
		return;
	snprintf(message, sizeof(message), "%s:%u: %s: %s", r->name,
		 s ? (unsigned int)config_setting_source_line(s) : 0,
		 s ? tocsin_settings_name(s) : "the file", why);
	r->complain(message, r->context);
}

static const struct config_form *find(const struct config_form *forms, size_t count,
				      const char *name)
{
	for (size_t i = 0; i < count; i++)
		if (!strcmp(forms[i].name, name))
			return &forms[i];
	return NULL;
}

void tocsin_config_group(struct config_reading *r, config_setting_t *s,
			 const struct config_form *forms, size_t count, void *to)
{
	if (!config_setting_is_group(s)) {
		tocsin_config_wrong(r, s, "not a group: { ... }");
		return;
	}
	for (int i = 0; i < config_setting_length(s); i++) {
		config_setting_t *m = config_setting_get_elem(s, (unsigned int)i);
		const struct config_form *form = find(forms, count, config_setting_name(m));

		if (form)
			form->read(r, m, form, to);
		else
			tocsin_config_wrong(r, m, "there is no such setting here");
	}
}

void tocsin_config_bool(struct config_reading *r, config_setting_t *s,
			const struct config_form *form, void *to)
{
	if (config_setting_type(s) != CONFIG_TYPE_BOOL)
		tocsin_config_wrong(r, s, "neither true nor false");
	else
		*(bool *)((char *)to + form->offset) = config_setting_get_bool(s) != 0;
}

void tocsin_config_number(struct config_reading *r, config_setting_t *s,
			  const struct config_form *form, void *to)
{
	int n = config_setting_type(s) == CONFIG_TYPE_INT ? config_setting_get_int(s) : -1;

	if (n < 0 || (uint32_t)n < form->low || (uint32_t)n > form->high)
		tocsin_config_wrong(r, s, "not a whole number of %u to %u", form->low, form->high);
	else
		*(uint32_t *)(void *)((char *)to + form->offset) = (uint32_t)n;
}

/* Its index; -1: it is none, and that was told. */
static int word(struct config_reading *r, config_setting_t *s, const char *const *words)
{
	const char *text = config_setting_get_string(s);
	char all[160] = "";

	for (int i = 0; words[i]; i++) {
		size_t n = strlen(all);

		if (text && !strcmp(words[i], text))
			return i;
		snprintf(all + n, sizeof(all) - n, "%s%s", i ? ", " : "", words[i]);
	}
	tocsin_config_wrong(r, s, "not one of %s", all);
	return -1;
}

void tocsin_config_word(struct config_reading *r, config_setting_t *s,
			const struct config_form *form, void *to)
{
	int i = word(r, s, form->words);

	if (i >= 0)
		*(uint32_t *)(void *)((char *)to + form->offset) = (uint32_t)i;
}

void tocsin_config_bits(struct config_reading *r, config_setting_t *s,
			const struct config_form *form, void *to)
{
	bool single = config_setting_is_scalar(s);
	int count = single ? 1 : config_setting_length(s);
	uint32_t bits = 0;

	if (config_setting_is_group(s)) {
		tocsin_config_wrong(r, s, "not a word, nor a list of words");
		return;
	}
	for (int i = 0; i < count; i++) {
		int bit =
		    word(r, single ? s : config_setting_get_elem(s, (unsigned int)i), form->words);

		if (bit >= 0)
			bits |= 1u << bit;
	}
	*(uint32_t *)(void *)((char *)to + form->offset) = bits;
}

bool tocsin_config_take_text(struct config_reading *r, config_setting_t *s, bool empty, char *ret,
			     size_t size)
{
	const char *text = config_setting_get_string(s);

	if (!text)
		tocsin_config_wrong(r, s, "not a text");
	else if (!*text && !empty)
		tocsin_config_wrong(r, s, "is empty");
	else if (strlen(text) >= size)
		tocsin_config_wrong(r, s, "is longer than %zu bytes", size - 1);
	else {
		for (const char *c = text; *c; c++)
			if ((unsigned char)*c < ' ' || *c == 0x7f) {
				tocsin_config_wrong(r, s, "has a control character");
				return false;
			}
		strcpy(ret, text);
		return true;
	}
	return false;
}

void tocsin_config_text(struct config_reading *r, config_setting_t *s,
			const struct config_form *form, void *to)
{
	tocsin_config_take_text(r, s, true, (char *)to + form->offset, form->high);
}

void tocsin_config_path(struct config_reading *r, config_setting_t *s,
			const struct config_form *form, void *to)
{
	char path[TOCSIN_CONFIG_PATH];
	size_t n;

	if (!tocsin_config_take_text(r, s, true, path,
				     form->high < sizeof(path) ? form->high : sizeof(path)))
		return;
	n = strlen(path);
	if (*path && *path != '/')
		tocsin_config_wrong(r, s, "'%.200s' does not begin with /", path);
	else if (strstr(path, "/../") || (n >= 3 && !strcmp(path + n - 3, "/..")))
		tocsin_config_wrong(r, s, "'%.200s' has a ..", path);
	else
		strcpy((char *)to + form->offset, path);
}
