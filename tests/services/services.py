#!/usr/bin/env python3
# SPDX-License-Identifier: MPL-2.0
"""services: boots a guest with services (tests/services/*.service) and checks what their clients see. Speaks TAP.

    services.py [--arch arm64] [--smp N]
"""

import argparse
import json
import pathlib
import shutil
import subprocess
import sys
import tempfile

TOP = pathlib.Path(__file__).resolve().parent.parent.parent
sys.path.insert(0, str(TOP / "tools"))
import arch as arches  # noqa: E402
from archive import Archive  # noqa: E402

HERE = pathlib.Path(__file__).resolve().parent
# The tutorial's client as well, as a user would call it: it finds the number that the test left.
# The kernel's log, where init says what happens to services, may come in the middle of a line: not while tests print theirs.
COMMAND = """
dmesg -n 1
status=0
for test in legacy sysv_msg sysv_sem files volumes supervision commands; do
    echo "# $test"
    /sbin/$test || status=1
done
test "$(/sbin/count a 0)" = 103 && echo 'ok 1000 - the client of the tutorial'
echo "services: $(tessera services --json | tr '\\n' ' ')"
echo "status: $(tessera status --json counter circle-a | tr '\\n' ' ')"
for word in ps handles ports jobs services log top; do echo "json-$word: $(tessera $word --json | tr '\\n' ' ')"; done
echo "start: $(tessera start --json base counter | tr '\\n' ' ')"
dmesg -n 5
exit $status
"""

CAPABILITY = bytes.fromhex("0100000200200000000000000000000000000000")  # cap_net_raw=ep
STATES = {"registryd": "ready", "counter": "ready", "posixd": "ready", "circle-a": "failed", "probe": "ended"}
TUTORIAL = ("protocols/counter.protocol", "tests/services/counterd.c", "tests/services/count.c", "tests/services/counter.service")


def tutorial_errs():
    """Lines of the tutorial's listings that are in none of its files."""
    files = {line.strip() for name in TUTORIAL for line in (TOP / name).read_text().splitlines()}
    listings = (TOP / "docs/tutorial.md").read_text().split("## 5.")[0].split("```")[1::2]
    return [line for listing in listings for line in listing.splitlines()[1:] if line.strip() not in ("", "…") and line.strip() not in files]


