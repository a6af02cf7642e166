# SPDX-License-Identifier: MPL-2.0
"""What tools/compat found, compared test by test, and written as a page."""

import collections

WORDS = ("PASS", "FAIL", "SKIP")


class Comparison:
    """A suite's results on both kernels. parts: {part: (Tessera's, Linux's)}, None where it was not run; reason_of(test): (pattern,
    reason) of what reasons.conf says, or empty; fold: the parts are many and small, so only their sum is shown."""

    def __init__(self, title, parts, reason_of, fold=False):
        self.title, self.parts, self.reason_of, self.fold = title, parts, reason_of, fold

    def counts(self, part, kernel):
        about = self.parts[part][kernel]
        return collections.Counter(word for word, _ in about["results"].values()) if about else None

    def compared(self):
        """The parts that ran on both."""
        return [part for part, both in self.parts.items() if all(both)]

    def differences(self):
        """[(test, Linux's word, Tessera's word, what it said, (pattern, reason))], what is worse here first."""
        found = []
        for part in self.compared():
            mine, theirs = (about["results"] for about in self.parts[part])
            for name in sorted({*mine, *theirs}):
                here, there = mine.get(name, ["-", self.parts[part][0]["died"]]), theirs.get(name, ["-", ""])
                if here[0] != there[0]:
                    found.append((name, there[0], here[0], here[1], self.reason_of(name) if any(self.reason_of(name)) else self.reason_of(part)))
        return sorted(found, key=lambda row: (row[1] != "PASS", row[0]))

    def as_json(self):
        return {"title": self.title,
                "parts": {part: [dict(self.counts(part, k) or {}) for k in (0, 1)] for part in self.parts},
                "differences": [dict(zip(("test", "linux", "tessera", "said", "reason"), (*row[:4], row[4][1]))) for row in self.differences()]}


def cell(text):
    return text.replace("|", "\\|").replace("\n", " ")


def rows(comparison):
    total = [collections.Counter(), collections.Counter()]
    lines = ["| part | Tessera: passed | failed | skipped | Linux: passed | failed | skipped |", "|---|---:|---:|---:|---:|---:|---:|"]
    for part in comparison.compared():
        counts = [comparison.counts(part, kernel) for kernel in (0, 1)]
        for kernel in (0, 1):
            total[kernel] += counts[kernel]
        if not comparison.fold:
            lines.append(f"| {part} | " + " | ".join(str(counts[k][word]) for k in (0, 1) for word in WORDS) + " |")
    lines.append("| **all** | " + " | ".join(f"**{total[k][word]}**" for k in (0, 1) for word in WORDS) + " |")
    return lines


def difference_rows(found):
    """One line a difference; those that one pattern of reasons.conf explains share a line."""
    shared = {}
    for name, theirs, mine, _, (pattern, reason) in found:
        shared.setdefault((pattern or name, theirs, mine, reason), []).append(name)
    lines = ["| test | Linux | Tessera | reason |", "|---|---|---|---|"]
    for (pattern, theirs, mine, reason), names in shared.items():
        name = names[0] if len(names) == 1 else f"{pattern} ({len(names)})"
        lines.append(f"| {cell(name).replace('*', '&#42;')} | {theirs} | {mine} | {cell(reason) or '**unexplained**'} |")
    return lines


def program_rows(programs):
    """programs: {architecture: {program: (version, whether it works)}}"""
    words = {True: "yes", False: "**no**", None: "not run yet"}
    lines = ["| program | version | " + " | ".join(programs) + " |", "|---|---|" + "---|" * len(programs)]
    for name in dict.fromkeys(name for known in programs.values() for name in known):
        rows = [known.get(name, ("", None)) for known in programs.values()]
        version = next((version for version, _ in rows if version), "-")
        lines.append(f"| {name} | {version} | " + " | ".join(words[works] for _, works in rows) + " |")
    return lines


def sections(page):
    """{suite, or `Programs`: its section} of a page that text() has made before."""
    parts = ("\n" + page).split("\n## ")[1:]
    return {part.partition("\n")[0].partition(":")[0]: f"## {part.rstrip()}" for part in parts}


def text(compared, arch, programs, before=""):
    """The page. `before`: the page as it is; sections of which nothing is known stay as they are there."""
    kept = sections(before)
    lines = ["# Debian's programs and suites", "",
             "Made by `make compat`: programs and test suites from Debian's packages, run in the guest on Tessera; the suites on Debian's",
             f"Linux kernel in the same QEMU ({arch}) too, compared test by test. How: the head of `tools/compat`.", ""]
    if any(programs.values()):
        lines += ["## Programs", "", "What each must do to be said to work, and does on Linux: `tests/debian/programs.conf`.", "",
                  *program_rows(programs), ""]
    elif "Programs" in kept:
        lines += [kept["Programs"], ""]
    for suite, comparison in compared.items():
        if not comparison.compared() and suite in kept:
            lines += [kept[suite], ""]
            continue
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
        lines += [*(difference_rows(found) if found else ["None."]), ""]
    return "\n".join(lines)
