# SPDX-License-Identifier: MPL-2.0
"""Reading TAP: what a test program prints, alone or framed by tests/runner/run-tests.c in the guest."""

import re

RESULT = re.compile(r"^(not )?ok\b\s*\d*\s*(?:- )?(.*)$")
END = re.compile(r"^## end (\S+) status=(\d+) ms=(\d+)(.*)$")


class Tally:
    """Counts of checks, and the text of those that failed."""

    def __init__(self):
        self.passed = self.failed = self.skipped = 0
        self.failures = []

    def add(self, other):
        self.passed += other.passed
        self.failed += other.failed
        self.skipped += other.skipped
        self.failures += other.failures

    def fail(self, text):
        self.failed += 1
        self.failures.append(text)

    def __str__(self):
        return f"{self.passed} passed, {self.failed} failed, {self.skipped} skipped"


def read_program(name, lines, status):
    """The tally of one program. Ending badly, or before its plan, is a failure too."""
    tally = Tally()
    plan = None
    checks = 0
    for line in lines:
        line = line.rstrip()
        if line.startswith("1.."):
            plan = int(line[3:].split()[0])
        elif line.startswith("Bail out!"):
            tally.fail(f"{name}: {line}")
        elif line.startswith("#") and tally.failures:
            tally.failures[-1] += f"\n    {line}"
        elif match := RESULT.match(line):
            checks += 1
            if match[1] and "# TODO" not in match[2]:
                tally.fail(f"{name}: {match[2]}")
            elif "# SKIP" in match[2]:
                tally.skipped += 1
            else:
                tally.passed += 1
    if status == 124:
        tally.fail(f"{name}: did not end in time, after {checks} checks")
    elif plan is None or plan != checks:
        tail = "\n    ".join(line.rstrip() for line in lines[-3:])
        tally.fail(f"{name}: ended early, with status {status}, after {checks} checks\n    {tail}")
    elif status and not tally.failed:
        tally.fail(f"{name}: exit status {status}")
    return tally


def read_guest(text):
    """[(program, tally, seconds)] of a whole boot of run-tests, and what went wrong around them."""
    programs = []
    trouble = Tally()
    current, lines, done = None, [], False
    for line in text.splitlines():
        if line.startswith("## begin "):
            current, lines = line.split()[2], []
        elif match := END.match(line):
            tally = read_program(match[1], lines, int(match[2]))
            for leak in match[4].split():
                tally.fail(f"{match[1]}: {leak.replace('=', ' of ')}")
            programs.append((match[1], tally, int(match[3]) / 1000))
            current, lines = None, []
        elif line == "## done":
            done = True
        else:
            lines.append(line)
    if not done:
        where = f"during {current}" if current else "between tests"
        tail = "\n    ".join(lines[-25:])
        trouble.fail(f"the guest ended {where}; its last words:\n    {tail}")
    return programs, trouble
