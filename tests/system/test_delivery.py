"""Repeats that do not run twice, stored replies, and callers that give up."""

import signal
import subprocess
import unittest

from faults import Relay
from harness import BIN, SystemTest, clean_environment, wait_until

TOPIC = "TOPIC_DELIVERY"


class RepeatTest(SystemTest):
    def start(self, servers=3, **skill):
        self.cluster.add_journal_skill(**skill)
        self.cluster.start_proxy()
        for _ in range(servers):
            self.cluster.start_server(TOPIC)
        self.cluster.members(TOPIC, servers)
        return self.cluster.agent()

    def ask(self, agent, tag, **fields):
        return agent.publish(TOPIC, {"skill": "journal", "data": tag + "\n"}, **fields)

    def test_a_repeated_key_joins_the_running_execution(self):
        agent = self.start(seconds=1)
        requests = [self.ask(agent, "same", idempotency_key="k1") for _ in range(20)]
        replies = agent.collect(requests)
        self.assertEqual({reply["content"] for reply in replies.values()}, {"done same"})
        self.assertEqual(self.cluster.executions(), {"same": 1})
        self.assertEqual(agent.duplicates(), 0)

    def test_a_later_repeat_gets_the_stored_reply_also_for_another_agent(self):
        agent = self.start()
        first = agent.collect([self.ask(agent, "same", idempotency_key="k1")])
        other = self.cluster.agent()
        second = other.collect([self.ask(other, "same", idempotency_key="k1")])
        self.assertEqual([reply["content"] for reply in (*first.values(), *second.values())], ["done same"] * 2)
        self.assertEqual(self.cluster.executions(), {"same": 1})

    def test_a_key_that_was_used_for_another_intent_is_refused(self):
        agent = self.start()
        agent.collect([self.ask(agent, "one", idempotency_key="k1")])
        reply = agent.collect([request := self.ask(agent, "two", idempotency_key="k1")])[request]
        self.assert_error(reply, "invalid_request")
        self.assertIn("k1", reply["error"])
        self.assertEqual(self.cluster.executions(), {"one": 1})

    def test_other_keys_and_no_key_run_each_time(self):
        agent = self.start()
        agent.collect([self.ask(agent, "a", idempotency_key="k1"), self.ask(agent, "b", idempotency_key="k2"),
                       self.ask(agent, "c"), self.ask(agent, "c")])
        self.assertEqual(self.cluster.executions(), {"a": 1, "b": 1, "c": 2})

    def test_a_reply_that_was_lost_with_the_proxy_is_answered_from_the_server(self):
        agent = self.start(servers=1, seconds=0.3)
        request = self.ask(agent, "once")
        agent.pump_until(lambda: self.cluster.executions(), 10, "the run has begun")
        self.cluster.proxy.kill()
        server = self.cluster.daemons[1]
        wait_until(lambda: "run ended" in server.log(), 10, "the run ends while there is no proxy")
        self.cluster.restart_proxy()
        self.assert_success(agent.collect([request])[request])
        self.assertEqual(self.cluster.executions(), {"once": 1})

    def test_replies_lost_on_the_way_to_the_agent_are_asked_for_again(self):
        self.start(servers=3, seconds=0.5)
        relays = [Relay(port) for port in self.cluster.proxy.ports[:2]]
        for relay in relays:
            self.addCleanup(relay.close)

        class BehindRelay:
            xsub = f"tcp://127.0.0.1:{relays[0].port}"
            xpub = f"tcp://127.0.0.1:{relays[1].port}"
        agent = self.cluster.agent(proxy=BehindRelay)
        requests = [self.ask(agent, f"t{n}") for n in range(10)]
        wait_until(lambda: len(self.cluster.executions()) == 10, 10, "all runs have begun")
        for relay in relays:
            relay.cut()
        wait_until(lambda: self.cluster.proxy.scale(TOPIC)["inflight"] == 0, 10, "the proxy has passed all replies on")
        for relay in relays:
            relay.drop()
        replies = agent.collect(requests, 30)
        self.assertEqual({reply["status"] for reply in replies.values()}, {"success"})
        self.assertGreater(agent.resent, 0)
        self.assertEqual(self.cluster.executions(), {f"t{n}": 1 for n in range(10)})
        # A reply may have been on its way when it was asked for again; clients keep the first.
        self.assertLessEqual(agent.duplicates(), agent.resent)

    def test_an_attempt_is_counted(self):
        agent = self.start(servers=1, seconds=2)
        request = self.ask(agent, "again", idempotent=True)
        agent.pump_until(lambda: self.cluster.executions(), 10, "the run has begun")
        self.cluster.start_server(TOPIC)
        self.cluster.daemons[1].kill()
        reply = agent.collect([request])[request]
        self.assert_success(reply)
        self.assertEqual(reply["attempt"], 2)
        self.assertEqual(self.cluster.executions(), {"again": 2})


class GivingUpTest(SystemTest):
    def test_ctrl_c_in_the_command_stops_the_run(self):
        self.cluster.add_journal_skill(endless=True)
        proxy = self.cluster.start_proxy()
        self.cluster.start_server(TOPIC)
        command = subprocess.Popen(
            [BIN / "skillscale", "publish", TOPIC, "--skill", "journal", "--data", "x\n"], stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True, env=clean_environment(self.cluster.folder, {
                "SKILLSCALE_PROXY_XSUB": proxy.xsub, "SKILLSCALE_PROXY_XPUB": proxy.xpub}))
        wait_until(self.cluster.executions, 10, "the run has begun")
        command.send_signal(signal.SIGINT)
        _, errors = command.communicate(timeout=20)
        self.assertEqual(command.returncode, 130, errors)
        wait_until(lambda: proxy.scale(TOPIC)["load"] == 0, 10, "the run has been stopped")

    def test_a_command_that_waits_no_longer_cancels_its_run(self):
        self.cluster.add_journal_skill(endless=True)
        proxy = self.cluster.start_proxy()
        self.cluster.start_server(TOPIC)
        done = self.cluster.command("publish", TOPIC, "--skill", "journal", "--data", "x\n", "--timeout", "1")
        self.assertEqual(done.returncode, 3, done.stderr)
        wait_until(lambda: proxy.scale(TOPIC)["load"] == 0, 10, "the run has been stopped")

    def test_priorities_decide_who_is_first(self):
        self.cluster.add_journal_skill(seconds=0.2)
        self.cluster.start_proxy()
        agent = self.cluster.agent()
        requests = [agent.publish(TOPIC, {"skill": "journal", "data": f"{tag}\n"}, priority=priority)
                    for tag, priority in (("low", 1), ("normal", 5), ("high", 9))]
        agent.pump_until(lambda: self.cluster.proxy.scale(TOPIC)["pending"] == 3, 10, "all are held")
        self.cluster.start_server(TOPIC, "--credits", 1, workers=1)
        agent.collect(requests)
        self.assertEqual(self.cluster.journal_path.read_text().split(), ["high", "normal", "low"])


if __name__ == "__main__":
    unittest.main(verbosity=2)
