"""Skills that change while they are served, questions about them, and skills that misbehave."""

import base64
import json
import re
import shutil
import signal
import unittest
import uuid

import zmq

from harness import Deadline, SystemTest, http_get, wait_until


class LiveTest(SystemTest):
    def start(self, *arguments, **options):
        self.cluster.start_proxy()
        self.server = self.cluster.start_server("TOPIC_X", *arguments, **options)
        self.agent = self.cluster.agent()

    def ask(self, skill, data="", **fields):
        return self.agent.call("TOPIC_X", {"skill": skill, "data": data}, **fields)

    def question(self, op, topic="TOPIC_X", **fields):
        """The reply to a question about the catalogue; the member `intent` means nothing in it."""
        return self.agent.call(f"@catalog/{topic}", "", catalog={"op": op, **fields})

    def skills(self, server=None):
        return json.loads(http_get(f"{(server or self.server).http}/v1/skills")[1])

    def skill(self, name):
        return next((skill for skill in self.skills()["skills"] if skill["name"] == name), None)

    def metric(self, name, server=None):
        """The value of a series, e.g. 'skillscale_skill_stale{skill="a"}'; None when there is none."""
        found = re.search(rf"(?m)^{re.escape(name)} (\S+)$", http_get(f"{(server or self.server).http}/metrics")[1])
        return float(found.group(1)) if found else None

    def expect_metric(self, name, holds, server=None):
        """What the daemons gather once a second may be late."""
        wait_until(lambda: holds(self.metric(name, server)), 10, name)

    def edit_script(self, folder, script):
        """As editors do it: a new file takes the place of the old one."""
        new = folder / "scripts" / ".new"
        new.write_text(f"#!/bin/sh\n{script}\n")
        new.chmod(0o755)
        new.rename(folder / "scripts" / "run.sh")


