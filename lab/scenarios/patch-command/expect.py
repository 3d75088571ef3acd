# SPDX-License-Identifier: GPL-2.0-or-later
import re

from expect import equal, expect

SAID = (("stock", "no install was asked for"), ("stock", "no guest can ring"),
        ("refused", "the running one is"), ("refused", "is not what it expects"),
        ("installed", "it works: the hypervisor answers, and for 2 running guests"),
        ("installed", "views need a Xen that was booted with altp2m=1"),
        ("removed while a guest rings", "Tocsin was taken out of the hypervisor; `tocsin hypervisor"),
        ("installed", "nothing is needed"), ("installed", "kept as it was"),
        ("removed while a guest rings", "no live patch of Tocsin is loaded"),
        ("at boot", "went down"))


def check(s):
    results = re.findall(r"^hypervisor (\w+) exit=(\d+)$", "\n".join(s.lines), re.MULTILINE)
    equal([f"{verb} {code}" for verb, code in results],
          ["status 3", "install 1", "install 0",
           "install 1", "install 1", "status 3",
           "install 0", "install 0", "install 0", "status 0",
           "remove 0", "remove 0",
           "install 0", "remove 0", "install 1", "install 0", "remove 0"], "what each ended with")
    for title, text in SAID:
        expect(any(text in line for line in s.after(title)), f"{title}: {text}", *s.after(title))
    found = {title: s.objects(lines=s.after(title)) for title in
             ("stock", "refused", "installed", "listener", "removed while a guest rings", "at boot")}
    for title, tocsin, kept in (("stock", "none", False), ("refused", "none", False),
                                ("installed", "live patch", True)):
        state = [o for o in found[title] if o.get("kind") == "hypervisor"][0]
        equal((state["tocsin"], state["kept"], state["live_patching"], state["views"]),
              (tocsin, kept, True, False), f"{title}: what runs")
        expect([p["name"] for p in state["live_patches"]] == (["tocsin"] if kept else []),
               f"{title}: live patches", state)
    equal(found["listener"][0]["exit"], 0, "a ping with a listener")
    removed, ping = found["removed while a guest rings"]
    equal((removed["steps"], removed["tocsin"], ping["exit"]),
          (["disable", "revert", "unload", "forget"], "none", 3), "the removal, and a ping after it")
    equal([o["steps"] for o in found["at boot"]], [["upload", "apply", "prove", "keep"]], "at boot")
