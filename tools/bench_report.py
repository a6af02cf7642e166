# SPDX-License-Identifier: MPL-2.0
"""The table and the chart of tools/bench."""

import math

import arch as arches

FILES = {"x86_64": ("table.md", "chart.svg"), "arm64": ("arm64.md", "arm64.svg")}  # in docs/bench

# Tessera's own operations: row, title, goal, seL4's figure on x86-64 and on ARM64, and the rows of which Linux's fastest is taken.
# seL4: C, release build, between two address spaces, measured in the same way; on x86-64 its SMP build, on ARM64 that for one
# CPU, for there is no other figure.
ROUND_TRIP = ("pipe_64", "unix_64", "eventfd_64", "futex_64")
OWN = [
    ("null_call", "null call", 90, None, None, ("null_call",)),
    ("fipc_call_words", "fipc_call_words + reply, 4 words", 420, 630, 463, ROUND_TRIP),
    ("fipc_call_32", "fipc_call + reply, 32 bytes", None, 630, 463, ROUND_TRIP),
    ("fipc_call_64", "fipc_call + reply, 64 bytes", 520, None, None, ROUND_TRIP),
    ("object_signal", "signal, nobody waits", 140, 498, 374, ("futex_alone", "eventfd_alone")),
    ("signal_wait", "signal + wake + switch + wait again, two calls", 500, 1258, 927,
     ("pipe_signal", "unix_signal", "eventfd_signal", "futex_signal")),
    ("signal_and_wait", "signal + wake + switch + wait again, one call", 500, 1258, 927,
     ("pipe_signal", "unix_signal", "eventfd_signal", "futex_signal")),
    ("inside_handoff", "hand-off: switch to the thread that is called", 130, None, None, ()),
    ("inside_switch", "switch by the scheduler", 130, None, None, ("yield_switch",)),
    ("inside_pick", "scheduler's pick", 40, None, None, ()),
    ("inside_slab", "slab alloc + free", 35, None, None, ()),
    ("inside_lookup", "handle lookup", 20, None, None, ()),
    ("ring_8", "ring put + get, 8 bytes", 25, None, None, ("pipe_pass_8", "unix_pass_8")),
    ("ring_64", "ring put + get, 64 bytes", 45, None, None, ("pipe_pass_64", "unix_pass_64")),
    ("ring_many_8", "the same, several producers, 8 bytes", None, None, None, ("pipe_pass_8", "unix_pass_8")),
    ("ring_many_64", "the same, several producers, 64 bytes", None, None, None, ("pipe_pass_64", "unix_pass_64")),
    ("ring_bandwidth", "1 MiB through a ring, per KiB", "copy_bandwidth", None, None, ("pipe_bandwidth", "unix_bandwidth")),
]
WAYS = {"pipe": "pipe", "unix": "AF_UNIX", "eventfd": "eventfd", "futex": "futex", "null": "getppid", "yield": "sched_yield"}

SCALE = [
    ("fipc_call + reply, 64 bytes, with 1, 10 and 1,000 clients that call at once", ("clients_1", "clients_10", "clients_1000")),
    ("fipc_send + fipc_recv, 64 bytes, to 1, 2, 100 and 10,000 ports in turn", ("ports_1", "ports_2", "ports_100", "ports_10000")),
    ("the same by 10, 1,000 and 100,000 handles in turn", ("handles_10", "handles_1000", "handles_100000")),
]


def number(value):
    return f"{value:,.0f}" if value >= 100 else f"{value:.1f}"


def cell(value):
    return "" if value is None else number(value)


def share(mine, theirs, limit=1):
    if mine is None or not theirs:
        return ""
    mark = "**" if mine / theirs > limit else ""
    return f"{mark}{mine / theirs:.2f}{mark}"


def geometric_mean(values):
    return math.exp(sum(map(math.log, values)) / len(values)) if values else math.nan


def value_of(rows, name):
    return rows[name].value if name in rows else None


def pairs(figures, what):
    """{name: (title, Tessera, Linux)} of the comparison."""
    mine, linux = figures[what], figures[what + "_linux"]
    return {name: (row.title, mine[name].value, row.value) for name, row in linux.items() if row.group == "linux" and name in mine}


