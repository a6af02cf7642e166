#!/usr/bin/env python3
# SPDX-License-Identifier: MPL-2.0
"""terminal: types at the guest's console through a real pty, as a user does, and checks what appears. Speaks TAP.

    terminal.py [--linux] [--arch arm64] [options of tools/run]

It never types ahead of what reads it, so that the speed of the machine does not matter. busybox's shell asks the
terminal where the cursor is, after its prompt and if nothing was typed yet; an answer that comes after something typed
would reach the next program, and less takes it for the size of a new screen. So a prompt is there when its question
is, which shows in the text as ASK. Programs that are to get a signal or input say first that they run (RUNNING).
"""

import os
import pathlib
import pty
import re
import select
import struct
import sys
import termios
import time
import fcntl

TOP = pathlib.Path(__file__).resolve().parent.parent.parent
ESCAPE = re.compile(rb"\x1b\[[0-9;?]*[A-Za-z]|\x1b[()][AB0]|\r")
QUESTION, ANSWER, ASK = b"\x1b[6n", b"\x1b[1;10R", b"\x05"
PIECE = re.compile(rb"\x1b\[.|[^\x1b]{1,8}|\x1b")  # what is written at once: an escape sequence must not fall apart
UP, DOWN, LEFT, HOME = b"\x1b[A", b"\x1b[B", b"\x1b[D", b"\x1b[H"  # not control-A: that is QEMU's
INTERRUPT, QUIT, SUSPEND, END, ERASE, KILL = b"\x03", b"\x1c", b"\x1a", b"\x04", b"\x7f", b"\x15"


class Console:
    def __init__(self, options):
        self.pid, self.fd = pty.fork()
        if self.pid == 0:
            os.environ["TERM"] = "xterm"
            os.execv(TOP / "tools/run", ["run", *options])
        fcntl.ioctl(self.fd, termios.TIOCSWINSZ, struct.pack("HHHH", 40, 120, 0, 0))
        self.raw = self.tail = b""
        self.count = self.failed = 0

    def type(self, text):
        # Not faster than a serial line with a small FIFO takes it.
        for piece in PIECE.findall(text):
            os.write(self.fd, piece)
            time.sleep(0.01)

    def text(self):
        return ESCAPE.sub(b"", self.raw.replace(QUESTION, ASK)).decode(errors="replace")

    def expect(self, pattern, seconds=60):
        """Waits until the pattern appears in what came since the last success; then forgets it up to there."""
        end = time.monotonic() + seconds
        while True:
            if match := re.search(pattern, self.text(), re.M):
                self.raw = self.text()[match.end():].encode()
                return match
            if time.monotonic() > end or not self._read(end - time.monotonic()):
                return None

    def _read(self, seconds):
        ready, _, _ = select.select([self.fd], [], [], max(0, seconds))
        if not ready:
            return False
        try:
            data = os.read(self.fd, 65536)
        except OSError:
            return False
        asked = self.tail + data  # a question may come in two parts
        self.tail = asked[1 - len(QUESTION):]
        os.write(self.fd, ANSWER * asked.count(QUESTION))
        self.raw += data
        return bool(data)

    def start(self, program):
        """Types a command whose program says that it runs, in the foreground, and waits for that."""
        self.type(b"(echo st''arted; exec " + program + b")\r")
        return self.expect(RUNNING) is not None

    def quiet(self, seconds=0.3):
        while self._read(seconds):
            pass

    def check(self, what, good):
        self.count += 1
        print(f"{'ok' if good else 'not ok'} {self.count} - {what}", flush=True)
        if not good:
            self.failed += 1
            for line in self.text()[-600:].splitlines():
                print(f"#   {line}")
        return good

    def shows(self, what, typed, pattern, seconds=60):
        """Types and expects the pattern, then the prompt again."""
        self.type(typed)
        good = self.expect(pattern, seconds) is not None
        good = self.check(what, good and self.expect(PROMPT, seconds) is not None)
        if not good:
            self.type(INTERRUPT + b"\r")
            self.quiet(1)
            self.raw = b""
        return good


ANY_PROMPT = r"[\w]+:[~/][^\n]*# \x05$"  # where a full-screen program left the cursor
PROMPT = r"^[\w]+:[~/][^\n]*# \x05$"
MORE = r"^> \x05$"
RUNNING = r"^started$"


def lines(console):
    console.shows("echo", b"echo one two\r", r"^one two$")
    console.shows("erase corrects what was typed", b"echo wronx" + ERASE + b"g\r", r"^wrong$")
    console.shows("arrow up brings the last command back", UP + b"\r", r"^wrong$")
    console.shows("twice the one before", UP + UP + b"\r", r"^(one two|wrong)$")
    console.shows("the cursor moves within the line", b"echo ac" + LEFT + b"b\r", r"^abc$")
    console.shows("home goes to its beginning", b" begun" + HOME + b"echo\r", r"^begun$")
    console.shows("control-U throws it away", b"rubbish" + KILL + b"echo clean\r", r"^clean$")
    console.shows("tab completes a command", b"hostn\t\r", r"^(tessera|linux)$")
    console.shows("tab completes a file", b"cat /etc/host\t\t" + b"name\r", r"^(tessera|linux)$")
    console.shows("a long line arrives whole", b"echo " + b"x" * 400 + b" | wc -c\r", r"^401$")


