# SPDX-License-Identifier: GPL-2.0-or-later
"""A Linux guest under QEMU whose memory is a file, with a root shell on its second serial line.

Many tests want the same guest, and its boot takes longer than most of them. Guest(saved=FOLDER) boots it
once, saves it in that folder as it is when its shell answers, and goes on from there, as does every later
one with the same kernel, initramfs and machine. That of most tests is TOCSIN_LIVE_STATES; without it each
boots. ./check empties it, so that each of its runs has kernels at new random addresses.

TOCSIN_LIVE_PROGRAMS has the programs of the guests that tests share, between colons.
"""
import base64
import contextlib
import fcntl
import glob
import gzip
import hashlib
import json
import os
import socket
import subprocess
import sys
import tempfile
import time

INIT = """#!/bin/busybox sh
/bin/busybox --install -s /bin
export PATH=/bin:/usr/bin:/usr/sbin
mount -t proc proc /proc
mount -t sysfs sys /sys
mount -t devtmpfs dev /dev
mount -t tmpfs tmp /tmp
ifconfig lo up
stty raw -echo -F /dev/ttyS1
while :; do cat /dev/ttyS1 | sh >/dev/ttyS1 2>&1; done
"""


# An archive of a folder; of the same files it is the same.
ARCHIVE = "find . -exec touch -hd @0 {} + && find . | LC_ALL=C sort | cpio -o -H newc --reproducible --quiet"


class Failed(Exception):
    """The guest does not do as it is told."""


def initrd(folder, files):
    """An initramfs with busybox, INIT, and files: {path in the guest: path here}; of the same files it is
    the same."""
    root = os.path.join(folder, "root")
    for name in ("bin", "proc", "sys", "dev", "tmp", "etc", "lib64"):
        os.makedirs(os.path.join(root, name), exist_ok=True)
    for path, source in dict(files, **{"/bin/busybox": "/bin/busybox"}).items():
        os.makedirs(os.path.dirname(root + path), exist_ok=True)
        subprocess.run(["cp", "-L", source, root + path], check=True)
    with open(root + "/init", "w") as f:
        f.write(INIT)
    os.chmod(root + "/init", 0o755)
    subprocess.run(ARCHIVE + " > ../initrd", shell=True, cwd=root, check=True)
    return os.path.join(folder, "initrd")


def extended(folder, image, files):
    """An initramfs of all that image has, and files: {path in the guest: path here}; of the same it is the
    same."""
    root, path = os.path.join(folder, "more"), os.path.join(folder, "extended")
    for name, source in files.items():
        os.makedirs(os.path.dirname(root + name), exist_ok=True)
        subprocess.run(["cp", "-L", source, root + name], check=True)
    more = subprocess.run(ARCHIVE, shell=True, cwd=root, check=True, capture_output=True).stdout
    subprocess.run(["cp", image, path], check=True)
    with open(path, "ab") as f:
        f.write(bytes(-f.tell() % 512) + more)
    return path


def libraries(program):
    """{path: path} of what the dynamic linker needs to run a program of this machine."""
    text = subprocess.run(["ldd", program], capture_output=True, text=True, check=False).stdout
    return {word: word for word in text.split() if word.startswith("/")}


def common(folder):
    """The initramfs of the guests that tests share: the programs of all of them, and some modules."""
    files = {}
    for path in os.environ.get("TOCSIN_LIVE_PROGRAMS", "").split(":"):
        library = path.endswith(".so")
        files[("/lib/" if library else "/bin/") + os.path.basename(path)] = path
        files.update({} if library else libraries(path))
    for kernel in os.environ["TOCSIN_LIVE_KERNELS"].split(":"):  # lab/fetch leaves them beside it
        release = os.path.basename(kernel).split("-", 1)[1]
        modules = f"{os.path.dirname(kernel)}/modules-{release}"
        files.update({f"/modules/{release}/{name}": f"{modules}/{name}" for name in os.listdir(modules)})
    return initrd(folder, files)


def written(file):
    """(offset, bytes) of each part of a file that was ever written: most of a guest's memory was not."""
    end = 0
    with contextlib.suppress(OSError):  # there is no more
        while True:
            start = os.lseek(file.fileno(), end, os.SEEK_DATA)
            end = os.lseek(file.fileno(), start, os.SEEK_HOLE)
            yield start, os.pread(file.fileno(), end - start, start)


def places(file, pattern):
    """The offsets in a file at which it is; each in what was read of the file at once."""
    for start, data in written(file):
        at = data.find(pattern)
        while at >= 0:
            yield start + at
            at = data.find(pattern, at + 1)


