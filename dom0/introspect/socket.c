// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * One socket: from struct sock to the row that ss(8) would print, of whatever family. The object
 * may be freed and used anew while it is read: a reading takes all that struct sock itself has in
 * one copy, follows its pointers, and is compared with another by who calls; if after all that the
 * struct sock is what the copy has, byte for byte, another reading would say the same.
 *
 * TIME_WAIT and a connection that is only half there have objects of their own, of which just the
 * beginning is a struct sock.
 *
 * Sources: include/net/sock.h and af_unix.h of the kernel; the queues as get_tcp4_sock() and
 * udp4_format_sock() compute them, bytes and times as tcp_get_info().
 */
#include "introspect/socket.h"

#include <arpa/inet.h>
#include <errno.h>
#include <netinet/in.h>
#include <string.h>
#include <sys/socket.h>

#define STATE_SYN_SENT 2
#define STATE_FIN_WAIT2 5
#define STATE_TIME_WAIT 6
#define STATE_CLOSE 7
#define STATE_LISTEN 10
#define STATE_NEW_SYN_RECV 12
#define STATE_MAX 13
#define BLOCK_MAX 2048
#define RETRIES 8
#define TIME_WAIT_LENGTH 60000000000ull /* TCP_TIMEWAIT_LEN */

struct reading {
	const struct tocsin_socket_reader *r;
	struct tocsin_socket *s;
	bool small;               /* of TIME_WAIT or of a connection that is half there */
	uint64_t unix_address;    /* VA of a UNIX socket's name, or 0 */
	uint8_t block[BLOCK_MAX]; /* the beginning of the struct sock */
};

static uint32_t widest(const uint32_t *offsets, size_t count)
{
	uint32_t most = 0;

	for (size_t i = 0; i < count; i++)
		if (offsets[i] != TOCSIN_NO_MEMBER && offsets[i] + 8 > most)
			most = offsets[i] + 8;
	return most;
}

int tocsin_socket_reader_open(struct tocsin_kernel *k, struct tocsin_socket_reader *ret,
			      struct tocsin_error *err)
{
	struct tocsin_socket_reader r = {.k = k};
	const struct tocsin_file_layout *f;
	int rc = tocsin_process_layout(k, &r.l, err);

	if (!rc)
		rc = tocsin_file_layout(k, &r.f, err);
	if (rc)
		return rc;
	f = r.f;
	const uint32_t common[] = {f->sk_family, f->sk_state,  f->sk_net,
				   f->sk_daddr,  f->sk_saddr,  f->sk_dport,
				   f->sk_num,    f->sk_refcnt, f->sk_interface};
	const uint32_t six[] = {f->sk_saddr6, f->sk_daddr6};
	const uint32_t whole[] = {f->sk_socket, f->sk_type,  f->sk_protocol,
				  f->sk_rmem,   f->sk_wmem,  f->sk_ack_backlog,
				  f->sk_flags,  f->sk_uid,   f->sk_max_ack_backlog,
				  f->sk_kern,   f->sk_owned, f->sk_spin,
				  f->sk_spin_rt};

	r.common = widest(common, sizeof(common) / sizeof(common[0]));
	r.whole = widest(six, 2) + 8;
	r.common = r.whole > r.common ? r.whole : r.common;
	r.whole = widest(whole, sizeof(whole) / sizeof(whole[0]));
	r.whole = r.common > r.whole ? r.common : r.whole;
	if (r.whole > BLOCK_MAX)
		return tocsin_error_set(err, -ENOTSUP, "a socket is too large");
	if (f->at_jiffies && tocsin_kernel_read(k, f->at_jiffies, &r.now, sizeof(r.now)))
		return tocsin_error_at(err, -EFAULT, f->at_jiffies, "jiffies cannot be read");
	*ret = r;
	return 0;
}

static int read_u32(const struct reading *g, uint64_t va, uint32_t *ret)
{
	return tocsin_kernel_read(g->r->k, va, ret, 4);
}

/* A member of the struct sock; 0 if the kernel has none. */
static void take(const struct reading *g, uint32_t offset, void *ret, size_t size)
{
	if (offset == TOCSIN_NO_MEMBER)
		memset(ret, 0, size);
	else
		memcpy(ret, g->block + offset, size);
}

