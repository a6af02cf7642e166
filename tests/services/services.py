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

HERE = pathlib.Path(__file__).resolve().parent
# The tutorial's client as well, as a user would call it: it finds the number that the test left.
COMMAND = """
status=0
for test in legacy sysv_msg sysv_sem files supervision; do
    echo "# $test"
    /sbin/$test || status=1
done
test "$(/sbin/count a 0)" = 103 && echo 'ok 1000 - the client of the tutorial'
exit $status
"""

TUTORIAL = ("protocols/counter.protocol", "tests/services/counterd.c", "tests/services/count.c", "tests/services/counter.service")


def tutorial_errs():
    """Lines of the tutorial's listings that are in none of its files."""
    files = {line.strip() for name in TUTORIAL for line in (TOP / name).read_text().splitlines()}
    listings = (TOP / "docs/tutorial.md").read_text().split("## 5.")[0].split("```")[1::2]
    return [line for listing in listings for line in listing.splitlines()[1:] if line.strip() and line.strip() not in files]


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
        for program in (programs / "bin/registryd", *system_tests, *sorted((programs / "services").iterdir())):
            shutil.copy(program, root / "sbin")
        for service in HERE.glob("*.service"):
            shutil.copy(service, root / "etc/tessera/services")
        command = [TOP / "tools/run", "--json", "--arch", args.arch, "--smp", args.smp, "--timeout", "200", "--root", root, "--cmd", COMMAND]
        done = subprocess.run(command, stdout=subprocess.PIPE, text=True, check=False)
    result = json.loads(done.stdout) if done.stdout else {"output": "", "status": done.returncode}
    checks = [line for line in result["output"].splitlines() if line.startswith(("ok ", "not ok "))]
    for number, line in enumerate(checks, 1):
        print(line.split(" - ")[0].rsplit(" ", 1)[0], number, "-", line.split(" - ", 1)[1])
    others = [line for line in result["output"].splitlines() if line not in checks and not line.startswith("1..")]
    print("".join(f"# {line.removeprefix('# ')}\n" for line in others), end="")
    whole = any("client of the tutorial" in line for line in checks) and result["status"] <= 1
    print(f"{'ok' if whole else 'not ok'} {len(checks) + 1} - it ran to its end (status {result['status']})")
    wrong = tutorial_errs()
    print(f"{'not ok' if wrong else 'ok'} {len(checks) + 2} - the tutorial shows what its files hold")
    print("".join(f"# {line}\n" for line in wrong), end="")
    print(f"1..{len(checks) + 2}")
    return 0 if whole and not wrong and not any(line.startswith("not ") for line in checks) else 1


if __name__ == "__main__":
    sys.exit(main())
