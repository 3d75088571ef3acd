#!/usr/bin/python3
# SPDX-License-Identifier: GPL-2.0-only
"""The generator against every build of Xen 4.17 that can be had, and against mutilated inputs.

Speaks TAP. Exit status: 0; 1 a test failed; 77 no build of Xen or a library is missing.
"""
import argparse
import gzip
import importlib.machinery
import json
import os
import random
import re
import subprocess
import sys
import tempfile

HERE = os.path.dirname(os.path.abspath(__file__))
TOOL = os.path.join(HERE, "..", "generate")
FETCH = os.path.join(HERE, "..", "..", "..", "lab", "fetch")
sys.dont_write_bytecode = True
sys.path.insert(0, os.path.dirname(HERE))
try:
    import lint
    import offsets
    from image import Code, Image, Refused, Symbols
except ImportError as missing:
    print(f"1..0 # SKIP {missing}")
    sys.exit(77)

tool = importlib.machinery.SourceFileLoader("generate", TOOL).load_module()

# What the payload needs, whatever the build.
NAMES = {"XEN_STACK_MASK", "XEN_CURRENT_BELOW_END", "XEN_REGS_BELOW_END", "XEN_VCPU_DOMAIN",
         "XEN_VCPU_ID", "XEN_VCPU_NEXT", "XEN_VCPU_SECONDARY_EXEC", "XEN_DOMAIN_ID",
         "XEN_DOMAIN_OPTIONS", "XEN_DOMAIN_VCPUS", "XEN_DOMAIN_NEXT", "XEN_DOMAIN_HVM_PARAMS",
         "XEN_VMEXIT_SIZE", "XEN_EVENT_UD"}
HOOKED = ("hvm_inject_event", "do_hvm_op")
READ = HOOKED + ("update_guest_eip", "copy_from_user_hvm", "rcu_lock_domain_by_id",
                 "domain_unpause", "arch_livepatch_safety_check", "hvm_get_param",
                 "vmx_update_secondary_exec_control", "vmx_vmexit_handler", "xen_major_version",
                 "xen_minor_version", offsets.UPDATE_VMFUNC)


class Bench:
    """A folder for what is made and spoiled, and a build with its files."""

    def __init__(self, folder, build, others):
        self.folder = folder
        self.xen, self.syms, self.map = (f"{build}/{n}" for n in ("xen.gz", "xen-syms",
                                                                  "xen-syms.map"))
        self.others = others
        self.plain = self.keep("plain", gzip.open(self.xen).read())
        self.good = folder + "/good.livepatch"
        self.debug = Image(self.syms)  # slow to read: once
        self.symbols = Symbols.of_image(self.debug)

    def keep(self, name, data):
        path = f"{self.folder}/{name}"
        with open(path, "wb") as file:
            file.write(data)
        return path

    def run(self, *args):
        done = subprocess.run([TOOL] + list(args), capture_output=True, text=True, check=False)
        return done.returncode, done.stdout + done.stderr

    def generate(self, xen=None, out=None, **options):
        if not options:
            options = {"dbg": self.syms}
        args = [word for name, value in options.items() for word in ("--" + name, value)]
        return self.run("--xen", xen or self.xen, "--out", out or self.folder + "/out", *args)

    def refused(self, what, *words, **options):
        """One sentence, the words in it, and nothing written. In this process, to be quick."""
        out = self.folder + "/refused"
        args = {"xen": self.xen, "dbg": None, "symbols": None, "out": out, "report": None}
        try:
            tool.generate(argparse.Namespace(**(args | options)))
        except (Refused, OSError) as why:
            text = str(why)
        else:
            raise AssertionError(f"{what}: a payload was made")
        assert text and "\n" not in text, (what, text)
        assert not os.path.exists(out) and not os.path.exists(out + ".part"), what
        for word in words:
            assert word in text, (what, word, text)

    def code(self):
        return Code(Image(self.xen), self.symbols, self.debug)


def test_makes(b):
    """a payload is made, described and found good"""
    report = b.folder + "/report.json"
    code, text = b.run("--xen", b.xen, "--dbg", b.syms, "--out", b.good, "--report", report)
    assert code == 0 and text.count("\n") == 1, text
    with open(report, encoding="ascii") as file:
        data = json.load(file)
    assert data["build_id"] == Image(b.xen).build_id != data["payload_build_id"], data
    assert tuple(f["name"] for f in data["functions"]) == HOOKED, data
    assert data["size"] == os.path.getsize(b.good), data
    code, text = b.run("--check", b.good, "--xen", b.xen, "--dbg", b.syms)
    assert code == 0, text


