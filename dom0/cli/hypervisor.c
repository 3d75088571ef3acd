// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * tocsin hypervisor status | install | remove | prepare: Tocsin in the running hypervisor, as a
 * live patch.
 *
 * Invariants: nothing is loaded but a payload for exactly the build that runs. An install that
 * fails leaves the hypervisor as it was. A payload is kept for the next boot only when it has
 * proved to work, and one during whose application the machine died is not tried by itself again.
 */
#include "cli/hypervisor.h"
#include "cli/command.h"
#include "cli/domain.h"

#include <errno.h>
#include <inttypes.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#define STEPS_MAX 16
#define BUILDS_MAX 64

/* A run of one verb: what it was told, what it found, what it did. */
struct run {
	struct hypervisor_options o;
	struct hypervisor_state s;
	const char *step[STEPS_MAX];
	size_t steps;
};

static int fail(const struct tocsin_error *err)
{
	fprintf(stderr, "tocsin hypervisor: %s\n", err->message);
	return EXIT_FAILED;
}

/* name: as JSON has it. The sentence is for people. */
__attribute__((format(printf, 3, 4))) static void did(struct run *r, const char *name,
						      const char *format, ...)
{
	va_list ap;

	if (r->steps < STEPS_MAX)
		r->step[r->steps++] = name;
	if (r->o.json)
		return;
	va_start(ap, format);
	vprintf(format, ap);
	va_end(ap);
	putchar('\n');
}

static int look(struct run *r, struct tocsin_error *err)
{
	return hypervisor_survey(&r->o, &r->s, err);
}

/* The end of each verb: in JSON what runs now. */
static int finish(struct run *r, int code)
{
	struct tocsin_error err = {0};

	hypervisor_state_free(&r->s);
	if (!r->o.json)
		return code;
	if (look(r, &err))
		return fail(&err);
	hypervisor_print_json(&r->s, hypervisor_is_kept(r->s.xen.build_id), r->step, r->steps);
	hypervisor_state_free(&r->s);
	return code;
}

static int command_status(struct run *r)
{
	struct tocsin_error err = {0};
	bool works;

	if (look(r, &err))
		return fail(&err);
	works = r->s.tocsin == HYPERVISOR_PATCHED || r->s.tocsin == HYPERVISOR_LIVE;
	if (!r->o.json)
		hypervisor_print_text(&r->s, hypervisor_is_kept(r->s.xen.build_id));
	return finish(r, works ? EXIT_DONE : EXIT_PARTIAL);
}

/* A payload in a file: `path` is where, `temporary` whether it goes away again. */
struct made {
	char *path;
	bool temporary;
	uint8_t *bytes;
	size_t size;
};

static void unmake(struct made *m)
{
	if (m->temporary && m->path)
		unlink(m->path);
	free(m->path);
	free(m->bytes);
}

static int generate(struct run *r, struct made *m, struct tocsin_error *err)
{
	const char *symbols = r->s.symbols ? r->s.symbols : hypervisor_running_symbols();
	struct tocsin_error why = {0};
	int rc;

	if (!r->s.file)
		return tocsin_error_set(err, -ENOENT,
					"no file under %s is the running hypervisor (build ID %s): "
					"name it with --xen FILE",
					hypervisor_boot_folder(), r->s.xen.build_id);
	rc = hypervisor_kept_path(r->s.xen.build_id, ".new", &m->path, err);
	if (rc)
		return rc;
	m->temporary = true;
	rc = hypervisor_generate(r->s.file, symbols, m->path, &why);
	if (rc)
		return tocsin_error_set(err, rc, "%s%s", why.message,
					symbols ? ""
						: " (there is neither the -dbg package of this "
						  "Xen nor /proc/xen/xensyms)");
	did(r, "generate", "generated a live patch for build %s from %s%s%s", r->s.xen.build_id,
	    r->s.file, symbols ? " and " : "", symbols ? symbols : "");
	return 0;
}

