// SPDX-License-Identifier: GPL-2.0-or-later
/* The API: requests that are none, clients that do not read, too many of them, and who may what. */
#include "service/api.h"

#include <errno.h>
#include <fcntl.h>
#include <grp.h>
#include <poll.h>
#include <pthread.h>
#include <setjmp.h>
#include <signal.h>
#include <stdarg.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/eventfd.h>
#include <sys/prctl.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>
#include <sys/wait.h>
#include <unistd.h>

#include <json-c/json.h>

#include <cmocka.h>

static char root[64], path[96];
static unsigned int changed;

static int run_echo(void *context, struct json_object *params, struct json_object **ret,
		    struct tocsin_error *err)
{
	*ret = json_object_get(params);
	return 0;
}

static int run_big(void *context, struct json_object *params, struct json_object **ret,
		   struct tocsin_error *err)
{
	char *text = malloc(100001);

	memset(text, 'x', 100000);
	text[100000] = '\0';
	*ret = json_object_new_string(text);
	free(text);
	return 0;
}

static int run_fail(void *context, struct json_object *params, struct json_object **ret,
		    struct tocsin_error *err)
{
	return tocsin_error_set(err, params ? -EINVAL : -EIO, "it \"cannot\" be");
}

static int run_change(void *context, struct json_object *params, struct json_object **ret,
		      struct tocsin_error *err)
{
	changed++;
	return 0;
}

static const struct tocsin_api_method methods[] = {
    {"echo", false, run_echo},    {"big", false, run_big}, {"fail", false, run_fail},
    {"change", true, run_change}, {NULL, false, NULL},
};

static void expect(const char *line, bool may_change, const char *answer)
{
	struct tocsin_api_request r = {.methods = methods, .may_change = may_change};
	char *got;

	assert_int_equal(tocsin_api_answer(&r, line, strlen(line), &got), 0);
	if (answer)
		assert_string_equal(got, answer);
	else
		assert_null(got);
	free(got);
}

#define ERROR(id, code, message)                                                                   \
	"{\"jsonrpc\":\"2.0\",\"id\":" id ",\"error\":{\"code\":" code ",\"message\":\"" message   \
	"\"}}\n"

static void requests(void **state)
{
	expect("{\"jsonrpc\":\"2.0\",\"id\":7,\"method\":\"echo\",\"params\":{\"a\":[1]}}", false,
	       "{\"jsonrpc\":\"2.0\",\"id\":7,\"result\":{\"a\":[1]}}\n");
	expect("{\"jsonrpc\":\"2.0\",\"id\":\"x\",\"method\":\"echo\"}", false,
	       "{\"jsonrpc\":\"2.0\",\"id\":\"x\",\"result\":null}\n");
	expect("{\"jsonrpc\":\"2.0\",\"method\":\"echo\"}", false, NULL);
	expect("{\"jsonrpc\":\"2.0\",\"id\":1,\"method\":\"sing\"}", false,
	       ERROR("1", "-32601", "there is no such method"));
	expect("{\"jsonrpc\":\"2.0\",\"id\":1,\"method\":\"fail\"}", false,
	       ERROR("1", "-32000", "it \\\"cannot\\\" be"));
	expect("{\"jsonrpc\":\"2.0\",\"id\":1,\"method\":\"fail\",\"params\":{}}", false,
	       ERROR("1", "-32602", "it \\\"cannot\\\" be"));
	expect("{\"jsonrpc\":\"2.0\",\"id\":1,\"method\":\"echo\",\"params\":[]}", false,
	       ERROR("1", "-32602", "params is no object"));
}

static void no_requests(void **state)
{
	char deep[64];

	expect("", false, ERROR("null", "-32700", "the line is no JSON"));
	expect("{}{}", false, ERROR("null", "-32700", "the line is no JSON"));
	expect("{\"a\":\"\xff\"}", false, ERROR("null", "-32700", "the line is no JSON"));
	memset(deep, '[', sizeof(deep) - 1);
	deep[sizeof(deep) - 1] = '\0';
	expect(deep, false, ERROR("null", "-32700", "the line is no JSON"));
	expect("[]", false, ERROR("null", "-32600", "a request is one object"));
	expect("{}", false, ERROR("null", "-32600", "jsonrpc is not \\\"2.0\\\""));
	expect("{\"jsonrpc\":\"2.0\",\"id\":3}", false, ERROR("3", "-32600", "there is no method"));
	expect("{\"jsonrpc\":\"2.0\",\"id\":{},\"method\":\"echo\"}", false,
	       ERROR("null", "-32600", "an id is a whole number or a short text"));
}

