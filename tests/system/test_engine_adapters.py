"""Every kind of skill through the real proxy: scripts with arguments and files, functions, credentials, instructions."""

import base64
import hashlib
import io
import json
import unittest
import zipfile

from harness import SOURCE, SystemTest
from hostile import NODE

TOPIC = "TOPIC_X"

SHOW_PYTHON = """#!/usr/bin/env python3
import json, os, sys
json.dump({"args": sys.argv[1:], "stdin": sys.stdin.read(), "folder": sorted(os.listdir(".")), "skill": os.environ["SKILL_DIR"]}, sys.stdout)
"""
SHOW_SHELL = '#!/bin/sh\nprintf "%s|" "$#" "$@"\ncat\n'
SHOW_NODE = """#!/usr/bin/env node
process.stdout.write(JSON.stringify({args: process.argv.slice(2), stdin: require("fs").readFileSync(0, "utf8")}));
"""
MODULE = "import sys\nfrom . import words\nprint(words.greeting, *sys.argv[1:])\n"

SKILLETFILE = """name: fetcher
description: Pretends to fetch a page. Use in tests.
version: 2.0.0
entry: fetcher.core:fetch
inputs:
  url:
    type: string
  depth:
    type: integer
    default: 2
outputs:
  summary:
    type: string
env:
  - FETCHER_KEY
  - name: FETCHER_REGION
    required: false
"""
FETCHER = """import os

def fetch(url, depth):
    return {"summary": f"{url} {depth} {len(os.environ['FETCHER_KEY'])} {os.environ.get('FETCHER_REGION', 'none')}"}
"""


class ScriptTest(SystemTest):
    def setUp(self):
        super().setUp()
        folder = self.cluster.add_skill("tools", SHOW_PYTHON, file="show.py")
        (folder / "scripts" / "show.sh").write_text(SHOW_SHELL)
        (folder / "scripts" / "show.js").write_text(SHOW_NODE)
        (folder / "scripts" / "fail.sh").write_text("#!/bin/sh\necho partly done\necho because >&2\nexit 3\n")
        (folder / "references").mkdir()
        (folder / "references" / "note.txt").write_text("from the skill")
        (folder / "toolbox").mkdir()
        (folder / "toolbox" / "__init__.py").write_text("")
        (folder / "toolbox" / "__main__.py").write_text(MODULE)
        (folder / "toolbox" / "words.py").write_text("greeting = 'hello'\n")
        self.cluster.start_proxy()
        self.cluster.start_server(TOPIC)
        self.agent = self.cluster.agent()

    def call(self, script, *args, **fields):
        return self.agent.call(TOPIC, "do it", skill="tools", script=script, args=list(args), **fields)

    def test_python_gets_arguments_as_they_are(self):
        args = ["--name", "a b", "$(id)", "; rm -rf /", "'\"", "", "ü\n", "-"]
        reply = self.call("scripts/show.py", *args, stdin="words")
        self.assert_success(reply)
        shown = json.loads(reply["content"])
        self.assertEqual((shown["args"], shown["stdin"]), (args, "words"))

    def test_shell_and_node(self):
        self.assertEqual(self.call("scripts/show.sh", "a b", "*", stdin="in")["content"], "2|a b|*|in")
        if NODE:
            self.assertEqual(json.loads(self.call("scripts/show.js", "x", stdin="in")["content"]), {"args": ["x"], "stdin": "in"})

    def test_a_module(self):
        self.assertEqual(self.call("-m toolbox", "you")["content"], "hello you\n")

    def test_paths_of_the_skill_and_of_the_agent_both_hold(self):
        reply = self.call("scripts/show.py", files=[{"path": "data/in.txt", "content": "from the agent"}])
        shown = json.loads(reply["content"])
        self.assertLessEqual({"data", "scripts", "references", "SKILL.md"}, set(shown["folder"]))
        self.assertTrue(shown["skill"].endswith("/tools"), shown["skill"])

    def test_a_failure_has_status_output_and_error(self):
        reply = self.call("scripts/fail.sh")
        self.assert_error(reply, "skill_failed")
        self.assertEqual((reply["exit"]["code"], reply["content"]), (3, "partly done\n"))
        self.assertIn("because", reply["error"])

    def test_only_scripts_of_the_skill_can_be_named(self):
        for script in ("scripts/none.py", "../tools/scripts/show.py", "/bin/sh", "references/note.txt", "-m os", "-m", "-c", "scripts"):
            reply = self.call(script)
            self.assert_error(reply, "unknown_script")
            self.assertIn("scripts/show.py", reply["error"])

    def test_files_that_would_leave_the_folder_or_hide_the_skill_are_refused(self):
        for path in ("../x", "/etc/x", "a/../../x", "scripts/show.py", "SKILL.md", "", ".", "a/"):
            self.assert_error(self.call("scripts/show.py", files=[{"path": path, "content": ""}]), "invalid_request")
        twice = [{"path": "a", "content": ""}, {"path": "./a", "content": ""}]
        self.assert_error(self.call("scripts/show.py", files=twice), "invalid_request")


