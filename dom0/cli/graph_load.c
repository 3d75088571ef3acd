// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * Where a graph comes from. A file says itself what it is: a graph, a history, else events as text.
 * A guest that is traced has a graph in TOCSIN_TRACE_FOLDER; of another its processes, their
 * connections and open files are read once, now.
 */
#include "cli/graph.h"
#ifdef HAVE_XEN
#include "host/host.h"
#endif
#include "introspect/object.h"
#include "monitor/history.h"
#include "monitor/monitor.h"
#include "provenance/flow.h"
#include "provenance/script.h"
#include "provenance/store.h"
#include "provenance/watched.h"

#include <errno.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

enum form { FORM_UNKNOWN, FORM_TEXT, FORM_HISTORY, FORM_GRAPH };

static int form_of(const char *path, enum form *ret, struct tocsin_error *err)
{
	uint8_t header[72] = {0};
	struct stat st;
	size_t size;
	FILE *f;

	if (stat(path, &st))
		return tocsin_error_set(err, -errno, "%s: %s", path, strerror(errno));
	if (!S_ISREG(st.st_mode)) /* it is read twice: a pipe cannot be */
		return tocsin_error_set(err, -EINVAL, "%s: %s", path,
					S_ISDIR(st.st_mode) ? "it is a folder; a graph is a file"
							    : "it is not a file");
	if (!st.st_size)
		return tocsin_error_set(err, -ENODATA, "%s: an empty file", path);
	f = fopen(path, "re");
	if (!f)
		return tocsin_error_set(err, -errno, "%s: %s", path, strerror(errno));
	size = fread(header, 1, sizeof(header), f);
	fclose(f);
	*ret = FORM_TEXT;
	if (size == sizeof(header) && !memcmp(header, "SQLite format 3", 16))
		*ret = !memcmp(header + 68, "TCPG", 4)   ? FORM_GRAPH
		       : !memcmp(header + 68, "TCSH", 4) ? FORM_HISTORY
							 : FORM_UNKNOWN;
	return 0;
}

static int load_graph(const char *path, const struct graph_options *o,
		      struct tocsin_provenance **ret, struct tocsin_error *err)
{
	struct tocsin_trace_store *store;
	struct tocsin_error own = {0};
	int rc = tocsin_trace_store_open(path, NULL, &store, err);

	if (rc)
		return rc;
	rc = tocsin_trace_store_load(store, o->since, o->until, NULL, ret, &own);
	tocsin_trace_store_close(store);
	return rc ? tocsin_error_set(err, rc, "%s: %s", path, own.message) : 0;
}

/* Nothing is reduced: what a history has was told once. */
static struct tocsin_provenance *new_plain(struct tocsin_error *err)
{
	const struct tocsin_provenance_settings settings = {.plain = true};
	struct tocsin_provenance *g = tocsin_provenance_new(&settings);

	if (!g)
		tocsin_error_set(err, -ENOMEM, "no memory for the graph");
	return g;
}

static int load_history(const struct graph_options *o, struct tocsin_provenance **ret,
			struct tocsin_error *err)
{
	const struct tocsin_history_query query = {
	    .since = o->since, .until = o->until, .kind = TOCSIN_EVENT_KINDS};
	struct tocsin_provenance *g = new_plain(err);
	struct tocsin_trace_watched watched = {.take = tocsin_provenance_take, .context = g};
	struct tocsin_history *h;
	int rc = g ? tocsin_history_open(o->file, NULL, &h, err) : -ENOMEM;

	if (!rc) {
		rc = tocsin_history_each(h, &query, tocsin_trace_watch, &watched, err);
		tocsin_history_close(h);
	}
	if (rc) {
		tocsin_provenance_free(g);
		return tocsin_error_set(err, rc, "%s: %s", o->file,
					rc == -E2BIG ? "too much: ask for a shorter time of it"
						     : strerror(-rc));
	}
	*ret = g;
	return 0;
}

static int load_text(const struct graph_options *o, struct tocsin_provenance **ret,
		     struct tocsin_error *err)
{
	struct tocsin_provenance *g = tocsin_provenance_new(NULL);
	struct tocsin_error own = {0};
	FILE *f = g ? fopen(o->file, "re") : NULL;
	int rc =
	    f ? tocsin_trace_script(f, tocsin_provenance_take, g, &own)
	      : tocsin_error_set(&own, g ? -errno : -ENOMEM, "%s", strerror(g ? errno : ENOMEM));

	if (f)
		fclose(f);
	if (rc) {
		tocsin_provenance_free(g);
		return tocsin_error_set(err, rc, "%s: no graph, no history; as events in text: %s",
					o->file, guest_text(own.message, strlen(own.message)));
	}
	tocsin_provenance_settle(g);
	*ret = g;
	return 0;
}

/* ---- one look at a guest ---- */

struct look {
	struct tocsin_trace_watched watched;
	struct tocsin_kernel *k;
	uint32_t first_ns;
	const char *guest;
	uint64_t boot, time;
};

static int take_file(const struct tocsin_process *p, const struct tocsin_file *f, bool json,
		     void *context)
{
	const struct look *l = context;
	uint32_t ns = tocsin_file_namespace(l->k, f->file);

	return tocsin_trace_open_file(&l->watched, l->guest, l->boot, l->time, p, f,
				      ns == l->first_ns ? 0 : ns);
}

