/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "output/journal.h"
#include "output/formats.h"

#include <tocsin/request.h>

#include <endian.h>
#include <errno.h>
#include <inttypes.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <unistd.h>

#define ROOM (1 << 20) /* of the socket: an entry has less */

/* A name of ours, any bytes as its value. */
static void put(FILE *to, const char *name, const char *value, size_t size)
{
	uint64_t length = htole64(size);

	fprintf(to, "%s\n", name);
	fwrite(&length, sizeof(length), 1, to);
	fwrite(value, 1, size, to);
	fputc('\n', to);
}

static void put_number(FILE *to, const char *name, uint64_t value)
{
	fprintf(to, "%s=%" PRIu64 "\n", name, value);
}

/* Guest text of at most size bytes, up to its first NUL. */
static void put_clean(FILE *to, const char *name, const char *value, size_t size)
{
	char text[CLEAN_SIZE];

	tocsin_text_clean(value, size, text);
	if (text[0])
		put(to, name, text, strlen(text));
}

/* As syslog has them. */
static unsigned int priority(const struct tocsin_report *r)
{
	if (r->kind == TOCSIN_REPORT_ERROR || r->kind == TOCSIN_REPORT_LOSS)
		return 4;
	switch (r->verdict ? r->verdict->verdict : TOCSIN_VERDICT_NONE) {
	case TOCSIN_VERDICT_MALICIOUS:
		return 2;
	case TOCSIN_VERDICT_SUSPICIOUS:
		return 4;
	case TOCSIN_VERDICT_INCONCLUSIVE:
		return 5;
	default:
		return 6;
	}
}

/* The text for people, without the time, which the journal has itself. */
static int put_message(FILE *to, const struct tocsin_report *r)
{
	char *text = NULL;
	size_t size = 0, skip;
	FILE *f = open_memstream(&text, &size);
	int rc = f ? 0 : -ENOMEM;

	if (!rc && tocsin_output_text(f, r))
		rc = -ENOMEM;
	if (f && fclose(f))
		rc = -ENOMEM;
	if (!rc) {
		while (size && text[size - 1] == '\n')
			size--;
		skip = r->time ? strcspn(text, " ") + 1 : 0;
		put(to, "MESSAGE", text + skip, size - skip);
	}
	free(text);
	return rc;
}

static void put_domain(FILE *to, const struct tocsin_report *r)
{
	const uint8_t *u = r->domain_uuid;

	put_number(to, "TOCSIN_DOMAIN_ID", r->record.domid);
	put_clean(to, "TOCSIN_DOMAIN", r->domain, sizeof(r->domain));
	fprintf(to,
		"TOCSIN_DOMAIN_UUID=%02x%02x%02x%02x-%02x%02x-%02x%02x-%02x%02x-"
		"%02x%02x%02x%02x%02x%02x\n",
		u[0], u[1], u[2], u[3], u[4], u[5], u[6], u[7], u[8], u[9], u[10], u[11], u[12],
		u[13], u[14], u[15]);
	if (!r->swept)
		put_number(to, "TOCSIN_TICKET", r->record.seq);
}

static void put_findings(FILE *to, const struct tocsin_findings *f)
{
	for (size_t i = 0; i < f->count && i < TOCSIN_FINDINGS_MAX; i++) {
		put_clean(to, "TOCSIN_RULE", f->rows[i].rule, sizeof(f->rows[i].rule));
		put_clean(to, "TOCSIN_TECHNIQUE", f->rows[i].technique,
			  sizeof(f->rows[i].technique));
	}
}

static void put_process(FILE *to, const struct tocsin_process *p)
{
	put_number(to, "TOCSIN_PID", (uint64_t)p->pid);
	put_number(to, "TOCSIN_UID", p->uid);
	put_clean(to, "TOCSIN_COMM", p->comm, sizeof(p->comm));
}

static int put_report(FILE *to, const struct tocsin_report *r)
{
	fprintf(to, "PRIORITY=%u\nSYSLOG_IDENTIFIER=tocsind\nTOCSIN_KIND=%s\n", priority(r),
		tocsin_report_kind_name(r->kind));
	if (r->kind == TOCSIN_REPORT_LOSS)
		put_number(to, "TOCSIN_LOST", r->lost);
	else
		put_domain(to, r);
	if (r->verdict) {
		fprintf(to, "TOCSIN_VERDICT=%s\n", tocsin_verdict_name(r->verdict->verdict));
		put_number(to, "TOCSIN_SCORE", r->verdict->score);
	}
	if (r->target)
		put_process(to, r->target);
	if (r->findings)
		put_findings(to, r->findings);
	return put_message(to, r);
}

int tocsin_journal_entry(const struct tocsin_report *r, char **ret, size_t *size)
{
	char *text = NULL;
	size_t length = 0;
	FILE *f = open_memstream(&text, &length);
	int rc = f ? put_report(f, r) : -ENOMEM;

	if (f && fclose(f))
		rc = -ENOMEM;
	if (rc) {
		free(text);
		return rc;
	}
	*ret = text;
	*size = length;
	return 0;
}

int tocsin_journal_open(const char *path, int *ret)
{
	struct sockaddr_un to = {.sun_family = AF_UNIX};
	int fd, rc = 0, room = ROOM;

	if (strlen(path) >= sizeof(to.sun_path))
		return -ENAMETOOLONG;
	strcpy(to.sun_path, path);
	fd = socket(AF_UNIX, SOCK_DGRAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
	if (fd < 0)
		return -errno;
	/* What the host allows is enough for all but the largest. */
	setsockopt(fd, SOL_SOCKET, SO_SNDBUF, &room, sizeof(room));
	if (connect(fd, (const struct sockaddr *)&to, sizeof(to)))
		rc = -errno;
	if (rc)
		close(fd);
	else
		*ret = fd;
	return rc;
}

int tocsin_journal_send(int fd, const struct tocsin_report *r)
{
	char *entry;
	size_t size;
	ssize_t n;
	int rc = tocsin_journal_entry(r, &entry, &size);

	if (rc)
		return rc;
	do
		n = write(fd, entry, size);
	while (n < 0 && errno == EINTR);
	rc = n < 0 ? -errno : 0;
	free(entry);
	return rc;
}
