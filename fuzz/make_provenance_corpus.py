#!/usr/bin/env python3
# SPDX-License-Identifier: GPL-2.0-or-later
"""First inputs for fuzz_provenance, and for fuzz_flow beside it: make_provenance_corpus.py FOLDER"""
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


def segment(edges, flags=0, kind=8, target=1, last=3, namespaces=None):
    """Two nodes, a process and a file, with some edges from one to the other; times by difference. namespaces: of
    the file's paths, since version 2."""
    texts = [b"", b"guest", b"/f", b"sh"]
    newer = [[0, number] for number in namespaces or ()]
    out = varints(2 if newer else 1, len(texts), 2, edges, 1, *(len(text) for text in texts)) + b"".join(texts)
    for column in ([1, 0], [0, 0], [255, 255], [1, 1], [2, 0], [14, 2], [16, 0], [0, 0], [2, 3],
                   [0, 0], [0, 0], [0, 1000], [0, 1000], [33188, 0], [20, 0], [20, 0], *newer):
        out += varints(*column)
    for value in (kind, flags, 0, target, 0, 0, 20, last, 1, last, 1, 0):
        out += varints(*[value] * edges)
    return bytes([1]) + out + varints(20, 1, 0, 1, 3)


def packet(protocol, ports, data, flags=16, version=4):
    """A packet of IP, without a link's header."""
    l4 = bytes([ports[0] >> 8, ports[0] & 255, ports[1] >> 8, ports[1] & 255])
    l4 += bytes(8) + bytes([0x50, flags]) + bytes(6) if protocol == 6 else bytes(4)
    l4 += data
    if version == 6:
        return bytes([0x60, 0, 0, 0, len(l4) >> 8, len(l4) & 255, protocol, 64]) + bytes(32) + l4
    total = 20 + len(l4)
    return (bytes([0x45, 0, total >> 8, total & 255]) + bytes(5) + bytes([protocol, 0, 0])
            + bytes([10, 0, 0, 5, 10, 0, 0, ports[1] & 255]) + l4)


def capture(*packets):
    return b"".join(bytes([1, 1, len(one) & 255, len(one) >> 8]) + one for one in packets)


ANSWER = (b"\x12\x34\x81\x80\0\1\0\2\0\0\0\0\7example\3org\0\0\1\0\1"
          b"\xc0\x0c\0\5\0\1\0\0\0\0\0\4\1a\xc0\x0c"
          b"\xc0\x29\0\1\0\1\0\0\0\0\0\4\x0a\0\0\x08")


def make_flows(folder):
    folder.mkdir(parents=True, exist_ok=True)
    one = [packet(6, (1000, 80), b"", 2), packet(6, (1000, 80), b"GET", 24),
           packet(6, (1000, 80), b"", 17), packet(6, (1000, 80), b"", 4)]
    (folder / "tcp").write_bytes(capture(*one))
    (folder / "tcp6").write_bytes(capture(packet(6, (1, 2), b"x" * 9, 24, 6)))
    # as it is traced: told after a while
    live = capture(packet(17, (53, 3000), ANSWER), *one, packet(6, (1000, 80), b"again", 24))
    (folder / "live").write_bytes(bytes([live[0] | 128]) + live[1:] + bytes([64 | 1, 60, 0, 0] * 2))
    (folder / "dns").write_bytes(capture(packet(17, (53, 3000), ANSWER)))
    (folder / "dns-circle").write_bytes(capture(packet(17, (53, 3000), ANSWER[:12] + b"\xc0\x0c" * 9)))
    frame = bytes(12) + b"\x81\0\0\5\x08\0" + one[1]
    (folder / "ethernet").write_bytes(bytes([0, 0, len(frame), 0]) + frame)
    (folder / "cooked").write_bytes(bytes([2, 0, 16 + len(one[1]), 0]) + bytes(14) + b"\x08\0" + one[1])


def main():
    folder = pathlib.Path(sys.argv[1])
    make_flows(folder.parent / "flow")
    folder.mkdir(parents=True, exist_ok=True)
    numbers = random.Random(1)
    for number in range(12):
        events = bytes(numbers.randrange(256) for _ in range(3 * (20 + 25 * number)))
        (folder / f"events-{number}").write_bytes(b"\0" + events)
    (folder / "segment").write_bytes(segment(3))
    (folder / "segment-namespaces").write_bytes(segment(3, namespaces=(4026532201, 0)))
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
