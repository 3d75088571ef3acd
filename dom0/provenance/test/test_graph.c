// SPDX-License-Identifier: GPL-2.0-or-later
/* What events become, what is reached, and what is told of it: on small scripts of events. */
#include "asked.h"
#include "provenance/script.h"
#include "provenance/watched.h"

#include <errno.h>
#include <fcntl.h>
#include <netinet/in.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <time.h>

static int run(const char *script, struct tocsin_provenance *g, struct tocsin_error *err)
{
	FILE *from = fmemopen((void *)script, strlen(script), "r");
	int rc;

	assert_non_null(from);
	rc = tocsin_trace_script(from, tocsin_provenance_take, g, err);
	fclose(from);
	return rc;
}

static struct tocsin_provenance *make(const char *script)
{
	struct tocsin_provenance *g = tocsin_provenance_new(NULL);
	struct tocsin_error err = {0};

	assert_non_null(g);
	if (run(script, g, &err))
		fail_msg("%s", err.message);
	tocsin_provenance_settle(g);
	return g;
}

static const char *forward(const struct tocsin_provenance *g, const char *from)
{
	return reach(g, from, &(struct tocsin_trace_question){.forward = true}, NULL);
}

static void test_times(void **unused)
{
	/* what it read after it wrote is no cause; what was open before, and still is, may be */
	struct tocsin_provenance *g = make("1 read who=1:cat file=/in open=1\n"
					   "2 written who=1:cat file=/out open=2\n"
					   "3 released file=/out open=2\n"
					   "4 read who=1:cat file=/late open=3\n"
					   "5 released file=/in open=1\n"
					   "6 written who=2:x file=/in open=4\n");

	assert_string_equal(back(g, "/out"), "/out cat /in");
	assert_string_equal(forward(g, "/in"), "/in cat /out");
	assert_string_equal(forward(g, "/late"), "/late cat");
	assert_string_equal(back(g, "/late"), "/late");
	tocsin_provenance_free(g);
}

static void test_files_are_told_apart(void **unused)
{
	struct tocsin_provenance *g = make("1 opened who=1:a file=/f ino=7 open=1 value=65\n"
					   "1 written who=1:a file=/f ino=7 open=1\n"
					   "2 unlinked who=1:a file=/f ino=7 deleted\n"
					   /* who has it open reads on, though it has no link */
					   "3 read who=2:b file=/f ino=7 open=1 deleted\n"
					   "4 released file=/f ino=7 open=1 deleted\n"
					   /* its number is used again */
					   "5 opened who=3:c file=/g ino=7 open=2 value=65\n"
					   "5 written who=3:c file=/g ino=7 open=2\n"
					   "6 read who=4:d file=/g ino=7 open=3\n"
					   /* renamed, it is the same */
					   "7 renamed who=4:d file=/g ino=7 to=/h\n"
					   "8 read who=5:e file=/h ino=7 open=4\n");

	assert_string_equal(back(g, "2"), "b a"); /* /f folded away */
	assert_string_equal(back(g, "4"), "d /h c");
	assert_string_equal(back(g, "5"), "e /h d c");
	tocsin_provenance_free(g);
}

static const struct tocsin_trace_node *node_by_inode(const struct tocsin_provenance *g,
						     uint64_t inode)
{
	for (uint32_t i = 0; i < tocsin_provenance_nodes(g); i++)
		if (tocsin_provenance_node(g, i)->kind == TOCSIN_TRACE_FILE &&
		    tocsin_provenance_node(g, i)->id == inode)
			return tocsin_provenance_node(g, i);
	return NULL;
}

static void assert_paths(const struct tocsin_provenance *g, uint64_t inode, const char *name,
			 uint32_t mount_ns, const char *more, uint32_t more_ns)
{
	const struct tocsin_trace_node *n = node_by_inode(g, inode);

	assert_non_null(n);
	assert_string_equal(tocsin_provenance_text(g, n->name, NULL), name);
	assert_string_equal(tocsin_provenance_text(g, n->more, NULL), more);
	assert_int_equal(n->mount_ns, mount_ns);
	assert_int_equal(n->more_ns, more_ns);
}

