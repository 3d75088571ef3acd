// SPDX-License-Identifier: GPL-2.0-or-later
/* Checks of files: rules, the key, room where state and logs go. */
#include "cli/doctor.h"
#include "config/config.h"
#include "monitor/rule.h"
#include "scan/scan.h"

#include <errno.h>
#include <limits.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/statvfs.h>
#include <unistd.h>

#define KEY_SIZE 32
#define ROOM_WARN (512u << 20) /* bytes free */
#define ROOM_FAIL (16u << 20)
#define INODES_FAIL 64u

/* The first complaint. */
struct complaint {
	char text[256];
};

static void complain(const char *message, void *context)
{
	struct complaint *c = context;

	if (!c->text[0])
		snprintf(c->text, sizeof(c->text), "%s", message);
}

/* Those of folders that are there, to ret (of as many entries). */
static size_t existing(const char *const *folders, const char **ret)
{
	size_t n = 0;

	for (; *folders; folders++)
		if (!access(*folders, F_OK))
			ret[n++] = *folders;
	ret[n] = NULL;
	return n;
}

static void say_rules(struct doctor *d, const char *check, size_t count, size_t broken,
		      const char *remedy, const char *first)
{
	if (broken)
		doctor_say(d, DOCTOR_WARN, check, remedy,
			   "%zu rules; mistakes in %zu places, which are left out: %s", count,
			   broken, first);
	else
		doctor_say(d, DOCTOR_PASS, check, NULL, "%zu rules, without a mistake", count);
}

static void check_rules(struct doctor *d)
{
	const char *folders[sizeof(d->places.rules) / sizeof(d->places.rules[0])];
	struct complaint c = {""};
	struct tocsin_rules *rules;
	struct tocsin_error err = {0};

	if (!existing(d->places.rules, folders))
		doctor_say(d, DOCTOR_WARN, "YARA rules", "install Tocsin's package again",
			   "there are none: %s is not there", d->places.rules[0]);
	else if (tocsin_rules_load(folders, complain, &c, &rules, &err))
		doctor_say(d, DOCTOR_FAIL, "YARA rules", "mend or remove what is named", "%s",
			   err.message);
	else {
		say_rules(d, "YARA rules", tocsin_rules_count(rules), tocsin_rules_broken(rules),
			  "mend or remove the file that is named", c.text);
		tocsin_rules_free(rules);
	}
}

static void check_watch_rules(struct doctor *d)
{
	const char *folders[sizeof(d->places.watch_rules) / sizeof(d->places.watch_rules[0])];
	struct tocsin_watch_rules *rules;
	struct complaint c = {""};
	struct tocsin_error err = {0};

	if (!existing(d->places.watch_rules, folders))
		doctor_say(d, DOCTOR_WARN, "watch rules", "install Tocsin's package again",
			   "there are none: %s is not there", d->places.watch_rules[0]);
	else if (tocsin_watch_rules_load(folders, complain, &c, &rules, &err))
		doctor_say(d, DOCTOR_FAIL, "watch rules", "mend or remove what is named", "%s",
			   err.message);
	else {
		say_rules(d, "watch rules", tocsin_watch_rules_count(rules),
			  tocsin_watch_rules_broken(rules), "tocsin rules --check names them all",
			  c.text);
		tocsin_watch_rules_free(rules);
	}
}

static void check_config(struct doctor *d)
{
	const char *path = d->places.config;
	struct complaint c = {""};
	struct tocsin_config *config;
	struct tocsin_error err = {0};

	if (access(path, F_OK) && errno == ENOENT) {
		doctor_say(d, DOCTOR_PASS, "configuration", NULL,
			   "%s is not there: what is built in holds", path);
	} else if (tocsin_config_load(path, complain, &c, &config, &err)) {
		doctor_say(d, DOCTOR_FAIL, "configuration",
			   "tocsind --check-config names all mistakes", "%s",
			   c.text[0] ? c.text : err.message);
	} else {
		doctor_say(d, DOCTOR_PASS, "configuration", NULL,
			   "%s: %zu policies, without a mistake", path, config->policy_count);
		tocsin_config_free(config);
	}
}

/* As the signer will judge it, with the reason apart for each. */
static void check_key(struct doctor *d)
{
	const char *path = d->places.key;
	char remedy[PATH_MAX + 64];
	struct stat st;

	if (lstat(path, &st)) {
		if (errno == ENOENT)
			doctor_say(d, DOCTOR_PASS, "key", NULL,
				   "%s is not there: tocsind makes it when it first starts", path);
		else
			doctor_say(d, DOCTOR_FAIL, "key", "run it as root", "cannot look at %s: %s",
				   path, strerror(errno));
		return;
	}
	snprintf(remedy, sizeof(remedy), "chown root %s; chmod 0600 %s", path, path);
	if (!S_ISREG(st.st_mode))
		doctor_say(d, DOCTOR_FAIL, "key", "remove it; tocsind makes a new one",
			   "%s is not a regular file", path);
	else if (st.st_uid != geteuid() || (st.st_mode & 077))
		doctor_say(d, DOCTOR_FAIL, "key", remedy,
			   "%s belongs to user %u and has mode %04o: others can touch it, so what "
			   "it signs proves nothing",
			   path, (unsigned int)st.st_uid, (unsigned int)(st.st_mode & 07777));
	else if (st.st_size != KEY_SIZE)
		doctor_say(d, DOCTOR_FAIL, "key",
			   "restore it, or remove it: tocsind makes a new one, which guests must "
			   "be told",
			   "%s has %lld bytes, not %d", path, (long long)st.st_size, KEY_SIZE);
	else
		doctor_say(d, DOCTOR_PASS, "key", NULL, "%s is root's alone", path);
}

/* The folder, or the nearest above it that is there. */
static int room_at(const char *folder, struct statvfs *ret)
{
	char path[PATH_MAX];
	char *slash;

	snprintf(path, sizeof(path), "%s", folder);
	while (statvfs(path, ret)) {
		slash = strrchr(path, '/');
		if (errno != ENOENT || !slash || !path[1])
			return -errno;
		slash[slash == path] = '\0';
	}
	return 0;
}

static void check_room(struct doctor *d, const char *check, const char *folder)
{
	struct statvfs v;
	unsigned long long room;
	char remedy[PATH_MAX + 64];
	int rc = room_at(folder, &v);

	if (rc) {
		doctor_say(d, DOCTOR_FAIL, check, "mount it, or make it", "cannot look at %s: %s",
			   folder, strerror(-rc));
		return;
	}
	room = (unsigned long long)v.f_bavail * v.f_frsize;
	snprintf(remedy, sizeof(remedy), "make room on the file system of %s", folder);
	if (v.f_flag & ST_RDONLY)
		doctor_say(d, DOCTOR_FAIL, check, "mount it so that it can be written",
			   "%s is read-only", folder);
	else if (room < ROOM_FAIL || (v.f_files && v.f_favail < INODES_FAIL))
		doctor_say(d, DOCTOR_FAIL, check, remedy, "%s: %llu MiB and %llu files are free",
			   folder, room >> 20, (unsigned long long)v.f_favail);
	else
		doctor_say(d, room < ROOM_WARN ? DOCTOR_WARN : DOCTOR_PASS, check,
			   room < ROOM_WARN ? remedy : NULL, "%s: %llu MiB are free", folder,
			   room >> 20);
}

void doctor_files(struct doctor *d)
{
	check_config(d);
	check_rules(d);
	check_watch_rules(d);
	check_key(d);
	check_room(d, "room for state", d->places.state);
	check_room(d, "room for logs", d->places.log);
}
