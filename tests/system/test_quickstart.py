"""quickstart.sh shows three replies, stays up until it is told to stop, and leaves nothing behind."""

import os
import signal
import socket
import subprocess
import unittest

from harness import BIN, SOURCE, Daemon, SystemTest, clean_environment, wait_until


class QuickstartTest(SystemTest):
    def run_script(self, *arguments, seconds=60):
        return subprocess.run([SOURCE / "quickstart.sh", *arguments], capture_output=True, text=True, timeout=seconds,
                              stdin=subprocess.DEVNULL, env=clean_environment(self.cluster.folder))

    def test_once_shows_three_replies_and_ends_with_0(self):
        done = self.run_script("--once", "--free-ports", "--bin-dir", BIN)
        self.assertEqual(done.returncode, 0, done.stdout + done.stderr)
        for words in ("text-summarizer", "csv-analyzer", "code-complexity", "Three replies"):
            self.assertIn(words, done.stdout)
        self.assertEqual(list(self.cluster.folder.glob("skillscale-quickstart.*")), [])

    def test_it_stays_up_until_a_signal_and_leaves_nothing_behind(self):
        for number, status in ((signal.SIGINT, 130), (signal.SIGTERM, 143)):
            with self.subTest(signal=number):
                script = Daemon(self.cluster, f"quickstart-{status}", [SOURCE / "quickstart.sh", "--free-ports", "--bin-dir", BIN])
                self.cluster.daemons.append(script)
                wait_until(lambda: "Ctrl-C stops everything" in script.log(), 60, f"it stays up\n{script.log()}")
                os.killpg(script.pid, number)  # As a terminal does.
                self.assertEqual(script.wait_exit(20), status, script.log())
                self.assertEqual(list(self.cluster.folder.glob("skillscale-quickstart.*")), [])

    def test_a_busy_port_is_named_with_the_option_to_choose_another(self):
        with socket.create_server(("127.0.0.1", 0)) as taken:
            port = str(taken.getsockname()[1])
            done = self.run_script("--once", "--bin-dir", BIN, "--xpub-port", port)
        self.assertEqual(done.returncode, 1, done.stdout + done.stderr)
        self.assertIn(f"Port {port} is in use", done.stderr)
        self.assertIn("--xpub-port", done.stderr)

    def test_help_and_wrong_usage(self):
        self.assertEqual(self.run_script("--help").returncode, 0)
        for arguments in (["--no-such-option"], ["--xsub-port"], ["--xsub-port", "70000"], ["--xsub-port", "x"],
                          ["--xsub-port", "7000", "--xpub-port", "7000", "--bin-dir", str(BIN)]):
            with self.subTest(arguments=arguments):
                done = self.run_script(*arguments)
                self.assertEqual(done.returncode, 2, done.stdout + done.stderr)
                self.assertIn("--help", done.stderr)


if __name__ == "__main__":
    unittest.main()