class Monitor:
    """A QMP client."""

    def __init__(self, path):
        self.socket = socket.socket(socket.AF_UNIX)
        self.socket.connect(path)
        self.file = self.socket.makefile("rw")
        self.file.readline()
        self.run("qmp_capabilities")

    def run(self, command, **arguments):
        json.dump({"execute": command, "arguments": arguments}, self.file)
        self.file.flush()
        while True:
            answer = json.loads(self.file.readline())
            if "error" in answer:
                raise RuntimeError(answer["error"]["desc"])
            if "return" in answer:
                return answer["return"]

    def close(self):
        self.file.close()
        self.socket.close()


MONTHS = 60 * 24 * 3600


def state_of(folder, ready, kernel, image, *machine):
    """Where the guest is saved, once it was booted, and ready(guest) is over, if need be."""
    os.makedirs(folder, exist_ok=True)
    version = subprocess.run(["qemu-system-x86_64", "--version"], capture_output=True, check=True).stdout
    what = repr((kernel, CPU, APPEND, version, machine))
    name = f"{folder}/{hashlib.sha256(what.encode()).hexdigest()[:16]}"
    with open(image, "rb") as file:
        path = f"{name}-{hashlib.file_digest(file, 'sha256').hexdigest()[:16]}"
    with open(name + ".lock", "w", encoding="ascii") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        if not os.path.exists(path):
            for old in glob.glob(folder + "/*-*"):  # of this one, or of what nobody boots any more
                if old.startswith(name) or os.path.getmtime(old) < time.time() - MONTHS:
                    os.unlink(old)
            with Guest(kernel, image, *machine) as guest:
                ready(guest)
                guest.save(path)
    return path


# What an emulator does byte by byte (REP MOVSB as the kernel's way to copy), or pays for at each switch
# (STAC, PCID), is left out: a guest then takes 60 % of the processor time. Where a test names a processor,
# it has all of it.
CPU = "max,erms=off,fsrm=off,smap=off,pcid=off,invpcid=off"
# On a busy host the kernel takes its timer for a broken one, and waits for it for ever.
APPEND = "console=ttyS0 panic=-1 quiet no_timer_check "
STATES = os.environ.get("TOCSIN_LIVE_STATES")
FILE = "memory-backend-file,share=on,mem-path={folder}/ram"
MEMFD = "memory-backend-memfd,share=on"


