"""Events of a run: live, in order, without gaps; and nobody who is slow costs the server its memory."""

import base64
import json
import os
import pathlib
import pty
import signal
import subprocess
import time
import unittest

from harness import BIN, PATIENCE, SystemTest, clean_environment, http_get, wait_until

TOPIC = "TOPIC_STREAM"
MIB = 1024 * 1024
KEPT = 15 * MIB  # Of what the flood writes; the rest is thrown away, here as without events.


def data_of(events, kind="stdout"):
    """The bytes of all events of a kind."""
    parts = (event for event in events if event["event"] == kind)
    return b"".join(base64.b64decode(event["data_base64"]) if "data_base64" in event else event["data"].encode()
                    for event in parts)


class StreamTest(SystemTest):
    def start(self, *arguments, workers=4):
        self.cluster.start_proxy()
        self.server = self.cluster.start_server(TOPIC, *arguments, workers=workers)
        self.cluster.members(TOPIC, 1)
        return self.cluster.agent()

    def publish(self, agent, skill, **fields):
        return agent.publish(TOPIC, {"skill": skill, "data": ""}, **{"stream": True, **fields})

    def metric(self, name, labels=""):
        lines = http_get(f"{self.server.http}/metrics")[1].splitlines()
        values = [float(line.rsplit(" ", 1)[1]) for line in lines if line.startswith(name) and labels in line]
        return sum(values)

    def assert_complete(self, events, reply):
        """Every number once, in order, from the acceptance to the last."""
        self.assertEqual([event["seq"] for event in events], list(range(len(events))))
        self.assertEqual([event["event"] for event in events[:2]], ["accepted", "started"])
        self.assertEqual(reply["last_seq"], len(events) - 1)
        self.assertEqual({event["server"] for event in events}, {reply["server"]})

    def peak_memory(self):
        """Of the server, in bytes."""
        status = pathlib.Path(f"/proc/{self.server.pid}/status").read_text()
        return int(next(line.split()[1] for line in status.splitlines() if line.startswith("VmHWM"))) * 1024