def make_volume(path):
    """What tests/services/volumes.c looks for."""
    archive = Archive()
    archive.file("big", bytes((at // 4096 * 7 + at % 61) & 0xff for at in range(1 << 20)))
    archive.file("small", b"small", 0o4751, owner=(1000, 50), time=1234567)
    archive.file("marked", b"marked", xattrs={"user.colour": b"blue", "user.long": bytes(b"0123456789" * 3000), "trusted.secret": b"1",
                                              "security.capability": CAPABILITY})
    archive.file("again", b"", same_as="small")
    archive.link("link", "small")
    archive.node("null", 0o666, 1, 3)
    archive.folder("many")
    for number in range(500):
        archive.file(f"many/name-{number}", f"{number}\n".encode())
    archive.write_volume(path)


def check_json(output, word, want):
    """What `tessera WORD --json` said: a list, with a record a service."""
    text = next((line.removeprefix(f"{word}: ") for line in output.splitlines() if line.startswith(f"{word}: ")), "null")
    try:
        found = {service["name"]: service for service in json.loads(text)}
    except (ValueError, TypeError, KeyError) as problem:
        print(f"# {problem}: {text}")
        return False
    return all(found.get(name, {}).get("state") == state for name, state in want.items())


def check_all_json(output):
    """Every table, and the log, as JSON: a list with records that all have the same keys."""
    found = [line.split(": ", 1) for line in output.splitlines() if line.startswith("json-")]
    for word, text in found:
        try:
            records = json.loads(text)
            if not records or any(record.keys() != records[0].keys() for record in records):
                raise ValueError("not all records have the same keys")
        except (ValueError, AttributeError) as problem:
            print(f"# {word}: {problem}: {text}")
            return False
    return len(found) == 7


def check_end(output):
    """The order in which services were told to stop: those that need others first; the stubborn one was waited for, and killed."""
    stops = [line.split()[2:] for line in output.splitlines() if line.startswith("# stopping ")]
    names = [name for name, _ in stops if name in ("first", "stubborn", "last")]
    times = {name: int(time) for name, time in stops}
    return names == ["last", "stubborn", "first"] and times["first"] - times["last"] >= 1000


def check_together(output):
    """Four that do not listen, and that nobody needs, are told at once: one after the other it would take 3 s."""
    times = {line.split()[2]: int(line.split()[3]) for line in output.splitlines() if line.startswith("# stopping deaf")}
    return len(times) == 4 and max(times.values()) - min(times.values()) < 2900


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    arches.add_option(parser)
    parser.add_argument("--smp", default="2")
    args = parser.parse_args()
    programs = arches.programs_of(args.arch)
    with tempfile.TemporaryDirectory(prefix="tessera-services-") as name:
        root = pathlib.Path(name)
        (root / "sbin").mkdir()
        (root / "etc/tessera/services").mkdir(parents=True)
        for folder in ("", "etc", "etc/tessera", "etc/tessera/services", "sbin"):
            (root / folder).chmod(0o755)
        system_tests = [programs / "bin/tests" / name for name in ("sysv_msg", "sysv_sem")]  # once more, by init's posixd
        for program in (programs / "bin/registryd", programs / "bin/fsd", *system_tests, *sorted((programs / "services").iterdir())):
            shutil.copy(program, root / "sbin")
        make_volume(root / "etc/volume.squashfs")
        subprocess.run([TOP / "tests/fuzz/squashfs-seeds", root / "seeds"], check=True)
        shutil.move(root / "seeds/plain", root / "etc/plain.squashfs")
        shutil.rmtree(root / "seeds")
        for service in HERE.glob("*.service"):
            shutil.copy(service, root / "etc/tessera/services")
        command = [TOP / "tools/run", "--json", "--arch", args.arch, "--smp", args.smp, "--timeout", "400", "--root", root, "--cmd", COMMAND]
        done = subprocess.run(command, stdout=subprocess.PIPE, text=True, check=False)
    result = json.loads(done.stdout) if done.stdout else {"output": "", "status": done.returncode}
    checks = [line for line in result["output"].splitlines() if line.startswith(("ok ", "not ok "))]
    for number, line in enumerate(checks, 1):
        verdict, _, what = line.partition(" - ")
        # A line that was torn is no pass.
        print(verdict.rsplit(" ", 1)[0] if what else "not ok", number, "-", what or f"a whole line, not {line!r}")
    others = [line for line in result["output"].splitlines() if line not in checks and not line.startswith(("1..", "json-"))]
    print("".join(f"# {line.removeprefix('# ')}\n" for line in others), end="")
    whole = any("client of the tutorial" in line for line in checks) and result["status"] <= 1
    print(f"{'ok' if whole else 'not ok'} {len(checks) + 1} - it ran to its end (status {result['status']})")
    wrong = tutorial_errs()
    more = {"the tutorial shows what its files hold": not wrong,
            "tessera services --json": check_json(result["output"], "services", STATES),
            "every table --json": check_all_json(result["output"]),
            "tessera status --json": check_json(result["output"], "status", {"counter": "ready", "circle-a": "failed"}),
            "tessera start --json": check_json(result["output"], "start", {"base": "ready", "counter": "ready"}),
            "services stop in order, each in its time": check_end(result["output"]),
            "those that do not depend on each other stop together": check_together(result["output"])}
    for number, (what, good) in enumerate(more.items(), len(checks) + 2):
        print(f"{'ok' if good else 'not ok'} {number} - {what}")
    print("".join(f"# {line}\n" for line in wrong), end="")
    print(f"1..{len(checks) + 1 + len(more)}")
    return 0 if whole and all(more.values()) and not any(line.startswith("not ") for line in checks) else 1


if __name__ == "__main__":
    sys.exit(main())
