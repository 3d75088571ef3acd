// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * The terminal, through ncurses. From the top: one line of what is shown, a few on how closely each
 * guest is watched, the table, the last findings, and one of keys. Where there is little room, the
 * findings give way first, then the guests.
 */
#include "cli/watch_screen.h"
#include "base/clock.h"

#include "base/error.h"

#include <errno.h>
#include <inttypes.h>
#include <limits.h>
#include <math.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <wchar.h>
#include <wctype.h>

/* after ours: it names things as it likes */
#include <curses.h>

#define MILLISECOND 1e6
#define NAME_CELLS 20 /* of a guest: what is said of it counts for more */
#define STALE_NANOSECONDS 2000000000ull
#define ESCAPE 27
#define CONTROL_C 3
#define CONTROL_L 12
#define CONTROL_U 21
#define ESCAPE_MILLISECONDS 50 /* for the rest of a key's sequence to come */

enum { PAIR_BAD = 1, PAIR_WARNING };

static const struct {
	wint_t key;
	bool function; /* one of ncurses' numbers, not a character */
	enum watch_action action;
} keys[] = {
    {KEY_UP, true, WATCH_UP},          {KEY_DOWN, true, WATCH_DOWN},
    {KEY_PPAGE, true, WATCH_PAGE_UP},  {KEY_NPAGE, true, WATCH_PAGE_DOWN},
    {KEY_HOME, true, WATCH_HOME},      {KEY_END, true, WATCH_END},
    {KEY_LEFT, true, WATCH_SORT_LEFT}, {KEY_RIGHT, true, WATCH_SORT_RIGHT},
    {'\t', false, WATCH_MODE},         {'<', false, WATCH_SORT_LEFT},
    {'>', false, WATCH_SORT_RIGHT},    {'r', false, WATCH_REVERSE},
    {'l', false, WATCH_LISTENING},     {ESCAPE, false, WATCH_CLEAR},
};

static const char *const help[] = {
    "Up Down PgUp PgDn Home End   move",
    "Tab   connections, processes",
    "< >   sort by the column to the left, to the right; r   the other way round",
    "/     filter: rows that have all these words; Enter keeps it, Esc clears it",
    "l     only what listens, or who does",
    "p     hold the screen still; the guests are watched on",
    "h     this page; q   quit",
    "",
    "AGE   of a process; of a connection: since the watch first saw it",
    "IN OUT   bytes of payload, where the kernel counts them; /S   a second",
    "PID COMM CONTAINER   of one that holds it; HOLDERS   how many do",
    "!     ~ changed while it was read, ! hides: two views of the guest disagree",
    "EXE   deleted: its program's file is; memfd: it never was a file; kernel: a thread of it",
    "*  ^  the column that rows are sorted by, and the other way round;  +  text that is cut",
};

static void restore(void)
{
	if (stdscr && !isendwin())
		endwin();
}

int watch_screen_open(struct watch_screen *s, struct tocsin_error *err)
{
	static bool registered;
	struct screen *screen;

	if (!registered)
		registered = !atexit(restore);
	screen = newterm(NULL, stdout, stdin);
	if (!screen)
		return tocsin_error_set(err, -ENOTTY, "the terminal cannot be taken over");
	s->terminal = screen;
	set_term(screen);
	set_escdelay(ESCAPE_MILLISECONDS);
	cbreak();
	noecho();
	nonl();
	keypad(stdscr, TRUE);
	nodelay(stdscr, TRUE);
	curs_set(0);
	s->colours = has_colors() && !getenv("NO_COLOR") && start_color() == OK &&
		     use_default_colors() == OK && init_pair(PAIR_BAD, COLOR_RED, -1) == OK &&
		     init_pair(PAIR_WARNING, COLOR_YELLOW, -1) == OK;
	watch_table_init(&s->table);
	s->stale = s->dirty = true;
	return 0;
}

void watch_screen_close(struct watch_screen *s)
{
	curs_set(1);
	endwin();
	delscreen(s->terminal);
	watch_table_free(&s->table);
}

/* ---- lines ---- */

