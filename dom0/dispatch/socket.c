/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Messages over sockets, and descriptors along with them. */
#include "dispatch/packet.h"

#include <errno.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/uio.h>
#include <unistd.h>

union control {
	struct cmsghdr head;
	char room[CMSG_SPACE(sizeof(int))];
};

int tocsin_msg_send(int socket, const uint8_t *bytes, size_t size, int fd, int flags)
{
	struct iovec part = {(void *)bytes, size};
	union control control;
	struct msghdr m = {.msg_iov = &part, .msg_iovlen = 1};
	ssize_t n;

	if (fd >= 0) {
		memset(&control, 0, sizeof(control));
		m.msg_control = &control;
		m.msg_controllen = sizeof(control);
		control.head.cmsg_level = SOL_SOCKET;
		control.head.cmsg_type = SCM_RIGHTS;
		control.head.cmsg_len = CMSG_LEN(sizeof(int));
		memcpy(CMSG_DATA(&control.head), &fd, sizeof(fd));
	}
	do
		n = sendmsg(socket, &m, flags | MSG_NOSIGNAL);
	while (n < 0 && errno == EINTR);
	return n < 0 ? -errno : 0;
}

static int passed_fd(struct msghdr *m)
{
	struct cmsghdr *c = CMSG_FIRSTHDR(m);
	int fd;

	if (!c || c->cmsg_level != SOL_SOCKET || c->cmsg_type != SCM_RIGHTS ||
	    c->cmsg_len != CMSG_LEN(sizeof(int)))
		return -1;
	memcpy(&fd, CMSG_DATA(c), sizeof(fd));
	return fd;
}

static ssize_t receive(int socket, uint8_t *bytes, size_t room, int *fd, int flags)
{
	struct iovec part = {bytes, room};
	union control control;
	struct msghdr m = {.msg_iov = &part, .msg_iovlen = 1};
	ssize_t n;

	if (fd) {
		*fd = -1;
		m.msg_control = &control;
		m.msg_controllen = sizeof(control);
	}
	do
		n = recvmsg(socket, &m, flags | MSG_CMSG_CLOEXEC);
	while (n < 0 && errno == EINTR);
	if (n < 0)
		return errno == ECONNRESET ? 0 : -errno;
	if (fd)
		*fd = passed_fd(&m);
	if (!(m.msg_flags & (MSG_TRUNC | MSG_CTRUNC)))
		return n;
	if (fd && *fd >= 0)
		close(*fd);
	return -EBADMSG;
}

ssize_t tocsin_msg_receive(int socket, uint8_t bytes[TOCSIN_MESSAGE_MAX], int *fd, int flags)
{
	return receive(socket, bytes, TOCSIN_MESSAGE_MAX, fd, flags);
}

/* ---- packets ---- */

bool tocsin_packet_add(struct tocsin_packet *p, const uint8_t *message, size_t size)
{
	uint32_t length = (uint32_t)size;

	if (size > TOCSIN_MESSAGE_MAX || size + sizeof(length) > sizeof(p->bytes) - p->size)
		return false;
	memcpy(p->bytes + p->size, &length, sizeof(length));
	memcpy(p->bytes + p->size + sizeof(length), message, size);
	p->size += sizeof(length) + size;
	return true;
}

int tocsin_packet_send(struct tocsin_packet *p, int socket, int flags)
{
	int rc = p->size ? tocsin_msg_send(socket, p->bytes, p->size, -1, flags) : 0;

	if (!rc)
		p->size = 0;
	return rc;
}

int tocsin_packet_say(struct tocsin_packet *p, int socket, const uint8_t *message, size_t size)
{
	int rc;

	if (tocsin_packet_add(p, message, size))
		return 0;
	rc = tocsin_packet_send(p, socket, 0);
	if (!rc)
		tocsin_packet_add(p, message, size);
	return rc;
}

ssize_t tocsin_packet_receive(struct tocsin_packet *p, int socket, int flags)
{
	ssize_t n = receive(socket, p->bytes, sizeof(p->bytes), NULL, flags);

	p->at = 0;
	p->size = n > 0 ? (size_t)n : 0;
	return n;
}

int tocsin_packet_next(struct tocsin_packet *p, const uint8_t **message, size_t *size)
{
	size_t left = p->size - p->at;
	uint32_t length;

	if (!left)
		return 0;
	if (left < sizeof(length))
		return -EBADMSG;
	memcpy(&length, p->bytes + p->at, sizeof(length));
	if (!length || length > left - sizeof(length) || length > TOCSIN_MESSAGE_MAX)
		return -EBADMSG;
	*message = p->bytes + p->at + sizeof(length);
	*size = length;
	p->at += sizeof(length) + length;
	return 1;
}
