#!/usr/bin/env python3
# SPDX-License-Identifier: GPL-2.0-or-later
"""First inputs for fuzz_provenance: make_provenance_corpus.py FOLDER"""
import pathlib
import random
import sys


def varints(*numbers):
    out = bytearray()
    for number in numbers:
        while number >= 0x80:
            out.append(number & 0x7f | 0x80)
            number >>= 7
        out.append(number)
    return bytes(out)


def segment(edges, flags=0, kind=8, target=1, last=3):
    """Two nodes, a process and a file, with some edges from one to the other; times by difference."""
    texts = [b"", b"guest", b"/f", b"sh"]
    out = varints(1, len(texts), 2, edges, 1, *(len(text) for text in texts)) + b"".join(texts)
    for column in ([1, 0], [0, 0], [255, 255], [1, 1], [2, 0], [14, 2], [16, 0], [0, 0], [2, 3],
                   [0, 0], [0, 0], [0, 1000], [0, 1000], [33188, 0], [20, 0], [20, 0]):
        out += varints(*column)
    for value in (kind, flags, 0, target, 0, 0, 20, last, 1, last, 1, 0):
        out += varints(*[value] * edges)
    return bytes([1]) + out + varints(20, 1, 0, 1, 3)


def main():
    folder = pathlib.Path(sys.argv[1])
    folder.mkdir(parents=True, exist_ok=True)
    numbers = random.Random(1)
    for number in range(12):
        events = bytes(numbers.randrange(256) for _ in range(3 * (20 + 30 * number)))
        (folder / f"events-{number}").write_bytes(b"\0" + events)
    (folder / "segment").write_bytes(segment(3))
    (folder / "segment-lasts").write_bytes(segment(2, flags=1, last=0))
    (folder / "segment-stands").write_bytes(segment(2, flags=2, last=0))
    (folder / "segment-wrong-node").write_bytes(segment(1, target=2))
    (folder / "segment-wrong-kind").write_bytes(segment(1, kind=200))
    (folder / "segment-wrong-flags").write_bytes(segment(1, flags=128))
    (folder / "segment-many").write_bytes(b"\1" + varints(1, 1 << 40, 1 << 40, 1 << 40, 0))
    cases = pathlib.Path(__file__).parent.parent / "tests" / "provenance" / "cases"
    for case in sorted(cases.glob("*.events")):
        (folder / case.stem).write_bytes(b"\2" + case.read_bytes())
    (folder / "text-wrong").write_bytes(b"\2" + b"guest g\n1 read who=1 file=%41%\n")


main()
