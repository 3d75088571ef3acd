// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * Xen's live patching.
 *
 * Why it exists: the hypercalls return at once, keep the outcome in a status, and tell all their
 * reasons with five errno values. Here an operation is done when it returns, and its failure is
 * a sentence.
 *
 * Invariants: no operation is given up while Xen still works on it without saying so. What passes
 * by itself (another operation in progress, processors that did not come together within Xen's
 * 30 ms) is tried again up to a deadline, everything else is told at once. Nothing that Xen
 * answers, a length or a count, is used before it was checked.
 *
 * Source: Xen's docs/misc/livepatch.pandoc, xen/common/livepatch.c.
 */
#include "host/livepatch.h"
#include "base/clock.h"
#include "host/xc.h"

#include <errno.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#define DEADLINE_MS 5000
#define POLL_MS 10
#define QUIESCE_NS 30000000u /* Xen's own default: how long processors may take to meet */
#define PAYLOADS_MAX 1024u
#define TEXT_MAX (1u << 20) /* names, and metadata, of all payloads */
#define LIST_TRIES 4
/* How long Xen 4.17 may still look at a payload whose operation it reports as done: an unload that
 * comes at once would free what a processor prints the name of. xen-livepatch waits as long. */
#define SETTLE_MS 60

struct tocsin_livepatch {
	xc_interface *xc;
};

int tocsin_livepatch_open(struct tocsin_livepatch **ret, struct tocsin_error *err)
{
	struct tocsin_livepatch *l = calloc(1, sizeof(*l));
	int rc;

	if (!l)
		return tocsin_error_set(err, -ENOMEM, "out of memory");
	rc = tocsin_xc_open(&l->xc, err);
	if (rc) {
		free(l);
		return rc;
	}
	*ret = l;
	return 0;
}

void tocsin_livepatch_close(struct tocsin_livepatch *l)
{
	if (!l)
		return;
	xc_interface_close(l->xc);
	free(l);
}

static int last_error(void)
{
	return errno ? -errno : -EIO;
}

/* Later words win, as they do in Xen: its boolean options are NAME, no-NAME and NAME=VALUE. */
static bool wants_altp2m(char *line)
{
	static const char *const no[] = {"0", "no", "off", "false", "disable"};
	char *save = NULL;
	bool on = false;

	for (char *word = strtok_r(line, " ", &save); word; word = strtok_r(NULL, " ", &save)) {
		if (!strcmp(word, "--"))
			break;
		if (!strcmp(word, "no-altp2m"))
			on = false;
		if (strncmp(word, "altp2m", 6) || (word[6] && word[6] != '='))
			continue;
		on = true;
		for (size_t i = 0; word[6] && i < sizeof(no) / sizeof(no[0]); i++)
			on = on && strcmp(word + 7, no[i]);
	}
	return on;
}

int tocsin_livepatch_hypervisor(struct tocsin_livepatch *l, struct tocsin_hypervisor *ret,
				struct tocsin_error *err)
{
	union {
		xen_build_id_t head;
		uint8_t room[sizeof(xen_build_id_t) + TOCSIN_BUILD_ID_MAX];
	} id = {.head.len = TOCSIN_BUILD_ID_MAX};
	xen_extraversion_t extra = "";
	xen_commandline_t line = "";
	int version, size;

	version = xc_version(l->xc, XENVER_version, NULL);
	size = version < 0 ? -1 : xc_version(l->xc, XENVER_build_id, &id);
	if (size <= 0 || size > (int)TOCSIN_BUILD_ID_MAX)
		return tocsin_error_set(err, size < 0 ? last_error() : -ENODATA,
					"cannot ask the hypervisor for its build ID: %s",
					strerror(size < 0 ? -last_error() : ENODATA));
	if (xc_version(l->xc, XENVER_extraversion, extra) < 0 ||
	    xc_version(l->xc, XENVER_commandline, line) < 0)
		return tocsin_error_set(err, last_error(),
					"cannot ask the hypervisor how it was booted: %s",
					strerror(-last_error()));
	extra[sizeof(extra) - 1] = line[sizeof(line) - 1] = '\0';
	snprintf(ret->version, sizeof(ret->version), "%d.%d%s", version >> 16, version & 0xffff,
		 extra);
	tocsin_build_id_text(id.head.buf, (size_t)size, ret->build_id);
	ret->altp2m = wants_altp2m(line);
	return 0;
}

struct listing {
	xen_livepatch_status_t *status;
	char *names, *metadata;
	uint32_t *name_size, *metadata_size;
};