def compared(figures):
    counted, timed = pairs(figures, "insns"), pairs(figures, "times")
    lines = ["| operation | Tessera insn | Linux insn | ratio | Tessera ns | Linux ns | ratio |", "|---|--:|--:|--:|--:|--:|--:|"]
    for name, (title, mine, theirs) in counted.items():
        _, my_time, their_time = timed.get(name, ("", None, None))
        lines.append(f"| {title} | {number(mine)} | {number(theirs)} | {share(mine, theirs)} "
                     f"| {cell(my_time)} | {cell(their_time)} | {share(my_time, their_time, math.inf)} |")
    means = [f"{geometric_mean([mine / theirs for _, mine, theirs in part.values()]):.2f}" for part in (counted, timed)]
    return lines + [f"| **geometric mean** | | | **{means[0]}** | | | **{means[1]}** |"]


def fastest(rows, names):
    known = [(rows[name].value, name) for name in names if name in rows]
    return min(known) if known else (None, None)


def own_rows(arch, figures):
    """[(title, goal, Tessera, seL4, (Linux, row), (Tessera ns, Linux ns))]"""
    inside = dict(figures["inside"])
    inside["inside_slab"] = inside["inside_slab_alloc"] + inside["inside_slab_free"]
    result = []
    for name, title, goal, sel4, sel4_arm64, candidates in OWN:
        mine = inside.get(name, value_of(figures["insns"], name))
        if mine is None:
            continue
        goal = figures["insns"][goal].value if isinstance(goal, str) else goal
        times = value_of(figures["times"], name), fastest(figures["times_linux"], candidates)[0] if name in figures["times"] else None
        result.append((title, goal, mine, sel4 if arch == "x86_64" else sel4_arm64, fastest(figures["insns_linux"], candidates), times))
    return result


def own(arch, figures):
    lines = ["| operation | goal | Tessera insn | seL4 insn | Linux insn, its fastest | ratio | Tessera ns | Linux ns |",
             "|---|--:|--:|--:|--:|--:|--:|--:|"]
    for title, goal, mine, sel4, (theirs, which), times in own_rows(arch, figures):
        linux = f"{number(theirs)} ({WAYS[which.split('_')[0]]})" if theirs else ""
        missed = "**" if goal and mine > goal * 1.02 else ""
        lines.append(f"| {title} | {cell(goal)} | {missed}{number(mine)}{missed} | {cell(sel4)} | {linux} | {share(mine, theirs)} "
                     f"| {cell(times[0])} | {cell(times[1])} |")
    return lines


def across(figures):
    lines = ["| ns | Tessera, one CPU | Tessera, two | Linux, one CPU | Linux, two |", "|---|--:|--:|--:|--:|"]
    mine, linux = figures["times"], figures["times_linux"]
    for title, near, far in [("fipc_call + reply", "fipc_call_64", "fipc_call_across")] + [
            (WAYS[way], f"{way}_64", f"{way}_64_across") for way in ("pipe", "unix", "eventfd", "futex")]:
        lines.append(f"| {title} | " + " | ".join(cell(value_of(rows, name)) for rows in (mine, linux) for name in (near, far)) + " |")
    return lines


def scale(figures):
    lines = ["| operation | insn: few | more | many | ns: few | more | many |", "|---|--:|--:|--:|--:|--:|--:|"]
    for title, names in SCALE:
        lines.append(f"| {title} | " + " | ".join(cell(value_of(figures[what], name)) for what in ("insns", "times") for name in names)
                     + " |")
    return lines


def budget(figures):
    lines = ["| operation | Tessera: roots | calls | locked | Linux: roots | calls | locked |", "|---|--:|--:|--:|--:|--:|--:|"]
    for name, row in figures["insns"].items():
        if row.group == "check":
            continue
        theirs = figures["insns_linux"].get(name)
        events = [f"{event:.1f}" for event in row.events] + ([f"{event:.1f}" for event in theirs.events] if theirs else ["", "", ""])
        lines.append(f"| {row.title} | " + " | ".join(events) + " |")
    return lines


