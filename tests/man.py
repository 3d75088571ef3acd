#!/usr/bin/env python3
# SPDX-License-Identifier: GPL-2.0-or-later
"""The man pages: without complaints, and with every command and option that the programs know.

usage: man.py FOLDER PROGRAM... Speaks TAP. The page of a program has its name; that of a command of
tocsin is tocsin.1.
"""
import pathlib
import re
import shutil
import subprocess
import sys

number = failed = 0


def result(ok, what, said=""):
    global number, failed
    number += 1
    failed += not ok
    print("ok" if ok else "not ok", number, "-", what)
    for line in said.splitlines() if not ok else ():
        print("#", line)


def lint(page, tool, *command):
    if not shutil.which(tool):
        result(True, f"{page.name} # SKIP there is no {tool}")
        return
    done = subprocess.run([tool, *command, page], stdout=subprocess.PIPE, stderr=subprocess.PIPE,
                          text=True, timeout=60, check=False)
    said = done.stderr if tool == "man" else done.stdout + done.stderr
    said = re.sub(r".*missing date, using \"\".*\n", "", said)  # a page is as old as its program
    result(not said, f"{tool}: {page.name}", said)


def help_of(*command):
    return subprocess.run([*command, "--help"], capture_output=True, text=True, timeout=60,
                          check=True).stdout


def options(text):
    return set(re.findall(r"(?<![\w-])--[a-z][a-z-]*[a-z]", text)) - {"--help", "--version"}


def covers(page, what, wanted):
    """Whether the page has them, as options or commands at the beginning of a word."""
    text = re.sub(r"\\f[BRIP]", "", page.read_text().replace(r"\-", "-"))
    missing = [word for word in sorted(wanted) if not re.search(
        r"(?<![\w-])" + re.escape(word) + r"(?![\w-])", text)]
    result(wanted and not missing, f"{page.name} has {what}", "missing: " + ", ".join(missing))


folder = pathlib.Path(sys.argv[1])
for page in sorted(folder.iterdir()):
    lint(page, "mandoc", "-Tlint", "-Wwarning")
    lint(page, "man", "--warnings", "-E", "UTF-8", "-Tutf8", "-Z", "-l")
for program in map(pathlib.Path, sys.argv[2:]):
    page = next(folder.glob(program.name + ".[18]"))
    general = help_of(program)
    if options(general):
        covers(page, "the options", options(general))
    commands = re.findall(r"^  ([a-z]+)  ", general, re.M)
    if commands:
        covers(page, "the commands", set(commands))
    if program.name == "tocsin":
        for command in commands:
            known = options(help_of(program, command))
            if known:
                covers(page, f"the options of {command}", known)
print(f"1..{number}")
sys.exit(failed != 0)
