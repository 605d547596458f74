"""One intent or a thousand, quick or slow: each gets its own reply, once."""

import json
import re
import shutil
import subprocess
import time
import unittest

from harness import SystemTest, http_get, wait_until


class RequestsTest(SystemTest):
    def start(self, *arguments, servers=1, workers=4):
        self.cluster.add_journal_skill()
        self.cluster.start_proxy()
        for _ in range(servers):
            self.cluster.start_server("TOPIC_X", *arguments, workers=workers)
        self.cluster.members("TOPIC_X", servers)
        return self.cluster.agent()

    def test_a_single_request(self):
        agent = self.start()
        reply = agent.call("TOPIC_X", {"skill": "journal", "data": "only\n"})
        self.assert_success(reply)
        self.assertEqual((reply["content"], reply["exit"]["code"], reply["skill"]), ("done only", 0, "journal"))
        self.assertGreater(reply["timing_ms"]["run"], 0)

    def test_sequential_requests(self):
        agent = self.start()
        for n in range(50):
            self.assertEqual(agent.call("TOPIC_X", {"skill": "journal", "data": f"t{n}\n"})["content"], f"done t{n}")

    def test_parallel_requests_use_all_workers(self):
        self.cluster.add_skill("slow", "sleep 1; printf ok")
        agent = self.start(workers=8)
        began = time.monotonic()
        replies = agent.collect([agent.publish("TOPIC_X", {"skill": "slow", "data": ""}) for _ in range(8)])
        self.assertEqual([reply["content"] for reply in replies.values()], ["ok"] * 8)
        self.assertLess(time.monotonic() - began, 6, "eight seconds of work, eight workers")

    def test_a_thousand_rapid_intents_each_get_their_own_reply(self):
        agent = self.start(servers=2)
        tags = {agent.publish("TOPIC_X", {"skill": "journal", "data": f"t{n}\n"}): f"t{n}" for n in range(1000)}
        replies = agent.collect(tags, 60)
        self.assertEqual({request_id: reply["content"] for request_id, reply in replies.items()},
                         {request_id: f"done {tag}" for request_id, tag in tags.items()})
        self.assertEqual(self.cluster.executions(), {tag: 1 for tag in tags.values()})
        self.assertEqual(agent.duplicates(), 0)

    def test_many_agents_at_once(self):
        self.start(servers=2)
        agents = [self.cluster.agent() for _ in range(10)]
        asked = [(agent, agent.publish("TOPIC_X", {"skill": "journal", "data": f"a{a}n{n}\n"}), f"done a{a}n{n}")
                 for n in range(20) for a, agent in enumerate(agents)]
        for agent, request_id, expected in asked:
            self.assertEqual(agent.collect([request_id])[request_id]["content"], expected)


class TimeTest(SystemTest):
    def setUp(self):
        super().setUp()
        self.cluster.add_skill("echo", "cat")
        self.cluster.add_skill("slow", "sleep 2; printf 'slow but well'")
        self.cluster.add_skill("endless", "printf 'so far'; sleep 600")
        self.cluster.add_skill("stubborn", "trap '' TERM\nprintf 'so far'\nwhile :; do sleep 1; done")
        self.cluster.start_proxy()

    def test_a_slow_skill_is_waited_for(self):
        self.cluster.start_server("TOPIC_X")
        reply = self.cluster.agent().call("TOPIC_X", {"skill": "slow", "data": ""})
        self.assertEqual(reply["content"], "slow but well")
        self.assertGreaterEqual(reply["timing_ms"]["run"], 2000)

    def test_a_run_past_the_servers_limit_is_stopped_and_told_apart(self):
        self.cluster.start_server("TOPIC_X", "--timeout", "300")
        reply = self.cluster.agent().call("TOPIC_X", {"skill": "endless", "data": ""})
        self.assert_error(reply, "timed_out")
        self.assertTrue(reply["exit"]["timed_out"])

    def test_a_run_past_the_limit_of_its_intent_is_stopped_even_if_it_ignores_sigterm(self):
        self.cluster.start_server("TOPIC_X")
        agent = self.cluster.agent()
        began = time.monotonic()
        self.assert_error(agent.call("TOPIC_X", {"skill": "stubborn", "data": ""}, timeout_ms=300), "timed_out")
        self.assertLess(time.monotonic() - began, 10)
        self.assertEqual(agent.call("TOPIC_X", {"skill": "echo", "data": "next"})["content"], "next")

    def test_slow_runs_do_not_hold_up_quick_ones_while_a_worker_is_free(self):
        self.cluster.start_server("TOPIC_X", workers=2)
        agent = self.cluster.agent()
        slow = agent.publish("TOPIC_X", {"skill": "slow", "data": ""})
        began = time.monotonic()
        self.assertEqual(agent.call("TOPIC_X", {"skill": "echo", "data": "quick"})["content"], "quick")
        self.assertLess(time.monotonic() - began, 2)
        self.assertEqual(agent.collect([slow])[slow]["content"], "slow but well")

    def test_an_intent_past_its_deadline_is_never_started(self):
        self.cluster.add_journal_skill()
        self.cluster.start_server("TOPIC_X")
        agent = self.cluster.agent()
        reply = agent.call("TOPIC_X", {"skill": "journal", "data": "late\n"}, deadline=time.time() - 5)
        self.assert_error(reply, "expired")
        self.assertEqual(self.cluster.executions(), {})

    def test_a_held_intent_expires_at_its_deadline(self):
        agent = self.cluster.agent()
        began = time.monotonic()
        reply = agent.call("TOPIC_NOBODY", "wait for nobody", deadline=time.time() + 0.5)
        self.assertEqual(reply["status"], "error")
        self.assertIn(reply["code"], ("expired", "no_capacity"))
        self.assertLess(time.monotonic() - began, 5)

    def test_a_running_intent_can_be_cancelled(self):
        self.cluster.add_journal_skill(seconds=600)
        self.cluster.start_server("TOPIC_X")
        agent = self.cluster.agent()
        request_id = agent.publish("TOPIC_X", {"skill": "journal", "data": "t\n"})
        wait_until(self.cluster.executions, 10, "the run has begun")
        agent.cancel(request_id)
        self.assert_error(agent.collect([request_id])[request_id], "cancelled")

    def test_a_held_intent_can_be_cancelled(self):
        agent = self.cluster.agent()
        request_id = agent.publish("TOPIC_NOBODY", "wait for nobody")
        wait_until(lambda: self.cluster.proxy.scale("TOPIC_NOBODY")["pending"] == 1, 10, "it is held")
        agent.cancel(request_id)
        self.assert_error(agent.collect([request_id])[request_id], "cancelled")
        wait_until(lambda: self.cluster.proxy.scale("TOPIC_NOBODY")["pending"] == 0, 5, "nothing is held any more")

    def test_a_topic_that_is_not_held_is_answered_at_once(self):
        reply = self.cluster.agent().call("nobody.serves.this", "anything", seconds=5)
        self.assert_error(reply, "no_skill_server")


