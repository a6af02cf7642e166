# SPDX-License-Identifier: MPL-2.0
"""What tools/compat found, compared test by test, and written as a page."""

import collections

WORDS = ("PASS", "FAIL", "SKIP")


class Comparison:
    """A suite's results on both kernels. parts: {part: (Tessera's, Linux's)}, None where it was not run."""

    def __init__(self, title, parts, reason_of):
        self.title, self.parts, self.reason_of = title, parts, reason_of

    def counts(self, part, kernel):
        about = self.parts[part][kernel]
        return collections.Counter(word for word, _ in about["results"].values()) if about else None

    def compared(self):
        """The parts that ran on both."""
        return [part for part, both in self.parts.items() if all(both)]

    def differences(self):
        """[(test, Linux's word, Tessera's word, what it said, reason)], what is worse here first."""
        found = []
        for part in self.compared():
            mine, theirs = (about["results"] for about in self.parts[part])
            for name in sorted({*mine, *theirs}):
                here, there = mine.get(name, ["-", self.parts[part][0]["died"]]), theirs.get(name, ["-", ""])
                if here[0] != there[0]:
                    found.append((name, there[0], here[0], here[1], self.reason_of(name) or self.reason_of(part)))
        return sorted(found, key=lambda row: (row[1] != "PASS", row[0]))

    def as_json(self):
        return {"title": self.title,
                "parts": {part: [dict(self.counts(part, k) or {}) for k in (0, 1)] for part in self.parts},
                "differences": [dict(zip(("test", "linux", "tessera", "said", "reason"), row)) for row in self.differences()]}


def cell(text):
    return text.replace("|", "\\|").replace("\n", " ")


def rows(comparison):
    total = [collections.Counter(), collections.Counter()]
    lines = ["| part | Tessera: passed | failed | skipped | Linux: passed | failed | skipped |", "|---|---:|---:|---:|---:|---:|---:|"]
    for part in comparison.compared():
        counts = [comparison.counts(part, kernel) for kernel in (0, 1)]
        for kernel in (0, 1):
            total[kernel] += counts[kernel]
        lines.append(f"| {part} | " + " | ".join(str(counts[k][word]) for k in (0, 1) for word in WORDS) + " |")
    lines.append("| **all** | " + " | ".join(f"**{total[k][word]}**" for k in (0, 1) for word in WORDS) + " |")
    return lines


def text(compared, arch, programs=""):
    lines = ["# Debian's programs and suites", "",
             "Made by `tools/compat`: test suites from Debian's packages, run in the guest on Tessera and on Debian's Linux kernel in",
             f"the same QEMU ({arch}), compared test by test. How: the head of `tools/compat`.", ""]
    if programs:
        lines += ["## Programs", "", "`tests/debian/programs.py --image base --table FILE`", "", programs, ""]
    for suite, comparison in compared.items():
        lines += [f"## {suite}: {comparison.title}", ""]
        if not comparison.compared():
            lines += ["Not run on both kernels yet.", ""]
            continue
        lines += rows(comparison)
        missing = [part for part in comparison.parts if part not in comparison.compared()]
        if missing:
            lines += ["", f"Not run on both kernels yet: {', '.join(missing)}."]
        lines += ["", "### Differences", ""]
        found = comparison.differences()
        if found:
            lines += ["| test | Linux | Tessera | reason |", "|---|---|---|---|"]
            lines += [f"| {cell(name)} | {theirs} | {mine} | {cell(reason) or '**unexplained**'} |"
                      for name, theirs, mine, _, reason in found]
        else:
            lines.append("None.")
        lines.append("")
    return "\n".join(lines)
