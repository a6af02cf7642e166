#!/usr/bin/env python3
# SPDX-License-Identifier: MPL-2.0
"""stress-ng: in the guest, runs one of stress-ng's stressors and says what became of it (tools/compat reads it).

    stress-ng.py LIMIT STRESSOR      LIMIT: seconds that it may take

One instance runs for SECONDS, and checks what it does (--verify). It passes if stress-ng says so; it is skipped if stress-ng
says that the kernel or the machine has not got what it stresses. So are those that it does only when asked twice (--pathological), as they may hang a machine or reboot it. One that goes on for LIMIT
seconds fails: then something hangs.
"""

import os
import re
import shutil
import signal
import subprocess
import sys
import tempfile

SECONDS = 2
SKIPPED = {3: "no resource", 4: "not implemented"}  # stress-ng's exit statuses


def run(stressor, limit, place, out):
    """stress-ng's exit status, or None if it had to be killed."""
    command = ["stress-ng", f"--{stressor}", "1", "--verify", "--timeout", str(SECONDS), "--temp-path", place, "--no-rand-seed"]
    child = subprocess.Popen(command, stdin=subprocess.DEVNULL, stdout=out, stderr=out, start_new_session=True, cwd=place)
    try:
        return child.wait(limit)
    except subprocess.TimeoutExpired:
        return None
    finally:
        try:
            os.killpg(child.pid, signal.SIGKILL)
        except ProcessLookupError:
            pass
        child.wait()


def judge(status, said):
    """(PASS, FAIL or SKIP; why)"""
    words = [line.strip() for line in said.splitlines() if re.search(r"\b(fail|error|warn|skipp|disabled|terminated|unsuccess)", line)]
    why = " | ".join(re.sub(r"^stress-ng: (\w+): +\[\d+\] *", r"\1: ", line) for line in words)[-400:]
    if status is None:
        return "FAIL", f"did not end: {said[-300:]}"
    if status in SKIPPED or "No stress workers invoked" in said:
        return "SKIP", why or SKIPPED.get(status, "")
    return ("PASS", "") if status == 0 else ("FAIL", f"status {status}: {why}")


def main():
    limit, stressor = float(sys.argv[1]), sys.argv[2]
    place = tempfile.mkdtemp(prefix="stress-")
    os.chmod(place, 0o777)
    with tempfile.TemporaryFile() as out:
        status = run(stressor, limit, place, out)
        out.seek(0)
        word, why = judge(status, out.read().decode(errors="replace"))
    shutil.rmtree(place, ignore_errors=True)
    print(f"## {word} {stressor}\t" + why.replace("\n", " | ").replace("\t", " "), flush=True)


if __name__ == "__main__":
    main()