/* A file is one, whatever it is called in which namespace; a path is two files. */
static void test_mount_namespaces(void **unused)
{
	struct tocsin_provenance *g = make("1 written who=1:a file=/srv/x ino=7 open=1\n"
					   "2 read who=2:b file=/x ino=7 open=2 ns=9\n"
					   "3 written who=1:a file=/srv/x ino=7 open=3\n"
					   "4 written who=2:b file=/srv/x ino=8 open=4 ns=9\n"
					   "5 read who=3:c file=/lib ino=10 open=5 ns=9\n"
					   "6 read who=3:c file=/lib ino=10 open=6 ns=11\n"
					   "7 read who=4:d file=/old ino=12 open=7 ns=9\n"
					   "8 renamed who=4:d file=/old ino=12 to=/new ns=9\n");

	assert_string_equal(back(g, "2"), "b /srv/x a");
	assert_paths(g, 7, "/srv/x", 0, "/x", 9); /* they take turns */
	assert_paths(g, 8, "/srv/x", 9, "", 0);
	assert_paths(g, 10, "/lib", 9, "", 0);
	assert_paths(g, 12, "/new", 9, "/old", 9);
	tocsin_provenance_free(g);
	g = make("1 read who=1:a file=/lib ino=7 ns=9\n2 read who=2:b file=/lib ino=7\n"
		 "3 read who=2:b file= ino=8 ns=9\n");
	assert_paths(g, 7, "/lib", 0, "", 0);
	assert_paths(g, 8, "", 0, "", 0);
	tocsin_provenance_free(g);
}

static void test_a_path_alone(void **unused)
{
	struct tocsin_provenance *g = make("1 written who=1:a file=/x\n2 exited who=1:a\n"
					   "3 renamed who=2:b file=/x to=/y\n"
					   "4 read who=3:c file=/y\n");

	assert_string_equal(back(g, "3"), "c /y b /x a");
	tocsin_provenance_free(g);
}

static void test_connections(void **unused)
{
	struct tocsin_provenance *g =
	    make("1 connected who=1:wget local=10.0.0.1:1000 remote=192.0.2.1:80\n"
		 "1 received who=1:wget local=10.0.0.1:1000 remote=192.0.2.1:80\n"
		 "2 closed local=10.0.0.1:1000 remote=192.0.2.1:80 sent=1 received=2\n"
		 /* the same addresses: another */
		 "3 connected who=2:curl local=10.0.0.1:1000 remote=192.0.2.1:80\n"
		 /* within the guest both ends are one, whatever the family */
		 "4 connected who=3:nc local=127.0.0.1:2000 remote=127.0.0.1:90\n"
		 "4 accepted who=4:srv local=[::ffff:127.0.0.1]:90 remote=[::ffff:127.0.0.1]:2000\n"
		 "5 sent who=3:nc local=127.0.0.1:2000 remote=127.0.0.1:90\n"
		 "5 received who=4:srv local=127.0.0.1:90 remote=127.0.0.1:2000\n");

	assert_string_equal(back(g, "1"), "wget tcp 10.0.0.1:1000 > 192.0.2.1:80 192.0.2.1");
	/* nobody asks a host whom else it knows */
	assert_string_equal(forward(g, "2"), "curl tcp 10.0.0.1:1000 > 192.0.2.1:80 192.0.2.1");
	assert_string_equal(forward(g, "host:192.0.2.1"),
			    "192.0.2.1 tcp 10.0.0.1:1000 > 192.0.2.1:80 wget");
	assert_string_equal(back(g, "4"), "srv tcp 127.0.0.1:2000 > 127.0.0.1:90 nc");
	tocsin_provenance_free(g);
}

/* What is not surely the end of this one ends only what is not surely its own. */
static void test_an_unsure_end(void **unused)
{
	struct tocsin_provenance *g =
	    make("1 received who=1:a local=10.0.0.1:1000 remote=192.0.2.1:80\n"
		 "2 received who=2:b local=10.0.0.1:1000 remote=192.0.2.1:80 unsure\n"
		 "3 closed local=10.0.0.1:1000 remote=192.0.2.1:80 unsure\n"
		 "4 written who=1:a file=/a\n4 written who=2:b file=/b\n"
		 "5 sent who=3:c local=10.0.0.1:1000 remote=192.0.2.1:80\n");

	assert_string_equal(back(g, "1"), "a tcp 10.0.0.1:1000 > 192.0.2.1:80 c 192.0.2.1");
	assert_string_equal(back(g, "2"), "b tcp 10.0.0.1:1000 > 192.0.2.1:80 192.0.2.1");
	tocsin_provenance_free(g);
}