class ReloadTest(LiveTest):
    def test_skills_change_under_running_intents_and_none_of_them_fails(self):
        folder = self.cluster.add_skill("echo", "printf one", metadata={"version": "1.0.0"})
        self.start()
        first = self.skill("echo")["digest"]
        requests = [self.agent.publish("TOPIC_X", {"skill": "echo", "data": ""}) for _ in range(40)]
        self.edit_script(folder, "printf two")
        wait_until(lambda: self.skill("echo")["digest"] != first, 20, "the edit is taken up")
        requests += [self.agent.publish("TOPIC_X", {"skill": "echo", "data": ""}) for _ in range(20)]
        replies = self.agent.collect(requests)
        second = self.skill("echo")["digest"]
        seen = {(reply["status"], reply["content"], reply["digest"]) for reply in replies.values()}
        self.assertEqual(seen, {("success", "one", first), ("success", "two", second)})
        reply = self.ask("echo")
        self.assertEqual((reply["content"], reply["version"], reply["digest"]), ("two", "1.0.0", second))

    def test_skills_come_and_go(self):
        self.cluster.add_skill("echo", "cat")
        self.start()
        self.assert_error(self.ask("late"), "unknown_skill")
        folder = self.cluster.add_skill("late", "printf here")
        wait_until(lambda: self.skill("late"), 20, "the new skill is taken up")
        self.assertEqual(self.ask("late")["content"], "here")
        self.expect_metric("skillscale_server_skills", lambda value: value == 2)
        runs = 'skillscale_server_runs_total{code="success",skill="late"}'
        self.expect_metric(runs, lambda value: value == 1)
        shutil.rmtree(folder)
        wait_until(lambda: self.skill("late") is None, 20, "it is gone")
        self.assert_error(self.ask("late"), "unknown_skill")
        self.expect_metric('skillscale_skill_stale{skill="late"}', lambda value: value is None)
        self.assertEqual(self.metric(runs), 1, "a counter never goes down")

    def start_run_that_waits(self, late):
        """A run that reads its own scripts/part.sh as soon as the file `go` is there, and an intent that waits behind it."""
        go = self.cluster.folder / "go"
        folder = self.cluster.add_skill("slow", f'until [ -e {go} ]; do sleep 0.02; done; . "$SKILL_DIR/scripts/part.sh"',
                                        metadata={"version": "1.0.0"})
        (folder / "scripts/part.sh").write_text(late)
        self.start("--sandbox", "none", workers=1)
        requests = [self.agent.publish("TOPIC_X", {"skill": "slow", "data": ""}) for _ in range(2)]
        wait_until(lambda: self.metric("skillscale_server_running") == 1 and self.metric("skillscale_server_queued") == 1, 10, "it runs")
        return folder, go, requests

    def test_what_has_begun_keeps_its_version_to_the_last_file(self):
        folder, go, requests = self.start_run_that_waits("printf one")
        first = self.skill("slow")["digest"]
        (folder / "scripts/part.sh").write_text("printf two")
        manifest = folder / "SKILL.md"
        manifest.write_text(manifest.read_text().replace("1.0.0", "2.0.0"))
        wait_until(lambda: self.skill("slow")["version"] == "2.0.0", 20, "the edit is taken up")
        go.touch()
        for reply in self.agent.collect(requests).values():
            self.assertEqual((reply["content"], reply["version"], reply["digest"]), ("one", "1.0.0", first))
        reply = self.ask("slow")
        self.assertEqual((reply["content"], reply["version"]), ("two", "2.0.0"))
        self.assertNotEqual(reply["digest"], first)

    def test_what_has_begun_goes_on_when_its_skill_is_removed(self):
        folder, go, requests = self.start_run_that_waits("printf ended")
        shutil.rmtree(folder)
        wait_until(lambda: self.skill("slow") is None, 20, "the skill is gone")
        go.touch()
        for reply in self.agent.collect(requests).values():
            self.assertEqual(reply["content"], "ended", reply)
        self.assert_error(self.ask("slow"), "unknown_skill")

    def test_copies_of_old_versions_are_removed(self):
        folder = self.cluster.add_skill("echo", "cat")
        self.start()

        def copies():
            return list(self.cluster.folder.glob("**/skillscale-skills-*/*"))
        self.assertEqual(len(copies()), 1)
        for round in range(3):
            self.edit_script(folder, f"printf {round}")
            wait_until(lambda: self.ask("echo")["content"] == str(round), 20, "the edit is taken up")
        wait_until(lambda: len(copies()) == 1, 20, "old copies are removed")
        self.server.terminate()
        self.assertEqual(copies(), [])

    def test_a_broken_skill_is_served_as_it_was_until_it_is_repaired(self):
        folder = self.cluster.add_skill("echo", "cat")
        self.start()
        good = (folder / "SKILL.md").read_text()
        self.edit_script(folder, "printf changed")
        (folder / "SKILL.md").write_text("this is no skill any more\n")
        wait_until(lambda: self.skill("echo")["stale"], 20, "the problem is seen")
        reply = self.ask("echo", "still here")
        self.assertEqual(reply["content"], "still here")
        self.assertIn("broken", reply["warnings"][0])
        self.expect_metric('skillscale_skill_stale{skill="echo"}', lambda value: value == 1)
        self.assertTrue(any("echo" in problem["file"] for problem in self.skills()["problems"]))
        self.expect_metric("skillscale_server_skill_problems", lambda value: value > 0)
        self.assertIn("a skill cannot be used as it is", self.server.log())
        (folder / "SKILL.md").write_text(good)
        wait_until(lambda: not self.skill("echo")["stale"], 20, "the repair is seen")
        self.expect_metric('skillscale_skill_stale{skill="echo"}', lambda value: value == 0)
        reply = self.ask("echo", "well")
        self.assertNotIn("warnings", reply)
        self.assertEqual(reply["content"], "changed")

    def test_sighup_looks_at_the_skills_again(self):
        self.cluster.add_skill("echo", "cat")
        self.start("--skills-watch", "off")
        self.cluster.add_skill("late", "printf here")
        self.server.send_signal(signal.SIGHUP)
        wait_until(lambda: self.skill("late"), 20, "the new skill is taken up")
        self.expect_metric("skillscale_server_catalogue_reloads_total", lambda value: value == 1)
        self.assertEqual(self.ask("late")["content"], "here")

    def test_a_folder_that_cannot_be_watched_is_looked_at(self):
        self.cluster.add_skill("echo", "cat")
        self.start("--skills-watch", "poll")
        self.cluster.add_skill("late", "printf here")
        wait_until(lambda: self.skill("late"), 20, "the new skill is taken up")

    def test_two_skills_of_one_name_are_a_problem_and_the_first_is_served(self):
        self.cluster.add_skill("same", "printf first", skills_dir=self.cluster.skills_dir / "a")
        self.cluster.add_skill("same", "printf second", skills_dir=self.cluster.skills_dir / "b")
        self.start()
        self.assertEqual(self.ask("same")["content"], "first")
        self.assertTrue(any("same name" in problem["problem"] for problem in self.skills()["problems"]))

    def test_a_deprecated_skill_says_so_in_each_reply(self):
        self.cluster.add_skill("old", "cat", metadata={"deprecated": "too slow", "replaced-by": "new"})
        self.start()
        (warning,) = self.ask("old")["warnings"]
        self.assertRegex(warning, '"old" is deprecated: too slow; use .*"new" instead')
        self.assertEqual(self.server.log().count("a skill is deprecated"), 1)


