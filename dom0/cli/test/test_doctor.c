// SPDX-License-Identifier: GPL-2.0-or-later
/* Each check of tocsin doctor, on a hypervisor and on folders that the test made. */
#include "capture/capture.h"
#include "cli/doctor.h"
#include "fake_xen.h"

#include <errno.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cmocka.h>

static char root[64];
static int probed; /* what the trace buffers answer */

int tocsin_capture_probe(struct tocsin_error *err)
{
	return probed ? tocsin_error_set(err, probed, "no answer") : 0;
}

static const char *at(const char *path)
{
	static char names[16][256];
	static unsigned int next;
	char *name = names[next++ % 16];

	snprintf(name, sizeof(names[0]), "%s/%s", root, path);
	return name;
}

static void make(const char *path, const char *text, mode_t mode)
{
	FILE *f = fopen(at(path), "we");

	assert_non_null(f);
	fputs(text, f);
	fclose(f);
	assert_int_equal(chmod(at(path), mode), 0);
}

static int setup(void **state)
{
	static struct doctor d;

	strcpy(root, "/tmp/tocsin-doctor-XXXXXX");
	if (!mkdtemp(root))
		return -1;
	setenv("TOCSIN_LIVEPATCH_STORE", at("store"), 1);
	setenv("TOCSIN_BOOT", at("boot"), 1);
	mkdir(at("rules"), 0755);
	fake_xen = (struct fake_xen){0};
	probed = 0;
	d = (struct doctor){.places = {.proc = strdup(at("proc")),
				       .sys = strdup(at("sys")),
				       .dev = strdup(at("dev")),
				       .state = strdup(at("state")),
				       .log = strdup(at("log/deeper")),
				       .key = strdup(at("key")),
				       .config = strdup(at("conf")),
				       .rules = {strdup(at("rules"))},
				       .watch_rules = {strdup(at("watch"))}}};
	*state = &d;
	return 0;
}

static int teardown(void **state)
{
	struct doctor *d = *state;
	const char *const strings[] = {
	    d->places.proc,   d->places.sys,      d->places.dev,
	    d->places.state,  d->places.log,      d->places.key,
	    d->places.config, d->places.rules[0], d->places.watch_rules[0]};
	char command[128];

	doctor_free(d);
	for (size_t i = 0; i < sizeof(strings) / sizeof(strings[0]); i++)
		free((void *)strings[i]);
	snprintf(command, sizeof(command), "rm -rf '%s'", root);
	return system(command);
}

static const struct doctor_line *find(const struct doctor *d, const char *check)
{
	for (size_t i = 0; i < d->count; i++)
		if (!strcmp(d->lines[i].check, check))
			return &d->lines[i];
	fail_msg("no line about %s", check);
	return NULL;
}

static void expect(const struct doctor *d, const char *check, enum doctor_result result,
		   const char *text, const char *remedy)
{
	const struct doctor_line *l = find(d, check);

	if (l->result != result || !strstr(l->text, text) || !strstr(l->remedy, remedy))
		fail_msg("%s: result %d, '%s', '%s'", check, l->result, l->text, l->remedy);
}

static void no_xen(void **state)
{
	struct doctor *d = *state;

	fake_xen.no_xen = 1;
	doctor_xen(d);
	doctor_buffers(d);
	expect(d, "hypervisor", DOCTOR_FAIL, "does not run on Xen", "xen-system-amd64");
	expect(d, "guests", DOCTOR_SKIP, "not checked", "");
	expect(d, "trace buffers", DOCTOR_SKIP, "not checked", "");
	doctor_free(d);
	mkdir(at("sys"), 0755);
	mkdir(at("sys/hypervisor"), 0755);
	make("sys/hypervisor/type", "xen\n", 0644);
	doctor_xen(d);
	expect(d, "hypervisor", DOCTOR_FAIL, "cannot reach the hypervisor", "root in dom0");
}

static void stock(void **state)
{
	struct doctor *d = *state;

	doctor_xen(d);
	expect(d, "hypervisor", DOCTOR_PASS, "4.17.7, build ID 151b373f", "");
	expect(d, "tocsin in Xen", DOCTOR_FAIL, "without the live patch", "without a reboot");
	expect(d, "EPT", DOCTOR_PASS, "second-level", "");
	expect(d, "altp2m", DOCTOR_PASS, "off", "");
	expect(d, "guest shop", DOCTOR_SKIP, "no Tocsin in Xen", "");
	expect(d, "guest old", DOCTOR_WARN, "is PV", "PVH");
	doctor_free(d);
	fake_xen.no_livepatching = 1;
	fake_xen.no_ept = 1;
	doctor_xen(d);
	expect(d, "tocsin in Xen", DOCTOR_FAIL, "takes no live patches", "hypervisor/install");
	expect(d, "EPT", DOCTOR_FAIL, "no VMFUNC", "firmware");
}

