// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * Files and their names. A path is read through names (struct dentry), mounts and the root of who
 * called. What makes a name of memory, moves one, takes a mount away or sets another root is
 * traced, so a path holds if none of that came between the call and its reading.
 */
#include "introspect/object.h"
#include "introspect/process.h"
#include "trace/moment.h"

#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/stat.h>

#define XXH_INLINE_ALL
#include <xxhash.h>

#define MODE_BITS 07777u

static uint64_t hash_of(const char *text)
{
	return XXH3_64bits(text, strlen(text));
}

static struct known_name *name_at(struct tocsin_traced_events *ev, uint64_t dentry)
{
	return &ev->names[trace_slot(dentry, TRACE_FILES)];
}

/* What was read is of a dentry whose file is known, or is now. */
static void recall_name(struct tocsin_traced_events *ev, struct tocsin_object *o)
{
	struct known_name *n = name_at(ev, o->dentry);
	uint32_t links = ev->k->object ? ev->k->object->inode_links : TOCSIN_NO_MEMBER;
	uint32_t left = UINT32_MAX;

	if (o->file.inode) {
		*n = (struct known_name){.dentry = o->dentry,
					 .inode = o->inode,
					 .id = o->file,
					 .mode = o->mode,
					 .hash = hash_of(o->text)};
	} else if (n->dentry == o->dentry && n->hash == hash_of(o->text)) {
		o->file = n->id;
		o->mode = n->mode;
		/* The inode is gone, or has other names. */
		if (links == TOCSIN_NO_MEMBER ||
		    tocsin_kernel_read(ev->k, n->inode + links, &left, sizeof(left)))
			left = UINT32_MAX;
		o->links = left;
	}
}

static void forget_name(struct tocsin_traced_events *ev, uint64_t dentry)
{
	struct known_name *n = name_at(ev, dentry);

	if (n->dentry == dentry)
		*n = (struct known_name){0};
}

void trace_add_places(struct trace_moment *m, struct trace_pending *p,
		      const struct tocsin_places *through)
{
	uint64_t *places =
	    reallocarray(p->places, p->place_count + through->count, sizeof(*places));

	if (places) {
		memcpy(places + p->place_count, through->va, through->count * sizeof(*places));
		p->places = places;
		p->place_count += through->count;
	}
	if (!places || through->more || m->ev->paths_untold || m->time < m->ev->paths_since)
		p->resolved = p->carried_sure = false;
	if (through->gone)
		trace_pending_lose_paths(p);
}

uint32_t trace_namespace(const struct trace_moment *m, uint32_t ns)
{
	return ns == m->ev->first_ns ? 0 : ns;
}

void trace_set_file(struct trace_moment *m, struct trace_pending *p)
{
	const struct tocsin_object *o = &m->ev->object;

	p->has_file = true;
	p->path = strdup(o->text);
	p->inode = o->inode;
	p->name = o->dentry;
	p->file.mount_ns = trace_namespace(m, o->mount_ns);
	p->file.id = o->file;
	p->file.id.deleted = o->file.memfd || (p->kind == TOCSIN_TRACE_UNLINKED && !o->links);
	p->file.mode = o->mode;
	p->open_mode = o->open_mode;
	trace_add_places(m, p, &o->places);
}

/* A file that the event has, read by its struct file or dentry. */
static struct trace_pending *begin_file(struct trace_moment *m)
{
	struct trace_pending *p = trace_begin(m);
	bool is_file = !strcmp(m->row->object, "file");

	p->has_file = true;
	p->key = m->va;
	if (is_file)
		p->file.open = m->va;
	if (!trace_read_object(m, m->row->object, m->va)) {
		trace_pending_unresolve(p);
		return p;
	}
	recall_name(m->ev, &m->ev->object);
	trace_set_file(m, p);
	return p;
}

int trace_add_file(struct trace_moment *m)
{
	return trace_add(m, begin_file(m));
}

/* ---- files without a name ---- */

/* What memory_file is made on has no other files; pipes, sockets and the like have mounts of their
 * own. */
