// SPDX-License-Identifier: GPL-2.0-or-later
/* The table of the live view: rows, their order, which are shown, which is selected. */
#include "cli/watch_table.h"

#include <errno.h>
#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <wchar.h>

static size_t column_find(enum watch_mode mode, const char *title)
{
	size_t n = 0;

	while (watch_columns[mode][n].title && strcmp(watch_columns[mode][n].title, title) != 0)
		n++;
	return n;
}

void watch_table_init(struct watch_table *t)
{
	*t = (struct watch_table){.page = 1};
	for (enum watch_mode mode = 0; mode < WATCH_MODES; mode++)
		t->sort[mode] = column_find(mode, "AGE"); /* the newest is what one looks for */
}

void watch_table_free(struct watch_table *t)
{
	free(t->rows);
	*t = (struct watch_table){.page = 1};
}

/* ---- which rows ---- */

/* All words of the filter must be in what the columns say, each wherever it may. */
static bool has_words(const struct watch_table *t, const struct watch_row *r)
{
	char words[WATCH_FILTER_SIZE], cell[WATCH_CELL_SIZE], all[WATCH_LINE_SIZE];
	size_t size = 0;
	char *rest = words;

	for (const struct watch_column *c = watch_columns[t->mode]; c->title; c++) {
		int length;

		if (!c->searched)
			continue;
		c->text(r, cell);
		length = snprintf(all + size, sizeof(all) - size, "%s\n", cell);
		if (length < 0 || (size_t)length >= sizeof(all) - size)
			break;
		size += (size_t)length;
	}
	strcpy(words, t->filter);
	for (char *word; (word = strsep(&rest, " "));)
		if (!strcasestr(all, word))
			return false;
	return true;
}

static bool is_shown(const struct watch_table *t, const struct watch_row *r)
{
	if (t->listening && (r->socket ? !r->socket->listens : !r->process->listeners))
		return false;
	return !t->filter[0] || has_words(t, r);
}

static void add_rows(struct watch_table *t, struct watch_row row)
{
	bool sockets = t->mode == WATCH_CONNECTIONS;
	size_t count = sockets ? row.of->socket_count : row.of->process_count;

	for (size_t i = 0; i < count; i++) {
		if (sockets)
			row.socket = &row.of->sockets[i];
		else
			row.process = &row.of->processes[i];
		if (is_shown(t, &row))
			t->rows[t->count++] = row;
	}
	t->all += count;
}

static int make_room(struct watch_table *t, size_t room)
{
	struct watch_row *rows;

	if (room <= t->room)
		return 0;
	rows = reallocarray(t->rows, room, sizeof(*rows));
	if (!rows)
		return -ENOMEM;
	t->rows = rows;
	t->room = room;
	return 0;
}

/* ---- their order ---- */

/* What a guest has for itself, as netlink, comes after what leads out of it. */
static bool leads_out(const struct watch_row *r)
{
	return r->socket &&
	       (r->socket->e.socket.family == AF_INET || r->socket->e.socket.family == AF_INET6);
}

static int compare_same(const struct watch_row *a, const struct watch_row *b)
{
	uint64_t x = a->socket ? a->socket->e.id : (uint32_t)a->process->pid;
	uint64_t y = b->socket ? b->socket->e.id : (uint32_t)b->process->pid;

	if (leads_out(a) != leads_out(b))
		return leads_out(a) ? -1 : 1;
	if (a->guest != b->guest)
		return a->guest < b->guest ? -1 : 1;
	return (x > y) - (x < y);
}

/* The last word has what never changes, so that rows hold still from one time to the next. */
static int compare(const void *x, const void *y, void *table)
{
	const struct watch_table *t = table;
	const struct watch_row *a = x, *b = y;
	int rc = watch_columns[t->mode][t->sort[t->mode]].compare(a, b);

	if (t->reverse[t->mode])
		rc = -rc;
	return rc ? rc : compare_same(a, b);
}

/* ---- filling ---- */

/* What makes a row the same in another snapshot; at the top it is the top that stays selected:
 * there the newest, or the most, is looked at. */
static void remember(struct watch_table *t)
{
	const struct watch_row *r;

	t->chosen = (struct watch_identity){.known = t->selected && t->selected < t->count};
	if (!t->chosen.known)
		return;
	r = &t->rows[t->selected];
	t->chosen.guest = r->guest;
	t->chosen.id = r->socket ? r->socket->e.id : (uint32_t)r->process->pid;
	t->chosen.start_time = r->socket ? 0 : r->process->start_time;
}

static bool is_chosen(const struct watch_table *t, const struct watch_row *r)
{
	const struct watch_identity *is = &t->chosen;

	if (r->guest != is->guest)
		return false;
	return r->socket ? r->socket->e.id == is->id
			 : (uint32_t)r->process->pid == is->id &&
			       r->process->start_time == is->start_time;
}

