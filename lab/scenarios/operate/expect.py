# SPDX-License-Identifier: GPL-2.0-or-later
from expect import equal, expect


def doctor(s, when):
    """{check: line} of the doctor."""
    return {line["check"]: line for line in s.objects(f"doctor-{when} ") if line["kind"] == "check"}


def check(s):
    before, after = doctor(s, "before"), doctor(s, "after")
    for name in ("privileges", "kernel privcmd", "kernel evtchn", "kernel seccomp", "EPT",
                 "configuration"):
        equal(before[name]["result"], "pass", f"the doctor on {name}: {before[name]['text']}")
    equal(before["trace buffers"]["result"], "warn", "the doctor: nobody listens")
    equal(after["trace buffers"]["result"], "pass", "the doctor: tocsind listens")
    expect("may ring 50 times" in after["guest a"]["text"], "the policy's rate", after["guest a"])
    asked = s.objects("asked ")
    equal(asked[0]["verdict"], "malicious", "the verdict")
    dump = s.one("^dump files=")
    equal((dump["files"], dump["mode"], dump["magic"]), ("1", "600", "7f454c46"), "the dump")
    swept = s.objects("swept ")
    expect(any(r["kind"] == "verdict" and r["verdict"]["name"] == "malicious" for r in swept),
           "the sweep finds it too", swept)
    equal(swept[-1]["kind"], "sweep", "the sweep's end")
    expect("scanned" in swept[-1], "the sweep ended well", swept[-1])
    status = s.objects("status ")[0]
    equal(status["counters"]["accepted"], 1, "triggers: a sweep is none")
    equal([g["rate"] for g in status["guests"] if g["name"] == "a"], [50], "the guest's rate")
    equal(s.one("^metrics accepted=")["accepted"], "1", "metrics")
    equal(s.one("^reload exit=")["exit"], "1", "a configuration with a mistake")
    expect(any("rate: not a whole number" in line for line in s.lines), "the mistake is told")
    equal(s.one("^rate now=")["now"], "60", "the rate after a good one")
    equal(s.one("^tocsind exit=")["exit"], "0", "tocsind")
