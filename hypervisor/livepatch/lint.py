# SPDX-License-Identifier: GPL-2.0-only
"""
The rules of Xen's loader for a payload (xen/common/livepatch.c, livepatch_elf.c), asked on the
host before Xen sees it, and some of our own that are stricter: every hook must expect the bytes it
replaces, and a payload must be fit to be applied again after a revert.
"""
import io
import struct

from elftools.common.exceptions import ELFError
from elftools.construct.core import ConstructError
from elftools.elf.elffile import ELFFile

from image import Refused

SIZE_MAX = 2 << 20
FUNCS = ".livepatch.funcs"
FUNC = struct.Struct("<QQQIIB39sB31s")
HOOKS = [".livepatch.hooks." + name for name in
         ("preapply", "apply", "postapply", "prerevert", "revert", "postrevert")]
NOTES = (".livepatch.depends", ".livepatch.xen_depends", ".note.gnu.build-id")
R_NONE, R_64, R_PC32, R_PLT32 = 0, 1, 2, 4
RELOCATIONS = {R_NONE: 0, R_64: 8, R_PC32: 4, R_PLT32: 4}
SHF_WRITE, SHF_ALLOC, SHF_EXECINSTR = 1, 2, 4


def need(condition, text):
    if not condition:
        raise Refused("the payload breaks a rule of Xen's loader: " + text)


