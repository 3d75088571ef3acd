// SPDX-License-Identifier: GPL-2.0-or-later
/* Memory that rules run over: libyara finds the same in the windows of the sieve as in all of it.
 */
#include "fuzz.h"
#include "scan/test/same.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	static struct tocsin_sieve *sieve;
	static YR_RULES *rules;
	size_t found, skipped;

	if (!sieve) {
		rules = same_compile(same_rules);
		if (!rules || tocsin_sieve_make(rules, &sieve) || !sieve)
			abort();
	}
	if (size && size <= SAME_SIZE && !is_same(rules, sieve, data, size, &found, &skipped))
		abort();
	return 0;
}