/* What needs no names is checked all the same. */
static void no_xenstored(void **state)
{
	struct doctor *d = *state;

	doctor_xen(d);
	expect(d, "xenstored", DOCTOR_PASS, "it answers", "");
	doctor_free(d);
	fake_xen.no_xenstored = 1;
	fake_xen.patched = 1;
	doctor_xen(d);
	expect(d, "xenstored", DOCTOR_FAIL, "is xenstored running?", "systemctl start xenstored");
	expect(d, "tocsin in Xen", DOCTOR_PASS, "Tocsin's patches", "");
	expect(d, "guest (no name)", DOCTOR_PASS, "domain 1 may not ring", "tocsin enable 1");
}

static void live_patch(void **state)
{
	struct doctor *d = *state;
	char path[256], id[41];

	fake_xen.state = 2;
	doctor_xen(d);
	expect(d, "tocsin in Xen", DOCTOR_WARN, "not kept", "systemctl enable");
	expect(d, "guest shop", DOCTOR_PASS, "may not ring", "tocsin enable 1");
	doctor_free(d);
	for (int i = 0; i < 20; i++)
		snprintf(id + 2 * i, 3, "%02x", fake_build_id[i]);
	mkdir(at("store"), 0755);
	snprintf(path, sizeof(path), "store/%s.livepatch", id);
	make(path, "x", 0600);
	fake_xen.rate = 50;
	doctor_xen(d);
	expect(d, "tocsin in Xen", DOCTOR_PASS, "live patch", "");
	expect(d, "guest shop", DOCTOR_PASS, "may ring 50 times", "");
	doctor_free(d);
	fake_xen.dead = 1;
	doctor_xen(d);
	expect(d, "tocsin in Xen", DOCTOR_FAIL, "does not answer", "remove");
}

static void ours(void **state)
{
	struct doctor *d = *state;

	fake_xen.patched = 1;
	fake_xen.altp2m = 1;
	doctor_xen(d);
	expect(d, "tocsin in Xen", DOCTOR_PASS, "Tocsin's patches", "");
	expect(d, "altp2m", DOCTOR_PASS, "on", "");
}

static void consumer(const char *name)
{
	mkdir(at("proc"), 0755);
	mkdir(at("proc/77"), 0755);
	mkdir(at("proc/77/fd"), 0755);
	make("proc/77/comm", name, 0644);
	unlink(at("proc/77/fd/4"));
	assert_int_equal(symlink(at("dev/xen/evtchn"), at("proc/77/fd/4")), 0);
}

static void buffers(void **state)
{
	struct doctor *d = *state;

	doctor_buffers(d);
	expect(d, "trace buffers", DOCTOR_WARN, "free", "start tocsind");
	doctor_free(d);
	probed = -EBUSY;
	consumer("xenconsoled\n"); /* which has event channels too */
	doctor_buffers(d);
	expect(d, "trace buffers", DOCTOR_FAIL, "not known", "fuser");
	doctor_free(d);
	consumer("xentrace\n");
	doctor_buffers(d);
	expect(d, "trace buffers", DOCTOR_FAIL, "xentrace (process 77)", "kill 77");
	doctor_free(d);
	consumer("tocsin-broker\n");
	doctor_buffers(d);
	expect(d, "trace buffers", DOCTOR_PASS, "tocsind (its broker is process 77)", "");
	doctor_free(d);
	consumer("tocsin\n");
	doctor_buffers(d);
	expect(d, "trace buffers", DOCTOR_WARN, "trace on (process 77)", "start tocsind");
	doctor_free(d);
	unlink(at("proc/77/comm"));
	probed = -EACCES;
	doctor_buffers(d);
	expect(d, "trace buffers", DOCTOR_FAIL, "no answer", "root");
}

static void dom0(void **state)
{
	struct doctor *d = *state;
	int packets;

	doctor_dom0(d);
	expect(d, "kernel privcmd", DOCTOR_FAIL, "cannot open", "modprobe");
	expect(d, "kernel evtchn", DOCTOR_FAIL, "cannot use", "modprobe");
	packets = socket(AF_PACKET, SOCK_RAW, 0);
	expect(d, "kernel packets", packets < 0 ? DOCTOR_WARN : DOCTOR_PASS, "be captured", "");
	if (packets >= 0)
		close(packets);
	expect(d, "privileges", geteuid() ? DOCTOR_FAIL : DOCTOR_PASS, "this runs as", "");
	doctor_free(d);
	mkdir(at("dev"), 0755);
	mkdir(at("dev/xen"), 0755);
	make("dev/xen/privcmd", "", 0600);
	make("dev/xen/evtchn", "", 0600);
	doctor_dom0(d);
	expect(d, "kernel privcmd", DOCTOR_FAIL, "cannot be restricted", "4.15");
	expect(d, "kernel evtchn", DOCTOR_PASS, "can be bound", "");
}

