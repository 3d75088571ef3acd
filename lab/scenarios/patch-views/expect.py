# SPDX-License-Identifier: GPL-2.0-or-later
import json
import re

from expect import equal, expect

OWN, DOM0S = "removed inside a view of its own", "removed inside a view of dom0's"


def where(s, title):
    """The view in which the vCPU of a is said to be."""
    return re.findall(r"vCPU 0 in view (\d+)", "\n".join(s.after(title)))


def check(s):
    equal(re.findall(r"^hypervisor (\w+) exit=(\d+)$", "\n".join(s.lines), re.MULTILINE),
          [(verb, "0") for verb in ("install", "status", "remove", "install", "remove", "install")],
          "what each ended with")
    state = s.objects(lines=s.after("installed"))[0]
    equal((state["tocsin"], state["views"]), ("live patch", True), "what runs")
    equal((s.one("^views status=")["status"], s.one("^remap status=")["status"]), ("0", "0"), "views")

    seen = s.one("^views byte0=")
    equal((seen["byte0"], seen["byte1"], seen["again"]), ("A", "B", "A"),
          "the page in view 0, view 1, view 0")
    equal((seen["ping1"], seen["ping0"]), ("0", "0"), "pings in view 1 and view 0")
    # Two switches without an exit: an exit alone takes many hundred instructions.
    expect(int(seen["switch"]) < 200, "a switch does not exit", seen)
    equal(s.one("^views inside=")["inside"], "B", "the page in view 1, before the removal")

    expect(s.one("^reverted exit=")["exit"] != "0" and
           any("busy" in l.lower() for l in s.after("load")), "no revert while a guest may ring",
           *s.after("load"))
    equal([o["exit"] for o in s.objects(lines=s.after("load"))], [0], "a ping after that")
    removed, ping = s.objects(lines=s.after(OWN))
    equal((removed["steps"], removed["tocsin"]),
          (["disable", "disable", "revert", "unload", "forget"], "none"), "the removal")
    expect(any("is in view 1, which VMFUNC may no longer leave" in l for l in s.after(OWN)),
           "the removal says who is inside a view", *s.after(OWN))
    stayed = s.one("^views stayed=")
    equal((stayed["stayed"], stayed["ring"], stayed["leave"]), ("B", "sigill", "sigill"),
          "inside view 1 after the removal")
    equal(ping["exit"], 3, "a ping of b after the removal")
    equal(s.one("^views back=")["back"], "A", "the page when dom0 switched a to view 0")
    equal((where(s, "installed"), where(s, OWN), where(s, DOM0S)), (["1"], ["1"], ["2"]),
          "the view of a")

    equal([o["exit"] for o in s.objects(lines=s.after("again"))], [0, 0],
          "rings in view 2, and of b, after another install")
    equal([o.get("exit", o.get("tocsin")) for o in s.objects(lines=s.after(DOM0S))], ["none", 3],
          "the second removal, and a ring in view 2")
    loops = s.values(r"^loop-\d accepted=")
    expect(len(loops) == 2 and all(int(l["accepted"]) > 0 and int(l["sigill"]) > 0 for l in loops),
           "both vCPUs of b rang all the time", loops)
    equal([l["other"] for l in loops], ["0", "0"], "nothing but an answer or SIGILL")

    scans = dict(line.split(None, 2)[1:] for line in s.lines if line.startswith("scan "))
    reports = [(r["verdict"]["name"], r["target"]["pid"]) for r in s.reports("verdict")]
    for name in ("a", "b"):
        answer = json.loads(scans[name])
        equal(answer.get("verdict"), "malicious", f"{name}: the guest's verdict ({answer})")
        expect(("malicious", answer["pid"]) in reports, f"{name}: dom0's verdict", reports)
    equal(s.one("^tocsind exit=")["exit"], "0", "tocsind")
