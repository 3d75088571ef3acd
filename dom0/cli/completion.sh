# SPDX-License-Identifier: GPL-2.0-or-later
# What may stand where, in the language that bash and zsh share. The commands, their options and what
# they are for are what the program itself says.
#
# _tocsin_words NUMBER BEFORE PROGRAM COMMAND VERB...: what may be word NUMBER of this line, whose
# word before it is BEFORE: one a line, perhaps with a tab and what it means behind it, whether or not
# it begins as the word does. FILES as the last line: a file's name, if nothing else fits.
_tocsin_words()
{
	local number=$1 before=$2 program=$3 command=$4 verb=$5 options

	if [ "${program##*/}" != tocsin ]; then
		_tocsin_plain_words "$@"
		return
	fi
	if [ "$number" = 1 ]; then
		"$program" --help | sed -n 's/^  \([a-z]*\)   *\(.*\)/\1	\2/p'
		printf '%s\n' --help --version
		return
	fi
	case $before in
	--dump | --qemu | --history | --rings | --rules | --key | --xen | --dbg | --payload | --keep-payload | --pcap | --graph-file | \
		--out | --socket)
		echo FILES
		return
		;;
	--capture)
		ls /sys/class/net 2>/dev/null
		return
		;;
	--uses)
		printf '%s\n' first open
		return
		;;
	--format)
		if [ "$command" = graph ]; then
			printf '%s\n' tree dot svg graphml prov ocsf
			return
		fi
		printf '%s\n' text json ocsf
		[ "$command" != history ] || printf '%s\n' dot graphml
		return
		;;
	--kind)
		printf '%s\n' begin started executed exited opened accepted closed listening \
			unlistened held released ring finding account end
		return
		;;
	--state)
		printf '%s\n' ESTABLISHED SYN_SENT SYN_RECV FIN_WAIT1 FIN_WAIT2 TIME_WAIT CLOSE \
			CLOSE_WAIT LAST_ACK LISTEN CLOSING
		return
		;;
	-d | --domain)
		_tocsin_domains
		return
		;;
	--for | --keep | --account | --max-size | --period | --share | --rate | --create | --switch | \
		--since | --until | --guest | --pid | --comm | --port | --address | --limit | --nodes | \
		--back | --forward | --depth | --not | --events | --functions)
		return # numbers, times, names that nobody here knows
		;;
	esac
	case $number:$command in
	2:hypervisor)
		printf '%s\n' status install remove prepare
		return
		;;
	2:key)
		echo show
		return
		;;
	2:daemon)
		printf '%s\n' reload scan
		return
		;;
	3:daemon)
		[ "$verb" != scan ] || _tocsin_domains
		return
		;;
	2:trace)
		printf '%s\n' on off status
		return
		;;
	3:trace)
		_tocsin_domains
		return
		;;
	esac
	options=$("$program" "$command" --help 2>/dev/null)
	case $number:$options in
	2:"usage: tocsin $command DOMAIN"*)
		_tocsin_domains
		return
		;;
	esac
	if [ "$command" = hypervisor ] || [ "$command" = trace ]; then # only those of the verb
		options=$(printf '%s\n' "$options" | awk -v verb="$verb" '
			/^           [a-z]/ { on = $1 == verb } /^$/ { on = 0 } on')
	fi
	case $options in
	*GUEST*) options="$options -d --domain --qemu" ;;
	esac
	case $command:$options in
	watch:*) options=$(printf '%s\n' "$options" | sed 's/--dump//') ;; # a dump does not change
	*GUEST*) options="$options --dump" ;;
	esac
	printf '%s\n' "$options" | grep -oE -- '--?[a-z]+(-[a-z]+)*' | sort -u
	echo FILES
}

# The same for the programs whose commands have no help of their own.
_tocsin_plain_words()
{
	local number=$1 before=$2 program=$3 help

	help=$("$program" --help 2>/dev/null)
	case $before in
	--config | --key | --log | --rules | --state)
		echo FILES
		return
		;;
	--on)
		printf '%s\n' clean=report suspicious=report malicious=report inconclusive=report \
			clean=pause suspicious=pause malicious=pause inconclusive=pause \
			clean=kill suspicious=kill malicious=kill inconclusive=kill
		return
		;;
	--output)
		printf '%s\n' json text
		return
		;;
	--timeout | --interval | --nonce | --domain | --max-age)
		return
		;;
	esac
	if [ "$number" = 1 ]; then
		printf '%s\n' "$help" | sed -n 's/^  \([a-z]\{1,\}\) .*/\1/p'
	fi
	printf '%s\n' "$help" | grep -oE -- '--[a-z]+(-[a-z]+)*' | sort -u
	echo FILES
}

_tocsin_domains()
{
	xl list 2>/dev/null | awk 'NR > 2 { print $1 }'
}
