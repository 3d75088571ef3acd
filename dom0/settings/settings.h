/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Text in libconfig's syntax, of rules and of the daemon's configuration: read whole from a regular
 * file of bounded size, and parsed without what libconfig would do beyond it (read other files).
 */
#ifndef TOCSIN_SETTINGS_H
#define TOCSIN_SETTINGS_H

#include <stddef.h>

#include <libconfig.h>

#define TOCSIN_SETTINGS_MAX (1u << 20) /* bytes of a file */

/* All of a file; free(ret). -EFBIG: larger than TOCSIN_SETTINGS_MAX; -ENOTSUP: no regular file. */
int tocsin_settings_read(const char *path, char **ret, size_t *size);

/* What one of these errors means, to follow the name of the file. */
const char *tocsin_settings_error(int rc);

/*
 * Parse size bytes into c, which the caller gave to config_init() and destroys. -EINVAL, with the
 * reason, static or c's, and its line (0: of the whole text); -ENOMEM.
 */
int tocsin_settings_parse(config_t *c, const char *text, size_t size, const char **why, int *line);

/* The nearest name above a setting, for elements of lists have none; "the file" for the top. */
const char *tocsin_settings_name(const config_setting_t *s);

#endif
