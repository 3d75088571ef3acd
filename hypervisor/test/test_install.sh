#!/bin/bash
# SPDX-License-Identifier: GPL-2.0-only
# hypervisor/install into a boot folder that is not this machine's, and away again. Speaks TAP.
here=$(cd "$(dirname "$0")/.." && pwd)
boot=$(mktemp -d)
trap 'rm -rf "$boot"' EXIT
export TOCSIN_BOOT=$boot
file=$boot/xen-4.17-tocsin-amd64.gz
number=0
echo "1..6"

result()
{
	number=$((number + 1))
	if [ "$1" = 0 ]; then echo "ok $number $2"; else echo "not ok $number $2: $said"; fi
}

echo stock >"$boot/xen-4.17-amd64.gz"
said=$("$here/install" --dry-run 2>&1) && [[ $said == *"would run"* ]] && [ ! -e "$file" ]
result $? "a dry run says what it would do and does nothing"
said=$("$here/install" 2>&1) && zcat "$file" | cmp -s -n 4 - <(printf '\177ELF')
result $? "the hypervisor is put there, complete"
said=$("$here/install" 2>&1) && [[ $said == *"up to date"* ]]
result $? "a second time there is nothing to do"
said=$("$here/install" --uninstall 2>&1) && [ ! -e "$file" ] && [[ $said == *"$file"* ]]
result $? "it is taken away, and said so"
said=$("$here/install" --uninstall 2>&1) && [[ $said == *"nothing to do"* ]]
result $? "a second time there is nothing to do"
said=$(ls "$boot") && [ "$said" = xen-4.17-amd64.gz ] && [ "$(cat "$boot/$said")" = stock ]
result $? "the distribution's hypervisor was not touched"
