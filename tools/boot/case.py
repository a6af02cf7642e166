# SPDX-License-Identifier: MPL-2.0
"""One boot of tools/test-boot: what machine, what it is given, and what its console must say."""


class Case:
    """`want` and `never` are regular expressions on what the console says; selftest cases need neither. `files` makes
    what the machine needs in a folder, and returns the options that name it: files(args, folder)."""

    def __init__(self, name, machine, smp=2, mem=256, cpu="max", append="selftest", want=(), never=("panic:",), options=(),
                 initrd=None, kernel=True, timeout=120, slow=False, ends=True, files=None):
        self.name, self.want, self.never, self.timeout, self.slow = name, list(want), list(never), timeout, slow
        self.initrd, self.kernel, self.append, self.ends, self.files = initrd, kernel, append, ends, files
        self.options = ["-M", machine, "-smp", str(smp), "-m", str(mem), "-cpu", cpu, *options]
        if append.startswith("selftest"):
            self.want += [r"^1\.\.[1-9]", r"tests, 0 failed"]
            self.never += [r"^not ok"]


# Bugs that the kernel commits when asked to (kernel/init/ktest_fatal.c and the port's own), and how the panic calls them.
FATAL = {
    "stack_overflow": "stack overflow|double fault",
    "null_pointer": "page fault",
    "write_to_code": "page fault",
    "call_of_data": "page fault|instruction fault",
}


def fatal_cases(case, fatal):
    """A boot for each of the bugs; `case` makes it."""
    return [case(f"a bug: {name.replace('_', ' ')}", append=f"panic=-1 selftest=fatal_{name}",
                 want=[rf"panic: ({says}) in the kernel", r" 0  print_trace\+0x"], never=[r"^(not )?ok", "again"])
            for name, says in fatal.items()]
