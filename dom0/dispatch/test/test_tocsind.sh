#!/bin/bash
# SPDX-License-Identifier: GPL-2.0-or-later
# usage: test_tocsind.sh TOCSIND [PROGRAM]: what the daemon says where there is no Xen, and of wrong usage;
# and that it does not ask whether valgrind runs it, as PROGRAM does (valgrind.h).
daemon=$1
asking=${2:-}
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
number=0
echo "1..5"
expect()
{
	local what=$1 code=$2 text=$3 out status
	shift 3

	number=$((number + 1))
	out=$("$daemon" "$@" 2>&1)
	status=$?
	if [ $status = "$code" ] && [[ $out == *"$text"* ]]; then
		echo "ok $number $what"
	else
		echo "not ok $number $what: exit $status, said: $out"
	fi
}
expect "help" 0 "usage: tocsind" --help
expect "unknown output" 2 "no output 'xml'" --output xml
expect "rules that are not there" 1 "$work/none" --rules "$work/none"
if [ -e /dev/xen/privcmd ]; then
	echo "ok $((number + 1)) # SKIP this host runs Xen"
else
	expect "no Xen" 1 "cannot reach the hypervisor" --key "$work/key" --state "$work/state"
fi

# The instructions by which a program asks valgrind, which do nothing elsewhere.
asks() { LC_ALL=C grep -qaP '\x48\xc1\xc7\x03\x48\xc1\xc7\x0d\x48\xc1\xc7\x3d\x48\xc1\xc7\x33' "$1"; }
what="its filters do not depend on valgrind"
if [ -z "$asking" ]; then
	echo "ok 5 # SKIP made without valgrind's headers: nothing asks for it"
elif [ -n "${TOCSIN_VALGRIND:-}" ]; then
	echo "ok 5 # SKIP tools/valgrind gives scripts in the programs' place"
elif asks "$asking" && ! asks "$daemon"; then
	echo "ok 5 $what"
else
	echo "not ok 5 $what"
fi
