#!/bin/bash
# SPDX-License-Identifier: GPL-2.0-or-later
# test_packaging.sh FOLDER: the scripts that were configured into FOLDER, on folders of our own and
# a program that only says that it was called. Speaks TAP.
built=$1
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
export TOCSIN_BOOT=$work/boot TOCSIN_LIVEPATCH_STORE=$work/store TOCSIN=$work/tocsin
mkdir "$TOCSIN_BOOT" "$TOCSIN_LIVEPATCH_STORE"
number=0
echo "1..15"

result()
{
	number=$((number + 1))
	if [ "$1" = 0 ]; then echo "ok $number $2"; else echo "not ok $number $2: $said"; fi
}

# updated WANTED WHAT: whether the hook calls the program, and succeeds.
updated()
{
	local status

	said=$(sh "$built/xen-updated" 2>&1)
	status=$?
	case $said in
	*"called hypervisor prepare"*) [ "$1" = yes ] && [ $status = 0 ] ;;
	*) [ "$1" = no ] && [ $status = 0 ] ;;
	esac
	result $? "$2"
}

printf '#!/bin/sh\necho "called $*"\nexit 3\n' >"$TOCSIN"
chmod +x "$TOCSIN"
echo 1 >"$TOCSIN_BOOT/xen-4.17-amd64.gz"
updated no "no install was asked for: nothing is done"
echo 1 >"$TOCSIN_LIVEPATCH_STORE/0011.livepatch"
updated yes "the first time it is done, and a failure is not dpkg's"
updated no "nothing changed"
sleep 0.05
echo 2 >"$TOCSIN_BOOT/vmlinuz-6.1"
updated no "a kernel is no Xen"
sleep 0.05
echo 2 >"$work/new"
touch -d "2020-01-01" "$work/new"
mv "$work/new" "$TOCSIN_BOOT/xen-4.17-amd64.gz"
updated yes "another Xen, with the old time that packages bring"
updated no "and that is done once"
rm "$TOCSIN"
sleep 0.05
echo 3 >"$TOCSIN_BOOT/xen-4.18-amd64.gz"
said=$(sh "$built/xen-updated" 2>&1)
result $? "no program: dpkg goes on"

said=$(sh "$built/tocsin-hypervisor.init" sing 2>&1)
[ $? = 2 ] && [[ $said == usage:* ]]
result $? "init script: usage"
said=$(sh "$built/tocsin-hypervisor.init" stop 2>&1)
result $? "init script: a stop takes nothing out"
said=$(sh "$built/tocsind.init" sing 2>&1)
[ $? = 2 ] && [[ $said == usage:* ]]
result $? "init script of the daemon: usage"
said=$(TOCSIND_PIDFILE=$work/none sh "$built/tocsind.init" status 2>&1)
[ $? -gt 0 ]
result $? "init script of the daemon: it does not run"
config=$(dirname "$0")/..
DESTDIR=$work/root "$config/install-config" "$config/tocsind.conf" /etc/tocsin/tocsind.conf
cmp -s "$config/tocsind.conf" "$work/root/etc/tocsin/tocsind.conf" &&
	echo "# mine" >"$work/root/etc/tocsin/tocsind.conf" &&
	DESTDIR=$work/root "$config/install-config" "$config/tocsind.conf" /etc/tocsin/tocsind.conf &&
	[ "$(cat "$work/root/etc/tocsin/tocsind.conf")" = "# mine" ]
result $? "a configuration that is there stays"
if command -v dpkg >/dev/null; then
	mkdir "$work/db" "$work/db/info" "$work/db/updates"
	: >"$work/db/status"
	printf '#!/bin/sh\necho "hook ran"\nexit 1\n' >"$work/xen-updated"
	chmod +x "$work/xen-updated"
	sed "s,[^ ]*/xen-updated,$work/xen-updated,g" "$built/dpkg.cfg" >"$work/.dpkg.cfg"
	said=$(HOME=$work dpkg --admindir="$work/db" --configure -a 2>&1) && [ "$said" = "hook ran" ]
	result $? "dpkg reads and runs the hook, and its failure is not dpkg's"
else
	echo "ok $((++number)) # SKIP no dpkg"
fi
if command -v systemd-analyze >/dev/null; then
	said=$(systemd-analyze verify --man=no "$built/tocsin-hypervisor.service" 2>&1 |
		grep -v "is not executable" | grep "$built")
	[ -z "$said" ]
	result $? "systemd takes the unit"
	said=$(systemd-analyze verify --man=no "$built/tocsind.service" 2>&1 |
		grep -v "is not executable" | grep "$built")
	[ -z "$said" ]
	result $? "systemd takes the daemon's unit"
else
	echo "ok $((++number)) # SKIP no systemd"
	echo "ok $((++number)) # SKIP no systemd"
fi
