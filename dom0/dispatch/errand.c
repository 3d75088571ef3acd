/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "dispatch/errand.h"
#include "dispatch/kernels.h"
#include "dispatch/sandbox.h"
#include "introspect/store.h"
#include "scan/core.h"
#include "scan/sweep.h"

#include <tocsin/request.h>

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <unistd.h>

#define NICE 10 /* whoever rings goes first */

struct errand {
	const struct tocsin_daemon_settings *s;
	const struct tocsin_msg_start *m;
	int socket, file; /* file -1: none */
	struct tocsin_job_guest guest;
	struct tocsin_kernel_store store;
	struct tocsin_sweep sweep;
	uint64_t scanned, found;
};

static uint8_t out[TOCSIN_MESSAGE_MAX];
static struct tocsin_outcome outcome; /* large */

static _Noreturn void done(struct errand *e, int rc, const char *text)
{
	struct tocsin_msg_note note = {.id = e->scanned, .error = (uint32_t)-rc};

	snprintf(note.text, sizeof(note.text), "%s", text);
	tocsin_msg_send(e->socket, out, tocsin_msg_put_note(out, TOCSIN_MSG_DONE, &note), -1, 0);
	_exit(0);
}

static _Noreturn void failed(struct errand *e, int rc, const struct tocsin_error *err)
{
	done(e, rc, err->code ? err->message : strerror(-rc));
}

/* ---- files, while it may open them ---- */

bool tocsin_errand_file(const struct tocsin_config *c, const struct tocsin_msg_start *m, char *ret,
			size_t size)
{
	char hex[33];

	for (size_t i = 0; i < 16; i++)
		snprintf(hex + 2 * i, 3, "%02x", m->uuid[i]);
	return snprintf(ret, size, "%s/%s-%" PRIu32 "-%" PRIu64 ".core", c->dump_folder, hex,
			m->process, m->id) < (int)size;
}

/* Bytes of the files in a folder. */
static int sum_of(const char *folder, uint64_t *ret)
{
	DIR *d = opendir(folder);
	struct dirent *entry;
	struct stat st;

	*ret = 0;
	if (!d)
		return -errno;
	while ((entry = readdir(d)))
		if (!fstatat(dirfd(d), entry->d_name, &st, AT_SYMLINK_NOFOLLOW) &&
		    S_ISREG(st.st_mode))
			*ret += (uint64_t)st.st_size;
	closedir(d);
	return 0;
}

static int open_file(struct errand *e, struct tocsin_error *err)
{
	const struct tocsin_config *c = e->s->config;
	char path[TOCSIN_CONFIG_PATH + 128];
	uint64_t sum;
	int rc;

	if (!c || !tocsin_errand_file(c, e->m, path, sizeof(path)))
		return tocsin_error_set(err, -EINVAL, "no folder for dumps is configured");
	mkdir(c->dump_folder, 0700); /* it may be there; else the next step says why */
	rc = sum_of(c->dump_folder, &sum);
	if (rc)
		return tocsin_error_set(err, rc, "cannot look into %s: %s", c->dump_folder,
					strerror(-rc));
	if (sum + ((uint64_t)c->dump_size << 20) > (uint64_t)c->dump_total << 20)
		return tocsin_error_set(err, -EDQUOT,
					"%s has %" PRIu64 " MiB: another dump of up to %u MiB "
					"would be more than dump.total",
					c->dump_folder, sum >> 20, c->dump_size);
	e->file = open(path, O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC | O_NOFOLLOW, 0600);
	if (e->file < 0)
		return tocsin_error_set(err, -errno, "cannot make %s: %s", path, strerror(errno));
	return 0;
}

static int prepare(struct errand *e, struct tocsin_error *err)
{
	struct tocsin_sandbox_limits limits = {.memory = e->s->worker.memory,
					       .file_size = TOCSIN_STORE_BYTES};
	const char *cache = e->s->worker.cache;
	char folder[256];
	int rc;

	prctl(PR_SET_PDEATHSIG, SIGKILL);
	setpriority(PRIO_PROCESS, 0, NICE);
	rc = e->s->backend->open_guest(e->s->backend, e->m->domid, e->m->uuid, &e->guest, err);
	if (rc)
		return rc;
	if (cache && tocsin_kernels_folder(cache, e->m->uuid, folder, sizeof(folder))) {
		tocsin_kernel_store_open(&e->store, folder);
		/* What is found is not kept: that is the worker's, and its file has a name. */
		if (e->store.to >= 0)
			close(e->store.to);
		e->store.to = -1;
		tocsin_kernel_store_commit(folder, (int)getpid(), "");
		e->guest.store = &e->store;
	}
	if (e->file >= 0) /* the pages, and what stands around them */
		limits.file_size = ((uint64_t)e->s->config->dump_size << 20) + (16u << 20);
	return tocsin_sandbox_enter(TOCSIN_SANDBOX_WORKER, TOCSIN_UID_WORKERS + e->m->domid,
				    &limits, err);
}

