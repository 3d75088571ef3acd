/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Inside cli/: the table that the live view shows, without a screen: rows out of the snapshots of
 * all guests, sorted, filtered, one of them selected; and how a row fits into a width. All text
 * that comes out is clean for a terminal.
 */
#ifndef TOCSIN_CLI_WATCH_TABLE_H
#define TOCSIN_CLI_WATCH_TABLE_H

#include "cli/watch_snapshot.h"

#define WATCH_COLUMNS_MAX 16
#define WATCH_CELL_SIZE 1024
#define WATCH_LINE_SIZE 4096
#define WATCH_WIDTH_MAX 1000 /* cells of a line; wider terminals are not filled */
#define WATCH_FILTER_SIZE 64

enum watch_mode { WATCH_CONNECTIONS, WATCH_PROCESSES, WATCH_MODES };

/* What keys ask for. */
enum watch_action {
	WATCH_UP,
	WATCH_DOWN,
	WATCH_PAGE_UP,
	WATCH_PAGE_DOWN,
	WATCH_HOME,
	WATCH_END,
	WATCH_MODE,       /* the other one */
	WATCH_SORT_LEFT,  /* by the column to the left */
	WATCH_SORT_RIGHT, /* by the column to the right */
	WATCH_REVERSE,
	WATCH_LISTENING, /* only what listens, or all again */
	WATCH_CLEAR      /* no filter, and all rows */
};

struct watch_row {
	size_t guest; /* its number */
	const char *name;
	const struct watch_snapshot *of;
	const struct watch_socket *socket;   /* of WATCH_CONNECTIONS */
	const struct watch_process *process; /* of WATCH_PROCESSES */
};

struct watch_column {
	const char *title;
	int priority;    /* 1 is the last to be dropped where there is little room */
	int least, most; /* width in cells */
	bool right;      /* numbers */
	bool searched;   /* by the filter */
	void (*text)(const struct watch_row *r, char ret[WATCH_CELL_SIZE]);
	int (*compare)(const struct watch_row *a, const struct watch_row *b);
};

/* The columns of a mode, from left to right, ended by a title of NULL. The first is the guest. */
extern const struct watch_column *const watch_columns[WATCH_MODES];

struct watch_identity {
	bool known;
	size_t guest;
	uint64_t id, start_time; /* of a process: its pid; of a connection: no time */
};

struct watch_table {
	enum watch_mode mode;
	size_t sort[WATCH_MODES]; /* a column */
	bool reverse[WATCH_MODES];
	bool listening;
	char filter[WATCH_FILTER_SIZE]; /* words, all of which a row must have; UTF-8 */
	size_t guests;
	/* as watch_table_fill made them */
	struct watch_row *rows;
	size_t count, room;
	size_t all; /* rows without filter */
	size_t selected, top;
	struct watch_identity chosen; /* the selected row, unless it is the first */
	size_t page;                  /* lines that there are for rows, at least 1 */
};

void watch_table_init(struct watch_table *t);
void watch_table_free(struct watch_table *t);

/*
 * Make the rows anew; snapshots (NULL: that guest has none) and names must live until they are used
 * no more: the next time does not look at the old ones. The row that was selected stays so, if it
 * is still there. -ENOMEM: no rows.
 */
int watch_table_fill(struct watch_table *t, const struct watch_snapshot *const *snapshots,
		     const char *const *names, size_t guests);

/* Obey. Returns true if the rows must be filled anew. */
bool watch_table_obey(struct watch_table *t, enum watch_action action);

/* A character to the filter's end; the last one off it. As above. */
bool watch_table_filter_add(struct watch_table *t, const char *utf8);
bool watch_table_filter_erase(struct watch_table *t);

/* Let the selected row be among those that are shown, with this many lines for them. */
void watch_table_scroll(struct watch_table *t, size_t lines);

struct watch_layout {
	size_t count;
	struct {
		const struct watch_column *column;
		int width;
	} at[WATCH_COLUMNS_MAX];
};

/* Which columns there is room for, and how wide each is. */
void watch_table_layout(const struct watch_table *t, int width, struct watch_layout *ret);

/* The line of titles, the line of a row: at most width cells, as the locale's characters. */
void watch_table_head(const struct watch_table *t, const struct watch_layout *l,
		      char ret[WATCH_LINE_SIZE]);
void watch_table_line(const struct watch_table *t, const struct watch_layout *l, size_t row,
		      char ret[WATCH_LINE_SIZE]);

/*
 * Clean text to exactly width cells (0 to WATCH_WIDTH_MAX), cut (then its last cell is "+") or
 * filled up with spaces; what has no width of its own, or is no character of the locale, becomes
 * "?". Returns the bytes written, without the NUL.
 */
size_t watch_fit(const char *text, int width, bool right, char *ret, size_t size);

/* Of "[ADDRESS]:PORT" the port is what counts: where it is too long, the address is cut. */
void watch_keep_port(char *text, int width);

#endif
