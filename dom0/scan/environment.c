/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * What the dynamic linker is told in the environment: libraries to load before all others
 * (ld.so(8), LD_PRELOAD and LD_AUDIT). The environment lies in the process's own memory, which it
 * may rewrite; a library that was loaded shows among its mappings all the same.
 */
#include "scan/scanners.h"

#include <stdio.h>
#include <string.h>

/* Are all of the names between colons and spaces paths in folders where only root installs? */
static bool all_installed(const char *list)
{
	char path[256];

	while (*list) {
		size_t n = strcspn(list, ": ");

		snprintf(path, sizeof(path), "%.*s", n < 255 ? (int)n : 255, list);
		/* A name without a slash is looked for in the system's folders. */
		if (n && strchr(path, '/') && !tocsin_scan_is_installed(path))
			return false;
		list += n + (list[n] != '\0');
	}
	return true;
}

static void scan_variable(const char *text, struct tocsin_findings *findings)
{
	bool loads = !strncmp(text, "LD_PRELOAD=", 11) || !strncmp(text, "LD_AUDIT=", 9);
	const char *value = strchr(text, '=');
	struct tocsin_finding *f;

	if (!value || !value[1] || (!loads && strncmp(text, "LD_LIBRARY_PATH=", 16)))
		return;
	f = tocsin_scan_add(findings, !loads                     ? "environment.library-path"
				      : all_installed(value + 1) ? "environment.preload-installed"
								 : "environment.preload");
	if (f)
		snprintf(f->what, sizeof(f->what), "its environment has %.200s", text);
}

int tocsin_scan_environment(const struct tocsin_scan_target *t, struct tocsin_findings *findings,
			    struct tocsin_error *err)
{
	const struct tocsin_process_details *d = t->details;
	char text[512];

	if (!d || d->confidence == TOCSIN_TORN)
		return 0;
	for (size_t at = 0; at < d->environment_size;) {
		size_t n = strnlen(d->environment + at, d->environment_size - at);

		if (n > 3 && !memcmp(d->environment + at, "LD_", 3)) {
			snprintf(text, sizeof(text), "%.*s", n < 511 ? (int)n : 511,
				 d->environment + at);
			scan_variable(text, findings);
		}
		at += n + 1;
	}
	return 0;
}
