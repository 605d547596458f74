"""Replicas, no replicas, full holds, and members that do not do their part. Counts are exact."""

import time
import unittest

from faults import FakeMember, answer_garbage, outcome_counts, stay_silent
from harness import SystemTest, http_get

TOPIC = "TOPIC_FAULTS"


class CapacityTest(SystemTest):
    def publish(self, agent, count, prefix="t", **fields):
        return {agent.publish(TOPIC, {"skill": "journal", "data": f"{prefix}{n}\n"}, **fields): f"{prefix}{n}" for n in range(count)}

    def assert_each_once(self, agent, tags, seconds):
        replies = agent.collect(tags, seconds)
        executions = self.cluster.executions()
        print(f"{self._testMethodName}: {len(tags)} intents, {sum(executions.values())} executions, {len(replies)} replies,"
              f" {agent.duplicates()} duplicates, outcomes {outcome_counts(replies)}")
        self.assertEqual(outcome_counts(replies), {"success": len(tags)})
        self.assertEqual(executions, {tag: 1 for tag in tags.values()})
        self.assertEqual(agent.duplicates(), 0)

    def test_three_replicas_execute_ten_thousand_intents_once_each(self):
        self.cluster.add_journal_skill()
        self.cluster.start_proxy()
        for _ in range(3):
            self.cluster.start_server(TOPIC)
        self.cluster.members(TOPIC, 3)
        agent = self.cluster.agent()
        self.assert_each_once(agent, self.publish(agent, 10000), 200)

    def test_a_thousand_intents_wait_for_the_first_server(self):
        self.cluster.add_journal_skill()
        self.cluster.start_proxy()
        agent = self.cluster.agent()
        tags = self.publish(agent, 1000)
        agent.pump_until(lambda: self.cluster.proxy.scale(TOPIC)["pending"] == 1000, 20, "all are held")
        began = time.monotonic()
        agent.pump_until(lambda: time.monotonic() - began > 2, 5, "two seconds of waiting")
        self.assertEqual(len(agent.replies), 0)
        self.cluster.start_server(TOPIC)
        self.assert_each_once(agent, tags, 60)
        self.assertGreater(min(reply[0]["timing_ms"]["held"] for reply in agent.replies.values()), 1900)

    def test_a_full_hold_and_an_expired_one_are_answered(self):
        self.cluster.start_proxy("--hold-max-ms", 1000, "--hold-topic-bytes", 200000)
        agent = self.cluster.agent()
        tags = self.publish(agent, 1000)
        replies = agent.collect(tags, 20)
        counts = outcome_counts(replies)
        print(f"hold: {counts}")
        self.assertEqual(set(counts), {"overloaded", "no_capacity"})
        self.assertEqual(sum(counts.values()), 1000)
        self.assertGreater(counts["no_capacity"], 100)
        self.assertEqual(agent.duplicates(), 0)
        late = agent.call(TOPIC, {"skill": "journal"}, deadline=time.time() - 1)
        self.assert_error(late, "expired")
        self.assert_error(agent.call("elsewhere", {"skill": "journal"}), "no_skill_server")

    def test_a_server_that_never_answers_delays_but_loses_nothing(self):
        self.cluster.add_journal_skill()
        self.cluster.start_proxy()
        silent = FakeMember(self.cluster.proxy, TOPIC, stay_silent)
        self.addCleanup(silent.close)
        self.cluster.start_server(TOPIC)
        self.cluster.members(TOPIC, 2)
        agent = self.cluster.agent()
        self.assert_each_once(agent, self.publish(agent, 200), 30)
        self.assertLessEqual(silent.received, 5, "never more than its credits")

    def test_a_server_that_answers_garbage_gets_its_intents_answered_for_it(self):
        self.cluster.add_journal_skill()
        self.cluster.start_proxy()
        liar = FakeMember(self.cluster.proxy, TOPIC, answer_garbage)
        self.addCleanup(liar.close)
        self.cluster.start_server(TOPIC)
        self.cluster.members(TOPIC, 2)
        agent = self.cluster.agent()
        tags = self.publish(agent, 200)
        replies = agent.collect(tags, 30)
        counts = outcome_counts(replies)
        print(f"garbage: {counts}, {liar.received} intents went to the liar")
        self.assertEqual(counts, {"internal": liar.received, "success": 200 - liar.received})
        self.assertEqual(sum(self.cluster.executions().values()), 200 - liar.received)
        self.assertEqual(agent.duplicates(), 0)
        self.assertEqual(http_get(f"{self.cluster.proxy.http}/healthz")[0], 200)

    def test_a_slow_server_does_not_slow_the_others(self):
        self.cluster.add_skill("work", "sleep 0.02; printf ok")
        slow_skills = self.cluster.folder / "slow-skills"
        self.cluster.add_skill("work", "sleep 0.2; printf slow", skills_dir=slow_skills)
        self.cluster.start_proxy()
        self.cluster.start_server(TOPIC, skills_dir=slow_skills, workers=1)
        for _ in range(3):
            self.cluster.start_server(TOPIC, workers=1)
        self.cluster.members(TOPIC, 4)
        agent = self.cluster.agent()
        latency = {"ok": [], "slow": []}
        sent = {}
        for _ in range(3):
            request = agent.publish(TOPIC, {"skill": "work", "data": ""})
            sent[request] = time.monotonic()
        while sum(map(len, latency.values())) < 300:
            agent.pump_until(lambda: any(request in agent.replies for request in sent), 20, "some reply")
            for request in [request for request in sent if request in agent.replies]:
                latency[agent.replies[request][0]["content"]].append(time.monotonic() - sent.pop(request))
                sent[agent.publish(TOPIC, {"skill": "work", "data": ""})] = time.monotonic()
        quick = sorted(latency["ok"])
        p99 = quick[len(quick) * 99 // 100]
        print(f"slow server: {len(latency['slow'])} of 300 went to it; p99 of the others {p99 * 1000:.0f} ms")
        self.assertLess(len(latency["slow"]), 60)
        self.assertGreater(len(quick), 200)


if __name__ == "__main__":
    unittest.main(verbosity=2)