static void select_again(struct watch_table *t)
{
	for (size_t i = 0; t->chosen.known && i < t->count; i++)
		if (is_chosen(t, &t->rows[i])) {
			t->selected = i;
			return;
		}
	if (t->selected >= t->count)
		t->selected = t->count ? t->count - 1 : 0;
	remember(t);
}

int watch_table_fill(struct watch_table *t, const struct watch_snapshot *const *snapshots,
		     const char *const *names, size_t guests)
{
	size_t room = 0;
	int rc;

	for (size_t i = 0; i < guests; i++)
		if (snapshots[i])
			room += t->mode == WATCH_CONNECTIONS ? snapshots[i]->socket_count
							     : snapshots[i]->process_count;
	t->count = t->all = 0;
	t->guests = guests;
	rc = make_room(t, room);
	if (rc)
		return rc;
	for (size_t i = 0; i < guests; i++)
		if (snapshots[i])
			add_rows(t, (struct watch_row){
					.guest = i, .name = names[i], .of = snapshots[i]});
	if (t->count)
		qsort_r(t->rows, t->count, sizeof(*t->rows), compare, t);
	select_again(t);
	return 0;
}

/* ---- what keys do ---- */

static void move(struct watch_table *t, bool down, size_t by)
{
	size_t room = down ? (t->count ? t->count - 1 - t->selected : 0) : t->selected;

	by = by < room ? by : room;
	t->selected = down ? t->selected + by : t->selected - by;
	remember(t);
}

static void sort_by_next(struct watch_table *t, bool right)
{
	size_t *sort = &t->sort[t->mode], first = t->guests > 1 ? 0 : 1;

	if (right && watch_columns[t->mode][*sort + 1].title)
		++*sort;
	else if (!right && *sort > first)
		--*sort;
}

bool watch_table_obey(struct watch_table *t, enum watch_action action)
{
	switch (action) {
	case WATCH_UP:
	case WATCH_DOWN:
		move(t, action == WATCH_DOWN, 1);
		return false;
	case WATCH_PAGE_UP:
	case WATCH_PAGE_DOWN:
		move(t, action == WATCH_PAGE_DOWN, t->page);
		return false;
	case WATCH_HOME:
	case WATCH_END:
		move(t, action == WATCH_END, t->count);
		return false;
	case WATCH_MODE:
		t->mode = (t->mode + 1) % WATCH_MODES;
		t->count = t->selected = t->top = 0; /* rows of the other mode */
		t->chosen.known = false;
		break;
	case WATCH_SORT_LEFT:
	case WATCH_SORT_RIGHT:
		sort_by_next(t, action == WATCH_SORT_RIGHT);
		break;
	case WATCH_REVERSE:
		t->reverse[t->mode] = !t->reverse[t->mode];
		break;
	case WATCH_LISTENING:
		t->listening = !t->listening;
		break;
	case WATCH_CLEAR:
		t->listening = false;
		t->filter[0] = 0;
		break;
	}
	return true;
}

bool watch_table_filter_add(struct watch_table *t, const char *utf8)
{
	size_t length = strlen(t->filter), more = strlen(utf8);

	if (length + more >= sizeof(t->filter))
		return false;
	memcpy(t->filter + length, utf8, more + 1);
	return true;
}

bool watch_table_filter_erase(struct watch_table *t)
{
	size_t length = strlen(t->filter);

	if (!length)
		return false;
	do
		length--;
	while (length && ((unsigned char)t->filter[length] & 0xc0) == 0x80);
	t->filter[length] = 0;
	return true;
}

void watch_table_scroll(struct watch_table *t, size_t lines)
{
	t->page = lines ? lines : 1;
	if (t->top > t->selected)
		t->top = t->selected;
	if (t->selected - t->top >= t->page)
		t->top = t->selected - t->page + 1;
	if (t->top && t->top + t->page > t->count)
		t->top = t->count > t->page ? t->count - t->page : 0;
}

/* ---- how it fits ---- */

/* The columns in the order of their priority; returns how many there are. */
static size_t by_priority(const struct watch_table *t,
			  const struct watch_column *ret[WATCH_COLUMNS_MAX])
{
	size_t count = 0;

	for (const struct watch_column *c = watch_columns[t->mode]; c->title; c++) {
		size_t i = count;

		if (c == watch_columns[t->mode] && t->guests < 2)
			continue;
		for (; i && ret[i - 1]->priority > c->priority; i--)
			ret[i] = ret[i - 1];
		ret[i] = c;
		count++;
	}
	return count;
}

/* Left room goes to those that can use it, a cell each in turn, the most important first. */
static void widen(struct watch_layout *l, const struct watch_column *const *order, size_t count,
		  int left)
{
	bool useful = true;

	while (left > 0 && useful) {
		useful = false;
		for (size_t i = 0; i < count && left > 0; i++)
			for (size_t n = 0; n < l->count; n++)
				if (l->at[n].column == order[i] &&
				    l->at[n].width < order[i]->most) {
					l->at[n].width++;
					left--;
					useful = true;
				}
	}
}

