#!/usr/bin/env python3
# SPDX-License-Identifier: MPL-2.0
"""stress: long loads in the guest that must leave free memory and the counters of live objects where they were. TAP.

    stress.py             10,000 fork+exec, five minutes of hackbench-like load, as long of what
                          tests/system/weak_memory.c does, and 20,000 servers killed at random points of calls
                          (tests/system/native_calls.c, native_replies.c), on 4 CPUs
    stress.py --short     500, ten seconds of each, and 1,000
    stress.py --minutes N --count N
"""

import argparse
import json
import pathlib
import subprocess
import sys

TOP = pathlib.Path(__file__).resolve().parent.parent.parent
sys.path.insert(0, str(TOP / "tools"))
import arch as arches  # noqa: E402


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    arches.add_option(parser)
    parser.add_argument("--short", action="store_true")
    parser.add_argument("--minutes", type=float, default=5)
    parser.add_argument("--count", type=int, default=10000)
    parser.add_argument("--linux", action="store_true")
    args = parser.parse_args()
    count, seconds = (500, 10) if args.short else (args.count, int(args.minutes * 60))
    number = failed = 0
    programs = arches.programs_of(args.arch)
    loads = [(programs / "stress", f"stress exec {count}"), (programs / "stress", f"stress hackbench {seconds}"),
             (programs / "bin/tests", f"weak_memory {seconds}")]
    if not args.linux:
        loads += [(programs / "bin/tests", f"native_calls {count}"), (programs / "bin/tests", f"native_replies {count}")]
    for folder, load in loads:
        command = [TOP / "tools/run", "--json", "--arch", args.arch, "--smp", "4", "--timeout",
                   str(1.2 * seconds + count / 3 + 120), "--files", folder, "--cmd", f"/files/{load}"]
        if args.linux:
            command.append("--linux")
        result = json.loads(subprocess.run(command, stdout=subprocess.PIPE, text=True, check=False).stdout)
        checks = 0
        for line in result["output"].splitlines():
            if line.startswith(("ok ", "not ok ")):
                number += 1
                checks += 1
                failed += line.startswith("not")
                print(line.split(" - ")[0].rsplit(" ", 1)[0], number, "-", f"{load}:", line.split(" - ", 1)[1])
            elif not line.startswith("1.."):
                print("# " + line)
        if checks < 2 or result["status"] > 1:
            number += 1
            failed += 1
            print(f"not ok {number} - {load}: ended with status {result['status']}")
    print(f"1..{number}")
    return 1 if failed else 0


if __name__ == "__main__":
    sys.exit(main())
