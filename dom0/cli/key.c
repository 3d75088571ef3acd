// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * tocsin key show [--key FILE]: the public key with which guests check that a verdict is dom0's.
 * The secret half stays in FILE, which only tocsind reads.
 */
#include "cli/command.h"
#include "request/request.h"

#include <errno.h>
#include <limits.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>

#include <sodium.h>

static int show(const char *path)
{
	uint8_t key[crypto_sign_PUBLICKEYBYTES], hash[crypto_hash_sha256_BYTES];
	char name[PATH_MAX], line[256] = "",
			     id[2 * sizeof(((struct tocsin_answer *)0)->key_id) + 1];
	const char *end;
	size_t size;
	FILE *f;

	if (snprintf(name, sizeof(name), "%s.pub", path) >= (int)sizeof(name)) {
		fputs("tocsin key: the path is too long\n", stderr);
		return EXIT_USAGE;
	}
	f = fopen(name, "re");
	if (!f) {
		fprintf(stderr, "tocsin key: cannot open %s: %s%s\n", name, strerror(errno),
			errno == ENOENT ? "; tocsind makes it when it first starts" : "");
		return EXIT_FAILED;
	}
	if (!fgets(line, sizeof(line), f) ||
	    sodium_hex2bin(key, sizeof(key), line, strlen(line), "\n", &size, &end) || *end ||
	    size != sizeof(key)) {
		fprintf(stderr, "tocsin key: %s holds no public key\n", name);
		fclose(f);
		return EXIT_FAILED;
	}
	fclose(f);
	crypto_hash_sha256(hash, key, sizeof(key));
	sodium_bin2hex(id, sizeof(id), hash, sizeof(id) / 2);
	line[strcspn(line, "\n")] = '\0';
	printf("key     %s\nkey id  %s\n", line, id);
	return EXIT_DONE;
}

int command_key(int argc, char **argv)
{
	const char *path = TOCSIN_KEY_FILE;

	if (argc == 4 && !strcmp(argv[2], "--key"))
		path = argv[3];
	else if (argc != 2) {
		fputs(argc < 2 ? "tocsin key: what is to be done?\n"
			       : "tocsin key: unexpected arguments\n",
		      stderr);
		return EXIT_USAGE;
	}
	if (strcmp(argv[1], "show")) {
		fprintf(stderr, "tocsin key: there is no 'key %s'\n", argv[1]);
		return EXIT_USAGE;
	}
	return show(path);
}
