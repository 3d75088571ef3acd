// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * The tables of sockets, as they are and as a guest can make them: chains that go round, that run
 * into other memory or into each other, sockets that are freed or another kind's, tables that grow.
 * What is wrong in one chain costs that chain, never those after it, and is never silent.
 */
#include "../../../fuzz/socket_world.h"

#include <errno.h>
#include <setjmp.h>
#include <signal.h>
#include <stdarg.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#include <cmocka.h>

#define EACH 9
#define MANY 10000
#define CHAIN 30

static struct world w;

static int begin(void **state)
{
	world_begin(&w);
	world_fill(&w);
	return 0;
}

static int end(void **state)
{
	world_end(&w);
	return 0;
}

static struct tocsin_socket_list list_them(void)
{
	struct tocsin_socket_list list;
	struct tocsin_error err = {0};

	if (tocsin_socket_list(&w.k, &list, &err))
		fail_msg("%s", err.message);
	for (size_t i = 1; i < list.count; i++)
		assert_true(list.rows[i - 1].socket.sock < list.rows[i].socket.sock);
	return list;
}

static const struct tocsin_socket_row *find(const struct tocsin_socket_list *list, uint64_t sock)
{
	for (size_t i = 0; i < list->count; i++)
		if (list->rows[i].socket.sock == sock)
			return &list->rows[i];
	return NULL;
}

static uint64_t tcp(uint16_t port)
{
	return world_sock(&w, AF_INET, SOCK_STREAM, IPPROTO_TCP, TCP_ESTABLISHED, port);
}

static void every_table_is_read(void **state)
{
	static const char *const kinds[EACH] = {"tcp",  "tcp6", "udp",    "raw",    "raw6",
						"ping", "unix", "packet", "netlink"};
	struct tocsin_socket_list list = list_them();

	assert_int_equal(list.count, EACH);
	assert_int_equal(list.torn + list.missing + list.truncated, 0);
	for (size_t i = 0; i < EACH; i++) {
		assert_string_equal(tocsin_socket_kind(&list.rows[i].socket), kinds[i]);
		assert_int_equal(list.rows[i].confidence, TOCSIN_CONSISTENT);
		assert_int_equal(list.rows[i].socket.inode, i + 1);
		assert_int_equal(list.rows[i].socket.owner, TOCSIN_OWNER_FILE);
	}
	tocsin_socket_list_free(&list);
}

static void who_holds_them_is_read(void **state)
{
	struct tocsin_holder_list list;

	assert_int_equal(tocsin_holder_list(&w.k, &list, NULL), 0);
	assert_int_equal(list.count, EACH);
	for (size_t i = 0; i < EACH; i++) {
		assert_int_equal(list.rows[i].pid, 7);
		assert_int_equal(list.rows[i].fd, i);
		assert_int_equal(list.rows[i].inode, i + 1);
	}
	tocsin_holder_list_free(&list);
}

/* A process that changes its files all the time (unshare does) still holds its sockets. */
static void files_that_change_are_not_given_up(void **state)
{
	uint64_t page = (w.task + w.f.task_files) & ~0xfffull, copy[512], files[2];
	uint64_t *at = world_at(&w, w.task + w.f.task_files);
	pid_t child, parent = getpid();
	bool sound = true;

	memcpy(copy, world_at(&w, page), sizeof(copy)); /* shared, for another process to change */
	assert_ptr_not_equal(mmap(world_at(&w, page), sizeof(copy), PROT_READ | PROT_WRITE,
				  MAP_SHARED | MAP_ANONYMOUS | MAP_FIXED, -1, 0),
			     MAP_FAILED);
	memcpy(world_at(&w, page), copy, sizeof(copy));
	files[0] = *at;
	files[1] = world_new(&w, 64);
	memcpy(world_at(&w, files[1]), world_at(&w, files[0]), 64);
	child = fork();
	assert_true(child >= 0);
	for (unsigned int i = 0; !child; i++) {
		__atomic_store_n(at, files[i % 2], __ATOMIC_RELAXED);
		if (getppid() != parent)
			_exit(0);
	}
	for (int i = 0; i < 500 && sound; i++) {
		struct tocsin_holder_list list = {0};

		sound = !tocsin_holder_list(&w.k, &list, NULL) && (list.count == EACH || list.torn);
		tocsin_holder_list_free(&list);
	}
	kill(child, SIGKILL);
	waitpid(child, NULL, 0);
	assert_true(sound);
}

