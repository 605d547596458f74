"""`skillscale skills` as its users type it: new, validate, show, pack and unpack, with their exit statuses."""

import json
import os
import pathlib
import subprocess
import tempfile
import unittest

from harness import BIN


class SkillsCommandTest(unittest.TestCase):
    def setUp(self):
        self._temporary = tempfile.TemporaryDirectory(prefix="skillscale-skills-")
        self.addCleanup(self._temporary.cleanup)
        self.folder = pathlib.Path(self._temporary.name)

    def skills(self, *arguments, status=0):
        command = [BIN / "skillscale", "skills", *map(str, arguments)]
        environment = {"PATH": "/usr/bin:/bin", "LANG": "C.UTF-8", "TZ": os.environ.get("TZ", "UTC")}
        done = subprocess.run(command, cwd=self.folder, env=environment, capture_output=True, text=True, timeout=60)
        self.assertEqual(done.returncode, status, done.stdout + done.stderr)
        return done

    def test_a_new_skill_is_valid_and_travels_in_a_bundle(self):
        for language in ("python", "shell"):
            name = language + "-skill"
            self.skills("new", name, "--language", language)
            self.assertIn("1 skill: valid", self.skills("validate", name).stdout)
            self.assertIn("2 passed, 0 failed", self.skills("test", name).stdout)
            shown = json.loads(self.skills("show", name, name, "--json").stdout)
            self.assertEqual(shown["adapter"], "intent")
            self.assertEqual(shown["missing_modules"], {})

            packed = json.loads(self.skills("pack", name, "--json").stdout)
            self.assertEqual(packed["path"], name + "-0.1.0.skill")
            self.assertEqual(packed["digest"], shown["digest"])
            (self.folder / "elsewhere").mkdir(exist_ok=True)
            unpacked = json.loads(self.skills("unpack", packed["path"], "--dir", "elsewhere", "--json").stdout)
            self.assertEqual(unpacked["digest"], packed["digest"])
            self.assertIn("valid", self.skills("validate", "elsewhere/" + name).stdout)

    def test_nothing_is_overwritten(self):
        self.skills("new", "mine")
        self.skills("pack", "mine", "-o", "mine.skill")
        (self.folder / "mine/SKILL.md").write_text("changed")
        self.assertIn("File exists", self.skills("new", "mine", status=1).stderr)
        self.assertIn("File exists", self.skills("unpack", "mine.skill", status=1).stderr)
        self.assertEqual((self.folder / "mine/SKILL.md").read_text(), "changed")
        self.assertEqual([], list(self.folder.glob(".unpack-*")))

    def test_what_is_wrong_has_its_exit_status(self):
        self.skills("new", "Not A Name", status=2)
        self.skills("new", "a", "--language", "cobol", status=2)
        self.skills("pack", "missing", status=1)
        self.skills("unpack", "missing", status=1)
        bad = self.folder / "bad"
        bad.mkdir()
        (bad / "SKILL.md").write_text("---\nname: other\ndescription: d\nauthor: me\n---\nRun scripts/gone.py.\n")
        answer = json.loads(self.skills("validate", "bad", "--json", status=1).stdout)
        self.assertFalse(answer["passed"])
        texts = [problem["message"] for problem in answer["problems"]]
        self.assertEqual(len(texts), 3, texts)

    def test_show_tells_what_a_function_skill_takes_and_what_is_missing(self):
        folder = self.folder / "fetch"
        folder.mkdir()
        (folder / "Skilletfile.yaml").write_text(
            "name: fetch\ndescription: Fetches.\nversion: 1.0.0\nentry: main:handler\n"
            "inputs:\n  url: {type: string, description: Where from.}\nenv: [API_KEY, 'REGION?']\n"
        )
        (folder / "main.py").write_text("import no_such_module\n\ndef handler(params):\n    return {}\n")
        text = self.skills("show", "fetch", self.folder).stdout
        for expected in ('function: Skilletfile.yaml has the entry "main:handler"', "no_such_module for main.py",
                         "url (string, required): Where from.", "API_KEY, REGION (may be missing)", "sha256:"):
            self.assertIn(expected, text)


if __name__ == "__main__":
    unittest.main()
