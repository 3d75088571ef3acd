// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * crowd N MIB: N processes that only wait, for images with many tasks, and this one with so much
 * memory. Prints CROWD and stays.
 */
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>

#define PAGE 4096

static uint64_t next_random(uint64_t *x)
{
	*x ^= *x << 13;
	*x ^= *x >> 7;
	*x ^= *x << 17;
	return *x;
}

/* Of four pages one is text, two are like packed data or code, and one is empty. */
static void fill(uint8_t *page, uint64_t number, uint64_t *seed)
{
	static const char *const words[] = {"open ", "/bin/",  "socket ", "GET /", "user=",
					    "\\x90", "malloc", "0x%lx ",  "http:", "\n"};

	memset(page, 0, PAGE);
	for (size_t at = 0; number % 4 == 0 && at + 8 < PAGE;) {
		const char *word = words[next_random(seed) % 10];

		memcpy(page + at, word, strlen(word));
		at += strlen(word);
	}
	for (size_t at = 0; number % 4 % 2 && at < PAGE; at += 8) {
		uint64_t value = next_random(seed);

		memcpy(page + at, &value, 8);
	}
}

int main(int argc, char **argv)
{
	uint64_t mib, seed = 1;
	uint8_t *memory;

	if (argc != 3)
		return 2;
	for (long i = strtol(argv[1], NULL, 10); i > 0; i--) {
		pid_t child = fork();

		if (child < 0) {
			perror("fork");
			return 1;
		}
		if (!child) {
			pause();
			_exit(0);
		}
	}
	mib = strtoull(argv[2], NULL, 10);
	memory = mmap(NULL, (mib << 20) + PAGE, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS,
		      -1, 0);
	if (memory == MAP_FAILED)
		return 1;
	for (uint64_t i = 0; i < mib << 8; i++)
		fill(memory + i * PAGE, i, &seed);
	puts("CROWD");
	fflush(stdout);
	for (;;)
		pause();
}
