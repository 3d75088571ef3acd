// SPDX-License-Identifier: GPL-2.0-or-later
/* One line of text, written as a whole: a file that was cut short counts as none. */
#include "trace/state.h"

#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

static void uuid_text(const uint8_t uuid[16], char ret[37])
{
	char *at = ret;

	for (int i = 0; i < 16; i++)
		at += snprintf(at, 4, i == 4 || i == 6 || i == 8 || i == 10 ? "-%02x" : "%02x",
			       uuid[i]);
}

static void name_file(const char *folder, uint32_t domid, char *ret, size_t size)
{
	snprintf(ret, size, "%s/trace.%" PRIu32, folder, domid);
}

static void parse(struct tocsin_state *s)
{
	char line[160] = "", uuid[37] = "", own[37] = "", end[8] = "";
	ssize_t n = pread(s->fd, line, sizeof(line) - 1, 0);
	uint64_t first = 0;
	uint32_t frames = 0;
	int altp2m = 0;

	uuid_text(s->uuid, own);
	if (n <= 0 ||
	    sscanf(line, "tocsin-trace 1 %36s first %" SCNx64 " frames %" SCNu32 " altp2m %d %7s",
		   uuid, &first, &frames, &altp2m, end) != 5 ||
	    strcmp(uuid, own) || strcmp(end, "end"))
		return;
	s->first = first;
	s->frames = frames;
	s->altp2m_ours = altp2m;
}

static int open_file(const char *folder, uint32_t domid, int flags)
{
	char path[256];

	name_file(folder, domid, path, sizeof(path));
	return open(path, flags | O_CLOEXEC | O_NOFOLLOW, 0600);
}

int tocsin_state_open(const char *folder, uint32_t domid, const uint8_t uuid[16],
		      struct tocsin_state *ret, pid_t *holder, struct tocsin_error *err)
{
	struct flock lock = {.l_type = F_WRLCK, .l_whence = SEEK_SET};
	struct tocsin_state s = {.domid = domid};

	if (mkdir(folder, 0755) && errno != EEXIST)
		return tocsin_error_set(err, -errno, "cannot make %s: %s", folder, strerror(errno));
	s.fd = open_file(folder, domid, O_RDWR | O_CREAT);
	if (s.fd < 0)
		return tocsin_error_set(err, -errno, "cannot open a file in %s: %s", folder,
					strerror(errno));
	if (fcntl(s.fd, F_SETLK, &lock)) {
		pid_t pid = tocsin_state_holder(folder, domid);

		close(s.fd);
		if (holder)
			*holder = pid;
		return tocsin_error_set(
		    err, -EBUSY, "domain %" PRIu32 " is traced by process %d already", domid, pid);
	}
	memcpy(s.uuid, uuid, sizeof(s.uuid));
	parse(&s);
	*ret = s;
	return 0;
}

pid_t tocsin_state_holder(const char *folder, uint32_t domid)
{
	struct flock lock = {.l_type = F_WRLCK, .l_whence = SEEK_SET};
	int fd = open_file(folder, domid, O_RDWR);
	pid_t pid = 0;

	if (fd < 0)
		return 0;
	if (!fcntl(fd, F_GETLK, &lock) && lock.l_type != F_UNLCK)
		pid = lock.l_pid;
	close(fd);
	return pid;
}

int tocsin_state_write(const struct tocsin_state *s)
{
	char line[160], uuid[37];
	int n;

	if (s->fd < 0)
		return 0;
	uuid_text(s->uuid, uuid);
	n = snprintf(line, sizeof(line),
		     "tocsin-trace 1 %s first %" PRIx64 " frames %" PRIu32 " altp2m %d end\n", uuid,
		     s->first, s->frames, s->altp2m_ours);
	if (pwrite(s->fd, line, (size_t)n, 0) != n || ftruncate(s->fd, n))
		return errno ? -errno : -EIO;
	return 0;
}

void tocsin_state_close(struct tocsin_state *s)
{
	if (s->fd >= 0)
		close(s->fd);
	s->fd = -1;
}