static void test_other_kinds(void **unused)
{
	struct tocsin_provenance *g =
	    make("1 created who=1:init other=2:a\n"
		 "2 signal who=2:a other=3:b value=9\n"
		 "3 ptrace who=4:c other=3:b value=4\n" /* POKETEXT */
		 "4 ptrace who=5:d other=3:b value=2\n" /* PEEKDATA */
		 "5 module who=3:b detail=rootkit file=/m.ko\n"
		 "6 bpf who=3:b detail=prog value=5\n"
		 "7 shared who=3:b file=/dev/shm/s mode=100600 value=3\n"
		 "8 shared who=6:e file=/dev/shm/s mode=100600 value=3\n"
		 "9 shared who=6:e unix=a/b value=1\n9 shared who=7:f unix=b/a value=2\n"
		 "10 listening who=7:f local=0.0.0.0:22 remote=0.0.0.0:0\n"
		 "11 finding who=7:f rule=bad severity=high what=it%20is\n"
		 "12 mode who=2:a file=/s value=04755\n12 mapped who=8:g file=/s\n"
		 "13 linked who=2:a file=/s to=/t\n"
		 "14 credentials who=8:g uid=1000 euid=0 value=1000\n"
		 "15 read who=8:g file=/dev/null\n15 written who=2:a file=/dev/null\n");

	assert_string_equal(back(g, "module:rootkit"), "rootkit /m.ko b c a init");
	assert_string_equal(forward(g, "4"),
			    "c b /dev/shm/s bpf prog rootkit d e unix f bad tcp 0.0.0.0:22");
	assert_string_equal(back(g, "finding:bad"), "bad f unix e /dev/shm/s b c a init");
	assert_string_equal(back(g, "8"), "g /s a init");
	tocsin_provenance_free(g);
}

/* A name makes no device: who can make files makes one of this name elsewhere, or in its place. */
static void test_what_nothing_goes_through(void **unused)
{
	struct tocsin_provenance *g = make("1 written who=1:a file=/dev/null mode=20666\n2 read "
					   "who=2:b file=/dev/null mode=20666\n"
					   "3 written who=1:a file=/dev/null ino=7 mode=100644\n"
					   "4 read who=3:c file=/dev/null ino=7 mode=100644\n");

	assert_string_equal(back(g, "2"), "b");
	assert_string_equal(back(g, "3"), "c /dev/null a");
	tocsin_provenance_free(g);
}

static void use(struct tocsin_provenance *g, enum tocsin_trace_kind kind, uint64_t boot,
		const char *comm, uint32_t disk, const char *path)
{
	const struct tocsin_event_process who = {
	    .pid = 9, .start_time = boot, .comm = comm, .exe = "", .cmdline = "", .container = ""};
	const struct tocsin_trace_file file = {
	    .path = path, .id = {.inode = 7, .dev_major = disk, .dev_minor = 1}};
	const struct tocsin_trace_event e = {.kind = kind,
					     .since = boot,
					     .time = boot,
					     .guest = "g",
					     .boot = boot,
					     .who = &who,
					     .file = &file,
					     .detail = "",
					     .resolved = true};

	assert_int_equal(tocsin_provenance_take(&e, g), 0);
}

/* What an attacker left on a disk leads on when the guest has booted again. */
static void test_another_boot(void **unused)
{
	struct tocsin_provenance *g = tocsin_provenance_new(NULL);

	assert_non_null(g);
	use(g, TOCSIN_TRACE_WRITTEN, 1000, "dropper", 202, "/etc/cron.d/x");
	use(g, TOCSIN_TRACE_WRITTEN, 1000, "dropper", 0, "/tmp/x");
	use(g, TOCSIN_TRACE_READ, 2000, "cron", 202, "/etc/cron.d/x");
	use(g, TOCSIN_TRACE_READ, 3000, "sh", 0, "/tmp/y");
	assert_string_equal(back(g, "cron"), "cron /etc/cron.d/x dropper");
	assert_string_equal(back(g, "sh"), "sh /tmp/y");
	tocsin_provenance_free(g);
}

