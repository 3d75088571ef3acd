# SPDX-License-Identifier: GPL-2.0-or-later
"""Checks that are told as TAP."""
import sys

number = failed = 0


def check(what, got, expected):
    global number, failed
    number += 1
    failed += got != expected
    print(("ok" if got == expected else "not ok"), number, "-", what)
    if got != expected:
        print("# got", repr(got), "expected", repr(expected))


def finish():
    print(f"1..{number}")
    sys.exit(failed != 0)
