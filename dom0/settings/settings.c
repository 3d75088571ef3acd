/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "settings/settings.h"

#include <errno.h>
#include <fcntl.h>
#include <stdbool.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

int tocsin_settings_read(const char *path, char **ret, size_t *size)
{
	int fd = open(path, O_RDONLY | O_CLOEXEC | O_NONBLOCK), rc = 0;
	struct stat st;
	size_t have = 0;
	char *bytes;
	ssize_t n;

	if (fd < 0)
		return -errno;
	if (fstat(fd, &st))
		rc = -errno;
	else if (!S_ISREG(st.st_mode))
		rc = -ENOTSUP;
	else if (st.st_size > TOCSIN_SETTINGS_MAX)
		rc = -EFBIG;
	bytes = rc ? NULL : malloc(TOCSIN_SETTINGS_MAX + 1);
	if (!rc && !bytes)
		rc = -ENOMEM;
	while (!rc && (n = read(fd, bytes + have, TOCSIN_SETTINGS_MAX + 1 - have)) != 0) {
		if (n > 0)
			have += (size_t)n;
		else if (errno != EINTR)
			rc = -errno;
		if (have > TOCSIN_SETTINGS_MAX)
			rc = -EFBIG;
	}
	close(fd);
	if (rc) {
		free(bytes);
		return rc;
	}
	*ret = bytes;
	*size = have;
	return 0;
}

const char *tocsin_settings_error(int rc)
{
	return rc == -EFBIG     ? "is larger than 1 MiB"
	       : rc == -ENOTSUP ? "is no file"
				: strerror(-rc);
}

/* libconfig can read other files in the middle of one, as deep as it likes: not here. */
static bool includes(const char *text)
{
	for (const char *at = strstr(text, "@include"); at; at = strstr(at + 1, "@include")) {
		const char *before = at;

		while (before > text && (before[-1] == ' ' || before[-1] == '\t'))
			before--;
		if (before == text || before[-1] == '\n' || before[-1] == '\r')
			return true;
	}
	return false;
}

int tocsin_settings_parse(config_t *c, const char *text, size_t size, const char **why, int *line)
{
	char *copy;
	int rc = -EINVAL;

	*line = 0;
	if (size > TOCSIN_SETTINGS_MAX) {
		*why = tocsin_settings_error(-EFBIG);
		return -EINVAL;
	}
	if (!size)
		text = ""; /* it may be NULL */
	if (memchr(text, 0, size)) {
		*why = "has a byte of zero";
		return -EINVAL;
	}
	copy = strndup(text, size);
	if (!copy)
		return -ENOMEM;
	if (includes(copy)) {
		*why = "@include at the beginning of a line: files are not nested";
	} else if (config_read_string(c, copy) != CONFIG_TRUE) {
		*why = config_error_text(c) ? config_error_text(c) : "cannot be read";
		*line = config_error_line(c);
	} else {
		rc = 0;
	}
	free(copy);
	return rc;
}

const char *tocsin_settings_name(const config_setting_t *s)
{
	while (s && !config_setting_name(s))
		s = config_setting_parent(s);
	return s ? config_setting_name(s) : "the file";
}
