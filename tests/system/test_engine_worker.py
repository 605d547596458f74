"""Functions in an interpreter that stays: only where skill and operator want it, and nothing secret stays with it."""

import os
import signal
import unittest

from harness import SystemTest, http_get, wait_until

TOPIC = "TOPIC_WORKER"
FUNCTION = """#!/usr/bin/python3
import os, time
seen = []

def run(input):
    seen.append(input.get("say", ""))
    if "hold" in input:
        os.mkfifo(input["hold"])
        seen.append(os.open(input["hold"], os.O_RDWR))
    time.sleep(input.get("seconds", 0))
    return {"seen": seen[:], "pid": os.getpid(), "token": os.environ.get("TOKEN", "none")}
"""


class WorkerTest(SystemTest):
    def prepare(self, *arguments):
        self.cluster.add_skill("counter", FUNCTION, file="main.py",
                               metadata={"entrypoint": "scripts/main.py:run", "runner": "worker", "env": "TOKEN?"})
        self.cluster.start_proxy()
        self.server = self.cluster.start_server(TOPIC, *arguments, workers=1)
        self.agent = self.cluster.agent()

    def call(self, given, **fields):
        return self.agent.call(TOPIC, {"skill": "counter", "data": ""}, input=given, **fields)

    def outputs(self, given, **fields):
        reply = self.call(given, **fields)
        self.assert_success(reply)
        return reply["outputs"]

    def runs(self, runner):
        lines = http_get(f"{self.server.http}/metrics")[1].splitlines()
        return [float(line.split()[1]) for line in lines if line.startswith(f'skillscale_runner_runs_total{{runner="{runner}"}}')]

    def wait_for_runs(self, runner, count):
        wait_until(lambda: self.runs(runner) == [count], 10, f"{count} runs of the runner {runner}")

    def test_calls_share_an_interpreter_where_the_operator_allows_it(self):
        self.prepare("--allow-worker-runner")
        first, second = self.outputs({"say": "a"}), self.outputs({"say": "b"})
        self.assertEqual((first["seen"], second["seen"]), (["a"], ["a", "b"]))
        self.assertEqual(first["pid"], second["pid"])
        self.wait_for_runs("worker", 2)
        self.wait_for_runs("cold", 0)

    def test_without_the_operator_each_call_is_a_run_and_its_reply_says_so(self):
        self.prepare()
        self.outputs({"say": "a"})
        reply = self.call({"say": "b"})
        self.assertEqual(reply["outputs"]["seen"], ["b"])
        self.assertIn("the server does not allow it", " ".join(reply["warnings"]))
        self.wait_for_runs("cold", 2)

    def test_credentials_are_not_in_an_interpreter_that_stays(self):
        self.prepare("--allow-worker-runner")
        before = self.outputs({"say": "a"})
        secret = self.outputs({"say": "secret"}, env={"TOKEN": "sesame-open"})
        after = self.outputs({"say": "b"})
        self.assertNotEqual(secret["pid"], before["pid"])
        self.assertEqual((after["token"], after["seen"]), ("none", ["a", "b"]))
        self.wait_for_runs("cold", 1)

    def test_a_call_that_runs_too_long_ends_its_interpreter(self):
        self.prepare("--allow-worker-runner")
        before = self.outputs({"say": "a"})
        self.assert_error(self.call({"seconds": 600}, timeout_ms=300), "timed_out")
        after = self.outputs({"say": "b"})
        self.assertNotEqual(after["pid"], before["pid"])
        self.assertEqual(after["seen"], ["b"])
        line = 'skillscale_worker_ends_total{reason="broken"} 1'
        wait_until(lambda: line in http_get(f"{self.server.http}/metrics")[1].splitlines(), 10, line)

    def test_an_interpreter_that_waits_ends_with_the_server(self):
        for ending in (signal.SIGTERM, signal.SIGKILL):
            with self.subTest(ending=ending.name):
                if ending == signal.SIGTERM:
                    self.prepare("--allow-worker-runner")
                else:
                    self.server = self.cluster.start_server(TOPIC, "--allow-worker-runner", workers=1)
                self.outputs({"hold": "held"})
                (held,) = self.cluster.folder.glob("skillscale-run-*/held")
                witness = os.open(held, os.O_RDONLY | os.O_NONBLOCK)
                self.addCleanup(os.close, witness)
                with self.assertRaises(BlockingIOError):
                    os.read(witness, 1)
                self.server.send_signal(ending)
                self.server.wait_exit()

                def is_dead():
                    try:
                        return os.read(witness, 1) == b""
                    except BlockingIOError:
                        return False
                wait_until(is_dead, 10, "nobody holds the pipe")
                self.cluster.members(TOPIC, 0)
                for left in self.cluster.folder.glob("skillscale-run-*/held"):
                    left.unlink()

    def test_worker_as_the_servers_runner_needs_the_permission(self):
        self.prepare()
        refused = self.cluster.start_server(TOPIC, "--runner", "worker", wait=False)
        self.assertEqual(refused.wait_exit(), 2)
        self.assertIn("allow-worker-runner", refused.log())


if __name__ == "__main__":
    unittest.main()
