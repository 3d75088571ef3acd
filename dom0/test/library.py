#!/usr/bin/env python3
# SPDX-License-Identifier: GPL-2.0-or-later
"""libtocsin as others see it: its symbols, its header alone, the example of its man page.

usage: library.py HEADER LIBRARY EXAMPLE. Speaks TAP.
"""
import os
import re
import subprocess
import sys
import tempfile


def declared(header):
    text = re.sub(r"/\*.*?\*/", "", open(header).read(), flags=re.S)
    return set(re.findall(r"\b(tocsin_\w+)\s*\(", text))


def exported(library):
    out = subprocess.run(["nm", "-D", "--defined-only", library], capture_output=True, text=True,
                         check=True).stdout
    return {line.split()[-1] for line in out.splitlines()} - {"TOCSIN_0.1"}


def run(*command, **options):
    return subprocess.run(command, capture_output=True, text=True, **options)


def main():
    header, library, example = sys.argv[1:]
    cases = []
    differ = exported(library) ^ {name + "@@TOCSIN_0.1" for name in declared(header)}
    cases.append(("exactly what the header declares is exported", not differ, sorted(differ)))
    for language in ("c", "c++"):
        compiler = "gcc" if language == "c" else "g++"
        done = run(compiler, "-x", language, "-fsyntax-only", "-Wall", "-Werror", header)
        if language == "c++" and done.returncode and "cc1plus" in done.stderr:
            continue  # no C++ compiler here, and none is required
        cases.append((f"the header alone is {language}", done.returncode == 0, done.stderr))
    with tempfile.TemporaryDirectory() as folder:
        folder_of_library = os.path.dirname(os.path.abspath(library))
        for so in ("libtocsin.so", "libtocsin.so.0"):
            os.symlink(os.path.abspath(library), f"{folder}/{so}")
        built = run("gcc", "-Wall", "-Werror", "-I", os.path.dirname(header), example, "-L", folder,
                    "-ltocsin", "-o", folder + "/example")
        cases.append(("the example builds", built.returncode == 0, built.stderr))
        with open(folder + "/zeros", "wb") as file:
            file.truncate(4 << 20)
        shown = run(folder + "/example", folder + "/zeros",
                    env={"LD_LIBRARY_PATH": folder + ":" + folder_of_library})
        cases.append(("it says why there is nothing to see", shown.returncode == 1 and
                      shown.stderr == "no kernel of 64-bit Linux in this memory\n", shown))
    print(f"1..{len(cases)}")
    for number, (name, good, why) in enumerate(cases, 1):
        print(f"{'' if good else 'not '}ok {number} {name}")
        if not good:
            print(f"# {why}"[:2000])
    sys.exit(not all(good for _, good, _ in cases))


main()
