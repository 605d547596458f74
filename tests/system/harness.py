"""Starts real SkillScale programs for a test, and proves that nothing of them is left.

    with Cluster() as cluster:
        cluster.add_skill("echo", "cat")
        cluster.start_proxy()
        cluster.start_server("TOPIC_A")
        with cluster.agent() as agent:
            reply = agent.call("TOPIC_A", {"skill": "echo", "data": "hello"})

Every wait has a deadline. A cluster has its own folder and ephemeral ports, so
tests may run side by side.
"""

import collections
import contextlib
import ctypes
import json
import os
import pathlib
import shutil
import signal
import socket
import subprocess
import tempfile
import time
import unittest
import urllib.error
import urllib.request
import uuid

import zmq

SOURCE = pathlib.Path(os.environ.get("SKILLSCALE_SOURCE", pathlib.Path(__file__).parents[2])).resolve()
BIN = pathlib.Path(os.environ.get("SKILLSCALE_BIN", SOURCE / "build/dev/bin")).resolve()
# Sanitized programs are several times slower; deadlines are not what the tests are about.
PATIENCE = float(os.environ.get("SKILLSCALE_PATIENCE", "1"))

_PR_SET_PDEATHSIG = 1
_PR_SET_CHILD_SUBREAPER = 36
_libc = ctypes.CDLL(None, use_errno=True)


class Deadline:
    """A point in time after which waiting is a failure."""

    def __init__(self, seconds):
        self._end = time.monotonic() + seconds * PATIENCE

    def left(self):
        return max(0.0, self._end - time.monotonic())

    def passed(self):
        return self.left() == 0.0


def wait_until(condition, seconds, what):
    """The first true value of condition(); an AssertionError after the deadline."""
    deadline = Deadline(seconds)
    while True:
        value = condition()
        if value:
            return value
        if deadline.passed():
            raise AssertionError(f"not within {seconds} s: {what}")
        time.sleep(0.005)


def free_ports(count):
    """Ports of 127.0.0.1 that nobody uses; all are open at once, so no two are the same."""
    sockets = [socket.create_server(("127.0.0.1", 0)) for _ in range(count)]
    ports = [opened.getsockname()[1] for opened in sockets]
    for opened in sockets:
        opened.close()
    return ports


def http_get(url, timeout=5):
    """(status, body) of a GET; status 0 when nobody answers."""
    try:
        with urllib.request.urlopen(url, timeout=timeout) as response:
            return response.status, response.read().decode()
    except urllib.error.HTTPError as error:
        with error:
            return error.code, error.read().decode()
    except OSError:
        return 0, ""


def clean_environment(folder, extra=None):
    """What a program of the cluster sees: nothing of the tester's settings, and the mark of its cluster."""
    kept = {name: value for name, value in os.environ.items() if name in ("PATH", "LANG", "ASAN_OPTIONS", "TSAN_OPTIONS")}
    return {**kept, "TMPDIR": str(folder), "HOME": str(folder), "SKILLSCALE_TEST_CLUSTER": str(folder), **(extra or {})}


def _die_with_parent():
    _libc.prctl(_PR_SET_PDEATHSIG, signal.SIGKILL, 0, 0, 0)


class Daemon:
    """One program in the background, its output in a file."""

    def __init__(self, cluster, name, arguments, environment=None):
        self.name = name
        self.log_path = cluster.folder / f"{name}.log"
        self._log = open(self.log_path, "ab")
        self.process = subprocess.Popen(
            [str(argument) for argument in arguments],
            stdin=subprocess.DEVNULL, stdout=self._log, stderr=self._log, cwd=cluster.folder,
            env=clean_environment(cluster.folder, environment), start_new_session=True, preexec_fn=_die_with_parent)

    @property
    def pid(self):
        return self.process.pid

    def log(self):
        return self.log_path.read_text(errors="replace")

    def is_running(self):
        return self.process.poll() is None

    def send_signal(self, number):
        self.process.send_signal(number)

    def wait_exit(self, seconds=10):
        """The exit status (negative: the signal that ended it)."""
        try:
            return self.process.wait(seconds * PATIENCE)
        except subprocess.TimeoutExpired:
            raise AssertionError(f"{self.name} has not ended within {seconds} s\n{self.log()[-4000:]}") from None

    def kill(self):
        self.process.kill()
        self.process.wait()

    def terminate(self, seconds=10):
        """SIGTERM; the exit status."""
        self.process.terminate()
        return self.wait_exit(seconds)

    def crash(self):
        """What says that the program broke one of its own rules, or a sanitizer found something."""
        if self.process.returncode in (-signal.SIGABRT, -signal.SIGSEGV, -signal.SIGBUS, -signal.SIGFPE):
            return f"{self.name} ended with signal {-self.process.returncode}"
        finding = next((line for line in self.log().splitlines() if "Sanitizer: " in line or ": runtime error: " in line), None)
        return finding and f"{self.name}: {finding}"

    def close(self):
        if self.is_running():
            with contextlib.suppress(ProcessLookupError):
                self.process.send_signal(signal.SIGCONT)
            self.process.terminate()
            try:
                self.process.wait(15 * PATIENCE)
            except subprocess.TimeoutExpired:
                self.process.kill()
                self.process.wait()
                self._log.close()
                raise AssertionError(f"{self.name} ignored SIGTERM for 15 s\n{self.log()[-4000:]}") from None
        self._log.close()


