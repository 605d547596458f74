"""Starting, stopping, dying and coming back; and what a daemon refuses to start with."""

import signal
import socket
import subprocess
import time
import unittest

from harness import BIN, SystemTest, clean_environment, http_get, wait_until


class RestartTest(SystemTest):
    def test_a_killed_server_that_comes_back_serves_again(self):
        self.cluster.add_skill("echo", "cat")
        self.cluster.start_proxy()
        server = self.cluster.start_server("TOPIC_X")
        agent = self.cluster.agent()
        self.assertEqual(agent.call("TOPIC_X", {"skill": "echo", "data": "before"})["content"], "before")
        server.kill()
        self.cluster.members("TOPIC_X", 0)
        waiting = agent.publish("TOPIC_X", {"skill": "echo", "data": "in between"})
        self.cluster.start_server("TOPIC_X")
        self.assertEqual(agent.collect([waiting])[waiting]["content"], "in between")
        self.assertEqual(agent.call("TOPIC_X", {"skill": "echo", "data": "after"})["content"], "after")

    def test_a_server_killed_in_the_middle_of_a_run_is_told_at_once(self):
        self.cluster.add_journal_skill(endless=True)
        self.cluster.start_proxy()
        server = self.cluster.start_server("TOPIC_X")
        agent = self.cluster.agent()
        request_id = agent.publish("TOPIC_X", {"skill": "journal", "data": "t\n"})
        wait_until(self.cluster.executions, 10, "the run has begun")
        began = time.monotonic()
        server.kill()
        self.assert_error(agent.collect([request_id])[request_id], "worker_lost")
        self.assertLess(time.monotonic() - began, 5)
        self.assertEqual(self.cluster.executions(), {"t": 1})

    def test_everybody_finds_a_proxy_that_was_killed_and_restarted(self):
        self.cluster.add_skill("echo", "cat")
        proxy = self.cluster.start_proxy()
        self.cluster.start_server("TOPIC_X")
        agent = self.cluster.agent()
        for round_number in range(3):
            self.assertEqual(agent.call("TOPIC_X", {"skill": "echo", "data": "before"})["content"], "before")
            proxy.kill()
            proxy = self.cluster.restart_proxy()
            self.assertEqual(agent.call("TOPIC_X", {"skill": "echo", "data": f"{round_number}"})["content"], f"{round_number}")

    def test_an_intent_outlives_the_proxy_and_runs_once(self):
        self.cluster.add_journal_skill(seconds=1.5)
        proxy = self.cluster.start_proxy()
        self.cluster.start_server("TOPIC_X")
        agent = self.cluster.agent()
        ids = [agent.publish("TOPIC_X", {"skill": "journal", "data": f"t{n}\n"}) for n in range(4)]
        wait_until(lambda: len(self.cluster.executions()) == 4, 10, "all four run")
        proxy.kill()
        self.cluster.restart_proxy()
        for reply in agent.collect(ids).values():
            self.assert_success(reply)
        self.assertEqual(self.cluster.executions(), {f"t{n}": 1 for n in range(4)})

    def test_a_server_may_start_before_its_proxy(self):
        self.cluster.add_skill("echo", "cat")
        proxy = self.cluster.start_proxy()
        proxy.terminate()
        server = self.cluster.start_server("TOPIC_X", wait=False)
        wait_until(lambda: http_get(f"{server.http}/healthz")[0] == 200, 10, "the server lives")
        self.assertEqual(http_get(f"{server.http}/readyz")[0], 503)
        self.cluster.restart_proxy()
        server.wait_ready()
        self.assertEqual(self.cluster.agent().call("TOPIC_X", {"skill": "echo", "data": "hello"})["content"], "hello")


