#!/usr/bin/env python3
# SPDX-License-Identifier: GPL-2.0-or-later
"""Answers that dom0 signed, forged, altered and replayed, given to tocsin-guest verify; and the key
as tocsin key show prints it. usage: test_verify.py SIGN_ANSWER TOCSIN_GUEST TOCSIN. Speaks TAP."""
import json
import subprocess
import sys
import tempfile

SIGN, GUEST, TOCSIN = sys.argv[1:4]
COUNT = 0
FAILED = 0


def case(name, good, note=""):
    global COUNT, FAILED
    COUNT += 1
    FAILED += not good
    print(f"{'' if good else 'not '}ok {COUNT} {name}")
    if not good:
        print("# " + str(note).replace("\n", " "))


def verify(answer, *options, key):
    text = answer if isinstance(answer, str) else json.dumps(answer)
    return subprocess.run([GUEST, "--key", key, "verify", *options], input=text + "\n",
                          capture_output=True, text=True, timeout=20)


def refused(run, word):
    return run.returncode == 7 and word in run.stderr and "genuine" not in run.stdout


def main():
    with tempfile.TemporaryDirectory() as folder:
        key, other = folder + "/key", folder + "/other"
        sign = [subprocess.run([SIGN, k], capture_output=True, text=True, check=True).stdout
                for k in (key, other)]
        answer = json.loads(sign[0])
        public = key + ".pub"
        run = verify(answer, key=public)
        case("genuine", run.returncode == 0 and run.stdout.startswith("genuine: clean, pid 4242"), run)
        run = verify(answer, key=open(public).read().strip())
        case("key as text", run.returncode == 0, run)
        run = verify(answer, "--nonce", answer["nonce"], "--domain", answer["domain_uuid"],
                     "--max-age", "300", key=public)
        case("as expected", run.returncode == 0, run)
        for name, value in answer.items():
            if name == "key_id":
                continue
            changed = dict(answer)
            if isinstance(value, int):
                changed[name] = value + 1
            else:
                changed[name] = ("1" if value[0] == "0" else "0") + value[1:]
            run = verify(changed, key=public)
            case(f"altered: {name}", refused(run, "FORGED"), run)
            del changed[name]
            run = verify(changed, key=public)
            case(f"without {name}", refused(run, "no usable " + name), run)
        run = verify(json.loads(sign[1]), key=public)
        case("forged with another key", refused(run, "FORGED"), run)
        run = verify(answer, "--nonce", "00" * 16, key=public)
        case("replayed to another request", refused(run, "REPLAYED"), run)
        run = verify(answer, "--domain", "0" * 32, key=public)
        case("of another domain", refused(run, "REPLAYED"), run)
        run = verify(subprocess.run([SIGN, key, "1000"], capture_output=True, text=True).stdout.strip(),
                     "--max-age", "300", key=public)
        case("replayed after a while", refused(run, "REPLAYED"), run)
        for text in ("", "[]", "{", "null", '{"state": "1"}', '{"state": -1}', "x" * 70000):
            run = verify(text, key=public)
            case(f"not an answer: {text[:12]!r}", run.returncode == 7 and run.stderr, run)
        for bad in ("zz", "00" * 31, "/nonexistent", "/dev/null"):
            run = verify(answer, key=bad)
            case(f"no key: {bad[:12]}", run.returncode == 2 and "no key" in run.stderr, run)
        run = subprocess.run([GUEST, "verify"], capture_output=True, text=True, input="")
        case("without a key", run.returncode == 2 and "needs --key" in run.stderr, run)
        run = subprocess.run([TOCSIN, "key", "show", "--key", key], capture_output=True, text=True)
        case("key show", run.returncode == 0 and open(public).read().strip() in run.stdout
             and answer["key_id"] in run.stdout, run)
        run = subprocess.run([TOCSIN, "key", "show", "--key", folder + "/none"], capture_output=True,
                             text=True)
        case("no key to show", run.returncode == 1 and "tocsind" in run.stderr, run)
    print(f"1..{COUNT}")
    sys.exit(FAILED != 0)


main()