static attr_t colour(const struct watch_screen *s, int pair)
{
	return A_BOLD | (s->colours ? (attr_t)COLOR_PAIR(pair) : 0);
}

static void put_line(int y, attr_t attributes, const char *clean_text)
{
	char line[WATCH_LINE_SIZE];

	if (y < 0 || y >= LINES || COLS < 1)
		return;
	watch_fit(clean_text, COLS < WATCH_WIDTH_MAX ? COLS : WATCH_WIDTH_MAX, false, line,
		  sizeof(line));
	attrset(attributes);
	mvaddstr(y, 0, line);
	attrset(A_NORMAL);
}

struct text {
	char bytes[WATCH_CELL_SIZE];
	size_t length;
};

__attribute__((format(printf, 2, 3))) static void append(struct text *t, const char *format, ...)
{
	size_t room = sizeof(t->bytes) - t->length;
	va_list arguments;
	int n;

	va_start(arguments, format);
	n = vsnprintf(t->bytes + t->length, room, format, arguments);
	va_end(arguments);
	if (n > 0)
		t->length += (size_t)n < room ? (size_t)n : room - 1;
}

static void draw_title(const struct watch_screen *s)
{
	const struct watch_table *t = &s->table;
	struct text line = {.length = 0};

	append(&line, "tocsin watch: %s ",
	       t->mode == WATCH_CONNECTIONS ? "connections" : "processes");
	if (t->count != t->all)
		append(&line, "%zu of ", t->count);
	append(&line, "%zu, by %s%s", t->all, watch_columns[t->mode][t->sort[t->mode]].title,
	       t->reverse[t->mode] ? " reversed" : "");
	if (t->listening)
		append(&line, ", listening");
	if (t->filter[0])
		append(&line, ", with \"%s\"", t->filter);
	if (s->paused)
		append(&line, ", PAUSED");
	put_line(0, A_BOLD, line.bytes);
}

/* ---- guests ---- */

static uint64_t since(uint64_t time)
{
	uint64_t is = tocsin_realtime();

	return is > time ? is - time : 0;
}

static bool is_late(const struct watch_screen *s, const struct tocsin_monitor_standing *standing)
{
	return !s->paused && since(standing->time) > STALE_NANOSECONDS + standing->account.longest;
}

static bool is_troubled(const struct watch_screen *s, size_t i)
{
	const struct watch_snapshot *now = s->snapshots[i];

	return s->gone[i] || !now || now->standing.account.failed || is_late(s, &now->standing);
}

static void put_name(struct text *line, const char *guest)
{
	struct watch_row row = {.name = guest};
	char name[WATCH_CELL_SIZE], cut[NAME_CELLS * MB_LEN_MAX + 1];

	watch_columns[WATCH_CONNECTIONS][0].text(&row, name);
	if (strlen(name) > NAME_CELLS) {
		watch_fit(name, NAME_CELLS, false, cut, sizeof(cut));
		append(line, "%s: ", cut);
	} else {
		append(line, "%s: ", name);
	}
}

/* What the kernel counts beside what was seen; its counters and a sample are not of one moment. */
static void put_evidence(struct text *line, const struct tocsin_event_account *a)
{
	if (a->forks_known)
		append(line, "seen %" PRIu64 "/%" PRIu64 " starts", a->started, a->forks);
	if (a->opens_known)
		append(line, "%s %" PRIu64 "/%" PRIu64 " connections",
		       a->forks_known ? "," : "seen", a->connected, a->opens);
	if (a->forks_known || a->opens_known)
		append(line, "; ");
}

