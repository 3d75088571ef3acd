# SPDX-License-Identifier: GPL-2.0-only
"""The hypervisor as it boots: its code by virtual address, its build ID, its symbols."""
import bisect
import gzip
import io
import re
import struct
import zlib

import capstone
from elftools.common.exceptions import ELFError
from elftools.construct.core import ConstructError
from elftools.elf.elffile import ELFFile
from elftools.elf.sections import SymbolTableSection

XEN_START = 0xffff82d040000000  # where Xen 4.17 is linked; multiboot files hold the low half
XEN_END = XEN_START + 0x40000000
SIZE_MAX = 64 << 20
STT_NOTYPE, STT_OBJECT, STT_FUNC, STT_FILE = 0, 1, 2, 4
STB_LOCAL, SHN_UNDEF = 0, 0


class Refused(Exception):
    """Why there will be no payload, in one sentence."""


def read(path):
    try:
        with open(path, "rb") as file:
            data = file.read(SIZE_MAX + 1)
        if data[:2] == b"\x1f\x8b":
            with gzip.GzipFile(fileobj=io.BytesIO(data)) as file:
                data = file.read(SIZE_MAX + 1)
    except (OSError, EOFError, zlib.error) as error:
        raise Refused(f"{path} cannot be read: {error}") from error
    if len(data) > SIZE_MAX:
        raise Refused(f"{path} is larger than {SIZE_MAX >> 20} MiB, which no hypervisor is")
    return data


def notes(elf):
    """Every note of the file, as its descriptor: (name, type, descriptor in hex or as text)."""
    parts = [s for s in elf.iter_sections() if s["sh_type"] == "SHT_NOTE"]
    parts += [] if parts else [s for s in elf.iter_segments() if s["p_type"] == "PT_NOTE"]
    return [(n["n_name"], n["n_type"], n["n_desc"]) for part in parts for n in part.iter_notes()]


class Image:
    """A hypervisor file: Xen's gzipped multiboot file, that unzipped, or a xen-syms."""

    def __init__(self, path):
        self.path = path
        data = read(path)
        if data[:2] == b"MZ":
            raise Refused(f"{path} is an EFI program; give the multiboot file (xen-*.gz) of a "
                          "Xen that was booted by a loader")
        if data[:4] != b"\x7fELF":
            raise Refused(f"{path} is neither an ELF file nor a gzipped one")
        try:
            self._load(data)
        except (ELFError, ConstructError, UnicodeDecodeError, ValueError, KeyError, AttributeError,
                TypeError, IndexError, struct.error) as error:
            raise Refused(f"{path} is damaged: {error or type(error).__name__}") from error

    def _load(self, data):
        elf = ELFFile(io.BytesIO(data))
        self.ranges = []
        for segment in elf.iter_segments():
            if segment["p_type"] != "PT_LOAD":
                continue
            start, size, offset = segment["p_vaddr"], segment["p_filesz"], segment["p_offset"]
            if offset + size > len(data):
                raise Refused(f"{self.path} is truncated: {offset + size} bytes are described, "
                              f"{len(data)} are there")
            if start < XEN_START:
                start += XEN_START
            if not XEN_START <= start <= XEN_END - size:
                raise Refused(f"{self.path}: code at {start:#x} is not where Xen 4.17 lies")
            self.ranges.append((start, data[offset:offset + size]))
        if not self.ranges:
            raise Refused(f"{self.path} has nothing to load")
        ids = {desc for name, kind, desc in notes(elf)
               if name == "GNU" and kind == "NT_GNU_BUILD_ID"}
        if len(ids) != 1 or not re.fullmatch("[0-9a-f]{40}", min(ids, default="")):
            raise Refused(f"{self.path} has {len(ids)} build IDs of SHA-1, not one")
        self.build_id = ids.pop()
        self.table = []  # (name, address); what is static also as FILE#NAME, as Xen's own table
        for section in elf.iter_sections():
            if isinstance(section, SymbolTableSection):
                self._read_symbols(section)

    def _read_symbols(self, section):
        """Not by iter_symbols(), which takes half a second for those of Xen."""
        data, names, source = section.data(), section.stringtable.data(), ""
        if section.elffile.elfclass == 64:
            rows = ((r[0], r[1], r[3], r[4]) for r in struct.iter_unpack("<IBBHQQ", data))
        else:
            rows = ((r[0], r[3], r[5], r[1]) for r in struct.iter_unpack("<IIIBBH", data))
        for at, info, index, value in rows:
            name = names[at:names.index(b"\0", at)].decode()
            if info & 15 == STT_FILE:
                source = name
            if info & 15 not in (STT_NOTYPE, STT_OBJECT, STT_FUNC) or index == SHN_UNDEF:
                continue
            self.table.append((name, value))
            if name and info >> 4 == STB_LOCAL:
                self.table.append((f"{source}#{name}", value))

    def bytes_at(self, address, size):
        for start, data in self.ranges:
            if start <= address and address + size <= start + len(data):
                return data[address - start:address - start + size]
        raise Refused(f"{self.path}: nothing at {address:#x}, where {size} bytes were expected")