static int sample(struct tocsin_kernel *k, struct look *l, struct tocsin_error *err)
{
	struct tocsin_monitor_standing standing;
	struct tocsin_monitor_source source;
	struct tocsin_monitor *m;
	size_t events;
	int rc;

	tocsin_monitor_source_kernel(k, &source);
	rc = tocsin_monitor_open(l->guest, &source, k, tocsin_trace_watch, &l->watched, &m, err);
	if (rc)
		return rc;
	rc = tocsin_monitor_sample(m, &events, err);
	tocsin_monitor_standing(m, &standing);
	tocsin_monitor_close(m);
	l->time = standing.time;
	l->boot = source.boot;
	return rc;
}

int graph_look(struct tocsin_kernel *k, const struct guest_options *o, const char *guest,
	       tocsin_trace_take *take, void *context, uint64_t *boot, struct tocsin_error *err)
{
	struct look l = {.watched = {take, context},
			 .k = k,
			 .first_ns = tocsin_first_namespace(k),
			 .guest = guest};
	int rc = sample(k, &l, err);

	if (!rc)
		rc = guest_files(k, o, take_file, &l, err);
	*boot = l.boot;
	return rc;
}

static int look(const struct graph_options *o, struct tocsin_provenance **ret,
		struct tocsin_error *err)
{
	struct tocsin_provenance *g = new_plain(err);
	const char *guest = o->guest.domain ? o->guest.domain
			    : o->guest.qemu ? o->guest.qemu
					    : o->guest.dump;
	struct tocsin_memory *memory = NULL;
	struct tocsin_kernel *kernel = NULL;
	uint64_t boot;
	int rc =
	    g ? guest_open(&o->guest, guest_say_plainly, (void *)"graph", &memory, &kernel, err)
	      : -ENOMEM;

	if (!rc)
		rc = graph_look(kernel, &o->guest, guest, tocsin_provenance_take, g, &boot, err);
	tocsin_kernel_close(kernel);
	tocsin_memory_close(memory);
	if (rc < 0)
		tocsin_provenance_free(g);
	else
		*ret = g;
	return rc;
}

static bool has_graph(const char *domain, char path[TOCSIN_TRACE_PATH])
{
	return tocsin_trace_store_path(domain, path) && !access(path, F_OK);
}

/* Its file has the domain's name, which a running one has beside its number. */
static bool find_graph(const char *domain, char path[TOCSIN_TRACE_PATH])
{
	bool found = has_graph(domain, path);
#ifdef HAVE_XEN
	struct tocsin_domain d;
	struct tocsin_host *h;

	if (found || tocsin_host_open(&h, NULL))
		return found;
	found = !tocsin_host_find(h, domain, &d, NULL) && has_graph(d.name, path);
	tocsin_host_close(h);
#endif
	return found;
}

static int load(const struct graph_options *o, struct tocsin_provenance **ret,
		struct tocsin_error *err)
{
	char path[TOCSIN_TRACE_PATH];
	enum form form = FORM_UNKNOWN;
	int rc;

	if (!o->file)
		return o->guest.domain && find_graph(o->guest.domain, path)
			   ? load_graph(path, o, ret, err)
			   : look(o, ret, err);
	rc = form_of(o->file, &form, err);
	if (rc)
		return rc;
	switch (form) {
	case FORM_TEXT:
		return load_text(o, ret, err);
	case FORM_HISTORY:
		return load_history(o, ret, err);
	case FORM_GRAPH:
		return load_graph(o->file, o, ret, err);
	default:
		return tocsin_error_set(err, -EPROTO,
					"%s: neither a graph nor a history: a database of another "
					"program",
					o->file);
	}
}

/* The guest that most of the graph is about. */
static const char *guest_of(const struct tocsin_provenance *g, uint64_t *boot)
{
	const struct tocsin_trace_node *n;

	for (uint32_t i = 0; (n = tocsin_provenance_node(g, i)); i++)
		if (n->kind == TOCSIN_TRACE_PROCESS && n->guest) {
			*boot = n->boot;
			return tocsin_provenance_text(g, n->guest, NULL);
		}
	return "guest";
}

/* The flows are taken after all else: they go to the connections that were there when they were. */
static int join_flows(struct tocsin_provenance *g, const char *pcap, struct tocsin_error *err)
{
	struct tocsin_trace_flow_settings settings = {0};
	struct tocsin_trace_flows *f;
	char guest[256];
	int rc;

	snprintf(guest, sizeof(guest), "%s", guest_of(g, &settings.boot));
	settings.guest = guest;
	f = tocsin_trace_flows_new(&settings, tocsin_provenance_take, g);
	if (!f)
		return tocsin_error_set(err, -ENOMEM, "no memory for flows");
	rc = tocsin_trace_flows_file(f, pcap, err);
	tocsin_trace_flows_free(f);
	return rc;
}

int graph_load(const struct graph_options *o, struct tocsin_provenance **ret,
	       struct tocsin_error *err)
{
	int rc = load(o, ret, err), flows;

	if (rc < 0 || !o->pcap)
		return rc;
	flows = join_flows(*ret, o->pcap, err);
	if (!flows)
		return rc;
	tocsin_provenance_free(*ret);
	*ret = NULL;
	return flows;
}