/* ---- sweep ---- */

static void send_outcome(struct errand *e)
{
	outcome.kind = TOCSIN_REPORT_VERDICT;
	if (tocsin_msg_send(e->socket, out, tocsin_msg_put_result(out, ++e->found, &outcome), -1,
			    0))
		_exit(0); /* nobody wants it any more */
}

static void sweep_process(struct errand *e, const struct tocsin_process *p)
{
	int rc = tocsin_sweep_process(&e->sweep, p, &outcome.findings, &outcome.verdict);

	if (rc < 0)
		failed(e, rc, &(struct tocsin_error){0});
	e->scanned++;
	if (rc || outcome.verdict.verdict == TOCSIN_VERDICT_CLEAN)
		return;
	outcome.has_target = true;
	outcome.target = *p;
	send_outcome(e);
}

static void sweep_kernel(struct errand *e)
{
	memset(&outcome, 0, sizeof(outcome));
	tocsin_scan_kernel(e->guest.kernel, &outcome.findings);
	tocsin_verdict_decide(&outcome.findings, &outcome.verdict);
	if (outcome.verdict.verdict != TOCSIN_VERDICT_CLEAN)
		send_outcome(e);
}

static _Noreturn void run_sweep(struct errand *e)
{
	struct tocsin_scan_settings scan = e->s->worker.job.scan;
	struct tocsin_error err = {0};
	int rc;

	scan.without = e->m->without;
	scan.limits.threads = 1;
	rc = tocsin_sweep_open(&e->sweep, e->guest.kernel, &scan, &err);
	if (rc)
		failed(e, rc, &err);
	for (size_t i = 0; i < e->sweep.list.count; i++) {
		sweep_process(e, &e->sweep.list.rows[i]);
		tocsin_memory_flush(e->guest.memory);
	}
	sweep_kernel(e);
	done(e, 0, e->sweep.list.truncated ? "not all of its processes could be listed" : "");
}

/* ---- dump ---- */

static _Noreturn void run_dump(struct errand *e)
{
	struct tocsin_process *p = &outcome.target;
	struct tocsin_vma_list vmas = {0};
	struct tocsin_scan_target target = {.kernel = e->guest.kernel,
					    .process = p,
					    .vmas = &vmas,
					    .limits.max_bytes = (size_t)e->s->config->dump_size
								<< 20};
	struct tocsin_core_stats stats;
	struct tocsin_error err = {0};
	char text[128];
	int rc = tocsin_process_by_pid(e->guest.kernel, NULL, (int32_t)e->m->process, p, &err);

	if (!rc && (p->start_time != e->m->start_time || !p->mm))
		rc = tocsin_error_set(&err, -ESRCH, "the process has ended");
	if (!rc)
		rc = tocsin_vma_list(e->guest.kernel, p, &vmas, &err);
	if (!rc)
		rc = tocsin_core_write(&target, e->file, &stats, &err);
	if (rc)
		failed(e, rc, &err);
	snprintf(text, sizeof(text), "%" PRIu64 " KiB of memory%s", stats.bytes >> 10,
		 stats.truncated ? ", which is not all of it" : "");
	done(e, 0, text);
}

void tocsin_errand_run(const struct tocsin_daemon_settings *s, const struct tocsin_msg_start *m,
		       int socket)
{
	struct errand e = {.s = s, .m = m, .socket = socket, .file = -1, .store.to = -1};
	struct tocsin_error err = {0};
	char name[16];
	int rc = 0;

	snprintf(name, sizeof(name), "tocsin-%c-%u", m->errand == TOCSIN_ERRAND_DUMP ? 'd' : 's',
		 m->domid);
	prctl(PR_SET_NAME, name);
	tocsin_sandbox_mute(s->worker.keep_stderr);
	if (m->errand == TOCSIN_ERRAND_DUMP)
		rc = open_file(&e, &err);
	if (!rc)
		rc = tocsin_sandbox_keep((int[]){socket, e.file}, 2, &err);
	if (!rc)
		rc = prepare(&e, &err);
	if (!rc)
		rc = e.guest.find_kernel(&e.guest, 0, &err);
	if (rc)
		failed(&e, rc, &err);
	if (m->errand == TOCSIN_ERRAND_DUMP)
		run_dump(&e);
	run_sweep(&e);
}
