"""Calls the function of one skill again and again: `python3 skillscale_worker.py`.

Started by the skill server (skill-server/engine/warm_worker.cpp has the other half) with requests on
standard input and answers on descriptor 4, both of which are moved out of the skill's sight.

    request: <bytes of the call><call as JSON>
    answer:  <status><microseconds of CPU time><KiB of memory now><at its highest><1: it has left a process>
             <bytes of the result><result as JSON>

What a call prints goes to descriptors 1 and 2, where the server reads it; it has all been
written when the answer comes.
"""

import ctypes
import io
import json
import os
import resource
import struct
import sys
import time
import traceback

_here = os.path.dirname(os.path.abspath(__file__))
if sys.path and sys.path[0] == _here:  # A skill's own modules go before ours.
    sys.path.append(sys.path.pop(0))
sys.dont_write_bytecode = True

import skillscale_function  # noqa: E402

RESULT = 4
REQUEST_HEADER = struct.Struct("=I")
ANSWER_HEADER = struct.Struct("=iqqqBI")
PR_SET_CHILD_SUBREAPER = 36


def moved(descriptor, mode):
    """A copy that no process of the skill inherits; its place is taken by /dev/null."""
    copy = os.dup(descriptor)
    os.set_inheritable(copy, False)
    null = os.open(os.devnull, os.O_RDWR)
    os.dup2(null, descriptor)
    os.close(null)
    return open(copy, mode, buffering=-1)


def read_request(requests):
    header = requests.read(REQUEST_HEADER.size)
    if len(header) < REQUEST_HEADER.size:
        return None
    (length,) = REQUEST_HEADER.unpack(header)
    data = requests.read(length)
    return json.loads(data) if len(data) == length else None


def is_ours(frame):
    file = frame.tb_frame.f_code.co_filename
    return file.startswith(_here + os.sep) or file.startswith("<frozen importlib")


def print_failure(error):
    if isinstance(error, skillscale_function.SkillError):
        print(error, file=sys.stderr)
        return
    frames = error.__traceback__
    while frames and is_ours(frames):
        frames = frames.tb_next
    traceback.print_exception(type(error), error, frames or error.__traceback__)


class Worker:
    def __init__(self):
        self.function = None

    def call(self, call):
        """The exit status that a fresh interpreter would have had, and the result."""
        try:
            if self.function is None:
                sys.argv = [call.get("file") or call.get("module") or ""]
                self.function = skillscale_function.load_function(call)
            result = skillscale_function.call_function(self.function, call)
            return 0, skillscale_function.encode_result(result)
        except SystemExit as error:
            if error.code is None or isinstance(error.code, int):
                return (error.code or 0) & 0xFF, b""
            print(error.code, file=sys.stderr)
            return 1, b""
        except BaseException as error:  # Whatever the skill raises ends this call only.
            print_failure(error)
            return 1, b""


def stream(number, errors, line_buffering=False):
    raw = io.BufferedWriter(io.FileIO(number, "w", closefd=False))
    return io.TextIOWrapper(raw, "utf-8", errors, newline="\n", line_buffering=line_buffering)


class Streams:
    """Standard output and error, made again when a call has replaced or closed them."""

    def __init__(self):
        self.out = self.err = None

    def make_ready(self):
        if self.out is None or sys.stdout is not self.out or self.out.closed:
            self.out = sys.stdout = sys.__stdout__ = stream(1, "surrogateescape")
        if self.err is None or sys.stderr is not self.err or self.err.closed:
            self.err = sys.stderr = sys.__stderr__ = stream(2, "backslashreplace", line_buffering=True)

    def flush(self):
        for file in (self.out, sys.stdout, self.err, sys.stderr):
            try:
                file.flush()
            except BaseException:  # Closed, or what the skill has put in its place.
                pass


def cpu_seconds():
    children = resource.getrusage(resource.RUSAGE_CHILDREN)
    return time.process_time() + children.ru_utime + children.ru_stime


class Memory:
    """In KiB."""

    def __init__(self):
        self.file = os.open("/proc/self/statm", os.O_RDONLY)
        self.page = os.sysconf("SC_PAGESIZE") // 1024
        # The kernel's figure is at least what the server had when it made this process.
        self.floor = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss

    def look(self):
        """Now, and at its highest, as far as that can be known."""
        now = int(os.pread(self.file, 64, 0).split()[1]) * self.page
        highest = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
        return now, max(now, highest if highest > self.floor else 0)


def has_children():
    """Also what has lost its parent: this process is its subreaper."""
    try:
        os.waitid(os.P_ALL, 0, os.WEXITED | os.WNOHANG | os.WNOWAIT)
        return True
    except ChildProcessError:
        return False


def answer(worker, streams, memory, call):
    before = cpu_seconds()
    status, result = worker.call(call)
    streams.flush()
    cpu = int((cpu_seconds() - before) * 1e6)
    return ANSWER_HEADER.pack(status, cpu, *memory.look(), has_children(), len(result)) + result


def main():
    ctypes.CDLL(None).prctl(PR_SET_CHILD_SUBREAPER, 1, 0, 0, 0)
    requests = moved(0, "rb")
    answers = moved(RESULT, "wb")
    folder = os.getcwd()
    worker = Worker()
    streams = Streams()
    memory = Memory()
    while True:
        call = read_request(requests)
        if call is None:
            os._exit(0)
        os.chdir(folder)
        streams.make_ready()
        answers.write(answer(worker, streams, memory, call))
        answers.flush()


main()