/* At boot what is kept is preferred: it has worked before. */
static int take_payload(struct run *r, struct made *m, struct tocsin_error *err)
{
	if (r->o.payload) {
		m->path = strdup(r->o.payload);
		return m->path ? 0 : tocsin_error_set(err, -ENOMEM, "out of memory");
	}
	if (r->o.boot && hypervisor_is_kept(r->s.xen.build_id))
		return hypervisor_kept_path(r->s.xen.build_id, "", &m->path, err);
	return generate(r, m, err);
}

/* Linted where there is a generator, and for exactly what runs in any case. */
static int check_payload(struct run *r, struct made *m, struct tocsin_error *err)
{
	char id[TOCSIN_BUILD_ID_TEXT];
	struct tocsin_error why = {0};
	int rc = hypervisor_check(m->path, &why);

	if (rc && rc != -ENOENT)
		return tocsin_error_set(err, rc, "%s", why.message);
	if (!rc)
		did(r, "check", "checked it against the rules of Xen's loader");
	rc = hypervisor_read_payload(m->path, &m->bytes, &m->size, err);
	if (!rc)
		rc = tocsin_build_id_payload(m->bytes, m->size, id, err);
	if (!rc && strcmp(id, r->s.xen.build_id))
		rc = tocsin_error_set(err, -EINVAL,
				      "%s is for a hypervisor of build %s, the running one is %s",
				      m->path, id, r->s.xen.build_id);
	return rc;
}

/* What can be known without a guest: the hypervisor answers. With guests: for each of them. */
static int prove(struct run *r, struct tocsin_error *err)
{
	struct tocsin_payload p;
	struct tocsin_domain *list;
	bool perceives = false;
	size_t count, asked = 0;
	int rc = tocsin_livepatch_get(r->s.livepatch, TOCSIN_LIVEPATCH_NAME, &p, err);

	if (!rc)
		rc = tocsin_host_perceives(r->s.host, &perceives, err);
	if (rc)
		return rc;
	if (!p.applied || !perceives)
		return tocsin_error_set(err, -EIO,
					"Xen applied the live patch, but does not answer to it");
	rc = tocsin_host_list(r->s.host, &list, &count, err);
	if (rc)
		return rc;
	for (size_t i = 0; i < count && !rc; i++) {
		if (!list[i].hvm || list[i].dying)
			continue;
		asked++;
		if (list[i].rate < 0)
			rc = tocsin_error_set(err, -EIO,
					      "Xen applied the live patch, but has no rate for "
					      "domain %" PRIu32,
					      list[i].domid);
	}
	free(list);
	if (!rc)
		did(r, "prove", "it works: the hypervisor answers, and for %zu running guests",
		    asked);
	return rc;
}

/* Back to where it was. A failure here is told beside the reason for coming here. */
static void undo(struct run *r)
{
	struct tocsin_error err = {0};

	if (tocsin_livepatch_revert(r->s.livepatch, TOCSIN_LIVEPATCH_NAME, &err) ||
	    tocsin_livepatch_unload(r->s.livepatch, TOCSIN_LIVEPATCH_NAME, &err))
		fprintf(stderr, "tocsin hypervisor: and cannot undo it: %s\n", err.message);
}

static int load(struct run *r, const struct made *m, struct tocsin_error *err)
{
	struct tocsin_livepatch *l = r->s.livepatch;
	int rc = tocsin_livepatch_unload(l, TOCSIN_LIVEPATCH_NAME, err); /* of an earlier try */

	if (!rc)
		rc = tocsin_livepatch_upload(l, TOCSIN_LIVEPATCH_NAME, m->bytes, m->size, err);
	if (rc)
		return rc;
	did(r, "upload", "uploaded it, %zu bytes", m->size);
	rc = hypervisor_mark(r->s.xen.build_id, err);
	if (!rc)
		rc = tocsin_livepatch_apply(l, TOCSIN_LIVEPATCH_NAME, err);
	if (!rc) {
		did(r, "apply", "applied it");
		rc = prove(r, err);
	}
	if (rc)
		undo(r);
	hypervisor_unmark();
	return rc;
}

