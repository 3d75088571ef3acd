#!/bin/bash
# SPDX-License-Identifier: GPL-2.0-or-later
# usage: test_tocsind.sh TOCSIND: what the daemon says where there is no Xen, and of wrong usage.
daemon=$1
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
number=0
echo "1..4"
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