def test_same(b):
    """the same payload again, from the unzipped file, and without the -dbg package"""
    for options in ({}, {"xen": b.plain}, {"symbols": b.map}):
        code, text = b.generate(**options)
        assert code == 0, (options, text)
        assert open(b.folder + "/out", "rb").read() == open(b.good, "rb").read(), options


def test_offsets(b):
    """all offsets are found, and the hooked heads are whole instructions"""
    code = b.code()
    assert set(offsets.Offsets(code).find_all()) == NAMES
    for name in HOOKED:
        taken, size = offsets.head(code, name)
        assert 5 <= len(taken) < size, name
        again = list(code.engine.disasm(taken, 0))
        assert sum(i.size for i in again) == len(taken), name


def test_other_build(b):
    """another build's symbols, image or payload are refused, with both IDs named"""
    own = Image(b.xen).build_id
    for other in b.others:
        theirs = Image(other + "/xen-syms").build_id
        b.refused("symbols", own, theirs, dbg=other + "/xen-syms")
        code, text = b.run("--check", b.good, "--xen", other + "/xen.gz", "--dbg",
                           other + "/xen-syms")
        assert code == 1 and own in text and theirs in text, text
        # A text of symbols says no build ID: the code that it points to must not fit.
        b.refused("text", dbg=b.syms, xen=other + "/xen.gz")
        b.refused("map", symbols=other + "/xen-syms.map")