class Proxy(Daemon):
    def __init__(self, cluster, name, ports, arguments, environment):
        self.ports = ports
        self.ready_file = cluster.folder / f"{name}.ready"
        self.ready_file.unlink(missing_ok=True)
        xsub, xpub, http = ports
        super().__init__(cluster, name, [
            BIN / "skillscale_proxy", "--xsub-bind", "127.0.0.1", "--xpub-bind", "127.0.0.1", "--metrics-bind", "127.0.0.1",
            "--xsub-port", xsub, "--xpub-port", xpub, "--metrics-port", http, "--ready-file", self.ready_file, *arguments],
            environment)

    def wait_ready(self, seconds=10):
        def bound():
            if not self.is_running():
                raise AssertionError(f"{self.name} ended with status {self.process.returncode}\n{self.log()}")
            with contextlib.suppress(FileNotFoundError, ValueError):
                return json.loads(self.ready_file.read_text())
            return None
        endpoints = wait_until(bound, seconds, f"{self.name} is bound\n{self.log()}")
        self.xsub, self.xpub, self.http = endpoints["xsub"], endpoints["xpub"], endpoints["http"]
        self.ports = [int(endpoint.rsplit(":", 1)[1]) for endpoint in (self.xsub, self.xpub, self.http)]
        wait_until(lambda: http_get(f"{self.http}/readyz")[0] == 200, seconds, f"{self.name} is ready\n{self.log()}")
        return self

    def scale(self, topic):
        """The load of a topic, as KEDA sees it."""
        status, body = http_get(f"{self.http}/v1/scale/{topic}")
        if status != 200:
            raise AssertionError(f"/v1/scale/{topic} answered {status}: {body}")
        return json.loads(body)


class Server(Daemon):
    def __init__(self, cluster, name, arguments, environment):
        (port,) = free_ports(1)
        self.http = f"http://127.0.0.1:{port}"
        super().__init__(cluster, name, [
            BIN / "skillscale_skill_server", "--metrics-bind", "127.0.0.1", "--metrics-port", port, *arguments], environment)

    def wait_ready(self, seconds=10):
        def ready():
            if not self.is_running():
                raise AssertionError(f"{self.name} ended with status {self.process.returncode}\n{self.log()}")
            return http_get(f"{self.http}/readyz")[0] == 200
        wait_until(ready, seconds, f"{self.name} is ready\n{self.log()}")
        return self