static void only_root_changes(void **state)
{
	changed = 0;
	expect("{\"jsonrpc\":\"2.0\",\"id\":1,\"method\":\"change\"}", false,
	       ERROR("1", "-32001", "only root may"));
	expect("{\"jsonrpc\":\"2.0\",\"method\":\"change\"}", false, NULL);
	assert_int_equal(changed, 0);
	expect("{\"jsonrpc\":\"2.0\",\"id\":1,\"method\":\"change\"}", true,
	       "{\"jsonrpc\":\"2.0\",\"id\":1,\"result\":null}\n");
	assert_int_equal(changed, 1);
}

/* ---- sockets ---- */

static int setup(void **state)
{
	strcpy(root, "/tmp/tocsin-api-XXXXXX");
	if (!mkdtemp(root) || chmod(root, 0755))
		return -1;
	snprintf(path, sizeof(path), "%s/s", root);
	return 0;
}

static int teardown(void **state)
{
	unlink(path);
	return rmdir(root);
}

static struct tocsin_api *serve(const char *group)
{
	struct tocsin_error err = {0};
	struct tocsin_api *a;

	if (tocsin_api_open(path, group, methods, NULL, &a, &err))
		fail_msg("%s", err.message);
	return a;
}

static int dial(void)
{
	struct sockaddr_un to = {.sun_family = AF_UNIX};
	int fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);

	strcpy(to.sun_path, path);
	if (connect(fd, (const struct sockaddr *)&to, sizeof(to))) {
		close(fd);
		return -1;
	}
	return fd;
}

/* Until nothing is left to do: bounded, so that a server that turns in circles is seen. */
static unsigned int settle(struct tocsin_api *a)
{
	struct pollfd p = {.fd = tocsin_api_fd(a), .events = POLLIN};
	unsigned int runs = 0;

	while (poll(&p, 1, 20) == 1) {
		tocsin_api_run(a);
		if (++runs > 5000)
			fail_msg("it never comes to rest");
	}
	return runs;
}

static void say(int fd, const char *line)
{
	assert_int_equal(send(fd, line, strlen(line), MSG_NOSIGNAL), strlen(line));
}

static size_t hear(int fd, char *ret, size_t size)
{
	ssize_t n = recv(fd, ret, size - 1, MSG_DONTWAIT);

	ret[n > 0 ? n : 0] = '\0';
	return n > 0 ? (size_t)n : 0;
}

static void pieces_and_rows(void **state)
{
	struct tocsin_api *a = serve("");
	char text[4096];
	struct stat st;
	int fd = dial();

	assert_int_equal(stat(path, &st), 0);
	assert_int_equal(st.st_mode & 07777, 0600);
	say(fd, "{\"jsonrpc\":\"2.0\",");
	settle(a);
	assert_int_equal(hear(fd, text, sizeof(text)), 0);
	say(fd, "\"id\":1,\"method\":\"echo\"}\n");
	settle(a);
	hear(fd, text, sizeof(text));
	assert_string_equal(text, "{\"jsonrpc\":\"2.0\",\"id\":1,\"result\":null}\n");
	for (int i = 0; i < 30; i++)
		say(fd, "{\"jsonrpc\":\"2.0\",\"id\":2,\"method\":\"echo\"}\n");
	/* One request of a connection in a run, so that others have their turn. */
	assert_true(settle(a) >= 30);
	assert_int_equal(hear(fd, text, sizeof(text)), 30 * 39);
	shutdown(fd, SHUT_WR);
	settle(a);
	assert_int_equal(recv(fd, text, 1, 0), 0);
	close(fd);
	tocsin_api_close(a);
	assert_int_equal(access(path, F_OK), -1);
}

static void a_line_without_end(void **state)
{
	struct tocsin_api *a = serve("");
	static char bytes[TOCSIN_API_LINE + 100];
	char text[256];
	int fd = dial();

	memset(bytes, 'a', sizeof(bytes));
	settle(a);
	assert_int_equal(send(fd, bytes, sizeof(bytes), MSG_NOSIGNAL), sizeof(bytes));
	settle(a);
	hear(fd, text, sizeof(text));
	assert_non_null(strstr(text, "at most 16383 bytes"));
	close(fd);
	tocsin_api_close(a);
}

