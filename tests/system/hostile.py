"""Skills that try to outlive their run, and the proof that nothing of them is left.

Every process of such a skill holds the writing end of a FIFO in the run's folder.
The test holds the reading end, so end-of-file says that the last one is dead: no
scanning of /proc that a process could slip through between two looks, nothing that
a cleared environment, a new session or a closed terminal could hide.
"""

import errno
import os
import shutil
import uuid

from harness import wait_until

NODE = shutil.which("node", path="/usr/local/bin:/usr/bin:/bin")

# Begins every Python skill here. up(): one more process is there; then(): what the run is to do next, once it is told to.
_PRELUDE = '''#!/usr/bin/python3
import json, os, signal, subprocess, sys, time

order = json.loads(sys.stdin.read())
os.mkfifo("witness-" + order["marker"])
WITNESS = os.open("witness-" + order["marker"], os.O_RDWR)
os.set_inheritable(WITNESS, True)

def up():
    os.write(WITNESS, b"x")

def ignore_signals():
    for number in (signal.SIGTERM, signal.SIGINT, signal.SIGHUP, signal.SIGQUIT, signal.SIGUSR1, signal.SIGALRM, signal.SIGXCPU):
        signal.signal(number, signal.SIG_IGN)

def then():
    while order["then"] != "wait" and not os.path.exists("go"):
        time.sleep(0.005)
    while order["then"] == "flood":
        os.write(1, b"x" * 65536)
    while order["then"] == "wait":
        time.sleep(600)
    os._exit(0)
'''

# Classic daemons: two forks, a session each, signals ignored, the environment cleared by exec, stdout and stderr held.
DAEMONS = _PRELUDE + '''
for number in range(5):
    if os.fork() == 0:
        os.setsid()
        if os.fork() != 0:
            os._exit(0)
        os.setsid()
        ignore_signals()
        os.chdir("/")
        up()
        os.execve("/bin/sleep", ["sleep", "600"], {})
ignore_signals()
then()
'''

# Processes that fork a successor and leave, all the time, each in a session of its own: no list of them is ever right.
# Slow and bounded: those that end wait for their new parent, and the machine must not run out of process ids.
REFORKERS = _PRELUDE + '''
def run_away():
    ignore_signals()
    up()
    began = time.monotonic()
    while time.monotonic() - began < 10:  # A bound, in case this test fails.
        time.sleep(0.02)
        try:
            if os.fork() != 0:
                os._exit(0)
        except OSError:
            time.sleep(0.001)
            continue
        os.setsid()

for number in range(40):
    if os.fork() == 0:
        run_away()
ignore_signals()
then()
'''

# The pool and its workers, and a program that Popen puts into a session of its own.
MULTIPROCESSING = _PRELUDE + '''
import multiprocessing

def work(number):
    up()
    time.sleep(600)

if __name__ == "__main__":
    pool = multiprocessing.get_context("fork").Pool(3)
    pool.map_async(work, range(3), chunksize=1)
    subprocess.Popen(["/bin/sh", "-c", "trap '' TERM; printf x >&%d; sleep 600; sleep 600" % WITNESS],
                     start_new_session=True, pass_fds=[WITNESS], env={})
    then()
'''

DETACHED = """#!/usr/bin/node
const fs = require("fs"), child = require("child_process");
const order = JSON.parse(fs.readFileSync(0, "utf8"));
child.execFileSync("/usr/bin/mkfifo", ["witness-" + order.marker]);
const witness = fs.openSync("witness-" + order.marker, "r+");
const ignore = "for (const s of ['SIGTERM','SIGINT','SIGHUP']) process.on(s, () => {}); require('fs').writeSync(3, 'x'); setInterval(() => {}, 1e6)";
for (let i = 0; i < 3; ++i)
  child.spawn(process.execPath, ["-e", ignore], {detached: true, stdio: ["ignore", "inherit", "inherit", witness], env: {}}).unref();
process.on("SIGTERM", () => {});
setInterval(() => {
  if (order.then === "wait" || !fs.existsSync("go")) return;
  if (order.then === "exit") process.exit(0);
  for (;;) try { fs.writeSync(1, "x".repeat(65536)); } catch (error) { if (error.code !== "EAGAIN") throw error; }
}, 5);
"""

# The daemons as a function, which stays in its interpreter.
CALLED = f"""
import io, json, sys

def run(input):
    sys.stdin = io.StringIO(json.dumps(input))
    exec({DAEMONS!r}, {{"__name__": "daemons"}})
"""

# name -> (script, its file, the processes that report)
TREES = {
    "daemons": (DAEMONS, "run.py", 5),
    "reforkers": (REFORKERS, "run.py", 40),
    "multiprocessing": (MULTIPROCESSING, "run.py", 4),
    "called": ("#!/usr/bin/python3\n" + CALLED, "main.py", 5),
}
if NODE:
    TREES["detached"] = (DETACHED.replace("/usr/bin/node", NODE), "detached.js", 3)


class Witness:
    """The reading end of the FIFO that one run's processes hold."""

    def __init__(self, cluster, marker):
        self._cluster = cluster
        self._name = f"witness-{marker}"
        self._fd = None
        self._reports = 0
        self._folder = None

    def close(self):
        if self._fd is not None:
            os.close(self._fd)
            self._fd = None

    def wait_up(self, processes, seconds=20):
        """Until so many processes have reported."""
        def opened():
            for path in self._cluster.folder.glob(f"skillscale-run-*/{self._name}"):
                self._fd = os.open(path, os.O_RDONLY | os.O_NONBLOCK)
                self._folder = path.parent
            return self._fd is not None
        wait_until(opened, seconds, "the run has begun")

        def reported():
            self._look()
            return self._reports >= processes
        wait_until(reported, seconds, f"{processes} processes are there")

    def tell_to_go_on(self):
        """The skill does now what its order says."""
        (self._folder / "go").touch()

    def wait_dead(self, seconds=10):
        """Until no process holds the FIFO any more."""
        wait_until(self._look, seconds, "all processes of the run are dead")

    def _look(self):
        """True when nobody is left."""
        while True:
            try:
                data = os.read(self._fd, 4096)
            except OSError as error:
                if error.errno != errno.EAGAIN:
                    raise
                return False
            if not data:
                return True
            self._reports += len(data)


def order(then):
    """The input of a run, and its marker."""
    marker = uuid.uuid4().hex
    return {"marker": marker, "then": then}, marker
