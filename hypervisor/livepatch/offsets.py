# SPDX-License-Identifier: GPL-2.0-only
"""
Where the payload finds things in this build: members of Xen's structures, taken out of functions
of a few instructions that are known to read them, and the heads of the functions to be hooked.

Each is searched by what an instruction does, in one named function. All matches must agree and
there must be at least one, else nothing is made. Where two functions show the same member, both
are asked.
"""
from capstone import x86

from image import Refused

JUMP = 5  # what Xen writes over a function's head
EVENT_UD = 0xffffffff00030006  # #UD, hardware exception, no error code: struct x86_event's head
STACK_MASK = 0x7fff
OFFSET_MAX = 0x2000
UPDATE_VMFUNC = "arch/x86/hvm/vmx/vmx.c#vmx_vcpu_update_vmfunc_ve"
LAST_PARAM = 38  # of the HVM parameters: Tocsin's is the next (tocsin/param.h)


def memory(insn, number):
    """(base register, displacement) of a plain memory operand, or None."""
    if number >= len(insn.operands):
        return None
    operand = insn.operands[number]
    if operand.type != x86.X86_OP_MEM or operand.mem.index or operand.mem.segment:
        return None
    return insn.reg_name(operand.mem.base), operand.mem.disp


def register(insn, number):
    if number >= len(insn.operands) or insn.operands[number].type != x86.X86_OP_REG:
        return None
    return insn.reg_name(insn.operands[number].reg)


def immediate(insn, number):
    if number >= len(insn.operands) or insn.operands[number].type != x86.X86_OP_IMM:
        return None
    return insn.operands[number].imm & 0xffffffffffffffff


def target(insn):
    """Where a direct jump or call leads, or None."""
    if insn.group(x86.X86_GRP_JUMP) or insn.group(x86.X86_GRP_CALL):
        return immediate(insn, 0)
    return None


def loads(insn, size=8):
    """(register, base, displacement) of a mov from memory of size bytes, or None."""
    if insn.mnemonic != "mov" or not memory(insn, 1) or not register(insn, 0) or \
            insn.operands[0].size != size:
        return None
    return (register(insn, 0),) + memory(insn, 1)


