// SPDX-License-Identifier: GPL-2.0-or-later
/* From the arguments of a subcommand to the kernel of the guest that they name. */
#include "cli/guest.h"

#include "cli/command.h"
#include "output/output.h"
#ifdef HAVE_XEN
#include "cli/domain.h"
#endif

#include <errno.h>
#include <limits.h>
#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#define TEXT_SIZE (4 * TOCSIN_PATH_SIZE + 1)
#define SAY_AFTER_SECONDS 2

const char **guest_option(const char *option, struct guest_options *o)
{
	if (!strcmp(option, "-d") || !strcmp(option, "--domain"))
		return &o->domain;
	if (!strcmp(option, "--qemu"))
		return &o->qemu;
	return strcmp(option, "--dump") ? NULL : &o->dump;
}

static int parse_pid(const char *text, int32_t *ret)
{
	char *end;
	long value = strtol(text, &end, 10);

	if (*text < '0' || *text > '9' || *end || value < 1 || value > INT32_MAX)
		return -EINVAL;
	*ret = (int32_t)value;
	return 0;
}

static int parse(int argc, char **argv, unsigned int accepts, guest_own parse_own,
		 struct guest_options *o)
{
	for (int i = 1; i < argc; i++) {
		const char **value = guest_option(argv[i], o);
		int taken = value || !parse_own ? 0 : parse_own(argv + i, o->own);

		if (taken < 0)
			return taken;
		if (taken) {
			i += taken - 1;
		} else if (value && i + 1 < argc) {
			*value = argv[++i];
		} else if (!strcmp(argv[i], "--json")) {
			o->json = true;
		} else if ((accepts & GUEST_MAPS) && !strcmp(argv[i], "--maps")) {
			o->maps = true;
		} else if ((accepts & GUEST_DETAILS) && !strcmp(argv[i], "--details")) {
			o->details = true;
		} else if ((accepts & GUEST_SCAN) && !strcmp(argv[i], "--kernel")) {
			o->kernel = true;
		} else if ((accepts & GUEST_SCAN) && !strcmp(argv[i], "--rules") && i + 1 < argc) {
			o->rules = argv[++i];
		} else if (!(accepts & GUEST_PID) || o->pid || parse_pid(argv[i], &o->pid)) {
			fprintf(stderr, "tocsin %s: unexpected argument '%s'\n", argv[0], argv[i]);
			return -EINVAL;
		}
	}
	if (!!o->domain + !!o->qemu + !!o->dump == 1)
		return 0;
	fprintf(stderr, "tocsin %s: which guest? One of -d DOMAIN, --qemu SOCKET, --dump FILE\n",
		argv[0]);
	return -EINVAL;
}

static int open_domain(const char *name, struct tocsin_memory **ret, struct tocsin_error *err)
{
#ifdef HAVE_XEN
	struct tocsin_domain domain;
	struct tocsin_host *host;
	int rc = tocsin_host_open(&host, err);

	if (rc)
		return rc;
	rc = tocsin_host_find(host, name, &domain, err);
	tocsin_host_close(host);
	return rc ? rc : tocsin_memory_open_xen(domain.domid, ret, err);
#else
	return tocsin_error_set(err, -EOPNOTSUPP, "this program was built without Xen");
#endif
}

/* Says what is waited for, when it takes long. */
struct patience {
	const char *text;
	guest_say *say;
	void *context;
	pthread_t teller;
	pthread_mutex_t lock;
	pthread_cond_t done;
	bool over, tells;
};

static void *tell_of_waiting(void *argument)
{
	struct patience *p = argument;
	struct timespec until;
	int rc = 0;

	clock_gettime(CLOCK_REALTIME, &until);
	until.tv_sec += SAY_AFTER_SECONDS;
	pthread_mutex_lock(&p->lock);
	while (!p->over && rc != ETIMEDOUT)
		rc = pthread_cond_timedwait(&p->done, &p->lock, &until);
	if (!p->over)
		p->say(p->context, p->text);
	pthread_mutex_unlock(&p->lock);
	return NULL;
}

/* text must live until patience_end. */
static void patience_begin(struct patience *p, const char *text, guest_say *say, void *context)
{
	*p = (struct patience){.text = text,
			       .say = say,
			       .context = context,
			       .lock = PTHREAD_MUTEX_INITIALIZER,
			       .done = PTHREAD_COND_INITIALIZER};
	p->tells = !pthread_create(&p->teller, NULL, tell_of_waiting, p);
}

static void patience_end(struct patience *p)
{
	if (!p->tells)
		return;
	pthread_mutex_lock(&p->lock);
	p->over = true;
	pthread_cond_signal(&p->done);
	pthread_mutex_unlock(&p->lock);
	pthread_join(p->teller, NULL);
}

/* A QEMU that does not answer its monitor: most often because another program is its client. */
static int open_qemu(const char *path, guest_say *say, void *context, struct tocsin_memory **ret,
		     struct tocsin_error *err)
{
	char text[PATH_MAX + 96];
	struct patience p;
	int rc;

	snprintf(text, sizeof(text),
		 "waiting for %s to answer: a QEMU monitor serves one client at a time", path);
	patience_begin(&p, text, say, context);
	rc = tocsin_memory_open_qemu(path, ret, err);
	patience_end(&p);
	return rc;
}

/* A file of any other kind is taken as raw memory: what is wrong may be the file. */
static int blame_dump(const char *path, int rc, struct tocsin_error *err)
{
	const struct tocsin_error why = *err;

	if (strstr(why.message, path))
		return rc;
	*err = (struct tocsin_error){0}; /* else the first stays */
	return tocsin_error_set(err, rc, "%s: %s%s", path, why.code ? why.message : strerror(-rc),
				rc == -ENOENT ? "; is it a whole dump, raw, LiME or an ELF core?"
					      : "");
}