/* Processor time for 16,384 files of such names. */
static double time_of(void (*name)(uint32_t number, char ret[225]))
{
	struct tocsin_provenance *g = tocsin_provenance_new(NULL);
	const struct tocsin_event_process who = {
	    .pid = 1, .comm = "a", .exe = "", .cmdline = "", .container = ""};
	char path[225] = "";
	struct tocsin_trace_file file = {.path = path};
	struct tocsin_trace_event e = {.kind = TOCSIN_TRACE_WRITTEN,
				       .guest = "g",
				       .who = &who,
				       .file = &file,
				       .detail = "",
				       .resolved = true};
	clock_t begin = clock();

	assert_non_null(g);
	for (uint32_t i = 0; i < 16384; i++) {
		name(i, path);
		file.id.inode = i + 1;
		e.since = e.time = i + 1;
		assert_int_equal(tocsin_provenance_take(&e, g), 0);
	}
	tocsin_provenance_free(g);
	return (double)(clock() - begin) / CLOCKS_PER_SEC;
}

static void any_name(uint32_t number, char ret[225])
{
	snprintf(ret, 225, "%0224u", number);
}

/* In 16 bytes a bit of the first word, and what undoes it in the second: for a hash that takes
 * words one after the other, multiplies by an odd number and shifts by 29, all are one. */
static void chosen_name(uint32_t number, char ret[225])
{
	memset(ret, 'a', 224);
	for (uint32_t i = 0; i < 14; i++) {
		if (!(number >> i & 1))
			continue;
		ret[16 * i + 7] ^= (char)0x80;
		ret[16 * i + 15] ^= (char)0x80;
		ret[16 * i + 12] ^= 0x04;
	}
}

/* Who chooses names in a guest cannot make dom0 look for long. */
static void test_chosen_names(void **unused)
{
	double usual = time_of(any_name);

	assert_true(time_of(chosen_name) < 10 * usual + 0.1);
}

static bool is_b(const struct tocsin_provenance *g, uint32_t node, void *context)
{
	return !strcmp(tocsin_provenance_text(g, tocsin_provenance_node(g, node)->name, NULL), "b");
}

static void test_bounds(void **unused)
{
	struct tocsin_provenance *g =
	    make("1 created who=1:a other=2:b\n2 created who=2:b other=3:c\n"
		 "3 created who=3:c other=4:d\n");
	struct tocsin_trace_question q = {.depth = 2};
	struct tocsin_trace_answer a;

	assert_string_equal(reach(g, "4", &q, NULL), "d c b");
	q = (struct tocsin_trace_question){.skip = is_b};
	assert_string_equal(reach(g, "4", &q, NULL), "d c");
	q = (struct tocsin_trace_question){.since = 1500000000};
	assert_string_equal(reach(g, "4", &q, NULL), "d c b");
	q = (struct tocsin_trace_question){.until = 2500000000};
	assert_string_equal(reach(g, "4", &q, NULL), "d");
	assert_string_equal(reach(g, "3", &q, NULL), "c b a");
	q = (struct tocsin_trace_question){.max_nodes = 2};
	assert_string_equal(reach(g, "4", &q, &a), "d c");
	assert_true(a.truncated);
	tocsin_trace_answer_free(&a);
	assert_int_equal(tocsin_trace_ask(g, &q, &(uint32_t){99}, 1, &a), -EINVAL);
	tocsin_provenance_free(g);
}

/* A way that is longer in edges and better in time must not hide one that is within the depth. */
static void test_depth_and_time(void **unused)
{
	struct tocsin_provenance *g = make("1 created who=1:a other=2:b\n"
					   "5 signal who=2:b other=9:z value=1\n"
					   "6 signal who=2:b other=3:c value=1\n"
					   "7 signal who=3:c other=4:d value=1\n"
					   "8 signal who=4:d other=9:z value=1\n");
	struct tocsin_trace_question q = {.depth = 2};

	assert_string_equal(reach(g, "9", &q, NULL), "z d b c a");
	tocsin_provenance_free(g);
}