class Offsets:
    def __init__(self, code):
        self.code = code
        self.value = {}

    def one(self, name, function, found, low=0, high=OFFSET_MAX):
        """Keeps the value that all of found agree on."""
        where = f"{name} in {function}() of build {self.code.image.build_id}"
        if len(set(found)) != 1:
            text = ", ".join(f"{value:#x}" for value in sorted(set(found))) or "nothing"
            raise Refused(f"{where}: expected one value, found {text}")
        value = found[0]
        if not low <= value < high:
            raise Refused(f"{where}: {value:#x} is not between {low:#x} and {high:#x}")
        if self.value.setdefault(name, value) != value:
            raise Refused(f"{where}: {value:#x}, but {self.value[name]:#x} elsewhere")

    def version(self):
        """Only Xen 4.17 has been read for what the payload takes for granted."""
        found = [[immediate(insn, 1) for insn in self.code.function(f"xen_{part}_version")
                  if insn.mnemonic == "mov"] for part in ("major", "minor")]
        if found != [[4], [17]]:
            raise Refused(f"build {self.code.image.build_id} is not Xen 4.17: it says {found}")
        # Parameter 39 must be the first that Xen does not have, or it would mean something else.
        limits = {immediate(insn, 1) for insn in self.code.function("do_hvm_op")
                  if insn.mnemonic == "cmp" and insn.operands[0].size == 4}
        if LAST_PARAM not in limits:
            raise Refused(f"do_hvm_op() of build {self.code.image.build_id} does not end its "
                          f"parameters with {LAST_PARAM}")

    def stack(self):
        """`or $mask, reg` on a copy of RSP, then what lies below the end of the stack."""
        for function in ("hvm_inject_event", "copy_from_user_hvm", "rcu_lock_domain_by_id"):
            insns = self.code.function(function)
            ends, masks, current, domain = set(), [], [], []
            holds = set()  # registers that hold the current vCPU
            for insn in insns:
                load = loads(insn)
                if insn.mnemonic == "or" and immediate(insn, 1) is not None:
                    masks.append(immediate(insn, 1))
                    ends.add(register(insn, 0))
                elif load and load[1] in ends and load[2] < 0:
                    current.append(-load[2] + 1)
                    holds.add(load[0])
                elif function == "hvm_inject_event" and load and load[1] in holds:
                    domain.append(load[2])
                    self.domain_register = load[0]
            self.one("XEN_STACK_MASK", function, masks, STACK_MASK, STACK_MASK + 1)
            if function == "rcu_lock_domain_by_id":
                continue  # reads per-CPU offsets as well
            self.one("XEN_CURRENT_BELOW_END", function, current, 8, 0x400)
            if domain:
                self.one("XEN_VCPU_DOMAIN", function, domain)

    def registers(self):
        """update_guest_eip: the end of the stack minus what struct cpu_info has to its end."""
        insns = self.code.function("update_guest_eip")
        found = [immediate(insn, 1) + 1 for insn in insns
                 if insn.mnemonic == "sub" and register(insn, 0) not in ("rsp", None)
                 and immediate(insn, 1) is not None]
        self.one("XEN_REGS_BELOW_END", "update_guest_eip", found, 0x80, 0x400)
        # The public interface says where RIP and RFLAGS lie in it; this code must agree.
        moved = [memory(insn, 0)[1] for insn in insns if insn.mnemonic == "add" and memory(insn, 0)]
        self.one("regs.rip", "update_guest_eip", moved, 0x80, 0x81)

    def options(self):
        """hvm_inject_event asks for nested virtualisation, bit 6 of the domain's options."""
        found = [memory(insn, 0)[1] for insn in self.code.function("hvm_inject_event")
                 if insn.mnemonic == "test" and immediate(insn, 1) == 0x40 and memory(insn, 0)
                 and memory(insn, 0)[0] == self.domain_register]
        self.one("XEN_DOMAIN_OPTIONS", "hvm_inject_event", found)
        # do_hvm_op asks at the same place whether the caller is an HVM domain, bit 0.
        found = [memory(insn, 0)[1] for insn in self.code.function("do_hvm_op")
                 if insn.mnemonic == "test" and immediate(insn, 1) == 1 and memory(insn, 0)
                 and insn.operands[0].size == 1]
        self.one("XEN_DOMAIN_OPTIONS", "do_hvm_op", found)

    def identities(self):
        """The lookup by id compares a domain's first member; a vCPU's number finds its window."""
        insns = self.code.function("rcu_lock_domain_by_id")
        found = [memory(insn, 0)[1] for insn in insns
                 if insn.mnemonic == "cmp" and insn.operands[0].size == 2 and memory(insn, 0)]
        self.one("XEN_DOMAIN_ID", "rcu_lock_domain_by_id", found, 0, 1)
        insns = self.code.function("copy_from_user_hvm")
        shifted = {register(insn, 0) for insn in insns if insn.mnemonic == "shl"}
        found = [load[2] for load in (loads(insn, 4) for insn in insns)
                 if load and load[0] in shifted]
        self.one("XEN_VCPU_ID", "copy_from_user_hvm", found, 0, 1)

    def lists(self):
        """domain_unpause wakes d->vcpu[0] and those after it; all domains: the safety check."""
        insns = self.code.function("domain_unpause")
        table, following = [], []
        for load in filter(None, map(loads, insns)):
            if load[0] == load[1]:
                following.append(load[2])
            elif load[2]:
                table.append(load[2])
        self.one("XEN_DOMAIN_VCPUS", "domain_unpause", table)
        self.one("XEN_VCPU_NEXT", "domain_unpause", following)
        found = [load[2] for load in map(loads, self.code.function("arch_livepatch_safety_check"))
                 if load and load[0] == load[1]]
        self.one("XEN_DOMAIN_NEXT", "arch_livepatch_safety_check", found)

    def secondary(self):
        """What vmx_update_secondary_exec_control writes to VMCS field 0x401e, 4 bytes wide."""
        insns = self.code.function("vmx_update_secondary_exec_control")
        if 0x401e not in [immediate(insn, 1) for insn in insns if insn.mnemonic == "mov"]:
            raise Refused("vmx_update_secondary_exec_control() does not write VMCS field 0x401e in "
                          f"build {self.code.image.build_id}")
        found = [load[2] for load in (loads(insn, 4) for insn in insns) if load]
        self.one("XEN_VCPU_SECONDARY_EXEC", "vmx_update_secondary_exec_control", found)

    def views(self):
        """The payload calls what sets EPTP switching up: VMCS fields 0x2018 and 0x2024, and what
        the secondary controls get is what the payload takes for them."""
        insns = self.code.function(UPDATE_VMFUNC)
        written = {immediate(insn, 1) for insn in insns if insn.mnemonic == "mov"}
        called = {target(insn) for insn in insns if insn.mnemonic == "call"}
        if not {0x2018, 0x2024} <= written or \
                self.code.symbols.find("vmx_update_secondary_exec_control") not in called:
            raise Refused("vmx_vcpu_update_vmfunc_ve() does not set EPTP switching up in build "
                          f"{self.code.image.build_id}")
        found = [memory(insn, 1)[1] for insn in insns
                 if insn.mnemonic == "or" and memory(insn, 1) and insn.operands[1].size == 4]
        self.one("XEN_VCPU_SECONDARY_EXEC", UPDATE_VMFUNC, found)

    def params(self):
        """hvm_get_param reads params[index]: a pointer in the domain, the index in RSI."""
        insns = self.code.function("hvm_get_param")
        away = {target(insn) for insn in insns if insn.mnemonic == "jmp"}
        inside = range(insns[0].address, insns[-1].address)
        for place in away:
            if place not in inside and place != self.code.symbols.find("__x86_return_thunk"):
                insns = insns + self.code.at(place, "hvm_get_param")
        base = {}
        found = []
        for insn in insns:
            load = loads(insn)
            if load and load[1] == "rdi":
                base[load[0]] = load[2]
            elif insn.mnemonic == "mov" and len(insn.operands) == 2 and \
                    insn.operands[1].type == x86.X86_OP_MEM:
                operand = insn.operands[1].mem
                if operand.index and insn.reg_name(operand.index) == "rsi" and \
                        operand.scale == 8 and not operand.disp:
                    found.append(base.get(insn.reg_name(operand.base), -1))
        self.one("XEN_DOMAIN_HVM_PARAMS", "hvm_get_param", found)

    def exit_handler(self):
        """The exit handler itself, not a part that the compiler put elsewhere, injects #UD."""
        start, size = self.code.extent("vmx_vmexit_handler")
        insns = self.code.function("vmx_vmexit_handler")
        inject = self.code.symbols.find("hvm_inject_event")
        if EVENT_UD not in [immediate(insn, 1) for insn in insns] or \
                inject not in [target(insn) for insn in insns if insn.mnemonic == "call"]:
            raise Refused("vmx_vmexit_handler() does not call hvm_inject_event() for #UD in build "
                          f"{self.code.image.build_id}")
        self.value["XEN_VMEXIT_SIZE"] = size
        self.value["XEN_EVENT_UD"] = EVENT_UD

    def find_all(self):
        self.version()
        self.stack()
        self.registers()
        self.options()
        self.identities()
        self.lists()
        self.secondary()
        self.views()
        self.params()
        self.exit_handler()
        return {name: value for name, value in self.value.items() if name.startswith("XEN_")}