class LiveTest(StreamTest):
    def test_output_arrives_while_the_skill_runs(self):
        gate = self.cluster.folder / "gate"
        self.cluster.add_skill("slow", f'printf "one "; printf "oh" >&2; while [ ! -e "{gate}" ]; do sleep 0.02; done; printf two')
        agent = self.start()
        request = self.publish(agent, "slow")
        events = agent.events[request]
        agent.pump_until(lambda: data_of(events) == b"one " and data_of(events, "stderr") == b"oh", 10, "the beginning is here")
        self.assertNotIn(request, agent.replies)
        gate.touch()
        reply = agent.collect([request])[request]
        self.assert_success(reply)
        self.assertEqual(data_of(events), b"one two")
        self.assertEqual(reply["content"], "one two", "the reply has everything all the same")
        self.assert_complete(events, reply)
        self.assertGreaterEqual(self.metric("skillscale_server_events_published_total", 'kind="stdout"'), 2)

    def test_progress_comes_from_the_events_descriptor(self):
        self.cluster.add_skill("sh", """
            echo '{"progress": 0.25, "message": "a quarter"}' >&"$SKILLSCALE_EVENTS_FD"
            echo 'no progress' >&"$SKILLSCALE_EVENTS_FD"
            head -c 100000 /dev/zero | tr '\\0' x >&"$SKILLSCALE_EVENTS_FD"; echo >&"$SKILLSCALE_EVENTS_FD"
            echo '{"progress": "all"}' >&3
            printf '{"progress": 1}' >&3
            printf done""")
        self.cluster.add_skill("py", """#!/usr/bin/python3
import json, os
with os.fdopen(int(os.environ["SKILLSCALE_EVENTS_FD"]), "w", buffering=1) as events:
    for step in range(1, 5):
        print(json.dumps({"progress": step / 4, "message": f"Schritt {step} — gut"}), file=events)
print("done")
""", file="run.py")
        agent = self.start()
        request = self.publish(agent, "sh")
        reply = agent.collect([request])[request]
        self.assert_success(reply)
        self.assert_complete(agent.events[request], reply)
        told = [(event["progress"], event.get("message")) for event in agent.events[request] if event["event"] == "progress"]
        self.assertEqual(told, [(0.25, "a quarter"), (1, None)])
        request = self.publish(agent, "py")
        reply = agent.collect([request])[request]
        self.assert_success(reply)
        told = [(event["progress"], event["message"]) for event in agent.events[request] if event["event"] == "progress"]
        self.assertEqual(told, [(step / 4, f"Schritt {step} — gut") for step in range(1, 5)])
        wait_until(lambda: self.metric("skillscale_server_event_lines_dropped_total") >= 2, 10, "the rubbish is counted")

    def test_who_did_not_ask_gets_no_events_and_the_skill_sees_it(self):
        self.cluster.add_skill("asks", 'printf "%s" "${SKILLSCALE_EVENTS_FD-nobody}"; [ -e /proc/self/fd/3 ] && printf " open"; true')
        agent = self.start()
        request = self.publish(agent, "asks", stream=False)
        reply = agent.collect([request])[request]
        self.assertEqual(reply["content"], "nobody")
        self.assertNotIn("last_seq", reply)
        self.assertEqual(agent.events[request], [])

    def test_bytes_that_are_no_text_arrive_as_they_are(self):
        self.cluster.add_skill("raw", r"printf 'a\377\000b'; sleep 0.1; printf '\342'; sleep 0.1; printf '\202\254'; sleep 0.1; printf '\303'")
        agent = self.start()
        request = self.publish(agent, "raw")
        reply = agent.collect([request])[request]
        events = agent.events[request]
        self.assertEqual(data_of(events), b"a\xff\x00b\xe2\x82\xac\xc3")
        self.assertIn("\u20ac", [event.get("data") for event in events], "a character is never cut")
        self.assert_complete(events, reply)

    def test_a_byte_by_byte_writer_costs_few_messages(self):
        self.cluster.add_skill("drip", """#!/usr/bin/python3
import os, time
end = time.monotonic() + 1
count = 0
while time.monotonic() < end:
    os.write(1, b"%d" % (count % 10))
    count += 1
    time.sleep(0.0002)
""", file="run.py")
        agent = self.start()
        request = self.publish(agent, "drip")
        reply = agent.collect([request])[request]
        events = agent.events[request]
        self.assertEqual(data_of(events).decode(), reply["content"])
        # One message in 20 ms, with the first, the last and those that are no output.
        self.assertLess(len(events), reply["timing_ms"]["run"] / 20 + 10, f"for {len(reply['content'])} writes")
        self.assert_complete(events, reply)

    def test_two_agents_follow_two_runs_and_a_joined_one(self):
        gate = self.cluster.folder / "gate"
        self.cluster.add_skill("wait", f'printf a; while [ ! -e "{gate}" ]; do sleep 0.02; done; printf b')
        first = self.start()
        second = self.cluster.agent()
        own = self.publish(first, "wait"), self.publish(second, "wait")
        key = {"idempotency_key": "k"}
        shared = [self.publish(first, "wait", **key)]
        first.pump_until(lambda: data_of(first.events[shared[0]]) == b"a", 10, "the shared run has begun")
        shared.append(self.publish(second, "wait", **key))
        wait_until(lambda: self.metric("skillscale_server_joined_total") == 1, 10, "the second agent has joined")
        gate.touch()
        for agent, mine, joined in zip((first, second), own, shared):
            replies = agent.collect([mine, joined])
            self.assertEqual([reply["content"] for reply in replies.values()], ["ab", "ab"])
            self.assertEqual(data_of(agent.events[mine]), b"ab")
            self.assert_complete(agent.events[mine], replies[mine])
        self.assertEqual(data_of(first.events[shared[0]]), b"ab")
        self.assertEqual(data_of(second.events[shared[1]]), b"b", "from then on")
        self.assertEqual(second.events[shared[1]][-1]["seq"], second.replies[shared[1]][0]["last_seq"])

    def test_a_cancelled_run_ends_its_events(self):
        self.cluster.add_skill("endless", "while :; do echo tick; sleep 0.02; done")
        agent = self.start()
        request = self.publish(agent, "endless")
        agent.pump_until(lambda: len(agent.events[request]) > 4, 10, "it ticks")
        agent.cancel(request)
        reply = agent.collect([request])[request]
        self.assert_error(reply, "cancelled")
        self.assert_complete(agent.events[request], reply)

    def test_a_run_whose_proxy_dies_is_followed_again(self):
        gate = self.cluster.folder / "gate"
        self.cluster.add_skill("long", f'i=0; while [ ! -e "{gate}" ]; do echo $i; i=$((i+1)); sleep 0.01; done; echo end')
        agent = self.start()
        request = self.publish(agent, "long")
        events = agent.events[request]
        agent.pump_until(lambda: len(events) > 5, 10, "it runs")
        self.cluster.proxy.kill()
        self.cluster.restart_proxy()
        before = len(events)
        agent.pump_until(lambda: len(events) > before + 5, 20, "it is followed through the new proxy")
        gate.touch()
        reply = agent.collect([request])[request]
        self.assert_success(reply)
        numbers = [event["seq"] for event in events]
        self.assertEqual(numbers, sorted(set(numbers)))
        self.assertEqual(numbers[-1], reply["last_seq"])


