"""`skillscale run-local` and `skillscale skills test`: the engine without proxy and server."""

import json
import os
import pathlib
import subprocess
import tempfile
import unittest

from harness import BIN, SOURCE

SKILL = """---
name: tool
description: Packs things. Use in tests.
metadata:
  env: "TOKEN"
---
Say what to pack.
"""
PACK = """import os, pathlib, sys
pathlib.Path("out").mkdir()
pathlib.Path("out/all.txt").write_text(pathlib.Path(sys.argv[1]).read_text().upper() + sys.stdin.read())
print(os.environ.get("TOKEN", "none"))
"""


class RunLocalTest(unittest.TestCase):
    def setUp(self):
        temporary = tempfile.TemporaryDirectory()
        self.addCleanup(temporary.cleanup)
        self.folder = pathlib.Path(temporary.name)
        self.skill = self.folder / "skills" / "tool"
        (self.skill / "scripts").mkdir(parents=True)
        (self.skill / "tests").mkdir()
        (self.skill / "SKILL.md").write_text(SKILL)
        (self.skill / "scripts" / "pack.py").write_text(PACK)
        (self.folder / "a.txt").write_text("abc")

    def run_command(self, *arguments, data=""):
        environment = {"PATH": "/usr/bin:/bin", "TMPDIR": str(self.folder), "TOKEN": "sesame-open"}
        return subprocess.run([str(BIN / "skillscale"), *map(str, arguments)], input=data, capture_output=True, text=True,
                              timeout=60, cwd=self.folder, env=environment)

    def pack(self, *more, data=""):
        return self.run_command("run-local", self.skill, "--script", "pack.py", "--arg", "in.txt", "--file",
                                "in.txt=a.txt", *more, data=data)

    def test_files_go_in_and_come_out(self):
        done = self.pack("--env", "TOKEN=x", "--stdin", "-", "--collect", "out/", "--out", "got", data=" and data")
        self.assertEqual((done.returncode, done.stdout), (0, "x\n"), done.stderr)
        self.assertEqual((self.folder / "got" / "out" / "all.txt").read_text(), "ABC and data")
        left = [name for name in os.listdir(self.folder) if name.startswith("skillscale-")]
        self.assertEqual(left, [], "nothing is left behind")

    def test_a_variable_of_here_is_passed_and_its_value_is_not_shown(self):
        done = self.pack("--env", "TOKEN", "--json")
        reply = json.loads(done.stdout)
        self.assertEqual(reply["content"], "[TOKEN]\n")
        self.assertNotIn("sesame-open", done.stdout + done.stderr)
        self.assertGreaterEqual(reply["usage"]["bytes_in"], 3)

    def test_what_is_wrong_is_said(self):
        unknown = self.run_command("run-local", "tool", "--dir", "skills", "--script", "none.py")
        self.assertEqual(unknown.returncode, 1)
        self.assertIn("unknown_script", unknown.stderr)
        self.assertIn("scripts/pack.py", unknown.stderr)
        self.assertEqual(self.run_command("run-local", "nothing", "--dir", "skills").returncode, 2)
        self.assertEqual(self.pack("--env", "NOT_HERE").returncode, 2)

    def test_samples_of_a_skill(self):
        sample = {"intent": {"script": "pack.py", "args": ["in.txt"], "env": {"TOKEN": "t"},
                             "files": [{"path": "in.txt", "content": "abc"}], "collect": ["out/*"]},
                  "expect": {"content_equals": "t\n", "artifacts": [{"path": "out/all.txt", "min_bytes": 3}]}}
        (self.skill / "tests" / "good.json").write_text(json.dumps(sample))
        (self.skill / "tests" / "other.json").write_text('{"rows": 3}')
        passed = self.run_command("skills", "test", self.skill)
        self.assertEqual(passed.returncode, 0, passed.stdout + passed.stderr)
        self.assertIn("1 passed, 0 failed", passed.stdout)
        sample["expect"]["content_equals"] = "other"
        (self.skill / "tests" / "bad.json").write_text(json.dumps(sample))
        failed = self.run_command("skills", "test", "skills", "--json")
        self.assertEqual(failed.returncode, 1)
        self.assertEqual(json.loads(failed.stdout)["failed"], 1)

    def test_the_samples_of_the_shipped_skills(self):
        done = self.run_command("skills", "test", SOURCE / "skills")
        self.assertEqual(done.returncode, 0, done.stdout + done.stderr)
        self.assertNotIn("0 passed", done.stdout)


if __name__ == "__main__":
    unittest.main()