static uint16_t take_u16(const struct reading *g, uint32_t offset)
{
	uint16_t v;

	take(g, offset, &v, sizeof(v));
	return v;
}

static uint32_t take_u32(const struct reading *g, uint32_t offset)
{
	uint32_t v;

	take(g, offset, &v, sizeof(v));
	return v;
}

static uint64_t take_u64(const struct reading *g, uint32_t offset)
{
	uint64_t v;

	take(g, offset, &v, sizeof(v));
	return v;
}

static bool is_internet(const struct tocsin_socket *s)
{
	return s->family == AF_INET || s->family == AF_INET6;
}

/* Not a full socket? */
static bool is_small(const struct tocsin_socket *s)
{
	return is_internet(s) && (s->state == STATE_TIME_WAIT || s->state == STATE_NEW_SYN_RECV);
}

static int read_addresses(const struct reading *g)
{
	const struct tocsin_file_layout *f = g->r->f;
	struct tocsin_socket *s = g->s;

	if (s->family == AF_INET6) {
		if (f->sk_saddr6 == TOCSIN_NO_MEMBER || f->sk_daddr6 == TOCSIN_NO_MEMBER)
			return -ENOTSUP;
		take(g, f->sk_saddr6, s->local, 16);
		take(g, f->sk_daddr6, s->remote, 16);
	} else {
		take(g, f->sk_saddr, s->local, 4);
		take(g, f->sk_daddr, s->remote, 4);
	}
	s->local_port = take_u16(g, f->sk_num);
	s->remote_port = ntohs(take_u16(g, f->sk_dport));
	return 0;
}

static int read_tcp_queues(const struct reading *g)
{
	const struct tocsin_file_layout *f = g->r->f;
	struct tocsin_socket *s = g->s;
	uint32_t next, copied, written, acknowledged;

	if (s->state == STATE_LISTEN) {
		s->receive_queue = take_u32(g, f->sk_ack_backlog);
		s->send_queue = take_u32(g, f->sk_max_ack_backlog);
		return 0;
	}
	if (read_u32(g, s->sock + f->tcp_rcv_nxt, &next) ||
	    read_u32(g, s->sock + f->tcp_copied_seq, &copied) ||
	    read_u32(g, s->sock + f->tcp_write_seq, &written) ||
	    read_u32(g, s->sock + f->tcp_snd_una, &acknowledged))
		return -EFAULT;
	s->receive_queue = (int32_t)(next - copied) > 0 ? next - copied : 0;
	s->send_queue = written - acknowledged;
	return 0;
}

static int read_queues(const struct reading *g)
{
	const struct tocsin_file_layout *f = g->r->f;
	struct tocsin_socket *s = g->s;
	uint32_t received = take_u32(g, f->sk_rmem), sent = take_u32(g, f->sk_wmem), deficit = 0;

	if ((s->protocol == IPPROTO_UDP || s->protocol == IPPROTO_UDPLITE) &&
	    s->type == SOCK_DGRAM && f->udp_deficit != TOCSIN_NO_MEMBER &&
	    read_u32(g, s->sock + f->udp_deficit, &deficit))
		return -EFAULT;
	s->receive_queue = received - deficit;
	s->send_queue = sent ? sent - 1 : 0; /* the socket itself counts one */
	return 0;
}

/* Since the stamp, in nanoseconds; one that is newer than the clock that was read is now. */
static uint64_t since(const struct tocsin_socket_reader *r, uint32_t stamp)
{
	int32_t ticks = (int32_t)(r->now - stamp);

	return ticks > 0 ? (uint64_t)ticks * r->f->tick : 0;
}

/* What a connection has carried, and when. */
static int read_traffic(const struct reading *g)
{
	const struct tocsin_file_layout *f = g->r->f;
	struct tocsin_socket *s = g->s;
	uint32_t sent_at, received_at;

	if (s->state == STATE_LISTEN || s->state == STATE_CLOSE || s->state == STATE_SYN_SENT)
		return 0;
	if (f->tcp_bytes_sent != TOCSIN_NO_MEMBER && f->tcp_bytes_received != TOCSIN_NO_MEMBER) {
		if (tocsin_kernel_read_u64(g->r->k, s->sock + f->tcp_bytes_sent, &s->bytes_sent) ||
		    tocsin_kernel_read_u64(g->r->k, s->sock + f->tcp_bytes_received,
					   &s->bytes_received))
			return -EFAULT;
		s->counted = true;
	}
	if (!f->tick || !f->at_jiffies || f->tcp_sent_at == TOCSIN_NO_MEMBER ||
	    f->tcp_received_at == TOCSIN_NO_MEMBER)
		return 0;
	if (read_u32(g, s->sock + f->tcp_sent_at, &sent_at) ||
	    read_u32(g, s->sock + f->tcp_received_at, &received_at))
		return -EFAULT;
	s->idle = since(g->r, sent_at);
	if (since(g->r, received_at) < s->idle)
		s->idle = since(g->r, received_at);
	return 0;
}