static void free_listing(struct listing *list)
{
	free(list->status);
	free(list->names);
	free(list->metadata);
	free(list->name_size);
	free(list->metadata_size);
}

/* A name's size counts the NUL that may or may not be there. */
static int convert(const struct listing *list, unsigned int count, uint32_t names,
		   struct tocsin_payload **ret)
{
	struct tocsin_payload *all = calloc(count, sizeof(*all));
	uint32_t offset = 0;

	if (!all)
		return -ENOMEM;
	for (unsigned int i = 0; i < count; i++) {
		uint32_t size = list->name_size[i];

		if (size > names - offset || size > sizeof(all->name)) {
			free(all);
			return -EPROTO;
		}
		snprintf(all[i].name, sizeof(all[i].name), "%.*s", (int)size, list->names + offset);
		all[i].applied = list->status[i].state == LIVEPATCH_STATE_APPLIED;
		all[i].code = list->status[i].rc;
		offset += size;
	}
	*ret = all;
	return 0;
}

/* -EAGAIN: the list changed meanwhile. */
static int list_once(struct tocsin_livepatch *l, struct tocsin_payload **ret, size_t *ret_count)
{
	unsigned int count = 0, done = 0, left = 0;
	uint32_t names = 0, metadata = 0;
	struct listing list;
	int rc = -ENOMEM;

	if (xc_livepatch_list_get_sizes(l->xc, &count, &names, &metadata))
		return last_error();
	if (count > PAYLOADS_MAX || names > TEXT_MAX || metadata > TEXT_MAX)
		return -EPROTO;
	if (!count) {
		*ret = NULL;
		*ret_count = 0;
		return 0;
	}
	list = (struct listing){calloc(count, sizeof(*list.status)), calloc(1, names + 1),
				calloc(1, metadata + 1), calloc(count, sizeof(uint32_t)),
				calloc(count, sizeof(uint32_t))};
	if (list.status && list.names && list.metadata && list.name_size && list.metadata_size) {
		rc = xc_livepatch_list(l->xc, count, 0, list.status, list.names, list.name_size,
				       names, list.metadata, list.metadata_size, metadata, &done,
				       &left);
		if (rc)
			rc = last_error();
		else
			rc = done == count && !left ? convert(&list, count, names, ret) : -EAGAIN;
	}
	free_listing(&list);
	if (!rc)
		*ret_count = count;
	return rc;
}

static int no_livepatching(struct tocsin_error *err)
{
	return tocsin_error_set(err, -EOPNOTSUPP,
				"this Xen was built without live patching (CONFIG_LIVEPATCH)");
}

int tocsin_livepatch_list(struct tocsin_livepatch *l, struct tocsin_payload **ret, size_t *count,
			  struct tocsin_error *err)
{
	int rc = -EAGAIN;

	for (int i = 0; i < LIST_TRIES && (rc == -EAGAIN || rc == -EBUSY); i++)
		rc = list_once(l, ret, count);
	if (rc == -ENOSYS || rc == -EOPNOTSUPP)
		return no_livepatching(err);
	if (rc)
		return tocsin_error_set(err, rc, "cannot list the live patches of Xen: %s",
					strerror(-rc));
	return 0;
}

int tocsin_livepatch_get(struct tocsin_livepatch *l, const char *name, struct tocsin_payload *ret,
			 struct tocsin_error *err)
{
	xen_livepatch_status_t status = {0};
	int rc;

	if (xc_livepatch_get(l->xc, (char *)name, &status)) {
		rc = last_error();
		if (rc == -ENOENT)
			return rc;
		if (rc == -ENOSYS || rc == -EOPNOTSUPP)
			return no_livepatching(err);
		return tocsin_error_set(err, rc, "cannot ask Xen for the live patch %s: %s", name,
					strerror(-rc));
	}
	snprintf(ret->name, sizeof(ret->name), "%s", name);
	ret->applied = status.state == LIVEPATCH_STATE_APPLIED;
	ret->code = status.rc;
	return 0;
}

static const char *upload_words(int rc)
{
	switch (rc) {
	case -EEXIST:
		return "a live patch of this name, or with one of its symbols, is there already";
	case -EINVAL:
		return "Xen finds it invalid (for another build, or a symbol is missing); "
		       "xl dmesg says what";
	case -ENOSYS:
	case -EOPNOTSUPP:
		return "Xen cannot take payloads of this form";
	case -EPERM:
	case -EACCES:
		return "only a privileged domain may do this";
	default:
		return strerror(-rc);
	}
}

