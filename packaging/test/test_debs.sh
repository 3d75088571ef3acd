#!/bin/bash
# SPDX-License-Identifier: GPL-2.0-or-later
# test_debs.sh TRACE [SIMULATED]: builds the packages, and installs, uses, upgrades, removes and purges
# them in a clean Debian, and has a systemd begin what they bring (unit.sh). The version to upgrade from is made of the same packages, with another version and an
# older conffile. Speaks TAP. Needs root.
#
# What was downloaded and compiled is kept in CACHE/packages: see packaging/test/chroot.
set -uo pipefail

trace=$(realpath "$1")
simulated=${2:+$(realpath "$2")}
here=$(cd "$(dirname "$0")" && pwd)
cache=${TOCSIN_CACHE:-${XDG_CACHE_HOME:-$HOME/.cache}/tocsin}/packages
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
root=$work/root
store=/var/lib/tocsin/livepatch
number=0

skip() { echo "1..0 # SKIP $*"; exit 0; }

result() { # STATUS WHAT
	number=$((number + 1))
	if [ "$1" = 0 ]; then
		echo "ok $number $2"
	else
		echo "not ok $number $2"
		sed 's/^/# /' "$work/said" | tail -n 40
	fi
}

# inside COMMAND...: in the clean Debian; what it says is also in the file `said`.
inside()
{
	# shellcheck disable=SC2016
	unshare --mount --pid --fork --kill-child sh -c 'mount -t proc proc "$0/proc"
		exec chroot "$0" /usr/bin/env -i PATH=/usr/sbin:/usr/bin:/sbin:/bin HOME=/root \
			LC_ALL=C.UTF-8 DEBIAN_FRONTEND=noninteractive "$@"' "$root" "$@" 2>&1 |
		tee "$work/said"
}

does() { # WHAT COMMAND...: it succeeds
	local what=$1
	shift
	inside "$@" >/dev/null
	result $? "$what"
}

says() { # WHAT PATTERN COMMAND...: whatever its exit code is
	local what=$1 pattern=$2
	shift 2
	inside "$@" >/dev/null
	grep -q -e "$pattern" "$work/said"
	result $? "$what"
}

# What must be there (or, after !, must not).
there() { # WHAT PATH...
	local what=$1 path
	shift
	for path; do
		case $path in
		!*) [ ! -e "$root${path#!}" ] || echo "is there: ${path#!}" ;;
		*) [ -e "$root$path" ] || echo "is not there: $path" ;;
		esac
	done >"$work/said"
	[ ! -s "$work/said" ]
	result $? "$what"
}

# Where a mirror no longer has what the lists of the clean Debian name, with new lists.
apt()
{
	local get=(apt-get -qy -o Dpkg::Options::=--force-confdef)

	inside "${get[@]}" "$@" >/dev/null ||
		{ inside apt-get -q update && inside "${get[@]}" "$@"; } >/dev/null
}

# The same package as version 0.0.9, with an older hook for dpkg.
make_old() { # DEB
	local tree=$work/tree

	rm -rf "$tree"
	dpkg-deb -R "$1" "$tree"
	sed -i "s/^Version: .*/Version: 0.0.9/; s/(= $version)/(= 0.0.9)/g" "$tree/DEBIAN/control"
	[ ! -e "$tree/$hook" ] || echo "# of the version before" >>"$tree/$hook"
	dpkg-deb -b --root-owner-group -Znone "$tree" "$root/debs/old/" >/dev/null
}

# All that is there but what dpkg and apt write, and what they make of all packages.
listing()
{
	(cd "$root" && find . -path ./debs -prune -o -path ./proc -prune -o -path ./var/lib/dpkg -prune \
		-o -path ./var/lib/apt -prune -o -path ./var/cache/apt -prune -o -path ./var/log -prune \
		-o -path ./var/cache/ldconfig -prune -o -path ./run -prune -o -print | sort)
}

# shellcheck source=packaging/test/unit.sh
. "$here/unit.sh"

[ "$(id -u)" = 0 ] || skip "not root: no chroot"
unshare --mount --pid --fork true 2>/dev/null || skip "no mounts of its own can be made here"
base=$("$here/chroot") || {
	echo "Bail out! no clean Debian could be made"
	exit 99
}

