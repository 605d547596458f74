"""A Python interpreter that waits, with its modules imported, and forks for each run.

Started by the skill server (skill-server/engine/zygote.cpp has the other half) with a socket as
descriptor 5. It never reads what a run is about: that comes in a file that only the forked
child opens, so nothing of one run is in the memory that the next one gets.

Messages, each one packet:
    F<names>        Start. One descriptor comes along for each letter: `s` what to run, `r` where
                    the child reports, 0 to 4 as the child is to have them, `g` guardian,
                    `c` cgroup.procs, `l` Landlock ruleset.    Answer: P<pid> or E<errno>.
    K<pid>          Kill what has come loose from the run with this leader.    Answer: K.
    R<pid>          Reap that leader, which has exited.
                    Answer: W<status><microseconds of CPU time><KiB of memory>.
"""

import array
import atexit
import ctypes
import errno
import gc
import importlib
import importlib.machinery
import io
import os
import random
import resource
import runpy
import signal
import socket
import struct
import sys
import threading
import time
import types

CONTROL = 5
REPORT = 5  # Of a child, which has no control socket.
MESSAGE_BYTES_MAX = 64
DESCRIPTORS_MAX = 10
SWEEP_SECONDS_MAX = 2.0
# linux/prctl.h, linux/seccomp.h, linux/landlock.h, linux/capability.h
PR_SET_PDEATHSIG, PR_SET_DUMPABLE, PR_SET_SECCOMP, PR_CAPBSET_DROP = 1, 4, 22, 24
PR_SET_CHILD_SUBREAPER, PR_SET_NO_NEW_PRIVS, PR_CAP_AMBIENT, PR_CAP_AMBIENT_CLEAR_ALL = 36, 38, 47, 4
SECCOMP_MODE_FILTER = 2
SYS_CLOSE_RANGE, SYS_LANDLOCK_RESTRICT_SELF = 436, 446
CAPABILITY_VERSION_3 = 0x20080522
BPF_INSTRUCTION_BYTES = 8
KEPT_CAPABILITIES = 1 << 0 | 1 << 1 | 1 << 3 | 1 << 4  # CHOWN, DAC_OVERRIDE, FOWNER, FSETID: as in after_clone.cpp.
REHEARSALS = 20  # Byte code is specialised after eight calls or more.
STANDARD_STREAM_OBJECTS = 9  # Text, buffer and file of each.
THIS_FILE = (lambda: None).__code__.co_filename

libc = ctypes.CDLL(None, use_errno=True)


class FilterProgram(ctypes.Structure):  # struct sock_fprog
    _fields_ = [("length", ctypes.c_ushort), ("filter", ctypes.c_char_p)]


def call(function, *arguments):
    if function(*arguments) == -1:
        number = ctypes.get_errno()
        raise OSError(number, os.strerror(number))


def prctl(option, *arguments):
    rest = list(arguments) + [0] * (4 - len(arguments))
    call(libc.prctl, option, *[a if not isinstance(a, int) else ctypes.c_ulong(a) for a in rest])


# --- What a child does before it runs anything, in the order of core/os/after_clone.cpp ------


class Run:
    """What to run: numbers and byte strings, as skill-server/engine/zygote.cpp writes them."""

    def __init__(self, data):
        (count,) = struct.unpack_from("=I", data)
        numbers = struct.unpack_from(f"={count}q", data, 4)
        at = 4 + 8 * count
        (count,) = struct.unpack_from("=I", data, at)
        at += 4
        strings = []
        for _ in range(count):
            (length,) = struct.unpack_from("=I", data, at)
            strings.append(data[at + 4 : at + 4 + length])
            at += 4 + length
        self.drop_capabilities, self.no_new_privileges, self.confined = numbers[:3]
        self.limits = numbers[3:7]
        arguments = numbers[7]
        (self.kind, self.target, self.flags, self.folder, self.filter) = strings[:5]
        self.arguments = [os.fsdecode(text) for text in strings[5 : 5 + arguments]]
        self.environment = strings[5 + arguments :]


