/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Rows that grow one by one. */
#ifndef TOCSIN_BASE_ROOM_H
#define TOCSIN_BASE_ROOM_H

#include <stdlib.h>

/*
 * Where count rows of size bytes each lie with room for one more; room is how many fit, 0 at first,
 * when rows is NULL. Freed with free. NULL: no memory, and rows are as they were.
 */
static inline void *tocsin_room(void *rows, size_t *room, size_t count, size_t size)
{
	size_t more = *room ? *room * 2 : 64;

	if (count < *room)
		return rows;
	rows = reallocarray(rows, more, size);
	if (rows)
		*room = more;
	return rows;
}

#endif
