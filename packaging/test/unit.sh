#!/bin/bash
# SPDX-License-Identifier: GPL-2.0-or-later
# Part of test_debs.sh: the unit of tocsind as it is installed, under a systemd that runs as the first
# process of the clean Debian (boot). There is no Xen, so at first it is seen not to begin; then what it
# runs is the daemon on a host that is made up (dom0/dispatch/test/simulated.c), all else of it being as
# it is.
# shellcheck disable=SC2154 # work, root: of test_debs.sh

booted() { # COMMAND...: there; what it says is also in the file `said`
	timeout 60 nsenter -t "$first" -a /usr/bin/env -i PATH=/usr/sbin:/usr/bin:/sbin:/bin HOME=/root \
		LC_ALL=C.UTF-8 "$@" 2>&1 | tee "$work/said"
}

succeeds() { # WHAT COMMAND...
	local what=$1
	shift
	booted "$@" >/dev/null
	result $? "$what"
}

# comes WHAT PATTERN COMMAND...: what it says matches it, within 20 seconds
comes() {
	local what=$1 pattern=$2
	shift 2
	for _ in {1..100}; do
		booted "$@" >/dev/null
		if grep -q -e "$pattern" "$work/said"; then
			result 0 "$what"
			return
		fi
		sleep 0.2
	done
	result 1 "$what"
}

property() { booted systemctl show tocsind --value -p "$1"; } # its value

drop_in() { # TEXT: instead of the one before
	booted sh -c 'mkdir -p /etc/systemd/system/tocsind.service.d
		printf "%b" "$0" >/etc/systemd/system/tocsind.service.d/test.conf
		systemctl daemon-reload; systemctl reset-failed tocsind 2>/dev/null; true' "$1" >/dev/null
}

# In Python, of entries of the journal as JSON: the first that has these members; or none comes.
# shellcheck disable=SC2016
entry='import json, subprocess, sys
want = dict(word.split("=", 1) for word in sys.argv[1:])
said = subprocess.run(["journalctl", "-o", "json", "--no-pager"], capture_output=True, text=True).stdout
rows = [json.loads(line) for line in said.splitlines()]
found = [row for row in rows if all(value in str(row.get(name)) for name, value in want.items())]
print(f"found {len(found)}", found[-1] if found else [r.get("MESSAGE") for r in rows[-20:]])'

unit_tests()
{
	local main before

	comes "without Xen it is not begun, and the journal says why" "found [1-9]" sh -c \
		'systemctl start tocsind; exec python3 -c "$0" "$@"' "$entry" \
		UNIT=tocsind.service "MESSAGE=ConditionPathExists=/dev/xen/privcmd"
	drop_in '[Unit]\nConditionPathExists=\n'
	booted systemctl start tocsind >/dev/null
	comes "begun all the same, it fails, and the journal says why" "found [1-9]" python3 -c "$entry" \
		_SYSTEMD_UNIT=tocsind.service SYSLOG_IDENTIFIER=tocsind _COMM=tocsin-broker \
		"MESSAGE=cannot reach the hypervisor: there is no /dev/xen/privcmd"
	comes "it is tried again, and then no more" "^failed [3-9]" sh -c \
		'echo $(systemctl show tocsind --value -p ActiveState -p NRestarts | sort -r)'

	drop_in "[Unit]\nConditionPathExists=\n[Service]\nExecStart=\nExecStart=/debs/simulated\nWatchdogSec=3\n"
	succeeds "it begins, and says when it has" systemctl start tocsind
	comes "it is active" "^active running$" sh -c \
		'echo $(systemctl show tocsind --value -p ActiveState -p SubState)'
	comes "it works, and its log has it" '"kind":"verdict"' cat /var/log/tocsin/tocsind.log
	comes "who asks it is answered" '"verdicts":[1-9]' tocsin status --json
	comes "the worker is locked in" "^1879113729 2 1 0000000000000000$" sh -c \
		'awk "/^(Uid|NoNewPrivs|Seccomp|CapEff):/ { v[\$1] = \$2 }
			END { print v[\"Uid:\"] * 1, v[\"Seccomp:\"], v[\"NoNewPrivs:\"], v[\"CapEff:\"] }" \
			$(grep -lx "Name:.tocsin-w-1" /proc/[0-9]*/status)'
	booted sh -c '! journalctl -o json --no-pager | grep -q TOCSIN_' >/dev/null
	result $? "what is not to be notified is not in the journal"

	main=$(property MainPID)
	booted sed -i 's/^        guests = "\*";$/&\n        actions = { inconclusive = [ "log", "notify" ]; };/' \
		/etc/tocsin/tocsind.conf >/dev/null
	succeeds "it reads its configuration again" systemctl reload tocsind
	comes "now verdicts are in the journal, with our fields" "found [1-9]" python3 -c "$entry" \
		_SYSTEMD_UNIT=tocsind.service TOCSIN_VERDICT=inconclusive TOCSIN_DOMAIN=guest-1 TOCSIN_TICKET= \
		TOCSIN_PID= PRIORITY=5 _COMM=tocsin-writer
	booted sh -c 'echo "policies = 1;" >>/etc/tocsin/tocsind.conf; ! systemctl reload tocsind' >/dev/null
	result $? "a configuration with a mistake is refused"
	booted sed -i '$d' /etc/tocsin/tocsind.conf >/dev/null
	[ "$(property MainPID)" = "$main" ]
	result $? "all that time it was the same process"

	before=$(booted sh -c 'tocsin status --json | grep -o "\"answered\":[0-9]*" | head -n 1 | cut -d: -f2')
	booted sh -c 'kill -KILL $0' "$main" >/dev/null
	comes "killed, it is begun again" "^active running 1 success$" sh -c \
		'echo $(for p in ActiveState SubState NRestarts Result; do
			systemctl show tocsind --value -p $p; done)'
	comes "and counts on from where it was" "^goes on$" sh -c '[ "$0" -gt 0 ] &&
		[ $(tocsin status --json | grep -o "\"answered\":[0-9]*" | head -n 1 | cut -d: -f2) -gt "$0" ] &&
		echo goes on' "$before"
	booted sh -c 'kill -STOP $(grep -lx tocsin-broker /proc/[0-9]*/comm | cut -d/ -f3)' >/dev/null
	comes "a broker that says nothing more is noticed" "found [1-9]" python3 -c "$entry" \
		UNIT=tocsind.service "MESSAGE=Watchdog timeout"
	comes "and it is begun again" "^active running 2$" sh -c \
		'echo $(for p in ActiveState SubState NRestarts; do systemctl show tocsind --value -p $p; done)'
	succeeds "it stops" systemctl stop tocsind
	comes "as it should" "^inactive success$" sh -c \
		'echo $(for p in ActiveState Result; do systemctl show tocsind --value -p $p; done)'
	booted sh -c '! journalctl -u tocsind --no-pager -g "died of signal"' >/dev/null
	result $? "no filter of the unit, nor of ours, was in its way"
}

run_unit_tests() # PROGRAM: simulated
{
	local boot

	cp "$1" "$root/debs/simulated"
	mkdir "$work/boot"
	"$here/boot" "$root" "$work/boot" &
	boot=$!
	for _ in {1..650}; do
		[ ! -s "$work/boot/booted" ] || break
		sleep 0.1
	done
	first=$(cat "$work/boot/booted")
	if [[ $first =~ ^[0-9]+$ ]]; then
		unit_tests
	else
		echo "ok $((++number)) # SKIP ${first:-systemd does not begin here}"
	fi
	kill "$boot"
	wait "$boot"
	rm -f "$root/debs/simulated"
}