/* Who asks and does not read is not listened to any more, and costs no more than a bound. */
static void a_client_that_does_not_read(void **state)
{
	static const char line[] = "{\"jsonrpc\":\"2.0\",\"id\":1,\"method\":\"big\"}\n";
	struct tocsin_api *a = serve("");
	int fd = dial(), other = dial();
	unsigned int sent = 0, quiet = 0;
	char text[256];

	fcntl(fd, F_SETFL, O_NONBLOCK);
	while (quiet < 3 && sent < 100000) {
		if (send(fd, line, sizeof(line) - 1, MSG_NOSIGNAL) == (ssize_t)sizeof(line) - 1) {
			sent++;
			quiet = 0;
		} else {
			quiet++;
		}
		tocsin_api_run(a);
	}
	assert_true(sent < 100000);
	settle(a);
	say(other, "{\"jsonrpc\":\"2.0\",\"id\":5,\"method\":\"echo\"}\n");
	settle(a);
	hear(other, text, sizeof(text));
	assert_non_null(strstr(text, "\"id\":5"));
	close(fd);
	close(other);
	settle(a);
	tocsin_api_close(a);
}

static void subscribers(void **state)
{
	struct tocsin_api *a = serve("");
	static char text[1 << 20];
	char event[1024];
	int fd = dial();
	size_t missed, seen = 0;

	assert_false(tocsin_api_wanted(a));
	say(fd, "{\"jsonrpc\":\"2.0\",\"id\":1,\"method\":\"subscribe\"}\n");
	settle(a);
	assert_true(tocsin_api_wanted(a));
	assert_int_equal(hear(fd, text, sizeof(text)), 39);
	tocsin_api_event(a, "{\"n\":1}\n", 8);
	hear(fd, text, sizeof(text));
	assert_string_equal(text,
			    "{\"jsonrpc\":\"2.0\",\"method\":\"event\",\"params\":{\"n\":1}}\n");
	/* It does not read for a while: the rest is missed, and that is said. */
	memset(event, ' ', sizeof(event));
	memcpy(event, "{\"n\":2", 6);
	event[sizeof(event) - 1] = '}';
	for (int i = 0; i < 3000; i++)
		tocsin_api_event(a, event, sizeof(event));
	for (int i = 0; i < 200; i++) {
		if (hear(fd, text, sizeof(text)))
			for (char *at = text; (at = strstr(at, "\"n\":2")); at++)
				seen++;
		if (strstr(text, "missed"))
			break;
		settle(a);
	}
	assert_non_null(strstr(text, "\"method\":\"missed\""));
	missed = strtoul(strstr(text, "\"events\":") + 9, NULL, 10);
	assert_int_equal(missed + seen, 3000);
	close(fd);
	settle(a);
	assert_false(tocsin_api_wanted(a));
	tocsin_api_close(a);
}

static void too_many(void **state)
{
	struct tocsin_api *a = serve("");
	int fds[64], open = 0;
	char text[256];

	for (size_t i = 0; i < 64; i++) {
		fds[i] = dial();
		settle(a);
		if (fds[i] >= 0 && !hear(fds[i], text, sizeof(text)))
			open++;
		else
			assert_non_null(strstr(text, "too many connections"));
	}
	assert_int_equal(open, 40);
	for (size_t i = 0; i < 64; i++)
		close(fds[i]);
	settle(a);
	fds[0] = dial();
	say(fds[0], "{\"jsonrpc\":\"2.0\",\"id\":5,\"method\":\"echo\"}\n");
	settle(a);
	assert_int_equal(hear(fds[0], text, sizeof(text)), 39);
	close(fds[0]);
	tocsin_api_close(a);
}

/* A process that was forked has the server's ends of connections too. */
static void who_was_forked_keeps_no_connection(void **state)
{
	struct tocsin_api *a = serve("");
	int fd = dial();
	pid_t pid;

	settle(a);
	pid = fork();
	assert_true(pid >= 0);
	if (!pid) {
		prctl(PR_SET_PDEATHSIG, SIGKILL);
		close(fd);
		pause();
		_exit(0);
	}
	close(fd);
	settle(a);
	assert_int_equal(settle(a), 0);
	kill(pid, SIGKILL);
	waitpid(pid, NULL, 0);
	tocsin_api_close(a);
}

/* A server that runs beside the test until it is to stop. */
struct running {
	struct tocsin_api *a;
	int stop; /* an eventfd */
	pthread_t thread;
};

static void *turn(void *context)
{
	struct running *r = context;
	struct pollfd p[2] = {{.fd = tocsin_api_fd(r->a), .events = POLLIN},
			      {.fd = r->stop, .events = POLLIN}};

	while (poll(p, 2, -1) > 0 && !p[1].revents)
		tocsin_api_run(r->a);
	return NULL;
}

static void start(struct running *r, const char *group)
{
	r->a = serve(group);
	r->stop = eventfd(0, EFD_CLOEXEC);
	assert_true(r->stop >= 0);
	assert_int_equal(pthread_create(&r->thread, NULL, turn, r), 0);
}

static void stop(struct running *r)
{
	assert_int_equal(eventfd_write(r->stop, 1), 0);
	pthread_join(r->thread, NULL);
	close(r->stop);
	tocsin_api_close(r->a);
}