def plumbing(console):
    console.shows("pipes", b"echo c b a | tr ' ' '\\n' | sort | head -n 2 | tr '\\n' -\r", r"^a-b-")
    console.type(b"\r")
    console.expect(PROMPT)
    console.shows("redirection", b"echo in > /tmp/f; echo more >> /tmp/f; wc -l < /tmp/f\r", r"^2$")
    console.shows("errors too", b"ls /nowhere 2>&1 | grep -c 'No such file'\r", r"^1$")
    console.shows("exit statuses", b"false; echo status $?; true; echo status $?\r", r"^status 1\nstatus 0$")
    console.shows("command substitution", b"echo $(echo inner) `echo old`\r", r"^inner old$")
    for line in (b"cat <<E\r", b"hello\r"):
        console.type(line)
        console.expect(MORE)
    console.shows("a here document", b"E\r", r"^hello$")
    console.shows("a loop", b"for i in 1 2 3; do echo -n $i,; done; echo\r", r"^1,2,3,$")
    console.shows("a pipeline of many", b"seq 1000 | cat | cat | cat | cat | tail -n 1\r", r"^1000$")


def jobs(console):
    console.start(b"sleep 100")
    console.shows("control-C ends a program", INTERRUPT, r"\^C")
    console.shows("with status 130", b"echo $?\r", r"^130$")
    console.start(b"sleep 101")
    console.shows("control-Z stops it", SUSPEND, r"Stopped.*sleep 101")
    console.shows("jobs lists it", b"jobs\r", r"\[1\].*Stopped.*sleep 101")
    console.shows("bg lets it go on", b"bg\r", r"\[1\].*sleep 101")
    console.shows("it runs", b"jobs\r", r"\[1\].*Running.*sleep 101")
    console.type(b"fg\r")
    console.check("fg brings it back", console.expect(r"^\(.*sleep 101\)$") is not None)
    console.shows("where control-C ends it", INTERRUPT, r"\^C")
    console.shows("nothing is left", b"jobs; echo none\r", r"jobs; echo none\nnone$")
    console.shows("a background job", b"sleep 1 & wait; echo waited\r", r"^waited$")
    console.type(b"(echo st''arted; exec cat) | cat | cat\r")
    console.expect(RUNNING)
    console.shows("control-C ends a whole pipeline", INTERRUPT, r"\^C")
    console.start(b"sleep 102")
    console.shows("control-\\ too", QUIT, r"\^\\")
    console.start(b"cat")
    console.type(b"typed line\r")
    console.check("cat repeats a line when it is complete", console.expect(r"^typed line\ntyped line$") is not None)
    console.shows("control-D ends its input", END, r"")
    console.type(b"cat > /tmp/g &\r")
    console.check("a background reader is stopped", console.expect(PROMPT) is not None)
    stopped = b"until grep -q State.*T /proc/$!/status; do sleep 0.1; done; jobs\r"
    console.shows("by the terminal", stopped, r"Stopped.*cat")
    console.shows("and killed", b"kill -9 %1; wait; echo gone\r", r"^gone$")


def screen(console):
    console.shows("the window has the size of the one outside", b"stty size\r", r"^40 120$")
    console.shows("stty changes it", b"stty cols 77; stty size\r", r"^40 77$")
    console.type(b"stty -echo; echo qui''et; read x; stty echo; echo \"[$x]\"\r")
    console.expect(r"^quiet$")  # only now is echo off
    console.quiet()
    console.raw = b""
    console.shows("without echo nothing shows", b"secret\r", r"\A\s*\[secret\]$")
    console.shows("the terminal has a name", b"tty\r", r"^/dev/(ttyS0|ttyAMA0|console)$")
    console.shows("TERM is passed", b"echo $TERM\r", r"^xterm$")


def editor(console):
    console.type(b"vi /tmp/text\r")
    console.check("vi opens", console.expect(r"- /tmp/text") is not None)
    console.type(b"ifirst line\rsecond\x1b")
    console.check("takes text", console.expect(r"- /tmp/text \[Modified\] 2/2") is not None)
    console.type(b":wq\r")
    console.check("and closes", console.expect(ANY_PROMPT) is not None)
    console.shows("what was typed is in the file", b"cat /tmp/text\r", r"^first line\nsecond$")
    console.type(b"seq 200 | less\r")
    console.check("less shows a page", console.expect(r"^39\n.*standard input") is not None)
    console.type(b"G")
    console.check("and the last one", console.expect(r"^200$[\s\S]*END") is not None)
    console.type(b"q")
    console.check("and ends", console.expect(ANY_PROMPT) is not None)
    console.type(b"top\r")
    console.check("top shows the machine", console.expect(r"Mem:.*used") is not None)
    console.type(b"q")
    console.check("and ends", console.expect(ANY_PROMPT) is not None)


def ending(console):
    console.type(b"exit\r")
    console.check("the shell starts again after exit", console.expect(r"built-in shell") is not None and console.expect(PROMPT) is not None)
    console.type(b"poweroff\r")
    end = time.monotonic() + 60
    done = (0, 0)
    while time.monotonic() < end and done[0] == 0:
        console.quiet(0.2)
        done = os.waitpid(console.pid, os.WNOHANG)
    console.check("poweroff ends the machine", done[0] == console.pid and done[1] == 0)


def main():
    console = Console(sys.argv[1:])
    started = console.expect(PROMPT, 120)
    if console.check("a prompt appears", started is not None):
        for part in (lines, plumbing, jobs, screen, editor, ending):
            part(console)
    print(f"1..{console.count}")
    return 1 if console.failed else 0


if __name__ == "__main__":
    sys.exit(main())
