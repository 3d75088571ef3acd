#!/usr/bin/env python3
# SPDX-License-Identifier: GPL-2.0-or-later
"""Writes the first inputs of fuzz_pagetable and fuzz_dump, byte for byte the same each time."""

import pathlib
import struct

HERE = pathlib.Path(__file__).resolve().parent / "corpus"


def save(harness, name, data):
    folder = HERE / harness
    folder.mkdir(parents=True, exist_ok=True)
    (folder / name).write_bytes(data)


def tables(root, va, levels, entries, size=0x7000):
    memory = bytearray(size)
    for at, entry in entries.items():
        memory[at : at + 8] = struct.pack("<Q", entry)
    return struct.pack("<QQB7x", root, va, levels) + bytes(memory)


def core(segments, phoff=64, phnum=None, notes=b"", memory=b"m" * 0x2000):
    """segments: (type, offset into notes + memory or None for a raw offset, paddr, filesz)"""
    phnum = len(segments) if phnum is None else phnum
    base = 64 + 56 * len(segments)
    out = b"\x7fELF\x02\x01\x01" + bytes(9)
    out += struct.pack("<HHIQQQIHHHHHH", 4, 62, 1, 0, phoff, 0, 0, 64, 56, phnum, 64, 0, 0)
    for kind, offset, paddr, size in segments:
        out += struct.pack("<IIQQQQQQ", kind, 0, base + offset, 0, paddr, size, size, 0)
    return out + notes + memory


def xen_core(frames):
    """As xl dump-core writes it: a page for each frame."""
    names = b"\0.shstrtab\0.xen_pages\0.xen_pfn\0"
    at = 64 + 4 * 64
    parts = [(1, 3, names), (11, 1, b"x" * 0x1000 * len(frames)),
             (22, 1, b"".join(struct.pack("<Q", frame) for frame in frames))]
    out = b"\x7fELF\x02\x01\x01" + bytes(9)
    out += struct.pack("<HHIQQQIHHHHHH", 4, 62, 1, 0, 0, 64, 0, 64, 56, 0, 64, 4, 1) + bytes(64)
    for name, kind, data in parts:
        out += struct.pack("<IIQQQQIIQQ", name, kind, 0, 0, at, len(data), 0, 0, 0, 0)
        at += len(data)
    return out + b"".join(data for _, _, data in parts)


def main():
    four = {0x1000: 0x2007, 0x2000: 0x3007, 0x3000: 0x4007, 0x4000: 0x6007, 0x4008: 0x5007}
    save("pagetable", "four_levels", tables(0x1000, 0xFF0, 4, four))
    save("pagetable", "five_levels", tables(0x5000, 0x10, 5, {**four, 0x5000: 0x1007}))
    save("pagetable", "large_2m", tables(0x1000, 0x800, 4, {**four, 0x3000: 0x87}))
    save("pagetable", "large_1g", tables(0x1000, 0x800, 4, {**four, 0x2000: 0x87}))
    save("pagetable", "reserved", tables(0x1000, 0x800, 4, {**four, 0x3000: 0x2087}))
    save("pagetable", "loop", tables(0x1000, 0, 4, {0x1000: 0x1007}))
    save("pagetable", "far", tables(0x1000, 0, 4, {0x1000: 0x000FFFFFFFFFF007}))

    state = struct.pack("<II", 1, 440) + bytes(408) + struct.pack("<Q", 0x1000) + bytes(16)
    note = struct.pack("<III", 5, len(state), 0) + b"QEMU\0\0\0\0" + state
    n = len(note)
    good = [(4, 0, 0, n), (1, n, 0x8000, 0x1000), (1, n + 0x1000, 0x1000, 0x1000)]
    save("dump", "core", core(good, notes=note))
    save("dump", "note_lies", core(good, notes=struct.pack("<III", 5, 0xFFFFFFFF, 0) + note[12:]))
    save("dump", "overlap", core([(1, 0, 0x1000, 0x1000), (1, 0, 0x1800, 0x1000)]))
    save("dump", "wraps", core([(1, 0, 0xFFFFFFFFFFFFF800, 0x1000)]))
    save("dump", "top", core([(1, 0, 0xFFFFFFFFFFFFF000, 0x1000)]))
    save("dump", "phoff_far", core(good, phoff=0xFFFFFFFFFFFFFFF0))
    save("dump", "phnum_escape", core(good, phnum=0xFFFF))
    save("dump", "raw", b"raw" * 1000)
    lime = [struct.pack("<IIQQ8x", 0x4C694D45, 1, start, start + 0xFF) + b"l" * 0x100
            for start in (0x2000, 0x1000)]
    save("dump", "lime", b"".join(lime))
    save("dump", "lime_short", lime[0][:-1])
    save("dump", "xen", xen_core([7, 0xFFFFFFFFFFFFFFFF, 2]))
    save("dump", "xen_twice", xen_core([7, 7]))


if __name__ == "__main__":
    main()