/* As the kernel does it: a node points back at who points at it, the last has the chain's end. */
static void hang_first(uint64_t node, uint64_t head)
{
	uint64_t next = *world_at(&w, head);

	*world_at(&w, node) = next;
	*world_at(&w, node + 8) = head;
	__atomic_store_n(world_at(&w, head), node, __ATOMIC_RELEASE);
	if (!(next & 1))
		*world_at(&w, next + 8) = node;
}

static void take_off(uint64_t node)
{
	uint64_t next = *world_at(&w, node), back = *world_at(&w, node + 8);

	__atomic_store_n(world_at(&w, back), next, __ATOMIC_RELEASE);
	if (!(next & 1))
		*world_at(&w, next + 8) = back;
	__atomic_store_n(world_at(&w, node + 8), 0, __ATOMIC_RELEASE);
}

/*
 * A socket makes room for another, which is at the head of its chain before: so that the kernel's
 * own readers find one of them at any time. We do as well, or say that something may be missing.
 */
static void who_takes_anothers_place_is_found(void **state)
{
	uint64_t nodes[CHAIN + 1], size;
	pid_t child, parent = getpid();
	bool sound = true;
	uint8_t *copy;

	for (size_t i = 0; i <= CHAIN; i++) {
		nodes[i] = tcp((uint16_t)(i + 1)) + w.f.sk_node;
		if (i < CHAIN)
			hang_first(nodes[i], w.ehash);
	}
	size = (w.used + 0xfff) & ~0xfffull;
	copy = malloc(size); /* shared, for another process to change */
	assert_non_null(copy);
	memcpy(copy, w.bytes, size);
	assert_ptr_not_equal(mmap(w.bytes, size, PROT_READ | PROT_WRITE,
				  MAP_SHARED | MAP_ANONYMOUS | MAP_FIXED, -1, 0),
			     MAP_FAILED);
	memcpy(w.bytes, copy, size);
	free(copy);
	child = fork();
	assert_true(child >= 0);
	for (unsigned int i = 0; !child; i++) {
		hang_first(nodes[(i + CHAIN) % (CHAIN + 1)], w.ehash);
		take_off(nodes[i % (CHAIN + 1)]);
		for (volatile int n = 0; n < 4000; n++) /* about as long as a walk */
			;
		if (getppid() != parent)
			_exit(0);
	}
	for (int i = 0; i < 2000 && sound; i++) {
		struct tocsin_socket_list list = {0};
		size_t met = 0;

		sound = !tocsin_socket_list(&w.k, &list, NULL);
		for (size_t n = 0; n <= CHAIN; n++)
			met += find(&list, nodes[n] - w.f.sk_node) != NULL;
		sound = sound && (met >= CHAIN || list.gaps & 1u << TOCSIN_TABLE_TCP);
		tocsin_socket_list_free(&list);
	}
	kill(child, SIGKILL);
	waitpid(child, NULL, 0);
	assert_true(sound);
}

/* An object of TIME_WAIT may be of FIN_WAIT2, and ss(8) calls it so. */
static void what_is_left_has_the_state_that_it_has(void **state)
{
	static const uint8_t states[] = {TCP_TIME_WAIT, TCP_FIN_WAIT2};

	for (size_t i = 0; i < 2; i++) {
		uint64_t sock = world_sock(&w, AF_INET, SOCK_STREAM, IPPROTO_TCP, TCP_TIME_WAIT,
					   (uint16_t)(i + 1));
		struct tocsin_socket_list list;

		world_put(&w, sock, w.f.tw_substate, &states[i], 1);
		world_hang(&w, sock, w.ehash);
		list = list_them();
		assert_non_null(find(&list, sock));
		assert_int_equal(find(&list, sock)->confidence, TOCSIN_CONSISTENT);
		assert_int_equal(find(&list, sock)->socket.state, states[i]);
		assert_int_equal(find(&list, sock)->socket.owner, TOCSIN_OWNER_NONE);
		tocsin_socket_list_free(&list);
	}
}

