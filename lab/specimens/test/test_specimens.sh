#!/bin/bash
# SPDX-License-Identifier: GPL-2.0-or-later
# usage: test_specimens.sh FOLDER: the specimens are what they claim, here on an ordinary Linux.
folder=$1
number=0
started=()
trap 'kill "${started[@]}" 2>/dev/null' EXIT
echo "1..7"

result()
{
	number=$((number + 1))
	if [ "$1" = 0 ]; then echo "ok $number $2"; else echo "not ok $number $2: $3"; fi
}

# start NAME [ARGUMENT]...: sets $line to what it prints.
start()
{
	exec {out}< <(exec "$folder/$1" "${@:2}" 2>&1)
	started+=($!)
	IFS= read -r -t 20 line <&"$out"
}

value() { sed -n "s/.* $1=\([^ ]*\).*/\1/p" <<<"$line"; }

start inject
victim=$(value victim)
address=$(value address)
grep -qs "^${address#0x}-[0-9a-f]* rwxp 00000000 00:00 0 *$" "/proc/$victim/maps"
result $? "the victim has a page that is anonymous, writable and executable" "$line"

kill "${started[0]}"
for _ in {1..50}; do
	[ -e "/proc/$victim" ] || break
	sleep 0.1
done
[ ! -e "/proc/$victim" ]
result $? "the victim ends with the process that made it" "/proc/$victim is there"

start memfd
[[ $(readlink "/proc/$(value pid)/exe") == "/memfd:specimen (deleted)" ]]
result $? "the program runs from a memfd" "$line"

start deleted
[[ $(readlink "/proc/$(value pid)/exe") == *" (deleted)" ]]
result $? "the program's file is gone" "$line"

start marked malicious
[[ $line == "marked pid="* ]] &&
	! grep -q 'TOCSIN-TRIAL-STRING!THIS-STANDS-FOR-MALWARE' "$folder/marked"
result $? "the trial string is in memory alone" "$line"

for name in hostile "pair 10"; do
	# shellcheck disable=SC2086
	said=$("$folder"/$name 2>&1)
	[ $? = 3 ] && [[ $said == *"VMFUNC is not available"* ]]
	result $? "${name%% *} says that VMFUNC is not available" "$said"
done