def test_truncated(b):
    """truncated and foreign files are refused"""
    packed, plain = open(b.xen, "rb").read(), open(b.plain, "rb").read()
    for size in (0, 1, 3, 64, len(packed) // 2, len(packed) - 1):
        b.refused(f"gz of {size}", symbols=b.map, xen=b.keep("short.gz", packed[:size]))
    for size in (20, 52, 100, 4096, len(plain) // 2, 0x1b0000):
        b.refused(f"plain of {size}", symbols=b.map, xen=b.keep("short", plain[:size]))
    b.refused("text", "neither", xen=b.keep("text", b"hello\n"))
    b.refused("EFI", "EFI", xen=b.keep("efi", b"MZ" + bytes(4096)))
    b.refused("nowhere", "No such file", symbols=b.map, xen=b.folder + "/nowhere")


def place(b, name):
    """Where a function lies in the unzipped file."""
    code = b.code()
    start, size = code.extent(name)
    data = open(b.plain, "rb").read()
    found = [m.start() for m in re.finditer(re.escape(code.image.bytes_at(start, size)), data)]
    assert len(found) == 1, name
    return found[0], size


def flip(b, offset, bit):
    data = bytearray(open(b.plain, "rb").read())
    data[offset] ^= 1 << bit
    return b.keep("flipped", bytes(data))


def test_flipped_heads(b):
    """one bit flipped in a hooked head: nothing is made, and a made payload does not fit"""
    for name in HOOKED:
        offset, _ = place(b, name)
        for byte in range(5):
            image = flip(b, offset + byte, byte)
            b.refused(name, name, xen=image, dbg=b.syms)
            payload = lint.Payload(b.good)
            try:
                payload.check_against(Code(Image(image), b.symbols))
            except Refused as why:
                assert "expected" in str(why) and name in str(why), why
            else:
                raise AssertionError(f"{name}+{byte}: fits")


def test_flipped_code(b):
    """one bit flipped in what offsets are read from is seen, wherever it is"""
    rng = random.Random(417)
    for name in READ:
        offset, size = place(b, name)
        for _ in range(3):
            image = Image(flip(b, offset + rng.randrange(size), rng.randrange(8)))
            try:
                offsets.Offsets(Code(image, b.symbols, b.debug)).find_all()
            except Refused:
                continue
            raise AssertionError(f"{name}: not seen")


def test_heads_that_cannot_move(b):
    """heads with a call, a jump, an address relative to RIP, an ENDBR or a jump back in"""
    offset, _ = place(b, "do_hvm_op")
    data = open(b.plain, "rb").read()
    heads = {"call": b"\xe8\0\0\0\0", "jump": b"\x55\xeb\x10\x90\x90",
             "RIP": b"\x48\x8b\x05\0\0\0\0", "ENDBR": b"\xf3\x0f\x1e\xfa\x55",
             "a poisoned ENDBR": b"\x66\x0f\x1f\0\x55",
             "return": b"\xc3\x90\x90\x90\x90"}
    for what, head in heads.items():
        image = Image(b.keep("moved", data[:offset] + head + data[offset + len(head):]))
        try:
            offsets.head(Code(image, b.symbols), "do_hvm_op")
        except Refused as why:
            assert "do_hvm_op" in str(why) and image.build_id in str(why), why
        else:
            raise AssertionError(what)
    back = b"\x55\x53\x48\x89\xfb\xeb\xfa"  # five bytes, then a jump to the second
    image = Image(b.keep("moved", data[:offset] + back + data[offset + len(back):]))
    try:
        offsets.head(Code(image, b.symbols), "do_hvm_op")
    except Refused as why:
        assert "jumps back" in str(why), why
    else:
        raise AssertionError("jump back")


def test_version(b):
    """another series of Xen is refused, and one with more HVM parameters"""
    data = open(b.plain, "rb").read()
    for name, old, new in (("xen_minor_version", b"\xb8\x11", b"\xb8\x12"),
                           ("xen_major_version", b"\xb8\x04", b"\xb8\x05")):
        offset, _ = place(b, name)
        assert data[offset:offset + 2] == old, name
        b.refused(name, "4.17", symbols=b.map,
                  xen=b.keep("version", data[:offset] + new + data[offset + 2:]))
    code = b.code()
    at = [i.address - code.symbols.find("do_hvm_op") for i in code.function("do_hvm_op")
          if i.mnemonic == "cmp" and offsets.immediate(i, 1) == offsets.LAST_PARAM]
    changed, start = bytearray(data), place(b, "do_hvm_op")[0]
    for offset in at:
        place_of_38 = changed.index(offsets.LAST_PARAM, start + offset)
        changed[place_of_38] += 1
    b.refused("parameters", "38", symbols=b.map, xen=b.keep("params", bytes(changed)))


def test_views(b):
    """what sets EPTP switching up must write the two fields, and is asked for with its file"""
    assert offsets.UPDATE_VMFUNC in lint.Payload(b.good).undefined
    data, (start, size) = open(b.plain, "rb").read(), place(b, offsets.UPDATE_VMFUNC)
    for field in (0x2018, 0x2024):
        old = field.to_bytes(4, "little")
        at = data.index(old, start, start + size)
        b.refused(hex(field), "EPTP switching", symbols=b.map,
                  xen=b.keep("views", data[:at] + b"\x1a" + data[at + 1:]))


def test_symbols(b):
    """a symbol that is missing or there twice, a text that is none, one that is empty"""
    lines = open(b.map, "rb").read().splitlines(keepends=True)
    for name in READ + ("hardware_domain", "__trace_var", "send_global_virq"):
        left = [l for l in lines if l.split()[2] != name.encode()]
        assert len(left) == len(lines) - 1, name
        b.refused(name, name, symbols=b.keep("map", b"".join(left)))
    again = b"".join(lines) + b"0xffff82d040210000 t do_hvm_op\n"
    b.refused("twice", "do_hvm_op", symbols=b.keep("map", again))
    b.refused("no text", ":1:", symbols=b.keep("map", b"\x7fELF\n" + b"".join(lines)))
    b.refused("empty", "empty", symbols=b.keep("map", b""))
    b.refused("stripped", "no symbols", xen=b.xen, dbg=b.xen)


def spoiled(b):
    """(what, payload) with one rule of the loader broken in each."""
    good = bytearray(open(b.good, "rb").read())
    elf = lint.Payload(b.good).elf
    section = {s.name: (n, s) for n, s in enumerate(elf.iter_sections())}

    def header(name, field, value):
        number, _ = section[name]
        at = elf["e_shoff"] + number * 64 + {"type": 4, "flags": 8, "offset": 24, "size": 32}[field]
        width = 4 if field == "type" else 8
        return good[:at] + value.to_bytes(width, "little") + good[at + width:]

    def content(name, offset, value):
        at = section[name][1]["sh_offset"] + offset
        return good[:at] + value + good[at + len(value):]

    yield "alignment and flags of code", header(".text", "flags", 7)
    yield "a writable hook", header(".livepatch.hooks.preapply", "flags", 3)
    yield "a section past the end", header(".text", "offset", len(good))
    yield "half a function entry", header(".livepatch.funcs", "size", 100)
    yield "two pointers in a hook", header(".livepatch.hooks.prerevert", "size", 16)
    yield "REL relocations", header(".rela.text", "type", 9)
    yield "a relocation of another type", content(".rela.text", 8, b"\x0b")
    yield "a relocation outside", content(".rela.text", 0, b"\xff\xff")
    yield "no build ID to depend on", content(".livepatch.xen_depends", 12, b"XEN")
    yield "another payload to depend on", content(".livepatch.depends", 20, b"\0\0\0\0\0\0")
    yield "version 1", content(".livepatch.funcs", 32, b"\1")
    yield "nothing expected", content(".livepatch.funcs", 72, b"\0")
    yield "bytes where Xen keeps its own", content(".livepatch.funcs", 40, b"\1")
    yield "not relocatable", good[:16] + b"\2" + good[17:]
    yield "an ABI version", good[:8] + b"\1" + good[9:]
    yield "too many sections", good[:60] + b"\0\4" + good[62:]
    yield "no section names", good[:62] + b"\0\0" + good[64:]
    yield "a hook that is not loaded", header(".livepatch.hooks.preapply", "flags", 0)
    yield "functions that are not loaded", header(".livepatch.funcs", "flags", 0)
    yield "a string table without an end", content(
        ".strtab", section[".strtab"][1]["sh_size"] - 1, b"x")
    yield "a symbol without a name", content(".symtab", 25 * 24, b"\xff\xff\xff")
    yield "32 bits", good[:4] + b"\1" + good[5:]
    yield "too large", good + bytes(2 << 20)
    for name in (".livepatch.xen_depends", ".livepatch.depends", ".note.gnu.build-id",
                 ".livepatch.funcs"):
        yield f"no {name}", good.replace(name.encode() + b"\0", name[:-1].encode() + b"x\0")


def test_lint(b):
    """each rule of the loader, broken"""
    for what, data in spoiled(b):
        try:
            lint.Payload(b.keep("spoiled", bytes(data)))
        except Refused as why:
            assert "rule" in str(why) and "\n" not in str(why), (what, why)
        else:
            raise AssertionError(what)
    code, text = b.run("--check", b.keep("spoiled", b""))
    assert code == 1 and text.count("\n") == 1 and "Traceback" not in text, text
    code, text = b.generate(xen=b.folder + "/spoiled", symbols=b.map)
    assert code == 1 and text.count("\n") == 1 and "Traceback" not in text, text


def test_lint_survives(b):
    """a payload cut or with a bit flipped anywhere: found good or refused, nothing else"""
    good = open(b.good, "rb").read()
    rng = random.Random(7)
    verdicts = {True: 0, False: 0}
    for number in range(300):
        data = bytearray(good)
        if number < 60:
            data = data[:len(good) * number // 60]
        else:
            data[rng.randrange(len(data))] ^= 1 << rng.randrange(8)
        try:
            lint.Payload(b.keep("mutated", bytes(data)))
            verdicts[True] += 1
            assert number >= 60, f"cut at {len(data)} of {len(good)}"
        except Refused:
            verdicts[False] += 1
    assert verdicts[True] and verdicts[False] > 60, verdicts


TESTS = [value for name, value in list(globals().items()) if name.startswith("test_")]


def main():
    fetched = subprocess.run([FETCH, "--xen"], capture_output=True, text=True, check=False)
    builds = fetched.stdout.split()
    if fetched.returncode or not builds:
        print(f"1..0 # SKIP no build of Xen 4.17: {fetched.stderr.strip()}")
        return 77
    print(f"1..{len(TESTS) * len(builds)}")
    number, failed = 0, 0
    for build in builds:
        with tempfile.TemporaryDirectory() as folder:
            bench = Bench(folder, build, [other for other in builds if other != build])
            for test in TESTS:
                number += 1
                why = None
                try:
                    test(bench)
                except (AssertionError, Refused, OSError) as error:
                    why = repr(error)
                failed += why is not None
                print(f"{'not ' if why else ''}ok {number} {os.path.basename(build)}: "
                      f"{test.__doc__}")
                if why:
                    print("# " + why[:2000], flush=True)
    return 1 if failed else 0


if __name__ == "__main__":
    sys.exit(main())