/* Between the last descriptor and the end of the socket there is nobody to hold it. */
static void a_socket_that_is_closed_has_no_owner(void **state)
{
	uint64_t sock = tcp(5), file = *world_at(&w, w.fds + 8ull * EACH);
	struct tocsin_socket s;

	assert_int_equal(tocsin_socket_at(&w.k, sock, &s, NULL), 0);
	assert_int_equal(s.owner, TOCSIN_OWNER_FILE);
	world_put_u64(&w, file, w.f.file_count, 0);
	assert_int_equal(tocsin_socket_at(&w.k, sock, &s, NULL), 0);
	assert_int_equal(s.owner, TOCSIN_OWNER_NONE);
	world_put_u32(&w, sock, w.f.sk_refcnt, 0);
	assert_int_equal(tocsin_socket_at(&w.k, sock, &s, NULL), -ESRCH);
}

/* Bound sockets, one port for many, and one that was taken off the table of connections. */
static void the_table_of_ports_is_read(void **state)
{
	uint64_t closed, hidden, owners;
	struct tocsin_socket_list list;

	for (int form = 0; form < 2; form++) {
		w.f.port_owners = form ? w.f.port_addresses : TOCSIN_NO_MEMBER;
		memset(world_at(&w, w.bhash), 0, WORLD_CHAINS * w.f.tcp_bhash_size);
		owners = world_port(&w, w.bhash + 3ull * w.f.tcp_bhash_size);
		closed = world_sock(&w, AF_INET, SOCK_STREAM, IPPROTO_TCP, TCP_CLOSE, 8);
		hidden = tcp(8);
		world_hang_node(&w, closed + w.f.sk_bind_node, owners);
		world_hang_node(&w, hidden + w.f.sk_bind_node, owners);
		world_port(&w, w.bhash + 3ull * w.f.tcp_bhash_size); /* nobody's */
		list = list_them();
		assert_int_equal(list.count, EACH + 2);
		assert_int_equal(list.torn, 0);
		assert_true(find(&list, closed)->port_only && find(&list, hidden)->port_only);
		assert_int_equal(find(&list, closed)->confidence, TOCSIN_CONSISTENT);
		tocsin_socket_list_free(&list);
		world_hang(&w, hidden, w.ehash);
		list = list_them();
		assert_false(find(&list, hidden)->port_only);
		tocsin_socket_list_free(&list);
		/* a chain that goes round costs itself */
		*world_at(&w, closed + w.f.sk_bind_node) = hidden + w.f.sk_bind_node;
		list = list_them();
		assert_int_equal(list.count, EACH + 2);
		assert_int_equal(list.torn, 1);
		tocsin_socket_list_free(&list);
		*world_at(&w, w.ehash) = 1;
	}
}

static void a_chain_that_goes_round_ends(void **state)
{
	uint64_t first = tcp(1), second = tcp(2), node;
	struct tocsin_socket_list list;

	world_hang(&w, first, w.ehash);
	world_hang(&w, second, w.ehash);
	node = first + w.f.sk_node;
	*world_at(&w, node) = second + w.f.sk_node;
	list = list_them();
	assert_int_equal(list.count, EACH + 2);
	assert_int_equal(find(&list, first)->confidence, TOCSIN_TORN);
	assert_int_equal(find(&list, second)->confidence, TOCSIN_TORN);
	assert_int_equal(list.torn, 3); /* both, and the chain */
	tocsin_socket_list_free(&list);
}

/*
 * A processor that was stopped between the writes of a change leaves a chain that is whole for who
 * walks forward; what does not end with the chain's number is not believed.
 */
