# SPDX-License-Identifier: MPL-2.0
"""Guest instructions, counted by the plugin insn-count.c, and whose they are."""

import bisect
import collections
import json
import pathlib
import subprocess

TOOLS = pathlib.Path(__file__).resolve().parent


def newest(name):
    for version in ("-22", "-21", "-20", "-19", ""):
        if subprocess.run(["sh", "-c", f"command -v {name}{version}"], capture_output=True).returncode == 0:
            return name + version
    raise SystemExit(f"insns: {name} is missing")


def build_plugin(folder):
    plugin = pathlib.Path(folder) / "insn-count.so"
    subprocess.run([newest("clang"), "-shared", "-fPIC", "-O2", TOOLS / "insn-count.c", "-o", plugin], check=True)
    return plugin


def read_counts(path):
    """{address: how often}"""
    result = collections.Counter()
    for line in pathlib.Path(path).read_text().splitlines():
        address, number = line.split()
        result[int(address, 16)] += int(number)
    return result


class Symbols:
    """The functions of a kernel that runs where it was linked (nokaslr)."""

    def __init__(self, elf):
        self.elf = elf
        lines = subprocess.run([newest("llvm-nm"), "-n", elf], stdout=subprocess.PIPE, text=True, check=True).stdout
        table = [line.split() for line in lines.splitlines()]
        table = [(int(a, 16), name) for a, kind, *rest in table for name in rest if kind in "tTW"]
        self.starts, self.names = [a for a, _ in table], [name for _, name in table]

    def function(self, address):
        i = bisect.bisect_right(self.starts, address) - 1
        return self.names[i] if address >> 63 and i >= 0 else "(user)"

    def entry(self, name):
        return self.starts[self.names.index(name)]

    def inlined(self, addresses):
        """{address: the functions that its source line is in, the innermost first}"""
        command = [newest("llvm-symbolizer"), f"--obj={self.elf}", "--inlines", "--output-style=JSON"]
        done = subprocess.run(command, input="".join(f"{a:#x}\n" for a in addresses), stdout=subprocess.PIPE, text=True,
                              check=True)
        found = {}
        for line in done.stdout.splitlines():
            entry = json.loads(line)
            found[int(entry["Address"], 16)] = [symbol["FunctionName"] for symbol in entry.get("Symbol", [])]
        return found
