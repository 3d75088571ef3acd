// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * One socket: from struct sock to the row that ss(8) would print, of whatever family. The object
 * may be freed and used anew while it is read: who calls compares two readings.
 *
 * Sources: include/net/sock.h and af_unix.h of the kernel; the queues as get_tcp4_sock() and
 * udp4_format_sock() compute them.
 */
#include "introspect/file.h"

#include <arpa/inet.h>
#include <errno.h>
#include <netinet/in.h>
#include <string.h>
#include <sys/socket.h>

#define STATE_LISTEN 10
#define STATE_MAX 13

static int read_u16(struct tocsin_kernel *k, uint64_t va, uint16_t *ret)
{
	return tocsin_kernel_read(k, va, ret, 2);
}

static int read_u32(struct tocsin_kernel *k, uint64_t va, uint32_t *ret)
{
	return tocsin_kernel_read(k, va, ret, 4);
}

static int read_addresses(struct tocsin_kernel *k, const struct tocsin_file_layout *f,
			  struct tocsin_socket *s)
{
	uint64_t local = s->sock + f->sk_saddr, remote = s->sock + f->sk_daddr;
	size_t size = 4;
	uint16_t port;

	if (s->family == AF_INET6) {
		if (f->sk_saddr6 == TOCSIN_NO_MEMBER || f->sk_daddr6 == TOCSIN_NO_MEMBER)
			return -ENOTSUP;
		local = s->sock + f->sk_saddr6;
		remote = s->sock + f->sk_daddr6;
		size = 16;
	}
	if (tocsin_kernel_read(k, local, s->local, size) ||
	    tocsin_kernel_read(k, remote, s->remote, size) ||
	    read_u16(k, s->sock + f->sk_num, &s->local_port) ||
	    read_u16(k, s->sock + f->sk_dport, &port))
		return -EFAULT;
	s->remote_port = ntohs(port);
	return 0;
}

static int read_tcp_queues(struct tocsin_kernel *k, const struct tocsin_file_layout *f,
			   struct tocsin_socket *s)
{
	uint32_t next, copied, written, acknowledged;

	if (s->state == STATE_LISTEN) {
		if (read_u32(k, s->sock + f->sk_ack_backlog, &s->receive_queue) ||
		    read_u32(k, s->sock + f->sk_max_ack_backlog, &s->send_queue))
			return -EFAULT;
		return 0;
	}
	if (read_u32(k, s->sock + f->tcp_rcv_nxt, &next) ||
	    read_u32(k, s->sock + f->tcp_copied_seq, &copied) ||
	    read_u32(k, s->sock + f->tcp_write_seq, &written) ||
	    read_u32(k, s->sock + f->tcp_snd_una, &acknowledged))
		return -EFAULT;
	s->receive_queue = (int32_t)(next - copied) > 0 ? next - copied : 0;
	s->send_queue = written - acknowledged;
	return 0;
}

static int read_queues(struct tocsin_kernel *k, const struct tocsin_file_layout *f,
		       struct tocsin_socket *s)
{
	uint32_t received, sent, deficit = 0;

	if (s->protocol == IPPROTO_TCP && s->family != AF_UNIX && s->family != AF_NETLINK)
		return read_tcp_queues(k, f, s);
	if (read_u32(k, s->sock + f->sk_rmem, &received) ||
	    read_u32(k, s->sock + f->sk_wmem, &sent))
		return -EFAULT;
	if (s->protocol == IPPROTO_UDP && s->type == SOCK_DGRAM &&
	    f->udp_deficit != TOCSIN_NO_MEMBER && read_u32(k, s->sock + f->udp_deficit, &deficit))
		return -EFAULT;
	s->receive_queue = received - deficit;
	s->send_queue = sent ? sent - 1 : 0; /* the socket itself counts one */
	return 0;
}

static int read_unix(struct tocsin_kernel *k, const struct tocsin_file_layout *f,
		     struct tocsin_socket *s)
{
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
	if (!address)
		return 0;
	if (read_u32(k, address + f->unix_address_len, &length))
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

int tocsin_socket_read_common(struct tocsin_kernel *k, const struct tocsin_file_layout *f,
			      uint64_t sock, struct tocsin_socket *ret)
{
	struct tocsin_socket s = {.sock = sock};
	uint64_t net;
	int rc = 0;

	if (read_u16(k, sock + f->sk_family, &s.family) ||
	    tocsin_kernel_read(k, sock + f->sk_state, &s.state, 1) ||
	    tocsin_kernel_read_u64(k, sock + f->sk_net, &net) ||
	    read_u32(k, net + f->net_inum, &s.netns))
		return -EFAULT;
	if (!s.family || s.family >= AF_MAX || s.state >= STATE_MAX)
		return -EAGAIN;
	if (s.family == AF_INET || s.family == AF_INET6)
		rc = read_addresses(k, f, &s);
	if (!rc)
		*ret = s;
	return rc;
}

int tocsin_socket_read(struct tocsin_kernel *k, const struct tocsin_file_layout *f, uint64_t sock,
		       struct tocsin_socket *ret)
{
	struct tocsin_socket s;
	int rc = tocsin_socket_read_common(k, f, sock, &s);

	if (rc)
		return rc;
	if (read_u16(k, sock + f->sk_type, &s.type) ||
	    read_u16(k, sock + f->sk_protocol, &s.protocol))
		return -EFAULT;
	if (s.family == AF_UNIX)
		rc = read_unix(k, f, &s);
	if (!rc)
		rc = read_queues(k, f, &s);
	if (!rc)
		*ret = s;
	return rc;
}

bool tocsin_socket_same(const struct tocsin_socket *x, const struct tocsin_socket *y)
{
	return x->sock == y->sock && x->inode == y->inode && x->family == y->family &&
	       x->type == y->type && x->protocol == y->protocol && x->state == y->state &&
	       x->netns == y->netns && !memcmp(x->local, y->local, sizeof(x->local)) &&
	       !memcmp(x->remote, y->remote, sizeof(x->remote)) && x->local_port == y->local_port &&
	       x->remote_port == y->remote_port && x->name_size == y->name_size &&
	       !memcmp(x->name, y->name, sizeof(x->name)) && x->peer == y->peer;
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