static void a_change_that_was_stopped_loses_nobody(void **state)
{
	uint64_t first = tcp(1), second = tcp(2);
	struct tocsin_socket_list list;

	world_hang_node(&w, first + w.f.sk_node, w.ehash);
	world_hang_node(&w, second + w.f.sk_node, w.ehash);
	*world_at(&w, first + w.f.sk_node + 8) = w.ehash; /* not yet behind the second */
	list = list_them();
	assert_int_equal(list.count, EACH + 2);
	assert_int_equal(find(&list, first)->confidence, TOCSIN_CONSISTENT);
	assert_int_equal(list.torn, 0);
	assert_false(list.gaps & 1u << TOCSIN_TABLE_TCP);
	tocsin_socket_list_free(&list);
	*world_at(&w, first + w.f.sk_node) = second + w.f.sk_node; /* round and round */
	list = list_them();
	assert_true(list.gaps & 1u << TOCSIN_TABLE_TCP);
	assert_false(list.truncated);
	tocsin_socket_list_free(&list);
}

/* Every node points back at the one before it, and the last leads to the head. */
static void a_ring_ends(void **state)
{
	uint64_t sock = tcp(1), heads[2] = {w.udp, w.bhash};
	uint64_t nodes[2] = {sock + w.f.sk_node, sock + w.f.sk_bind_node};
	struct tocsin_socket_list list;

	world_put_u16(&w, sock, w.f.sk_type, SOCK_DGRAM);
	world_put_u16(&w, sock, w.f.sk_protocol, IPPROTO_UDP);
	for (int i = 0; i < 2; i++) {
		world_hang_node(&w, nodes[i], heads[i]);
		*world_at(&w, nodes[i]) = heads[i];
		*world_at(&w, heads[i] + 8) = nodes[i];
		list = list_them();
		assert_int_equal(list.count, EACH + 1);
		assert_true(list.torn > 0 && !list.truncated);
		tocsin_socket_list_free(&list);
	}
}

static void a_chain_into_other_memory_ends(void **state)
{
	static const uint64_t places[] = {WORLD_SIZE + 0x1000, 0x4000, 0x8000000000000000ull, 1, 0};
	struct tocsin_socket_list list;
	uint64_t sock = tcp(1);

	world_hang(&w, sock, w.ehash);
	for (size_t i = 0; i < sizeof(places) / sizeof(places[0]); i++) {
		bool end = places[i] == 1; /* of chain 0, where it is */

		*world_at(&w, sock + w.f.sk_node) = places[i];
		list = list_them();
		assert_int_equal(list.count, EACH + 1);
		assert_int_equal(list.torn, end ? 0 : 2);
		tocsin_socket_list_free(&list);
	}
}

/* A reader is carried into another chain when a socket moves while it is read. */
static void another_chains_end_is_not_this_ones(void **state)
{
	uint64_t first = tcp(1), second = tcp(2);
	struct tocsin_socket_list list;

	world_hang(&w, first, w.ehash);
	world_hang(&w, second, w.ehash + 8);
	*world_at(&w, first + w.f.sk_node) = *world_at(&w, second + w.f.sk_node);
	list = list_them();
	assert_int_equal(find(&list, first)->confidence, TOCSIN_TORN);
	assert_int_equal(find(&list, second)->confidence, TOCSIN_CONSISTENT);
	tocsin_socket_list_free(&list);
}

static void what_does_not_belong_costs_nobody_else(void **state)
{
	uint64_t first = tcp(1), odd = tcp(2), last = tcp(3);
	struct tocsin_socket_list list;

	world_hang(&w, first, w.ehash);
	world_hang(&w, odd, w.ehash);
	world_hang(&w, last, w.ehash);
	world_put_u16(&w, odd, w.f.sk_type, SOCK_DGRAM);
	list = list_them();
	assert_int_equal(list.count, EACH + 2);
	assert_null(find(&list, odd));
	assert_int_equal(find(&list, first)->confidence, TOCSIN_CONSISTENT);
	assert_int_equal(list.torn, 1);
	tocsin_socket_list_free(&list);
	world_put_u16(&w, odd, w.f.sk_type, SOCK_STREAM);
	world_put_u32(&w, odd, w.f.sk_refcnt, 0); /* freed */
	list = list_them();
	assert_int_equal(list.count, EACH + 2);
	assert_int_equal(list.torn, 0);
	tocsin_socket_list_free(&list);
}

