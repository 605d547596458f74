"""Calls the function of one skill again and again: `python3 skillscale_worker.py`.

Started by the skill server (skill-server/warm_worker.cpp has the other half) with requests on
standard input and answers on descriptor 4, both of which are moved out of the skill's sight.

    request: <bytes of the call><call as JSON>
    answer:  <status><microseconds of CPU time><KiB of memory><bytes written to stdout><to stderr>
             <bytes of the result><of stdout><of stderr><result as JSON><stdout><stderr>

What is kept of stdout and stderr is bounded by the first number that arrives.
"""

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
REQUEST_HEADER = struct.Struct("=IQ")
ANSWER_HEADER = struct.Struct("=iqqQQIII")


class Kept(io.RawIOBase):
    """The first part of what is written, and how much it was."""

    def __init__(self, most):
        self.most = most
        self.total = 0
        self.bytes = bytearray()

    def writable(self):
        return True

    def write(self, data):
        data = bytes(data)
        self.total += len(data)
        self.bytes += data[: max(self.most - len(self.bytes), 0)]
        return len(data)


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
        return None, 0
    length, most = REQUEST_HEADER.unpack(header)
    data = requests.read(length)
    return (json.loads(data), most) if len(data) == length else (None, 0)


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


def captured(most):
    kept = Kept(most)
    return kept, io.TextIOWrapper(kept, "utf-8", "surrogateescape", newline="\n", write_through=True)


def answer(worker, call, most):
    out, sys.stdout = captured(most)
    err, sys.stderr = captured(most)
    before = time.process_time()
    status, result = worker.call(call)
    cpu = int((time.process_time() - before) * 1e6)
    memory = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    header = ANSWER_HEADER.pack(
        status, cpu, memory, out.total, err.total, len(result), len(out.bytes), len(err.bytes)
    )
    return header + result + out.bytes + err.bytes


def main():
    requests = moved(0, "rb")
    answers = moved(RESULT, "wb")
    sys.argv = [""]
    worker = Worker()
    while True:
        call, most = read_request(requests)
        if call is None:
            os._exit(0)
        answers.write(answer(worker, call, most))
        answers.flush()


main()
