# SPDX-License-Identifier: GPL-2.0-or-later
import re

from expect import equal, expect


def processes(lines):
    """({pid: identity}, {pid: [VMA]}), VMAs with one name for what the kernel maps."""
    rows, maps = {}, {}
    for line in lines:
        fields = line.split()
        if line.startswith("P "):
            rows[fields[1]] = line.rstrip()
        elif line.startswith("M "):
            pid, extent, perms = fields[1:4]
            # /proc has offset and device before the inode.
            rest = fields[6:] if re.fullmatch(r"[0-9a-f]{8}", fields[4]) else fields[4:]
            name = " ".join(rest[1:])
            name = "[special]" if name in ("[vvar]", "[vdso]") else name
            name = "" if name in ("[heap]", "[stack]") else name
            maps.setdefault(pid, []).append((extent, perms, rest[0], name))
    return rows, maps


def check(s):
    inside, inside_maps = processes(s.after("inside"))
    outside, outside_maps = processes(s.after("outside"))
    listed = {str(o["pid"]): o for o in s.objects(lines=s.after("ps"))}
    expect(len(inside_maps) >= 5, "the guest has programs", *inside_maps)
    # Kernel workers come and go, and the guest's own reading takes some programs.
    lasting = {pid for pid in inside if pid in outside}
    gone = [inside[pid] for pid in inside if pid not in outside]
    expect(all(" exe= " in row for row in gone), "in the guest alone", *gone)
    expect(len(gone) <= 3, "kernel threads in the guest alone", *gone)
    new = [outside[pid] for pid in outside if pid not in inside]
    expect(all(" exe= " in row for row in new), "outside alone", *new)
    for pid in lasting:
        equal(outside[pid], inside[pid], f"process {pid}")
        equal(outside_maps.get(pid), inside_maps.get(pid), f"VMAs of {pid}")
        expect(pid in listed or " exe= " in inside[pid], f"tocsin ps without process {pid}")
