#!/usr/bin/env python3
# SPDX-License-Identifier: MPL-2.0
"""python: in the guest, runs modules of CPython's own suite and prints one line a test (tools/compat reads them).

    python.py LIMIT MODULE      LIMIT: seconds that a test may take

The tests run in a process of their own. One that takes too long, or ends its process, fails; the rest then run in a new
process. What the tests print goes to a file: of a test that fails, the last lines of the traceback are shown.
"""

import os
import select
import shutil
import signal
import subprocess
import sys
import tempfile
import time

RESTARTS = 12        # after that the module is given up
MODULE_LIMIT = 30    # times LIMIT: what a module may take
RESOURCES = ["subprocess"]  # of regrtest's -u: nothing that needs a network, a screen, or gigabytes


# --- the process that runs the tests ---

def serve(module, report, done):
    import importlib
    import unittest
    from test import support
    from test.libregrtest.setup import setup_tests
    from test.support import os_helper

    me = os.getpid()
    os.set_inheritable(report, False)

    def tell(word, name, text=""):
        if os.getpid() == me:  # a test's child that got as far as this says nothing
            line = f"{word}\t{name}\t{text}".replace("\n", " | ")
            os.write(report, (line + "\n").encode("ascii", "backslashreplace"))

    def tail(err):
        return "".join(unittest.result.traceback.format_exception(*err)).strip()[-400:]

    class Result(unittest.TestResult):
        """Says what became of each test. A test with several outcomes (subtests, a tearDown) has the worst."""

        def startTest(self, test):
            super().startTest(test)
            self.worst = ("PASS", "")
            tell("start", test.id())

        def stopTest(self, test):
            super().stopTest(test)
            tell(self.worst[0], test.id(), self.worst[1])

        def bad(self, test, err):
            if isinstance(test, unittest.TestCase):
                self.worst = ("FAIL", tail(err))
            else:  # setUpClass, setUpModule
                tell("FAIL", test.id(), tail(err))

        def addError(self, test, err):
            super().addError(test, err)
            self.bad(test, err)

        def addFailure(self, test, err):
            super().addFailure(test, err)
            self.bad(test, err)

        def addSubTest(self, test, subtest, err):
            super().addSubTest(test, subtest, err)
            if err and not issubclass(err[0], unittest.SkipTest):
                self.bad(test, err)

        def addSkip(self, test, reason):
            super().addSkip(test, reason)
            if not isinstance(test, unittest.TestCase):
                tell("SKIP", test.id(), reason)
            elif self.worst[0] == "PASS":
                self.worst = ("SKIP", reason)

        def addUnexpectedSuccess(self, test):
            super().addUnexpectedSuccess(test)
            self.worst = ("FAIL", "passes, which was not expected")

    def without_done(suite):
        suite._tests = [test for test in suite if not isinstance(test, unittest.TestSuite) and test.id() not in done
                        or isinstance(test, unittest.TestSuite) and without_done(test)]
        return suite

    class Runner:
        def run(self, suite):
            result = Result()
            without_done(suite).run(result)
            return result

    class Namespace:  # what regrtest's own main would have read from its command line
        testdir = huntrleaks = memlimit = threshold = None
        use_resources = RESOURCES
        timeout = None
        verbose = 1
        xmlpath = None

    setup_tests(Namespace)
    support.use_resources = RESOURCES
    support.verbose = 1
    support.get_test_runner = lambda *words, **options: Runner()
    with os_helper.temp_cwd("tests"):
        try:
            loaded = importlib.import_module(f"test.{module}")
            if hasattr(loaded, "test_main"):
                loaded.test_main()
            else:
                loader = unittest.TestLoader()
                tests = loader.loadTestsFromModule(loaded)
                for error in loader.errors:
                    tell("FAIL", f"test.{module}", error.strip()[-400:])
                Runner().run(tests)
        except unittest.SkipTest as skip:
            tell("SKIP", f"test.{module}", str(skip))
        except support.TestFailed:
            pass  # each test has said so
        tell("end", module)


# --- the process that watches it ---

def watch(module, limit, done, deadline):
    """Runs what is not in `done`. True: it ran to its end; otherwise the name of the test in which it did not."""
    reading, writing = os.pipe()
    place = tempfile.mkdtemp(prefix="tests-")
    with open("/tmp/tests.out", "wb") as out:
        child = subprocess.Popen([sys.executable, __file__, "--serve", module, str(writing), *sorted(done)], pass_fds=[writing],
                                 stdin=subprocess.DEVNULL, stdout=out, stderr=out, start_new_session=True, cwd=place)
    os.close(writing)
    pending, current, why = b"", f"test.{module}", "ended its process"
    said = time.monotonic()
    ended = False
    while not ended:
        if select.select([reading], [], [], 1)[0]:
            data = os.read(reading, 65536)
            if not data:
                break
            pending, said = pending + data, time.monotonic()
        *lines, pending = pending.split(b"\n")
        for line in lines:
            word, name, text = line.decode().split("\t", 2)
            if word == "start":
                current = name
            elif word == "end":
                ended = True
            else:
                print(f"## {word} {name}\t{text}", flush=True)
                done.add(name)
                current = f"test.{module}"
        if child.poll() is not None and not select.select([reading], [], [], 0)[0]:
            break  # a child of the tests' may hold the other end of the pipe
        if time.monotonic() - said > limit or time.monotonic() > deadline:
            why = f"took longer than {limit} seconds" if time.monotonic() < deadline else "the module took too long"
            break
    os.close(reading)
    try:
        child.wait(5 if ended else 0)
    except subprocess.TimeoutExpired:
        child.send_signal(signal.SIGABRT)  # faulthandler shows where it stands
        try:
            child.wait(2)
        except subprocess.TimeoutExpired:
            pass
    try:
        os.killpg(child.pid, signal.SIGKILL)
    except ProcessLookupError:
        pass
    status = child.wait()
    shutil.rmtree(place, ignore_errors=True)
    if ended:
        return True
    last = open("/tmp/tests.out", errors="replace").read()[-500:].replace("\n", " | ").replace("\t", " ")
    print(f"## FAIL {current}\t{why} (status {status}): {last}", flush=True)
    return current


def main():
    limit, module = float(sys.argv[1]), sys.argv[2]
    done, deadline = set(), time.monotonic() + MODULE_LIMIT * limit
    for _ in range(RESTARTS):
        stopped = watch(module, limit, done, deadline)
        if stopped is True or stopped in done or time.monotonic() > deadline:
            return
        done.add(stopped)


if __name__ == "__main__":
    if sys.argv[1] == "--serve":
        serve(sys.argv[2], int(sys.argv[3]), set(sys.argv[4:]))
    else:
        main()
