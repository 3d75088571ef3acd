/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * The folders of guests' kernels, one for each guest that was ever scanned. Those of
 * guests that are there stay; of the others as many as are worth their disk.
 */
#ifndef TOCSIN_KERNELS_H
#define TOCSIN_KERNELS_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <time.h>

#define TOCSIN_KERNELS_KEPT 32u /* of guests that are not there; about 11 to 22 MB each */
#define TOCSIN_KERNELS_DAYS 30u /* after their last worker began */

/* The folder of a guest's kernels; false: it does not fit. */
bool tocsin_kernels_folder(const char *cache, const uint8_t uuid[16], char *ret, size_t size);

/*
 * Remove the others. What is not a folder of a guest's by its name is left alone. Returns how many
 * were removed, or a negative errno: the folder of them all cannot be read.
 */
int tocsin_kernels_prune(const char *cache, time_t now,
			 bool (*is_here)(const void *context, const uint8_t uuid[16]),
			 const void *context);

#endif
