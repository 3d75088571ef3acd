# SPDX-License-Identifier: GPL-2.0-or-later
from expect import equal, expect


def check(s):
    for title, code, error in (("off", 3, "VMFUNC is not available"),
                               ("no listener", 4, "no listener"),
                               ("off again", 3, "VMFUNC is not available")):
        answer = s.objects(lines=s.after(title))[0]
        equal(answer["exit"], code, title)
        expect(error in answer["error"], title, answer)
    answers = s.objects(lines=s.after("listener"))[:2]
    equal([a["exit"] for a in answers], [0, 0], "pings with a listener")
    compat = s.one("^compat ")
    equal(compat["eax"], "0", "the ping from 32-bit code")
    rings = s.reports("ring")
    equal([r["trigger"]["ticket"] for r in rings],
          [a["ticket"] for a in answers] + [int(compat["edx"])], "tickets")
    equal(rings[2]["trigger"]["rdx"], "0x12345678", "RDX of 32-bit code")
    equal({r["domain"]["name"] for r in rings}, {"a"}, "who rang")
    equal(len(s.reports()), 3, "reports")
    expect(any("3 triggers taken, 3 reported, 0 records lost" in l for l in s.lines), "the sum")