static bool is_memory(const struct trace_moment *m, uint64_t sb)
{
	const struct tocsin_process_layout *l;

	return !tocsin_process_layout(m->ev->k, &l, NULL) && l->shm_sb && sb == l->shm_sb;
}

static bool is_on(const struct trace_moment *m, uint64_t sb)
{
	const struct tocsin_process_layout *l;
	uint64_t own;

	return !tocsin_process_layout(m->ev->k, &l, NULL) &&
	       !tocsin_kernel_read_u64(m->ev->k, m->va + l->inode_sb, &own) && own == sb;
}

static bool read_nameless(struct trace_moment *m, uint64_t sb)
{
	const struct tocsin_object *o = &m->ev->object;
	uint64_t name;

	return is_on(m, sb) && !tocsin_object_last_name(m->ev->k, m->va, &name) &&
	       trace_read_object(m, "dentry", name) && o->inode == m->va && S_ISREG(o->mode);
}

/* What memfd_create and its like make: to be read and written. The mount says what it was, also if
 * its inode is of another file system by now. */
static int take_nameless(struct trace_moment *m)
{
	const struct tocsin_process_layout *l;
	struct trace_pending *p;
	uint64_t sb;
	bool known;

	if (tocsin_process_layout(m->ev->k, &l, NULL) ||
	    tocsin_kernel_read_u64(m->ev->k, trace_argument(m, 1) + l->vfsmount_sb, &sb))
		return 0;
	known = read_nameless(m, sb);
	if (!known && !is_memory(m, sb))
		return 0;
	p = trace_begin(m);
	p->has_file = true;
	if (!known) {
		trace_pending_unresolve(p);
		return trace_add(m, p);
	}
	trace_set_file(m, p);
	p->resolved = p->resolved && m->ev->inodes_told;
	p->open_mode = TOCSIN_OPEN_READ | TOCSIN_OPEN_WRITE | TOCSIN_OPEN_CREATED;
	return trace_add(m, p);
}

/* ---- open files ---- */

int trace_take_opened(struct trace_moment *m)
{
	struct trace_pending *p;
	int rc;

	if (!strcmp(m->row->object, "inode"))
		return take_nameless(m);
	trace_queue_reused(&m->ev->queue, m->va, m->time);
	p = begin_file(m);
	p->read = trace_clock(m);
	rc = trace_file_opened(m->ev, p);
	if (!rc)
		return trace_add(m, p);
	trace_drop(m, p);
	return rc;
}

int trace_take_released(struct trace_moment *m)
{
	struct trace_pending *p = trace_begin(m);

	trace_file_closed(m);
	p->has_file = true;
	p->file.open = m->va;
	p->has_who = m->who.found;
	p->resolved = true;
	return trace_add(m, p);
}

int trace_take_mapped(struct trace_moment *m)
{
	int rc = m->va && trace_value(m) & PROT_EXEC ? trace_add_file(m) : 0;

	return rc || !m->va ? rc : trace_map_file(m);
}

/* ---- names ---- */

/* The name that it gets is the target's, which keeps it. So if it has not been moved yet, since who
 * calls was interrupted, or was moved on, that is where it goes. */
static void read_target(struct trace_moment *m, struct trace_pending *p)
{
	const struct tocsin_object *o = &m->ev->object;

	if (!trace_read_object(m, "dentry", trace_argument(m, 1))) {
		p->resolved = false;
		return;
	}
	if (!p->to || !strcmp(p->to, o->text))
		return;
	free(p->to);
	p->to = strdup(o->text);
	trace_add_places(m, p, &o->places);
}

int trace_take_renamed(struct trace_moment *m)
{
	bool exchanged = !strcmp(m->row->names[0], "d_exchange");
	struct trace_pending *p;

	trace_queue_moved(&m->ev->queue, m->va, m->time);
	if (exchanged)
		trace_queue_moved(&m->ev->queue, trace_argument(m, 1), m->time);
	p = begin_file(m);
	/* What is read is the name that it has since; the one before is known from before, if it is
	 * known which file it is. */
	if (p->name) {
		p->to = p->path;
		p->path = NULL;
		/* Whether two have been exchanged yet cannot be seen. */
		if (exchanged)
			p->resolved = false;
		else
			read_target(m, p);
	}
	if (!p->file.id.inode)
		trace_pending_unresolve(p);
	return trace_add(m, p);
}

