"""The proxy dies, comes back, or is one of two; strangers flood it."""

import signal
import threading
import time
import unittest
import uuid

import zmq

from faults import outcome_counts, rss_kb
from harness import PATIENCE, SystemTest, http_get, wait_until

TOPIC = "TOPIC_FAULTS"


class ProxyFaultTest(SystemTest):
    def assert_nothing_lost_nothing_twice(self, tags, replies, duplicates, extra=""):
        executions = self.cluster.executions()
        print(f"{self._testMethodName}: {len(tags)} intents, {len(replies)} final replies, {duplicates} duplicates,"
              f" {sum(executions.values())} executions, outcomes {outcome_counts(replies)}{extra}")
        self.assertEqual(len(replies), len(tags))
        self.assertEqual([tag for tag, count in executions.items() if count > 1], [], "executed twice")

    def test_a_proxy_killed_ten_times_under_load(self):
        self.cluster.add_journal_skill(seconds=0.02)
        self.cluster.start_proxy()
        for _ in range(3):
            self.cluster.start_server(TOPIC)
        self.cluster.members(TOPIC, 3)
        agent = self.cluster.agent()
        tags = {}
        for _ in range(10):
            for _ in range(100):
                tags[agent.publish(TOPIC, {"skill": "journal", "data": f"t{len(tags)}\n"})] = f"t{len(tags)}"
            until = time.monotonic() + 0.2 * PATIENCE
            agent.pump_until(lambda: time.monotonic() > until, 10, "some load")
            self.cluster.proxy.kill()
            self.cluster.restart_proxy()
            agent.pump_until(lambda: agent._connected, 20, "the agent is back")
        replies = agent.collect(tags, 90)
        self.assert_nothing_lost_nothing_twice(tags, replies, agent.duplicates(), f", {agent.resent} sent again")
        self.assertEqual(outcome_counts(replies), {"success": len(tags)})
        self.assertGreater(agent.resent, 0)

    def test_a_stopping_proxy_answers_what_it_holds(self):
        self.cluster.add_skill("work", "sleep 0.5; printf ok")
        self.cluster.start_proxy()
        self.cluster.start_server(TOPIC, workers=1)
        agent = self.cluster.agent()
        requests = [agent.publish(TOPIC, {"skill": "work", "data": ""}) for _ in range(20)]
        agent.pump_until(lambda: self.cluster.proxy.scale(TOPIC)["pending"] >= 15, 10, "most are held")
        self.cluster.proxy.send_signal(signal.SIGTERM)
        replies = agent.collect(requests, 10)
        self.assertEqual(self.cluster.proxy.wait_exit(), 0)
        counts = outcome_counts(replies)
        print(f"stopping proxy: {counts}")
        self.assertEqual(set(counts), {"success", "draining"})
        self.assertGreaterEqual(counts["draining"], 15)

    def test_the_primary_of_two_proxies_is_killed_under_load(self):
        self.cluster.add_journal_skill(seconds=0.02)
        first = self.cluster.start_proxy(name="first")
        second = self.cluster.start_proxy(name="second")

        class Both:
            xsub = f"{first.xsub},{second.xsub}"
            xpub = f"{first.xpub},{second.xpub}"
        for _ in range(3):
            self.cluster.start_server(TOPIC, proxy=Both)
        for proxy in (first, second):
            wait_until(lambda proxy=proxy: proxy.scale(TOPIC)["members"] == 3, 10, "the servers have joined both")
        agent_id = uuid.uuid4().hex
        primary, standby = self.cluster.agent(agent_id, first), self.cluster.agent(agent_id, second)
        tags = {primary.publish(TOPIC, {"skill": "journal", "data": f"t{n}\n"}): f"t{n}" for n in range(500)}
        primary.pump_until(lambda: len(primary.replies) > 50, 20, "the load is running")
        first.kill()
        primary.pump(0.1)  # What it had sent before is still on its way.
        standby._unanswered = dict(primary._unanswered)
        standby._resend()
        replies = {request: answers[0] for request, answers in primary.replies.items()}
        replies.update(standby.collect(set(tags) - set(replies), 60))
        self.assert_nothing_lost_nothing_twice(tags, replies, standby.duplicates(), f", {standby.resent} sent again")
        self.assertEqual(outcome_counts(replies), {"success": 500})

    def test_the_command_fails_over(self):
        self.cluster.add_skill("work", "sleep 1; printf ok")
        first = self.cluster.start_proxy(name="first")
        second = self.cluster.start_proxy(name="second")

        class Both:
            xsub = f"{first.xsub},{second.xsub}"
            xpub = f"{first.xpub},{second.xpub}"
        self.cluster.start_server(TOPIC, proxy=Both)
        wait_until(lambda: second.scale(TOPIC)["members"] == 1, 10, "joined")
        killer = threading.Timer(0.5, first.kill)
        killer.start()
        self.addCleanup(killer.join)
        done = self.cluster.command("publish", TOPIC, "--skill", "work", "--data", "x", environment={
            "SKILLSCALE_PROXY_XSUB": Both.xsub, "SKILLSCALE_PROXY_XPUB": Both.xpub})
        self.assertEqual((done.returncode, done.stdout.strip()), (0, "ok"), done.stderr)