class SlowTest(StreamTest):
    """Somebody between the skill and the eyes of a person does not take what comes."""

    def start_flood(self, megabytes, *arguments):
        self.written = self.cluster.folder / "written"
        self.cluster.add_skill("flood", f"""#!/usr/bin/python3
import os
line = b"\\x01" * 65535 + b"\\n"  # Six times as long on the wire: more than any socket buffer.
done = os.open({str(self.written)!r}, os.O_CREAT | os.O_WRONLY)
for count in range({megabytes} * 16):
    left = line
    while left:
        left = left[os.write(1, left):]
    os.pwrite(done, b"%10d" % ((count + 1) * 65536), 0)
""", file="run.py")
        return self.start("--max-output-bytes", KEPT, *arguments)

    def bytes_written(self):
        return int(self.written.read_text() or 0) if self.written.exists() else 0

    def stand_still(self):
        """How much the skill has written when it does not get any further."""
        last = [self.bytes_written(), time.monotonic()]

        def still():
            now = self.bytes_written()
            if now != last[0]:
                last[:] = now, time.monotonic()
            return now > 0 and time.monotonic() - last[1] > 0.7
        wait_until(still, 30, "the skill stands still")
        return last[0]

    def test_a_stopped_proxy_holds_the_skill_back(self):
        agent = self.start_flood(50)
        base = self.peak_memory()
        request = self.publish(agent, "flood")
        agent.pump_until(lambda: len(agent.events[request]) > 2, 10, "it runs")
        self.cluster.proxy.send_signal(signal.SIGSTOP)
        try:
            written = self.stand_still()
            grown = self.peak_memory() - base
        finally:
            self.cluster.proxy.send_signal(signal.SIGCONT)
        print(f"held back after {written} bytes, the server grew by {grown}")
        self.assertLess(written, KEPT)
        self.assertLess(grown, KEPT + 20 * MIB)
        self.assertGreaterEqual(self.metric("skillscale_server_event_holds_total"), 1)
        reply = agent.collect([request], 60)[request]
        # What does not fit into a reply was in events, byte by byte.
        self.assert_error(reply, "output_too_large")
        self.assert_complete(agent.events[request], reply)
        self.assertEqual(len(data_of(agent.events[request])), KEPT)

    def test_the_time_limit_goes_on_while_a_skill_is_held_back(self):
        agent = self.start_flood(4000, "--kill-grace", 1)
        request = self.publish(agent, "flood", timeout_ms=int(3000 * PATIENCE))
        agent.pump_until(lambda: len(agent.events[request]) > 2, 10, "it runs")
        self.cluster.proxy.send_signal(signal.SIGSTOP)
        try:
            self.stand_still()
            wait_until(lambda: self.metric("skillscale_server_running") == 0, 30, "the run has ended")
        finally:
            self.cluster.proxy.send_signal(signal.SIGCONT)
        reply = agent.collect([request], 60)[request]
        self.assertIn(reply["code"], ("timed_out", "output_too_large"))
        self.assert_complete(agent.events[request], reply)

    def follow(self, stop):
        """The peak of the server's memory while a command follows 50 MiB, and perhaps does not."""
        environment = {"SKILLSCALE_PROXY_XSUB": self.cluster.proxy.xsub, "SKILLSCALE_PROXY_XPUB": self.cluster.proxy.xpub}
        command = subprocess.Popen(
            [str(BIN / "skillscale"), "publish", TOPIC, "go", "--skill", "flood", "--stream", "--json"],
            stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, stderr=subprocess.PIPE, cwd=self.cluster.folder,
            env=clean_environment(self.cluster.folder, environment))
        try:
            self.assertIn('"accepted"', command.stdout.readline().decode())
            if stop:
                command.send_signal(signal.SIGSTOP)
                wait_until(lambda: self.bytes_written() == 50 * MIB, 60, "the skill has written everything")
                wait_until(lambda: self.metric("skillscale_server_running") == 0, 60, "the run has ended")
                return self.peak_memory()
            command.communicate(timeout=60 * PATIENCE)
            return self.peak_memory()
        finally:
            command.kill()
            command.communicate()

    def test_a_stopped_agent_costs_the_server_no_memory(self):
        self.start_flood(50, "--reply-cache-bytes", 0)
        for _ in range(2):  # What one run costs, and what the allocator keeps of it.
            live = self.follow(stop=False)
            self.written.unlink()
        stopped = self.follow(stop=True)
        print(f"peak with a live agent {live}, then with a stopped one {stopped}")
        self.assertLess(stopped, live + 60 * MIB)