static int read_unix(struct reading *g)
{
	const struct tocsin_file_layout *f = g->r->f;
	struct tocsin_kernel *k = g->r->k;
	struct tocsin_socket *s = g->s;
	const size_t head = offsetof(
	    struct {
		    uint16_t family;
		    char path[1];
	    },
	    path);
	uint64_t address;
	uint32_t length;

	if (f->unix_addr == TOCSIN_NO_MEMBER || f->unix_peer == TOCSIN_NO_MEMBER ||
	    f->unix_address_len == TOCSIN_NO_MEMBER || f->unix_address_name == TOCSIN_NO_MEMBER)
		return -ENOTSUP;
	if (tocsin_kernel_read_u64(k, s->sock + f->unix_addr, &address) ||
	    tocsin_kernel_read_u64(k, s->sock + f->unix_peer, &s->peer))
		return -EFAULT;
	g->unix_address = address;
	if (!address)
		return 0;
	if (read_u32(g, address + f->unix_address_len, &length))
		return -EFAULT;
	if (length < head || length - head > sizeof(s->name) + 1)
		return -EAGAIN;
	s->name_size = length - head;
	if (s->name_size > sizeof(s->name)) /* the kernel's NUL after a name that fills it */
		s->name_size = sizeof(s->name);
	if (tocsin_kernel_read(k, address + f->unix_address_name + head, s->name, s->name_size))
		return -EFAULT;
	if (s->name_size && s->name[0]) /* a path ends at its NUL, an abstract name may hold some */
		s->name_size = strnlen(s->name, s->name_size);
	memset(s->name + s->name_size, 0, sizeof(s->name) - s->name_size);
	return 0;
}

static int read_netlink(const struct reading *g)
{
	const struct tocsin_file_layout *f = g->r->f;
	struct tocsin_socket *s = g->s;
	uint64_t groups;
	uint8_t bound = 1;

	if (f->netlink_port == TOCSIN_NO_MEMBER || f->netlink_groups == TOCSIN_NO_MEMBER)
		return 0;
	if (read_u32(g, s->sock + f->netlink_port, &s->port_id) ||
	    tocsin_kernel_read_u64(g->r->k, s->sock + f->netlink_groups, &groups) ||
	    (groups && read_u32(g, groups, &s->groups)) ||
	    (f->netlink_bound != TOCSIN_NO_MEMBER &&
	     tocsin_kernel_read(g->r->k, s->sock + f->netlink_bound, &bound, 1)))
		return -EFAULT;
	if (!bound) /* one that it asked for and did not get */
		s->port_id = 0;
	return 0;
}

static int read_packet(const struct reading *g)
{
	const struct tocsin_file_layout *f = g->r->f;
	struct tocsin_socket *s = g->s;
	uint16_t protocol;

	if (f->packet_interface == TOCSIN_NO_MEMBER || f->packet_protocol == TOCSIN_NO_MEMBER)
		return 0;
	if (read_u32(g, s->sock + f->packet_interface, &s->interface) ||
	    tocsin_kernel_read(g->r->k, s->sock + f->packet_protocol, &protocol, 2))
		return -EFAULT;
	s->protocol = ntohs(protocol);
	return 0;
}

/*
 * Somebody changes it: the kernel takes a socket off its table, or puts it there, under its lock,
 * some time before or after it says so in the state (tcp_set_state, tcp_v4_connect). That time may
 * be long where a virtual processor waits for a real one.
 */
static bool is_busy(const struct reading *g)
{
	const struct tocsin_file_layout *f = g->r->f;

	return take_u32(g, f->sk_owned) || take_u32(g, f->sk_spin) || take_u64(g, f->sk_spin_rt);
}

