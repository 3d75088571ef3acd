// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * What runs: asked of the hypervisor itself, never concluded from a version.
 *
 * Invariants: a survey is taken whole or fails; the payload is ours only by its name, and it works
 * only if the hypervisor answers to the parameter that it brings.
 */
#include "cli/hypervisor.h"

#include <errno.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <json-c/json.h>

bool hypervisor_other_applied(const struct hypervisor_state *s)
{
	for (size_t i = 0; i < s->payload_count; i++)
		if (&s->payloads[i] != s->ours && s->payloads[i].applied)
			return true;
	return false;
}

static int survey_payloads(struct hypervisor_state *s, struct tocsin_error *err)
{
	struct tocsin_error why = {0};
	int rc = tocsin_livepatch_list(s->livepatch, &s->payloads, &s->payload_count, &why);

	if (rc == -EOPNOTSUPP)
		return 0;
	if (rc)
		return tocsin_error_set(err, rc, "%s", why.message);
	s->livepatching = true;
	for (size_t i = 0; i < s->payload_count; i++)
		if (!strcmp(s->payloads[i].name, TOCSIN_LIVEPATCH_NAME))
			s->ours = &s->payloads[i];
	return 0;
}

static int conclude(struct hypervisor_state *s, struct tocsin_error *err)
{
	bool perceives, applied = s->ours && s->ours->applied;
	int rc = tocsin_host_perceives(s->host, &perceives, err);

	if (rc)
		return rc;
	if (applied)
		s->tocsin = perceives ? HYPERVISOR_LIVE : HYPERVISOR_SILENT;
	else
		s->tocsin = perceives ? HYPERVISOR_PATCHED : HYPERVISOR_NONE;
	return 0;
}

static int not_found(int rc)
{
	return rc == -ENOENT ? 0 : rc;
}

/* A file that was named must be the one that runs. */
static int find_named(const struct hypervisor_state *s, const char *name, char **ret,
		      struct tocsin_error *err)
{
	char id[TOCSIN_BUILD_ID_TEXT];
	int rc = tocsin_build_id_hypervisor(name, id, err);

	if (rc)
		return rc;
	if (strcmp(id, s->xen.build_id))
		return tocsin_error_set(err, -EINVAL,
					"%s has build ID %s, the running hypervisor has %s", name,
					id, s->xen.build_id);
	*ret = strdup(name);
	return *ret ? 0 : tocsin_error_set(err, -ENOMEM, "out of memory");
}

int hypervisor_find_symbols(const char *build_id, char **ret, struct tocsin_error *err)
{
	const char *const folders[] = {"/usr/lib/debug/boot", "/usr/lib/debug",
				       hypervisor_boot_folder()};
	int rc = -ENOENT;

	for (size_t i = 0; i < sizeof(folders) / sizeof(folders[0]) && rc == -ENOENT; i++)
		rc = tocsin_build_id_find(folders[i], "xen-syms", build_id, ret, err);
	return not_found(rc);
}

static int find_files(const struct hypervisor_options *o, struct hypervisor_state *s,
		      struct tocsin_error *err)
{
	const char *boot = hypervisor_boot_folder();
	int rc;

	if (o->xen)
		rc = find_named(s, o->xen, &s->file, err);
	else
		rc = not_found(tocsin_build_id_find(boot, "xen", s->xen.build_id, &s->file, err));
	if (rc)
		return rc;
	if (!o->dbg)
		return hypervisor_find_symbols(s->xen.build_id, &s->symbols, err);
	return find_named(s, o->dbg, &s->symbols, err);
}

/* What is done here needs no names of domains, and must work at boot, when xenstored may not run.
 */
static int open_host(struct hypervisor_state *s, struct tocsin_error *err)
{
	if (!tocsin_host_open(&s->host, &s->no_xenstored))
		return 0;
	return tocsin_host_open_nameless(&s->host, err);
}

int hypervisor_survey(const struct hypervisor_options *o, struct hypervisor_state *ret,
		      struct tocsin_error *err)
{
	struct hypervisor_state s = {0};
	int rc = tocsin_livepatch_open(&s.livepatch, err);

	if (!rc)
		rc = tocsin_livepatch_hypervisor(s.livepatch, &s.xen, err);
	if (!rc)
		rc = open_host(&s, err);
	if (!rc)
		rc = survey_payloads(&s, err);
	if (!rc)
		rc = conclude(&s, err);
	if (!rc)
		rc = tocsin_host_list(s.host, &s.domains, &s.domain_count, err);
	if (!rc)
		rc = find_files(o, &s, err);
	if (rc) {
		hypervisor_state_free(&s);
		return rc;
	}
	*ret = s;
	return 0;
}

