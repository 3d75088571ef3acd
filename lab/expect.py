# SPDX-License-Identifier: GPL-2.0-or-later
"""What the expectations of scenarios (scenarios/NAME/expect.py) are written with."""
import json
import re


class Failed(Exception):
    """What was expected and is not so."""


class Chance(Failed):
    """So it may be by chance: dom0 shares the machine's only processor with its guests, and what it reads
    later than it would on one of its own may be another's by then. Such a scenario is run again."""


def by_chance(check, *args):
    """What check expects is a matter of when dom0 gets the processor."""
    try:
        check(*args)
    except Failed as failed:
        raise Chance(str(failed)) from failed


def expect(condition, text, *what):
    if not condition:
        raise Failed(text + "".join(f"\n  {one}" for one in what))


def equal(found, wanted, what):
    expect(found == wanted, f"{what}: {found!r}, not {wanted!r}")


class Section:
    """What one scenario printed."""

    def __init__(self, name, lines, status):
        self.name = name
        self.lines = lines
        self.status = status

    def after(self, title):
        """The lines between "== title" and the next such line."""
        found = False
        for line in self.lines:
            if line.startswith("== "):
                found = line == "== " + title
            elif found:
                yield line

    def objects(self, prefix="", lines=None):
        """The JSON objects on lines that begin with prefix, in order."""
        found = []
        for line in self.lines if lines is None else lines:
            if line.startswith(prefix + "{"):
                found.append(json.loads(line[len(prefix):]))
        return found

    def reports(self, kind=None):
        """tocsind's reports."""
        return [r for r in self.objects("TOCSIN-REPORT ") if kind in (None, r["kind"])]

    def values(self, pattern):
        """For every line that pattern (a regular expression) finds: its key=value pairs."""
        return [dict(re.findall(r"([\w-]+)=(\S+)", line))
                for line in self.lines if re.search(pattern, line)]

    def one(self, pattern):
        found = self.values(pattern)
        expect(len(found) == 1, f"{len(found)} lines match '{pattern}'", *self.lines[-20:])
        return found[0]


def sections(text):
    """The scenarios in a serial log: {name: Section}; one that did not finish has status None."""
    found, current, lines = {}, None, []
    for line in text.replace("\r", "").split("\n"):
        begin = re.match(r"TOCSIN-LAB begin (\S+)", line)
        finish = re.match(r"TOCSIN-LAB finish (\S+) status=(\d+)", line)
        if begin:
            current, lines = begin.group(1), []
            found[current] = Section(current, lines, None)
        elif finish and finish.group(1) == current:
            found[current].status = int(finish.group(2))
            current = None
        elif current:
            lines.append(line)
    return found