static void draw_guest(const struct watch_screen *s, int y, size_t i)
{
	const struct watch_snapshot *now = s->snapshots[i];
	const struct tocsin_event_account *a = now ? &now->standing.account : NULL;
	struct text line = {.length = 0};

	put_name(&line, s->names[i]);
	if (!now)
		append(&line, "%s", s->gone[i] ? "gone" : "not sampled yet");
	else if (is_late(s, &now->standing))
		append(&line, "no sample for %" PRIu64 " s; ",
		       since(now->standing.time) / 1000000000);
	else
		append(&line, "can miss what lives <%.0f ms; ",
		       ceil((double)a->longest / MILLISECOND));
	if (now && now->sockets_cut)
		append(&line, "%zu sockets more than can be shown; ", now->sockets_cut);
	if (now && now->processes_cut)
		append(&line, "%zu processes more than can be shown; ", now->processes_cut);
	if (now) {
		put_evidence(&line, a);
		append(&line,
		       "failed %" PRIu64 "/%" PRIu64 ", torn %" PRIu64
		       "; every %.0f ms, cost %.1f ms",
		       a->failed, a->samples + a->failed, a->torn, (double)a->period / MILLISECOND,
		       (double)a->cost / MILLISECOND);
	}
	put_line(y, is_troubled(s, i) ? colour(s, PAIR_WARNING) : A_NORMAL, line.bytes);
}

/* Those in trouble come first: where there is little room, they are what must be seen. */
static int draw_guests(const struct watch_screen *s, int y, int lines)
{
	size_t shown = 0, room = lines < 0 ? 0 : (size_t)lines;
	bool all = s->count <= room;
	char more[64];

	if (!room)
		return y;
	for (int troubled = 1; troubled >= 0; troubled--)
		for (size_t i = 0; i < s->count && shown < room - !all; i++)
			if (is_troubled(s, i) == troubled) {
				draw_guest(s, y++, i);
				shown++;
			}
	if (!all) {
		snprintf(more, sizeof(more), "%s%zu %sguests", shown ? "and " : "",
			 s->count - shown, shown ? "more " : "");
		put_line(y++, A_NORMAL, more);
	}
	return y;
}

/* ---- rows and findings ---- */

static void draw_rows(struct watch_screen *s, int y, int lines)
{
	struct watch_table *t = &s->table;
	struct watch_layout layout;
	char line[WATCH_LINE_SIZE];

	watch_table_layout(t, COLS, &layout);
	watch_table_head(t, &layout, line);
	put_line(y++, A_REVERSE, line);
	watch_table_scroll(t, lines > 1 ? (size_t)lines - 1 : 1);
	for (size_t i = t->top; i < t->count && i < t->top + (size_t)(lines > 1 ? lines - 1 : 0);
	     i++) {
		const struct watch_row *row = &t->rows[i];
		enum tocsin_confidence c =
		    row->socket ? row->socket->e.confidence : row->process->confidence;
		attr_t attributes = c == TOCSIN_CONTRADICTED ? colour(s, PAIR_BAD) : A_NORMAL;

		watch_table_line(t, &layout, i, line);
		put_line(y++, i == t->selected ? A_STANDOUT : attributes, line);
	}
}

static void draw_findings(const struct watch_screen *s, int y, int lines)
{
	struct text head = {.length = 0};

	if (lines < 1)
		return;
	append(&head, "findings: %" PRIu64, s->recent.findings);
	put_line(y++, A_UNDERLINE, head.bytes);
	for (uint64_t n = 0; n < (uint64_t)lines - 1; n++) {
		const struct watch_message *m = watch_recent_at(&s->recent, n);
		time_t seconds = m ? (time_t)(m->time / 1000000000) : 0;
		struct text line = {.length = 0};
		struct tm tm;

		if (!m)
			break;
		if (localtime_r(&seconds, &tm))
			append(&line, "%02d:%02d:%02d ", tm.tm_hour, tm.tm_min, tm.tm_sec);
		append(&line, "%s", m->text);
		put_line(y++,
			 !m->finding                             ? A_NORMAL
			 : m->severity >= TOCSIN_SEVERITY_HIGH   ? colour(s, PAIR_BAD)
			 : m->severity == TOCSIN_SEVERITY_MEDIUM ? colour(s, PAIR_WARNING)
								 : A_NORMAL,
			 line.bytes);
	}
}

/* How many, with the line above them. */
static int findings_lines(const struct watch_screen *s)
{
	int most = LINES < 12 ? 0 : LINES / 5 > 8 ? 8 : LINES / 5;

	return s->recent.count + 1 < (uint64_t)most ? (int)s->recent.count + 1 : most;
}

