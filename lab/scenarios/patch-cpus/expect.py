# SPDX-License-Identifier: GPL-2.0-or-later
import re

from expect import equal, expect


def where(s, title):
    """The physical CPUs of b's vCPUs, in their order, as xl vcpu-list has them."""
    return re.findall(r"^b +\d+ +\d+ +(\S+)", "\n".join(s.after(title)), re.MULTILINE)


def check(s):
    equal(s.one("^cpus=")["cpus"], "2", "physical CPUs")
    equal((where(s, "loaded"), where(s, "again")), (["0", "1"], ["0", "1"]), "where b runs")
    equal(re.findall(r"^hypervisor (\w+) exit=(\d+)$", "\n".join(s.lines), re.MULTILINE),
          [(verb, "0") for verb in ("install", "remove", "install", "remove")],
          "what each ended with")
    pings = {title: [o["exit"] for o in s.objects(lines=s.after(title)) if "exit" in o]
             for title in ("installed", "removed", "again")}
    equal(pings, {"installed": [0, 0], "removed": [3, 3], "again": [0, 0]},
          "what pings on each vCPU got")
    loops = s.values(r"^loop-\d accepted=")
    expect(len(loops) == 2 and all(int(l["accepted"]) > 0 and int(l["sigill"]) > 0 for l in loops),
           "both vCPUs rang all the time", loops)
    equal([l["other"] for l in loops], ["0", "0"], "nothing but an answer or SIGILL")
    equal(s.one("^tocsind exit=")["exit"], "0", "tocsind")