class Agent:
    """An agent that speaks the wire protocol itself, and counts every reply it gets.

    It re-sends what is unanswered, marked "R", whenever its proxy comes back.
    """

    def __init__(self, xsub, xpub, agent_id=None):
        self.reply_to = f"AGENT_REPLY_{agent_id or uuid.uuid4().hex}"
        self.replies = collections.defaultdict(list)  # request_id -> final replies, in order
        self.events = collections.defaultdict(list)   # request_id -> events, in order
        self.strangers = []                           # messages that are not addressed to this agent
        self.resent = 0
        self._unanswered = {}  # request_id -> (topic, payload)
        self._unsent = []      # request ids, in order
        self._connected = False
        self._context = zmq.Context()
        self._pub = self._context.socket(zmq.XPUB)
        self._pub.setsockopt(zmq.XPUB_VERBOSER, 1)
        self._pub.setsockopt(zmq.XPUB_NODROP, 1)
        self._pub.setsockopt(zmq.SNDTIMEO, 1000)
        self._sub = self._context.socket(zmq.SUB)
        for opened in (self._pub, self._sub):
            opened.setsockopt(zmq.LINGER, 0)
            opened.setsockopt(zmq.SNDHWM, 100000)
            opened.setsockopt(zmq.RCVHWM, 100000)
            opened.setsockopt(zmq.RECONNECT_IVL, 50)
            opened.setsockopt(zmq.RECONNECT_IVL_MAX, 500)
        self._sub.subscribe(self.reply_to)
        self._barrier = None
        self._poller = zmq.Poller()
        self._poller.register(self._pub, zmq.POLLIN)
        self._poller.register(self._sub, zmq.POLLIN)
        self._pub.connect(xsub)
        self._sub.connect(xpub)

    def __enter__(self):
        return self

    def __exit__(self, *_):
        self.close()

    def close(self):
        self._pub.close()
        self._sub.close()
        self._context.term()

    def wait_connected(self, seconds=10):
        self.pump_until(lambda: self._connected, seconds, "the agent is connected to the proxy")
        return self

    def publish(self, topic, intent, **fields):
        """Sends one intent as soon as the proxy is there; returns its request id."""
        request_id = fields.pop("request_id", None) or uuid.uuid4().hex
        payload = {"request_id": request_id, "reply_to": self.reply_to, "intent": intent, "timestamp": time.time(), **fields}
        self._unanswered[request_id] = (topic, json.dumps(payload, ensure_ascii=False).encode())
        self._unsent.append(request_id)
        if self._connected:
            self._flush()
        return request_id

    def cancel(self, request_id):
        message = json.dumps({"request_id": request_id, "reply_to": self.reply_to}).encode()
        self._pub.send_multipart([b"@cancel", message])

    def send_raw(self, *frames):
        self.wait_connected()
        self._pub.send_multipart(list(frames))

    def call(self, topic, intent, seconds=20, **fields):
        """Publishes one intent and returns its reply."""
        request_id = self.publish(topic, intent, **fields)
        return self.collect([request_id], seconds)[request_id]

    def collect(self, request_ids, seconds=30):
        """The first reply of each request id, by id."""
        wanted = list(request_ids)
        missing = set(wanted) - set(self.replies)

        def all_there():
            missing.difference_update([request_id for request_id in missing if request_id in self.replies])
            return not missing
        try:
            self.pump_until(all_there, seconds, "all replies are there")
        except AssertionError as error:
            raise AssertionError(f"{error}: {len(missing)} of {len(wanted)} replies are missing") from None
        return {request_id: self.replies[request_id][0] for request_id in wanted}

    def duplicates(self):
        return sum(len(replies) - 1 for replies in self.replies.values())

    def pump_until(self, condition, seconds, what):
        deadline = Deadline(seconds)
        while not condition():
            if deadline.passed():
                raise AssertionError(f"not within {seconds} s: {what}")
            self.pump(deadline.left())

    def pump(self, seconds):
        """Handles what has arrived; waits at most so long for something."""
        ready = dict(self._poller.poll(min(seconds, 1.0) * 1000))
        if self._pub in ready:
            self._handle_subscriptions()
        if self._sub in ready:
            self._handle_messages()

    def _handle_subscriptions(self):
        with contextlib.suppress(zmq.Again):
            while True:
                frame = self._pub.recv(zmq.NOBLOCK)
                self._connected = False
                if frame == b"\x01":
                    self._ask_for_echo()

    def _ask_for_echo(self):
        """The echo says that the proxy has this agent's reply subscription too."""
        if self._barrier:
            self._sub.unsubscribe(self._barrier)
        self._barrier = b"@r/" + uuid.uuid4().hex.encode()
        self._sub.subscribe(self._barrier)

    def _handle_messages(self):
        with contextlib.suppress(zmq.Again):
            while True:
                frames = self._sub.recv_multipart(zmq.NOBLOCK)
                if frames[0] == self._barrier:
                    self._connected = True
                    self._resend()
                    self._flush()
                elif frames[0] == self.reply_to.encode():
                    self._take_reply(frames)
                elif not frames[0].startswith(b"@r/"):
                    self.strangers.append(frames)

    def _take_reply(self, frames):
        assert len(frames) == 2, f"a reply of {len(frames)} frames"
        reply = json.loads(frames[1])
        if "event" in reply:
            assert reply["request_id"] not in self.replies, "an event after its reply"
            self.events[reply["request_id"]].append(reply)
            return
        self.replies[reply["request_id"]].append(reply)
        self._unanswered.pop(reply["request_id"], None)

    def _resend(self):
        unsent = set(self._unsent)
        for request_id, (topic, payload) in self._unanswered.items():
            if request_id not in unsent:
                self._pub.send_multipart([topic.encode(), payload, b"R"])
                self.resent += 1

    def _flush(self):
        unsent, self._unsent = self._unsent, []
        for request_id in unsent:
            topic, payload = self._unanswered[request_id]
            self._pub.send_multipart([topic.encode(), payload])


