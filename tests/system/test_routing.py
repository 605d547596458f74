"""Intents reach the servers of their topic, whole, and the command shows what comes back."""

import hashlib
import json
import unittest

from harness import SOURCE, SystemTest

TEXTS = [
    "plain",
    "",
    "Grüße aus Köln, 日本語, עברית, 🦆👩‍👩‍👧",
    'quotes " and \\ backslashes \\n that are no line ends',
    "tabs\tand\nlines\r\nand \u0001 \u001f controls",
    "combining e\u0301, zero width \u200b, line separator \u2028, the last one \U0010ffff",
    "{\"looks\": \"like JSON\"} ' $HOME `id` $(id) ; rm",
]


class RoutingTest(SystemTest):
    def start_two_topics(self):
        self.cluster.start_proxy()
        for topic in ("TOPIC_A", "TOPIC_AB"):
            folder = self.cluster.folder / topic
            self.cluster.add_skill("who", f"printf {topic}", skills_dir=folder)
            self.cluster.start_server(topic, skills_dir=folder)

    def test_a_server_gets_only_its_own_topic_even_when_another_topic_begins_with_it(self):
        self.start_two_topics()
        agent = self.cluster.agent()
        for _ in range(20):
            for topic in ("TOPIC_A", "TOPIC_AB"):
                self.assertEqual(agent.call(topic, {"skill": "who"})["content"], topic)

    def test_one_server_may_serve_several_topics(self):
        self.cluster.add_skill("echo", "cat")
        self.cluster.start_proxy()
        self.cluster.start_server("TOPIC_ONE", "--topic", "TOPIC_TWO")
        agent = self.cluster.agent()
        for topic in ("TOPIC_ONE", "TOPIC_TWO"):
            self.assertEqual(agent.call(topic, {"skill": "echo", "data": topic})["content"], topic)

    def test_text_of_any_kind_comes_back_unchanged(self):
        self.cluster.add_skill("echo", "cat")
        self.cluster.start_proxy()
        self.cluster.start_server("TOPIC_ECHO")
        agent = self.cluster.agent()
        for text in TEXTS:
            with self.subTest(text=text):
                as_object = agent.call("TOPIC_ECHO", {"skill": "echo", "data": text})
                as_string = agent.call("TOPIC_ECHO", json.dumps({"skill": "echo", "data": text}))
                as_ascii = agent.call("TOPIC_ECHO", json.dumps({"skill": "echo", "data": text}, ensure_ascii=False))
                for reply in (as_object, as_string, as_ascii):
                    self.assert_success(reply)
                    self.assertEqual(reply["content"], text)

    def test_ten_megabytes_arrive_whole(self):
        self.cluster.add_skill("digest", "sha256sum")
        self.cluster.start_proxy()
        self.cluster.start_server("TOPIC_BIG")
        agent = self.cluster.agent()
        text = "Zeile über 10 MB \" \\ \n" * (10_000_000 // 23)
        reply = agent.call("TOPIC_BIG", {"skill": "digest", "data": text}, seconds=40)
        self.assert_success(reply)
        self.assertEqual(reply["content"].split()[0], hashlib.sha256(text.encode()).hexdigest())

    def test_a_large_reply_arrives_whole(self):
        self.cluster.add_skill("echo", "cat")
        self.cluster.start_proxy()
        self.cluster.start_server("TOPIC_ECHO")
        text = "0123456789äöüß\n" * 50_000
        reply = self.cluster.agent().call("TOPIC_ECHO", {"skill": "echo", "data": text})
        self.assert_success(reply)
        self.assertEqual(reply["content"], text)

    def test_of_several_servers_of_a_topic_exactly_one_executes(self):
        self.cluster.add_journal_skill()
        self.cluster.start_proxy()
        for _ in range(3):
            self.cluster.start_server("TOPIC_SHARED")
        self.cluster.members("TOPIC_SHARED", 3)
        agent = self.cluster.agent()
        ids = [agent.publish("TOPIC_SHARED", {"skill": "journal", "data": f"t{n}\n"}) for n in range(120)]
        replies = agent.collect(ids)
        self.assertEqual(self.cluster.executions(), {f"t{n}": 1 for n in range(120)})
        self.assertEqual(agent.duplicates(), 0)
        self.assertEqual(len({reply["server"] for reply in replies.values()}), 3, "all three took part")

    def test_two_groups_on_one_topic_each_get_a_copy(self):
        self.cluster.add_journal_skill()
        self.cluster.start_proxy()
        self.cluster.start_server("TOPIC_COPIED", "--group", "first")
        self.cluster.start_server("TOPIC_COPIED", "--group", "second")
        self.cluster.members("TOPIC_COPIED", 2)
        agent = self.cluster.agent()
        ids = [agent.publish("TOPIC_COPIED", {"skill": "journal", "data": f"t{n}\n"}) for n in range(20)]
        agent.pump_until(lambda: all(len(agent.replies[request_id]) == 2 for request_id in ids), 20, "two replies each")
        self.assertEqual(self.cluster.executions(), {f"t{n}": 2 for n in range(20)})

    def test_agents_get_only_their_own_replies(self):
        self.cluster.add_skill("echo", "cat")
        self.cluster.start_proxy()
        self.cluster.start_server("TOPIC_ECHO")
        agents = [self.cluster.agent() for _ in range(4)]
        asked = [(agent, n, agent.publish("TOPIC_ECHO", {"skill": "echo", "data": f"{n}"}, request_id=f"same-{n}"))
                 for n in range(25) for agent in agents]
        for agent, n, request_id in asked:
            self.assertEqual(agent.collect([request_id])[request_id]["content"], f"{n}")
        for agent in agents:
            self.assertEqual((agent.duplicates(), agent.strangers), (0, []))


class RealSkillsTest(SystemTest):
    def setUp(self):
        super().setUp()
        self.cluster.start_proxy()
        self.cluster.start_server("TOPIC_DATA_PROCESSING", skills_dir=SOURCE / "skills/data-processing")
        self.cluster.start_server("TOPIC_CODE_ANALYSIS", skills_dir=SOURCE / "skills/code-analysis")

    def publish(self, *arguments, **options):
        done = self.cluster.command("publish", *arguments, **options)
        self.assertEqual(done.returncode, 0, done.stderr + done.stdout)
        return done.stdout

    def test_text_summarizer(self):
        article = SOURCE / "skills/data-processing/text-summarizer/assets/article.txt"
        output = self.publish("TOPIC_DATA_PROCESSING", "--skill", "text-summarizer", "--file", article)
        self.assertGreater(len(output), 80)
        sentences = [line for line in output.splitlines() if len(line) > 40]
        words = " ".join(sentences).split()
        self.assertTrue(set(words) & set(article.read_text().split()), output)

    def test_csv_analyzer(self):
        sales = SOURCE / "skills/data-processing/csv-analyzer/assets/sales.csv"
        output = self.publish("TOPIC_DATA_PROCESSING", "--skill", "csv-analyzer", "--file", sales)
        for column in sales.read_text().splitlines()[0].split(","):
            self.assertIn(column.strip('" '), output)

    def test_code_complexity(self):
        sample = SOURCE / "skills/code-analysis/code-complexity/assets/sample.py"
        output = self.publish("TOPIC_CODE_ANALYSIS", "--skill", "code-complexity", "--file", sample)
        functions = [line.split("def ")[1].split("(")[0] for line in sample.read_text().splitlines()
                     if line.startswith("def ")]
        self.assertTrue(functions)
        self.assertTrue(any(name in output for name in functions), output)

    def test_a_skill_is_found_by_what_is_asked(self):
        output = self.publish("TOPIC_DATA_PROCESSING", "analyze this csv table", "--data", "name,age\nann,31\nbob,44\n", "--json")
        self.assertEqual(json.loads(output)["skill"], "csv-analyzer")


class CommandTest(SystemTest):
    def start(self):
        self.cluster.add_skill("echo", "cat")
        self.cluster.add_skill("fails", "echo some output; echo 'it went wrong' >&2; exit 3")
        self.cluster.add_skill("slow", "sleep 30")
        self.cluster.start_proxy()
        self.cluster.start_server("TOPIC_COMMAND")

    def test_success_prints_the_content_and_exits_0(self):
        self.start()
        done = self.cluster.command("publish", "TOPIC_COMMAND", "--skill", "echo", "--data", "hello")
        self.assertEqual((done.returncode, done.stdout.rstrip("\n")), (0, "hello"), done.stderr)

    def test_data_may_come_from_standard_input_or_a_file(self):
        self.start()
        piped = self.cluster.command("publish", "TOPIC_COMMAND", "--skill", "echo", "-", stdin="from a pipe")
        self.assertEqual((piped.returncode, piped.stdout.rstrip("\n")), (0, "from a pipe"), piped.stderr)
        path = self.cluster.folder / "data.txt"
        path.write_text("from a file")
        read = self.cluster.command("publish", "TOPIC_COMMAND", "--skill", "echo", "--file", path)
        self.assertEqual((read.returncode, read.stdout.rstrip("\n")), (0, "from a file"), read.stderr)

    def test_json_is_one_object_for_programs(self):
        self.start()
        done = self.cluster.command("publish", "TOPIC_COMMAND", "--skill", "echo", "--data", "hello", "--json")
        reply = json.loads(done.stdout)
        self.assertEqual((done.returncode, reply["status"], reply["content"]), (0, "success", "hello"))
        self.assertEqual((reply["skill"], reply["exit"]["code"]), ("echo", 0))

    def test_a_failed_skill_exits_1_and_says_why_on_standard_error(self):
        self.start()
        done = self.cluster.command("publish", "TOPIC_COMMAND", "--skill", "fails", "--data", "x")
        self.assertEqual(done.returncode, 1, done.stdout + done.stderr)
        self.assertIn("it went wrong", done.stderr)
        self.assertNotIn("it went wrong", done.stdout)

    def test_an_unknown_skill_exits_1_and_lists_the_known(self):
        self.start()
        done = self.cluster.command("publish", "TOPIC_COMMAND", "--skill", "no-such-skill", "--data", "x")
        self.assertEqual(done.returncode, 1, done.stdout + done.stderr)
        for name in ("echo", "fails", "slow"):
            self.assertIn(name, done.stderr)

    def test_wrong_usage_exits_2(self):
        for arguments in (["publish"], ["publish", "TOPIC_X", "--no-such-option"], ["no-such-command"], ["publish", "no topic", "x"],
                          ["publish", "TOPIC_X", "text", "--timeout", "soon"]):
            with self.subTest(arguments=arguments):
                done = self.cluster.command(*arguments)
                self.assertEqual(done.returncode, 2, done.stdout + done.stderr)
                self.assertEqual(done.stdout, "")
                self.assertNotEqual(done.stderr, "")

    def test_no_answer_in_time_exits_3(self):
        self.start()
        done = self.cluster.command("publish", "TOPIC_COMMAND", "--skill", "slow", "--data", "x", "--timeout", "0.5")
        self.assertEqual(done.returncode, 3, done.stdout + done.stderr)

    def test_no_proxy_exits_4(self):
        nowhere = {"SKILLSCALE_PROXY_XSUB": "tcp://127.0.0.1:1", "SKILLSCALE_PROXY_XPUB": "tcp://127.0.0.1:2"}
        done = self.cluster.command("publish", "TOPIC_COMMAND", "text", "--timeout", "1", environment=nowhere)
        self.assertEqual(done.returncode, 4, done.stdout + done.stderr)
        self.assertIn("127.0.0.1", done.stderr)

    def test_skills_are_listed_and_shown(self):
        skills = SOURCE / "skills/data-processing"
        listed = self.cluster.command("skills", "list", skills)
        self.assertEqual(listed.returncode, 0, listed.stderr)
        self.assertIn("csv-analyzer", listed.stdout)
        self.assertIn("text-summarizer", listed.stdout)
        valid = self.cluster.command("skills", "validate", skills / "csv-analyzer")
        self.assertEqual(valid.returncode, 0, valid.stdout + valid.stderr)

    def test_every_program_has_help_and_version(self):
        from harness import BIN, clean_environment
        import subprocess
        for program in ("skillscale", "skillscale_proxy", "skillscale_skill_server"):
            for option, expected in (("--help", "--"), ("--version", "0.1.0")):
                with self.subTest(program=program, option=option):
                    done = subprocess.run([BIN / program, option], capture_output=True, text=True, timeout=20,
                                          env=clean_environment(self.cluster.folder), stdin=subprocess.DEVNULL)
                    self.assertEqual((done.returncode, done.stderr), (0, ""))
                    self.assertIn(expected, done.stdout)


if __name__ == "__main__":
    unittest.main()
