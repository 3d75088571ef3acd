#!/usr/bin/env python3
# SPDX-License-Identifier: GPL-2.0-or-later
"""Writes the first inputs of fuzz_vma, fuzz_files, fuzz_sockets, fuzz_request and of all that read images (mutate.h),
byte for byte the same each time."""
import hashlib
import pathlib
import struct

HERE = pathlib.Path(__file__).resolve().parent / "corpus"
DATA = 0x8000  # fuzz_vma.c
LEAF, RANGE, ARANGE = 1, 2, 3
TOP = 2**64 - 1


def save(harness, name, data):
    folder = HERE / harness
    folder.mkdir(parents=True, exist_ok=True)
    (folder / name).write_bytes(data)


class Kernel:
    """Memory from DATA on that grows as objects are put into it."""

    def __init__(self):
        self.bytes = bytearray(0x100)
        self.put(0x40, 0, 0)  # fs_struct

    def put(self, at, *words):
        self.bytes[at:at + 8 * len(words)] = struct.pack(f"<{len(words)}Q", *words)

    def new(self, size):
        at = -(-len(self.bytes) // 256) * 256
        self.bytes.extend(bytes(at + -(-size // 256) * 256 - len(self.bytes)))
        return at

    def vma(self, start, end, following=0, file=0):
        at = self.new(64)
        self.put(at, start, end, DATA, following, 0x75, 0, file, 0)
        return DATA + at

    def file(self, name):
        dentry, inode, file, text, mount = (self.new(64) for _ in range(5))
        self.put(file, DATA + dentry, DATA + mount + 16)
        self.put(mount, DATA + mount, 0, DATA + dentry + 1, DATA + 0xc0)
        self.put(dentry, 0, 0, DATA + dentry, DATA + text, len(name), DATA + inode, 1)
        self.put(inode, 7, DATA + 0xc0)
        self.bytes[text:text + len(name)] = name
        return DATA + file

    def node(self, kind, pivots, slots):
        at = self.new(256)
        self.put(at, 1, *pivots)
        self.put(at + (80 if kind == ARANGE else 128), *slots)
        return DATA + at | kind << 3 | 4

    def root(self, entry):
        self.put(0, entry)

    def save(self, name, tree):
        save("vma", name, struct.pack("<B7x", tree) + bytes(self.bytes))


def vma_inputs():
    k = Kernel()
    file = k.file(b"program")
    vmas = [k.vma(0x1000, 0x2000, file=file), k.vma(0x2000, 0x3000, file=file),
            k.vma(0x5000, 0x6000)]
    leaf = k.node(LEAF, [0xfff, 0x1fff, 0x2fff, 0x4fff, 0x5fff, TOP],
                  [0, vmas[0], vmas[1], 0, vmas[2], 0])
    k.root(leaf & ~4 | 2)
    k.save("leaf", True)

    k = Kernel()
    low, high = [k.vma(0x1000, 0x2000)], [k.vma(0x9000, 0xa000)]
    first = k.node(LEAF, [0xfff, 0x1fff], [0, low[0], 0])
    second = k.node(LEAF, [0x8fff, 0x9fff], [0, high[0], 0])
    k.root(k.node(ARANGE, [0x4fff, TOP], [first, second]) & ~4 | 2)
    k.save("two-levels", True)

    k = Kernel()
    loop = k.new(256)
    k.put(loop, 1, TOP)
    k.put(loop + 128, DATA + loop | RANGE << 3 | 4)
    k.root(DATA + loop | RANGE << 3 | 2)
    k.save("loop", True)

    k = Kernel()
    third = k.vma(0x5000, 0x6000)
    second = k.vma(0x3000, 0x5000, third)
    k.root(k.vma(0x1000, 0x2000, second))
    k.save("list", False)


def file_inputs():
    """fuzz_files.c: a task, its table of files, and one file of each kind."""
    k = Kernel()
    table, array, fs = k.new(64), k.new(256), k.new(64)
    net = k.new(64)
    k.put(net, 4026531840)

    def file(inode, name=b"name", magic=0xef53):
        at, dentry, text, mount, sb = (k.new(64) for _ in range(5))
        k.put(at, DATA + dentry, DATA + mount + 16, 0x8002, 17, DATA + inode)
        k.put(mount, DATA + mount, 0, DATA + dentry, DATA + sb)
        k.put(dentry, 0, 0, DATA + dentry, DATA + text, len(name), DATA + inode, 1)
        k.put(sb, 0, 0, 0x800001, magic)
        k.put(inode, 4711, DATA + sb, {0x534f434b: 0o140777}.get(magic, 0o100644))
        k.bytes[text:text + len(name)] = name
        return DATA + at

    def sock(family, kind, protocol, state, rest=b""):
        at = k.new(256) + 64  # socket_alloc: the socket, then its inode
        sk = k.new(256)
        k.put(at - 64, DATA + sk)
        k.bytes[sk:sk + 24] = struct.pack("<QHHHBxQ", DATA + at - 64, kind, protocol, family,
                                          state, DATA + net)
        k.bytes[sk + 24:sk + 24 + len(rest)] = rest
        return file(at, magic=0x534f434b)

    name = k.new(256)
    k.bytes[name:name + 12] = struct.pack("<IH6s", 8, 1, b"/a/b\0\0")
    files = [file(k.new(64)), 0, sock(2, 1, 6, 10, bytes(range(40))), sock(10, 2, 17, 7, bytes(104)),
             sock(1, 1, 0, 1, bytes(48) + struct.pack("<QQ", DATA + name, DATA)),
             file(k.new(64), magic=0x50495045),
             file(k.new(64), b"[eventpoll]", 0x09041934)]
    k.put(array, *files)
    k.put(table, DATA + array, len(files))
    start = k.new(64)
    k.put(start, DATA + table)
    k.put(0, DATA + start, DATA + fs)
    save("files", "each-kind", bytes(k.bytes))

    k.put(table, DATA + array, 2**31)
    save("files", "too-many", bytes(k.bytes))
    k.put(table, DATA + array, len(files))
    k.put(array, *[DATA + array] * len(files))
    save("files", "the-table-itself", bytes(k.bytes))


def socket_inputs():
    """fuzz_sockets.c: worlds left whole, and many changes of each kind."""
    for choices in (0, 1, 16, 32, 63):
        save("sockets", f"whole-{choices}", bytes([choices]))
    for kind in range(6):
        state = bytearray([63])
        for number in range(kind, 600, 6):
            draw = hashlib.sha256(struct.pack("<II", kind, number)).digest()
            state += bytes([kind]) + draw[:7]
        save("sockets", f"changes-{kind}", bytes(state))
    mixed = bytearray([26])
    for number in range(250):
        mixed += hashlib.sha256(struct.pack("<I", number)).digest()[:8]
    save("sockets", "mixed", bytes(mixed))


def request_inputs():
    def block(version=1):
        nonce = bytes(range(16))
        head = struct.pack("<IHHII", 0x51524354, version, 320, 0, 0) + nonce + bytes(32)
        cells = b"".join(hashlib.sha256(b"tocsin-cell-v1" + nonce + struct.pack("<I", cell))
                         .digest()[:16] for cell in range(16))
        return head + cells

    def memory(flags, version=1, offset=0x100):
        m = bytearray(0x8000)
        for at, entry in ((0x1000, 0x2000), (0x2000, 0x3000), (0x3000, 0x4000),
                          (0x4000, 0x5000), (0x4008, 0x6000)):
            m[at:at + 8] = struct.pack("<Q", entry | flags)
        data = block(version)
        m[0x5000 + offset:0x5000 + offset + len(data)] = data
        return m

    for name, flags, version, offset, change in (
            ("good", 7, 1, 0x100, 0), ("changed", 7, 1, 0x100, 5), ("read-only", 5, 1, 0x100, 0),
            ("kernel", 3, 1, 0x100, 0), ("version", 7, 2, 0x100, 0), ("crossing", 7, 1, 0xf00, 0)):
        save("request", name, struct.pack("<QQBB6x", 0x1000, offset, 4, change) +
             bytes(memory(flags, version, offset)))


WORD, FLIP, ADDRESS, COPY, HOLE = range(5)  # mutate.h
IMAGES = ("tasks", "mounts", "details", "code", "copies", "holders", "traced")
TWO_IMAGES = ("modules", "log")  # a byte before says which


def image_inputs():
    """The truth, and images that lie in the same few ways everywhere."""
    def record(after, kind, at, word=0):
        return struct.pack("<HBxIQ", after, kind, at, word)

    places = range(0, 0x4000, 0x408)
    inputs = {
        "truth": b"",
        "zeros": b"".join(record(0, WORD, at) for at in places),
        "huge": b"".join(record(0, WORD, at, 2**63) for at in places),
        "to-itself": b"".join(record(0, ADDRESS, at, at) for at in places),
        "to-another": b"".join(record(0, COPY, at, at + 0x1000) for at in places),
        "one-bit": b"".join(record(0, FLIP, at, 0x10) for at in places),
        "while-read": b"".join(record(40 * i, ADDRESS, at, at + 0x500)
                               for i, at in enumerate(places)),
        "hole-while-read": record(150, HOLE, 0x1000),
        "no-page-table": record(60, WORD, 2**31 + 0x3000 + 0xa * 8),
    }
    for name, data in inputs.items():
        for harness in IMAGES:
            save(harness, name, data)
        for harness in TWO_IMAGES:
            save(harness, name, b"\0" + data)
            save(harness, name + "-older", b"\1" + data)
    # The reference count of module alpha: the smallest number there is, less one.
    save("modules", "no-references", b"\0" + record(0, WORD, 0xa4c, 2**31))


def page_table_inputs():
    """fuzz_image.c: the tables that lead to a kernel of 4 MiB, with 4 and 5 levels, and some that lie."""
    text, table, large = 0x200000, 0x67, 0x1e1
    level3, level2, fixmap, top, level4 = (text + i * 0x1000 for i in (1, 2, 3, 4, 6))
    truth = {(top, 511): level3 | table, (level3, 510): level2 | table,
             (level3, 511): fixmap | table, (level2, 7): text | large,
             (level2, 8): text + 0x200000 | large}

    def put(name, cr3, entries):
        memory = bytearray(0x7000)
        for (at, index), entry in (truth | entries).items():
            struct.pack_into("<Q", memory, at - text + index * 8, entry)
        save("image", name, struct.pack("<Q", cr3) + bytes(memory))

    put("four-levels", top, {})
    put("search", 0, {})
    put("five-levels", top, {(top, 511): level4 | table, (level4, 511): level3 | table})
    put("itself", top, {(top, 511): top | table, (level3, 510): level3 | table})
    put("beyond", top, {(level3, 510): 0x7ffffffff000 | table})
    put("split", 0, {(level2, 7): fixmap | table, (fixmap, 0): text | table})
    put("huge", top, {(level2, i): text + (i - 7) * 0x200000 | large for i in range(9, 512)})


vma_inputs()
page_table_inputs()
file_inputs()
socket_inputs()
image_inputs()
request_inputs()
