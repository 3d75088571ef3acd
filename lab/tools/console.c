// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * The console of a guest, as its log that xenconsoled writes and the terminal behind it. In shell,
 * each look at the log costs a tenth of a second of the emulated CPU.
 *
 * usage: console LOG wait TEXT                 until a line of the log has TEXT
 *        console LOG ask TTY NUMBER COMMAND    type "NUMBER COMMAND", print what comes before the
 * line with "TOCSIN-EXIT NUMBER STATUS"; exits with STATUS
 *
 * Exit status: 125 when it does not come in time.
 */
#include <fcntl.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

#define NO_ANSWER 125
#define SECONDS 240

/* The next whole line, without its end; false: it does not come in time. */
static bool next_line(FILE *log, char **line, size_t *size)
{
	const struct timespec pause = {.tv_nsec = 20 * 1000000};
	time_t end = time(NULL) + SECONDS;

	while (time(NULL) < end) {
		long at = ftell(log);
		ssize_t n = getline(line, size, log);

		if (n > 0 && (*line)[n - 1] == '\n') {
			(*line)[n - 1] = '\0';
			return true;
		}
		clearerr(log);
		fseek(log, at, SEEK_SET);
		nanosleep(&pause, NULL);
	}
	return false;
}

static int wait_for(FILE *log, const char *text)
{
	char *line = NULL;
	size_t size = 0;

	while (next_line(log, &line, &size))
		if (strstr(line, text))
			return 0;
	return NO_ANSWER;
}

static void print_without_returns(const char *line)
{
	for (; *line; line++)
		if (*line != '\r')
			putchar(*line);
	putchar('\n');
}

static int ask(FILE *log, const char *tty, const char *number, const char *command)
{
	char *line = NULL, mark[64];
	size_t size = 0;
	int fd = open(tty, O_WRONLY | O_NOCTTY);

	snprintf(mark, sizeof(mark), "TOCSIN-EXIT %s ", number);
	if (fd < 0 || fseek(log, 0, SEEK_END) || dprintf(fd, "%s %s\n", number, command) < 0) {
		perror(tty);
		return NO_ANSWER;
	}
	while (next_line(log, &line, &size)) {
		const char *end = strstr(line, mark);

		if (end)
			return atoi(end + strlen(mark));
		print_without_returns(line);
	}
	return NO_ANSWER;
}

int main(int argc, char **argv)
{
	FILE *log = argc > 1 ? fopen(argv[1], "r") : NULL;

	if (log && argc == 4 && !strcmp(argv[2], "wait"))
		return wait_for(log, argv[3]);
	if (log && argc == 6 && !strcmp(argv[2], "ask"))
		return ask(log, argv[3], argv[4], argv[5]);
	fputs("usage: console LOG wait TEXT | console LOG ask TTY NUMBER COMMAND\n", stderr);
	return 2;
}
