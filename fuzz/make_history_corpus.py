#!/usr/bin/env python3
# SPDX-License-Identifier: GPL-2.0-or-later
"""Writes the first inputs of fuzz_history, byte for byte the same each time."""

import pathlib
import struct

HERE = pathlib.Path(__file__).resolve().parent / "corpus" / "history"
PAGE = 4096
PAGES = 18


def change(at, data):
    return struct.pack("<BHB", at // PAGE, at % PAGE, len(data)) + data


def cut(at):
    return struct.pack("<BHB", at // PAGE, at % PAGE, 0)


INPUTS = {
    "whole": b"",
    "no_database": change(0, b"SQLite format 4"),
    "version": change(60, struct.pack(">I", 2)),
    "other_program": change(68, b"abcd"),
    "page_size": change(16, struct.pack(">H", 512)),
    "log_mode": change(18, b"\2\2"),
    "utf16": change(56, struct.pack(">I", 2)),
    "free_list_loops": change(32, struct.pack(">II", 3, 200)) + change(2 * PAGE, struct.pack(">I", 3)),
    "half": cut(PAGES * PAGE // 2),
    "one_page": cut(PAGE),
    "schema": change(PAGE - 40, b"X"),
}
for number in range(1, PAGES):
    INPUTS[f"cells_{number}"] = change(number * PAGE + 3, b"\xff\xff")
    INPUTS[f"last_bytes_{number}"] = change((number + 1) * PAGE - 24, bytes(range(200, 224)))
    INPUTS[f"kind_{number}"] = change(number * PAGE, b"\5")

HERE.mkdir(parents=True, exist_ok=True)
for name, data in INPUTS.items():
    (HERE / name).write_bytes(data)