static void a_round_chain_of_netlink_ends(void **state)
{
	uint64_t socks[5];
	struct tocsin_socket_list list;

	for (int i = 0; i < 5; i++) {
		socks[i] = world_sock(&w, AF_NETLINK, SOCK_RAW, 0, TCP_CLOSE, (uint16_t)(i + 1));
		world_hang_netlink(&w, socks[i], w.netlink, i == 4);
	}
	list = list_them();
	assert_int_equal(list.count, EACH + 5);
	assert_int_equal(list.torn, 0); /* locked, which is no fault */
	tocsin_socket_list_free(&list);
	for (int i = 1; i < 5; i++) { /* the last leads back to each */
		*world_at(&w, socks[0] + w.f.netlink_node) = socks[i] + w.f.netlink_node;
		list = list_them();
		assert_int_equal(list.count, EACH + 5); /* each once */
		assert_true(list.torn > 0);
		tocsin_socket_list_free(&list);
	}
	*world_at(&w, socks[0] + w.f.netlink_node) = (w.netlink + 8) | 1; /* another's end */
	list = list_them();
	assert_true(list.torn > 0);
	tocsin_socket_list_free(&list);
}

static void a_table_of_netlink_that_grows_is_two(void **state)
{
	uint64_t table = world_netlink_table(&w, 8), buckets = table + w.f.rht_buckets;
	uint64_t moved = world_sock(&w, AF_NETLINK, SOCK_RAW, 0, TCP_CLOSE, 5);
	struct tocsin_socket_list list;

	world_put_u64(&w, w.netlink - w.f.rht_buckets, w.f.rht_future, table);
	world_hang_netlink(&w, moved, buckets + 8 * 6, false);
	list = list_them();
	assert_int_equal(list.count, EACH + 1);
	assert_non_null(find(&list, moved));
	assert_int_equal(list.torn, 0);
	tocsin_socket_list_free(&list);
	world_put_u64(&w, table, w.f.rht_future, table); /* for ever */
	list = list_them();
	assert_int_equal(list.count, EACH + 1);
	tocsin_socket_list_free(&list);
	world_put_u32(&w, table, w.f.rht_size, UINT32_MAX);
	list = list_them();
	assert_true(list.torn > 0);
	assert_int_equal(list.count, EACH);
	tocsin_socket_list_free(&list);
}

/* A namespace that only a process is in, because it was taken off the kernel's list. */
static void a_hidden_namespace_hides_no_sockets(void **state)
{
	uint64_t net = world_new_net(&w, 2), proxy = *world_at(&w, w.task + w.f.task_nsproxy);
	struct tocsin_socket_list list;
	uint64_t packet;

	w.net = net;
	packet = world_sock(&w, AF_PACKET, SOCK_RAW, 0, TCP_CLOSE, 0);
	world_hang(&w, packet, net + w.f.net_packet);
	list = list_them();
	assert_null(find(&list, packet));
	tocsin_socket_list_free(&list);
	world_put_u64(&w, proxy, w.f.nsproxy_net, net);
	list = list_them();
	assert_int_equal(find(&list, packet)->socket.netns, 2);
	assert_int_equal(list.count, EACH + 1);
	tocsin_socket_list_free(&list);
	*world_at(&w, w.f.at_nets + 8) = 0; /* the list itself is broken: the process's is left */
	*world_at(&w, w.f.at_nets) = 8;
	list = list_them();
	assert_non_null(find(&list, packet));
	assert_true(list.torn > 0);
	tocsin_socket_list_free(&list);
}

static void a_table_of_a_namespaces_own_is_read(void **state)
{
	uint64_t own = world_new(&w, 256), chains = world_chains(&w, 4, 8, true), sock = tcp(9);
	struct tocsin_socket_list list;

	memcpy(world_at(&w, own), world_at(&w, w.f.at_tcp), 256);
	world_put_u64(&w, own, w.f.tcp_ehash, chains);
	world_put_u32(&w, own, w.f.tcp_ehash_mask, 3);
	world_put_u64(&w, w.net, w.f.net_tcp, own);
	world_hang(&w, sock, chains + 8);
	list = list_them();
	assert_int_equal(list.count, EACH + 1); /* the listening ones are shared, and not twice */
	assert_int_equal(list.torn, 0);
	assert_non_null(find(&list, sock));
	tocsin_socket_list_free(&list);
	world_put_u64(&w, own, w.f.tcp_ehash, WORLD_SIZE); /* it is being taken down */
	list = list_them();
	assert_int_equal(list.count, EACH);
	assert_int_equal(list.torn, 1);
	tocsin_socket_list_free(&list);
}