class OutcomeTest(SystemTest):
    def ask(self, script, intent=None, **fields):
        self.cluster.add_skill("subject", script)
        self.cluster.start_proxy()
        self.cluster.start_server("TOPIC_X")
        return self.cluster.agent().call("TOPIC_X", intent or {"skill": "subject", "data": ""}, **fields)

    def test_an_exit_status_is_reported_with_both_outputs(self):
        reply = self.ask("printf partial; echo because >&2; exit 7")
        self.assert_error(reply, "skill_failed")
        self.assertEqual((reply["content"], reply["exit"]["code"]), ("partial", 7))
        self.assertIn("because", reply["stderr_tail"])

    def test_a_signal_is_told_apart_from_an_exit_status(self):
        reply = self.ask("kill -SEGV $$")
        self.assert_error(reply, "skill_failed")
        self.assertEqual(reply["exit"]["signal"], 11)

    def test_an_unknown_skill_is_an_error_that_lists_the_known(self):
        reply = self.ask("cat", {"skill": "subjekt", "data": ""})
        self.assert_error(reply, "unknown_skill")
        self.assertIn("subject", reply["error"])

    def test_text_that_matches_no_skill_runs_none(self):
        self.assert_error(self.ask("cat", "bake a cake with plums"), "unknown_skill")

    def test_a_script_that_never_reads_its_input_is_fine(self):
        reply = self.ask("printf ok", {"skill": "subject", "data": "x" * 5_000_000})
        self.assertEqual(reply["content"], "ok")

    def test_output_past_the_limit_is_cut_and_marked(self):
        reply = self.ask("head -c 3000000 /dev/zero | tr '\\0' x")
        self.assertTrue(reply["truncated"]["stdout"])
        self.assertTrue(reply["content"].startswith("x" * 1000))


class MetricsTest(SystemTest):
    def test_the_counters_agree_with_what_was_done(self):
        self.cluster.add_skill("echo", "cat")
        proxy = self.cluster.start_proxy()
        server = self.cluster.start_server("TOPIC_X")
        agent = self.cluster.agent()
        agent.collect([agent.publish("TOPIC_X", {"skill": "echo", "data": "x"}) for _ in range(10)])
        for daemon in (proxy, server):
            status, text = http_get(f"{daemon.http}/metrics")
            self.assertEqual(status, 200)
            self.assertRegex(text, r"(?m)^# TYPE skillscale_\w+ counter$")
            self.check_with_promtool(text)
        dispatched = re.findall(r'(?m)^skillscale_\w*dispatched\w*\{[^}]*TOPIC_X[^}]*\} (\S+)$', http_get(f"{proxy.http}/metrics")[1])
        self.assertEqual([float(value) for value in dispatched], [10])
        wait_until(lambda: proxy.scale("TOPIC_X")["inflight"] == 0, 5, "all leases are closed")
        load = proxy.scale("TOPIC_X")
        self.assertEqual((load["pending"], load["inflight"], load["load"], load["members"], load["credits"]), (0, 0, 0, 1, 5))
        self.assertIn("TOPIC_X", json.dumps(json.loads(http_get(f"{proxy.http}/v1/topics")[1])))

    def check_with_promtool(self, text):
        if shutil.which("promtool") is None:
            return
        done = subprocess.run(["promtool", "check", "metrics"], input=text, capture_output=True, text=True, timeout=30)
        self.assertEqual(done.returncode, 0, done.stdout + done.stderr)


if __name__ == "__main__":
    unittest.main()
