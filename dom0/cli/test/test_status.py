#!/usr/bin/env python3
# SPDX-License-Identifier: GPL-2.0-or-later
"""tocsin status with a daemon that is made up: test_status.py TOCSIN."""
import json
import os
import socket
import subprocess
import sys
import tempfile
import threading

from tap import check, finish

tocsin = sys.argv[1]
folder = tempfile.TemporaryDirectory()
path = os.path.join(folder.name, "api.sock")
counters = {"accepted": 12, "verdicts": 9, "answered": 8, "errors": 1, "lost_queue": 3, "lost_buffer": 0}
STATUS = {"schema": 1, "version": "9.9", "started": 1000, "now": 1000 + 86400 + 3661, "perceives": True,
          "waiting": 4, "in_work": 1, "capacity": 100, "unlogged": 0, "rules": 7, "counters": counters,
          "guests": [{"id": 3, "name": "sh\x1b[2Jop", "on": True, "rate": 50, "worker": 77, "waiting": 4,
                      "in_work": 1, "counters": counters}]}


def serve(requests):
    """Answer the requests of one connection, each with its lines, then close. Returns a thread, and what
    was asked."""
    server = socket.socket(socket.AF_UNIX)
    if os.path.exists(path):
        os.unlink(path)
    server.bind(path)
    server.listen(1)
    asked = []

    def answer_all():
        connection = server.accept()[0]
        with connection, connection.makefile("rwb") as stream:
            for lines in requests:
                asked.append(json.loads(stream.readline()))
                for line in lines:
                    stream.write(line if isinstance(line, bytes) else json.dumps(line).encode() + b"\n")
                stream.flush()
        server.close()

    thread = threading.Thread(target=answer_all)
    thread.start()
    return thread, asked


def run(command, requests, *args):
    thread, asked = serve(requests)
    done = subprocess.run([tocsin, command, *args, "--socket", path], capture_output=True, text=True,
                          timeout=60, check=False)
    thread.join()
    return asked, done.returncode, done.stdout, done.stderr


def status(answers, *args):
    """By one request."""
    asked, code, out, err = run("status", [answers], *args)
    return asked[0]["method"], code, out, err


def result(value):
    return {"jsonrpc": "2.0", "id": 1, "result": value}


method, code, out, err = status([result(STATUS)])
check("status is asked for", (method, code, err), ("status", 0, ""))
check("how long it runs", "9.9, running for 1 d 1:01:01" in out, True)
check("what was lost", "lost       3 (queue)\n" in out, True)
check("the queue", "queue      4 of 100, and 1 with workers" in out, True)
check("a guest's line", out.splitlines()[-1].split(), ["3", "sh\\x1b[2Jop", "50", "77", "5", "12", "9", "1", "3"])
method, code, out, err = status([result(STATUS)], "--json")
check("as JSON", json.loads(out), STATUS)
method, code, out, err = status([result("# TYPE x\nx 1\n")], "--metrics")
check("metrics", (method, code, out), ("metrics", 0, "# TYPE x\nx 1\n"))
method, code, out, err = status([result(True),
                                 {"jsonrpc": "2.0", "method": "event", "params": {"kind": "verdict"}},
                                 {"jsonrpc": "2.0", "method": "missed", "params": {"events": 5}}], "--follow")
check("events", (method, out), ("subscribe", '{"kind":"verdict"}\n'))
check("events that were missed, and the end", (code, "5 events were missed" in err, "closed" in err), (1, True, True))
method, code, out, err = status([{"jsonrpc": "2.0", "id": None,
                                  "error": {"code": -32001, "message": "not permitted"}}])
check("not permitted", (code, err), (1, "tocsin status: tocsind: not permitted\n"))
for name, answer in (("nothing", []), ("no JSON", [b"hello\n"]), ("an array", [b"[]\n"])):
    code = status(answer)[1]
    check("what answers says " + name, code, 1)
method, code, out, err = status([result({"guests": 3, "counters": [], "version": 7})])
check("a status of other types", code, 0)


def daemon(requests, *args):
    """More than one request: they are read as the answers are written."""
    asked, code, out, err = run("daemon", requests, *args)
    return asked, code, out.splitlines(), err


def told(**params):
    return {"jsonrpc": "2.0", "method": "event", "params": params}


asked, code, out, err = daemon([[result(True)]], "reload")
check("reload", ([a["method"] for a in asked], code, out, err), (["reload"], 0, [], ""))
asked, code, out, err = daemon([[{"id": 1, "error": {"message": "conf:2: log: no"}}]], "reload")
check("reload, a mistake", (code, err), (1, "tocsin daemon: tocsind: conf:2: log: no\n"))
swept = told(kind="verdict", swept=True)
for end, expected in ((told(kind="sweep", domain="shop", scanned="3 processes"), 0),
                      (told(kind="sweep", domain="shop", reason="gone"), 1)):
    asked, code, out, err = daemon([[result(True)], [result(True), told(kind="verdict"), swept, told(
        kind="sweep", domain="other", scanned="1"), end]], "scan", "shop")
    check("scan", ([a["method"] for a in asked], asked[1]["params"], code), (["subscribe", "scan"], {
        "guest": "shop"}, expected))
    check("what it prints", [json.loads(line) for line in out], [swept["params"], end["params"]])
asked, code, out, err = daemon([[result(True)], [result(True)]], "scan", "shop")
check("scan, and the daemon ends", code, 1)
os.unlink(path)
done = subprocess.run([tocsin, "status", "--socket", path], capture_output=True, text=True, timeout=60, check=False)
check("nobody there", (done.returncode, "is it running" in done.stderr), (1, True))
for args in ([], ["scan"], ["reload", "now"], ["sing"]):
    check("daemon, usage: " + " ".join(args), subprocess.run([tocsin, "daemon", *args], capture_output=True,
                                                             timeout=60, check=False).returncode, 2)
for args in (["--json", "--follow"], ["--xml"], ["--socket"]):
    check("usage: " + " ".join(args), subprocess.run([tocsin, "status", *args], capture_output=True, timeout=60,
                                                     check=False).returncode, 2)
finish()