class CatalogTest(LiveTest):
    def setUp(self):
        super().setUp()
        self.folder = self.cluster.add_skill("reader", "cat", metadata={"version": "2.1.0", "tags": "a, b"})
        for path, content in (("references/guide.md", "# Guide\n".encode()), ("assets/logo.bin", b"\x00\xff\xfe")):
            (self.folder / path).parent.mkdir()
            (self.folder / path).write_bytes(content)

    def test_agents_discover_and_load_skills(self):
        self.start()
        listed = self.question("list")
        self.assert_success(listed)
        (skill,) = listed["outputs"]["skills"]
        self.assertEqual((skill["name"], skill["version"], skill["adapter"], skill["tags"], skill["breaker"]),
                         ("reader", "2.1.0", "intent", ["a", "b"], "closed"))
        self.assertRegex(skill["digest"], "^sha256:[0-9a-f]{64}$")
        shown = self.question("show", skill="reader")["outputs"]
        self.assertIn("# reader", shown["body"])
        self.assertEqual(shown["scripts"][0]["path"], "scripts/run.sh")
        self.assertEqual(self.question("read", skill="reader", path="references/guide.md")["outputs"]["text"], "# Guide\n")
        read = self.question("read", skill="reader", path="assets/logo.bin")["outputs"]
        self.assertEqual(base64.b64decode(read["content_base64"]), b"\x00\xff\xfe")
        self.assertIn("name: reader", self.question("read", skill="reader", path="SKILL.md")["outputs"]["text"])

    def test_hostile_paths_read_nothing(self):
        self.start()
        (self.cluster.folder / "secret").write_text("secret")
        (self.folder / "references/link").symlink_to(self.cluster.folder / "secret")
        (self.folder / "references/up").symlink_to("..")
        (self.folder / "assets/large").write_bytes(b"x" * (1024 * 1024 + 1))
        for path in ("../../secret", "/etc/passwd", "references/../../../secret", "references/link", "references/up/SKILL.md",
                     "scripts/run.sh", "references", "assets/large", "references/none", "references/" + "x" * 5000, "./SKILL.md", "a\u0000b"):
            reply = self.question("read", skill="reader", path=path)
            self.assertEqual(reply["status"], "error", path)
            self.assertIn(reply["code"], ("invalid_request", "not_allowed", "too_large"), path)
            self.assertNotIn("outputs", reply)

    def test_wrong_questions_are_answered_at_once(self):
        self.start()
        self.assert_error(self.question("show", skill="none"), "unknown_skill")
        self.assert_error(self.question("delete"), "invalid_request")
        self.assert_error(self.question("show"), "invalid_request")
        self.assert_error(self.question("list", topic="TOPIC_NOBODY"), "no_skill_server")
        self.assert_error(self.agent.call("TOPIC_X", "", catalog={"op": "list"}), "unknown_skill")

    def test_hostile_questions_are_counted_and_break_nothing(self):
        self.start()
        head = f'{{"request_id":"%s","reply_to":"{self.agent.reply_to}","catalog":'
        hostile = {  # By request id: name, the rest of the message, code of the answer.
            "cut": ("TOPIC_X", '{"op', "invalid_request"),
            "list": ("TOPIC_X", '["list"]}', "invalid_request"),
            "none": ("TOPIC_X", 'null}', "invalid_request"),
            "number": ("TOPIC_X", '{"op":7}}', "invalid_request"),
            "object": ("TOPIC_X", '{"op":"show","skill":{"name":"reader"}}}', "invalid_request"),
            "nul": ("TOPIC_X", '{"op":"read","skill":"reader","path":"SKILL.md\\u0000.png"}}', "invalid_request"),
            "unknown": ("TOPIC_X", '{"op":"delete","skill":"reader"}}', "invalid_request"),
            "name": ("TOPIC_X", '{"op":"show","skill":"' + "x" * 100000 + '"}}', "unknown_skill"),
            "deep": ("TOPIC_X", "[" * 100000, "invalid_request"),
            "topic": ("no topic!", '{"op":"list"}}', "invalid_request"),
            "empty": ("", '{"op":"list"}}', "invalid_request"),
            "huge": ("TOPIC_X", '{"op":"list","skill":"' + "x" * (16 * 1024 * 1024) + '"}}', "too_large"),
        }
        for request_id, (topic, rest, _) in hostile.items():
            self.agent.send_raw(f"@catalog/{topic}".encode(), ((head % request_id) + rest).encode())
        for garbage in (b"", b"\xff\xfe", b"{}", b"@c{}", b"null"):
            self.agent.send_raw(b"@catalog/TOPIC_X", garbage)
        for request_id, (_, _, code) in hostile.items():
            reply = self.agent.collect([request_id])[request_id]
            self.assertEqual((reply["status"], reply["code"]), ("error", code), request_id)
        self.assert_success(self.question("list"))
        self.assertEqual(self.ask("reader", "still here")["content"], "still here")
        self.expect_metric("skillscale_server_malformed_total", lambda value: value >= 5)
        self.expect_metric("skillscale_malformed_intents_total", lambda value: value >= 5, self.cluster.proxy)

    def test_nobody_but_a_member_announces(self):
        self.start()
        context = zmq.Context()
        stranger = context.socket(zmq.XSUB)
        self.addCleanup(lambda: (stranger.close(0), context.term()))
        stranger.connect(self.cluster.proxy.xpub)
        stranger.send(b"\x01@catalog/TOPIC_X")
        stranger.send(b'@c{"member":"@g/TOPIC_X/default/stranger/1/","server":"s","digest":"d","skills":9}')
        stranger.send(b"@c{")
        barrier = b"@r/" + uuid.uuid4().hex.encode()
        stranger.send(b"\x01" + barrier)
        self.assertTrue(stranger.poll(10000))
        self.assertEqual(stranger.recv_multipart(), [barrier], "nothing was announced before it")

    def test_questions_need_no_worker(self):
        self.cluster.add_skill("slow", "sleep 3; printf ended")
        self.start("--credits", "1", workers=1)
        request = self.agent.publish("TOPIC_X", {"skill": "slow", "data": ""})
        wait_until(lambda: self.metric("skillscale_server_running") == 1, 10, "it runs")
        deadline = Deadline(2.5)
        self.assert_success(self.question("list"))
        self.assertFalse(deadline.passed())
        self.assertNotIn(request, self.agent.replies)
        self.assertEqual(self.agent.collect([request])[request]["content"], "ended")

    def test_each_server_of_a_topic_is_asked_in_turn(self):
        self.start(name="one")
        self.cluster.start_server("TOPIC_X", name="two")
        self.cluster.members("TOPIC_X", 2)
        servers = {self.question("list")["server"] for _ in range(4)}
        self.assertEqual(len(servers), 2)
        self.cluster.daemons[1].terminate()
        self.cluster.members("TOPIC_X", 1)
        for _ in range(3):
            self.assert_success(self.question("list"))

    def test_subscribers_hear_of_a_change(self):
        self.start()
        context = zmq.Context()
        listener = context.socket(zmq.SUB)
        self.addCleanup(lambda: (listener.close(0), context.term()))
        barrier = b"@r/" + uuid.uuid4().hex.encode()
        listener.connect(self.cluster.proxy.xpub)
        listener.subscribe(b"@catalog/TOPIC_X")
        listener.subscribe(barrier)
        self.assertTrue(listener.poll(10000))
        self.assertEqual(listener.recv_multipart(), [barrier])
        self.assert_success(self.question("list"))  # Is sent to a member, not to subscribers.
        self.cluster.add_skill("late", "cat")
        self.assertTrue(listener.poll(20000))
        name, news = listener.recv_multipart()
        self.assertEqual(name, b"@catalog/TOPIC_X")
        news = json.loads(news)
        self.assertEqual((news["skills"], set(news)), (2, {"server", "digest", "skills"}))
        self.assertEqual(self.question("list")["outputs"]["digest"], news["digest"])

    def test_the_command_lists_shows_and_reads(self):
        self.start()
        listed = self.cluster.command("skills", "list", "--live", "TOPIC_X")
        self.assertEqual(listed.returncode, 0, listed.stderr)
        self.assertRegex(listed.stdout, r"reader +2\.1\.0 +intent")
        shown = self.cluster.command("skills", "show", "--live", "TOPIC_X", "reader")
        self.assertIn("scripts/run.sh", shown.stdout)
        read = self.cluster.command("skills", "read", "--live", "TOPIC_X", "reader", "references/guide.md")
        self.assertEqual(read.stdout, "# Guide\n")
        as_json = json.loads(self.cluster.command("skills", "list", "--live", "TOPIC_X", "--json").stdout)
        self.assertEqual(as_json["skills"][0]["name"], "reader")
        failed = self.cluster.command("skills", "show", "--live", "TOPIC_X", "none")
        self.assertNotEqual(failed.returncode, 0)
        self.assertIn("unknown skill", failed.stderr)
        both = self.cluster.command("skills", "list", "--live", "TOPIC_X", str(self.cluster.skills_dir))
        self.assertEqual(both.returncode, 2, "a folder and a topic at once")
        nobody = self.cluster.command("skills", "list", "--live", "TOPIC_NOBODY")
        self.assertNotEqual(nobody.returncode, 0)


