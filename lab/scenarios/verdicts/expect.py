# SPDX-License-Identifier: GPL-2.0-or-later
import json

from expect import equal, expect

WANTED = {  # what the guest scans: verdict, the rule or scanner that must have found something
    "clean": ("clean", None),
    "inject": ("malicious", "yara.shellcode_execve_shell"),
    "memfd": ("suspicious", "executable.memfd"),
    "deleted": ("clean", "executable.deleted"),
    "marked-malicious": ("malicious", "yara.tocsin_test_malicious"),
    "marked-suspicious": ("suspicious", "yara.tocsin_test_suspicious"),
    "self": ("clean", None),
    "reloaded": ("clean", "yara.reloaded"),
    "user-self": ("clean", None),
}


def moments(s, reports):
    """Each process of `run` rang itself: the asker is who was scanned."""
    rows = [json.loads(line) for line in s.lines if line.startswith('{"at":"')]
    rung = {at: [r for r in rows if r["at"] == at]
            for at in ("exec", "connect", "exit", "interval", "end")}
    # sleep; sh with sleep and nc (busybox: it may be one and the same); the marked one
    expect(len(rung["exec"]) >= 3 and len(rung["connect"]) == 1 and len(rung["exit"]) >= 3
           and rung["interval"], "moments", {at: len(r) for at, r in rung.items()})
    for row in rung["exec"] + rung["connect"] + rung["exit"]:
        report = reports[row["ticket"]]
        equal(report["trigger"]["operation"], "SCAN_SELF", f"{row['at']}: who rings")
        equal(report["asker"]["pid"], report["target"]["pid"], f"{row['at']}: who is scanned")
        expect(row["verdict"] in ("clean", "malicious"), f"{row['at']}: the verdict", row)
    equal([r["status"] for r in rung["end"] if "status" in r], [0, 4], "how the programs ended")


def check(s):
    reports = {r["trigger"]["ticket"]: r for r in s.reports() if r["kind"] in ("verdict", "error")}
    scans = [line.split(None, 2)[1:] for line in s.lines if line.startswith("scan ")]
    answers = [(what, json.loads(text)) for what, text in scans]
    equal(sum(what == "clean" for what, _ in answers), 10, "clean scans")
    for what, answer in answers:
        report = reports[answer["ticket"]]
        if what == "user-other":
            equal(answer.get("error"), "not permitted", what)
            expect("may not name" in report["reason"], what, report)
            continue
        verdict, rule = WANTED[what]
        equal(answer.get("verdict"), verdict, f"{what}: the guest's verdict ({answer})")
        equal(report["verdict"]["name"], verdict, f"{what}: dom0's verdict")
        equal(report["target"]["pid"], answer["pid"], f"{what}: who was scanned")
        equal(report["answered"], True, f"{what}: answered")
        found = [f["rule"] for f in report["findings"]]
        expect(rule in found if rule else not found, f"{what}: findings {found}", report)
    injected = s.one("^inject victim=")
    report = next(reports[a["ticket"]] for w, a in answers if w == "inject")
    expect(any(int(f["start"], 16) <= int(injected["address"], 16) < int(f["end"], 16)
               for f in report["findings"] if "start" in f), "the injected page", report)
    for subject in ("kernel", "process"):
        row = json.loads(next(l for l in s.lines if l.startswith(subject + " {")).split(None, 1)[1])
        equal((row["subject"], row["verdict"]["name"], row["findings"]), (subject, "clean", []),
              f"tocsin scan of a {subject}")
    expect(any("rules are left out: /run/rules/broken.yar:1: " in line for line in s.lines),
           "the broken rule is reported")
    equal(s.one("^run clean")["exit"], "0", "run of a clean program")
    equal(s.one("^run shell")["exit"], "0", "run of a shell")
    moments(s, reports)
    equal(s.one("^run malicious")["exit"], "1", "run of a malicious program")
    equal(s.one("^tocsind exit=")["exit"], "0", "tocsind")
