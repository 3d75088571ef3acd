// SPDX-License-Identifier: GPL-2.0-or-later
/* Samples of a guest, from its kernel. */
#include "base/clock.h"
#include "monitor/monitor.h"

#include "base/error.h"
#include "memory/memory.h"

#include <errno.h>
#include <string.h>
#include <time.h>

static int refresh(void *context, struct tocsin_error *err)
{
	struct tocsin_kernel *k = context;
	uint64_t word;
	int rc;

	tocsin_memory_flush(tocsin_kernel_memory(k));
	rc = tocsin_memory_read(tocsin_kernel_memory(k), tocsin_kernel_info(k)->init_top, &word,
				sizeof(word));
	if (rc == -ENODEV)
		return tocsin_error_set(err, rc, "the guest is gone");
	rc = tocsin_kernel_verify(k, 0);
	return rc ? tocsin_error_set(err, rc, "the guest's kernel is another one now") : 0;
}

static int tasks(void *context, struct tocsin_task_list *ret, struct tocsin_error *err)
{
	return tocsin_task_list(context, ret, err);
}

static int view(void *context, struct tocsin_view_memory *memory, struct tocsin_view *ret,
		struct tocsin_error *err)
{
	return tocsin_view_read(context, memory, ret, err);
}

static int counters(void *context, struct tocsin_counters *ret)
{
	return tocsin_counters_read(context, ret, NULL);
}

static int process(void *context, int32_t pid, struct tocsin_process *ret, char container[65])
{
	struct tocsin_process_details details;
	int rc = tocsin_process_by_pid(context, NULL, pid, ret, NULL);

	if (rc)
		return rc;
	container[0] = 0;
	if (ret->mm && !tocsin_process_details(context, ret, &details, NULL)) {
		memcpy(container, details.container, sizeof(details.container));
		tocsin_process_details_free(&details);
	}
	return 0;
}

static int one_socket(void *context, uint64_t sock, struct tocsin_socket *ret)
{
	return tocsin_socket_at(context, sock, ret, NULL);
}

/* In memory that stands still, a dump, it is as late as the guest's own clock has it. */
static uint64_t now(void *context)
{
	struct tocsin_system system;

	if (!tocsin_kernel_memory(context)->live && !tocsin_system_read(context, &system, NULL) &&
	    system.clock_known && system.now > 0)
		return (uint64_t)system.now;
	return tocsin_realtime();
}

void tocsin_monitor_source_kernel(struct tocsin_kernel *k, struct tocsin_monitor_source *ret)
{
	struct tocsin_system system;
	uint64_t boot = 0, booted = 0;

	if (!tocsin_system_read(k, &system, NULL) && system.clock_known) {
		boot = (uint64_t)system.now - system.up;
		if (system.up < now(k))
			booted = now(k) - system.up;
	}
	*ret = (struct tocsin_monitor_source){.refresh = refresh,
					      .tasks = tasks,
					      .view = view,
					      .counters = counters,
					      .process = process,
					      .socket = one_socket,
					      .now = now,
					      .boot = boot,
					      .booted = booted};
}