# what debian/ says twice
cd "$here/../.." || exit 99
said=$(sed -n 's/^tocsin (\(.*\)) .*/\1/p' debian/changelog | head -n 1)
sed -n "s/^  version: '\(.*\)',/\1/p" meson.build | tee "$work/said" | grep -qx "$said"
result $? "debian/changelog has Meson's version"
grep -o '\blib[^ ]*-dev\b\|\bzlib1g-dev\b' tools/install-packages | grep -vx libc6-dev | sort -u |
	while read -r package; do
		grep -q "^ $package\b" debian/control || echo "debian/control does not have $package"
	done >"$work/said"
[ ! -s "$work/said" ]
result $? "debian/control has the libraries of tools/install-packages"

exec 9>"$cache/debs.lock"
flock 9
mkdir -p "$root/debs/old" "$root/debs/new" "$cache/archives"
DEB_BUILD_OPTIONS="nocheck noautodbgsym parallel=$(nproc)" packaging/build-debs "$cache/debs" \
	>"$work/said" 2>&1
status=$?
result $status "they build"
[ $status = 0 ] || { echo "1..$number"; exit 1; }
xargs -a "$work/said" cp -t "$root/debs/new"
flock -u 9

tar -C "$root" --zstd -xf "$base"
cp "$cache"/archives/*.deb "$root/var/cache/apt/archives/" 2>/dev/null
cp "$trace" "$root/debs/trace"
cp dom0/test/example.c packaging/test/ring.c "$root/debs/"
version=$(dpkg-deb -f "$root"/debs/new/tocsin_*.deb Version)
hook=etc/dpkg/dpkg.cfg.d/tocsin
for deb in "$root"/debs/new/*.deb; do
	make_old "$deb"
done
listing >"$work/before"

# in a guest
apt install /debs/old/tocsin-guest_0.0.9_amd64.deb
result $? "tocsin-guest is installed"
says "the guest's tools say why they cannot ring" "VMFUNC is not available: .*[a-z]" tocsin-guest ping
does "nothing of dom0's came with them" sh -c '! dpkg-query -W "libxen*" tocsin libtocsin0'

# where programs are made
apt install /debs/old/libtocsin-dev_0.0.9_amd64.deb /debs/old/libtocsin0_0.0.9_amd64.deb \
	/debs/old/libtocsin-guest0_0.0.9_amd64.deb
result $? "libtocsin-dev is installed"
does "a program with libtocsin compiles" sh -c \
	'cc -Wall -Werror -o /debs/example /debs/example.c $(pkg-config --cflags --libs tocsin)'
says "and runs" "cannot open /nowhere" /debs/example /nowhere
does "a program with libtocsin-guest compiles" sh -c \
	'cc -Wall -Werror -o /debs/ring /debs/ring.c $(pkg-config --cflags --libs tocsin-guest)'
says "and runs" "VMFUNC is not available" /debs/ring
does "also as a static one" sh -c 'cc -static -Wall -Werror -o /debs/ring-static /debs/ring.c \
	$(pkg-config --static --cflags --libs tocsin-guest) && ! ldd /debs/ring-static'
does "no daemon came with it" sh -c '! dpkg-query -W tocsin'

# in dom0
apt install --install-recommends /debs/old/tocsin_0.0.9_amd64.deb
result $? "tocsin is installed"
cp -u "$root"/var/cache/apt/archives/*.deb "$cache/archives/"
says "tocsin runs" "^tocsin [0-9.]*$" tocsin --version
does "tocsind runs" tocsind --help
does "its filters do not depend on valgrind" sh -c '! LC_ALL=C grep -qaP \
	"\x48\xc1\xc7\x03\x48\xc1\xc7\x0d\x48\xc1\xc7\x3d\x48\xc1\xc7\x33" /usr/sbin/tocsind'
says "a trace is read" "PING" tocsin replay /debs/trace
says "scans are listed" "^kernel.hidden-module " tocsin scan --list
does "the rules of scans are where programs look" sh -c 'grep -q "$0" /usr/bin/tocsin &&
	grep -q "$0" /usr/sbin/tocsind && ls "$0"/*.yar' /usr/share/tocsin/rules
does "the rules of watches are found" tocsin rules --check
says "not in dom0: it says so" "dom0" tocsin list
says "the group and the locked user are there" "^_tocsin:.*:/usr/sbin/nologin$" \
	sh -c "getent group tocsin && getent passwd _tocsin"
says "bash completes" "^watch$" bash -c '. /usr/share/bash-completion/completions/tocsin
	COMP_WORDS=(tocsin wat) COMP_CWORD=1; _tocsin; printf "%s\n" "${COMPREPLY[@]}"'
there "zsh would" /usr/share/zsh/vendor-completions/_tocsin \
	/usr/share/zsh/vendor-completions/_tocsin-guest
for page in "$root"/usr/share/man/man*/*tocsin*; do
	[ "$(man --warnings -l "$page" 2>&1 >/dev/null | tee "$work/said" | wc -l)" = 0 ] &&
		man -l "$page" 2>/dev/null | grep -qi tocsin
	result $? "man shows ${page##*/}"