/* Who keeps it, and the number that /proc/net shows. */
static int read_owner(const struct reading *g)
{
	const struct tocsin_file_layout *f = g->r->f;
	uint64_t socket = take_u64(g, f->sk_socket), back, file;
	struct tocsin_kernel *k = g->r->k;
	bool kernels = true;
	uint8_t bits;

	if (!socket) {
		g->s->owner = take_u64(g, f->sk_flags) >> (f->dead_flag & 63) & 1
				  ? TOCSIN_OWNER_NONE
				  : TOCSIN_OWNER_QUEUE;
		return 0;
	}
	if (f->sk_kern != TOCSIN_NO_MEMBER) {
		take(g, f->sk_kern, &bits, 1);
		kernels = bits >> (f->sk_kern_bit & 7) & 1;
	}
	if (tocsin_kernel_read_u64(k, socket + f->socket_sk, &back) ||
	    tocsin_kernel_read_u64(k, socket + f->socket_file, &file) ||
	    tocsin_kernel_read_u64(
		k, socket - f->alloc_socket + f->alloc_inode + g->r->l->inode_ino, &g->s->inode))
		return -EFAULT;
	if (back != g->s->sock && !kernels)
		return -EAGAIN;
	/* One of its own, or, as MPTCP makes them, a part of somebody else's. */
	g->s->owner =
	    kernels && (!file || back != g->s->sock) ? TOCSIN_OWNER_KERNEL : TOCSIN_OWNER_FILE;
	return 0;
}

static void read_small(const struct reading *g)
{
	const struct tocsin_file_layout *f = g->r->f;
	struct tocsin_socket *s = g->s;
	uint64_t left, expires;
	uint8_t state;

	s->type = SOCK_STREAM;
	s->protocol = IPPROTO_TCP;
	s->owner = s->state == STATE_TIME_WAIT ? TOCSIN_OWNER_NONE : TOCSIN_OWNER_QUEUE;
	if (s->owner == TOCSIN_OWNER_QUEUE || f->tw_substate == TOCSIN_NO_MEMBER ||
	    tocsin_kernel_read(g->r->k, s->sock + f->tw_substate, &state, 1))
		return;
	if (state == STATE_FIN_WAIT2) /* closed here, and the other end has not yet: as ss has it */
		s->state = state;
	if (state != STATE_TIME_WAIT || !f->tick || !f->at_jiffies ||
	    f->tw_expires == TOCSIN_NO_MEMBER ||
	    tocsin_kernel_read_u64(g->r->k, s->sock + f->tw_expires, &expires))
		return;
	left = (uint64_t)(uint32_t)((uint32_t)expires - g->r->now) * f->tick;
	if (left <= TIME_WAIT_LENGTH)
		s->idle = TIME_WAIT_LENGTH - left;
}

static int read_full(struct reading *g)
{
	const struct tocsin_file_layout *f = g->r->f;
	struct tocsin_socket *s = g->s;
	int rc = read_owner(g);

	if (rc)
		return rc;
	s->type = take_u16(g, f->sk_type);
	s->protocol = take_u16(g, f->sk_protocol);
	if (f->sk_uid != TOCSIN_NO_MEMBER)
		s->uid = take_u32(g, f->sk_uid);
	if (is_internet(s) && s->protocol == IPPROTO_TCP) {
		rc = read_tcp_queues(g);
		return rc ? rc : read_traffic(g);
	}
	if (s->family == AF_UNIX)
		rc = read_unix(g);
	else if (s->family == AF_NETLINK)
		rc = read_netlink(g);
	else if (s->family == AF_PACKET)
		rc = read_packet(g);
	return rc ? rc : read_queues(g);
}

/* Is the struct sock still what was taken of it, and so all that was read by way of it? */
static bool is_still(const struct reading *g)
{
	const struct tocsin_file_layout *f = g->r->f;
	const struct tocsin_socket *s = g->s;
	size_t size = g->small ? g->r->common : g->r->whole;
	const uint8_t *bytes = tocsin_kernel_peek(g->r->k, s->sock, size);
	uint8_t copy[BLOCK_MAX];
	uint64_t address, peer;

	if (s->family == AF_UNIX) { /* what lies behind the struct sock */
		if (tocsin_kernel_read_u64(g->r->k, s->sock + f->unix_addr, &address) ||
		    tocsin_kernel_read_u64(g->r->k, s->sock + f->unix_peer, &peer) ||
		    address != g->unix_address || peer != s->peer)
			return false;
	} else if (!is_internet(s)) {
		return false;
	}
	if (!bytes && tocsin_kernel_read(g->r->k, s->sock, copy, size))
		return false;
	__atomic_signal_fence(__ATOMIC_SEQ_CST); /* read again, not remembered */
	return !memcmp(g->block, bytes ? bytes : copy, size);
}