class ArtifactTest(SystemTest):
    """The skills that ship, with files in and artifacts out."""

    def setUp(self):
        super().setUp()
        self.cluster.start_proxy()
        for number, group in enumerate(("document-processing", "data-processing")):
            self.cluster.start_server(f"TOPIC_{number}", skills_dir=SOURCE / "skills" / group)
        self.agent = self.cluster.agent()

    def call(self, topic, skill, script, args, files, collect):
        reply = self.agent.call(topic, "do it", skill=skill, script=script, args=args, files=files, collect=collect)
        for artifact in reply.get("artifacts", []):
            content = base64.b64decode(artifact["content_base64"], validate=True)
            self.assertEqual((artifact["size"], artifact["sha256"]), (len(content), hashlib.sha256(content).hexdigest()))
            artifact["content"] = content
        return reply

    def test_what_was_packed_comes_back_unpacked(self):
        image = bytes(range(256)) * 100
        files = [{"path": "notes.md", "content": "# Größe\n"},
                 {"path": "img/a.bin", "content_base64": base64.b64encode(image).decode()}]
        for name in ("all.zip", "all.tar.gz"):
            packed = self.call("TOPIC_0", "archive-tool", "scripts/pack.py", [name, "."], files, [name])
            self.assert_success(packed)
            (archive,) = packed["artifacts"]
            again = [{"path": "in", "content_base64": archive["content_base64"]}]
            opened = self.call("TOPIC_0", "archive-tool", "scripts/unpack.py", ["in", "--into", "out"], again, ["out/**"])
            self.assert_success(opened)
            self.assertEqual({a["path"]: a["content"] for a in opened["artifacts"]},
                             {"out/img/a.bin": image, "out/notes.md": "# Größe\n".encode()})
            self.assertIn("notes.md", opened["content"])

    def test_a_hostile_archive_is_refused_and_leaves_nothing(self):
        data = io.BytesIO()
        with zipfile.ZipFile(data, "w") as archive:
            archive.writestr("good.txt", "x")
            archive.writestr("../../evil.txt", "x")
        files = [{"path": "in.zip", "content_base64": base64.b64encode(data.getvalue()).decode()}]
        reply = self.call("TOPIC_0", "archive-tool", "scripts/unpack.py", ["in.zip"], files, ["**/*.txt"])
        self.assert_error(reply, "skill_failed")
        self.assertIn("leads out", reply["error"])
        self.assertEqual(reply.get("artifacts", []), [])
        self.assertEqual(list(self.cluster.folder.rglob("evil.txt")), [])

    def test_charts(self):
        files = [{"path": "d.csv", "content": "city,n\nOslo,3\nLima,5\n"}]
        for name, mime, magic in (("c.svg", "image/svg+xml", b"<svg "), ("c.png", "image/png", b"\x89PNG\r\n")):
            reply = self.call("TOPIC_1", "chart-maker", "scripts/chart.py",
                              ["d.csv", "--x", "city", "--y", "n", "--out", name], files, ["c.*"])
            self.assert_success(reply)
            (chart,) = reply["artifacts"]
            self.assertEqual((chart["path"], chart["mime"]), (name, mime))
            self.assertTrue(chart["content"].startswith(magic))

    def test_a_function(self):
        reply = self.agent.call("TOPIC_0", "compare", skill="text-diff", input={"before": "a\n", "after": "b\n"})
        self.assert_success(reply)
        self.assertEqual(reply["outputs"], {"equal": False, "added": 1, "removed": 1, "similarity": 0.0,
                                            "diff": "--- before\n+++ after\n@@ -1 +1 @@\n-a\n+b\n"})
        reply = self.agent.call("TOPIC_0", "compare", skill="text-diff", input={"before": "a\n"})
        self.assert_error(reply, "invalid_request")
        self.assertIn("after", reply["error"])


class DescriptorTest(SystemTest):
    def setUp(self):
        super().setUp()
        folder = self.cluster.skills_dir / "fetcher"
        (folder / "fetcher").mkdir(parents=True)
        (folder / "Skilletfile.yaml").write_text(SKILLETFILE)
        (folder / "fetcher" / "__init__.py").write_text("")
        (folder / "fetcher" / "core.py").write_text(FETCHER)
        guide = self.cluster.skills_dir / "guide"
        guide.mkdir()
        (guide / "SKILL.md").write_text("---\nname: guide\ndescription: How to write letters.\n---\n# Letters\n\nBe kind.\n")
        self.cluster.start_proxy()
        self.cluster.start_server(TOPIC)
        self.agent = self.cluster.agent()

    def fetch(self, **fields):
        return self.agent.call(TOPIC, "fetch it", skill="fetcher", **fields)

    def test_a_skilletfile_with_credentials(self):
        reply = self.fetch(input={"url": "u"}, env={"FETCHER_KEY": "four"})
        self.assert_success(reply)
        self.assertEqual((reply["outputs"], reply["version"]), ({"summary": "u 2 4 none"}, "2.0.0"))
        reply = self.fetch(input={"url": "u", "depth": 7}, env={"FETCHER_KEY": "four", "FETCHER_REGION": "north"})
        self.assertEqual(reply["outputs"], {"summary": "u 7 4 north"})

    def test_missing_credentials_and_inputs_are_named(self):
        reply = self.fetch(input={"url": "u"})
        self.assert_error(reply, "invalid_request")
        self.assertIn("FETCHER_KEY", reply["error"])
        self.assertNotIn("FETCHER_REGION", reply["error"])
        reply = self.fetch(input={"depth": 1}, env={"FETCHER_KEY": "k"})
        self.assert_error(reply, "invalid_request")
        self.assertIn("url", reply["error"])
        reply = self.fetch(input={"url": 3}, env={"FETCHER_KEY": "k"})
        self.assert_error(reply, "invalid_request")
        self.assert_error(self.fetch(input={"url": "u"}, env={"FETCHER_KEY": "k", "OTHER": "k"}), "not_allowed")

    def test_instructions_are_the_answer(self):
        reply = self.agent.call(TOPIC, "how?", skill="guide")
        self.assert_success(reply)
        self.assertEqual(reply["content"].strip(), "# Letters\n\nBe kind.")
        self.assertNotIn("exit", reply)


if __name__ == "__main__":
    unittest.main()