class Cluster:
    """A proxy, skill servers and agents of one test, in a folder of their own."""

    def __init__(self):
        _libc.prctl(_PR_SET_CHILD_SUBREAPER, 1, 0, 0, 0)
        self.folder = pathlib.Path(tempfile.mkdtemp(prefix="skillscale-test-"))
        self.skills_dir = self.folder / "skills"
        self.skills_dir.mkdir()
        self.journal_path = self.folder / "journal"
        self.daemons = []
        self.proxy = None
        self._agents = contextlib.ExitStack()

    def __enter__(self):
        return self

    def __exit__(self, kind, *_):
        failures = []
        self._agents.close()
        for daemon in reversed(self.daemons):  # Servers first, so that the proxy takes their last replies.
            try:
                daemon.close()
            except AssertionError as error:
                failures.append(str(error))
        failures += [crash for crash in (daemon.crash() for daemon in self.daemons) if crash]
        left = self._kill_what_is_left()
        if left:
            failures.append("left behind: " + "; ".join(left))
        if kind or failures:
            self._print_logs()
        shutil.rmtree(self.folder, ignore_errors=True)
        if failures and not kind:
            raise AssertionError("\n".join(failures))

    # --- What runs ---------------------------------------------------------

    def start_proxy(self, *arguments, name="proxy", ports=(0, 0, 0), environment=None, wait=True):
        proxy = self._add(Proxy(self, name, ports, arguments, environment))
        if self.proxy is None or not self.proxy.is_running():
            self.proxy = proxy
        return proxy.wait_ready() if wait else proxy

    def restart_proxy(self, *arguments):
        """A new process at the addresses of the old one, which must have ended."""
        return self.start_proxy(*arguments, ports=self.proxy.ports)

    def start_server(self, topic, *arguments, name=None, skills_dir=None, proxy=None, workers=4, environment=None, wait=True):
        proxy = proxy or self.proxy
        name = name or f"server-{len(self.daemons)}"
        server = self._add(Server(self, name, [
            "--topic", topic, "--skills-dir", skills_dir or self.skills_dir, "--workers", workers,
            "--proxy-xsub", proxy.xsub, "--proxy-xpub", proxy.xpub,
            # Where the skills of tests leave their traces.
            "--sandbox-missing", "degrade", "--sandbox-writable", self.folder, *arguments], environment))
        return server.wait_ready() if wait else server

    def agent(self, agent_id=None, proxy=None):
        proxy = proxy or self.proxy
        agent = Agent(proxy.xsub, proxy.xpub, agent_id)
        self._agents.callback(agent.close)
        return agent.wait_connected()

    def command(self, *arguments, stdin=None, seconds=30, environment=None):
        """Runs the `skillscale` command to its end."""
        addresses = {}
        if self.proxy is not None:
            addresses = {"SKILLSCALE_PROXY_XSUB": self.proxy.xsub, "SKILLSCALE_PROXY_XPUB": self.proxy.xpub}
        source = {"stdin": subprocess.DEVNULL} if stdin is None else {"input": stdin}
        return subprocess.run(
            [str(BIN / "skillscale"), *map(str, arguments)], capture_output=True, text=True, cwd=self.folder,
            timeout=seconds * PATIENCE, env=clean_environment(self.folder, {**addresses, **(environment or {})}), **source)

    def used_run_folders(self):
        """Those that hold something of a run; the untouched ones wait for the next."""

        def is_used(folder):
            try:
                return any(not part.is_symlink() and (not part.is_dir() or any(part.iterdir())) for part in folder.iterdir())
            except FileNotFoundError:
                return False  # It has just been removed.

        return [folder for folder in self.folder.glob("skillscale-run-*") if is_used(folder)]

    def members(self, topic, count, seconds=10):
        """Waits until the proxy counts so many members of the topic."""
        wait_until(lambda: self.proxy.scale(topic)["members"] == count, seconds, f"{count} members of {topic}")

    def _add(self, daemon):
        self.daemons.append(daemon)
        return daemon

    # --- Skills made on the fly ------------------------------------------------

    def add_skill(self, name, script, description=None, metadata=None, file="run.sh", skills_dir=None):
        """A skill with the script (a shell script unless `file` says otherwise)."""
        folder = pathlib.Path(skills_dir or self.skills_dir) / name
        (folder / "scripts").mkdir(parents=True)
        lines = ["---", f"name: {name}", f"description: {description or 'A skill for tests, named ' + name + '.'}"]
        if metadata:
            lines += ["metadata:", *(f"  {key}: {json.dumps(value)}" for key, value in metadata.items())]
        (folder / "SKILL.md").write_text("\n".join([*lines, "---", f"# {name}", ""]))
        path = folder / "scripts" / file
        path.write_text(script if script.startswith("#!") else f"#!/bin/sh\n{script}\n")
        path.chmod(0o755)
        return folder

    def add_journal_skill(self, name="journal", seconds=0, endless=False, **options):
        """Appends its first line of input to the journal, takes `seconds`, and answers "done <line>".

        An endless one is a single process, so that it is seen to be gone when that one is.
        """
        pause = "exec sleep 600\n" if endless else f"sleep {seconds}\n" if seconds else ""
        script = f'read -r tag\nprintf "%s\\n" "$tag" >> "{self.journal_path}"\n{pause}printf "done %s" "$tag"'
        return self.add_skill(name, script, **options)

    def executions(self):
        """How often each tag was executed."""
        text = self.journal_path.read_text() if self.journal_path.exists() else ""
        return collections.Counter(text.split())

    # --- The end ------------------------------------------------------------------

    def _kill_what_is_left(self):
        """Names the processes that outlived their daemons by two seconds, and kills them."""
        deadline = Deadline(2)
        while True:
            left = self._living_processes()
            if not left or deadline.passed():
                break
            time.sleep(0.02)
        for pid in left:
            with contextlib.suppress(ProcessLookupError):
                os.kill(pid, signal.SIGKILL)
        return [f"{pid} ({command})" for pid, command in left.items()]

    def _living_processes(self):
        """pid -> command line of this cluster's processes, and of orphans that came to us."""
        ours = {daemon.pid for daemon in self.daemons if daemon.is_running()}
        left = {}
        for entry in os.listdir("/proc"):
            if not entry.isdigit() or int(entry) in ours or int(entry) == os.getpid():
                continue
            with contextlib.suppress(FileNotFoundError, ProcessLookupError, PermissionError):
                pid = int(entry)
                state, parent = pathlib.Path(f"/proc/{pid}/stat").read_text().rsplit(")", 1)[1].split()[:2]
                if state in "ZX":
                    if int(parent) == os.getpid():
                        os.waitpid(pid, os.WNOHANG)
                    continue
                command = pathlib.Path(f"/proc/{pid}/cmdline").read_bytes()
                mark = os.fsencode(self.folder)
                if int(parent) == os.getpid() or mark in command or mark in pathlib.Path(f"/proc/{pid}/environ").read_bytes():
                    left[pid] = command.replace(b"\0", b" ").decode(errors="replace").strip()
        return left

    def _print_logs(self):
        for daemon in self.daemons:
            lines = daemon.log().splitlines()
            print(f"--- {daemon.name} (pid {daemon.pid}, status {daemon.process.returncode}), last lines:")
            print("\n".join(lines[-40:]))


class SystemTest(unittest.TestCase):
    """A test case with a cluster."""

    maxDiff = 4000

    def setUp(self):
        self.cluster = Cluster()
        self.addCleanup(self._close)

    def _close(self):
        self.cluster.__exit__(None if self._outcome.success else AssertionError)

    def assert_success(self, reply):
        self.assertEqual(reply.get("status"), "success", reply)

    def assert_error(self, reply, code):
        self.assertEqual((reply.get("status"), reply.get("code")), ("error", code), reply)
