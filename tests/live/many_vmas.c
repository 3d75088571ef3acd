// SPDX-License-Identifier: GPL-2.0-or-later
/* In the live guest: an address space whose VMAs need a tree of several levels. */
#include <sys/mman.h>
#include <unistd.h>

#define PAGE 4096
#define COUNT 3000

int main(void)
{
	char *area =
	    mmap(NULL, (size_t)COUNT * PAGE, PROT_READ, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);

	if (area == MAP_FAILED)
		return 1;
	for (size_t i = 0; i < COUNT; i += 2)
		if (mprotect(area + i * PAGE, PAGE, i % 3 ? PROT_READ | PROT_WRITE : PROT_NONE))
			return 1;
	munmap(area + (size_t)100 * PAGE, PAGE);
	for (;;)
		pause();
}
