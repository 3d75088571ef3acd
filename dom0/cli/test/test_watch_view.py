#!/usr/bin/env python3
# SPDX-License-Identifier: GPL-2.0-or-later
"""The live view in a pseudo terminal: test_watch_view.py WATCH_MADE_UP.

What it draws is read as a VT100 would; what a VT100 would act on must be ncurses' own."""
import fcntl
import os
import pty
import re
import select
import signal
import struct
import subprocess
import sys
import termios
import time

program = sys.argv[1]
number = failed = 0
PATIENCE = 20  # seconds, for a machine that is busy

SEQUENCE = re.compile(rb"\x1b\[([?0-9;]*)([A-Za-z])|\x1b[()][A-Z0-9]|\x1b[=>78M]")
# What is left when those are taken away; SO and SI belong to the VT100's line drawing.
CONTROL = re.compile(rb"[\x00-\x06\x07\x0b\x0c\x10-\x1f\x7f]|\xc2[\x80-\x9f]")


def check(what, got, expected=True):
    global number, failed
    number += 1
    failed += got != expected
    print(("ok" if got == expected else "not ok"), number, "-", what, flush=True)
    if got != expected:
        print("# got", repr(got), "expected", repr(expected), flush=True)


class View:
    """The program on a terminal of its own, and the terminal's screen."""

    def __init__(self, *arguments, columns=80, lines=24, **environment):
        self.raw, self.taken = b"", 0
        self.pid, self.master = pty.fork()
        if not self.pid:
            fcntl.ioctl(0, termios.TIOCSWINSZ, struct.pack("HHHH", lines, columns, 0, 0))
            env = {"TERM": "vt100", "LC_ALL": "C.UTF-8", "PATH": os.environ["PATH"], **environment}
            os.execve(program, [program, *arguments], env)
        self.clear(columns, lines)
        self.before = termios.tcgetattr(self.master)
        self.status = None

    def clear(self, columns, lines):
        self.columns, self.lines = columns, lines
        self.cells = [[" "] * columns for _ in range(lines)]
        self.x = self.y = 0

    def resize(self, columns, lines):
        self.clear(columns, lines)
        fcntl.ioctl(self.master, termios.TIOCSWINSZ, struct.pack("HHHH", lines, columns, 0, 0))

    def obey(self, arguments, letter):
        numbers = [int(n) if n else 0 for n in arguments.split(b";") if n.isdigit() or not n]
        n = max(numbers[0], 1) if numbers else 1
        line = self.cells[self.y]
        if letter == b"H":
            self.y = min(n, self.lines) - 1
            self.x = min(max(numbers[1], 1) if len(numbers) > 1 else 1, self.columns) - 1
        elif letter == b"J":
            line[self.x:] = " " * (self.columns - self.x)
            for y in range(self.y + 1, self.lines):
                self.cells[y] = [" "] * self.columns
        elif letter == b"K" and numbers[:1] == [1]:
            line[:self.x + 1] = " " * (self.x + 1)
        elif letter == b"K":
            line[self.x:] = " " * (self.columns - self.x)
        elif letter in b"AB":
            self.y = min(max(self.y + (n if letter == b"B" else -n), 0), self.lines - 1)
        elif letter in b"CD":
            self.x = min(max(self.x + (n if letter == b"C" else -n), 0), self.columns - 1)

    def put(self, character):
        if character == "\r":
            self.x = 0
        elif character == "\b":
            self.x = max(self.x - 1, 0)
        elif character == "\n":
            self.y = min(self.y + 1, self.lines - 1)
        elif character == "\t":
            self.x = min(self.x // 8 * 8 + 8, self.columns - 1)
        elif character >= " ":
            if self.x == self.columns:
                self.x, self.y = 0, min(self.y + 1, self.lines - 1)
            self.cells[self.y][self.x] = character
            self.x += 1

    def draw(self):
        """What has come since the last time, as far as it is whole."""
        while self.taken < len(self.raw):
            rest = self.raw[self.taken:]
            found = SEQUENCE.match(rest)
            if found:
                self.obey(found[1] or b"", found[2] or b"")
                self.taken += found.end()
                continue
            if rest[0] == 0x1b and len(rest) < 16:
                return
            size = 1 if rest[0] < 0xc0 else 2 if rest[0] < 0xe0 else 3 if rest[0] < 0xf0 else 4
            if size > len(rest):
                return
            self.put(rest[:size].decode("utf-8", "replace"))
            self.taken += size

    def read(self, seconds):
        if select.select([self.master], [], [], seconds)[0]:
            try:
                self.raw += os.read(self.master, 65536)
            except OSError:  # it has closed the terminal
                time.sleep(0.01)
            self.draw()

    def screen(self):
        return "\n".join("".join(line) for line in self.cells)

    def wait(self, *texts):
        """Until all of them are on the screen; which of them are not."""
        end = time.monotonic() + PATIENCE
        while time.monotonic() < end and not all(t in self.screen() for t in texts):
            self.read(0.05)
        missing = [t for t in texts if t not in self.screen()]
        if missing:
            print("# screen:\n# " + self.screen().replace("\n", "\n# "))
        return missing

    def key(self, keys, *texts):
        os.write(self.master, keys)
        return self.wait(*texts)

    def end(self):
        """Its exit status, or None if it does not end."""
        end = time.monotonic() + PATIENCE
        while time.monotonic() < end and self.status is None:
            self.read(0.05)
            pid, status = os.waitpid(self.pid, os.WNOHANG)
            if pid:
                self.status = os.waitstatus_to_exitcode(status)
        if self.status is None:
            os.kill(self.pid, signal.SIGKILL)
            os.waitpid(self.pid, 0)
        self.read(0)
        return self.status

    def restored(self):
        return termios.tcgetattr(self.master)[:6] == self.before[:6]


def left_over(raw):
    """Bytes a terminal acts on that are not of ncurses."""
    return CONTROL.findall(SEQUENCE.sub(b"", raw))


view = View("--sockets", "40")
check("it shows connections", view.wait("connections 40, by AGE", "10.0.0.1:8080", "LISTEN"), [])
check("how closely it looks", view.wait("can miss what lives <", "failed 0/"), [])
check("findings", view.wait("findings: 1", "high watch.\\x1b]0;OWNED\\x07"), [])
check("hostile names are escaped", view.wait("\\x1b]0;OWNED\\x07"), [])
check("Tab: processes", view.key(b"\t", "processes 3", "deleted", "/bin/web"), [])
check("Tab: connections", view.key(b"\t", "connections 40"), [])
check("a filter is typed", view.key(b"/8080", "1 of 40", "/8080_"), [])
check("... kept", view.key(b"\r", 'with "8080"', "q quit"), [])
check("... changed", view.key(b"/\x7f1", 'with "8081"', "connections 0 of 40"), [])
check("... cleared", view.key(b"\x1b", "connections 40, by AGE", "q quit"), [])
check("only listeners", view.key(b"l", "2 of 40, by AGE, listening"), [])
check("all again", view.key(b"l", "connections 40, by AGE"), [])
check("sort to the right", view.key(b">>", "by OUT"), [])
check("most first", view.wait("192.0.2.39:443"), [])
check("sort to the left", view.key(b"\x1bOD", "by IN"), [])
check("reversed", view.key(b"<r", "by AGE reversed"), [])
check("to the end", view.key(b"r\x1bOB\x1bOB", "connections 40, by AGE"), [])
for _ in range(4):
    os.write(view.master, b"\x1bOB" * 10)
check("rows scroll", view.wait("10.0.0.1:10039"), [])
check("the first is off the screen", "10.0.0.1:8080" in view.screen(), False)
check("paused", view.key(b"p", "PAUSED"), [])
for _ in range(5):
    view.read(0.1)
still = view.screen()
for _ in range(10):
    view.read(0.1)
check("the screen holds still", view.screen(), still)
check("goes on", (view.key(b"p"), view.wait("connections 40, by AGE\x20")), ([], []))
check("help", view.key(b"h", "Tab   connections, processes", "any key goes back"), [])
check("back", view.key(b" ", "connections 40"), [])
view.resize(200, 50)
check("wide", view.wait("CONTAINER", "HOLDERS", "q quit"), [])
view.resize(30, 10)
check("narrow", view.wait("LOCAL", "PID", "q quit"), [])
check("... has no room for more", "REMOTE" in view.screen(), False)
for columns, lines in ((1, 1), (3, 2), (5, 5), (300, 4), (2, 100)):
    view.resize(columns, lines)
    for _ in range(4):
        view.read(0.1)
view.resize(80, 24)
check("as before", view.wait("connections 40", "findings: 1", "q quit"), [])
check("q ends it", (view.key(b"q"), view.end()), ([], 0))
check("the terminal is as it was", view.restored())
check("no byte of the guest's drives the terminal", left_over(view.raw), [])
check("... nor do those that ncurses may use",
      [s for s in (b"\x1b]", b"\x1b[31m", b"\x1b[2J", b"\x07", "\u202e".encode()) if s in view.raw], [])
check("what was said is said again", b"watch: made-up: said \\x1b]0;OWNED" in view.raw)

for what, act in (("Ctrl-C", lambda v: v.key(b"\x03")),
                  ("SIGTERM", lambda v: os.kill(v.pid, signal.SIGTERM)),
                  ("SIGHUP", lambda v: os.kill(v.pid, signal.SIGHUP))):
    view = View(TERM="xterm")  # what it draws with is not all known here: words will do
    view.wait("findings: 1")
    act(view)
    check(what + " ends it", view.end(), 0)
    check("... and restores the terminal", (view.restored(), b"\x1b[?1049l" in view.raw), (True, True))

view = View("--seconds", "1")
check("it ends when its time is up", view.end(), 0)
view = View()
view.wait("connections 3")
os.close(view.master)
end = time.monotonic() + PATIENCE
gone = (0, 0)
while not gone[0] and time.monotonic() < end:
    time.sleep(0.05)
    gone = os.waitpid(view.pid, os.WNOHANG)
check("it ends with its terminal", gone[0] != 0)
if not gone[0]:
    os.kill(view.pid, signal.SIGKILL)

view = View("--fail")
check("samples that fail are told", view.wait("no sample for 2 s", "failed "), [])
check("... and it can be ended", (view.key(b"q"), view.end()), ([], 0))
view = View(LC_ALL="C")
view.wait("connections 3")
view.key(b"\t", "processes 3")
view.key(b"q")
check("plain ASCII for a plain locale", (view.end(), re.findall(rb"[\x80-\xff]", view.raw)), (0, []))
view = View("--sockets", "20000", columns=120)
check("what is beyond the bound is told", view.wait("connections 16384", "3616 sockets more"), [])
check("... and filtered in time", view.key(b"/192.0.2.7:443", " of 16384"), [])
view.key(b"\x1bq")
view.key(b"q")
check("... and ends", view.end(), 0)

view = View("--guests", "30", "--gone", columns=110)
check("several guests", view.wait("connections 87, by AGE", "GUEST", "and 27 more guests"), [])
check("what is gone comes first", view.wait("made-up-29\\x1b]0;OW+: gone\x20"), [])
check("sorted by guest", view.key(b"<" * 20, "by GUEST"), [])
check("a guest filtered", view.key(b"/made-up-17\r", "3 of 87", "made-up-17"), [])
check("... and ends", (view.key(b"q"), view.end()), ([], 0))
view = View(columns=160)
check("what was missed is told", view.wait("; seen 0/"), [])
check("... and ends", (view.key(b"q"), view.end()), ([], 0))

for term in ("dumb", "no-such-terminal"):
    view = View(TERM=term)
    check("TERM=" + term, (view.end(), b"--json" in view.raw, term.encode() in view.raw), (1, True, True))
done = subprocess.run([program], stdin=subprocess.DEVNULL, capture_output=True, text=True, check=False,
                      timeout=PATIENCE)
check("no terminal", (done.returncode, done.stdout, "--json" in done.stderr), (1, "", True))

print(f"1..{number}")
sys.exit(failed != 0)