def table(arch, figures, memory_mib):
    about = arches.ARCHES[arch]
    boots, memory = figures["machine"]["boot"], figures["machine"]["memory"]
    sel4 = "its SMP build" if arch == "x86_64" else "its build for one CPU"
    lines = [f"# Tessera against Linux, {arch}", "",
             f"Made by `make bench ARCH={arch}`. One static program (`bench/`), on Tessera and on Debian's `linux-image-cloud-{about.debian}`,",
             f"in the same QEMU (TCG, `-cpu {about.fast_cpu}`). Linux runs with the options that make it fastest there",
             "(`linux_words` in `tools/arch.py`). *Instructions* are guest instructions of kernel and user together per operation, one CPU,",
             "`-icount shift=0`. *Time* is nanoseconds on two CPUs, the best of several runs; it varies from run to run.", "",
             f"![chart]({FILES[arch][1]})", "", "## What Linux has as well", "", *compared(figures), "",
             "| | Tessera | Linux | ratio |", "|---|--:|--:|--:|",
             f"| QEMU's start to the first line of process 1 (s) | {boots[0]:.3f} | {boots[1]:.3f} | {boots[0] / boots[1]:.2f} |",
             f"| memory in use at the prompt (MiB of {memory_mib}) | {memory[0]:.1f} | {memory[1]:.1f} | {memory[0] / memory[1]:.2f} |", "",
             "## Ports, signals, rings and the kernel's inside", "",
             "Bold: above the goal. Linux does the same, or what comes nearest to it, in the fastest way that it has, which is named; what happens",
             "inside the kernel stands beside nothing, or beside a whole call. A futex and an eventfd carry no data: the 64 bytes go through",
             f"shared memory beside them. seL4: between two address spaces, the message in registers, {sel4}, measured in the same way.",
             "The goal of the last row is what copying the bytes twice takes without a ring.", "", *own(arch, figures), "",
             "## On one CPU and across two", "", "64 bytes to another process and 64 back.", "", *across(figures), "",
             "## Many clients, ports, handles", "", "What a message costs does not grow with how many there are.", "", *scale(figures), "",
             "## What instructions do not show", "",
             "Writes of the page tables' root (CR3, TTBR0), system calls, and locked or exclusive accesses, an operation, of both sides.", "",
             *budget(figures), ""]
    return "\n".join(lines)


# ---------------------------------------------------------------- the chart

HEIGHT, LEFT, WIDTH, RIGHT = 18, 330, 420, 70


def bar(y, title, value, limit, good, fair):
    """A line of the chart: `value` of 1."""
    width = WIDTH * min(value, limit) / limit
    colour = "#2a7f62" if value <= good else "#8fb339" if value <= fair else "#c44536"
    text = title.replace("&", "&amp;")
    return [f'<text x="{LEFT - 8}" y="{y}" text-anchor="end">{text}</text>',
            f'<rect x="{LEFT}" y="{y - 11}" width="{width:.1f}" height="13" fill="{colour}"/>',
            f'<text x="{LEFT + width + 5:.1f}" y="{y}" stroke="white" stroke-width="4" paint-order="stroke">{value:.2f}</text>']


def panel(top, heading, rows, limit, good, fair, mark):
    """Bars from `top` downwards, and the line that is 1. Returns the lines and where the panel ends."""
    end, x = top + HEIGHT * (len(rows) + 2), LEFT + WIDTH / limit
    out = [f'<text x="10" y="{top + HEIGHT}" font-weight="bold">{heading}</text>',
           f'<line x1="{x:.1f}" y1="{top + HEIGHT + 8}" x2="{x:.1f}" y2="{end - 2}" stroke="black" stroke-dasharray="4"/>',
           f'<text x="{x:.1f}" y="{end + 12}" text-anchor="middle">{mark}</text>']
    for index, (title, value) in enumerate(rows):
        out += bar(top + HEIGHT * (index + 2) + 6, title, value, limit, good, fair)
    return out, end + 2 * HEIGHT


def chart(arch, figures):
    rows = sorted(((title, mine / theirs) for title, mine, theirs in pairs(figures, "insns").values()), key=lambda row: row[1])
    goals = [(title, mine / goal) for title, goal, mine, *_ in own_rows(arch, figures) if goal]
    first, end = panel(0, "Guest instructions an operation, Linux = 1 (shorter is better)", rows,
                       max(1.25, min(2.5, max(value for _, value in rows))), 0.5, 1, "Linux")
    second, end = panel(end, "Of what Tessera alone has: guest instructions, the goal = 1", goals,
                        max(1.25, min(2.5, max(value for _, value in goals))), 1.02, 1.25, "goal")
    return "\n".join([f'<svg xmlns="http://www.w3.org/2000/svg" width="{LEFT + WIDTH + RIGHT}" height="{end - 4}" '
                      'font-family="sans-serif" font-size="12">', '<rect width="100%" height="100%" fill="white"/>',
                      *first, *second, "</svg>"]) + "\n"


def write(folder, arch, figures, memory_mib):
    folder.mkdir(parents=True, exist_ok=True)
    page, picture = FILES[arch]
    (folder / page).write_text(table(arch, figures, memory_mib))
    (folder / picture).write_text(chart(arch, figures))