class CommandTest(StreamTest):
    TALK = """
        printf 'line one\\n'; [ -z "$SKILLSCALE_EVENTS_FD" ] || echo '{"progress": 0.5, "message": "half"}' >&3
        sleep 0.2; echo warn >&2; sleep 0.2; printf 'line two'"""

    def test_the_command_shows_what_comes_and_the_result_once(self):
        self.cluster.add_skill("talk", self.TALK)
        self.start()
        shown = self.cluster.command("publish", TOPIC, "go", "--skill", "talk", "--stream")
        self.assertEqual((shown.returncode, shown.stdout), (0, "line one\nline two"), shown.stderr)
        self.assertEqual(shown.stderr.splitlines(), ["[ 50%] half", "warn"])

    def test_with_json_each_event_is_a_line_before_the_reply(self):
        self.cluster.add_skill("talk", self.TALK)
        self.start()
        shown = self.cluster.command("publish", TOPIC, "go", "--skill", "talk", "--stream", "--json")
        self.assertEqual(shown.returncode, 0, shown.stderr)
        *events, reply = [json.loads(line) for line in shown.stdout.splitlines()]
        self.assertEqual(reply["content"], "line one\nline two")
        self.assert_complete(events, reply)
        self.assertEqual(shown.stderr, "")

    def test_a_failed_skill_is_shown_with_its_error_once(self):
        self.cluster.add_skill("fails", "echo so far; echo broken >&2; exit 3")
        self.start()
        shown = self.cluster.command("publish", TOPIC, "go", "--skill", "fails", "--stream")
        self.assertEqual((shown.returncode, shown.stdout), (1, "so far\n"))
        self.assertIn("skill_failed", shown.stderr)

    def test_progress_is_a_bar_on_a_terminal(self):
        self.cluster.add_skill("talk", self.TALK)
        self.start()
        master, terminal = pty.openpty()
        environment = {"SKILLSCALE_PROXY_XSUB": self.cluster.proxy.xsub, "SKILLSCALE_PROXY_XPUB": self.cluster.proxy.xpub,
                       "TERM": "xterm", "NO_COLOR": "1"}
        command = subprocess.Popen([str(BIN / "skillscale"), "publish", TOPIC, "go", "--skill", "talk", "--stream"],
                                   stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, stderr=terminal, cwd=self.cluster.folder,
                                   env=clean_environment(self.cluster.folder, environment))
        os.close(terminal)
        shown = b""
        try:
            while chunk := os.read(master, 4096):
                shown += chunk
        except OSError:
            pass  # The terminal is closed: the command has ended.
        os.close(master)
        out, _ = command.communicate(timeout=20)
        self.assertEqual(out, b"line one\nline two")
        self.assertIn(b"] " + b" 50% half", shown)
        self.assertIn(b"\r\x1b[K", shown, "it is wiped away in the end")


if __name__ == "__main__":
    unittest.main()
