# SPDX-License-Identifier: GPL-2.0-or-later
"""What goes on beside an attack: a web server with clients, PHP, a database, logs, and a build."""
import random

LIBRARIES = [("/etc/ld.so.cache", 70), ("/lib/x86_64-linux-gnu/libc.so.6", 71),
             ("/lib/x86_64-linux-gnu/libz.so.1", 72), ("/usr/lib/locale/C.utf8/LC_CTYPE", 73)]


class Noise:
    """Lines of events in (time, text), of a guest that has been up since second 0."""

    def __init__(self, seconds, seed=1):
        self.random = random.Random(seed)
        self.lines = []
        self.seconds = seconds
        self.open, self.pid, self.inode, self.port = 10000, 20000, 100000, 1024

    def say(self, time, text):
        self.lines.append((round(time, 6), text))

    def started(self, time, parent, pid, comm, exe, inode):
        self.say(time, f"created who={parent} other={pid}:{comm}")
        self.say(time + .001, f"executed who={pid}:{comm} exe={exe} file={exe} ino={inode}")
        for i, (path, number) in enumerate(LIBRARIES):
            self.used(time + .002 + i * .001, "read", f"{pid}:{comm}", path, number, .0005)

    def used(self, time, kind, who, path, inode, seconds, value=0):
        """Open a file, read or write it, and let it go."""
        self.open += 1
        of = f"file={path} ino={inode} open={self.open}"
        self.say(time, f"opened who={who} {of} value={value}")
        self.say(time + seconds / 10, f"{kind} who={who} {of}")
        self.say(time + seconds, f"released who={who} {of}")

    def system(self):
        for pid, comm, inode in ((500, "rsyslogd", 80), (600, "cron", 81), (700, "sshd", 82),
                                 (800, "nginx", 83), (810, "php-fpm", 84),
                                 (820, "app-db", 85), (830, "redis-server", 86), (840, "app", 87)):
            self.started(pid / 1000, "1:init", pid, comm, f"/usr/sbin/{comm}", inode)
        self.say(2, "written who=500:rsyslogd file=/var/log/auth.log ino=61 open=1")
        self.say(2, "written who=800:nginx file=/var/log/nginx/access.log ino=63 open=2")
        self.say(2, "written who=820:app-db file=/var/lib/app/db ino=60 open=3")
        self.say(2.1, "released file=/var/lib/app/db ino=60 open=3")
        for second in range(10, self.seconds, 60):
            self.used(second, "read", "600:cron", "/etc/crontab", 74, .01)
            self.say(second + .1, "shared who=600:cron other=500:rsyslogd")

    def request(self, time):
        """A client of the web server; every third is PHP's, which asks redis."""
        self.port += 1
        ends = f"local=10.0.0.5:80 remote=192.0.2.{self.random.randrange(1, 60)}:{self.port}"
        self.say(time, f"accepted who=800:nginx {ends}")
        self.say(time + .001, f"received who=800:nginx {ends}")
        if self.port % 3:
            page = self.random.randrange(40)
            self.used(time + .002, "read", "800:nginx", f"/var/www/{page}.html", 300 + page, .001)
        else:
            self.say(time + .002, "shared who=800:nginx other=810:php-fpm")
            self.used(time + .003, "read", "810:php-fpm", "/var/www/index.php", 299, .001)
            self.say(time + .004, "shared who=810:php-fpm other=830:redis-server")
            self.say(time + .005, "shared who=830:redis-server other=810:php-fpm")
            self.say(time + .006, "shared who=810:php-fpm other=800:nginx")
        self.say(time + .007, f"sent who=800:nginx {ends}")
        self.say(time + .01, f"closed {ends} sent=5000 received=400")

    def compile(self, time, make, which):
        """make starts cc, whose parts hand on through a temporary file."""
        cc, one, two = self.pid + 1, self.pid + 2, self.pid + 3
        self.pid += 3
        self.inode += 2
        temporary = f"/tmp/cc{self.inode}.s"
        self.started(time, make, cc, "cc", "/usr/bin/cc", 54)
        self.started(time + .02, f"{cc}:cc", one, "cc1", "/usr/lib/cc1", 88)
        for header in range(12):
            self.used(time + .03 + header * .001, "read", f"{one}:cc1",
                      f"/usr/include/{header}.h", 400 + header, .0005)
        self.used(time + .05, "read", f"{one}:cc1", f"/src/{which}.c", 500 + which, .001)
        self.used(time + .06, "written", f"{one}:cc1", temporary, self.inode, .01, 65)
        self.say(time + .08, f"exited who={one}:cc1")
        self.started(time + .09, f"{cc}:cc", two, "as", "/usr/bin/as", 89)
        self.used(time + .1, "read", f"{two}:as", temporary, self.inode, .01)
        self.used(time + .12, "written", f"{two}:as", f"/src/{which}.o", 600 + which, .01)
        self.say(time + .14, f"exited who={two}:as")
        self.say(time + .15, f"unlinked who={cc}:cc file={temporary} ino={self.inode} deleted")
        self.say(time + .16, f"exited who={cc}:cc")

    def build(self, time, files):
        self.pid += 1
        make = f"{self.pid}:make"
        self.started(time, "1:init", self.pid, "make", "/usr/bin/make", 90)
        for which in range(files):
            self.compile(time + 1 + which, make, which)

    def all(self):
        self.system()
        time = 5.0
        while time < self.seconds:
            time += self.random.expovariate(4)
            self.request(time)
        for time in range(20, self.seconds - 80, 120):
            self.build(time, 60)
        return self.lines
