#!/usr/bin/env python3
# SPDX-License-Identifier: MPL-2.0
"""suite: busybox's own test suite (from Debian's source package), run by Debian's unmodified binary in the guest.

    suite.py                    on Tessera, compared with what the same run gave on Linux (linux-results.txt); TAP
    suite.py --linux --record   on Debian's Linux in QEMU; writes linux-results.txt
    suite.py --docs             also writes docs/busybox-suite.md: every difference
    suite.py --applets 'sed awk'
    suite.py --arch arm64

A test must pass here wherever it passes on Linux, on either architecture. Other options go to tools/run.
"""

import argparse
import json
import pathlib
import re
import shutil
import subprocess
import sys
import tempfile

HERE = pathlib.Path(__file__).resolve().parent
TOP = HERE.parent.parent
sys.path.insert(0, str(TOP / "tools"))
import arch as arches  # noqa: E402

RECORD = HERE / "linux-results.txt"
RESULT = re.compile(r"^(PASS|FAIL|SKIPPED|UNTESTED): (.*)$")


def fetch(*words):
    return pathlib.Path(subprocess.run([TOP / "tools/fetch", *words], stdout=subprocess.PIPE, text=True, check=True).stdout.strip())


def prepare(folder, arch):
    source = fetch("source", "busybox")
    suite = folder / "suite"
    shutil.copytree(source / "testsuite", suite / "testsuite")
    shutil.copy(source / "debian/config/pkg/static", suite / ".config")
    shutil.copy(fetch("deb", "busybox-static", "--arch", arches.ARCHES[arch].debian) / "bin/busybox", suite / "busybox")
    shutil.copy(HERE / "run-suite.sh", folder / "run-suite.sh")


def run(args, options):
    with tempfile.TemporaryDirectory(prefix="tessera-busybox-") as name:
        prepare(pathlib.Path(name), args.arch)
        command = [TOP / "tools/run", "--arch", args.arch, "--json", "--timeout", str(args.timeout), "--files", name, *options,
                   "--cmd", f"sh /files/run-suite.sh /files/suite {args.limit} {args.applets}"]
        if args.linux:
            command.append("--linux")
        done = subprocess.run(command, stdout=subprocess.PIPE, text=True, check=False)
        if not done.stdout:
            sys.exit(done.returncode or 1)
    return json.loads(done.stdout)


def read(output):
    """{'applet: test': result} and the applet in which it stopped, if it did."""
    results, applet, done, tail = {}, None, False, []
    for line in output.splitlines():
        tail = (tail + [line])[-15:]
        if line.startswith("## begin "):
            applet = line.split()[2]
        elif line.startswith("## end "):
            applet = None
        elif line == "## done":
            done = True
        elif applet and (match := RESULT.match(line)):
            key, number = f"{applet}: {match[2]}", 2
            while key in results:  # names may repeat
                key, number = f"{applet}: {match[2]} ({number})", number + 1
            results[key] = match[1]
    return results, None if done else (applet or "the beginning", tail)


def recorded():
    results = {}
    if RECORD.exists():
        for line in RECORD.read_text().splitlines():
            if not line.startswith("#"):
                result, key = line.split(" ", 1)
                results[key] = result
    return results


def write_docs(results, linux):
    differences = [(key, linux[key], results.get(key, "missing")) for key in linux if results.get(key) != linux[key]]
    counts = {kind: sum(1 for value in results.values() if value == kind) for kind in ("PASS", "FAIL", "SKIPPED", "UNTESTED")}
    failing = [key for key in linux if linux[key] == "FAIL"]
    lines = ["# busybox's test suite", "",
             "Made by `tests/busybox/suite.py --docs`. The suite of Debian's busybox source package, run by Debian's unmodified",
             "`busybox-static` in the guest, against the same run on Debian's Linux kernel (`tests/busybox/linux-results.txt`).", "",
             f"Tessera: {counts['PASS']} pass, {counts['FAIL']} fail, {counts['SKIPPED'] + counts['UNTESTED']} not applicable to this binary.",
             f"Linux: {sum(1 for v in linux.values() if v == 'PASS')} pass, {len(failing)} fail.", "", "## Differences", ""]
    if differences:
        lines += ["| test | Linux | Tessera |", "|---|---|---|"]
        lines += [f"| {key.replace('|', chr(92) + '|')} | {theirs} | {mine} |" for key, theirs, mine in differences]
    else:
        lines.append("None.")
    lines += ["", "## What fails on Linux too", "",
              "These depend on what the image lacks or on how Debian configured this binary; they say nothing about the kernel.", ""]
    lines += [f"- {key}" for key in failing]
    (TOP / "docs/busybox-suite.md").write_text("\n".join(lines) + "\n")


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    arches.add_option(parser)
    parser.add_argument("--linux", action="store_true")
    parser.add_argument("--record", action="store_true")
    parser.add_argument("--docs", action="store_true")
    parser.add_argument("--applets", default="")
    parser.add_argument("--limit", type=int, default=60, help="seconds an applet may take (default: %(default)s)")
    parser.add_argument("--timeout", type=float, default=600)
    args, options = parser.parse_known_args()
    result = run(args, options)
    results, stopped = read(result["output"])
    if args.record:
        header = "# busybox's suite on Debian's Linux in QEMU. Made by tests/busybox/suite.py --linux --record\n"
        RECORD.write_text(header + "".join(f"{value} {key}\n" for key, value in results.items()))
        print(f"recorded {len(results)} results in {result['seconds']:.0f} s")
        return 0
    linux = recorded()
    wanted = args.applets.split()
    count = failed = 0
    for key, theirs in linux.items():
        if wanted and key.split(":")[0] not in wanted:
            continue
        mine = results.get(key, "missing")
        count += 1
        if theirs in ("SKIPPED", "UNTESTED"):
            print(f"ok {count} - {key} # SKIP not in this binary")
        elif theirs == "FAIL":
            print(f"ok {count} - {key} # SKIP fails on Linux too")
        elif mine == "PASS":
            print(f"ok {count} - {key}")
        else:
            failed += 1
            print(f"not ok {count} - {key}\n# {mine}, but passes on Linux")
    if stopped:
        count += 1
        failed += 1
        print(f"not ok {count} - the suite ended in {stopped[0]}; its last words:")
        print("\n".join("#   " + line for line in stopped[1]))
    print(f"1..{count}")
    if args.docs:
        write_docs(results, linux)
    return 1 if failed else 0


if __name__ == "__main__":
    sys.exit(main())