/* The new name: in the call, or the inode's last. */
static bool read_link(struct trace_moment *m, const struct trace_pending *p)
{
	uint64_t name;

	if (m->function->count > 2 && !strcmp(m->function->parameters[2].target, "dentry"))
		return trace_read_object(m, "dentry", trace_argument(m, 2));
	return m->ev->object.inode && p->file.id.inode &&
	       !tocsin_object_last_name(m->ev->k, m->ev->object.inode, &name) && name != m->va &&
	       trace_read_object(m, "dentry", name) && m->ev->object.file.inode == p->file.id.inode;
}

/* Its inode is made after this call, by the same thread. */
static int take_symlink(struct trace_moment *m)
{
	struct trace_pending *p = begin_file(m);

	p->value = 1;
	p->incomplete = true;
	p->inode = 0;
	p->file.id = (struct tocsin_file_id){0};
	p->to = p->name && p->path ? strdup(p->path) : NULL;
	return trace_add(m, p);
}

void trace_take_inode(struct trace_moment *m)
{
	struct trace_pending *p = trace_queue_incomplete(
	    &m->ev->queue, TOCSIN_TRACE_LINKED, tocsin_who_stack(m->ev->who, m->call->rsp));
	const struct tocsin_object *o = &m->ev->object;

	if (!p || !p->to || !trace_read_object(m, "dentry", p->key) || o->inode != m->va ||
	    !S_ISLNK(o->mode))
		return;
	p->incomplete = false;
	p->inode = o->inode;
	p->file.id = o->file;
	p->file.mode = o->mode;
	p->read = trace_clock(m);
	trace_queue_changed(&m->ev->queue, p);
}

int trace_take_linked(struct trace_moment *m)
{
	struct trace_pending *p;

	if (!strcmp(m->row->names[0], "vfs_symlink"))
		return take_symlink(m);
	p = begin_file(m);
	if (p->name && read_link(m, p)) {
		p->to = strdup(m->ev->object.text);
		trace_add_places(m, p, &m->ev->object.places);
	}
	if (!p->to)
		p->resolved = false;
	return trace_add(m, p);
}

int trace_take_unlinked(struct trace_moment *m)
{
	struct trace_pending *p = begin_file(m);

	/* If it is a name of a file again, that is another one. */
	if (!m->ev->object.inode)
		forget_name(m->ev, m->va);
	return trace_add(m, p);
}

/* The call that says what is done, and the one that says to which file. */
int trace_take_mode(struct trace_moment *m)
{
	struct trace_pending *p;

	if (m->row->part != TOCSIN_TRACE_COMPLETES) {
		p = trace_begin(m);
		p->has_file = p->incomplete = true;
		p->value = trace_value(m) & MODE_BITS;
		return trace_add(m, p);
	}
	p = trace_queue_incomplete(&m->ev->queue, m->row->kind,
				   tocsin_who_stack(m->ev->who, m->call->rsp));
	if (!p)
		return 0; /* times or size */
	p->incomplete = false;
	if (!trace_read_object(m, "dentry", m->va)) {
		trace_pending_unresolve(p);
		return 0;
	}
	recall_name(m->ev, &m->ev->object);
	trace_set_file(m, p);
	p->read = trace_clock(m);
	trace_queue_changed(&m->ev->queue, p);
	p->value = p->file.mode; /* as it is since */
	return 0;
}

/* What is done at once, and by the name. */
int trace_take_truncated(struct trace_moment *m)
{
	struct trace_pending *p = begin_file(m);

	p->value = 1;
	return trace_add(m, p);
}

void trace_take_place(struct trace_moment *m)
{
	trace_queue_reused(&m->ev->queue, m->va, m->time);
	if (m->row->part == TOCSIN_TRACE_MADE)
		forget_name(m->ev, m->va);
}