int tocsin_socket_read(const struct tocsin_socket_reader *r, uint64_t sock,
		       struct tocsin_socket *ret, bool *still)
{
	const struct tocsin_file_layout *f = r->f;
	struct tocsin_socket s = {.sock = sock, .uid = UINT32_MAX, .idle = UINT64_MAX};
	struct reading g; /* its block is not worth clearing */
	bool whole;
	int rc = 0;

	g.r = r;
	g.s = &s;
	g.unix_address = 0;

	whole = !tocsin_kernel_read(r->k, sock, g.block, r->whole);
	if (!whole && tocsin_kernel_read(r->k, sock, g.block, r->common))
		return -EFAULT;
	if (f->sk_refcnt != TOCSIN_NO_MEMBER && !take_u32(&g, f->sk_refcnt))
		return -ESRCH;
	s.family = take_u16(&g, f->sk_family);
	take(&g, f->sk_state, &s.state, 1);
	s.interface = take_u32(&g, f->sk_interface);
	if (!s.family || s.family >= AF_MAX || s.state >= STATE_MAX)
		return -EAGAIN;
	if (read_u32(&g, take_u64(&g, f->sk_net) + f->net_inum, &s.netns))
		return -EFAULT;
	if (is_internet(&s))
		rc = read_addresses(&g);
	g.small = is_small(&s);
	if (!rc && g.small)
		read_small(&g);
	else if (!rc)
		rc = whole ? read_full(&g) : -EFAULT;
	if (rc)
		return rc;
	s.busy = whole && !g.small && is_busy(&g);
	*still = is_still(&g);
	*ret = s;
	return 0;
}

bool tocsin_socket_same(const struct tocsin_socket *x, const struct tocsin_socket *y)
{
	return x->sock == y->sock && x->inode == y->inode && x->family == y->family &&
	       x->type == y->type && x->protocol == y->protocol && x->state == y->state &&
	       x->owner == y->owner && x->uid == y->uid && x->interface == y->interface &&
	       x->netns == y->netns && !memcmp(x->local, y->local, sizeof(x->local)) &&
	       !memcmp(x->remote, y->remote, sizeof(x->remote)) && x->local_port == y->local_port &&
	       x->remote_port == y->remote_port && x->name_size == y->name_size &&
	       !memcmp(x->name, y->name, sizeof(x->name)) && x->peer == y->peer &&
	       x->port_id == y->port_id && x->groups == y->groups;
}

/*
 * Is its file being closed? From when the last descriptor is gone until the socket is: that can
 * take a while, as when the protocol waits for all who may still read of it. Kernels since 6.13
 * count otherwise.
 */
static bool is_closing(const struct tocsin_socket_reader *r, uint64_t sock)
{
	uint64_t socket, file, count;

	return r->f->file_count != TOCSIN_NO_MEMBER &&
	       !tocsin_kernel_read_u64(r->k, sock + r->f->sk_socket, &socket) &&
	       !tocsin_kernel_read_u64(r->k, socket + r->f->socket_file, &file) && file &&
	       !tocsin_kernel_read_u64(r->k, file + r->f->file_count, &count) && !count;
}

int tocsin_socket_at(struct tocsin_kernel *k, uint64_t sock, struct tocsin_socket *ret,
		     struct tocsin_error *err)
{
	struct tocsin_socket_reader r;
	struct tocsin_socket s[2];
	int rc = tocsin_socket_reader_open(k, &r, err), before = -EAGAIN;
	bool still;