class GracefulStopTest(SystemTest):
    def test_idle_daemons_end_with_status_0(self):
        self.cluster.add_skill("echo", "cat")
        for number in (signal.SIGTERM, signal.SIGINT):
            with self.subTest(signal=number):
                proxy = self.cluster.start_proxy()
                server = self.cluster.start_server("TOPIC_X")
                for daemon in (server, proxy):
                    daemon.send_signal(number)
                    self.assertEqual(daemon.wait_exit(5), 0, daemon.log())

    def test_a_stopping_server_finishes_what_runs_and_gives_back_the_rest(self):
        self.cluster.add_journal_skill(seconds=1)
        self.cluster.start_proxy()
        first = self.cluster.start_server("TOPIC_X", workers=2)
        agent = self.cluster.agent()
        ids = [agent.publish("TOPIC_X", {"skill": "journal", "data": f"t{n}\n"}) for n in range(6)]
        wait_until(lambda: len(self.cluster.executions()) == 2, 10, "two run")
        first.send_signal(signal.SIGTERM)
        self.assertEqual(first.wait_exit(), 0)
        self.assertEqual(self.cluster.executions(), {"t0": 1, "t1": 1})
        self.cluster.start_server("TOPIC_X")
        for reply in agent.collect(ids).values():
            self.assert_success(reply)
        self.assertEqual(self.cluster.executions(), {f"t{n}": 1 for n in range(6)})
        self.assertEqual(agent.duplicates(), 0)

    def test_a_run_past_the_drain_limit_is_killed_and_answered(self):
        self.cluster.add_journal_skill(endless=True)
        self.cluster.start_proxy()
        server = self.cluster.start_server("TOPIC_X", "--drain-timeout", "500")
        agent = self.cluster.agent()
        request_id = agent.publish("TOPIC_X", {"skill": "journal", "data": "t\n"})
        wait_until(self.cluster.executions, 10, "the run has begun")
        server.send_signal(signal.SIGTERM)
        self.assertEqual(server.wait_exit(), 0)
        self.assert_error(agent.collect([request_id])[request_id], "draining")

    def test_a_stopping_proxy_answers_what_it_holds(self):
        proxy = self.cluster.start_proxy()
        agent = self.cluster.agent()
        ids = [agent.publish("TOPIC_NOBODY", f"n{n}") for n in range(50)]
        wait_until(lambda: proxy.scale("TOPIC_NOBODY")["pending"] == 50, 10, "all are held")
        proxy.send_signal(signal.SIGTERM)
        for reply in agent.collect(ids).values():
            self.assert_error(reply, "draining")
        self.assertEqual(proxy.wait_exit(), 0)
        self.assertEqual(agent.duplicates(), 0)

    def test_a_second_signal_ends_a_server_at_once_with_status_1(self):
        self.cluster.add_journal_skill(endless=True)
        self.cluster.start_proxy()
        server = self.cluster.start_server("TOPIC_X")
        agent = self.cluster.agent()
        agent.publish("TOPIC_X", {"skill": "journal", "data": "t\n"})
        wait_until(self.cluster.executions, 10, "the run has begun")
        server.send_signal(signal.SIGTERM)
        wait_until(lambda: "stopping" in server.log(), 10, "the server is stopping")
        server.send_signal(signal.SIGTERM)
        self.assertEqual(server.wait_exit(8), 1)

    def test_the_scripts_of_a_killed_server_die_with_it(self):
        self.cluster.add_journal_skill(endless=True)
        self.cluster.start_proxy()
        server = self.cluster.start_server("TOPIC_X")
        agent = self.cluster.agent()
        for n in range(4):
            agent.publish("TOPIC_X", {"skill": "journal", "data": f"t{n}\n"})
        wait_until(lambda: len(self.cluster.executions()) == 4, 10, "all four run")
        server.kill()  # The cluster asserts at its end that none of them is alive.


