/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Replays a fuzzing corpus as an ordinary test: calls the harness with each file of the folder
 * given, and with every truncation of it to a power of two. An empty folder is a failure, since
 * it would test nothing.
 */
#include "fuzz.h"

#include <dirent.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>

static int replay_file(const char *path)
{
	FILE *f = fopen(path, "rb");
	struct stat st;
	uint8_t *bytes;
	size_t size;

	if (!f || fstat(fileno(f), &st)) {
		perror(path);
		if (f)
			fclose(f);
		return -1;
	}
	bytes = malloc((size_t)st.st_size + 1);
	if (!bytes) {
		fclose(f);
		return -1;
	}
	size = fread(bytes, 1, (size_t)st.st_size, f);
	fclose(f);
	if (size != (size_t)st.st_size) {
		fprintf(stderr, "%s: cannot be read whole\n", path);
		free(bytes);
		return -1;
	}
	/* A tight copy each time, so that a sanitizer or valgrind sees the first byte too far. */
	for (size_t n = size;;
	     n = n ? 1ul << (63 - __builtin_clzl(n)) >> (n & (n - 1) ? 0 : 1) : 0) {
		uint8_t *tight = malloc(n ? n : 1);

		if (!tight) {
			free(bytes);
			return -1;
		}
		memcpy(tight, bytes, n);
		LLVMFuzzerTestOneInput(tight, n);
		free(tight);
		if (!n)
			break;
	}
	free(bytes);
	return 0;
}

int main(int argc, char **argv)
{
	unsigned int files = 0;
	struct dirent *entry;
	char path[4096];
	DIR *dir;

	if (argc != 2 || !(dir = opendir(argv[1]))) {
		fprintf(stderr, "usage: %s CORPUS-FOLDER\n", argv[0]);
		return 99;
	}
	while ((entry = readdir(dir))) {
		if (entry->d_name[0] == '.')
			continue;
		snprintf(path, sizeof(path), "%s/%s", argv[1], entry->d_name);
		if (replay_file(path))
			return 99;
		files++;
	}
	closedir(dir);
	printf("%u inputs replayed\n", files);
	return files ? 0 : 1;
}
