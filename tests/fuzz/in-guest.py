#!/usr/bin/env python3
# SPDX-License-Identifier: MPL-2.0
"""in-guest: random system calls in the guest for a while (tests/fuzz/random_calls.c). TAP.

    in-guest.py --seconds 600 --seed 1 [options of tools/run]

A failure names the seed of the round it happened in; start there to see it again.
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
    parser.add_argument("--seconds", type=int, default=20)
    parser.add_argument("--seed", type=int, default=1)
    args, options = parser.parse_known_args()
    command = [TOP / "tools/run", "--arch", args.arch, "--json", "--timeout", str(args.seconds + 90),
               "--files", arches.programs_of(args.arch) / "fuzz", *options,
               "--cmd", f"/files/random-calls {args.seed} {args.seconds}"]
    result = json.loads(subprocess.run(command, stdout=subprocess.PIPE, text=True, check=False).stdout)
    lines = result["output"].splitlines()
    if any(line.startswith("1..") for line in lines):
        print("\n".join(line for line in lines if not line.startswith("# seed")))
        return result["status"]
    print("not ok 1 - random system calls: the machine did not survive")
    print("\n".join("#   " + line for line in lines[-40:]))
    print("1..1")
    return 1


if __name__ == "__main__":
    sys.exit(main())