class RefusalTest(SystemTest):
    def start(self, program, *arguments, environment=None):
        done = subprocess.run([BIN / program, *map(str, arguments)], capture_output=True, text=True, timeout=20,
                              stdin=subprocess.DEVNULL, env=clean_environment(self.cluster.folder, environment))
        return done.returncode, done.stdout + done.stderr

    def refused(self, program, *arguments, says, environment=None):
        status, output = self.start(program, *arguments, environment=environment)
        self.assertEqual(status, 2, output)
        for words in says:
            self.assertIn(words, output)
        self.assertNotIn("terminate called", output)

    def config_file(self, text):
        path = self.cluster.folder / "config.yaml"
        path.write_text(text)
        return path

    def test_a_wrong_flag_is_refused_with_its_name_its_value_and_what_is_allowed(self):
        self.refused("skillscale_proxy", "--xsub-port", "70000", says=["xsub-port", "70000", "65535"])
        self.refused("skillscale_proxy", "--xsub-port", "many", says=["xsub-port", "many"])
        self.refused("skillscale_proxy", "--no-such-flag", "1", says=["no-such-flag"])
        self.refused("skillscale_proxy", "--log-level", "loud", says=["log-level", "loud", "debug"])

    def test_a_wrong_variable_is_refused(self):
        self.refused("skillscale_proxy", environment={"SKILLSCALE_XPUB_PORT": "-1"}, says=["SKILLSCALE_XPUB_PORT", "-1", "65535"])
        self.refused("skillscale_skill_server", "--topic", "TOPIC_X", "--skills-dir", self.cluster.skills_dir,
                     environment={"SKILLSCALE_WORKERS": "none"}, says=["SKILLSCALE_WORKERS", "none"])

    def test_a_wrong_file_is_refused_with_its_line(self):
        unknown = self.config_file("# a comment\nxsub-prot: 5444\n")
        self.refused("skillscale_proxy", "--config", unknown, says=["xsub-prot", "config.yaml", "2"])
        wrong = self.config_file("xsub-port: 70000\n")
        self.refused("skillscale_proxy", "--config", wrong, says=["xsub-port", "70000", "config.yaml"])
        broken = self.config_file("xsub-port: [1, 2\n")
        self.refused("skillscale_proxy", "--config", broken, says=["config.yaml"])
        self.refused("skillscale_proxy", "--config", self.cluster.folder / "missing.yaml", says=["missing.yaml"])

    def test_the_skill_server_refuses_what_it_cannot_work_with(self):
        skills = ["--skills-dir", self.cluster.skills_dir]
        self.refused("skillscale_skill_server", *skills, says=["topic"])
        self.refused("skillscale_skill_server", "--topic", "not a topic", *skills, says=["topic", "not a topic"])
        self.refused("skillscale_skill_server", "--topic", "@g", *skills, says=["topic", "@g"])
        self.refused("skillscale_skill_server", "--topic", "TOPIC_X", "--skills-dir", self.cluster.folder / "missing",
                     says=["skills-dir", "missing"])
        self.refused("skillscale_skill_server", "--topic", "TOPIC_X", *skills, "--proxy-xpub", "nonsense",
                     says=["proxy-xpub", "nonsense", "tcp://"])
        self.refused("skillscale_skill_server", "--topic", "TOPIC_X", *skills, "--workers", "0", says=["workers", "0"])

    def test_flags_win_over_variables_over_the_file(self):
        path = self.config_file("log-level: debug\nxsub-port: 0\nxpub-port: 0\nmetrics-port: 70000\n")
        self.refused("skillscale_proxy", "--config", path, says=["70000"])
        good = self.config_file("log-format: text\nxsub-port: 1\n")
        proxy = self.cluster.start_proxy("--config", good, environment={"SKILLSCALE_LOG_FORMAT": "json"})
        self.assertTrue(proxy.log().lstrip().startswith("{"), proxy.log())
        self.assertNotEqual(proxy.ports[0], 1)

    def test_a_taken_port_ends_with_status_1_and_the_address(self):
        with socket.create_server(("127.0.0.1", 0)) as taken:
            port = taken.getsockname()[1]
            for flag in ("--xsub-port", "--xpub-port", "--metrics-port"):
                with self.subTest(flag=flag):
                    ports = {"--xsub-port": 0, "--xpub-port": 0, "--metrics-port": 0, flag: port}
                    arguments = [part for pair in ports.items() for part in pair]
                    status, output = self.start("skillscale_proxy", "--xsub-bind", "127.0.0.1", "--xpub-bind", "127.0.0.1",
                                                "--metrics-bind", "127.0.0.1", *arguments)
                    self.assertEqual(status, 1, output)
                    self.assertIn(str(port), output)
            status, output = self.start("skillscale_skill_server", "--topic", "TOPIC_X", "--skills-dir", self.cluster.skills_dir,
                                        "--metrics-bind", "127.0.0.1", "--metrics-port", port)
            self.assertEqual(status, 1, output)
            self.assertIn(str(port), output)


if __name__ == "__main__":
    unittest.main()