class FloodTest(SystemTest):
    def test_made_up_topics_and_passing_agents_do_not_grow_the_proxy(self):
        self.cluster.add_skill("echo", "cat")
        proxy = self.cluster.start_proxy("--hold-max-ms", 2000)
        self.cluster.start_server(TOPIC)
        agent = self.cluster.agent()
        self.assert_success(agent.call(TOPIC, {"skill": "echo", "data": "x"}))
        before = rss_kb(proxy.pid)

        context = zmq.Context()
        publisher = context.socket(zmq.XPUB)
        publisher.setsockopt(zmq.XPUB_NODROP, 1)
        publisher.setsockopt(zmq.SNDTIMEO, 30000)
        publisher.connect(proxy.xsub)
        publisher.recv()
        for n in range(1000000):
            # Every tenth one would be held if it were not for the bound on such topics.
            name = b"TOPIC_made_up_%d" % n if n % 10 == 0 else b"made.up.%d" % n
            publisher.send_multipart([name, b'{"request_id":"%d","reply_to":"AGENT_REPLY_nobody","intent":"x"}' % n])
        self.assert_success(agent.call(TOPIC, {"skill": "echo", "data": "x"}, seconds=60))
        after_topics = rss_kb(proxy.pid)
        for _ in range(100):
            with zmq.Context() as passing:
                subscribers = [passing.socket(zmq.SUB) for _ in range(100)]
                for subscriber in subscribers:
                    subscriber.subscribe(b"AGENT_REPLY_" + uuid.uuid4().hex.encode())
                    subscriber.connect(proxy.xpub)
                for subscriber in subscribers:
                    subscriber.close(linger=0)
        self.assert_success(agent.call(TOPIC, {"skill": "echo", "data": "x"}, seconds=60))
        wait_until(lambda: "skillscale_subscriptions 1\n" in http_get(f"{proxy.http}/metrics")[1], 30, "only the agent is left")
        after_agents = rss_kb(proxy.pid)
        page = len(http_get(f"{proxy.http}/metrics")[1])
        print(f"flood: proxy RSS {before} kB idle, {after_topics} kB after 1,000,000 topics,"
              f" {after_agents} kB after 10,000 agents; metrics page {page} bytes")
        context.destroy(linger=0)
        # A sanitizer keeps freed memory for a while.
        self.assertLess(after_agents - before, (80 if PATIENCE == 1 else 1024) * 1024)
        self.assertLess(page, 1024 * 1024)



if __name__ == "__main__":
    unittest.main(verbosity=2)
