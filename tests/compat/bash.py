#!/usr/bin/env python3
# SPDX-License-Identifier: MPL-2.0
"""bash: in the guest, runs one of bash's own tests, tests/run-NAME, and says what became of it (tools/compat reads it).

    bash.py LIMIT NAME      LIMIT: seconds that it may take

It passes if the shell wrote what NAME.right says: the test compares them itself, and shows the lines that differ.
"""

import os
import re
import shutil
import sys

import session

DIFFERS = re.compile(r"^(?:[<>] .*|Binary files .*)$", re.M)  # lines of diff


def add_locales():
    for name in os.listdir("/files/bash/locale"):
        if not os.path.exists(f"/usr/lib/locale/{name}"):
            shutil.copytree(f"/files/bash/locale/{name}", f"/usr/lib/locale/{name}")


def main():
    limit, name = float(sys.argv[1]), sys.argv[2]
    add_locales()
    top = session.place("/files/bash", "bash-tests")
    status, said = session.run(["sh", f"./run-{name}"], limit, f"{top}/tests", THIS_SH="/bin/bash", BUILD_DIR=top,
                               BASH_TSTOUT=f"{top}/written-{name}", PATH=f"{top}/tests:{os.environ['PATH']}")
    differing = DIFFERS.findall(said)
    if status == 0 and not differing:
        session.tell("PASS", name)
    else:
        session.tell("FAIL", name, "did not end" if status is None else "\n".join(differing) or f"status {status}: {said}")


if __name__ == "__main__":
    main()
