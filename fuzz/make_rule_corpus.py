#!/usr/bin/env python3
# SPDX-License-Identifier: GPL-2.0-or-later
"""Writes the first inputs of fuzz_rules and fuzz_rule_events, the same each time."""
import pathlib

HERE = pathlib.Path(__file__).resolve().parent / "corpus"
HEAD = 'name = "r"; sentence = "{comm} {count}"; why = "w"; severity = "high";'
RULES = {
    "conditions": f"""lists = ( {{ name = "n"; type = "networks"; values = [ "10.0.0.0/8", "fc00::/7" ]; }},
 {{ name = "p"; type = "ports"; values = ( 22, "80-90" ); }}, {{ name = "t"; type = "texts"; values = "s*"; }} );
rules = ( {{ {HEAD} certainty = "low"; technique = "T1046"; enabled = true; once = "remote";
 when = {{ kinds = [ "opened", "held" ]; initial = false; process = {{ comm = [ "@t", "bash" ]; exe = "/bin/*";
 uid = [ "0-9" ]; exe_deleted = true; exe_memfd = false; stdin_socket = true; kernel_thread = false;
 in_container = false; }}; other = {{ comm = "?h"; }}; socket = {{ protocol = "tcp"; state = "ESTABLISHED";
 direction = "out"; local = "@n"; remote = "198.51.100.0/24"; remote_port = "1-65535"; }}; }};
 exceptions = ( {{ socket = {{ remote_port = "@p"; }}; }} ); }} );""",
    "over-time": f"""rules = ( {{ {HEAD} when = {{ kinds = "opened"; }}; fanout = {{ of = "remote_port"; at_least = 3; within = 60; }}; }},
 {{ {HEAD.replace('"r"', '"s"')} when = {{ kinds = "opened"; }}; beacon = {{ by = "exe"; at_least = 4; jitter = 9; shortest = 2; longest = 99; }}; }},
 {{ {HEAD.replace('"r"', '"t"')} when = {{ kinds = "closed"; }}; rate = {{ by = "guest"; at_least = 9; within = 99; }}; }} );""",
    "site": f"""rules = ( {{ {HEAD} when = {{ kinds = "ring"; }}; }} );
exceptions = ( {{ rules = [ "r*" ]; process = {{ uid = 5; }}; }} ); disable = "*"; enable = [ "r" ];""",
    "replaced": f"""rules = ( {{ {HEAD} when = {{ kinds = "ring"; }}; }}, {{ {HEAD} when = {{ kinds = "held"; }}; }} );
lists = ( {{ name = "l"; type = "users"; values = 1; }}, {{ name = "l"; type = "users"; replace = true; values = 2; }} );""",
    "partly-broken": f"""lists = ( {{ name = "l"; type = "ports"; values = [ 1, 99999 ]; }}, {{ name = "f"; type = "texts"; file = "f"; }} );
rules = ( {{ {HEAD} what = 1; }}, {{ {HEAD} when = {{ kinds = "opened"; socket = {{ local_port = "@l"; }}; }}; }},
 {{ {HEAD} when = {{ kinds = "closed"; process = {{ comm = "*****"; }}; }}; }}, {{ {HEAD} when = {{ kinds = "exited"; }}; }} );""",
    "include": '@include "/etc/hostname"\nrules = ( );',
    "deep": "a = " + "(" * 4000,
    "deep-closed": "a = " + "(" * 900 + ")" * 900 + ";",
    "no-end": 'rules = ( { name = "abc',
    "zero": "a = 1;\0",
    "huge-number": "rules = ( { at_least = 99999999999999999999L; uid = 0xffffffffffffffff; } );",
}


def event(kind, flags=0, pid=1, start=0, number=0, family=0, type_=1, state=1, local=40, remote=80,
          address=10, wait=100, text=0x15, to=7, last=0):
    # type_ 25 is a stream of TCP: the protocol is a quarter of it
    return bytes([kind, flags, pid, start, number, family, type_, state, local, remote, address,
                  wait >> 8, wait & 255, text, to, last])


OPENED, ACCEPTED, LISTENING, HELD = 4, 5, 7, 9
EVENTS = {
    "beacon": b"".join(event(OPENED, number=i, wait=1000) for i in range(20)),
    "scan": b"".join(event(OPENED, number=i, remote=i) for i in range(40)),
    "sweep": b"".join(event(OPENED, number=i % 250, to=i % 250, pid=i % 9, wait=1) for i in range(300)),
    "doors": b"".join(event(ACCEPTED, local=i, number=i, flags=64) for i in range(10)),
    "clock-back": b"".join(event(OPENED, number=i, last=255 * (i == 9)) for i in range(20)),
    "nobody": b"".join(event(OPENED, number=i, flags=2) for i in range(9)),
    "no-socket": b"".join(event(1 + i % 3, flags=32) for i in range(9)),
    "kinds": b"".join(event(i) for i in range(16)),
    "families": b"".join(event(HELD, family=i % 6, type_=i * 5, last=i * 9, number=i) for i in range(28)),
    "mapped": b"".join(event(OPENED, family=1, last=1, number=i) for i in range(4)),
    "pids-again": b"".join(event(LISTENING, start=i, text=i) for i in range(8)),
    "initial": b"".join(event(OPENED, flags=1, remote=i) for i in range(9)),
}
for name, files in (("rules", {k: v.encode() for k, v in RULES.items()}), ("rule_events", EVENTS)):
    folder = HERE / name
    folder.mkdir(parents=True, exist_ok=True)
    for file, content in files.items():
        (folder / file).write_bytes(content)