class BreakerTest(LiveTest):
    # Crashes when it is told to.
    SCRIPT = 'read -r what; [ "$what" = crash ] && kill -SEGV $$; [ "$what" = fail ] && exit 3; printf well'

    def test_a_crashing_skill_is_left_alone_and_tried_again(self):
        self.cluster.add_skill("shaky", self.SCRIPT)
        self.cluster.add_skill("solid", "cat")
        self.start("--breaker-failures", "3", "--breaker-cooldown", "5000")
        for _ in range(3):
            self.assertEqual(self.ask("shaky", "crash\n")["exit"]["signal"], signal.SIGSEGV)
        refused = self.ask("shaky", "fine\n")
        self.assert_error(refused, "overloaded")
        self.assertIn("3 times in a row", refused["error"])
        wait_until(lambda: self.skill("shaky")["breaker"] != "closed", 10, "the catalogue says so")
        self.expect_metric('skillscale_skill_breaker_state{skill="shaky"}', lambda value: value >= 1)
        self.assertEqual(self.ask("solid", "not touched")["content"], "not touched")

        def closed():
            reply = self.ask("shaky", "fine\n")
            return reply["status"] == "success"
        wait_until(closed, 20, "a probe has closed it")
        self.assertEqual(self.ask("shaky", "fine\n")["content"], "well")
        wait_until(lambda: self.metric('skillscale_skill_breaker_state{skill="shaky"}') == 0, 10, "the metric says so")

    def test_an_exit_status_and_an_agents_own_short_time_open_nothing(self):
        self.cluster.add_skill("shaky", self.SCRIPT)
        self.cluster.add_skill("slow", "sleep 600")
        self.start("--breaker-failures", "2", "--breaker-cooldown", "60000")
        for _ in range(4):
            self.assert_error(self.ask("shaky", "fail\n"), "skill_failed")
            self.assert_error(self.ask("slow", timeout_ms=50), "timed_out")
        self.assert_error(self.ask("slow", timeout_ms=50), "timed_out")

    def test_a_repaired_skill_is_served_at_once(self):
        folder = self.cluster.add_skill("shaky", "kill -SEGV $$")
        self.start("--breaker-failures", "2", "--breaker-cooldown", "600000")
        for _ in range(2):
            self.assert_error(self.ask("shaky"), "skill_failed")
        self.assert_error(self.ask("shaky"), "overloaded")
        self.edit_script(folder, "printf repaired")
        wait_until(lambda: self.ask("shaky")["content"] == "repaired", 20, "the repair is taken up")