done
does "no unit is enabled" sh -c 'for unit in /lib/systemd/system/*tocsin*; do
	systemctl is-enabled "${unit##*/}" | grep -qv "^enabled" || exit; done'
does "no init script is" sh -c '! ls /etc/rc[2-5].d/S*tocsin*'

# an administrator's changes, and what Tocsin wrote
inside sh -c "dpkg-query -W -f '\${Conffiles}' tocsin" |
	awk -v hook="/$hook" 'NF > 1 && $1 != hook { print $1 }' >"$work/conffiles"
while read -r file; do
	echo "# an administrator's" >>"$root$file"
done <"$work/conffiles"
xen=$(lab/fetch --xen 2>/dev/null | head -n 1)
if [ -n "$xen" ]; then
	cp "$xen/xen.gz" "$root/boot/xen-4.17-amd64.gz"
	cp "$xen/xen-syms" "$root/boot/xen-syms-4.17-amd64"
fi
mkdir -p "$root$store" "$root/etc/tocsin" "$root/var/cache/tocsin" "$root/var/log/tocsin"
for file in /etc/tocsin/mine.list /var/lib/tocsin/key /var/cache/tocsin/x /var/log/tocsin/x \
	$store/00.livepatch $store/prepared; do
	echo kept >"$root$file"
done
does "while nothing changes, no live patch is made" sh -c \
	'said=$(dpkg --configure -a 2>&1) && [ -z "$said" ]'
apt install -o Dpkg::Options::=--force-confold $(cd "$root" && printf '/%s ' debs/new/*.deb)
result $? "they are upgraded"
if [ -n "$xen" ]; then
	grep -q "a live patch is ready for build" "$work/said"
	result $? "the live patch is made anew, with what tocsin recommends"
	there "and kept for the next boot" "$store/prepared" "!$store/00.livepatch"
else
	echo "ok $((++number)) # SKIP no build of Xen to make a live patch for"
fi
does "the new version runs" sh -c "dpkg-query -W -f '\${Version} ' tocsin tocsin-guest libtocsin-dev |
	grep -x '$version $version $version '"
[ -s "$work/conffiles" ]
result $? "there is configuration to keep"
while read -r file; do
	says "changed by an administrator, kept: $file" "^# an administrator's" cat "$file"
done <"$work/conffiles"
does "not changed, so the new one is taken: /$hook" sh -c "! grep 'the version before' /$hook"
says "state is kept" kept cat /var/lib/tocsin/key

if [ -n "$simulated" ]; then
	run_unit_tests "$simulated"
else
	echo "ok $((++number)) # SKIP there is no daemon on a host that is made up"
fi

apt remove tocsin tocsin-guest
result $? "they are removed"
grep -q "tocsin hypervisor remove" "$work/said"
result $? "it is said that a live patch stays in the running Xen"
there "programs went; state and configuration are kept" '!/usr/bin/tocsin' '!/usr/bin/tocsin-guest' \
	'!/usr/sbin/tocsind' '!/usr/libexec/tocsin' /var/lib/tocsin/key /$hook
does "dpkg works with what is left" dpkg --configure -a
apt install /debs/new/tocsin_*.deb
says "they come back to what they had" kept cat /var/lib/tocsin/key
rm -f "$root"/boot/xen*
# What systemd recommends may stay, and is not systemd's here.
apt purge --auto-remove -o APT::AutoRemove::RecommendsImportant=false '^(lib)?tocsin.*'
result $? "they are purged"
listing | comm -13 "$work/before" - >"$work/said"
[ ! -s "$work/said" ]
result $? "nothing is left"
echo "1..$number"