/* As another user, who is in the group or not: 0 served, 1 turned away, 2 not even connected. */
static int as_other(gid_t group, const char *method)
{
	struct tocsin_error err = {0};
	struct tocsin_client *c;
	struct json_object *o = NULL;
	int rc;

	if (setgroups(1, &group) || setresgid(65534, 65534, 65534) ||
	    setresuid(65534, 65534, 65534))
		return 9;
	if (tocsin_client_open(path, &c, &err))
		return err.code == -EACCES ? 2 : 9;
	rc = tocsin_client_call(c, method, NULL, &o, &err);
	json_object_put(o);
	tocsin_client_close(c);
	return rc == -EREMOTEIO ? 1 : rc ? 9 : 0;
}

static int of_other(gid_t group, const char *method)
{
	pid_t pid = fork();
	int status;

	if (!pid)
		_exit(as_other(group, method));
	waitpid(pid, &status, 0);
	return WEXITSTATUS(status);
}

static void who_may(void **state)
{
	struct group *g = getgrnam("daemon");
	static struct running r; /* the children have it, too: no leak of theirs */
	gid_t gid;

	if (geteuid() || !g)
		skip();
	gid = g->gr_gid;
	changed = 0;
	start(&r, "daemon");
	assert_int_equal(of_other(gid, "echo"), 0);
	assert_int_equal(of_other(gid, "change"), 1);
	assert_int_equal(of_other(65533, "echo"), 2);
	chmod(path, 0666); /* the file lets in, the server does not */
	assert_int_equal(of_other(65533, "echo"), 1);
	stop(&r);
	assert_int_equal(changed, 0);
}

static void the_client(void **state)
{
	struct tocsin_error err = {0};
	struct tocsin_client *c;
	struct json_object *o = NULL;
	struct running r;

	assert_int_equal(tocsin_client_open(path, &c, &err), -ENOENT);
	assert_non_null(strstr(err.message, "is it running"));
	start(&r, "");
	err = (struct tocsin_error){0};
	assert_int_equal(tocsin_client_open(path, &c, &err), 0);
	assert_int_equal(tocsin_client_call(c, "big", NULL, &o, &err), 0);
	assert_int_equal(json_object_get_string_len(o), 100000);
	json_object_put(o);
	assert_int_equal(tocsin_client_call(c, "sing", NULL, &o, &err), -EREMOTEIO);
	assert_string_equal(err.message, "tocsind: there is no such method");
	stop(&r);
	assert_int_equal(tocsin_client_next(c, &o, NULL), -EPIPE);
	tocsin_client_close(c);
}

static void paths(void **state)
{
	struct tocsin_error err = {0};
	struct tocsin_api *a = serve(""), *b;

	assert_int_equal(tocsin_api_open(path, "", methods, NULL, &b, &err), -EADDRINUSE);
	assert_int_equal(access(path, F_OK), 0);
	tocsin_api_close(a);
	close(open(path, O_CREAT | O_WRONLY, 0600));
	assert_int_equal(tocsin_api_open(path, "", methods, NULL, &b, NULL), -EEXIST);
	unlink(path);
	err = (struct tocsin_error){0};
	assert_int_equal(tocsin_api_open(path, "no-such-group", methods, NULL, &b, &err), -ENOENT);
	assert_non_null(strstr(err.message, "addgroup"));
	/* One that a killed daemon left. */
	a = serve("");
	assert_int_equal(link(path, root), -1);
	snprintf(err.message, sizeof(err.message), "%s.left", path);
	assert_int_equal(link(path, err.message), 0);
	tocsin_api_close(a);
	assert_int_equal(rename(err.message, path), 0);
	a = serve("");
	tocsin_api_close(a);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
	    cmocka_unit_test(requests),
	    cmocka_unit_test(no_requests),
	    cmocka_unit_test(only_root_changes),
	    cmocka_unit_test_setup_teardown(pieces_and_rows, setup, teardown),
	    cmocka_unit_test_setup_teardown(a_line_without_end, setup, teardown),
	    cmocka_unit_test_setup_teardown(a_client_that_does_not_read, setup, teardown),
	    cmocka_unit_test_setup_teardown(subscribers, setup, teardown),
	    cmocka_unit_test_setup_teardown(too_many, setup, teardown),
	    cmocka_unit_test_setup_teardown(who_was_forked_keeps_no_connection, setup, teardown),
	    cmocka_unit_test_setup_teardown(who_may, setup, teardown),
	    cmocka_unit_test_setup_teardown(the_client, setup, teardown),
	    cmocka_unit_test_setup_teardown(paths, setup, teardown),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