static void what_is_missing_is_said(void **state)
{
	struct tocsin_socket_list list;
	struct tocsin_error err = {0};

	w.f.at_ping = 0;
	w.f.at_netlink = WORLD_SIZE;
	w.f.net_packet = TOCSIN_NO_MEMBER;
	list = list_them();
	assert_int_equal(list.count, EACH - 3);
	assert_int_equal(list.missing, 1 << TOCSIN_TABLE_PING | 1 << TOCSIN_TABLE_NETLINK |
					   1 << TOCSIN_TABLE_PACKET);
	tocsin_socket_list_free(&list);
	world_put_u64(&w, w.f.at_udp, w.f.udp_hash, WORLD_SIZE);
	assert_int_equal(tocsin_socket_list(&w.k, &list, &err), -EFAULT);
	assert_non_null(strstr(err.message, "udp"));
	world_put_u32(&w, w.f.at_tcp, w.f.tcp_ehash_mask, UINT32_MAX);
	err = (struct tocsin_error){0};
	assert_int_equal(tocsin_socket_list(&w.k, &list, &err), -EINVAL);
	assert_non_null(strstr(err.message, "tcp"));
}

static void ports_given_back_are_no_fault(void **state)
{
	uint64_t udp = world_sock(&w, AF_INET, SOCK_DGRAM, IPPROTO_UDP, TCP_CLOSE, 0);
	uint64_t closed = world_sock(&w, AF_INET, SOCK_STREAM, IPPROTO_TCP, TCP_CLOSE, 1);
	struct tocsin_socket_list list;

	world_hang(&w, udp, w.udp);
	world_hang(&w, closed, w.ehash);
	list = list_them();
	assert_int_equal(list.count, EACH);
	assert_int_equal(list.torn, 0);
	tocsin_socket_list_free(&list);
}

/* Ten thousand in one chain are as many, and take no time that a person would notice. */
static void many_in_one_chain(void **state)
{
	struct tocsin_socket_list list;
	struct timespec t[2];

	for (int i = 0; i < MANY; i++)
		world_hang(&w, world_sock(&w, AF_INET, SOCK_DGRAM, IPPROTO_UDP, TCP_CLOSE, 53),
			   w.udp);
	clock_gettime(CLOCK_MONOTONIC, &t[0]);
	list = list_them();
	clock_gettime(CLOCK_MONOTONIC, &t[1]);
	assert_int_equal(list.count, EACH + MANY);
	assert_int_equal(list.torn, 0);
	assert_true(t[1].tv_sec - t[0].tv_sec < 5);
	tocsin_socket_list_free(&list);
}

int main(void)
{
#define TEST(name) cmocka_unit_test_setup_teardown(name, begin, end)
	const struct CMUnitTest tests[] = {
	    TEST(every_table_is_read),
	    TEST(who_holds_them_is_read),
	    TEST(files_that_change_are_not_given_up),
	    TEST(who_takes_anothers_place_is_found),
	    TEST(what_is_left_has_the_state_that_it_has),
	    TEST(a_socket_that_is_closed_has_no_owner),
	    TEST(the_table_of_ports_is_read),
	    TEST(a_chain_that_goes_round_ends),
	    TEST(a_ring_ends),
	    TEST(a_chain_into_other_memory_ends),
	    TEST(another_chains_end_is_not_this_ones),
	    TEST(what_does_not_belong_costs_nobody_else),
	    TEST(a_round_chain_of_netlink_ends),
	    TEST(a_table_of_netlink_that_grows_is_two),
	    TEST(a_hidden_namespace_hides_no_sockets),
	    TEST(a_table_of_a_namespaces_own_is_read),
	    TEST(what_is_missing_is_said),
	    TEST(ports_given_back_are_no_fault),
	    TEST(a_change_that_was_stopped_loses_nobody),
	    TEST(many_in_one_chain),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
