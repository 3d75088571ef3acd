/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Finding a kernel's image by page tables from hostile bytes. Input: u64 CR3, or 0 for a search,
 * then the memory from gpa 2 MiB on; all else of its 8 MiB is zero.
 */
#include "introspect/image.h"

#include "fuzz.h"
#include "tocsin.h"

#include <stdlib.h>
#include <string.h>

#define SIZE (8u << 20)
#define AT (2u << 20)
#define INPUT_MAX (64u << 10)

static void check(bool ok)
{
	if (!ok)
		abort();
}

static void look_at_image(struct tocsin_memory *m, uint64_t cr3)
{
	struct tocsin_image image = {0};
	struct tocsin_error err = {0};
	int rc = tocsin_image_open(m, cr3, &image, &err);

	check(!rc == !err.code);
	if (rc)
		return;
	check(image.size && image.size <= TOCSIN_IMAGE_MAX &&
	      image.text_va >> 31 == 0x1ffffffffull);
	/* Most of what a large one claims is not there, and would only be zeros. */
	if (image.size <= SIZE && !tocsin_image_fetch(m, &image, cr3 & 1)) {
		check(image.bytes && image.from < image.size);
		tocsin_image_fetch_text(m, &image);
		check(!image.from && image.holes * TOCSIN_PAGE_SIZE <= image.size);
	}
	tocsin_image_free(&image);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	static uint64_t bytes[SIZE / 8];
	struct tocsin_error err = {0};
	struct tocsin_kernel *k = NULL;
	struct tocsin_memory *m;
	uint64_t cr3;

	if (size < sizeof(cr3) || size - sizeof(cr3) > INPUT_MAX)
		return 0;
	memcpy(&cr3, data, sizeof(cr3));
	memset(bytes + AT / 8, 0, INPUT_MAX);
	memcpy((uint8_t *)bytes + AT, data + sizeof(cr3), size - sizeof(cr3));
	check(!tocsin_memory_open_buffer(bytes, SIZE, &m, NULL));
	look_at_image(m, cr3);
	/* No symbols are in it: whatever was found, it is no kernel. */
	check(tocsin_kernel_open(m, cr3, &k, &err) && err.code && err.message[0] && !k);
	tocsin_memory_close(m);
	return 0;
}