static void draw_bottom(const struct watch_screen *s)
{
	struct text line = {.length = 0};

	if (!s->editing) {
		put_line(
		    LINES - 1, A_DIM,
		    "q quit  h help  Tab other table  < > r sort  / filter  l listening  p pause");
		return;
	}
	append(&line, "/%s_", s->table.filter);
	put_line(LINES - 1, A_BOLD, line.bytes);
}

static void draw_help(void)
{
	for (size_t i = 0; i < sizeof(help) / sizeof(help[0]); i++)
		put_line((int)i, A_NORMAL, help[i]);
	put_line(LINES - 1, A_DIM, "any key goes back");
}

void watch_screen_draw(struct watch_screen *s)
{
	const struct watch_snapshot *const *snapshots =
	    (const struct watch_snapshot *const *)s->snapshots;
	int findings, y;

	if (s->stale && watch_table_fill(&s->table, snapshots, s->names, s->count))
		watch_recent_say(&s->recent, "no memory to show more rows");
	s->stale = false;
	if (!s->dirty)
		return;
	s->dirty = false;
	erase();
	if (s->help) {
		draw_help();
	} else {
		findings = findings_lines(s);
		draw_title(s);
		y = draw_guests(s, 1, LINES < 6 ? 0 : LINES < 16 ? 1 : LINES / 6);
		draw_rows(s, y, LINES - 1 - findings - y);
		draw_findings(s, LINES - 1 - findings, findings);
		draw_bottom(s);
	}
	refresh();
}

/* ---- keys ---- */

static bool act(struct watch_screen *s, wint_t key, bool function)
{
	for (size_t i = 0; i < sizeof(keys) / sizeof(keys[0]); i++)
		if (keys[i].key == key && keys[i].function == function) {
			if (watch_table_obey(&s->table, keys[i].action))
				s->stale = true;
			return true;
		}
	return false;
}

static void erase_last(struct watch_screen *s)
{
	if (watch_table_filter_erase(&s->table))
		s->stale = true;
	else
		s->editing = false;
}

/* A key while the filter is typed. */
static void edit(struct watch_screen *s, wint_t key, bool function)
{
	char utf8[MB_LEN_MAX + 1];
	mbstate_t state = {0};
	size_t n;

	if (key == '\r' || key == '\n' || (function && key == KEY_ENTER)) {
		s->editing = false;
	} else if ((function && key == KEY_BACKSPACE) || (!function && (key == 127 || key == 8))) {
		erase_last(s);
	} else if (!function && (key == ESCAPE || key == CONTROL_U)) {
		s->editing = key == CONTROL_U;
		s->table.filter[0] = 0;
		s->stale = true;
	} else if (!function && iswprint(key)) {
		n = wcrtomb(utf8, (wchar_t)key, &state);
		if (n == (size_t)-1)
			return;
		utf8[n] = 0;
		if (watch_table_filter_add(&s->table, utf8))
			s->stale = true;
	} else if (function) {
		act(s, key, function);
	}
}

static void obey(struct watch_screen *s, wint_t key, bool function)
{
	s->dirty = true;
	if (function && key == KEY_RESIZE) {
		clear(); /* what was on it is anywhere now */
	} else if (!function && key == CONTROL_C) {
		s->quit = true;
	} else if (s->help) {
		s->help = false;
	} else if (s->editing) {
		edit(s, key, function);
	} else if (!function && key == 'q') {
		s->quit = true;
	} else if (!function && key == 'p') {
		s->paused = !s->paused;
	} else if (!function && (key == 'h' || key == '?')) {
		s->help = true;
	} else if (!function && key == '/') {
		s->editing = true;
	} else if (!function && key == CONTROL_L) {
		clear();
	} else {
		act(s, key, function);
	}
}

void watch_screen_obey(struct watch_screen *s)
{
	wint_t key;
	int rc;

	while (!s->quit && (rc = get_wch(&key)) != ERR)
		obey(s, key, rc == KEY_CODE_YES);
}
