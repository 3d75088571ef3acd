#!/usr/bin/env python3
# SPDX-License-Identifier: GPL-2.0-or-later
"""Tables on terminals that are narrower than they are: test_fold.py TOCSIN RULES."""
import fcntl
import os
import pathlib
import pty
import shutil
import struct
import subprocess
import sys
import tempfile
import termios
import threading

from tap import check, finish

tocsin, rules = sys.argv[1:]


def on_terminal(columns, *args):
    """The lines that it prints on one of so many columns."""
    terminal, other = pty.openpty()
    fcntl.ioctl(other, termios.TIOCSWINSZ, struct.pack("HHHH", 24, columns, 0, 0))
    program = subprocess.Popen([tocsin, *args], stdin=other, stdout=other, stderr=other)

    def end():
        program.wait()
        os.write(other, b"\0")

    # When nobody has it open any more, Linux may forget what was printed last.
    threading.Thread(target=end).start()
    out = b""
    while not out.endswith(b"\0"):
        out += os.read(terminal, 65536)
    os.close(terminal)
    os.close(other)
    return out[:-1].decode().replace("\r\n", "\n").splitlines()


def in_file(*args):
    return subprocess.run([tocsin, *args], capture_output=True, text=True, timeout=60,
                          check=False).stdout.splitlines()


def words(lines):
    return " ".join(lines).split()


whole = in_file("scan", "--list")
why = whole[0].index("WHY")
check("what is no terminal gets each line whole", max(len(line) for line in whole) > 100, True)
check("as does one that is wide enough", on_terminal(400, "scan", "--list"), whole)
for columns in (40, 80, 100, 130):
    lines = on_terminal(columns, "scan", "--list")
    check(f"{columns} columns are enough", max(len(line) for line in lines) <= columns, True)
    check(f"nothing is cut at {columns}", words(lines), words(whole))
    indent = why if columns >= why + 30 else 4
    below = [line for line in lines if line[0] == " "]
    check(f"what goes on at {columns} is below its column",
          (len(below) > 0, {len(line) - len(line.lstrip()) for line in below}), (True, {indent}))

told = in_file("doctor")
lines = on_terminal(60, "doctor")
# How much room there is changes.
check("sentences: nothing is cut", *([word for word in words(text) if not word.isdigit()] for text in (lines, told)))
check("sentences: 60 columns are enough", max(len(line) for line in lines) <= 60, True)

# A word is broken nowhere, also where it is wider than the terminal.
with tempfile.TemporaryDirectory() as folder:
    long = pathlib.Path(folder, "x" * 150)
    shutil.copytree(rules, long)
    lines = on_terminal(80, "rules", str(long))
    check("a word that is wider", words(lines), words(in_file("rules", str(long))))
    check("it is there", sum(str(long) in line for line in lines) > 10, True)
    machine = in_file("rules", str(long), "--json")
    check("what machines read is not folded", on_terminal(80, "rules", str(long), "--json"), machine)
finish()