int guest_open(const struct guest_options *o, guest_say *say, void *context,
	       struct tocsin_memory **ret_memory, struct tocsin_kernel **ret_kernel,
	       struct tocsin_error *err)
{
	struct tocsin_memory *memory;
	char folder[PATH_MAX];
	struct patience p;
	int rc;

	if (o->domain)
		rc = open_domain(o->domain, &memory, err);
	else if (o->qemu)
		rc = open_qemu(o->qemu, say, context, &memory, err);
	else
		rc = tocsin_memory_open_dump(o->dump, &memory, err);
	if (rc)
		return o->dump ? blame_dump(o->dump, rc, err) : rc;
	patience_begin(&p, "still looking for the kernel in the guest's memory", say, context);
	rc = tocsin_kernel_open_cached(
	    memory, 0, tocsin_kernel_cache_folder(folder, sizeof(folder)), ret_kernel, err);
	patience_end(&p);
	if (!rc) {
		*ret_memory = memory;
		return 0;
	}
	tocsin_memory_close(memory);
	return o->dump ? blame_dump(o->dump, rc, err) : rc;
}

int guest_run(int argc, char **argv, unsigned int accepts, guest_show show)
{
	return guest_run_own(argc, argv, accepts, NULL, NULL, show);
}

void guest_say_plainly(void *command, const char *text)
{
	fprintf(stderr, "tocsin %s: %s\n", (const char *)command, text);
}

int guest_run_own(int argc, char **argv, unsigned int accepts, guest_own parse_own, void *own,
		  guest_show show)
{
	struct guest_options o = {.own = own};
	struct tocsin_memory *memory = NULL;
	struct tocsin_kernel *kernel = NULL;
	struct tocsin_error err = {0};
	int rc = parse(argc, argv, accepts, parse_own, &o);

	if (rc)
		return EXIT_USAGE;
	rc = guest_open(&o, guest_say_plainly, argv[0], &memory, &kernel, &err);
	if (!rc)
		rc = show(kernel, &o, &err);
	tocsin_kernel_close(kernel);
	tocsin_memory_close(memory);
	if (rc < 0)
		fprintf(stderr, "tocsin %s: %s\n", argv[0], err.code ? err.message : strerror(-rc));
	return rc < 0 ? EXIT_FAILED : rc == 1 ? EXIT_PARTIAL : rc;
}

/* The files of one process; 1: not all of them, or not all to be trusted. */
static int files_of(struct tocsin_kernel *k, const struct guest_options *o, guest_file each,
		    void *context, const struct tocsin_process *p)
{
	struct tocsin_file_list list;
	struct tocsin_error err = {0};
	int rc = tocsin_file_list(k, p, &list, &err), partial;

	if (rc == -ENOMEM)
		return rc;
	if (rc) { /* it may have exited meanwhile; the others are no less true */
		fprintf(stderr, "tocsin: %s\n", err.message);
		return 1;
	}
	partial = list.torn || list.truncated;
	for (size_t i = 0; i < list.count && !rc; i++)
		rc = each(p, &list.rows[i], o->json, context);
	tocsin_file_list_free(&list);
	return rc ? rc : partial;
}

void guest_warn(const struct tocsin_process_list *list)
{
	if (list->truncated)
		fputs("tocsin: there may be more processes\n", stderr);
	if (list->one_view)
		fputs("tocsin: this kernel's table of PIDs could not be read; "
		      "a process that hides would not be noticed\n",
		      stderr);
}

int guest_processes(struct tocsin_kernel *k, const struct guest_options *o, guest_process each,
		    struct tocsin_error *err)
{
	static struct tocsin_process one;
	struct tocsin_process_list list = {.rows = &one, .count = 1};
	int partial, rc;

	rc = o->pid ? tocsin_process_by_pid(k, NULL, o->pid, &one, err)
		    : tocsin_process_list(k, &list, err);
	if (rc)
		return rc;
	partial = list.truncated || list.contradicted;
	for (size_t i = 0; i < list.count && rc >= 0; i++) {
		rc = each(k, o, &list.rows[i]);
		partial |= rc > 0;
	}
	guest_warn(&list);
	if (!o->pid)
		tocsin_process_list_free(&list);
	return rc < 0 ? tocsin_error_set(err, rc, "cannot print: %s", strerror(-rc)) : partial;
}

const char *guest_remark(enum tocsin_confidence c)
{
	return c == TOCSIN_CONSISTENT ? "" : c == TOCSIN_TORN ? " (torn)" : " (hides)";
}

int guest_files(struct tocsin_kernel *k, const struct guest_options *o, guest_file each,
		void *context, struct tocsin_error *err)
{
	static struct tocsin_process one;
	struct tocsin_process_list list = {.rows = &one, .count = 1};
	int partial = 0, rc;

	rc = o->pid ? tocsin_process_by_pid(k, NULL, o->pid, &one, err)
		    : tocsin_process_list(k, &list, err);
	if (rc)
		return rc;
	for (size_t i = 0; i < list.count && rc >= 0; i++) {
		rc = files_of(k, o, each, context, &list.rows[i]);
		partial |= rc > 0;
	}
	partial |= list.truncated;
	if (!o->pid)
		tocsin_process_list_free(&list);
	return rc < 0 ? tocsin_error_set(err, rc, "cannot print: %s", strerror(-rc)) : partial;
}

const char *guest_text(const char *bytes, size_t size)
{
	static char texts[4][TEXT_SIZE];
	static unsigned int turn;
	char *text = texts[turn++ % 4];

	tocsin_output_clean(bytes, size, text, TEXT_SIZE);
	return text;
}