static int keep(struct run *r, const struct made *m, struct tocsin_error *err)
{
	char *path;
	int rc = 0;

	if (r->o.keep)
		rc = hypervisor_write_file(r->o.keep, m->bytes, m->size, err);
	if (rc || r->o.dry_run)
		return rc;
	rc = hypervisor_kept_path(r->s.xen.build_id, "", &path, err);
	if (rc)
		return rc;
	rc = hypervisor_write_file(path, m->bytes, m->size, err);
	if (!rc)
		did(r, "keep",
		    "kept it for tocsin-hypervisor.service, which applies it at boot: %s", path);
	free(path);
	return rc;
}

/* 0: go on; else what there is to say instead. */
static int may_install(const struct run *r, struct tocsin_error *err)
{
	if (r->s.tocsin == HYPERVISOR_SILENT)
		return tocsin_error_set(err, -EIO,
					"a live patch of Tocsin is applied and does not answer: "
					"tocsin hypervisor remove, then install");
	if (!r->s.livepatching)
		return tocsin_error_set(err, -EOPNOTSUPP,
					"this Xen was built without live patching "
					"(CONFIG_LIVEPATCH): install Tocsin's own, with "
					"hypervisor/build and hypervisor/install, and reboot");
	if (r->o.boot && hypervisor_is_marked())
		return tocsin_error_set(err, -ECANCELED,
					"the machine went down while the live patch was applied: "
					"it is not tried again by itself; tocsin hypervisor "
					"install tries it");
	return 0;
}

static int install_payload(struct run *r, struct tocsin_error *err)
{
	struct made m = {0};
	int rc = may_install(r, err);

	if (!rc)
		rc = take_payload(r, &m, err);
	if (!rc)
		rc = check_payload(r, &m, err);
	if (!rc && r->o.dry_run)
		did(r, "dry run", "would upload it (%zu bytes), apply it and see that it works",
		    m.size);
	else if (!rc)
		rc = load(r, &m, err);
	if (!rc)
		rc = keep(r, &m, err);
	unmake(&m);
	return rc;
}

static int command_install(struct run *r)
{
	struct tocsin_error err = {0};

	if (r->o.boot && !hypervisor_is_kept(NULL)) {
		did(r, "nothing", "nothing is to be applied at boot: no install was asked for yet");
		return EXIT_DONE;
	}
	if (look(r, &err))
		return fail(&err);
	if (r->s.tocsin == HYPERVISOR_PATCHED ||
	    (r->s.tocsin == HYPERVISOR_LIVE && !r->o.dry_run)) {
		did(r, "nothing", "nothing is needed: the running hypervisor has Tocsin%s",
		    r->s.tocsin == HYPERVISOR_LIVE ? ", as a live patch" : "'s patches");
		if (r->o.keep)
			fprintf(stderr,
				"tocsin hypervisor: so no live patch was made, and %s was "
				"not written\n",
				r->o.keep);
		return finish(r, r->o.keep ? EXIT_FAILED : EXIT_DONE);
	}
	if (install_payload(r, &err)) {
		hypervisor_state_free(&r->s);
		return fail(&err);
	}
	if (!r->o.dry_run && !r->o.json)
		puts("guests may ring now: tocsin enable GUEST, tocsind");
	return finish(r, EXIT_DONE);
}

/* The rates as they were, where a removal ends halfway. */
static void switch_back(struct run *r)
{
	for (size_t i = 0; i < r->s.domain_count; i++)
		if (r->s.domains[i].rate > 0)
			tocsin_host_set_rate(r->s.host, r->s.domains[i].domid,
					     (uint32_t)r->s.domains[i].rate, NULL);
}