static void test_what_is_not_sure(void **unused)
{
	struct tocsin_provenance *g = make("1 written who=1:a file=/x open=1\n"
					   "2 gap since=1.5 lost=7 detail=buffer\n"
					   "3 read who=2:b file=/x open=2 unsure\n"
					   "2 read who=3:c file=/x open=3\n" /* late */
					   "9 created who=4:d other=5:e\n");
	struct tocsin_provenance_counts counts;
	struct tocsin_trace_answer a;

	assert_string_equal(reach(g, "2", &(struct tocsin_trace_question){0}, &a), "b /x a");
	assert_true(a.unsure && a.gaps && !a.sampled);
	tocsin_trace_answer_free(&a);
	reach(g, "3", &(struct tocsin_trace_question){0}, &a);
	assert_true(a.unsure);
	tocsin_trace_answer_free(&a);
	reach(g, "5", &(struct tocsin_trace_question){.since = 3000000000}, &a);
	assert_true(!a.unsure && !a.gaps);
	tocsin_trace_answer_free(&a);
	/* All that came of it may have been lost; not of what began later. */
	reach(g, "3", &(struct tocsin_trace_question){.forward = true}, &a);
	assert_true(a.edge_count == 0 && a.gaps);
	tocsin_trace_answer_free(&a);
	reach(g, "5", &(struct tocsin_trace_question){.forward = true}, &a);
	assert_true(a.edge_count == 0 && !a.gaps);
	tocsin_trace_answer_free(&a);
	tocsin_provenance_counts(g, &counts);
	assert_int_equal(counts.late, 1);
	assert_int_equal(tocsin_provenance_gap(g, 0)->lost, 7);
	tocsin_provenance_free(g);
}

/* Start-ups are not shared over what could tell them apart. */
static void test_startups(void **unused)
{
#define USE(t, who, file, n)                                                                       \
	t " read who=" who " file=" file " open=" n "\n" t "1 released file=" file " open=" n "\n"
	struct tocsin_provenance_counts counts;
	struct tocsin_provenance *g = make(
	    "1.0 executed who=2:a file=/a\n" USE("1.1", "2:a", "/l1", "1") USE("1.2", "2:a", "/l2",
									       "2")
		USE("1.3", "2:a", "/l3",
		    "3") "1.5 exited who=2:a\n"
			 "2.0 executed who=3:b file=/b\n" USE("2.1", "3:b", "/l1",
							      "1") USE("2.2", "3:b", "/l2", "2")
			     USE("2.3", "3:b", "/l3",
				 "3") "2.5 exited who=3:b\n"
				      "3.0 written who=9:w file=/l2 open=7\n"
				      "4.0 executed who=4:c file=/c\n" USE("4.1", "4:c", "/l1", "1")
					  USE("4.2", "4:c", "/l2", "2")
					      USE("4.3", "4:c", "/l3", "3") "4.5 exited who=4:c\n");

	tocsin_provenance_counts(g, &counts);
	assert_int_equal(counts.shared, 4); /* two of three edges, twice; the third is written to */
	assert_string_equal(back(g, "2"), "a a /a /l3 /l2 /l1");
	assert_string_equal(back(g, "4"), "c /l3 /l2 /l1 /c w");
	tocsin_provenance_free(g);
	/* who wrote at the moment at which the last was read */
	g = make("1.0 executed who=2:a file=/a\n" USE("1.1", "2:a", "/l1", "1")
		     USE("1.2", "2:a", "/l2", "2")
			 USE("1.3", "2:a", "/l3", "3") "1.31 exited who=2:a\n"
						       "1.31 written who=9:w file=/l1 open=7\n");
	assert_string_equal(forward(g, "9"), "w /l1");
	tocsin_provenance_free(g);
}

static void test_scripts(void **unused)
{
	static const struct {
		const char *script, *why;
	} wrong[] = {
	    {"x created\n", "line 1: 'x' is no time"},
	    {"1 sung who=1\n", "line 1: no kind of event is 'sung'"},
	    {"1\n", "line 1: no kind of event is ''"},
	    {"# \n\n1 read who=1:a file=/x tune=1\n", "line 3: 'tune' is not understood"},
	    {"1 read who=-1 file=/x\n", "line 1: 'who' is not understood"},
	    {"1 read who=1 file=/x%0\n", "line 1: 'file' is not understood"},
	    {"1 read who=1 file=/x%00\n", "line 1: 'file' is not understood"},
	    {"1 read who=1 file=/x deleted=1\n", "line 1: 'deleted' is not understood"},
	    {"1 sent who=1 local=10.0.0.1:70000\n", "line 1: 'local' is not understood"},
	    {"1 read who=1\n", "line 1: the event lacks something"},
	    {"1 created who=1\n", "line 1: the event lacks something"},
	    {"1 read who=1 file=/x since=2\n", "line 1: the event lacks something"},
	};

	for (size_t i = 0; i < sizeof(wrong) / sizeof(wrong[0]); i++) {
		struct tocsin_provenance *g = tocsin_provenance_new(NULL);
		struct tocsin_error err = {0};

		assert_int_equal(run(wrong[i].script, g, &err), -EINVAL);
		assert_string_equal(err.message, wrong[i].why);
		tocsin_provenance_free(g);
	}
}

