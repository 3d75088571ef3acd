/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Rows that grow one by one. */
#ifndef TOCSIN_BASE_ROOM_H
#define TOCSIN_BASE_ROOM_H

#include <stdbool.h>
#include <stdlib.h>
#include <string.h>

/* As TOCSIN_ROOM; rows is where the pointer to them is. */
static inline bool tocsin_room(void *rows, size_t *room, size_t count, size_t size)
{
	size_t more = *room ? *room * 2 : 64;
	void *at;

	if (count < *room)
		return true;
	memcpy(&at, rows, sizeof(at));
	at = reallocarray(at, more, size);
	if (!at)
		return false;
	memcpy(rows, &at, sizeof(at));
	*room = more;
	return true;
}

/*
 * Is there room for one more behind these `count` rows? It is made. room is how many fit, 0 at
 * first, when rows is NULL; both are lvalues, and changed. Rows are freed with free. False: no
 * memory, and all is as it was.
 */
#define TOCSIN_ROOM(rows, room, count) tocsin_room(&(rows), &(room), count, sizeof(*(rows)))

#endif