class Guest:
    """with Guest(kernel, initrd) as guest: guest.run("uname -r"); guest.ram is its memory, and
    guest.qmp and guest.other are its monitors."""

    def __init__(self, kernel, image, megabytes=512, options="", arguments=(), saved=None,
                 ready=lambda guest: None, backend=FILE):
        self.megabytes, self.backend = megabytes, backend
        self.qemu, self.folder, self.line, self.got, self.marks = None, None, None, b"", 0
        self.state = state_of(saved, ready, kernel, image, megabytes, options, arguments) if saved else None
        self.machine = ["-kernel", kernel, "-initrd", image, "-append", APPEND + options, *arguments]

    def start(self):
        # Memory, where there is room for it: what the guest writes need not go to a disk.
        room = os.statvfs("/dev/shm")
        self.folder = tempfile.TemporaryDirectory(
            dir="/dev/shm" if room.f_bavail * room.f_frsize > self.megabytes << 21 else None)
        name = self.folder.name
        self.ram, self.console = name + "/ram", name + "/console"
        self.qmp, self.other = name + "/qmp", name + "/other"  # each for one client at a time
        listener = socket.socket(socket.AF_UNIX)
        listener.bind(name + "/shell")
        listener.listen(1)
        listener.settimeout(30)
        memory = ["-machine", "memory-backend=pc.ram", "-object",
                  f"{self.backend.format(folder=name)},id=pc.ram,size={self.megabytes}M"]
        self.qemu = subprocess.Popen(
            ["qemu-system-x86_64", "-machine", "pc", "-m", str(self.megabytes), "-accel", "tcg", "-cpu", CPU,
             "-display", "none", "-serial", "file:" + self.console, "-chardev",
             f"socket,id=shell,path={name}/shell", "-serial", "chardev:shell", "-no-reboot", "-monitor",
             "none", "-qmp", f"unix:{self.qmp},server=on,wait=off", "-qmp",
             f"unix:{self.other},server=on,wait=off", *(memory if self.backend else []),
             *self.machine, *(["-incoming", "exec:cat " + self.state] if self.state else [])])
        with listener:
            self.line = listener.accept()[0]

    def __enter__(self):
        try:
            try:
                self.start()
                self.wait(200)
            except Failed as reason:  # a kernel now and then does not survive a machine that is too slow
                print(f"# booted again: {reason}", file=sys.stderr)
                self.stop()
                if self.state:  # which may be why
                    with contextlib.suppress(FileNotFoundError):
                        os.unlink(self.state)
                    self.state = None
                self.start()
                self.wait(400)
        except BaseException:
            self.stop()
            raise
        return self

    def wait(self, seconds):
        """Until the shell answers."""
        end = time.time() + seconds
        while time.time() < end:
            self.nudge(b'echo HEL""LO\n')
            if self.read_until(b"HELLO", 0.5) is not None:
                self.run("true")
                return
            if self.qemu.poll() is not None:
                break
        raise Failed(f"the guest does not start{self.where()}:\n"
                     + open(self.console, errors="replace").read()[-2000:])

    def where(self):
        """Where its first processor is: what hangs early has not said anything yet."""
        if self.qemu.poll() is not None:
            return f", QEMU ended with {self.qemu.returncode}"
        with contextlib.closing(Monitor(self.other)) as monitor:
            text = monitor.run("human-monitor-command", **{"command-line": "info registers"})
        return ", " + " ".join(word for word in text.split() if word.startswith(("RIP=", "RSP=", "HLT=")))

    def nudge(self, text):
        """Send it, unless nobody has read yet what was sent before, or nobody is there."""
        try:
            self.line.send(text, socket.MSG_DONTWAIT)
        except (BlockingIOError, TimeoutError, ConnectionError):
            pass

    def read_until(self, mark, seconds):
        """What comes before mark; None: it does not come. What follows it is kept."""
        end = time.time() + seconds
        while mark not in self.got and time.time() < end:
            self.line.settimeout(0.2)
            try:
                part = self.line.recv(65536)
            except TimeoutError:
                self.nudge(b"\n")  # the emulated line now and then sleeps over its output
                continue
            if not part:
                break
            self.got += part
        if mark not in self.got:
            return None
        text, self.got = self.got.split(mark, 1)
        return text.decode(errors="replace")

    def run(self, command, seconds=60):
        """What the command prints. A command that fails is Failed."""
        self.marks += 1
        mark = f"DONE-{self.marks}:"
        self.line.settimeout(seconds)
        self.line.sendall(f'{command}\necho "DO""NE-{self.marks}:$?:"\n'.encode())
        text = self.read_until(mark.encode(), seconds)
        status = self.read_until(b":", 10) if text is not None else None
        if text is None:
            raise Failed(f"no answer to: {command}\n"
                         + open(self.console, errors="replace").read()[-2000:])
        text = text.replace("\r", "")
        if status != "0":
            raise Failed(f"{command}: exit code {status}: {text}\n"
                         + open(self.console, errors="replace").read()[-500:])
        return text

    def run_long(self, command, seconds=60):
        """run(), where much is printed: packed, for each byte on the line costs the emulator time."""
        text = self.run(f"{{\n{command}\n}} >/tmp/long || {{ cat /tmp/long; false; }}\n"
                        "[ $? = 0 ] && gzip -1 </tmp/long | base64", seconds)
        return gzip.decompress(base64.b64decode(text)).decode(errors="replace")

    def put(self, source, path):
        """A file of this machine into the guest."""
        with open(source, "rb") as file:
            text = base64.encodebytes(gzip.compress(file.read())).decode()
        self.run(f"base64 -d <<END | gunzip >{path}\n{text}END")

    def save(self, path):
        """Into a file, and the guest ends."""
        with contextlib.closing(Monitor(self.other)) as monitor:
            monitor.run("migrate-set-parameters", **{"max-bandwidth": 1 << 40})
            monitor.run("migrate", uri=f"exec:cat >{path}.part")
            while (status := monitor.run("query-migrate")["status"]) != "completed":
                if status in ("failed", "cancelled"):
                    raise Failed("the guest cannot be saved")
                time.sleep(0.05)
        os.rename(path + ".part", path)

    def begin(self, command):
        """Start it in the background, wait until it prints READY; its PID, or the PID that it says."""
        text = self.run(f"rm -f /tmp/said; {command} > /tmp/said 2>&1 & echo $!; "
                        "for i in $(seq 100); do grep -q READY /tmp/said && break; sleep 0.1; done; "
                        "cat /tmp/said; grep -q READY /tmp/said")
        words = text.split()
        return int(words[words.index("PID") + 1]) if "PID" in words else int(words[0])

    def stop(self):
        if self.qemu:
            self.qemu.kill()
            self.qemu.wait()
        if self.line:
            self.line.close()
        if self.folder:
            self.folder.cleanup()
        self.qemu, self.line, self.folder, self.got = None, None, None, b""

    def __exit__(self, *unused):
        self.stop()


def shared(kernel, image, backend=FILE):
    """The guest that most tests run in: two processors, booted once."""
    return Guest(kernel, image, arguments=("-smp", "2"), saved=STATES, backend=backend)