class Setup:
    """Turns a fresh fork into the process that the run is to have. `step` is what goes on."""

    def __init__(self, descriptors):
        self.descriptors = descriptors
        self.step = "read what to run"

    def make(self):
        get = self.descriptors.get
        run = Run(read_all(get("s")))
        self.step = "register with the guardian"
        if get("g") is not None:
            tell_guardian(get("g"))
        self.step = "join the control group"
        if get("c") is not None:
            os.write(get("c"), b"0")
        self.step = "connect the pipes"
        self.connect()
        self.step = "set the resource limits"
        if run.confined:
            set_limits(run.limits)
        self.step = "enter the working folder " + os.fsdecode(run.folder)
        os.chdir(run.folder)
        self.step = "replace the environment"
        replace_environment(run.environment)
        self.confine(run)
        return run

    def connect(self):
        # Those that arrived are numbered above REPORT, so none is overwritten.
        for number in range(5):
            source = self.descriptors.get(str(number))
            if source is not None:
                os.dup2(source, number)
            else:
                os.close(number)
        os.dup2(self.descriptors["r"], REPORT, inheritable=False)

    def confine(self, run):
        self.step = "be a process like any other"  # Before, no run may look into what waits for the next one.
        prctl(PR_SET_DUMPABLE, 1)
        self.step = "drop the capabilities"
        if run.drop_capabilities:
            drop_capabilities(run.no_new_privileges)
        self.step = "give up new privileges"
        if run.no_new_privileges:
            prctl(PR_SET_NO_NEW_PRIVS, 1)
        self.step = "apply the Landlock rules"
        ruleset = self.descriptors.get("l")
        if ruleset is not None:
            call(libc.syscall, SYS_LANDLOCK_RESTRICT_SELF, ruleset, 0)
        self.step = "close the zygote's descriptors"
        call(libc.syscall, SYS_CLOSE_RANGE, REPORT + 1, ctypes.c_uint(0xFFFFFFFF), 0)
        self.step = "apply the seccomp filter"
        if run.filter:
            program = FilterProgram(len(run.filter) // BPF_INSTRUCTION_BYTES, run.filter)
            prctl(PR_SET_SECCOMP, SECCOMP_MODE_FILTER, ctypes.byref(program))


def be_tied(zygote):
    os.setsid()
    prctl(PR_SET_PDEATHSIG, signal.SIGKILL)
    if os.getppid() != zygote:
        raise ProcessLookupError(errno.ESRCH, os.strerror(errno.ESRCH))


def read_all(descriptor):
    size = os.fstat(descriptor).st_size
    data = os.pread(descriptor, size, 0)
    if len(data) != size:
        raise OSError(errno.EIO, os.strerror(errno.EIO))
    return data


def tell_guardian(descriptor):
    try:
        os.write(descriptor, struct.pack("=i", os.getpid()))
    except BlockingIOError:
        pass  # It no longer reads; the server finds that out by itself.


def set_limits(limits):
    """-1: as it is. Never above the hard limit that there is already."""
    memory, cpu, file, files = limits
    pairs = (
        (resource.RLIMIT_CORE, 0, 0),
        (resource.RLIMIT_DATA, memory, memory),
        (resource.RLIMIT_FSIZE, file, file),
        (resource.RLIMIT_NOFILE, files, files),
        (resource.RLIMIT_CPU, cpu, cpu + 1),
    )
    for kind, soft, hard in pairs:
        if soft < 0:
            continue
        _, before = resource.getrlimit(kind)
        if before != resource.RLIM_INFINITY:
            hard = min(hard, before)
        resource.setrlimit(kind, (min(soft, hard), hard))


def replace_environment(variables):
    os.environb.clear()
    for variable in variables:
        name, _, value = variable.partition(b"=")
        os.environb[name] = value
    time.tzset()


def drop_bounding_set():
    for capability in range(64):
        if not KEPT_CAPABILITIES >> capability & 1:
            if libc.prctl(PR_CAPBSET_DROP, ctypes.c_ulong(capability), 0, 0, 0) == 0:
                continue
            if ctypes.get_errno() == errno.EINVAL:
                break  # Past the last one of this kernel.
            raise OSError(ctypes.get_errno(), os.strerror(ctypes.get_errno()))


def drop_capabilities(no_new_privileges):
    if not no_new_privileges:  # With it no exec gives anything back.
        drop_bounding_set()
    header = struct.pack("=Ii", CAPABILITY_VERSION_3, 0)
    sets = ctypes.create_string_buffer(24)
    call(libc.capget, header, sets)
    permitted = struct.unpack("=6I", sets.raw)[1] & KEPT_CAPABILITIES
    call(libc.capset, header, struct.pack("=6I", permitted, permitted, 0, 0, 0, 0))
    libc.prctl(PR_CAP_AMBIENT, PR_CAP_AMBIENT_CLEAR_ALL, 0, 0, 0)


# --- The script, as `python3 SCRIPT` would run it --------------------------------------------


def open_standard_streams(unbuffered):
    def make(number, name, mode, errors, line_buffering=False):
        raw = io.FileIO(number, mode, closefd=False)
        raw.name = name
        if mode == "r":
            buffer = io.BufferedReader(raw)
        else:
            buffer = raw if unbuffered else io.BufferedWriter(raw)
        text = io.TextIOWrapper(
            buffer, "utf-8", errors, newline="\n", line_buffering=line_buffering,
            write_through=unbuffered and mode == "w",
        )
        text.mode = mode
        return text

    sys.stdin = sys.__stdin__ = make(0, "<stdin>", "r", "surrogateescape")
    sys.stdout = sys.__stdout__ = make(1, "<stdout>", "w", "surrogateescape")
    sys.stderr = sys.__stderr__ = make(2, "<stderr>", "w", "backslashreplace", line_buffering=True)


def apply_flags(run):
    environment = os.environ if "E" not in run.flags and "I" not in run.flags else {}
    sys.dont_write_bytecode = "B" in run.flags or bool(environment.get("PYTHONDONTWRITEBYTECODE"))
    sys.path[:0] = [folder for folder in environment.get("PYTHONPATH", "").split(os.pathsep) if folder]
    return "u" in run.flags or bool(environment.get("PYTHONUNBUFFERED"))


def prepare_interpreter(run):
    run.kind, run.target, run.flags = (os.fsdecode(text) for text in (run.kind, run.target, run.flags))
    open_standard_streams(apply_flags(run))
    isolated = "I" in run.flags or "P" in run.flags
    sys.argv = [{"script": run.target, "module": "-m", "code": "-c"}[run.kind]] + run.arguments
    if not isolated:
        first = {"module": os.getcwd(), "code": ""}.get(run.kind)
        sys.path.insert(0, os.path.dirname(os.path.realpath(run.target)) if first is None else first)
    main = types.ModuleType("__main__")
    main.__builtins__ = sys.modules["builtins"]
    main.__annotations__ = {}
    sys.modules["__main__"] = main
    if "numpy.random" in sys.modules:
        sys.modules["numpy.random"].seed()
    gc.enable()


class CannotOpen(Exception):
    pass


def load(run):
    """The code, and its globals; nothing for a module, which runpy finds."""
    main = vars(sys.modules["__main__"])
    if run.kind == "module":
        return None, main
    if run.kind == "code":
        return compile(run.target, "<string>", "exec", dont_inherit=True), main
    path = os.path.join(os.getcwd(), run.target)
    main["__file__"] = path
    main["__cached__"] = None
    main["__loader__"] = importlib.machinery.SourceFileLoader("__main__", path)
    try:
        with open(path, "rb") as file:
            source = file.read()
    except OSError as error:
        raise CannotOpen(f"{sys.executable}: can't open file {path!r}: [Errno {error.errno}] {error.strerror}")
    return compile(source, path, "exec", dont_inherit=True), main


def run_code(run):
    """Its exit status."""
    try:
        code, variables = load(run)
        if code is None:
            runpy._run_module_as_main(run.target)
        else:
            exec(code, variables)
        return 0
    except SystemExit as error:
        return exit_status(error.code)
    except CannotOpen as error:
        print(error, file=sys.stderr)
        return 2
    except KeyboardInterrupt as error:
        show(error)
        return -signal.SIGINT
    except BaseException as error:
        show(error)
        return 1


def exit_status(code):
    if code is None:
        return 0
    if isinstance(code, int):
        return code & 0xFF
    print(code, file=sys.stderr)
    return 1


def show(error):
    """As an uncaught exception is shown, without the frames of this file."""
    trace = error.__traceback__
    while trace is not None and trace.tb_frame.f_code.co_filename == THIS_FILE:
        trace = trace.tb_next
    error.__traceback__ = trace
    try:
        sys.excepthook(type(error), error, trace)
    except BaseException:
        sys.__excepthook__(type(error), error, trace)


def finish(status, preloaded):
    """What the interpreter does at its end; memory is left to the kernel."""
    try:
        threading._shutdown()
        atexit._run_exitfuncs()
    except BaseException as error:
        show(error)
    status = flush_standard_streams(status)
    ends = things_that_end()
    flush_files(ends)
    any_ends = bool(ends)
    drop_variables("__main__")
    del ends
    if any_ends:
        gc.collect()  # What the script itself holds ends while its modules are still whole.
    drop_modules(preloaded)
    if any_ends:
        gc.collect()
        flush_files(things_that_end())
    status = flush_standard_streams(status)
    libc.fflush(None)
    if status < 0:
        signal.signal(-status, signal.SIG_DFL)
        os.kill(os.getpid(), -status)
    os._exit(status)


def things_that_end():
    """What has a destructor, but for the standard streams. Mostly nothing."""
    found = {}
    for value in gc.get_objects():
        kind = type(value)
        if kind not in found:
            found[kind] = [] if hasattr(kind, "__del__") else None
        if found[kind] is not None:
            found[kind].append(value)
    things = [value for values in found.values() if values for value in values]
    return things if len(things) > STANDARD_STREAM_OBJECTS else []


def flush_files(things):
    """All that are open, whoever holds them: a collected cycle may close a file before its buffer."""
    for kind in (io.TextIOBase, io.BufferedIOBase):
        for file in things:
            if issubclass(type(file), kind):
                flush(file)


def drop_modules(preloaded):
    names = [name for name in sys.modules if name not in preloaded and name != "__main__"]
    for name in reversed(names):
        drop_variables(name)
    for name in ["__main__", *names]:
        del sys.modules[name]


def drop_variables(module):
    """The latest first, so that destructors still find what they use; functions and classes stay."""
    variables = getattr(sys.modules[module], "__dict__", {})
    for variable in reversed(list(variables)):
        if not variable.startswith("__") and not isinstance(
            variables[variable], (type, types.FunctionType, types.ModuleType)
        ):
            variables[variable] = None


def flush(file):
    """The error, if it cannot be written."""
    try:
        if not file.closed:
            file.flush()
        return None
    except BaseException as error:
        return error


def flush_standard_streams(status):
    error = None if sys.stdout is None else flush(sys.stdout)
    if error is not None:
        print(f"Exception ignored in: {sys.stdout!r}\n{type(error).__name__}: {error}", file=sys.stderr)
        status = 120  # As Python itself has it.
        sys.stdout = None
    if sys.stderr is not None:
        flush(sys.stderr)
    return status


def be_child(descriptors, preloaded):
    """Never returns."""
    report = descriptors["r"]
    setup = Setup(descriptors)
    try:
        try:
            run = setup.make()
            report = REPORT
            setup.step = "prepare the interpreter"
            prepare_interpreter(run)
        except BaseException as error:
            number = getattr(error, "errno", None) or errno.EINVAL
            os.write(report, f"{number} {setup.step}".encode("utf-8", "replace")[:4000])
            os._exit(127)
        del setup, descriptors
        os.write(report, b"0")
        os.close(report)
        finish(run_code(run), preloaded)
    finally:
        os._exit(127)


# --- The zygote ------------------------------------------------------------------------------


def receive(control):
    """The next message with its descriptors; None at the end."""
    fds = array.array("i")
    data, extra, flags, _ = control.recvmsg(
        MESSAGE_BYTES_MAX, socket.CMSG_LEN(DESCRIPTORS_MAX * fds.itemsize), socket.MSG_CMSG_CLOEXEC
    )
    for level, kind, content in extra:
        if level == socket.SOL_SOCKET and kind == socket.SCM_RIGHTS:
            fds.frombytes(content[: len(content) - len(content) % fds.itemsize])
    if not data or flags & (socket.MSG_TRUNC | socket.MSG_CTRUNC):
        return None, fds
    return data, fds


class Spare:
    """The next run's process, forked ahead of it. It waits for its descriptors on a socket of its own."""

    def __init__(self, preloaded):
        if len(os.listdir("/proc/self/task")) != 1:  # A fork would leave locks behind that nobody opens.
            raise OSError(errno.EDEADLK, os.strerror(errno.EDEADLK))
        self.socket, theirs = socket.socketpair(socket.AF_UNIX, socket.SOCK_SEQPACKET)
        zygote = os.getpid()
        self.pid = os.fork()
        if self.pid == 0:
            self.wait(theirs, zygote, preloaded)
        theirs.close()

    def wait(self, theirs, zygote, preloaded):
        try:
            be_tied(zygote)
            os.dup2(0, CONTROL)  # The zygote's own socket is none of its business.
            self.socket.close()
            rehearse(preloaded, 1)  # Copies the pages that every run writes to.
            data, fds = receive(theirs)
            if data is not None:
                be_child(dict(zip(data[1:].decode("ascii"), fds)), preloaded)
        finally:
            os._exit(127)

    def pass_on(self, data, fds):
        """False: it is gone."""
        try:
            self.socket.sendmsg([data], [(socket.SOL_SOCKET, socket.SCM_RIGHTS, fds)])
            return True
        except OSError:
            os.kill(self.pid, signal.SIGKILL)
            os.waitpid(self.pid, 0)
            return False
        finally:
            self.socket.close()


def children():
    me = os.getpid()
    try:
        with open(f"/proc/self/task/{me}/children") as file:
            return [int(pid) for pid in file.read().split()]
    except OSError:
        return [pid for pid in map(int, filter(str.isdigit, os.listdir("/proc"))) if parent_of(pid) == me]


def parent_of(pid):
    try:
        with open(f"/proc/{pid}/stat") as file:
            return int(file.read().rpartition(")")[2].split()[1])
    except OSError:
        return 0


class Zygote:
    def __init__(self, control, preloaded):
        self.control = control
        self.preloaded = preloaded
        self.spare = None

    def make_spare(self):
        try:
            self.spare = Spare(self.preloaded)
        except OSError:
            self.spare = None  # The next request says why.

    def start(self, data, fds):
        """Gives a run to the spare, or to a fresh one when that is gone."""
        if len(data) - 1 != len(fds):
            raise SystemExit("a descriptor is missing")
        try:
            spare, self.spare = self.spare, None
            if spare is None or not spare.pass_on(data, fds):
                spare = Spare(self.preloaded)
                spare.pass_on(data, fds)
            return b"P" + struct.pack("=i", spare.pid)
        except OSError as error:
            return b"E" + struct.pack("=i", error.errno)

    def sweep(self, leader):
        """Ends the orphans of a run, which are children of this process (it is their subreaper)."""
        deadline = time.monotonic() + SWEEP_SECONDS_MAX
        mine = (leader, self.spare.pid if self.spare else 0)
        while time.monotonic() < deadline:
            orphans = [pid for pid in children() if pid not in mine]
            if not orphans:
                return
            for pid in orphans:
                try:
                    os.kill(pid, signal.SIGKILL)
                except OSError:
                    pass
            for pid in orphans:
                os.waitpid(pid, 0)

    def reap(self, pid):
        _, status, usage = os.wait4(pid, 0)
        self.sweep(0)
        cpu = int((usage.ru_utime + usage.ru_stime) * 1e6)
        return b"W" + struct.pack("=iqq", status, cpu, usage.ru_maxrss)

    def serve(self):
        self.make_spare()
        while True:
            data, fds = receive(self.control)
            if data is None:
                return
            if data[:1] == b"F":
                self.control.sendall(self.start(data, fds))
                for descriptor in fds:
                    os.close(descriptor)
                self.make_spare()
            elif data[:1] == b"K":
                self.sweep(*struct.unpack("=i", data[1:]))
                self.control.sendall(b"K")
            else:
                self.control.sendall(self.reap(*struct.unpack("=i", data[1:])))


def prepare(parent, modules):
    """Everything that runs share, done once. The names of the modules that there are no."""
    prctl(PR_SET_PDEATHSIG, signal.SIGKILL)
    if os.getppid() != parent:
        raise SystemExit("the server is gone")
    prctl(PR_SET_CHILD_SUBREAPER, 1)
    prctl(PR_SET_DUMPABLE, 0)
    forget_internal_signals()
    missing = []
    for name in modules:
        try:
            importlib.import_module(name)
        except Exception as error:
            missing.append(f"{name} ({type(error).__name__})")
    for module in ("encodings.idna", "encodings.ascii", "encodings.latin_1"):
        importlib.import_module(module)
    return missing


def forget_internal_signals():
    """posix_spawn ignores the two signals that libc keeps for itself; a cold start does not."""
    number = {"x86_64": 13, "aarch64": 134}.get(os.uname().machine)
    if number is not None:
        for internal in (32, 33):
            libc.syscall(number, internal, bytes(64), None, 8)


def rehearse(preloaded, times):
    """What every run does first, done already: what Python makes when it is first needed (the
    types of its compiler, specialised byte code) is there before the fork, and not made in each child."""
    path, streams = list(sys.path), (sys.stdin, sys.stdout, sys.stderr)
    variables = [name + b"=" + value for name, value in os.environb.items()]
    texts = [b"script", os.devnull.encode(), b"", b"/", b"", *variables]
    data = struct.pack("=I8qI", 8, 0, 0, 0, -1, -1, -1, -1, 0, len(texts))
    data += b"".join(struct.pack("=I", len(text)) + text for text in texts)
    for _ in range(times):
        run = Run(data)
        replace_environment(run.environment)
        prepare_interpreter(run)
        gc.disable()
        run_code(run)
        flush_standard_streams(0)
        flush_files(things_that_end())
        drop_variables("__main__")
        drop_modules(preloaded)
        sys.path[:] = path
    sys.stdin, sys.stdout, sys.stderr = streams
    for name in ("syscall", "capget", "capset", "fflush"):
        getattr(libc, name)


def main(parent, modules):
    missing = prepare(parent, modules)
    null = os.open("/dev/null", os.O_RDWR)
    for number in range(5):  # Arriving descriptors must be numbered above CONTROL.
        if number != null:
            os.dup2(null, number)
    control = socket.socket(fileno=CONTROL)
    rehearse(frozenset(sys.modules), REHEARSALS)
    sys.modules["__main__"] = types.ModuleType("__main__")  # This file's names are nobody's business.
    preloaded = frozenset(sys.modules)
    gc.collect()
    gc.disable()
    gc.freeze()
    control.sendall(b"H" + ",".join(missing).encode("utf-8", "replace")[:1000])
    try:
        Zygote(control, preloaded).serve()
    finally:
        os._exit(0)


main(int(sys.argv[1]), [name for name in sys.argv[2].split(",") if name])