class Symbols:
    """Names to addresses. Of a name that several files use for something static, none."""

    def __init__(self, path, entries):
        self.path = path
        self.address = {}
        twice = set()
        for name, address in entries:
            if self.address.setdefault(name, address) != address:
                twice.add(name)
        for name in twice:
            del self.address[name]
        self.sorted = sorted(set(address for _, address in entries))

    @classmethod
    def of_image(cls, image):
        if not image.table:
            raise Refused(f"{image.path} has no symbols")
        return cls(image.path, [entry for entry in image.table if entry[0]])

    @classmethod
    def of_text(cls, path):
        """Lines of "address type name", as /proc/xen/xensyms and the .map files have them."""
        entries = []
        for number, line in enumerate(read(path).decode("ascii", "replace").splitlines(), 1):
            match = re.fullmatch(r"(?:0x)?([0-9a-f]{16}) ([A-Za-z]) (\S+)(\s.*)?", line)
            if not match:
                raise Refused(f"{path}:{number}: not an address, a type and a name")
            entries.append((match.group(3), int(match.group(1), 16)))
        if not entries:
            raise Refused(f"{path} is empty: read it as root, with xenfs mounted on /proc/xen")
        return cls(path, entries)

    def find(self, name):
        if name not in self.address:
            raise Refused(f"{self.path}: no symbol {name}, or more than one")
        return self.address[name]

    def after(self, address):
        """The next symbol's address: where what begins at address ends at the latest."""
        index = bisect.bisect_right(self.sorted, address)
        if index == len(self.sorted):
            raise Refused(f"{self.path}: nothing follows {address:#x}")
        return self.sorted[index]


class Code:
    """Disassembles functions of an image."""

    FUNCTION_MAX = 0x8000
    # Instructions on the shadow stack, which capstone 4 does not know: RDSSP, INCSSP, WRSS.
    SHADOW = re.compile(rb"\xf3[\x48\x49]?\x0f(\x1e[\xc8-\xcf]|\xae[\xe8-\xef])|"
                        rb"[\x48-\x4f]?\x0f\x38\xf6(?![\x44\x4c\x54\x5c\x64\x6c\x74\x7c])[\x40-\x7f].",
                        re.DOTALL)

    def __init__(self, image, symbols, debug=None):
        self.image = image
        self.symbols = symbols
        self.debug = debug  # another file of the same build, which must hold the same code
        self.engine = capstone.Cs(capstone.CS_ARCH_X86, capstone.CS_MODE_64)
        self.engine.detail = True
        self.done = {}  # disassembled already, by address

    def extent(self, name):
        start = self.symbols.find(name)
        size = self.symbols.after(start) - start
        if not 0 < size <= self.FUNCTION_MAX:
            raise Refused(f"{self.symbols.path}: {name} has {size} bytes, which no function has")
        return start, size

    def at(self, start, name):
        """The instructions from start up to the next symbol. Every byte must be an instruction."""
        if start not in self.done:
            self.done[start] = self._disassemble(start, name)
        return self.done[start]

    def _disassemble(self, start, name):
        size = self.symbols.after(start) - start
        if size > self.FUNCTION_MAX:
            raise Refused(f"{name} has {size} bytes, which no function has")
        data, found, done = self.image.bytes_at(start, size), [], 0
        if self.debug and self.debug.bytes_at(start, size) != data:
            raise Refused(f"{name}() in {self.image.path} is not the code that {self.debug.path} "
                          f"has, though both say build {self.image.build_id}")
        while done < size:
            more = list(self.engine.disasm(data[done:], start + done))
            found += more
            done += sum(insn.size for insn in more)
            unknown = self.SHADOW.match(data, done)
            done += len(unknown.group()) if unknown else 0
            if done < size and not unknown:
                raise Refused(f"{name}: no instruction at {start + done:#x} in build "
                              f"{self.image.build_id}")
        return found

    def function(self, name):
        start, _ = self.extent(name)
        return self.at(start, name)
