#!/usr/bin/env python3
# SPDX-License-Identifier: MPL-2.0
"""libuv: in the guest, runs libuv's own tests of one subject and says what became of each (tools/compat reads it).

    libuv.py LIMIT SUBJECT      LIMIT: seconds that a test may take

A test's subject is the first word of the file that it is in (test-tcp-close.c: tcp), or `other` if that is none of SUBJECTS.
"""

import re
import subprocess
import sys

import session

SUBJECTS = ("fs", "tcp", "spawn", "udp", "tty", "ref", "pipe", "timer", "ipc", "poll", "signal", "fork", "threadpool", "thread", "loop")
TIMES = "4"  # what libuv's own limit is multiplied by: nothing is quick in an emulated machine
RESULT = re.compile(r"^(not )?ok \d+ - \S+( # SKIP ?(.*))?$", re.M)


def subject(file):
    word = file.split("-")[0]
    return word if word in SUBJECTS else "other"


def judge(status, said):
    """(PASS, FAIL or SKIP; why)"""
    match = RESULT.search(said)
    if status is None or not match or match[1]:
        return "FAIL", f"{'did not end' if status is None else f'status {status}'}: {said}"
    return ("SKIP", match[3] or "") if match[2] else ("PASS", "")


def main():
    limit, wanted = float(sys.argv[1]), sys.argv[2]
    folder = session.place("/files/libuv", "libuv-tests")
    with open(f"{folder}/tests") as lines:
        files = {name: file for file, name in map(str.split, lines)}
    listed = subprocess.run([f"{folder}/uv_run_tests", "--list"], env={"UV_RUN_AS_ROOT": "1"}, stdout=subprocess.PIPE, text=True, check=True)
    for name in (line.split()[0] for line in listed.stdout.splitlines()):
        if subject(files.get(name, "")) == wanted:
            status, said = session.run([f"{folder}/uv_run_tests", name], limit, folder, UV_TEST_TIMEOUT_MULTIPLIER=TIMES,
                                       RES_OPTIONS="attempts:0")
            word, why = judge(status, said)
            session.tell(word, f"{wanted}.{name}", why)


if __name__ == "__main__":
    main()
