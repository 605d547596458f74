"""What a run may use: each bound has its code, and what went past it leaves a healthy server."""

import json
import pathlib
import time
import unittest
import uuid

from harness import SystemTest, http_get, wait_until

TOPIC = "TOPIC_X"

FLOOD = "#!/usr/bin/python3\nimport os\nwhile True:\n    os.write({fd}, b'x' * 65536)\n"
EAT = "#!/usr/bin/python3\neaten = []\nwhile True:\n    eaten.append(bytearray(1024 * 1024))\n"
EAT_TOGETHER = """#!/usr/bin/python3
import os, time
for number in range(6):
    if os.fork() == 0:
        eaten = bytearray(os.urandom(1024)) * (30 * 1024)
        time.sleep(600)
time.sleep(600)
"""
SPIN = "#!/usr/bin/python3\nwhile True:\n    pass\n"
MULTIPLY = """#!/usr/bin/python3
import os, time
for number in range(60):
    if os.fork() == 0:
        time.sleep(600)
time.sleep(600)
"""
LARGE_FILE = "#!/usr/bin/python3\nwith open('large', 'wb') as file:\n    while True:\n        file.write(bytes(1024 * 1024))\n"
MANY_MEGABYTES = """#!/usr/bin/python3
import time
for number in range(40):
    with open(f"part-{number}", "wb") as file:
        file.write(bytes(1024 * 1024))
time.sleep(600)
"""
MANY_FILES = """#!/usr/bin/python3
import os, time
for number in range(3000):
    open(f"file-{number}", "w").close()
time.sleep(600)
"""
ARTIFACTS = """#!/usr/bin/python3
import sys
count, size = map(int, sys.stdin.read().split())
for number in range(count):
    with open(f"artifact-{number}", "wb") as file:
        file.write(bytes(size))
"""


class LimitsTest(SystemTest):
    def start(self, *arguments):
        self.cluster.add_skill("echo", "cat")
        self.cluster.start_proxy()
        self.server = self.cluster.start_server(TOPIC, "--kill-grace", "200", *arguments)
        self.agent = self.cluster.agent()

    def add(self, name, script, **metadata):
        self.cluster.add_skill(name, script, file="run.py", metadata={key.replace("_", "-"): str(v) for key, v in metadata.items()})

    def run_past(self, name, code, seconds=30, data="", **fields):
        """Runs the skill, which goes past a bound; returns the reply. The server is well afterwards."""
        reply = self.agent.call(TOPIC, {"skill": name, "data": data}, seconds=seconds, **fields)
        self.assert_error(reply, code)
        self.assert_healthy()
        return reply

    def assert_healthy(self):
        for path in ("healthz", "readyz"):
            self.assertEqual(http_get(f"{self.server.http}/{path}")[0], 200)
        self.assertEqual(self.agent.call(TOPIC, {"skill": "echo", "data": "still here"})["content"], "still here")
        wait_until(lambda: not self.cluster.used_run_folders(), 10, "the runs' folders are gone")

    def test_a_flood_of_output(self):
        self.add("out", FLOOD.format(fd=1))
        self.add("err", FLOOD.format(fd=2))
        self.add("modest", FLOOD.format(fd=1), max_output_bytes=1000)
        self.start("--max-output-bytes", 100_000)
        reply = self.run_past("out", "output_too_large")
        self.assertEqual(reply["truncated"], {"stdout": True, "stderr": False})
        self.assertLess(len(reply["content"]), 101_000)
        self.assertEqual(self.run_past("err", "output_too_large")["truncated"], {"stdout": False, "stderr": True})
        self.assertLess(len(self.run_past("modest", "output_too_large")["content"]), 2000)

    def test_memory_of_one_process(self):
        self.add("eat", EAT, memory_mb=96)
        self.add("eat-more", EAT, memory_mb=100_000)
        self.start("--max-memory-mb", 128)
        self.assertIn("96 MiB", self.run_past("eat", "out_of_memory")["error"])
        self.assertIn("128 MiB", self.run_past("eat-more", "out_of_memory")["error"])

    def test_memory_of_many_processes(self):
        self.add("eat", EAT_TOGETHER, memory_mb=120)
        self.start()
        self.run_past("eat", "out_of_memory")

    def test_processor_time(self):
        self.add("spin", SPIN, cpu_seconds=1)
        self.start()
        began = time.monotonic()
        self.run_past("spin", "timed_out", timeout_ms=60_000)
        self.assertLess(time.monotonic() - began, 30)

    def test_wall_time(self):
        self.add("spin", SPIN, timeout_ms=300)
        self.start()
        self.assertTrue(self.run_past("spin", "timed_out")["exit"]["timed_out"])

    def test_processes(self):
        self.add("multiply", MULTIPLY, max_processes=20)
        self.start()
        self.run_past("multiply", "too_many_processes")

    def test_the_size_of_the_folder(self):
        self.add("large", LARGE_FILE, max_folder_mb=8)
        self.add("many", MANY_MEGABYTES, max_folder_mb=8)
        self.start()
        self.run_past("large", "output_too_large")
        self.run_past("many", "output_too_large")

    def test_the_number_of_files(self):
        self.add("many", MANY_FILES)
        self.start("--max-files", 500)
        self.run_past("many", "output_too_large")

    def test_artifacts(self):
        self.add("artifacts", ARTIFACTS)
        self.start("--max-artifacts", 5, "--max-artifact-bytes", 100_000)
        reply = self.agent.call(TOPIC, {"skill": "artifacts", "data": "5 20000"}, collect=["artifact-*"])
        self.assert_success(reply)
        self.assertEqual([artifact["size"] for artifact in reply["artifacts"]], [20_000] * 5)
        self.assertNotIn("artifacts", self.run_past("artifacts", "output_too_large", data="6 10", collect=["artifact-*"]))
        self.run_past("artifacts", "output_too_large", data="5 20001", collect=["artifact-*"])

    def test_the_files_of_an_intent(self):
        self.start("--max-folder-mb", 1)
        files = [{"path": f"file-{number}", "content": "x" * 600_000} for number in range(2)]
        self.assert_error(self.agent.call(TOPIC, {"skill": "echo", "data": ""}, files=files), "too_large")
        self.assert_healthy()