class ConcurrencyTest(LiveTest):
    SCRIPT = "date +%s%N; sleep 0.3; date +%s%N"

    def check(self, *arguments, metadata=None):
        self.cluster.add_skill("single", self.SCRIPT, metadata=metadata)
        self.cluster.add_skill("free", "printf free")
        self.start(*arguments, workers=3)
        requests = [self.agent.publish("TOPIC_X", {"skill": "single", "data": str(number)}) for number in range(6)]
        self.assertEqual(self.ask("free")["content"], "free")
        self.assertLess(len(self.agent.replies), 4, "it did not wait for those before it")
        replies = self.agent.collect(requests)
        times = [list(map(int, replies[request]["content"].split())) for request in requests]
        for before, after in zip(times, times[1:]):
            self.assertLessEqual(before[1], after[0], "one at a time, in order of arrival")
        self.expect_metric("skillscale_server_limited_total", lambda value: value > 0)

    def test_a_skill_limits_itself_without_delaying_the_others(self):
        self.check(metadata={"concurrency": "1"})

    def test_a_limit_that_comes_later_holds_and_is_logged(self):
        folder = self.cluster.add_skill("single", self.SCRIPT)
        self.start(workers=3)
        manifest = folder / "SKILL.md"
        manifest.write_text(manifest.read_text().replace("---\n# ", 'metadata:\n  concurrency: "1"\n---\n# '))
        wait_until(lambda: "concurrency limit" in self.server.log(), 20, "the new limit is taken up")
        requests = [self.agent.publish("TOPIC_X", {"skill": "single", "data": str(number)}) for number in range(3)]
        replies = self.agent.collect(requests)
        times = sorted(list(map(int, replies[request]["content"].split())) for request in requests)
        for before, after in zip(times, times[1:]):
            self.assertLessEqual(before[1], after[0], "one at a time")

    def test_the_operator_limits_all_skills(self):
        self.check("--max-concurrency-per-skill", "1")


if __name__ == "__main__":
    unittest.main()