void hypervisor_state_free(struct hypervisor_state *s)
{
	tocsin_livepatch_close(s->livepatch);
	tocsin_host_close(s->host);
	free(s->payloads);
	free(s->domains);
	free(s->file);
	free(s->symbols);
	*s = (struct hypervisor_state){0};
}

static size_t switched_on(const struct hypervisor_state *s)
{
	size_t count = 0;

	for (size_t i = 0; i < s->domain_count; i++)
		count += s->domains[i].rate > 0;
	return count;
}

/* Names of payloads are what somebody uploaded: only printable ASCII is shown. */
static void clean(const char *name, char *ret)
{
	for (; *name; name++)
		*ret++ = *name > ' ' && *name <= '~' ? *name : '?';
	*ret = '\0';
}

static const char *tocsin_words(const struct hypervisor_state *s)
{
	switch (s->tocsin) {
	case HYPERVISOR_PATCHED:
		return "in it: this is a Xen with Tocsin's patches, nothing more is needed";
	case HYPERVISOR_LIVE:
		return "in it, as a live patch";
	case HYPERVISOR_SILENT:
		return "applied as a live patch, but it does not answer: remove it (tocsin "
		       "hypervisor remove)";
	default:
		return s->livepatching ? "not in it: tocsin hypervisor install puts it there"
				       : "not in it: this Xen takes no live patches, so boot "
					 "Tocsin's own (hypervisor/install)";
	}
}

void hypervisor_print_text(const struct hypervisor_state *s, bool kept)
{
	char name[sizeof(s->payloads[0].name)];

	printf("hypervisor    Xen %s, build ID %s\n", s->xen.version, s->xen.build_id);
	printf("tocsin        %s\n", tocsin_words(s));
	printf("live patches ");
	for (size_t i = 0; i < s->payload_count; i++) {
		clean(s->payloads[i].name, name);
		printf(" %s (%s)", name, s->payloads[i].applied ? "applied" : "not applied");
	}
	puts(s->payload_count ? "" : s->livepatching ? " none" : " not possible with this Xen");
	printf("file          %s\n", s->file ? s->file : "not found by its build ID");
	printf("symbols       %s\n", s->symbols                     ? s->symbols
				     : hypervisor_running_symbols() ? hypervisor_running_symbols()
								    : "not found");
	printf("at boot       %s\n",
	       kept ? "tocsin-hypervisor.service applies the live patch that is kept"
		    : "no live patch is kept for this build");
	printf("views         %s\n",
	       s->xen.altp2m ? "possible" : "not possible: Xen was booted without altp2m=1");
	printf("domains       %zu, %zu of them may ring\n", s->domain_count, switched_on(s));
}

static void add(struct json_object *o, const char *name, struct json_object *value)
{
	json_object_object_add(o, name, value);
}

static struct json_object *text_or_null(const char *text)
{
	return text ? json_object_new_string(text) : NULL;
}

void hypervisor_print_json(const struct hypervisor_state *s, bool kept, const char *const *steps,
			   size_t count)
{
	static const char *const words[] = {"none", "patched", "live patch", "silent"};
	struct json_object *o = json_object_new_object(), *list = json_object_new_array();
	struct json_object *did = json_object_new_array();
	char name[sizeof(s->payloads[0].name)];

	for (size_t i = 0; i < s->payload_count; i++) {
		struct json_object *p = json_object_new_object();

		clean(s->payloads[i].name, name);
		add(p, "name", json_object_new_string(name));
		add(p, "applied", json_object_new_boolean(s->payloads[i].applied));
		add(p, "code", json_object_new_int(s->payloads[i].code));
		json_object_array_add(list, p);
	}
	for (size_t i = 0; i < count; i++)
		json_object_array_add(did, json_object_new_string(steps[i]));
	add(o, "schema", json_object_new_int(1));
	add(o, "kind", json_object_new_string("hypervisor"));
	add(o, "version", json_object_new_string(s->xen.version));
	add(o, "build_id", json_object_new_string(s->xen.build_id));
	add(o, "tocsin", json_object_new_string(words[s->tocsin]));
	add(o, "live_patching", json_object_new_boolean(s->livepatching));
	add(o, "live_patches", list);
	add(o, "file", text_or_null(s->file));
	add(o, "symbols", text_or_null(s->symbols ? s->symbols : hypervisor_running_symbols()));
	add(o, "kept", json_object_new_boolean(kept));
	add(o, "views", json_object_new_boolean(s->xen.altp2m));
	add(o, "domains", json_object_new_int64((int64_t)s->domain_count));
	add(o, "domains_on", json_object_new_int64((int64_t)switched_on(s)));
	add(o, "steps", did);
	puts(json_object_to_json_string_ext(o, JSON_C_TO_STRING_PLAIN |
						   JSON_C_TO_STRING_NOSLASHESCAPE));
	json_object_put(o);
}
