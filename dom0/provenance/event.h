/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * What happened in a guest, as provenance needs it: who did what to which process, file or
 * connection, and when. Whoever sees such a thing states it: the tracing of kernel functions, a
 * watch's samples, a capture of the guest's network interface. The graph (provenance/graph.h) is
 * made of them and of nothing else.
 *
 * Times are nanoseconds since the epoch on dom0's clock. What an event tells of happened in
 * [since, time]: one moment (since == time) if it was traced, the time between two samples if it
 * was sampled. Events of one graph are stated in the order of time. What is there when a trace
 * begins is stated first: each process as CREATED by its parent when it started, the oldest first,
 * then what is open, as a sample (provenance/watched.h).
 *
 * An event and all it points at are the caller's for the time of one call. Text is the guest's: any
 * bytes, not clean for a terminal. Pointers that a kind does not name are NULL.
 */
#ifndef TOCSIN_PROVENANCE_EVENT_H
#define TOCSIN_PROVENANCE_EVENT_H

#include "monitor/event.h"

/*
 * who is the process that did it, always by PID and start time; threads are their group leader's.
 * What else a kind has stands behind it.
 */
enum tocsin_trace_kind {
	/* ---- processes ---- */
	TOCSIN_TRACE_CREATED,     /* other: the child */
	TOCSIN_TRACE_EXECUTED,    /* file: the program; who as it is afterwards. An interpreter or a
				     dynamic loader is a MAPPED or READ of its own */
	TOCSIN_TRACE_EXITED,      /* value: status as of wait(2) */
	TOCSIN_TRACE_CREDENTIALS, /* who as it is afterwards (uid, euid); value: euid before */
	TOCSIN_TRACE_SIGNAL,      /* other: to whom; value: the signal's number */
	/* other: the traced; value: the request (PTRACE_ATTACH, ...), PTRACE_TRACEME if other asked
	 * for it. Writing into another's memory (process_vm_writev, /proc/PID/mem) is
	 * PTRACE_POKEDATA, reading it PTRACE_PEEKDATA. */
	TOCSIN_TRACE_PTRACE,
	/* ---- files; file: which ---- */
	TOCSIN_TRACE_OPENED,   /* value: flags, O_CREAT only if it was made by this */
	TOCSIN_TRACE_READ,     /* first read of an open file, or of a directory's entries */
	TOCSIN_TRACE_WRITTEN,  /* first write; value 1: truncation, which is over at once */
	TOCSIN_TRACE_RELEASED, /* the open file's last descriptor and mapping are gone */
	TOCSIN_TRACE_RENAMED,  /* file: as it was; to: its new path */
	TOCSIN_TRACE_LINKED,   /* to: the new path, also of a symbolic link (value 1) */
	TOCSIN_TRACE_UNLINKED, /* file->id.deleted: it was its last link */
	TOCSIN_TRACE_MODE,     /* mode, owner or extended attributes; value: the new mode */
	TOCSIN_TRACE_MAPPED,   /* mapped executable */
	/* ---- the kernel ---- */
	TOCSIN_TRACE_MODULE, /* detail: its name; file: where from, or NULL */
	TOCSIN_TRACE_BPF,    /* detail: the program's name, "" if it has none; value: its id */
	/* ---- from process to process ---- */
	/* first data through a pipe, a UNIX socket or shared memory. With other: from who to other.
	 * Without, through file (a pipe, a FIFO, shared memory) or socket (UNIX): value 1 into it,
	 * 2 out of it, 3 both (shared memory mapped writable). Lasts until RELEASED or CLOSED of
	 * it, or who exits. */
	TOCSIN_TRACE_SHARED,
	/* ---- sockets; socket: which, as far as it is known ---- */
	TOCSIN_TRACE_BOUND,
	TOCSIN_TRACE_LISTENING,
	TOCSIN_TRACE_ACCEPTED,  /* socket: the new one, not the listener */
	TOCSIN_TRACE_CONNECTED, /* also a datagram socket's first peer */
	TOCSIN_TRACE_SENT,      /* first data out; by the wire: all of a flow, from since to time */
	TOCSIN_TRACE_RECEIVED,  /* first data in; the same */
	TOCSIN_TRACE_CLOSED,    /* value unused; bytes of it in socket, if counted */
	/* ---- from outside; who NULL ---- */
	TOCSIN_TRACE_FLOW, /* one that was captured ended, or is told of: socket (addresses, bytes)
			    */
	TOCSIN_TRACE_NAME, /* socket->remote has the name detail, as a DNS answer told */
	/* ---- what is known of the rest ---- */
	TOCSIN_TRACE_FINDING, /* finding; about who, or about file */
	TOCSIN_TRACE_GAP,     /* nothing was seen in [since, time]; lost: how many events, 0: not
				 known how many; detail: why. who NULL: of the whole guest */
	TOCSIN_TRACE_KINDS
};

/* "created", "executed", ..., and back: TOCSIN_TRACE_KINDS if there is no such kind. */
const char *tocsin_trace_kind_name(enum tocsin_trace_kind kind);
enum tocsin_trace_kind tocsin_trace_kind_find(const char *name);

/*
 * A file is told apart by device and inode, on a disk also when the guest has booted again (of what
 * has no disk, as tmpfs, the numbers begin anew); a path alone (inode 0) is what is left if the
 * inode could not be read. An inode's number that is used again after the last link and the last
 * open file of the one before are gone is another file; so is one that is made anew (OPENED with
 * O_CREAT).
 */
struct tocsin_trace_file {
	const char *path;  /* as who sees it; "": could not be told. Never NULL */
	uint32_t mount_ns; /* inode number of the mount namespace that path is meant in; 0: that of
			      the guest's first process, or not known */
	struct tocsin_file_id id;
	uint32_t mode; /* S_IFREG | 0644, S_IFIFO, ...; 0: not known */
	uint64_t open; /* the open file (VA of struct file) of READ to RELEASED, MAPPED, SHARED; 0:
			  not known, then it ends when who exits */
};

/* How it is known. */
enum tocsin_trace_source {
	TOCSIN_TRACE_BY_HOOK,   /* the function was traced */
	TOCSIN_TRACE_BY_SAMPLE, /* it differed between two samples: coarse, and what began and ended
				   between them is not there */
	TOCSIN_TRACE_BY_WIRE    /* captured from the network */
};

struct tocsin_trace_event {
	enum tocsin_trace_kind kind;
	enum tocsin_trace_source source;
	uint64_t since, time;
	const char *guest; /* name, or the socket or file that it was opened by; never NULL */
	uint64_t boot;     /* as in struct tocsin_event; 0: not known */
	const struct tocsin_event_process *who, *other;
	const struct tocsin_trace_file *file;
	const char *to;
	const struct tocsin_socket *socket;
	const struct tocsin_finding *finding;
	uint64_t value; /* see the kinds */
	uint64_t lost;
	const char *detail; /* never NULL */
	/* All that the event names was read after it, and held still. false: something could not be
	 * resolved, or was changed before it could be read; its paths are shown as unsure. */
	bool resolved;
};

/* Takes an event; 0 or a negative errno, which ends what states them. */
typedef int tocsin_trace_take(const struct tocsin_trace_event *e, void *context);

#endif
