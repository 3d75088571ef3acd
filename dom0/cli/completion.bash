# SPDX-License-Identifier: GPL-2.0-or-later
# Completion of tocsin's arguments in bash. The commands are those that the program itself names.
_tocsin()
{
	local word=${COMP_WORDS[COMP_CWORD]} before=${COMP_WORDS[COMP_CWORD - 1]} options

	if [ "$COMP_CWORD" = 1 ]; then
		mapfile -t COMPREPLY < <(compgen -W "--help --version $("${COMP_WORDS[0]}" --help |
			sed -n 's/^  \([a-z]*\) .*/\1/p')" -- "$word")
		return
	fi
	case $before in
	--dump | --qemu | --history | --rings | --rules | --key | --xen | --dbg | --payload | --keep-payload)
		mapfile -t COMPREPLY < <(compgen -f -- "$word")
		return
		;;
	--format)
		options="text json ocsf"
		[ "${COMP_WORDS[1]}" != history ] || options="$options dot graphml"
		mapfile -t COMPREPLY < <(compgen -W "$options" -- "$word")
		return
		;;
	--kind)
		mapfile -t COMPREPLY < <(compgen -W "begin started executed exited opened accepted closed \
			listening unlistened held released ring finding account end" -- "$word")
		return
		;;
	--state)
		mapfile -t COMPREPLY < <(compgen -W "ESTABLISHED SYN_SENT SYN_RECV FIN_WAIT1 FIN_WAIT2 \
			TIME_WAIT CLOSE CLOSE_WAIT LAST_ACK LISTEN CLOSING" -- "$word")
		return
		;;
	-d | --domain)
		mapfile -t COMPREPLY < <(compgen -W "$(xl list 2>/dev/null | awk 'NR > 2 {print $1}')" \
			-- "$word")
		return
		;;
	--for | --keep | --account | --max-size | --period | --share | --rate | --create | \
		--since | --until | --guest | --pid | --comm | --port | --address | --limit | --nodes)
		return # numbers, times, names that nobody here knows
		;;
	esac
	if [ "${COMP_WORDS[1]} $COMP_CWORD" = "hypervisor 2" ]; then
		mapfile -t COMPREPLY < <(compgen -W "status install remove prepare" -- "$word")
		return
	fi
	options=$("${COMP_WORDS[0]}" "${COMP_WORDS[1]}" --help 2>/dev/null)
	if [ "${COMP_WORDS[1]}" = hypervisor ]; then # only those of the verb
		options=$(awk -v verb="${COMP_WORDS[2]}" '
			/^           [a-z]/ { on = $1 == verb } /^$/ { on = 0 } on' <<<"$options")
	fi
	case $options in
	*GUEST*) options="$options -d --domain --qemu" ;;
	esac
	case ${COMP_WORDS[1]}:$options in
	watch:*) options=${options//--dump/} ;; # a dump does not change
	*GUEST*) options="$options --dump" ;;
	esac
	mapfile -t COMPREPLY < <(compgen -W \
		"$(grep -oE -- '--?[a-z]+(-[a-z]+)*' <<<"$options" | sort -u)" -- "$word")
	[ ${#COMPREPLY[@]} -gt 0 ] || mapfile -t COMPREPLY < <(compgen -f -- "$word")
}
complete -o filenames -F _tocsin tocsin
