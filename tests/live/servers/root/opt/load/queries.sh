# SPDX-License-Identifier: GPL-2.0-or-later
# Queries that are dear enough, by decree, to be compiled with LLVM.
while :; do
	psql -q -d postgres -c "set jit_above_cost = 0; set jit_inline_above_cost = 0;
		set jit_optimize_above_cost = 0; select sum(i * 2) from generate_series(1, 300000) as t(i);
		select pg_sleep(20)" >/dev/null || sleep 2
	touch /tmp/queried
done