	if (rc)
		return rc;
	for (int i = 0; i < RETRIES; i++) {
		tocsin_kernel_wait(k, i);
		rc = tocsin_socket_read(&r, sock, &s[i & 1], &still);
		if (!rc && still)
			s[0] = s[i & 1];
		if (rc == -ESRCH ||
		    (!rc && (still || (!before && tocsin_socket_same(&s[0], &s[1])))))
			break;
		before = rc;
		rc = rc ? rc : -EAGAIN;
	}
	if (rc)
		return tocsin_error_at(err, rc, sock, "the socket cannot be read: %s",
				       strerror(-rc));
	if (s[0].owner == TOCSIN_OWNER_FILE && is_closing(&r, sock))
		s[0].owner = TOCSIN_OWNER_NONE;
	*ret = s[0];
	return 0;
}

const char *tocsin_socket_kind(const struct tocsin_socket *s)
{
	bool six = s->family == AF_INET6;

	switch (s->family) {
	case AF_UNIX:
		return "unix";
	case AF_NETLINK:
		return "netlink";
	case AF_PACKET:
		return "packet";
	case AF_VSOCK:
		return "vsock";
	case AF_INET:
	case AF_INET6:
		break;
	default:
		return "other";
	}
	if (s->type == SOCK_RAW)
		return six ? "raw6" : "raw";
	switch (s->protocol) {
	case IPPROTO_TCP:
		return six ? "tcp6" : "tcp";
	case IPPROTO_UDP:
		return six ? "udp6" : "udp";
	case IPPROTO_UDPLITE:
		return six ? "udplite6" : "udplite";
	case IPPROTO_MPTCP:
		return six ? "mptcp6" : "mptcp";
	case IPPROTO_ICMP:
	case IPPROTO_ICMPV6:
		return six ? "ping6" : "ping";
	default:
		return "other";
	}
}

const char *tocsin_socket_state(const struct tocsin_socket *s)
{
	static const char *const names[STATE_MAX] = {
	    "",      "ESTABLISHED", "SYN_SENT", "SYN_RECV", "FIN_WAIT1", "FIN_WAIT2", "TIME_WAIT",
	    "CLOSE", "CLOSE_WAIT",  "LAST_ACK", "LISTEN",   "CLOSING",   "SYN_RECV"};

	/* Datagram sockets use two of the numbers: connected, and not. */
	if (s->state >= STATE_MAX || (s->family == AF_NETLINK || s->family == AF_PACKET))
		return "";
	return names[s->state];
}

const char *tocsin_socket_owner_name(enum tocsin_socket_owner owner)
{
	static const char *const names[] = {"file", "kernel", "queue", "none"};

	return (unsigned int)owner < 4 ? names[owner] : "unknown";
}

const char *tocsin_socket_table_name(enum tocsin_socket_table table)
{
	static const char *const names[TOCSIN_TABLES] = {"tcp",  "udp",     "raw",   "ping",
							 "unix", "netlink", "packet"};

	return (unsigned int)table < TOCSIN_TABLES ? names[table] : "none";
}

static enum tocsin_socket_table internet_table(const struct tocsin_socket *s)
{
	if (s->type == SOCK_RAW)
		return TOCSIN_TABLE_RAW;
	if (s->type == SOCK_STREAM && s->protocol == IPPROTO_TCP)
		return s->state == STATE_CLOSE ? TOCSIN_TABLES : TOCSIN_TABLE_TCP;
	if (s->type != SOCK_DGRAM || !s->local_port)
		return TOCSIN_TABLES;
	switch (s->protocol) {
	case IPPROTO_UDP:
	case IPPROTO_UDPLITE:
		return TOCSIN_TABLE_UDP;
	case IPPROTO_ICMP:
	case IPPROTO_ICMPV6:
		return TOCSIN_TABLE_PING;
	default:
		return TOCSIN_TABLES;
	}
}

enum tocsin_socket_table tocsin_socket_table_of(const struct tocsin_socket *s)
{
	switch (s->family) {
	case AF_INET:
	case AF_INET6:
		return internet_table(s);
	case AF_UNIX:
		return TOCSIN_TABLE_UNIX;
	case AF_PACKET:
		return TOCSIN_TABLE_PACKET;
	case AF_NETLINK:
		return s->port_id ? TOCSIN_TABLE_NETLINK : TOCSIN_TABLES;
	default:
		return TOCSIN_TABLES;
	}
}

bool tocsin_socket_in_table(const struct tocsin_socket *s)
{
	return tocsin_socket_table_of(s) != TOCSIN_TABLES;
}
