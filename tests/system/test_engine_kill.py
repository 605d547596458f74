"""After its end, however it came, nothing of a run is alive: hostile trees of processes, every way to end, every way to kill."""

import json
import shutil
import signal
import unittest

from harness import SystemTest, http_get, wait_until
from hostile import NODE, TREES, Witness, order

TOPIC = "TOPIC_X"
ENDINGS = ("exit", "time-out", "cancel", "flood", "SIGTERM", "SIGKILL")
CODES = {"time-out": "timed_out", "cancel": "cancelled", "flood": "output_too_large", "SIGTERM": "draining", "SIGKILL": "worker_lost"}
# Those that end more than the process group.
STRATEGIES = ("cgroup", "pinned", "shim")


class KillTest(SystemTest):
    def prepare(self):
        for name, (script, file, _) in TREES.items():
            self.cluster.add_skill(name, script, file=file, metadata={"entrypoint": "scripts/main.py:run"} if file == "main.py" else None)
        self.cluster.start_proxy()
        self.agent = self.cluster.agent()

    def start_server(self, strategy, runner):
        """A server that kills this way; None where the machine does not offer it."""
        # A sandbox would pin the process group and leave the shim nothing to do.
        sandbox = ["--sandbox", "none", "--sandbox-weakest", "none"] if strategy == "shim" else []
        server = self.cluster.start_server(TOPIC, "--kill-grace", 100, "--drain-timeout", 200, "--kill-strategy", strategy, "--runner", runner,
                                           "--allow-worker-runner", *sandbox, wait=False)
        try:
            return server.wait_ready()
        except AssertionError:
            if server.is_running() or strategy == "auto":
                raise
            self.assertIn("kill-strategy", server.log())
            return None

    def begin(self, tree, ending):
        """Publishes a run that ends so; returns its request id and its witness when all of it is there."""
        body, marker = order({"exit": "exit", "flood": "flood"}.get(ending, "wait"))
        witness = Witness(self.cluster, marker)
        self.addCleanup(witness.close)
        _, file, processes = TREES[tree]
        fields = {"timeout_ms": 5000} if ending == "time-out" else {}
        if file == "main.py":
            fields["input"] = body
        elif not file.startswith("run."):
            fields["script"] = f"scripts/{file}"
        request_id = self.agent.publish(TOPIC, {"skill": tree, "data": json.dumps(body)}, **fields)
        witness.wait_up(processes)
        return request_id, witness

    def end(self, server, request_id, witness, ending):
        """Ends the run and checks what its agent is told."""
        if ending in ("exit", "flood"):
            witness.tell_to_go_on()
        elif ending == "cancel":
            self.agent.cancel(request_id)
        elif ending == "SIGTERM":
            server.send_signal(signal.SIGTERM)
            self.assertEqual(server.wait_exit(), 0, server.log())
        elif ending == "SIGKILL":
            server.kill()
        reply = self.agent.collect([request_id])[request_id]
        if ending == "exit":
            self.assert_success(reply)
        else:
            self.assert_error(reply, CODES[ending])

    def check_runner(self, server, runner):
        """What is there now was started this way."""
        line = f'skillscale_runner_runs_total{{runner="{runner}"}} 0'
        if runner == "worker":
            line = "skillscale_worker_starts_total 0"  # Its calls are counted when they are over.
        wait_until(lambda: line not in http_get(f"{server.http}/metrics")[1].splitlines(), 10, f"a run of the runner {runner}")

    def check(self, tree, strategy="auto", endings=ENDINGS, runner="cold"):
        """True if the machine has this strategy."""
        server = self.start_server(strategy, runner)
        for ending in endings if server else ():
            request_id, witness = self.begin(tree, ending)
            self.check_runner(server, "cold" if (runner, strategy) == ("zygote", "shim") else runner)
            self.end(server, request_id, witness, ending)
            try:
                witness.wait_dead()
            except AssertionError as error:
                raise AssertionError(f"{tree}, {strategy}, {runner}, {ending}: {error}") from None
            if ending not in ("SIGTERM", "SIGKILL"):
                wait_until(lambda: not self.cluster.used_run_folders(), 10, "the run's folder is gone")
                continue
            self.cluster.members(TOPIC, 0)
            for folder in self.cluster.folder.glob("skillscale-run-*"):
                shutil.rmtree(folder)  # What a server leaves that is killed itself.
            server = self.start_server(strategy, runner)
        if server:
            self.assertEqual(server.terminate(), 0)
            self.cluster.members(TOPIC, 0)
        return server is not None

    def test_daemons_that_cleared_everything(self):
        self.prepare()
        self.check("daemons")

    def test_forty_processes_that_fork_and_leave(self):
        self.prepare()
        self.check("reforkers")

    def test_python_multiprocessing(self):
        self.prepare()
        self.check("multiprocessing")

    @unittest.skipUnless(NODE, "needs node")
    def test_node_detached(self):
        self.prepare()
        self.check("detached")

    def test_daemons_of_a_zygote(self):
        self.prepare()
        self.check("daemons", runner="zygote")

    def test_forty_processes_of_a_zygote(self):
        self.prepare()
        self.check("reforkers", runner="zygote")

    def test_multiprocessing_of_a_zygote(self):
        self.prepare()
        self.check("multiprocessing", runner="zygote")

    def test_every_strategy_of_a_zygote(self):
        self.prepare()
        found = [strategy for strategy in STRATEGIES
                 if self.check("daemons", strategy, ("exit", "cancel", "SIGTERM", "SIGKILL"), runner="zygote")]
        self.assertIn("shim", found, "it needs nothing of the machine")

    def test_daemons_of_a_worker(self):
        self.prepare()
        self.check("called", runner="worker")

    def test_every_strategy_of_a_worker(self):
        self.prepare()
        found = [strategy for strategy in STRATEGIES
                 if self.check("called", strategy, ("exit", "cancel", "SIGTERM", "SIGKILL"), runner="worker")]
        self.assertIn("shim", found, "it needs nothing of the machine")

    def test_every_strategy_that_the_machine_has(self):
        self.prepare()
        found = [strategy for strategy in STRATEGIES if self.check("daemons", strategy, ("exit", "cancel", "SIGTERM", "SIGKILL"))]
        self.assertIn("shim", found, "it needs nothing of the machine")


if __name__ == "__main__":
    unittest.main()
