/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * libtocsin: look into a running Linux guest, or a dump of one, from outside, with no profile and
 * no pause. A source of guest memory is opened, a kernel is found in it, and its objects are
 * listed.
 *
 * Errors: a function that can fail returns 0 or a negative errno, leaves its outputs untouched on
 * failure, and, where a person will read the reason, fills a struct tocsin_error (which may be
 * NULL). "Could not read" is an error, never an empty list. Nothing is printed.
 *
 * Truth: the guest runs while it is read. Every walk is bounded, detects cycles and reports
 * truncation; every row says how far it can be trusted. All bytes are hostile: text is not clean
 * for a terminal, and numbers are whatever the guest says.
 *
 * Threads: an open kernel and its memory may be used by any number of threads at once; there is no
 * global state. What an epoch saw is forgotten by tocsin_memory_flush, which any thread may call.
 * Opening and closing are for one thread.
 *
 * Addresses: gpa is guest physical, VA is kernel virtual; sizes are in bytes.
 */
#ifndef TOCSIN_H
#define TOCSIN_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/types.h>

#ifdef __cplusplus
extern "C" {
#endif

struct tocsin_error {
	int code;          /* negative errno; 0: no error */
	uint64_t address;  /* guest virtual or physical address, where one is meant, else 0 */
	char message[256]; /* a sentence without a full stop or newline */
};

/* ---- guest memory ---- */

#define TOCSIN_PAGE_SHIFT 12
#define TOCSIN_PAGE_SIZE 4096u

struct tocsin_memory;

/*
 * Sources. Each returns 0 and a source in ret, to be closed by the caller, or a negative errno
 * and a message in err.
 */

/* A live Xen domain (built with Xen only); -ESRCH: no such domain. */
int tocsin_memory_open_xen(uint32_t domid, struct tocsin_memory **ret, struct tocsin_error *err);

/*
 * A file: raw image (gpa = file offset), LiME, or ELF core (QEMU dump-guest-memory, virsh dump
 * --memory-only, xl dump-core).
 */
int tocsin_memory_open_dump(const char *path, struct tocsin_memory **ret, struct tocsin_error *err);

/*
 * A live QEMU or KVM guest by the UNIX socket of its QMP monitor, which stays connected; the
 * guest's memory backend must be shared. -EACCES: it is not; -ETIMEDOUT: another client holds the
 * monitor. Once QEMU is gone, reads after the next flush are -ENODEV.
 */
int tocsin_memory_open_qemu(const char *path, struct tocsin_memory **ret, struct tocsin_error *err);

/* Bytes of the caller, gpa 0 onward, not copied, writable by cas16: for tests and fuzzers. */
int tocsin_memory_open_buffer(void *bytes, size_t size, struct tocsin_memory **ret,
			      struct tocsin_error *err);

/* Close and free; NULL is fine. */
void tocsin_memory_close(struct tocsin_memory *m);

/* End of an epoch: forget mappings, so that the next read sees the guest as it is then. */
void tocsin_memory_flush(struct tocsin_memory *m);

/* 0, -EFAULT (hole), -ENODEV (guest gone), -EINVAL (wraps around). buf is undefined on failure. */
int tocsin_memory_read(struct tocsin_memory *m, uint64_t gpa, void *buf, size_t size);

/*
 * The same bytes without a copy: where the byte at gpa lies in this process, until the source is
 * closed, and in size how many more follow it there. They may change at any time. NULL: a hole, or
 * a source whose memory does not stay mapped: read it.
 */
const uint8_t *tocsin_memory_map(struct tocsin_memory *m, uint64_t gpa, uint64_t *size);

/* One page's mapping. */
struct tocsin_mapping {
	uint64_t gpa;       /* of the byte asked for */
	uint64_t page_size; /* 4 KiB, 2 MiB or 1 GiB */
	bool user;          /* user-accessible at every level */
	bool writable;      /* writable at every level */
	bool executable;    /* no XD bit at any level */
	bool dirty;         /* D of the leaf */
};

/* Pages of 4 KiB; a large page counts as all that it covers. */
struct tocsin_page_counts {
	uint64_t present, dirty, large;
	uint64_t out;     /* not present, but not nothing: swapped out, or on the move */
	uint64_t guarded; /* there, but nobody may touch them: PROT_NONE, as Linux marks it */
};

enum tocsin_confidence {
	TOCSIN_CONSISTENT,  /* read, validated, and the same on a second read */
	TOCSIN_TORN,        /* changed while it was read, also on bounded retries */
	TOCSIN_CONTRADICTED /* two views of the guest disagree */
};

const char *tocsin_confidence_name(enum tocsin_confidence c);

/* ---- the kernel ---- */

struct tocsin_kernel;

struct tocsin_kernel_info {
	uint64_t text_pa;  /* physical address of _text */
	uint64_t text_va;  /* virtual address of _text */
	uint64_t init_top; /* gpa of init_top_pgt */
	int levels;        /* 4 or 5 */
	bool pti;          /* kernel page-table isolation is on */
	size_t symbols;
	size_t types;
	char release[65];     /* init_uts_ns, or "" */
	uint8_t build_id[32]; /* of the notes section */
	size_t build_id_size; /* 0: not found */
	bool cached;          /* symbols and types came from the folder of caches */
};

/*
 * Find the kernel in m. cr3: of any process of the guest, or 0 to search. m must outlive the
 * kernel. Fails with the step that failed in err, for example "no BTF in the kernel image: ...".
 */
int tocsin_kernel_open(struct tocsin_memory *m, uint64_t cr3, struct tocsin_kernel **ret,
		       struct tocsin_error *err);

/*
 * The same, faster for a kernel seen before: what was made of its symbols and types is kept in
 * folder (made if need be; its parent must exist), and used for a guest that has the very same
 * tables. A folder that cannot be used costs time, nothing else. NULL: none.
 */
int tocsin_kernel_open_cached(struct tocsin_memory *m, uint64_t cr3, const char *folder,
			      struct tocsin_kernel **ret, struct tocsin_error *err);

/*
 * The folder for the above that programs use unless told otherwise: $TOCSIN_KERNEL_CACHE, else
 * /var/cache/tocsin for root, else tocsin-kernels in the user's cache. Returns buf, or NULL if the
 * variable is empty or the name does not fit.
 */
const char *tocsin_kernel_cache_folder(char *buf, size_t size);

/* Is it still the same kernel (not rebooted or kexec'ed)? 0, or -ESTALE. A few reads. */
int tocsin_kernel_verify(struct tocsin_kernel *k, uint64_t cr3);

void tocsin_kernel_close(struct tocsin_kernel *k);

const struct tocsin_kernel_info *tocsin_kernel_info(const struct tocsin_kernel *k);

/* The guest memory that k reads. */
struct tocsin_memory *tocsin_kernel_memory(struct tocsin_kernel *k);

/* Virtual address of a symbol; -ENOENT. */
int tocsin_kernel_symbol(struct tocsin_kernel *k, const char *name, uint64_t *ret);

/*
 * Where a member lies in a structure of the kernel, or of a module unless that is NULL, and its
 * size, both in bits. path: "se.vruntime", "numbers[2].nr"; members of anonymous structures are
 * found as C finds them, pointers are not followed. -ENOENT: no such module, type or member.
 */
int tocsin_kernel_member(struct tocsin_kernel *k, const char *module, const char *type,
			 const char *path, uint64_t *offset, uint64_t *size,
			 struct tocsin_error *err);

/* Kernel virtual memory, all of size or -EFAULT. */
int tocsin_kernel_read(struct tocsin_kernel *k, uint64_t va, void *buf, size_t size);

/* ---- processes ---- */

#define TOCSIN_COMM_SIZE 16
#define TOCSIN_PATH_SIZE 4096
#define TOCSIN_CMDLINE_SIZE 4096

struct tocsin_file_id {
	uint64_t inode;
	uint32_t dev_major, dev_minor;
	bool deleted; /* no link is left */
	bool memfd;   /* created by memfd_create (also: no link is left) */
};

struct tocsin_process {
	enum tocsin_confidence confidence;
	uint64_t task;       /* VA of the thread group leader's task_struct */
	uint64_t mm;         /* VA of mm_struct; 0: kernel thread */
	uint64_t pgd;        /* gpa of its top page table, kernel half under KPTI; 0: none */
	uint64_t start_time; /* nanoseconds since boot (task->start_boottime) */
	int32_t pid;         /* thread group id, initial namespace */
	int32_t tid;         /* of the thread that was asked for; else = pid */
	int32_t ppid;
	int32_t ns_pid; /* thread group id in the process's own PID namespace */
	uint32_t uid, euid, suid, fsuid, gid, egid; /* kernel-global ids */
	uint64_t cred; /* VA of its struct cred, of which every process has one of its own */
	uint64_t cap_effective;
	bool user_ns_initial;
	char comm[TOCSIN_COMM_SIZE + 1];
	char exe[TOCSIN_PATH_SIZE]; /* as the process's root sees it; "" if unknown */
	struct tocsin_file_id exe_id;
	uint32_t exe_mode;                 /* of its inode: S_IFREG | 0755 ... */
	char cmdline[TOCSIN_CMDLINE_SIZE]; /* NUL-separated */
	size_t cmdline_size;
	bool cmdline_truncated;
};

/* The process whose page tables cr3 names (PCID and KPTI bits are masked). -ESRCH: none. */
int tocsin_process_by_cr3(struct tocsin_kernel *k, uint64_t cr3, struct tocsin_process *ret,
			  struct tocsin_error *err);

/* The process with this thread (group) id in the PID namespace of asker (NULL: initial). */
int tocsin_process_by_pid(struct tocsin_kernel *k, const struct tocsin_process *asker, int32_t pid,
			  struct tocsin_process *ret, struct tocsin_error *err);

/*
 * May asker name target: same real, effective and saved user, or root in the initial user
 * namespace? Read from the guest's credentials. 0, -EPERM, or a read error.
 */
int tocsin_process_may_name(struct tocsin_kernel *k, const struct tocsin_process *asker,
			    const struct tocsin_process *target);

/* What can be told of a process at a glance. */
struct tocsin_task {
	enum tocsin_confidence confidence;
	uint64_t task;       /* VA of the thread group leader's task_struct */
	uint64_t mm;         /* VA of mm_struct; 0: kernel thread */
	uint64_t start_time; /* nanoseconds since boot */
	/* counts the programs that it executes, from where its parent was; 0 if it is not kept. mm
	 * alone does not tell: the memory of the one before the last is used again */
	uint32_t exec_id;
	int32_t pid;
	char comm[TOCSIN_COMM_SIZE + 1];
};

struct tocsin_task_list {
	struct tocsin_task *rows;
	size_t count;
	size_t torn;
	bool truncated;
};

/*
 * Every thread group in the task list at a glance, in well under a microsecond each; no other view
 * is compared. Freed with tocsin_task_list_free.
 */
int tocsin_task_list(struct tocsin_kernel *k, struct tocsin_task_list *ret,
		     struct tocsin_error *err);
void tocsin_task_list_free(struct tocsin_task_list *list);

struct tocsin_process_list {
	struct tocsin_process *rows;
	size_t count;
	size_t torn;         /* rows that could not be read consistently (they are in rows) */
	size_t contradicted; /* in the task list or in the table of PIDs, but not in both: hidden */
	bool truncated;      /* the bound was hit: there may be more */
	bool one_view;       /* the table of PIDs could not be read, so nothing was compared */
};

/*
 * Every thread group, kernel threads included: those of the task list, then those that only the
 * table of PIDs has. Freed with tocsin_process_list_free.
 */
int tocsin_process_list(struct tocsin_kernel *k, struct tocsin_process_list *ret,
			struct tocsin_error *err);
void tocsin_process_list_free(struct tocsin_process_list *list);

struct tocsin_namespaces { /* inode numbers, as /proc/PID/ns has them; 0: not known */
	uint32_t mnt, uts, ipc, pid, net, user, cgroup, time;
};

/* What only some want to know of a process. What the kernel lacks is 0 or "". */
struct tocsin_process_details {
	enum tocsin_confidence confidence;
	uint64_t cap_inheritable, cap_permitted, cap_bounding, cap_ambient;
	/* whose account its rights are counted on: differs from uid only where somebody forged uid
	 */
	uint32_t account_uid;
	bool no_new_privs;
	uint32_t seccomp; /* 0 off, 1 strict, 2 filter */
	uint32_t seccomp_filters;
	int32_t tracer;    /* pid of who traces it; 0: nobody */
	int32_t pgid, sid; /* process group and session, initial namespace; 0: not known */
	uint32_t thread_count;
	struct tocsin_namespaces namespaces;
	char cwd[TOCSIN_PATH_SIZE];    /* as its root sees it */
	char root[TOCSIN_PATH_SIZE];   /* from the top of its mounts */
	char cgroup[TOCSIN_PATH_SIZE]; /* in the unified hierarchy, else in the first other */
	char container[65];            /* the 64 hexadecimal digits in its cgroup's name, or "" */
	char *environment; /* NUL-separated, owned; as the program began, or rewrote it */
	size_t environment_size;
	bool environment_truncated; /* it is longer, or its pages are not there */
};

/* Freed with tocsin_process_details_free. */
int tocsin_process_details(struct tocsin_kernel *k, const struct tocsin_process *p,
			   struct tocsin_process_details *ret, struct tocsin_error *err);
void tocsin_process_details_free(struct tocsin_process_details *d);

struct tocsin_thread {
	enum tocsin_confidence confidence;
	uint64_t task;
	uint64_t start_time; /* nanoseconds since boot */
	int32_t tid;
	char state; /* R S D T t X Z P I, as /proc has it; ?: not known */
	char comm[TOCSIN_COMM_SIZE + 1];
};

struct tocsin_thread_list {
	struct tocsin_thread *rows;
	size_t count;
	size_t torn;
	bool truncated;
};

/* The threads of p, the leader first. -ESRCH: it has ended. Freed with tocsin_thread_list_free. */
int tocsin_thread_list(struct tocsin_kernel *k, const struct tocsin_process *p,
		       struct tocsin_thread_list *ret, struct tocsin_error *err);
void tocsin_thread_list_free(struct tocsin_thread_list *list);

/* A thread that one of the kernel's views of threads lacks, though others have it. */
struct tocsin_hidden_thread {
	uint64_t task;
	int32_t tid, pid; /* of its own, and of its process */
	char comm[TOCSIN_COMM_SIZE + 1];
	bool in_group; /* its process has it on its list of threads */
	bool has_pid;  /* the table of PIDs leads to it; neither: a processor runs it */
};

struct tocsin_hidden_list {
	struct tocsin_hidden_thread *rows;
	size_t count;
	bool truncated;
	bool no_queues; /* who waits for a processor was not seen: no known layout */
};

/*
 * Threads that hide: not whole processes, which are in tocsin_process_list. -ENOTSUP: the kernel
 * has no table of PIDs with a known layout. Freed with tocsin_hidden_list_free.
 */
int tocsin_hidden_list(struct tocsin_kernel *k, struct tocsin_hidden_list *ret,
		       struct tocsin_error *err);
void tocsin_hidden_list_free(struct tocsin_hidden_list *list);

/* ---- address space ---- */

struct tocsin_vma {
	enum tocsin_confidence confidence;
	uint64_t start, end; /* [start, end), page-aligned */
	uint64_t pgoff;      /* in pages, as the kernel keeps it */
	bool read, write, exec, shared;
	bool may_write; /* VM_MAYWRITE */
	bool has_file;
	bool special; /* vdso, vvar, uprobes: mapped by the kernel itself */
	struct tocsin_file_id file;
	uint64_t file_va; /* of its struct file; 0: none */
	const char *path; /* owned by the list; "" for anonymous memory, nothing is made up */
};

struct tocsin_vma_list {
	struct tocsin_vma *rows;
	size_t count;
	size_t torn; /* torn rows; at least 1 also when a row of one reading was gone in the next */
	bool truncated;
};

int tocsin_vma_list(struct tocsin_kernel *k, const struct tocsin_process *p,
		    struct tocsin_vma_list *ret, struct tocsin_error *err);
void tocsin_vma_list_free(struct tocsin_vma_list *list);

/* User memory of p, as tocsin_read_va: pages that are not present are -EFAULT. */
int tocsin_process_read(struct tocsin_kernel *k, const struct tocsin_process *p, uint64_t va,
			void *buf, size_t size, size_t *done);

/* Which pages of [start, end) are there; as tocsin_count_pages. */
int tocsin_process_pages(struct tocsin_kernel *k, const struct tocsin_process *p, uint64_t start,
			 uint64_t end, struct tocsin_page_counts *ret);

/* One page's mapping in p; -EFAULT: not present. */
int tocsin_process_walk(struct tocsin_kernel *k, const struct tocsin_process *p, uint64_t va,
			struct tocsin_mapping *ret);

/* A page of a mapped file of which a process has a copy of its own, because somebody wrote to it.
 */
struct tocsin_copy {
	uint64_t va;
	uint64_t gpa;    /* of the copy */
	uint64_t cached; /* gpa of the file's own page in the page cache; 0: it is not there */
};

struct tocsin_copy_list {
	struct tocsin_copy *rows;
	size_t count;
	size_t torn; /* pages that did not hold still: they are not in rows */
	bool truncated;
};

/*
 * The copies in the mapping v of p. -ENOTSUP: the kernel's pages have no known layout. Freed with
 * tocsin_copy_list_free.
 */
int tocsin_copy_list(struct tocsin_kernel *k, const struct tocsin_process *p,
		     const struct tocsin_vma *v, struct tocsin_copy_list *ret,
		     struct tocsin_error *err);
void tocsin_copy_list_free(struct tocsin_copy_list *list);

/* ---- open files and sockets ---- */

#define TOCSIN_SOCKET_NAME_SIZE 108 /* of a UNIX socket */

/* Who keeps a socket alive. */
enum tocsin_socket_owner {
	TOCSIN_OWNER_FILE,   /* an open file: processes hold it, or a message on its way does */
	TOCSIN_OWNER_KERNEL, /* the kernel made it for itself */
	TOCSIN_OWNER_QUEUE,  /* a listener's queue: it is not accepted yet */
	TOCSIN_OWNER_NONE    /* closed by its process, and not done yet; TIME_WAIT */
};

/* "file", "kernel", "queue", "none" */
const char *tocsin_socket_owner_name(enum tocsin_socket_owner owner);

/* Numbers are those of the kernel and of <sys/socket.h>. */
struct tocsin_socket {
	uint64_t sock;   /* VA of struct sock */
	uint64_t inode;  /* as /proc/net has it; 0: no file holds it */
	uint16_t family; /* AF_INET, AF_INET6, AF_UNIX, AF_NETLINK, AF_PACKET, ... */
	uint16_t type;   /* SOCK_STREAM, ... */
	/* IPPROTO_TCP, ...; of AF_NETLINK: NETLINK_ROUTE, ...; of AF_PACKET: ETH_P_IP, ... */
	uint16_t protocol;
	uint8_t state;      /* TCP_ESTABLISHED, ... of <netinet/tcp.h>, also for UNIX sockets */
	uint8_t owner;      /* enum tocsin_socket_owner */
	uint32_t uid;       /* of who made it; UINT32_MAX: not kept */
	uint32_t netns;     /* number of its network namespace */
	uint32_t interface; /* index of the one that it is bound to; 0: none */
	/* Its lock is taken: what it says of itself may be ahead of the tables, or behind them. */
	bool busy;
	/* AF_INET (the first 4 bytes) and AF_INET6 */
	uint8_t local[16], remote[16];
	uint16_t local_port, remote_port;
	/* bytes, as /proc/net has them; of a listening TCP socket: waiting connections, and most */
	uint32_t receive_queue, send_queue;
	/* AF_UNIX: "" none; a first byte of 0: abstract */
	char name[TOCSIN_SOCKET_NAME_SIZE];
	size_t name_size;
	uint64_t peer; /* AF_UNIX: VA of the peer's struct sock, or 0 */
	/* AF_NETLINK */
	uint32_t port_id, groups;
	/* of a TCP connection, if it is counted: payload, as ss -i has it, what was sent again too
	 */
	bool counted;
	uint64_t bytes_sent, bytes_received;
	/*
	 * Of a TCP connection: nanoseconds since data went either way; in TIME_WAIT since that
	 * began. In steps of the kernel's tick. UINT64_MAX: not known.
	 */
	uint64_t idle;
};

/* "tcp", "udp6", "unix", ...; a socket of another family or protocol is "other". */
const char *tocsin_socket_kind(const struct tocsin_socket *s);

/* "ESTABLISHED", "LISTEN", ..., "" where the kind has no states. */
const char *tocsin_socket_state(const struct tocsin_socket *s);

struct tocsin_file {
	enum tocsin_confidence confidence;
	int32_t fd;
	uint64_t file;     /* VA of struct file */
	uint32_t flags;    /* O_RDONLY, O_APPEND, ... */
	uint32_t mode;     /* of the inode: S_IFREG | 0644 ... */
	uint64_t position; /* as it was; not part of what makes a row consistent */
	struct tocsin_file_id id;
	const char *path; /* owned by the list; as /proc/PID/fd has it; "" could not be told */
	bool is_socket;
	struct tocsin_socket socket;
};

struct tocsin_file_list {
	struct tocsin_file *rows;
	size_t count;
	size_t torn; /* torn rows; at least 1 also when a row of one reading was gone in the next */
	bool truncated;
};

/*
 * The open files of p, by their number; none for a kernel thread. -ESRCH: p has ended. Freed with
 * tocsin_file_list_free.
 */
int tocsin_file_list(struct tocsin_kernel *k, const struct tocsin_process *p,
		     struct tocsin_file_list *ret, struct tocsin_error *err);
void tocsin_file_list_free(struct tocsin_file_list *list);

struct tocsin_socket_row {
	enum tocsin_confidence confidence;
	struct tocsin_socket socket; /* in TIME_WAIT and SYN_RECV: no inode, no queues */
	/*
	 * TCP: it has its port, and is not in the tables of those that listen or are connected. In
	 * CLOSE that is as it should be; else it has just begun, or ended, or it hides.
	 */
	bool port_only;
};

/* Where protocols keep their sockets. */
enum tocsin_socket_table {
	TOCSIN_TABLE_TCP,
	TOCSIN_TABLE_UDP,
	TOCSIN_TABLE_RAW,
	TOCSIN_TABLE_PING,
	TOCSIN_TABLE_UNIX,
	TOCSIN_TABLE_NETLINK,
	TOCSIN_TABLE_PACKET,
	TOCSIN_TABLES
};

/* "tcp", "udp", "raw", "ping", "unix", "netlink", "packet" */
const char *tocsin_socket_table_name(enum tocsin_socket_table table);

struct tocsin_socket_list {
	struct tocsin_socket_row *rows; /* by the VA of their struct sock, no socket twice */
	size_t count;
	size_t torn; /* torn rows, and chains and tables that did not hold still */
	/* 1 << TOCSIN_TABLE_...: not in rows; there is none, in no known layout, or not to read */
	uint32_t missing;
	/* the same: some of it may not be in rows, because a part did not hold still */
	uint32_t gaps;
	bool truncated;
};

/*
 * The sockets of all network namespaces, from the protocols' own tables: with those that no process
 * holds, and those of processes that hide. -ENOTSUP: this kernel's tables of TCP and UDP have no
 * known layout. Freed with tocsin_socket_list_free.
 */
int tocsin_socket_list(struct tocsin_kernel *k, struct tocsin_socket_list *ret,
		       struct tocsin_error *err);
void tocsin_socket_list_free(struct tocsin_socket_list *list);

/*
 * Does a socket in this state belong into one of the tables? One that a process holds and that
 * belongs there, but is not there, hides. TOCSIN_TABLES: it does not.
 */
enum tocsin_socket_table tocsin_socket_table_of(const struct tocsin_socket *s);
bool tocsin_socket_in_table(const struct tocsin_socket *s);

/*
 * One socket by its VA, as in a list, but that one whose file is just being closed has no owner.
 * -ESRCH: there is none any more; -EAGAIN: it is torn.
 */
int tocsin_socket_at(struct tocsin_kernel *k, uint64_t sock, struct tocsin_socket *ret,
		     struct tocsin_error *err);

/* Whose descriptor it is. */
struct tocsin_holder {
	uint64_t sock; /* VA of struct sock */
	/* VA of the thread group leader, or of the thread that has a table of files of its own */
	uint64_t task;
	int32_t pid, tid, fd; /* tid is pid unless there is such a thread */
	uint64_t inode;       /* of the socket: another one at the same place has another */
};

struct tocsin_holder_list {
	struct tocsin_holder *rows; /* by sock, then pid, tid, fd */
	size_t count;
	size_t torn; /* descriptors and tables that did not hold still: not in rows */
	bool truncated;
};

/*
 * Which descriptor of which process is which socket: of every thread group, from the task list and
 * the table of PIDs, and of threads that have a table of files of their own. Freed with
 * tocsin_holder_list_free.
 */
int tocsin_holder_list(struct tocsin_kernel *k, struct tocsin_holder_list *ret,
		       struct tocsin_error *err);
void tocsin_holder_list_free(struct tocsin_holder_list *list);

/* What the guest's kernel counts itself, since it booted. */
struct tocsin_counters {
	bool forks_known, opens_known;
	uint64_t forks; /* processes and threads begun */
	/* TCP connections begun from here and to here, in the network namespaces there are now */
	uint64_t active_opens, passive_opens;
};

/* What cannot be told is not known; 0, or -EFAULT. */
int tocsin_counters_read(struct tocsin_kernel *k, struct tocsin_counters *ret,
			 struct tocsin_error *err);

/* ---- mounts ---- */

struct tocsin_mount {
	enum tocsin_confidence confidence;
	uint64_t mount;    /* VA of struct mount */
	int32_t id;        /* as /proc/PID/mountinfo has it */
	int32_t parent_id; /* the same of the mount it lies on; of the topmost: its own */
	uint32_t dev_major, dev_minor;
	bool read_only, no_suid, no_dev, no_exec;
	char type[32];    /* of the file system, with its subtype */
	char source[256]; /* as it was given to mount, cut short if need be */
	const char *path; /* where, from the top of its namespace; owned by the list */
};

struct tocsin_mount_list {
	struct tocsin_mount *rows;
	size_t count;
	size_t torn;
	bool truncated;
};

/* The mounts in p's namespace, as a tree in order. Freed with tocsin_mount_list_free. */
int tocsin_mount_list(struct tocsin_kernel *k, const struct tocsin_process *p,
		      struct tocsin_mount_list *ret, struct tocsin_error *err);
void tocsin_mount_list_free(struct tocsin_mount_list *list);

/* ---- names and clocks of the guest ---- */

struct tocsin_system {
	char sysname[65], nodename[65], release[65], version[65], machine[65], domainname[65];
	bool clock_known;
	int64_t now; /* its wall clock, nanoseconds since 1970, as of the last timer tick */
	uint64_t up; /* since it booted, suspends included, at the same moment; nanoseconds */
	char clocksource[33]; /* what its clock is made from: "tsc", "xen", ... */
};

/* uname of the initial namespace, and the clocks. */
int tocsin_system_read(struct tocsin_kernel *k, struct tocsin_system *ret,
		       struct tocsin_error *err);

/* ---- modules ---- */

#define TOCSIN_MODULE_NAME_SIZE 56

/* enum module_state of the kernel. */
enum { TOCSIN_MODULE_LIVE, TOCSIN_MODULE_COMING, TOCSIN_MODULE_GOING, TOCSIN_MODULE_UNFORMED };

/* "live", "coming", "going", "unformed"; "unknown". */
const char *tocsin_module_state_name(uint32_t state);

struct tocsin_module {
	enum tocsin_confidence confidence; /* contradicted: not in all views, so it hides */
	uint64_t module;                   /* VA of struct module */
	char name[TOCSIN_MODULE_NAME_SIZE + 1];
	uint64_t base;      /* VA of its text */
	uint64_t text_size; /* bytes; may be more, as pages are */
	uint64_t init_base; /* VA of text that is there while it loads; 0: none */
	uint64_t init_size;
	uint64_t size; /* bytes, text and data, but what is freed after loading */
	uint32_t state;
	int32_t references; /* who uses it; not part of what makes a row consistent */
	uint64_t taints;    /* bits: 1 << TAINT_... of the kernel */
	bool in_list, in_sysfs;
	bool in_tree; /* by which the kernel finds whose an address is; false too if it has none */
};

struct tocsin_module_list {
	struct tocsin_module *rows;
	size_t count;
	size_t torn, contradicted;
	bool truncated;
};

/* -ENOTSUP: the kernel was built without modules. Freed with tocsin_module_list_free. */
int tocsin_module_list(struct tocsin_kernel *k, struct tocsin_module_list *ret,
		       struct tocsin_error *err);
void tocsin_module_list_free(struct tocsin_module_list *list);

/* ---- the kernel's code, and who diverts it ---- */

enum tocsin_code_kind {
	TOCSIN_CODE_UNKNOWN, /* nobody accounts for it */
	TOCSIN_CODE_KERNEL,
	TOCSIN_CODE_MODULE,
	TOCSIN_CODE_HIDDEN_MODULE, /* of a module that is in one view only */
	TOCSIN_CODE_BPF,           /* programs and trampolines that BPF made */
	TOCSIN_CODE_FTRACE,        /* trampolines of ftrace */
	TOCSIN_CODE_KPROBE         /* instructions that kprobes moved */
};

/* "unknown", "kernel", "module", "hidden module", "bpf", "ftrace", "kprobe" */
const char *tocsin_code_kind_name(enum tocsin_code_kind kind);

struct tocsin_code_place {
	enum tocsin_code_kind kind;
	char name[128];  /* of the function, the module, or the program; "" */
	uint64_t offset; /* of the address in it */
};

/* Executable memory of the kernel. */
struct tocsin_code_range {
	uint64_t start, end;
	bool writable;
	struct tocsin_code_place place; /* of start */
};

struct tocsin_code;

/* Read who has code where; to be closed by the caller. Valid until the guest changes it. */
int tocsin_code_open(struct tocsin_kernel *k, struct tocsin_code **ret, struct tocsin_error *err);
void tocsin_code_close(struct tocsin_code *code);

/* Whose code is at va? */
void tocsin_code_at(const struct tocsin_code *code, uint64_t va, struct tocsin_code_place *ret);

/*
 * What the kernel's page tables say is executable and nobody accounts for, or is writable too; at
 * most size rows in ret, their number in count. -E2BIG: there are more.
 */
int tocsin_code_strays(const struct tocsin_code *code, struct tocsin_code_range *ret, size_t size,
		       size_t *count, struct tocsin_error *err);

enum tocsin_hook_kind {
	TOCSIN_HOOK_SYSCALL,   /* an entry of the table of system calls is not its function */
	TOCSIN_HOOK_INTERRUPT, /* an entry of the IDT leads out of the kernel's text */
	TOCSIN_HOOK_TABLE,     /* so does one of a table of functions that files or sockets have */
	TOCSIN_HOOK_TTY,       /* the same of a line discipline */
	TOCSIN_HOOK_KEYBOARD,  /* who is told of every key */
	TOCSIN_HOOK_INLINE,    /* a function begins with a jump out of the kernel */
	TOCSIN_HOOK_FTRACE,    /* who has registered to be called by other functions */
	TOCSIN_HOOK_KPROBE,    /* the same at any instruction */
	TOCSIN_HOOK_NETFILTER  /* the same for packets */
};

/* "syscall", "interrupt", "table", "tty", "keyboard", "inline", "ftrace", "kprobe", "netfilter" */
const char *tocsin_hook_kind_name(enum tocsin_hook_kind kind);

struct tocsin_hook {
	enum tocsin_hook_kind kind;
	char name[128]; /* what is diverted: "sys_call_table[217]", "tcp4_seq_ops+0x18", ... */
	uint64_t at;    /* VA of the pointer, the instruction or the record */
	uint64_t target;
	struct tocsin_code_place place; /* of target */
};

struct tocsin_hook_list {
	struct tocsin_hook *rows;
	size_t count;
	size_t torn;    /* that did not hold still: not in rows */
	size_t unknown; /* tables of which this kernel has none, or in no known layout */
	bool truncated;
};

/*
 * Of the first six kinds, what is not as the kernel was built; of the others, all. Freed with
 * tocsin_hook_list_free.
 */
int tocsin_hook_list(struct tocsin_kernel *k, const struct tocsin_code *code,
		     struct tocsin_hook_list *ret, struct tocsin_error *err);
void tocsin_hook_list_free(struct tocsin_hook_list *list);

enum tocsin_transfer_kind {
	TOCSIN_TRANSFER_CALL,
	TOCSIN_TRANSFER_JUMP,
	TOCSIN_TRANSFER_BREAKPOINT /* leads wherever the handler of breakpoints likes */
};

/* Bytes in the text of the kernel or of a module that lead elsewhere if they are instructions. */
struct tocsin_transfer {
	enum tocsin_transfer_kind kind;
	uint64_t function, end; /* of the function that they lie in, as symbols tell */
	uint64_t at;
	uint64_t target; /* of a breakpoint: 0 */
	uint8_t size;    /* bytes */
};

struct tocsin_transfer_list {
	struct tocsin_transfer *rows; /* of the kernel, then of each module, by address */
	size_t count;
	size_t torn;                /* that did not hold still: not in rows */
	uint64_t bytes, unreadable; /* of text */
	bool truncated;
};

/*
 * What may lead from the middle of functions to code that can be executed and that the kernel's
 * own patching does not account for, or stop there for a breakpoint that is no kprobe's.
 * Candidates: whether an instruction begins there shows by disassembling from the beginning of the
 * function. Beginnings are tocsin_hook_list's. Freed with tocsin_transfer_list_free.
 */
int tocsin_transfer_list(struct tocsin_kernel *k, const struct tocsin_code *code,
			 struct tocsin_transfer_list *ret, struct tocsin_error *err);
void tocsin_transfer_list_free(struct tocsin_transfer_list *list);

struct tocsin_bpf_program {
	enum tocsin_confidence confidence;
	uint64_t program; /* VA of struct bpf_prog */
	uint32_t id;
	uint32_t type; /* BPF_PROG_TYPE_..., <linux/bpf.h> */
	uint32_t uid;  /* who loaded it */
	char name[17];
	uint8_t tag[8];
	uint64_t load_time; /* nanoseconds since boot */
	uint64_t code;      /* VA of what was compiled; 0: nothing */
	bool writes_user;   /* calls bpf_probe_write_user */
	bool overrides;     /* calls bpf_override_return */
	bool sends_signals; /* calls bpf_send_signal, or that of a thread */
};

struct tocsin_bpf_list {
	struct tocsin_bpf_program *rows;
	size_t count;
	size_t torn;
	bool truncated;
};

/* "kprobe", "tracing", ... as bpftool names them; "unknown". */
const char *tocsin_bpf_type_name(uint32_t type);

/* The eBPF programs that are loaded. -ENOTSUP: the kernel has none. Freed with
 * tocsin_bpf_list_free.
 */
int tocsin_bpf_list(struct tocsin_kernel *k, struct tocsin_bpf_list *ret, struct tocsin_error *err);
void tocsin_bpf_list_free(struct tocsin_bpf_list *list);

/* ---- the kernel's log ---- */

struct tocsin_log_record {
	uint64_t seq;
	uint64_t time; /* nanoseconds since boot */
	uint8_t level, facility;
	size_t text, size; /* bytes [text, text + size) of the log's text; any bytes, no NUL */
};

struct tocsin_log {
	struct tocsin_log_record *rows; /* the oldest first */
	size_t count;
	size_t torn; /* records that were being written or overwritten: not in rows */
	char *text;
	size_t text_size;
};

/* -ENOTSUP: the kernel keeps it in no known way. Freed with tocsin_log_free. */
int tocsin_log_read(struct tocsin_kernel *k, struct tocsin_log *ret, struct tocsin_error *err);
void tocsin_log_free(struct tocsin_log *log);

#ifdef __cplusplus
}
#endif

#endif