/* ---- what an open is for ---- */

static struct trace_use *use_of(const struct trace_moment *m)
{
	uint64_t stack = tocsin_who_stack(m->ev->who, m->call->rsp);

	return &m->ev->opens[trace_slot(stack, TRACE_ENDS)];
}

void trace_take_use(struct trace_moment *m)
{
	*use_of(m) = (struct trace_use){.stack = tocsin_who_stack(m->ev->who, m->call->rsp),
					.flags = (uint32_t)trace_value(m)};
}

/* As the kernel makes a file's mode of the flags of open; that it is executed is a flag of its own.
 */
static uint32_t mode_of(uint32_t flags)
{
	uint32_t mode = flags & TOCSIN_OPEN_EXEC;

	if (flags & O_PATH)
		return TOCSIN_OPEN_PATH;
	if ((flags & O_ACCMODE) != O_WRONLY)
		mode |= TOCSIN_OPEN_READ;
	return flags & O_ACCMODE ? mode | TOCSIN_OPEN_WRITE : mode;
}

uint32_t trace_open_mode(const struct trace_moment *m)
{
	uint64_t stack = tocsin_who_stack(m->ev->who, m->call->rsp);
	const struct trace_pending *p = trace_queue_opened(&m->ev->queue, stack);
	const struct trace_use *use = use_of(m);
	uint32_t mode = p ? p->open_mode : 0;

	if (use->stack == stack)
		mode = mode_of(use->flags);
	return mode & (TOCSIN_OPEN_READ | TOCSIN_OPEN_WRITE);
}

/* It has no name any more. But if what was read when it was opened is this inode's, it was not
 * another's by then, and may be since. */
static int take_inode_alone(struct trace_moment *m, struct trace_pending *p, uint64_t inode)
{
	if (p->inode != inode || !p->file.id.inode)
		return 0;
	p->key = 0;
	return trace_file_opened(m->ev, p);
}

/* (&file->f_ra, inode->i_mapping): both members, so it is known of which file and inode. What the
 * inode says is of then if nothing was made of it meanwhile. */
int trace_take_identity(struct trace_moment *m)
{
	const struct tocsin_object_layout *l = m->ev->k->object;
	const struct tocsin_object *o = &m->ev->object;
	struct trace_use *use = use_of(m);
	uint64_t inode, host, name;
	struct trace_pending *p;
	bool same;

	if (!l || l->file_ahead == TOCSIN_NO_MEMBER || l->inode_data == TOCSIN_NO_MEMBER ||
	    l->mapping_host == TOCSIN_NO_MEMBER || !m->va)
		return 0;
	inode = m->va - l->inode_data;
	p = trace_queue_opened(&m->ev->queue, tocsin_who_stack(m->ev->who, m->call->rsp));
	if (!p || p->file.open != m->args[0] - l->file_ahead || use->stack != p->stack)
		return 0;
	use->stack = 0; /* of this open */
	if (p->carried_path || tocsin_kernel_read_u64(m->ev->k, m->va + l->mapping_host, &host) ||
	    host != inode)
		return 0;
	if (tocsin_object_last_name(m->ev->k, inode, &name) ||
	    !trace_read_object(m, "dentry", name) || o->inode != inode)
		return take_inode_alone(m, p, inode);
	p->carried_path = strdup(o->text);
	p->carried_ns = trace_namespace(m, o->mount_ns);
	p->carried_id = o->file;
	p->carried_mode = o->mode;
	p->carried_open = mode_of(use->flags);
	p->carried_sure = m->ev->inodes_told;
	p->inode = inode;
	p->name = o->dentry;
	same = p->file.id.inode && p->file.id.inode == o->file.inode;
	if (!same)
		p->place_count = 0; /* of the other one */
	trace_add_places(m, p, &o->places);
	p->read = trace_clock(m);
	trace_queue_changed(&m->ev->queue, p);
	/* Its memory was another's already when it was read. */
	if (!same)
		trace_pending_unresolve(p);
	return trace_file_opened(m->ev, p);
}