class Payload:
    def __init__(self, path):
        try:
            with open(path, "rb") as file:
                self.data = file.read(SIZE_MAX + 1)
        except OSError as error:
            raise Refused(f"{path} cannot be read: {error}") from error
        need(len(self.data) <= SIZE_MAX, f"it is larger than {SIZE_MAX >> 20} MiB")
        try:
            self.elf = ELFFile(io.BytesIO(self.data))
            self.sections = list(self.elf.iter_sections())
            self._check()
        except (ELFError, ConstructError, UnicodeDecodeError, ValueError, KeyError, AttributeError,
                TypeError, IndexError, struct.error) as error:
            raise Refused("the payload breaks a rule of Xen's loader: it is no whole ELF file "
                          f"({error or type(error).__name__})") from error

    def named(self, name):
        found = [s for s in self.sections if s.name == name]
        need(len(found) <= 1, f"{name} is there {len(found)} times")
        return found[0] if found else None

    def _check(self):
        header = self.elf.header
        need(self.elf.elfclass == 64 and self.elf.little_endian and
             header["e_machine"] == "EM_X86_64", "it is not for x86-64")
        need(header["e_type"] == "ET_REL", "it is not relocatable")
        need(header["e_ident"]["EI_OSABI"] == "ELFOSABI_SYSV", "its ABI is not System V")
        need(header["e_version"] == "EV_CURRENT" and
             header["e_ident"]["EI_VERSION"] == "EV_CURRENT" and
             header["e_ident"]["EI_ABIVERSION"] == 0, "its version is not the current one")
        need(header["e_phnum"] == 0, "it has program headers")
        need(0 < header["e_shstrndx"] < header["e_shnum"] < 1024 and header["e_shentsize"] == 64,
             "its section headers")
        need(header["e_shoff"] + header["e_shnum"] * header["e_shentsize"] <= len(self.data),
             "its section headers are past its end")
        self._check_sections()
        self._check_symbols()
        self._check_relocations()
        self._check_notes()
        self._check_functions()

    def _check_sections(self):
        writable = []
        for s in self.sections[1:]:
            flags, align = s["sh_flags"], s["sh_addralign"]
            need(s["sh_type"] == "SHT_NOBITS" or
                 64 <= s["sh_offset"] <= len(self.data) - s["sh_size"],
                 f"section {s.name} is not inside the file")
            need(align & (align - 1) == 0 and not (align and s["sh_addr"] % align),
                 f"the alignment of section {s.name}")
            if not flags & SHF_ALLOC or not s["sh_size"]:
                continue
            need(not (flags & SHF_WRITE and flags & SHF_EXECINSTR),
                 f"section {s.name} is writable and executable")
            if flags & SHF_WRITE:
                writable.append(s.name)
        need(writable == [FUNCS], f"of its sections only {FUNCS} may be writable, or it cannot be "
             f"applied again; writable: {', '.join(writable) or 'none'}")
        for name in NOTES + (FUNCS,) + tuple(HOOKS):
            there = self.named(name)
            need(there is None or (there["sh_flags"] & SHF_ALLOC and there["sh_size"]),
                 f"{name} is empty or is not loaded")
        need(not any(s["sh_type"] == "SHT_REL" for s in self.sections),
             "relocations without an addend")
        for name in HOOKS:
            hook = self.named(name)
            need(hook is None or hook["sh_size"] == 8, f"{name} is not one pointer")

    def _check_symbols(self):
        tables = [s for s in self.sections if s["sh_type"] == "SHT_SYMTAB"]
        need(len(tables) == 1, f"it has {len(tables)} symbol tables")
        need(tables[0]["sh_size"] and tables[0]["sh_entsize"] == 24 and
             tables[0]["sh_size"] % 24 == 0 and tables[0]["sh_link"] < len(self.sections),
             "its symbol table")
        strings = self.sections[tables[0]["sh_link"]]
        for table in (strings, self.sections[self.elf.header["e_shstrndx"]]):
            need(table["sh_type"] == "SHT_STRTAB" and table.data()[:1] == b"\0" and
                 table.data()[-1:] == b"\0", f"the string table {table.name}")
        self.symbols = list(tables[0].iter_symbols())
        need(all(symbol["st_name"] < strings["sh_size"] for symbol in self.symbols),
             "a symbol's name is outside the string table")
        self.undefined, self.defined = set(), set()
        for symbol in self.symbols[1:]:
            index = symbol["st_shndx"]
            need(index != "SHN_COMMON", f"symbol {symbol.name} is common")
            if index == "SHN_UNDEF":
                self.undefined.add(symbol.name)
            elif index != "SHN_ABS":
                need(isinstance(index, int) and index < len(self.sections),
                     f"symbol {symbol.name} is in no section")
                if symbol["st_info"]["type"] in ("STT_FUNC", "STT_OBJECT"):
                    self.defined.add(symbol.name)

    def _check_relocations(self):
        self.relocated = {}  # (section, offset): symbol
        for s in self.sections:
            if s["sh_type"] != "SHT_RELA":
                continue
            need(0 < s["sh_info"] < len(self.sections), f"{s.name} is of no section")
            base = self.sections[s["sh_info"]]
            for relocation in s.iter_relocations():
                kind, offset = relocation["r_info_type"], relocation["r_offset"]
                need(kind in RELOCATIONS, f"{s.name} has a relocation of type {kind}")
                need(offset + RELOCATIONS[kind] <= base["sh_size"],
                     f"{s.name} has a relocation outside {base.name}")
                number = relocation["r_info_sym"]
                need(0 < number < len(self.symbols), f"{s.name} names symbol {number}")
                self.relocated[base.name, offset] = (self.symbols[number], relocation["r_addend"])

    def _check_notes(self):
        ids = {}
        for name in NOTES:
            section = self.named(name)
            need(section is not None, f"{name} is missing")
            need(section["sh_size"] == 36, f"{name} is not one note with a SHA-1 build ID")
            sizes = struct.unpack("<III4s", section.data()[:16])
            need(sizes == (4, 20, 3, b"GNU\0"), f"{name} is not a note with a build ID")
            ids[name] = section.data()[16:].hex()
        self.build_id = ids[NOTES[1]]
        self.payload_id = ids[NOTES[2]]
        need(ids[NOTES[0]] == self.build_id, "it depends on another payload")
        need(self.payload_id != self.build_id, "its own build ID is the hypervisor's")

    def _text_of(self, section, offset):
        """The string that the relocated pointer at offset leads to."""
        need((section.name, offset) in self.relocated, "a hook without a name")
        symbol, addend = self.relocated[section.name, offset]
        need(isinstance(symbol["st_shndx"], int), "a hook's name is not in the payload")
        data = self.sections[symbol["st_shndx"]].data()[symbol["st_value"] + addend:]
        need(b"\0" in data, "a hook's name does not end")
        return data.split(b"\0", 1)[0].decode("ascii")

    def _check_functions(self):
        section = self.named(FUNCS)
        need(section["sh_size"] and section["sh_size"] % FUNC.size == 0,
             f"{FUNCS} is not made of entries of {FUNC.size} bytes")
        self.functions = []  # (name, bytes expected, size)
        for offset in range(0, section["sh_size"], FUNC.size):
            entry = FUNC.unpack_from(section.data(), offset)
            _, _, old, new_size, old_size, version, opaque, bits, expected = entry
            name = self._text_of(section, offset)
            enabled, length, reserved = bits & 1, bits >> 1 & 31, bits >> 6
            need((FUNCS, offset + 8) in self.relocated, f"the hook of {name} leads nowhere")
            need(old == 0 and (FUNCS, offset + 16) not in self.relocated,
                 f"the hook of {name} does not leave the address to Xen")
            need(version == 2, f"the hook of {name} is of version {version}")
            need(not any(opaque), f"the hook of {name} has bytes where Xen keeps its own")
            need(new_size >= 5 and old_size >= 5, f"the hook of {name} has no room for a jump")
            need(enabled and not reserved and 5 <= length <= 31 and length <= old_size and
                 not any(expected[length:]), f"the hook of {name} does not say what it expects")
            self.functions.append((name, expected[:length], old_size))

    def check_against(self, code):
        """Against the hypervisor that it is for: its ID, its symbols, its bytes."""
        image = code.image
        need(self.build_id == image.build_id, f"it is for build {self.build_id}, {image.path} is "
             f"build {image.build_id}")
        for name in sorted(self.undefined):
            need(name in code.symbols.address, f"this Xen has no symbol {name}")
        for name in sorted(self.defined):
            need(name not in code.symbols.address, f"this Xen has a symbol {name} as well")
        for name, expected, _ in self.functions:
            there = image.bytes_at(code.symbols.find(name), len(expected))
            need(there == expected, f"{name}() of build {image.build_id}: expected "
                 f"{expected.hex()}, found {there.hex()}")
