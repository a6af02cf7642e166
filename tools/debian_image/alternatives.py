# SPDX-License-Identifier: MPL-2.0
"""/etc/alternatives, as `update-alternatives --install` of the packages' scripts would have made it.

The scripts are read, not run: what they ask for is in plain words nearly always. Of the shell only two things are known:
a variable that has one value in plain words, and `for NAME in WORDS`. A request with another variable in it is left out
(unless the variable stands where further slaves may), as is one whose program is not there."""

import itertools
import re
import shlex

VARIABLE = re.compile(r"\$(?:\{(\w+)\}|(\w+))")
UNKNOWN = re.compile(r"[$`]")


class Group:
    """The alternatives of one name."""

    def __init__(self, name, link):
        self.name, self.link = name, link
        self.slaves = {}   # name: link
        self.choices = {}  # program: (priority, {slave name: its file})


def _expand(text, values):
    return VARIABLE.sub(lambda match: values.get(match[1] or match[2], match[0]), text)


def _assigned(text):
    """{variable: value} of those that have one value in plain words."""
    found = {}
    for match in re.finditer(r"""^\s*(\w+)=("[^"]*"|'[^']*'|[^\s;&|]*)""", text, re.M):
        value = _expand(match[2].strip("\"'"), _single(found))
        if not UNKNOWN.search(value):
            found.setdefault(match[1], set()).add(value)
    return _single(found)


def _single(found):
    return {name: min(values) for name, values in found.items() if len(values) == 1}


def _loops(text, values):
    """{variable: its words} of the loops that begin in the text; the last of a name counts."""
    return {match[1]: _expand(match[2], values).split() for match in re.finditer(r"\bfor\s+(\w+)\s+in\s+([^;\n]*)", text)}


def _requests(script):
    """The words of each update-alternatives --install."""
    text = re.sub(r"\\\n", " ", script)
    values = _assigned(text)
    for match in re.finditer(r"update-alternatives((?:[^\n;&|]|&&)*?)(?=[\n;|]|&&|$)", text):
        try:
            words = shlex.split(match[1], comments=True)
        except ValueError:
            continue
        if "--install" not in words:
            continue
        words = words[words.index("--install") + 1:]
        loops = {name: choices for name, choices in _loops(text[:match.start()], values).items()
                 if any(name in found for word in words for found in VARIABLE.findall(word))}
        for chosen in itertools.product(*loops.values()):
            known = {**values, **dict(zip(loops, chosen))}
            request = [_expand(word, known) for word in words]
            request = request[:4] + [word for word in request[4:] if not VARIABLE.fullmatch(word)]
            if not any(UNKNOWN.search(word) for word in request):
                yield request


def _read(words, groups):
    link, name, program, priority = words[:4]
    group = groups.setdefault(name, Group(name, link))
    slaves = {}
    for at in range(4, len(words) - 3):
        if words[at] == "--slave":
            slave_link, slave, file = words[at + 1:at + 4]
            group.slaves.setdefault(slave, slave_link)
            slaves[slave] = file
    group.choices[program] = (int(priority), slaves)


def _record(group):
    """Its file in /var/lib/dpkg/alternatives."""
    lines = ["auto", group.link]
    slaves = sorted(group.slaves)
    for slave in slaves:
        lines += [slave, group.slaves[slave]]
    lines.append("")
    for program, (priority, files) in sorted(group.choices.items()):
        lines += [program, str(priority), *(files.get(slave, "") for slave in slaves)]
    return "\n".join(lines) + "\n\n"


def _place(archive, where, name, link, target):
    if archive.resolve(where(target.lstrip("/"))) is None:
        return
    archive.link(f"etc/alternatives/{name}", target)
    archive.link(where(link.lstrip("/")), f"/etc/alternatives/{name}")


def write(packages, archive, where):
    groups = {}
    for package in packages:
        for words in _requests(package.control.get("postinst", b"").decode(errors="replace")):
            if len(words) >= 4 and words[3].lstrip("-").isdigit():
                _read(words, groups)
    archive.folder("etc/alternatives")
    for group in groups.values():
        group.choices = {program: choice for program, choice in group.choices.items()
                         if archive.resolve(where(program.lstrip("/"))) is not None}
        if not group.choices:
            continue
        archive.file(f"var/lib/dpkg/alternatives/{group.name}", _record(group).encode())
        best = max(sorted(group.choices), key=lambda program: group.choices[program][0])
        _place(archive, where, group.name, group.link, best)
        for slave, file in group.choices[best][1].items():
            _place(archive, where, slave, group.slaves[slave], file)