static void test_limits(void **unused)
{
	const struct tocsin_provenance_settings settings = {.max_nodes = 2, .max_edges = 1};
	struct tocsin_provenance *g = tocsin_provenance_new(&settings);
	struct tocsin_error err = {0};

	assert_int_equal(run("1 created who=1 other=2\n2 created who=2 other=3\n", g, &err),
			 -E2BIG);
	tocsin_provenance_free(g);
	g = tocsin_provenance_new(&settings);
	assert_int_equal(run("1 created who=1 other=2\n2 created who=2 other=1\n", g, NULL),
			 -E2BIG);
	tocsin_provenance_free(g);
}

static void test_watched(void **unused)
{
	struct tocsin_event_process init = {.pid = 1,
					    .start_time = 1,
					    .comm = "init",
					    .exe = "/init",
					    .cmdline = "",
					    .container = ""},
				    sh = init;
	struct tocsin_event_socket s = {.socket = {.family = AF_INET,
						   .protocol = IPPROTO_TCP,
						   .local = {10, 0, 0, 1},
						   .remote = {192, 0, 2, 1},
						   .local_port = 22,
						   .remote_port = 1000}};
	struct tocsin_event_account account = {
	    .samples = 2, .period = 1000, .forks = 5, .started = 2, .forks_known = true};
	struct tocsin_event e = {.kind = TOCSIN_EVENT_STARTED,
				 .since = 1000,
				 .time = 2000,
				 .guest = "g",
				 .process = &sh,
				 .other = &init,
				 .fd = -1,
				 .detail = ""};
	struct tocsin_provenance *g = tocsin_provenance_new(NULL);
	struct tocsin_trace_watched w = {tocsin_provenance_take, g};
	struct tocsin_process p = {.pid = 2, .start_time = 2, .comm = "sh"};
	struct tocsin_file f = {
	    .flags = O_RDWR, .mode = S_IFREG, .id = {.inode = 5}, .path = "/f", .file = 77};
	struct tocsin_trace_answer a;

	sh.pid = 2;
	sh.start_time = 2;
	sh.comm = "sh";
	sh.exe = "/bin/sh";
	assert_int_equal(tocsin_trace_watch(&e, &w), 0);
	e.kind = TOCSIN_EVENT_ACCEPTED;
	e.socket = &s;
	assert_int_equal(tocsin_trace_watch(&e, &w), 0);
	e.kind = TOCSIN_EVENT_ACCOUNT;
	e.account = &account;
	assert_int_equal(tocsin_trace_watch(&e, &w), 0);
	assert_int_equal(tocsin_trace_open_file(&w, "g", 0, 3000, &p, &f, 9), 0);
	assert_paths(g, 5, "/f", 9, "", 0);
	assert_string_equal(reach(g, "/f", &(struct tocsin_trace_question){0}, &a),
			    "/f sh tcp 10.0.0.1:22 > 192.0.2.1:1000 /bin/sh init 192.0.2.1");
	assert_true(a.sampled && a.gaps);
	assert_int_equal(tocsin_provenance_gap(g, 0)->lost, 3);
	tocsin_trace_answer_free(&a);
	tocsin_provenance_free(g);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
	    cmocka_unit_test(test_times),
	    cmocka_unit_test(test_files_are_told_apart),
	    cmocka_unit_test(test_mount_namespaces),
	    cmocka_unit_test(test_a_path_alone),
	    cmocka_unit_test(test_connections),
	    cmocka_unit_test(test_an_unsure_end),
	    cmocka_unit_test(test_other_kinds),
	    cmocka_unit_test(test_what_nothing_goes_through),
	    cmocka_unit_test(test_another_boot),
	    cmocka_unit_test(test_chosen_names),
	    cmocka_unit_test(test_bounds),
	    cmocka_unit_test(test_depth_and_time),
	    cmocka_unit_test(test_what_is_not_sure),
	    cmocka_unit_test(test_startups),
	    cmocka_unit_test(test_scripts),
	    cmocka_unit_test(test_limits),
	    cmocka_unit_test(test_watched),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