def head(code, name):
    """The whole instructions that the jump displaces, and the function's size: (bytes, size)."""
    start, size = code.extent(name)
    insns = code.function(name)
    build = code.image.build_id
    taken = b""
    for insn in insns:
        if len(taken) >= JUMP:
            break
        text = f"{name}()+{len(taken):#x} of build {build}: '{insn.mnemonic} {insn.op_str}'"
        if insn.mnemonic.startswith("endbr") or insn.mnemonic == "nop":
            # Xen writes its jump after an ENDBR, and after the NOP that it puts in place of one.
            raise Refused(f"{text}: heads with an ENDBR are not handled")
        if any(insn.group(group) for group in (x86.X86_GRP_JUMP, x86.X86_GRP_CALL, x86.X86_GRP_RET,
                                               x86.X86_GRP_INT, x86.X86_GRP_IRET)) or \
                insn.mnemonic in ("ud2", "hlt", "loop"):
            raise Refused(f"{text} cannot be run elsewhere: it leaves the straight line")
        if any(op.type == x86.X86_OP_MEM and insn.reg_name(op.mem.base) in ("rip", "rsp")
               for op in insn.operands):
            raise Refused(f"{text} cannot be run elsewhere: it depends on where it stands")
        taken += bytes(insn.bytes)
    if not JUMP <= len(taken) <= 31 or len(taken) >= size:
        raise Refused(f"{name}() of build {build} is too short for a jump: {len(taken)} bytes")
    for insn in insns:
        if target(insn) is not None and start < target(insn) < start + len(taken):
            raise Refused(f"{name}() of build {build} jumps back into its head at "
                          f"{insn.address - start:#x}")
    return taken, size
