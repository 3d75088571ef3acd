#!/bin/sh
# SPDX-License-Identifier: MIT
# The CLI from outside: usage errors, help, and the honest "not available" (exit code 3) where
# VMFUNC raises #UD. Speaks TAP. Usage: test_cli.sh PATH-OF-TOCSIN-GUEST
guest=$1
n=0

# expect CODE PATTERN ARGS...: run, compare the exit code, look for PATTERN in what was printed.
expect()
{
	code=$1
	pattern=$2
	shift 2
	n=$((n + 1))
	out=$("$guest" "$@" 2>&1)
	got=$?
	if [ $got -eq "$code" ] && printf '%s\n' "$out" | grep -q -e "$pattern"; then
		echo "ok $n - $*"
	else
		echo "not ok $n - $*"
		printf '%s\n' "$out" | sed "s/^/# (exit $got) /"
	fi
}

expect 0 '^Usage: tocsin-guest' --help
expect 0 '^Usage: tocsin-guest' help
expect 0 '^Usage: tocsin-guest' run --help
expect 0 '^Usage: tocsin-guest' verify -h
expect 0 '^tocsin-guest [0-9]' --version
expect 2 'command is missing'
expect 2 'unknown command: nonsense' nonsense
expect 2 'unknown option' --nonsense
expect 2 'unknown option or missing value' --timeout
expect 2 'not a timeout' --timeout 0 ping
expect 2 'not a timeout' --timeout 99999999999999999999 ping
expect 2 'ping takes no argument' ping 1
expect 2 'not a PID' scan 0
expect 2 'not a PID' scan -1
expect 2 'not a PID' scan 12x
expect 2 'not a PID' scan 4294967296
expect 2 'one PID at most' scan 1 2
expect 2 'program to run is missing' run
expect 2 'program to run is missing' run --kill --
expect 2 'not an interval' run --interval 0 -- true
expect 2 'unknown option' run --nonsense true
expect 2 'bench takes a count' bench 0
"$guest" ping >/dev/null 2>&1
if [ $? -eq 3 ]; then
	marker=$(mktemp -u)
	expect 3 'VMFUNC is not available: .*[a-z]' ping
	expect 3 'VMFUNC is not available' scan
	expect 3 'VMFUNC is not available' scan 1
	expect 3 '"exit":3,"error":"VMFUNC is not available","why":"' --json ping
	expect 3 'program not started' run -- touch "$marker"
	n=$((n + 1))
	[ ! -e "$marker" ] && echo "ok $n - nothing ran" || echo "not ok $n - nothing ran"
	rm -f "$marker"
	expect 3 'cpuid: n 10, min [0-9]*, median [0-9]* ticks' bench 10
else
	n=$((n + 1))
	echo "ok $n - not available # SKIP VMFUNC works here"
fi
echo "1..$n"
