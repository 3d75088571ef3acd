/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * The table of scanners and what they share. A scanner that fails is not silent: its reason stands
 * in the findings, where the verdict sees it.
 */
#include "scan/scanners.h"

#include <sched.h>
#include <stdio.h>
#include <string.h>

const struct tocsin_scanner tocsin_scanners[] = {
    {"process", "hidden, traced, and under another name", tocsin_scan_name},
    {"credentials", "rights that the kernel did not give", tocsin_scan_credentials},
    {"capabilities", "rights like root's without being root", tocsin_scan_capabilities},
    {"environment", "libraries that are loaded first", tocsin_scan_environment},
    {"memory", "executable memory that no file accounts for", tocsin_scan_memory},
    {"executable", "programs and code that are not what their files hold", tocsin_scan_executable},
    {"network", "sockets of a kind or in hands that are unusual", tocsin_scan_network},
    {"yara", "rules over the process's memory", tocsin_scan_yara},
    {NULL, NULL, NULL},
};

void tocsin_scan_unreadable(struct tocsin_findings *f, const char *scanner, const char *reason)
{
	if (!f->unreadable[0])
		snprintf(f->unreadable, sizeof(f->unreadable), "%s: %s", scanner, reason);
}

struct tocsin_finding *tocsin_scan_add(struct tocsin_findings *findings, const char *rule)
{
	const struct tocsin_scan_rule *r = tocsin_scan_rule_find(rule);
	struct tocsin_finding *f;
	char scanner[32];

	if (!r) /* a scanner's mistake: no finding may vanish for it */
		return tocsin_findings_add(findings, "scan", rule, TOCSIN_SEVERITY_HIGH);
	snprintf(scanner, sizeof(scanner), "%.*s", (int)strcspn(rule, "."), rule);
	f = tocsin_findings_add(findings, scanner, rule, r->severity);
	if (!f)
		return NULL;
	f->certainty = r->certainty;
	snprintf(f->technique, sizeof(f->technique), "%s", r->technique);
	snprintf(f->why, sizeof(f->why), "%s", r->why);
	return f;
}

struct tocsin_finding *tocsin_scan_add_at(const struct tocsin_scan_target *t,
					  struct tocsin_findings *findings, const char *rule,
					  const struct tocsin_vma *v)
{
	struct tocsin_finding *f = tocsin_scan_add(findings, rule);

	if (!f)
		return NULL;
	f->start = v->start;
	f->end = v->end;
	tocsin_scan_evidence(t, f, v->start);
	return f;
}

void tocsin_scan_evidence(const struct tocsin_scan_target *t, struct tocsin_finding *f, uint64_t va)
{
	uint8_t bytes[TOCSIN_EVIDENCE_SIZE];

	if (tocsin_process_read(t->kernel, t->process, va, bytes, sizeof(bytes), NULL))
		return;
	memcpy(f->evidence, bytes, sizeof(bytes));
	f->evidence_size = sizeof(bytes);
}

/* Runtimes that make code while they run, by the name of their file. */
static const char *const jit_files[] = {
    "libjvm.so",
    "libcoreclr.so",
    "libclrjit.so",
    "libmono",
    "libmozjs",
    "libxul.so",
    "libv8",
    "libluajit",
    "luajit",
    "node",
    "libjavascriptcoregtk",
    "chrome",
    "chromium",
    "libQt5WebEngineCore",
    "libQt6WebEngineCore",
    "qemu-system",
};

/* Only where root installs: anybody can name a file in /tmp libjvm.so. */
static const char *const system_folders[] = {"/usr/",   "/bin/", "/sbin/", "/lib/",
					     "/lib64/", "/opt/", "/snap/"};

bool tocsin_scan_begins_with(const char *s, const char *const *list, size_t n)
{
	size_t i;

	for (i = 0; i < n; i++)
		if (!strncmp(s, list[i], strlen(list[i])))
			return true;
	return false;
}

/* Where anybody may write, and installed programs do not lie. */
static const char *const temporary_folders[] = {"/tmp/", "/var/tmp/", "/dev/shm/", "/run/user/",
						"/dev/mqueue/"};

#define COUNT(a) (sizeof(a) / sizeof((a)[0]))

bool tocsin_scan_is_installed(const char *path)
{
	return tocsin_scan_begins_with(path, system_folders, COUNT(system_folders)) &&
	       !strstr(path, "/../");
}

bool tocsin_scan_is_temporary(const char *path)
{
	return tocsin_scan_begins_with(path, temporary_folders, COUNT(temporary_folders));
}

bool tocsin_scan_is_jit(const struct tocsin_vma_list *vmas)
{
	const char *base;
	size_t i;

	for (i = 0; i < vmas->count; i++) {
		const struct tocsin_vma *v = &vmas->rows[i];

		if (v->confidence != TOCSIN_CONSISTENT || !v->exec || !v->has_file ||
		    v->file.deleted || v->file.memfd || !tocsin_scan_is_installed(v->path))
			continue;
		base = strrchr(v->path, '/');
		if (base && tocsin_scan_begins_with(base + 1, jit_files, COUNT(jit_files)))
			return true;
	}
	return false;
}

unsigned int tocsin_scan_processors(void)
{
	cpu_set_t set;

	if (sched_getaffinity(0, sizeof(set), &set))
		return 1; /* more of them than the set has room for: one is always right */
	return (unsigned int)CPU_COUNT(&set);
}

int tocsin_scan(const struct tocsin_scan_target *t, struct tocsin_findings *findings)
{
	const struct tocsin_scanner *s;
	char text[64];

	if (t->vmas->truncated)
		findings->truncated = true;
	if (t->vmas->torn) {
		snprintf(text, sizeof(text), "%zu mappings changed while they were read",
			 t->vmas->torn);
		tocsin_scan_unreadable(findings, "scan", text);
	}
	for (s = tocsin_scanners; s->name; s++) {
		struct tocsin_error err = {0};
		int rc = 0;

		if (!((t->without >> (s - tocsin_scanners)) & 1))
			rc = s->run(t, findings, &err);
		if (rc)
			tocsin_scan_unreadable(findings, s->name,
					       err.message[0] ? err.message : strerror(-rc));
	}
	return 0;
}
