#!/usr/bin/env python3
# SPDX-License-Identifier: GPL-2.0-or-later
"""What bash and zsh offer: test_completion.py FOLDER PROGRAM... Speaks TAP.

FOLDER has the completion of each program, as NAME.bash and _NAME.
"""
import os
import pathlib
import pty
import shutil
import subprocess
import sys
import tempfile
import time

from tap import check, finish

made, *programs = (pathlib.Path(argument).resolve() for argument in sys.argv[1:])
BASH = """source "$1"; shift; COMP_WORDS=("$@"); COMP_CWORD=$(($# - 1)); "_$1"
printf '%s\\n' "${COMPREPLY[@]}" """
# The file as zsh loads it, with the two builtins of its completion system that it calls.
ZSH = """file=$1; shift; words=("$@"); CURRENT=$#
compadd() {
	local -a fit=(${(M)${(P)@[-1]}:#${words[CURRENT]}*})
	print -l -- $fit
	(( $#fit ))
}
_files() { print -l -- ${words[CURRENT]}*(N) }
eval "$(<$file)" """
# Beside the program `xl` of a dom0 with two guests.
CASES = (
    ("tocsin wat", ["watch"]),
    ("tocsin --v", ["--version"]),
    ("tocsin history x --ki", ["--kind"]),
    ("tocsin history x --kind ac", ["accepted", "account"]),
    ("tocsin history x --format d", ["dot"]),
    ("tocsin watch --format d", []),
    ("tocsin graph x --format ", ["dot", "graphml", "ocsf", "prov", "svg", "tree"]),
    ("tocsin graph x --for", ["--format", "--forward"]),
    ("tocsin graph --pcap im", ["image"]),
    ("tocsin history x --since ", []),
    ("tocsin net --qemu x --state L", ["LAST_ACK", "LISTEN"]),
    ("tocsin net --du", ["--dump"]),
    ("tocsin watch --du", []),
    ("tocsin ps -d ", ["desk", "shop"]),
    ("tocsin enable ", ["desk", "shop"]),
    ("tocsin enable shop --r", ["--rate"]),
    ("tocsin views d", ["desk"]),
    ("tocsin key ", ["show"]),
    ("tocsin daemon ", ["reload", "scan"]),
    ("tocsin daemon scan ", ["desk", "shop"]),
    ("tocsin status --m", ["--metrics"]),
    ("tocsin status --socket im", ["image"]),
    ("tocsin hypervisor r", ["remove"]),
    ("tocsin hypervisor remove --", ["--dry-run", "--json"]),
    ("tocsin hypervisor install --p", ["--payload"]),
    ("tocsin hypervisor status --", ["--dbg", "--json", "--xen"]),
    ("tocsin trace o", ["off", "on"]),
    ("tocsin trace on s", ["shop"]),
    ("tocsin trace on shop --f", ["--for", "--functions"]),
    ("tocsin trace on shop --c", ["--capture"]),
    ("tocsin trace on shop --g", ["--graph", "--graph-file"]),
    ("tocsin trace on shop --graph-file im", ["image"]),
    ("tocsin trace on shop --uses ", ["first", "open"]),
    ("tocsin trace off shop --", []),
    ("tocsin ps --dump im", ["image"]),
    ("tocsin replay im", ["image"]),
    ("tocsin-guest s", ["scan"]),
    ("tocsin-guest ", ["--help", "--interval", "--json", "--key", "--kill", "--log", "--max-age",
                       "--nonce", "--domain", "--on", "--timeout", "--version", "bench", "ping",
                       "run", "scan", "verify"]),
    ("tocsin-guest run --on mal", ["malicious=kill", "malicious=pause", "malicious=report"]),
    ("tocsin-guest run --log im", ["image"]),
    ("tocsin-guest --timeout ", []),
    ("tocsind --ver", ["--version"]),
    ("tocsind --key im", ["image"]),
    ("tocsind --check", ["--check-config"]),
    ("tocsind --config im", ["image"]),
)


def offered(shell, script, file, words, folder):
    words = words.split(" ")
    done = subprocess.run([*shell, "-c", script, shell[0], made / file.format(words[0]), *words],
                          capture_output=True, text=True, timeout=60, cwd=folder, check=False)
    return sorted(filter(None, done.stdout.split("\n"))), done.stderr


def type_in(lines, folder):
    """What lines that are typed in a zsh become: its completion system as it is, on a terminal."""
    out = folder / "out"
    out.touch()
    commands = (f"fpath=({folder} $fpath); autoload -Uz compinit; compinit -u -D\n"
                f"show() {{ print -r -- \"$BUFFER\" >>{out}; BUFFER= }}\n"
                "zle -N show; bindkey '^X' show; print ready >" + str(out))
    pid, terminal = pty.fork()
    if not pid:
        os.chdir(folder)
        os.execvp("zsh", ["zsh", "-f", "-i"])
    try:
        os.write(terminal, (commands + "\n").encode())
        for number, line in enumerate(["", *lines]):
            if number:
                os.write(terminal, (line + "\t\x18").encode())
            until = time.monotonic() + 60
            while len(out.read_text().split("\n")) < number + 2 and time.monotonic() < until:
                time.sleep(0.01)
    finally:
        os.close(terminal)  # hangs up
        os.waitpid(pid, 0)
    return out.read_text().split("\n")[1:-1]


with tempfile.TemporaryDirectory() as name:
    folder = pathlib.Path(name)
    (folder / "xl").write_text("#!/bin/sh\nprintf '%s\\n' Name Domain-0 shop desk\n")
    (folder / "xl").chmod(0o755)
    (folder / "image").touch()
    shutil.copy(made / "_tocsin", folder)
    os.environ["PATH"] = ":".join([*(str(program.parent) for program in programs), name,
                                   os.environ["PATH"]])
    os.environ["TERM"] = "dumb"
    cases = [case for case in CASES if case[0].split(" ")[0] in (p.name for p in programs)]
    for words, expected in cases:
        check("bash: " + words, offered(["bash"], BASH, "{}.bash", words, folder),
              (sorted(expected), ""))
    if not shutil.which("zsh"):
        check("zsh # SKIP there is none", True, True)
        finish()
    for words, expected in cases:
        check("zsh: " + words, offered(["zsh", "-f"], ZSH, "_{}", words, folder),
              (sorted(expected), ""))
    check("zsh, typed", type_in(["tocsin wat", "tocsin net --qemu x --state LI", "tocsin ps --dump ."
                                 "/im"], folder), ["tocsin watch ", "tocsin net --qemu x --state "
                                                   "LISTEN ", "tocsin ps --dump ./image "])
finish()
