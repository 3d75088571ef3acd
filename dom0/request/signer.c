/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * The verdict's signature. The key file holds the 32-byte Ed25519 seed and nothing else; it is
 * refused when anybody but its owner can touch it, because a key that others can read signs
 * nothing. It is made complete under another name and linked into place, so that two daemons that
 * start at once agree on one key and a crash leaves no half of one.
 */
#include "request/request.h"

#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include <sodium.h>

struct tocsin_signer {
	uint8_t public_key[crypto_sign_PUBLICKEYBYTES];
	uint8_t secret_key[crypto_sign_SECRETKEYBYTES];
	uint8_t key_id[16];
};

_Static_assert(crypto_sign_BYTES == TOCSIN_SIGNATURE_SIZE, "an Ed25519 signature");

static int write_all(int fd, const void *buf, size_t size)
{
	const uint8_t *p = buf;
	ssize_t n;

	while (size) {
		n = write(fd, p, size);
		if (n < 0 && errno == EINTR)
			continue;
		if (n < 0)
			return -errno;
		p += n;
		size -= (size_t)n;
	}
	return fsync(fd) ? -errno : 0;
}

/* A new file beside path, named in tmp, with these bytes and this mode. */
static int write_beside(const char *path, const void *buf, size_t size, mode_t mode,
			char tmp[PATH_MAX])
{
	int fd, rc;

	if (snprintf(tmp, PATH_MAX, "%s.XXXXXX", path) >= PATH_MAX)
		return -ENAMETOOLONG;
	fd = mkostemp(tmp, O_CLOEXEC);
	if (fd < 0)
		return -errno;
	rc = write_all(fd, buf, size);
	if (!rc && fchmod(fd, mode))
		rc = -errno;
	close(fd);
	if (rc)
		unlink(tmp);
	return rc;
}

static int make_seed(const char *path)
{
	uint8_t seed[crypto_sign_SEEDBYTES];
	char tmp[PATH_MAX];
	int rc;

	randombytes_buf(seed, sizeof(seed));
	rc = write_beside(path, seed, sizeof(seed), 0600, tmp);
	sodium_memzero(seed, sizeof(seed));
	if (rc)
		return rc;
	if (link(tmp, path) && errno != EEXIST) /* EEXIST: another was first, use that one */
		rc = -errno;
	unlink(tmp);
	return rc;
}

static int read_seed(const char *path, uint8_t seed[crypto_sign_SEEDBYTES],
		     struct tocsin_error *err)
{
	uint8_t buf[crypto_sign_SEEDBYTES + 1];
	struct stat st;
	ssize_t n;
	int fd, rc = 0;

	fd = open(path, O_RDONLY | O_CLOEXEC | O_NOFOLLOW | O_NONBLOCK);
	if (fd < 0)
		return errno == ENOENT ? -ENOENT
				       : tocsin_error_set(err, -errno, "cannot open key %s: %s",
							  path, strerror(errno));
	if (fstat(fd, &st))
		rc = tocsin_error_set(err, -errno, "cannot stat key %s", path);
	else if (!S_ISREG(st.st_mode) || (st.st_mode & 077) || st.st_uid != geteuid())
		rc = tocsin_error_set(err, -EPERM,
				      "key %s is not a regular file of its owner alone", path);
	if (!rc) {
		n = read(fd, buf, sizeof(buf));
		if (n != crypto_sign_SEEDBYTES)
			rc = tocsin_error_set(err, -EINVAL, "key %s does not hold %u bytes", path,
					      crypto_sign_SEEDBYTES);
		else
			memcpy(seed, buf, crypto_sign_SEEDBYTES);
	}
	sodium_memzero(buf, sizeof(buf));
	close(fd);
	return rc;
}

static int publish(const struct tocsin_signer *s, const char *path)
{
	char hex[crypto_sign_PUBLICKEYBYTES * 2 + 2], name[PATH_MAX], tmp[PATH_MAX];
	int rc;

	if (snprintf(name, sizeof(name), "%s.pub", path) >= (int)sizeof(name))
		return -ENAMETOOLONG;
	sodium_bin2hex(hex, sizeof(hex), s->public_key, sizeof(s->public_key));
	hex[sizeof(hex) - 2] = '\n';
	rc = write_beside(name, hex, sizeof(hex) - 1, 0644, tmp);
	if (rc)
		return rc;
	if (rename(tmp, name)) {
		rc = -errno;
		unlink(tmp);
	}
	return rc;
}

int tocsin_signer_open(const char *path, struct tocsin_signer **ret, struct tocsin_error *err)
{
	uint8_t seed[crypto_sign_SEEDBYTES], hash[crypto_hash_sha256_BYTES];
	struct tocsin_signer *s;
	int rc;

	if (sodium_init() < 0)
		return tocsin_error_set(err, -EIO, "libsodium cannot be initialised");
	rc = read_seed(path, seed, err);
	if (rc == -ENOENT) {
		rc = make_seed(path);
		if (rc)
			return tocsin_error_set(err, rc, "cannot make key %s: %s", path,
						strerror(-rc));
		rc = read_seed(path, seed, err);
	}
	if (rc)
		return tocsin_error_set(err, rc, "cannot read key %s", path);
	s = sodium_malloc(sizeof(*s));
	if (!s) {
		sodium_memzero(seed, sizeof(seed));
		return tocsin_error_set(err, -ENOMEM, "no memory for the key");
	}
	crypto_sign_seed_keypair(s->public_key, s->secret_key, seed);
	sodium_memzero(seed, sizeof(seed));
	crypto_hash_sha256(hash, s->public_key, sizeof(s->public_key));
	memcpy(s->key_id, hash, sizeof(s->key_id));
	rc = publish(s, path);
	if (rc) {
		sodium_free(s);
		return tocsin_error_set(err, rc, "cannot write %s.pub: %s", path, strerror(-rc));
	}
	*ret = s;
	return 0;
}

void tocsin_signer_close(struct tocsin_signer *s)
{
	sodium_free(s); /* wipes; NULL is fine */
}

void tocsin_signer_sign(const struct tocsin_signer *s, const uint8_t nonce[TOCSIN_NONCE_SIZE],
			struct tocsin_answer *answer)
{
	uint8_t m[TOCSIN_SIGN_SIZE];

	tocsin_sign_message(nonce, answer, m);
	crypto_sign_detached(answer->signature, NULL, m, sizeof(m), s->secret_key);
	memcpy(answer->key_id, s->key_id, sizeof(answer->key_id));
}

int tocsin_signature_verify(const uint8_t public_key[32], const uint8_t nonce[TOCSIN_NONCE_SIZE],
			    const struct tocsin_answer *answer)
{
	uint8_t m[TOCSIN_SIGN_SIZE];

	tocsin_sign_message(nonce, answer, m);
	return crypto_sign_verify_detached(answer->signature, m, sizeof(m), public_key) ? -EBADMSG
											: 0;
}