static const char *action_words(int rc)
{
	switch (rc) {
	case -EBUSY:
		return "Xen is busy: a domain is still switched on, another live patch lies on "
		       "top, a vCPU waits for a vm_event, or the processors did not come "
		       "together in time; xl dmesg says which";
	case -EINVAL:
		return "the code it would replace is not what it expects, or another live patch "
		       "was applied before; xl dmesg says what";
	case -ENODEV:
		return "this processor has no VM functions (Intel VMFUNC)";
	case -ETIMEDOUT:
		return "Xen did not finish within five seconds; tocsin hypervisor status says what "
		       "became of it";
	case -EPERM:
	case -EACCES:
		return "only a privileged domain may do this";
	default:
		return strerror(-rc);
	}
}

int tocsin_livepatch_upload(struct tocsin_livepatch *l, const char *name, const void *payload,
			    size_t size, struct tocsin_error *err)
{
	int rc;

	if (!size || size > TOCSIN_PAYLOAD_MAX)
		return tocsin_error_set(err, -EFBIG, "a live patch has 1 byte to 2 MiB, not %zu",
					size);
	if (!xc_livepatch_upload(l->xc, (char *)name, (unsigned char *)payload, (uint32_t)size))
		return 0;
	rc = last_error();
	return tocsin_error_set(err, rc, "Xen refuses the live patch: %s", upload_words(rc));
}

static void pause_ms(long ms)
{
	nanosleep(&(struct timespec){.tv_nsec = ms * 1000000}, NULL);
}

typedef int action_fn(xc_interface *xch, char *name, uint32_t timeout, uint32_t flags);

/* One attempt, up to its end. -EBUSY: another one may succeed. */
static int attempt(struct tocsin_livepatch *l, const char *name, action_fn *action, uint32_t wanted,
		   int64_t deadline)
{
	xen_livepatch_status_t status;

	if (xc_livepatch_get(l->xc, (char *)name, &status))
		return last_error();
	if (status.rc != -EAGAIN) { /* else one that somebody began goes on: see how it ends */
		if (status.state == wanted)
			return 0;
		if (action(l->xc, (char *)name, QUIESCE_NS, 0))
			return last_error();
	}
	do {
		if (xc_livepatch_get(l->xc, (char *)name, &status))
			return last_error();
		if (status.rc != -EAGAIN)
			break;
		if (tocsin_clock_ms() >= deadline)
			return -ETIMEDOUT;
		pause_ms(POLL_MS);
	} while (1);
	if (status.rc)
		return status.rc;
	return status.state == wanted ? 0 : -EBUSY;
}

static int change(struct tocsin_livepatch *l, const char *name, action_fn *action, uint32_t wanted,
		  const char *verb, struct tocsin_error *err)
{
	int64_t deadline = tocsin_clock_ms() + DEADLINE_MS;
	int rc;

	while ((rc = attempt(l, name, action, wanted, deadline)) == -EBUSY &&
	       tocsin_clock_ms() < deadline)
		pause_ms(POLL_MS);
	if (rc == -ENOENT)
		return tocsin_error_set(err, rc, "Xen holds no live patch named %s", name);
	if (rc)
		return tocsin_error_set(err, rc, "cannot %s the live patch: %s", verb,
					action_words(rc));
	pause_ms(SETTLE_MS);
	return 0;
}

int tocsin_livepatch_apply(struct tocsin_livepatch *l, const char *name, struct tocsin_error *err)
{
	return change(l, name, xc_livepatch_apply, LIVEPATCH_STATE_APPLIED, "apply", err);
}

int tocsin_livepatch_revert(struct tocsin_livepatch *l, const char *name, struct tocsin_error *err)
{
	return change(l, name, xc_livepatch_revert, LIVEPATCH_STATE_CHECKED, "revert", err);
}

/* Synchronous in Xen. */
int tocsin_livepatch_unload(struct tocsin_livepatch *l, const char *name, struct tocsin_error *err)
{
	int64_t deadline = tocsin_clock_ms() + DEADLINE_MS;
	int rc = 0;

	while (xc_livepatch_unload(l->xc, (char *)name, QUIESCE_NS, 0)) {
		rc = last_error();
		if (rc == -ENOENT)
			return 0;
		if (rc != -EBUSY || tocsin_clock_ms() >= deadline)
			return tocsin_error_set(err, rc, "cannot unload the live patch: %s",
						rc == -EINVAL ? "it is applied" : action_words(rc));
		pause_ms(POLL_MS);
	}
	return 0;
}
