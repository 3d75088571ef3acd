# SPDX-License-Identifier: GPL-2.0-or-later
import re

from expect import equal

WANTED = ["clean", "malicious", "suspicious", "malicious"]


def check(s):
    verdicts = [m.group(1) for m in (re.match(r"\| scan: (\w+): pid", l) for l in s.lines) if m]
    equal(verdicts, WANTED, "the guest's verdicts")
    reported = [m.group(1) for m in (re.match(r"\| \S+ verdict .*? \S+: (\w+).* \(score", l)
                                     for l in s.lines) if m]
    equal(reported[:4], WANTED, "dom0's verdicts")
    titles = [m.group(1) for m in (re.match(r"\| --- (.*): pid", l) for l in s.lines) if m]
    print(f"# {'scanned':42}{'the guest was told':22}dom0 reported")
    for title, told, said in zip(titles, verdicts, reported):
        print(f"# {title:42}{told:22}{said}")