/* The payload does not go while a guest can ring: its code is what answers. */
static int switch_off(struct run *r, struct tocsin_error *err)
{
	int rc = 0;

	for (size_t i = 0; i < r->s.domain_count && !rc; i++) {
		const struct tocsin_domain *d = &r->s.domains[i];

		if (d->rate <= 0 || d->dying)
			continue;
		if (!r->o.dry_run)
			rc = tocsin_host_set_rate(r->s.host, d->domid, 0, err);
		if (rc == -ESRCH) { /* gone meanwhile */
			tocsin_error_clear(err);
			rc = 0;
		} else if (!rc) {
			did(r, "disable", "%s domain %" PRIu32 " (rate %" PRId64 ")",
			    r->o.dry_run ? "would switch off" : "switched off", d->domid, d->rate);
			if (!r->o.dry_run)
				domain_tell_views("hypervisor", r->s.host, d);
		}
	}
	return rc;
}

static int take_out(struct run *r, struct tocsin_error *err)
{
	int rc = 0;

	if (!r->s.ours)
		return 0;
	if (r->s.ours->applied && hypervisor_other_applied(&r->s))
		did(r, "others",
		    "other live patches are applied too: Xen decides whether ours can "
		    "go before them");
	if (r->s.tocsin == HYPERVISOR_LIVE)
		rc = switch_off(r, err);
	if (!rc && r->o.dry_run) {
		did(r, "dry run", "would revert and unload the live patch");
		return 0;
	}
	if (!rc)
		rc = tocsin_livepatch_revert(r->s.livepatch, TOCSIN_LIVEPATCH_NAME, err);
	if (rc) {
		switch_back(r);
		return rc;
	}
	did(r, "revert", "reverted the live patch: stock behaviour");
	rc = tocsin_livepatch_unload(r->s.livepatch, TOCSIN_LIVEPATCH_NAME, err);
	if (!rc)
		did(r, "unload", "unloaded it");
	return rc;
}

static int command_remove(struct run *r)
{
	struct tocsin_error err = {0};
	int rc;

	if (look(r, &err))
		return fail(&err);
	if (r->s.tocsin == HYPERVISOR_PATCHED) {
		hypervisor_state_free(&r->s);
		tocsin_error_set(&err, -EINVAL,
				 "the running hypervisor is a Xen with Tocsin's patches, not a "
				 "live patch: hypervisor/install --uninstall, and reboot");
		return fail(&err);
	}
	if (!r->s.ours)
		did(r, "nothing", "no live patch of Tocsin is loaded");
	rc = take_out(r, &err);
	if (!rc && !r->o.dry_run && hypervisor_is_kept(NULL)) {
		rc = hypervisor_drop_kept(NULL, 0, &err);
		if (!rc)
			did(r, "forget", "nothing will be applied at boot");
	}
	if (rc) {
		hypervisor_state_free(&r->s);
		return fail(&err);
	}
	return finish(r, EXIT_DONE);
}

/* What is under /boot, and whether each has its payload now. */
struct preparation {
	char builds[BUILDS_MAX][TOCSIN_BUILD_ID_TEXT];
	const char *names[BUILDS_MAX];
	size_t count, failed;
};

static int generate_kept(const char *file, const char *build_id, struct tocsin_error *err)
{
	char *symbols = NULL, *fresh = NULL, *path = NULL;
	int rc = hypervisor_find_symbols(build_id, &symbols, err);

	if (!rc)
		rc = hypervisor_kept_path(build_id, ".new", &fresh, err);
	if (!rc)
		rc = hypervisor_kept_path(build_id, "", &path, err);
	if (!rc)
		rc = hypervisor_generate(file, symbols, fresh, err);
	if (!rc)
		rc = hypervisor_check(fresh, err);
	if (!rc && rename(fresh, path))
		rc = tocsin_error_set(err, -errno, "cannot rename %s: %s", fresh, strerror(errno));
	if (rc && fresh)
		unlink(fresh);
	free(symbols);
	free(fresh);
	free(path);
	return rc;
}