class SecretsTest(SystemTest):
    SCRIPT = 'ulimit -c; printf %s "${#API_TOKEN} ${#EXTRA_TOKEN}"; touch begun; cat >/dev/null; test ! -e wait || exec sleep 600'

    def setUp(self):
        super().setUp()
        self.cluster.add_skill("caller", self.SCRIPT, metadata={"env": "API_TOKEN, EXTRA_TOKEN?"})
        self.cluster.start_proxy("--log-level", "debug")
        self.server = self.cluster.start_server(TOPIC, "--kill-grace", "100", "--log-level", "debug")
        self.agent = self.cluster.agent()

    def test_values_reach_the_script_and_nothing_else(self):
        secret = "secret-" + uuid.uuid4().hex
        environment = {"API_TOKEN": secret, "EXTRA_TOKEN": secret + secret}
        reply = self.agent.call(TOPIC, {"skill": "caller"}, env=environment)
        self.assert_success(reply)
        self.assertEqual(reply["content"], "0\n39 78")  # No core file would be written, either.
        replies = [reply]

        waiting = self.agent.publish(TOPIC, {"skill": "caller"}, env=environment, timeout_ms=3000,
                                     files=[{"path": "wait", "content": ""}])
        wait_until(lambda: list(self.cluster.folder.glob("skillscale-run-*/begun")), 10, "the script runs")
        for path in pathlib.Path("/proc").glob("[0-9]*/cmdline"):
            try:
                self.assertNotIn(secret.encode(), path.read_bytes(), path)
            except (FileNotFoundError, ProcessLookupError):
                continue
        replies.append(self.agent.collect([waiting])[waiting])
        self.assert_error(replies[-1], "timed_out")

        replies.append(self.agent.call(TOPIC, {"skill": "caller"}, env={"EXTRA_TOKEN": secret}))
        self.assert_error(replies[-1], "invalid_request")
        self.assertIn("API_TOKEN", replies[-1]["error"])
        replies.append(self.agent.call(TOPIC, {"skill": "caller"}, env={"API_TOKEN": secret, "LD_PRELOAD": secret}))
        self.assert_error(replies[-1], "not_allowed")
        self.assertIn("LD_PRELOAD", replies[-1]["error"])
        replies.append(self.agent.call(TOPIC, {"skill": "caller"}, env={"API_TOKEN": [secret]}))
        self.assert_error(replies[-1], "invalid_request")

        for where, text in (("replies", json.dumps(replies)), ("the server's log", self.server.log()),
                            ("the proxy's log", self.cluster.proxy.log()),
                            ("the server's metrics", http_get(f"{self.server.http}/metrics")[1]),
                            ("the list of skills", http_get(f"{self.server.http}/v1/skills")[1]),
                            ("the proxy's metrics", http_get(f"{self.cluster.proxy.http}/metrics")[1])):
            self.assertTrue(text, where)
            self.assertNotIn(secret, text, where)

    def test_one_run_does_not_see_the_values_of_another(self):
        self.assertEqual(self.agent.call(TOPIC, {"skill": "caller"}, env={"API_TOKEN": "a", "EXTRA_TOKEN": "bc"})["content"], "0\n1 2")
        self.assertEqual(self.agent.call(TOPIC, {"skill": "caller"}, env={"API_TOKEN": "abc"})["content"], "0\n3 0")


if __name__ == "__main__":
    unittest.main()
