/* SPDX-License-Identifier: GPL-2.0-or-later */
/* The key file and the signature: what is covered, and which key files are refused. */
#include "request/request.h"

#include <errno.h>
#include <fcntl.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cmocka.h>
#include <sodium.h>

static char dir[64], path[96], pub[112];
static struct tocsin_error err;
static const uint8_t nonce[TOCSIN_NONCE_SIZE] = {1, 2, 3};

static int setup(void **state)
{
	snprintf(dir, sizeof(dir), "/tmp/tocsin-signer-XXXXXX");
	if (!mkdtemp(dir))
		return -1;
	snprintf(path, sizeof(path), "%s/key", dir);
	snprintf(pub, sizeof(pub), "%s.pub", path);
	tocsin_error_clear(&err);
	return 0;
}

static int teardown(void **state)
{
	unlink(path);
	unlink(pub);
	return rmdir(dir); /* fails if anything else was left behind */
}

static void put(const char *bytes, size_t size, mode_t mode)
{
	int fd = open(path, O_CREAT | O_WRONLY | O_TRUNC, mode);

	assert_true(fd >= 0);
	assert_int_equal(write(fd, bytes, size), size);
	assert_int_equal(fchmod(fd, mode), 0);
	close(fd);
}

static void public_key(uint8_t ret[32])
{
	char hex[66] = "";
	FILE *f = fopen(pub, "r");

	assert_non_null(f);
	assert_int_equal(fread(hex, 1, sizeof(hex), f), 65);
	fclose(f);
	assert_int_equal(hex[64], '\n');
	assert_int_equal(sodium_hex2bin(ret, 32, hex, 64, NULL, NULL, NULL), 0);
}

static struct tocsin_answer sample(void)
{
	struct tocsin_answer a;

	memset(&a, 0x11, sizeof(a));
	a.verdict = TOCSIN_VERDICT_CLEAN;
	return a;
}

static void makes_key_and_signs(void **state)
{
	struct tocsin_answer a = sample();
	struct tocsin_signer *s;
	uint8_t key[32], hash[32];
	struct stat st;

	assert_int_equal(tocsin_signer_open(path, &s, &err), 0);
	assert_int_equal(stat(path, &st), 0);
	assert_int_equal(st.st_mode & 07777, 0600);
	assert_int_equal(st.st_size, 32);
	assert_int_equal(stat(pub, &st), 0);
	assert_int_equal(st.st_mode & 07777, 0644);
	public_key(key);
	tocsin_signer_sign(s, nonce, &a);
	tocsin_signer_close(s);
	crypto_hash_sha256(hash, key, sizeof(key));
	assert_memory_equal(a.key_id, hash, 16);
	assert_int_equal(tocsin_signature_verify(key, nonce, &a), 0);
}

static void same_key_again(void **state)
{
	struct tocsin_answer a = sample(), b = sample();
	struct tocsin_signer *s;

	assert_int_equal(tocsin_signer_open(path, &s, &err), 0);
	tocsin_signer_sign(s, nonce, &a);
	tocsin_signer_close(s);
	assert_int_equal(tocsin_signer_open(path, &s, &err), 0);
	tocsin_signer_sign(s, nonce, &b);
	tocsin_signer_close(s);
	assert_memory_equal(&a, &b, sizeof(a));
}

static void every_fact_is_covered(void **state)
{
	static const size_t places[] = {
	    offsetof(struct tocsin_answer, state),     offsetof(struct tocsin_answer, verdict),
	    offsetof(struct tocsin_answer, score),     offsetof(struct tocsin_answer, findings),
	    offsetof(struct tocsin_answer, time),      offsetof(struct tocsin_answer, ticket),
	    offsetof(struct tocsin_answer, error),     offsetof(struct tocsin_answer, start_time),
	    offsetof(struct tocsin_answer, pid),       offsetof(struct tocsin_answer, uid),
	    offsetof(struct tocsin_answer, signature), offsetof(struct tocsin_answer, domain_uuid),
	};
	struct tocsin_answer a = sample(), b;
	uint8_t key[32], other[TOCSIN_NONCE_SIZE] = {9};
	struct tocsin_signer *s;

	assert_int_equal(tocsin_signer_open(path, &s, &err), 0);
	tocsin_signer_sign(s, nonce, &a);
	tocsin_signer_close(s);
	public_key(key);
	for (size_t i = 0; i < sizeof(places) / sizeof(places[0]); i++) {
		b = a;
		((uint8_t *)&b)[places[i]] ^= 1;
		assert_int_equal(tocsin_signature_verify(key, nonce, &b), -EBADMSG);
	}
	assert_int_equal(tocsin_signature_verify(key, other, &a), -EBADMSG);
	key[0] ^= 1;
	assert_int_equal(tocsin_signature_verify(key, nonce, &a), -EBADMSG);
}

static void refuses(int code)
{
	struct tocsin_signer *s = (void *)&err;

	assert_int_equal(tocsin_signer_open(path, &s, &err), code);
	assert_ptr_equal(s, &err);
	assert_true(err.message[0]);
	assert_int_equal(access(pub, F_OK), -1);
}

static void refuses_a_key_others_can_read(void **state)
{
	put("0123456789abcdef0123456789abcdef", 32, 0640);
	refuses(-EPERM);
}

static void refuses_a_short_key(void **state)
{
	put("0123456789abcdef", 16, 0600);
	refuses(-EINVAL);
}

static void refuses_a_long_key(void **state)
{
	put("0123456789abcdef0123456789abcdef0", 33, 0600);
	refuses(-EINVAL);
}

static void refuses_a_link(void **state)
{
	assert_int_equal(symlink("/dev/zero", path), 0);
	refuses(-ELOOP);
}

#define T(f) cmocka_unit_test_setup_teardown(f, setup, teardown)

int main(void)
{
	const struct CMUnitTest list[] = {
	    T(makes_key_and_signs),   T(same_key_again),
	    T(every_fact_is_covered), T(refuses_a_key_others_can_read),
	    T(refuses_a_short_key),   T(refuses_a_long_key),
	    T(refuses_a_link),
	};

	return cmocka_run_group_tests(list, NULL, NULL);
}
