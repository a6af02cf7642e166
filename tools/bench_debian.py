# SPDX-License-Identifier: MPL-2.0
"""tools/bench --debian: what Debian's programs cost on Tessera and on Debian's Linux, from the same image in the same QEMU.

Each row of bench/debian/rows.conf is a shell command, measured in the guest by its clock. Where instructions are counted, the clock
counts them: one is a nanosecond. By time, the best of three.
"""

import configparser
import json
import pathlib
import re
import subprocess
import sys
import tempfile

import arch as arches
import bench_report

TOP = arches.TOP
ROWS = TOP / "bench/debian/rows.conf"
IMAGE, MEMORY_MIB, LIMIT = "bench", 2048, 3600
REPEAT_TIMED = 3
ROW = re.compile(r"^row (\S+) (\d+)$", re.M)
# The names of rows come as arguments, how often each is measured first.
SCRIPT = """. /etc/profile; export LANG=C.UTF-8 HOME=/root; repeat=$1; shift
now() { local t=$EPOCHREALTIME; echo "${t/./}"; }
for row in "$@"; do
    bash /files/$row.prepare > /dev/null 2>&1
    for ((i = 0; i < repeat; i++)); do
        began=$(now); bash /files/$row.run > /tmp/$row.out 2>&1; status=$?; ended=$(now)
        if [ $status = 0 ]; then echo "row $row $((ended - began))"; else echo "# $row: status $status"; tail -3 /tmp/$row.out; fi
    done
done
"""


def read_rows():
    config = configparser.ConfigParser(delimiters=(":",), interpolation=None, comment_prefixes=("#",))
    config.read(ROWS)
    return {name: config[name] for name in config.sections()}


def measure(args, rows, linux, counted):
    """{row: microseconds of one run: instructions / 1000 if counted}"""
    with tempfile.TemporaryDirectory(prefix="tessera-bench-") as name:
        folder = pathlib.Path(name)
        (folder / "script").write_text(SCRIPT)
        for row, about in rows.items():
            (folder / f"{row}.prepare").write_text(about.get("prepare", ":") + "\n")
            (folder / f"{row}.run").write_text(f"for ((n = 0; n < {about['times']}; n++)); do {about['run']} || exit; done\n")
        command = [TOP / "tools/run", "--json", "--arch", args.arch, "--cpu", arches.ARCHES[args.arch].fast_cpu, "--image", IMAGE, "--in-memory",
                   "--mem", str(MEMORY_MIB), "--timeout", str(LIMIT), "--files", folder,
                   "--cmd", f"bash /files/script {1 if counted else REPEAT_TIMED} {' '.join(rows)}"]
        command += ["--icount", "--smp=1"] if counted else ["--smp=2", "--kvm=no"]
        if linux:
            command.append("--linux")
        elif args.kernel:
            command += ["--kernel", args.kernel]
        done = subprocess.run(command, stdout=subprocess.PIPE, text=True, check=False)
    if not done.stdout:
        sys.exit(done.returncode or 1)
    text = json.loads(done.stdout)["output"]
    for line in text.splitlines():
        if line.startswith("# "):
            print(f"bench: {'Linux' if linux else 'Tessera'}: {line[2:]}", file=sys.stderr)
    found = {}
    for row, value in ROW.findall(text):
        found[row] = min(found.get(row, float("inf")), int(value) / int(rows[row]["times"]))
    return found


def cell(value, unit):
    return "-" if value is None else f"{value / unit:,.1f}"


def table(rows, figures):
    """Rows in Markdown, and the geometric mean of the ratios of each way of measuring."""
    lines = ["| | Tessera, 10⁶ instructions | Linux | ratio | Tessera, ms | Linux | ratio |", "|---|---:|---:|---:|---:|---:|---:|"]
    ratios = {"insns": [], "times": []}
    for row, about in rows.items():
        line = f"| {about['title']} |"
        for what in ("insns", "times"):
            mine, theirs = (figures.get(what + kernel, {}).get(row) for kernel in ("", "_linux"))
            if mine and theirs:
                ratios[what].append(mine / theirs)
            line += f" {cell(mine, 1000)} | {cell(theirs, 1000)} | {bench_report.share(mine, theirs)} |"
        lines.append(line)
    means = [f"{bench_report.geometric_mean(ratios[what]):.2f}" if ratios[what] else "-" for what in ("insns", "times")]
    lines.append(f"| **geometric mean** | | | **{means[0]}** | | | **{means[1]}** |")
    return "\n".join(lines) + "\n"


def main(args):
    rows = read_rows()
    if args.only:
        if unknown := set(args.only.split(",")) - set(rows):
            sys.exit(f"bench: no such row: {', '.join(sorted(unknown))}; there are {', '.join(rows)}")
        rows = {name: rows[name] for name in args.only.split(",")}
    last = TOP / f"out/bench-debian-{args.arch}.json"
    figures = json.loads(last.read_text()) if last.exists() else {}
    for what in (() if args.again else ("times",) if args.time else ("insns",) if args.only else ("insns", "times")):
        for kernel in ("", "_linux"):
            if not (args.tessera and kernel):
                figures.setdefault(what + kernel, {}).update(measure(args, rows, bool(kernel), what == "insns"))
                last.write_text(json.dumps(figures))
    print(table(rows, figures))
    if not args.only and not args.tessera:
        name = "debian.md" if args.arch == "x86_64" else f"debian-{args.arch}.md"
        (pathlib.Path(args.out) / name).write_text(
            f"# Debian's programs, Tessera against Linux ({args.arch})\n\nMade by `tools/bench --debian`; the rows are in "
            "`bench/debian/rows.conf`. Bold: slower than Linux.\nInstructions: one CPU, `-icount shift=0`. Time: two CPUs, the best of "
            f"{REPEAT_TIMED}. The same image, the same QEMU, Linux tuned as in [bench](../bench.md).\n\n{table(rows, figures)}")
