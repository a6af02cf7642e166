#!/usr/bin/env python3
# SPDX-License-Identifier: MPL-2.0
"""perl: in the guest, runs perl's own tests of a folder, or whose names begin as asked, and says what became of each file
(tools/compat reads it).

    perl.py LIMIT BEGINNING      LIMIT: seconds that a file may take; BEGINNING: io, op/a ...

A file of tests passes if none of its tests fails and it gets to the end of its plan. There are 300,000 tests, so those that pass
are not told one by one; those that fail are (FILE:NUMBER), so that two files that fail can be compared.
"""

import glob
import os
import re
import shutil
import subprocess
import sys

import session

RESULT = re.compile(r"^(not )?ok\b *(\d*)(.*)$")
SLOWER = "20"  # what perl's own watchdogs are multiplied by: nothing is quick in an emulated machine


def place():
    """The folder of the tests as in perl's built tree: the modules in ../lib, the interpreter in ../perl and ./perl."""
    top = session.place("/files/perl", "perl-tests")
    if not os.path.isdir(f"{top}/lib"):
        asked = subprocess.run(["perl", "-MConfig", "-e", "print join ' ', grep { /perl-base/ } @INC; print qq( $Config{archlibexp} $Config{privlibexp})"],
                               stdout=subprocess.PIPE, text=True, check=True)
        for folder in asked.stdout.split():
            shutil.copytree(folder, f"{top}/lib", dirs_exist_ok=True)
        for name in ("perl", "t/perl"):
            os.symlink("/usr/bin/perl", f"{top}/{name}")
        session.give(top)
    return f"{top}/t"


def switches(path):
    """Those of perl's in the file's first line that must be given on the command line, too."""
    with open(path, "rb") as file:
        match = re.match(rb"#!.*perl.* (-\w*[Tt]\w*)", file.readline())
    return [match[1].decode()] if match else []


def judge(status, said):
    """(PASS, FAIL or SKIP; why; {number of a test that failed: its name})"""
    plan, seen, failed = None, 0, {}
    for line in said.splitlines():
        if match := re.match(r"1\.\.(\d+)(?: *# *skip(?:ped)?:? *(.*))?", line, re.I):
            plan = int(match[1])
            if plan == 0:
                return "SKIP", match[2] or "", {}
        elif match := RESULT.match(line):
            seen += 1
            if match[1] and "# TODO" not in match[3]:
                failed[match[2] or str(seen)] = match[3]
    if status == 0 and plan == seen and not failed:
        return "PASS", "", {}
    how = "did not end" if status is None else f"status {status}, {seen} tests of {plan}, {len(failed)} failed"
    return "FAIL", f"{how}: {said[-300:]}", failed


def main():
    limit, beginning = float(sys.argv[1]), sys.argv[2]
    folder = place()
    for path in sorted(glob.glob(f"{folder}/{beginning}{'' if '/' in beginning else '/'}*.t")):
        file = os.path.relpath(path, folder)
        status, said = session.run(["./perl", *switches(path), "-I../lib", file], limit, folder, PERL_TEST_TIME_OUT_FACTOR=SLOWER, PERL_CORE="1")
        word, why, failed = judge(status, said)
        name = file.removesuffix(".t")
        session.tell(word, name, why)
        for number, text in failed.items():
            session.tell("FAIL", f"{name}:{number}", text)


if __name__ == "__main__":
    main()