void watch_table_layout(const struct watch_table *t, int width, struct watch_layout *ret)
{
	const struct watch_column *order[WATCH_COLUMNS_MAX];
	size_t count = by_priority(t, order);
	uint32_t chosen = 0;
	int left = width > WATCH_WIDTH_MAX ? WATCH_WIDTH_MAX : width;

	*ret = (struct watch_layout){.count = 0};
	for (size_t i = 0; i < count; i++) {
		int needs = order[i]->least + (chosen ? 1 : 0);

		if (!chosen && needs > left && left > 0) /* something rather than nothing */
			needs = left;
		if (needs > left || left <= 0)
			continue;
		chosen |= 1u << (order[i] - watch_columns[t->mode]);
		left -= needs;
	}
	for (size_t n = 0; watch_columns[t->mode][n].title; n++)
		if (chosen & 1u << n) {
			ret->at[ret->count].column = &watch_columns[t->mode][n];
			ret->at[ret->count++].width = watch_columns[t->mode][n].least;
		}
	if (ret->count == 1 && ret->at[0].width > width)
		ret->at[0].width = width;
	widen(ret, order, count, left);
}

/* One character as the locale has it; anything else, one byte of it, is "?". */
static size_t next_character(const char *text, int *cells, char ret[MB_LEN_MAX + 1])
{
	mbstate_t state = {0};
	wchar_t c;
	size_t n = mbrtowc(&c, text, strlen(text), &state);

	if (n == 0 || n > MB_LEN_MAX) {
		n = 1;
		c = L'\0';
	}
	*cells = c ? wcwidth(c) : 0;
	if (*cells < 1) {
		*cells = 1;
		ret[0] = '?';
		ret[1] = 0;
		return n;
	}
	memcpy(ret, text, n);
	ret[n] = 0;
	return n;
}

static size_t put_spaces(char *ret, size_t at, size_t size, int count)
{
	while (count-- > 0 && at + 1 < size)
		ret[at++] = ' ';
	return at;
}

size_t watch_fit(const char *text, int width, bool right, char *ret, size_t size)
{
	char character[MB_LEN_MAX + 1];
	size_t out = 0, shorter = 0; /* shorter: what leaves a cell for the mark of a cut */
	int used = 0, shorter_used = 0;

	while (*text) {
		int cells;
		size_t n = next_character(text, &cells, character), length = strlen(character);

		if (used + cells > width || out + length >= size) {
			out = shorter;
			used = shorter_used;
			if (used < width && out + 1 < size) {
				ret[out++] = '+';
				used++;
			}
			break;
		}
		memcpy(ret + out, character, length);
		out += length;
		used += cells;
		text += n;
		if (used < width) {
			shorter = out;
			shorter_used = used;
		}
	}
	if (right && used < width && out + (size_t)(width - used) < size) {
		memmove(ret + (width - used), ret, out);
		put_spaces(ret, 0, size, width - used);
		out += (size_t)(width - used);
	} else {
		out = put_spaces(ret, out, size, width - used);
	}
	ret[out] = 0;
	return out;
}

void watch_keep_port(char *text, int width)
{
	size_t room = (size_t)width, length = strlen(text), tail;
	const char *end = strrchr(text, ']');

	if (text[0] != '[' || !end || length <= room ||
	    strspn(text, "[]:.%0123456789abcdef") != length)
		return;
	tail = strlen(end);
	if (tail + 1 >= room)
		return;
	text[room - tail - 1] = '+';
	memmove(text + room - tail, end, tail + 1);
}

static size_t put_cell(const char *text, int width, bool right, size_t n, char *ret, size_t at)
{
	if (n && at + 1 < WATCH_LINE_SIZE)
		ret[at++] = ' ';
	return at + watch_fit(text, width, right, ret + at, WATCH_LINE_SIZE - at);
}

void watch_table_head(const struct watch_table *t, const struct watch_layout *l,
		      char ret[WATCH_LINE_SIZE])
{
	const struct watch_column *sorted = &watch_columns[t->mode][t->sort[t->mode]];
	size_t at = 0;

	ret[0] = 0;
	for (size_t n = 0; n < l->count; n++) {
		const struct watch_column *c = l->at[n].column;
		char title[32];

		snprintf(title, sizeof(title), "%s%s", c->title,
			 c != sorted           ? ""
			 : t->reverse[t->mode] ? "^"
					       : "*");
		at = put_cell(title, l->at[n].width, c->right, n, ret, at);
	}
}

void watch_table_line(const struct watch_table *t, const struct watch_layout *l, size_t row,
		      char ret[WATCH_LINE_SIZE])
{
	size_t at = 0;

	ret[0] = 0;
	for (size_t n = 0; n < l->count; n++) {
		const struct watch_column *c = l->at[n].column;
		char cell[WATCH_CELL_SIZE];

		c->text(&t->rows[row], cell);
		watch_keep_port(cell, l->at[n].width);
		at = put_cell(cell, l->at[n].width, c->right, n, ret, at);
	}
}