static int prepare_one(const char *file, const char *build_id, void *context)
{
	struct preparation *p = context;
	struct tocsin_error err = {0};

	/* hypervisor/install's own, and symbols */
	if (strstr(file, "/xen-4.17-tocsin-") || strstr(file, "/xen-syms") ||
	    p->count == BUILDS_MAX)
		return 0;
	snprintf(p->builds[p->count], sizeof(p->builds[0]), "%s", build_id);
	p->names[p->count] = p->builds[p->count];
	p->count++;
	if (!generate_kept(file, build_id, &err)) {
		printf("%s: a live patch is ready for build %s\n", file, build_id);
		return 0;
	}
	p->failed++;
	fprintf(stderr,
		"tocsin hypervisor: %s: %s; it is made when this hypervisor runs, with the "
		"symbols that it then tells\n",
		file, err.message);
	return 0;
}

/*
 * After an update of Xen or of Tocsin, where an install was asked for. Asks no hypervisor, so that
 * it works wherever a package is installed. Payloads whose hypervisor is gone from /boot go.
 */
static int command_prepare(struct run *r)
{
	struct tocsin_error err = {0};
	struct preparation p = {0};

	if (!hypervisor_is_kept(NULL)) {
		puts("nothing to prepare: no install was asked for yet");
		return EXIT_DONE;
	}
	if (tocsin_build_id_each(hypervisor_boot_folder(), "xen", prepare_one, &p, &err))
		return fail(&err);
	/* None left would mean that no install was asked for. */
	if (p.count > p.failed && hypervisor_drop_kept(p.names, p.count, &err))
		return fail(&err);
	return p.failed ? EXIT_PARTIAL : EXIT_DONE;
}

static const struct verb {
	const char *name;
	int (*run)(struct run *r);
	const char *options; /* each with a space after it */
} verbs[] = {
    {"status", command_status, "--json --xen --dbg "},
    {"install", command_install, "--json --dry-run --xen --dbg --payload --keep-payload --boot "},
    {"remove", command_remove, "--json --dry-run "},
    {"prepare", command_prepare, ""},
};

static bool knows(const struct verb *v, const char *option)
{
	const char *found = strstr(v->options, option);

	return *option == '-' && found && found[strlen(option)] == ' ';
}

static int parse(const struct verb *v, int argc, char **argv, struct hypervisor_options *ret)
{
	const struct {
		const char *name, **text;
		bool *flag;
	} options[] = {{"--json", NULL, &ret->json},        {"--dry-run", NULL, &ret->dry_run},
		       {"--boot", NULL, &ret->boot},        {"--xen", &ret->xen, NULL},
		       {"--dbg", &ret->dbg, NULL},          {"--payload", &ret->payload, NULL},
		       {"--keep-payload", &ret->keep, NULL}};
	const size_t count = sizeof(options) / sizeof(options[0]);

	for (int i = 2; i < argc; i++) {
		size_t o = 0;

		while (o < count && strcmp(options[o].name, argv[i]))
			o++;
		if (o == count || !knows(v, argv[i])) {
			fprintf(stderr, "tocsin hypervisor %s: unexpected argument '%s'\n", v->name,
				argv[i]);
			return -EINVAL;
		}
		if (options[o].flag) {
			*options[o].flag = true;
		} else if (++i < argc) {
			*options[o].text = argv[i];
		} else {
			fprintf(stderr, "tocsin hypervisor %s: %s needs a file\n", v->name,
				options[o].name);
			return -EINVAL;
		}
	}
	return 0;
}

int command_hypervisor(int argc, char **argv)
{
	struct run r = {0};

	for (size_t i = 0; argc > 1 && i < sizeof(verbs) / sizeof(verbs[0]); i++) {
		if (strcmp(verbs[i].name, argv[1]))
			continue;
		if (parse(&verbs[i], argc, argv, &r.o))
			return EXIT_USAGE;
		return verbs[i].run(&r);
	}
	if (argc > 1)
		fprintf(stderr, "tocsin hypervisor: there is no 'hypervisor %s'\n", argv[1]);
	else
		fputs("tocsin hypervisor: what is to be done?\n", stderr);
	return EXIT_USAGE;
}
