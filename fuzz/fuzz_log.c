/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * The kernel's log, as a ring without locks or as the records of kernels before 5.10, in an image
 * that lies. Input: u8 which of the two, then mutate.h.
 */
#include "mutate.h"

static void check_log(const struct fixture *f, const struct tocsin_log *log)
{
	check(log->count);
	for (size_t i = 0; i < log->count; i++) {
		const struct tocsin_log_record *r = &log->rows[i];

		check(r->text <= log->text_size && r->size <= log->text_size - r->text);
		check(r->level < 8);
	}
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	static struct fixture *made[2];
	struct tocsin_error err = {0};
	struct tocsin_log log;
	struct fixture *f;
	int rc;

	for (int i = 0; !made[1] && i < 2; i++) {
		made[i] = fixture_open(i ? made_records : NULL);
		make_process(made[i]);
		make_log(made[i]);
		fixture_ready(made[i]);
	}
	if (!size)
		return 0;
	f = made[data[0] & 1];
	mutate(f, data + 1, size - 1);
	rc = tocsin_log_read(&f->k, &log, &err);
	check_accesses(f);
	check(!rc == !err.code);
	check(size > 1 || !rc);
	if (rc)
		return 0;
	check_log(f, &log);
	check(size > 1 || (log.count == 3 && !log.torn));
	tocsin_log_free(&log);
	return 0;
}
