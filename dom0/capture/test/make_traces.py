#!/usr/bin/env python3
# SPDX-License-Identifier: GPL-2.0-or-later
"""Makes small trace files in xentrace's format, byte for byte from Xen's public/trace.h:
make_traces.py FOLDER. Two domains ring on two CPUs; see each file's comment below."""
import pathlib
import struct
import sys

TRIGGER, LOST, WRAP, CPU_CHANGE = 0x00082030, 0x0001F001, 0x0001F002, 0x0001F003
CALL, CALL_MORE = 0x00082032, 0x00082033
FOREIGN = 0x00081001  # a VM entry
ECX = 0x5443 << 16 | 1 << 12


def record(event, words=b"", tsc=None):
    head = event | len(words) // 4 << 28 | (0 if tsc is None else 1 << 31)
    return struct.pack("<I", head) + (b"" if tsc is None else struct.pack("<Q", tsc)) + words


def trigger(domid, vcpu, op, seq, tsc, rdx=0):
    return record(TRIGGER, struct.pack("<HHIQQI", domid, vcpu, ECX | op,
                                       0x1000 * domid + 0x80000000, rdx, seq), tsc)


def call(seq, tsc):
    """The two records of one."""
    return (record(CALL, struct.pack("<HHIQQI", 1, 0x8000, 0x81234560, 0x1000, 11, seq), tsc),
            record(CALL_MORE, struct.pack("<IQQQ", seq, 12, 13, 14)))


def lost(count, tsc):
    return record(LOST, struct.pack("<IHHQ", count, 0x7FFF, 0, tsc - 5), tsc)


def window(cpu, *records):
    body = b"".join(records)
    return record(CPU_CHANGE, struct.pack("<II", cpu, len(body))) + body


def good():
    """Nothing missing; windows of two CPUs, so file order is not time order."""
    return (window(0, trigger(1, 0, 0, 1, 100), record(FOREIGN, b"\0" * 8, 110),
                   trigger(1, 0, 1, 3, 300, 0x7FFC12345670), record(WRAP, b"\0" * 12))
            + window(1, trigger(2, 1, 3, 7, 50, 0xFEEDFACECAFEBEEF),
                     trigger(1, 1, 2, 2, 200, 0x55550000)))


def lossy():
    """Domain 1 lacks tickets 2..4, domain 2 none over the wrap of its counter; CPU 0 lost 9; one
    record names a reserved domain."""
    return (window(0, trigger(1, 0, 0, 1, 100), lost(9, 400), trigger(1, 0, 0, 5, 500),
                   trigger(0x7FF0, 0, 0, 1, 510))
            + window(1, trigger(2, 0, 0, 0xFFFFFFFF, 600), trigger(2, 0, 0, 0, 700)))


def interleaved():
    """A call whose records are in two windows, that of another CPU between them."""
    first, more = call(2, 20)
    return window(1, first) + window(0, *call(1, 10)) + window(1, more, lost(7, 30))


def main(folder):
    files = {"good": good(), "lossy": lossy(), "truncated": good()[:-6],
             "garbage": b"this is not a trace file at all\n"}
    for name, data in files.items():
        (pathlib.Path(folder) / (name + ".trace")).write_bytes(data)


def corpora(folder):
    """The fuzzing corpora: whole files for the reader, one CPU's records for the decoder, whose
    first byte is the size of the portions."""
    main(pathlib.Path(folder) / "tracefile")
    (pathlib.Path(folder) / "tracefile" / "interleaved.trace").write_bytes(interleaved())
    streams = {"good": good()[12:], "lossy": lossy()[12:],
               "short": record(TRIGGER, b"\0" * 8, 1) + lost(2 ** 32 - 1, 9),
               "classless": record(FOREIGN) + b"\x30\0\0\0"}
    for name, data in streams.items():
        (pathlib.Path(folder) / "decoder" / name).write_bytes(b"\x07" + data)


if __name__ == "__main__":
    if sys.argv[1] == "--corpora":
        corpora(sys.argv[2])
    else:
        main(sys.argv[1])