static void rules(void **state)
{
	struct doctor *d = *state;

	make("rules/good.yar", "rule good { condition: true }", 0644);
	doctor_files(d);
	expect(d, "YARA rules", DOCTOR_PASS, "1 rules", "");
	expect(d, "watch rules", DOCTOR_WARN, "is not there", "install");
	doctor_free(d);
	make("rules/bad.yar", "rule bad { condition: nothing }", 0644);
	mkdir(at("watch"), 0755);
	make("watch/bad.rules", "rules = ( { name = \"x\"; } );", 0644);
	doctor_files(d);
	expect(d, "YARA rules", DOCTOR_WARN, "bad.yar", "mend");
	expect(d, "watch rules", DOCTOR_FAIL, "", "mend");
}

static void config(void **state)
{
	struct doctor *d = *state;

	doctor_files(d);
	expect(d, "configuration", DOCTOR_PASS, "built in", "");
	doctor_free(d);
	make("conf", "policies = ( { guests = \"a\"; } );", 0644);
	doctor_files(d);
	expect(d, "configuration", DOCTOR_PASS, "1 policies", "");
	doctor_free(d);
	make("conf", "\nlog = 3;", 0644);
	doctor_files(d);
	expect(d, "configuration", DOCTOR_FAIL, "conf:2: log: not a group", "--check-config");
}

static void key(void **state)
{
	struct doctor *d = *state;
	static const char seed[] = "0123456789abcdef0123456789abcdef";

	doctor_files(d);
	expect(d, "key", DOCTOR_PASS, "makes it", "");
	doctor_free(d);
	make("key", seed, 0640);
	doctor_files(d);
	expect(d, "key", DOCTOR_FAIL, "mode 0640", "chmod 0600");
	doctor_free(d);
	make("key", "short", 0600);
	doctor_files(d);
	expect(d, "key", DOCTOR_FAIL, "5 bytes", "restore");
	doctor_free(d);
	make("key", seed, 0600);
	doctor_files(d);
	expect(d, "key", DOCTOR_PASS, "alone", "");
	doctor_free(d);
	unlink(at("key"));
	mkdir(at("key"), 0700);
	doctor_files(d);
	expect(d, "key", DOCTOR_FAIL, "not a regular file", "remove");
}

static void room(void **state)
{
	struct doctor *d = *state;
	const char *log = d->places.log;

	d->places.log = "/proc"; /* no file system with room */
	doctor_files(d);
	assert_int_not_equal(find(d, "room for state")->result, DOCTOR_SKIP);
	assert_non_null(strstr(find(d, "room for state")->text, "MiB"));
	expect(d, "room for logs", DOCTOR_FAIL, "0 MiB", "make room");
	d->places.log = log;
}

static void names_are_cleaned(void **state)
{
	struct doctor *d = *state;

	doctor_say(d, DOCTOR_WARN, "guest \033[2J", NULL, "%s", "a\nb\xff");
	assert_string_equal(d->lines[0].check, "guest ?[2J");
	assert_string_equal(d->lines[0].text, "a?b?");
}

int main(void)
{
	const struct CMUnitTest tests[] = {
	    cmocka_unit_test_setup_teardown(no_xen, setup, teardown),
	    cmocka_unit_test_setup_teardown(stock, setup, teardown),
	    cmocka_unit_test_setup_teardown(no_xenstored, setup, teardown),
	    cmocka_unit_test_setup_teardown(live_patch, setup, teardown),
	    cmocka_unit_test_setup_teardown(ours, setup, teardown),
	    cmocka_unit_test_setup_teardown(buffers, setup, teardown),
	    cmocka_unit_test_setup_teardown(dom0, setup, teardown),
	    cmocka_unit_test_setup_teardown(rules, setup, teardown),
	    cmocka_unit_test_setup_teardown(config, setup, teardown),
	    cmocka_unit_test_setup_teardown(key, setup, teardown),
	    cmocka_unit_test_setup_teardown(room, setup, teardown),
	    cmocka_unit_test_setup_teardown(names_are_cleaned, setup, teardown),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
