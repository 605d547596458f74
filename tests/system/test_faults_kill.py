"""Servers that are killed, frozen, cut off or replaced under load."""

import signal
import threading
import time
import unittest

from faults import Killer, Relay, outcome_counts
from harness import PATIENCE, SystemTest, wait_until

TOPIC = "TOPIC_FAULTS"
KILLS_MIN = 4


class KillTest(SystemTest):
    def start(self):
        self.cluster.add_journal_skill()
        self.cluster.start_proxy()
        return self.cluster.agent()

    def publish_in_waves(self, agent, count, wave=200, enough=lambda: True, **fields):
        """Keeps up to `wave` intents unanswered. More than `count` go out until there were `enough` faults: how long the load takes
        is the machine's affair."""
        tags = {}
        while len(tags) < count or not enough():
            self.assertLess(len(tags), 10 * count, "too few faults")
            while len(tags) - len(agent.replies) < wave and (len(tags) < count or not enough()):
                tag = f"t{len(tags)}"
                tags[agent.publish(TOPIC, {"skill": "journal", "data": tag + "\n"}, **fields)] = tag
            agent.pump(0.05)
        return tags

    def report(self, agent, tags, replies, extra=""):
        executions = self.cluster.executions()
        print(f"{self._testMethodName}: {len(tags)} intents, {len(replies)} final replies, {agent.duplicates()} duplicates,"
              f" {sum(executions.values())} executions, at most {max(executions.values())} of one intent,"
              f" outcomes {outcome_counts(replies)}{extra}")
        return executions

    def assert_nothing_lost_nothing_twice(self, agent, tags, replies, extra=""):
        executions = self.report(agent, tags, replies, extra)
        self.assertEqual(len(replies), len(tags))
        self.assertEqual(agent.duplicates(), 0)
        self.assertEqual([tag for tag, count in executions.items() if count > 1], [], "executed twice")
        for request_id, tag in tags.items():
            if replies[request_id]["status"] == "success":
                self.assertEqual(executions[tag], 1, tag)

    def kill_under_load(self, **fields):
        agent = self.start()
        with Killer(lambda: self.cluster.start_server(TOPIC), 4, 0.2 * PATIENCE, seed=20) as killer:
            tags = self.publish_in_waves(agent, 5000, enough=lambda: killer.kills >= KILLS_MIN, **fields)
            replies = agent.collect(tags, 120)
        return agent, tags, replies, f", {killer.kills} kills"

    def test_idempotent_intents_survive_random_kills(self):
        agent, tags, replies, extra = self.kill_under_load(idempotent=True)
        executions = self.report(agent, tags, replies, extra)
        self.assertEqual(len(replies), len(tags))
        self.assertEqual(agent.duplicates(), 0)
        self.assertLessEqual(max(executions.values()), 3, "bounded attempts")
        self.assertLessEqual(set(outcome_counts(replies)), {"success", "worker_lost"})
        self.assertGreaterEqual(outcome_counts(replies)["success"], len(tags) - 10)

    def test_other_intents_are_never_executed_twice_by_random_kills(self):
        agent, tags, replies, extra = self.kill_under_load()
        self.assert_nothing_lost_nothing_twice(agent, tags, replies, extra)
        self.assertLessEqual(set(outcome_counts(replies)), {"success", "worker_lost"})

    def test_a_killed_server_is_noticed_at_once(self):
        self.cluster.add_journal_skill(endless=True)
        self.cluster.start_proxy()
        server = self.cluster.start_server(TOPIC)
        agent = self.cluster.agent()
        request = agent.publish(TOPIC, {"skill": "journal", "data": "one\n"})
        agent.pump_until(lambda: self.cluster.executions(), 10, "the run has begun")
        began = time.monotonic()
        server.kill()
        self.assert_error(agent.collect([request], 5)[request], "worker_lost")
        print(f"worker_lost {1000 * (time.monotonic() - began):.1f} ms after kill -9")

    def test_a_frozen_server_is_replaced_and_runs_nothing_when_it_wakes(self):
        agent = self.start()
        servers = [self.cluster.start_server(TOPIC) for _ in range(4)]
        self.cluster.members(TOPIC, 4)
        tags = self.publish_in_waves(agent, 300)
        servers[0].send_signal(signal.SIGSTOP)
        began = time.monotonic()
        tags2 = {agent.publish(TOPIC, {"skill": "journal", "data": f"u{n}\n"}): f"u{n}" for n in range(1000)}
        tags.update(tags2)
        replies = agent.collect(tags, 60)
        print(f"all answered {time.monotonic() - began:.1f} s after the freeze")
        wait_until(lambda: self.cluster.proxy.scale(TOPIC)["members"] == 3, 10, "the frozen server is noticed")
        servers[0].send_signal(signal.SIGCONT)
        self.cluster.members(TOPIC, 4, 20)
        more = {agent.publish(TOPIC, {"skill": "journal", "data": f"v{n}\n"}): f"v{n}" for n in range(200)}
        replies.update(agent.collect(more, 60))
        self.assert_nothing_lost_nothing_twice(agent, {**tags, **more}, replies)

    def test_a_rolling_restart_loses_nothing(self):
        agent = self.start()
        with Killer(lambda: self.cluster.start_server(TOPIC), 3, 0.5 * PATIENCE, seed=3, number=signal.SIGTERM) as killer:
            tags = self.publish_in_waves(agent, 3000, enough=lambda: killer.kills >= KILLS_MIN)
            replies = agent.collect(tags, 120)
        self.assert_nothing_lost_nothing_twice(agent, tags, replies, f", {killer.kills} restarts")
        self.assertEqual(outcome_counts(replies), {"success": len(tags)})

    def test_a_cut_link_heals(self):
        agent = self.start()
        proxy = self.cluster.proxy
        relays = [Relay(port) for port in proxy.ports[:2]]
        for relay in relays:
            self.addCleanup(relay.close)
        self.cluster.start_server(TOPIC)

        class BehindRelay:
            xsub = f"tcp://127.0.0.1:{relays[0].port}"
            xpub = f"tcp://127.0.0.1:{relays[1].port}"
        self.cluster.start_server(TOPIC, proxy=BehindRelay)
        self.cluster.members(TOPIC, 2)
        cutter = threading.Timer(0.3, lambda: [relay.cut() for relay in relays])
        healer = threading.Timer(5.3, lambda: [relay.heal() for relay in relays])
        cutter.start()
        healer.start()
        self.addCleanup(healer.join)
        began = time.monotonic()
        tags = {}
        while time.monotonic() - began < 6:
            tags[agent.publish(TOPIC, {"skill": "journal", "data": f"t{len(tags)}\n"})] = f"t{len(tags)}"
            agent.pump(0.01)
        replies = agent.collect(tags, 60)
        self.cluster.members(TOPIC, 2, 20)
        more = {agent.publish(TOPIC, {"skill": "journal", "data": f"m{n}\n"}): f"m{n}" for n in range(100)}
        replies.update(agent.collect(more, 30))
        self.assert_nothing_lost_nothing_twice(agent, {**tags, **more}, replies)
        self.assertLessEqual(set(outcome_counts(replies)), {"success", "worker_lost"})


if __name__ == "__main__":
    unittest.main(verbosity=2)
