"""Tests of the text-diff skill: its function, and its diffs against diff(1) and patch(1) where they are there."""

import os
import random
import shutil
import subprocess
import sys
import tempfile
import time
import unittest
from pathlib import Path

SKILL = Path(__file__).resolve().parent.parent
sys.path.insert(0, str(SKILL / "scripts"))

from compare import matches, shortest_edit
from main import lines_of, run

DEADLINE_SECONDS = 60


def outputs(before, after, **options):
    return run({"before": before, "after": after, **options})["outputs"]


def diff(before, after, **options):
    return outputs(before, after, **options)["diff"]


def apply(before, patch):
    """The text after the patch, by reading the diff as its format says."""
    lines, result, at = lines_of(before), [], 0
    rows = patch.split("\n")[2:-1] if patch else []
    for number, row in enumerate(rows):
        if row.startswith("@@"):
            first, _, count = row.split()[1][1:].partition(",")
            begin = int(first) - (0 if count == "0" else 1)
            result += lines[at:begin]
            at = begin
        elif row.startswith("\\"):
            continue
        else:
            end = "" if number + 1 < len(rows) and rows[number + 1].startswith("\\") else "\n"
            if row[0] in " -":
                assert lines[at] == row[1:] + end, (lines[at], row)
                at += 1
            if row[0] in " +":
                result.append(row[1:] + end)
    return "".join(result + lines[at:])


class RunTest(unittest.TestCase):
    def test_a_changed_line(self):
        self.assertEqual(outputs("a\nb\nc\n", "a\nB\nc\n"), {
            "equal": False, "added": 1, "removed": 1, "similarity": 0.6667,
            "diff": "--- before\n+++ after\n@@ -1,3 +1,3 @@\n a\n-b\n+B\n c\n"})

    def test_equal_texts(self):
        for text in ("", "a", "a\n", "\n\n", "ä\r\n"):
            self.assertEqual(outputs(text, text), {"equal": True, "added": 0, "removed": 0, "similarity": 1.0, "diff": ""})

    def test_from_and_to_nothing(self):
        self.assertEqual(diff("", "a\n"), "--- before\n+++ after\n@@ -0,0 +1 @@\n+a\n")
        self.assertEqual(diff("a\nb\n", ""), "--- before\n+++ after\n@@ -1,2 +0,0 @@\n-a\n-b\n")

    def test_a_missing_newline_at_the_end_is_a_difference(self):
        self.assertEqual(diff("a\n", "a"), "--- before\n+++ after\n@@ -1 +1 @@\n-a\n+a\n\\ No newline at end of file\n")

    def test_names_and_context(self):
        text = "".join(f"{i}\n" for i in range(20))
        found = diff(text, text.replace("10\n", "x\n"), context=1, before_name="old.txt", after_name="new.txt")
        self.assertEqual(found, "--- old.txt\n+++ new.txt\n@@ -10,3 +10,3 @@\n 9\n-10\n+x\n 11\n")
        self.assertEqual(diff(text, text.replace("10\n", "x\n"), context=0).count("\n"), 5)

    def test_near_changes_share_a_hunk_and_far_ones_do_not(self):
        text = "".join(f"{i}\n" for i in range(30))
        self.assertEqual(diff(text, text.replace("\n5\n", "\nx\n").replace("\n12\n", "\ny\n")).count("@@ -"), 1)
        self.assertEqual(diff(text, text.replace("\n5\n", "\nx\n").replace("\n13\n", "\ny\n")).count("@@ -"), 2)

    def test_white_space_can_be_ignored(self):
        self.assertFalse(outputs("a  b\n", " a\tb\n")["equal"])
        self.assertTrue(outputs("a  b\n", " a\tb\r\n", ignore_whitespace=True)["equal"])
        self.assertFalse(outputs("ab\n", "a b\n", ignore_whitespace=True)["equal"])

    def test_only_newlines_end_lines(self):
        self.assertEqual(lines_of("a\x0cb\u2028c\rd\ne"), ["a\x0cb\u2028c\rd\n", "e"])


class RefusalTest(unittest.TestCase):
    def test_wrong_input_is_named(self):
        for payload, words in (
            (None, "input must be an object"), ([], "input must be an object"), ({}, "before must be a string"),
            ({"before": "", "after": 1}, "after must be a string"), ({"before": "", "after": "", "contxt": 1}, "'contxt'"),
            ({"before": "", "after": "", "context": -1}, "context must be from 0 to 100"),
            ({"before": "", "after": "", "context": 10 ** 30}, "context must be from 0 to 100"),
            ({"before": "", "after": "", "context": True}, "context must be an integer"),
            ({"before": "", "after": "", "context": 1.5}, "context must be an integer"),
            ({"before": "", "after": "", "ignore_whitespace": "no"}, "ignore_whitespace must be true or false"),
            ({"before": "", "after": "", "before_name": "a\nb"}, "before_name must be one printable line"),
            ({"before": "", "after": "", "after_name": ""}, "after_name must be one printable line"),
            ({"before": "x" * (8 * 1024 * 1024 + 1), "after": ""}, "before has more than"),
            ({"before": "", "after": "\n" * 100_001}, "after has 100,001 lines"),
        ):
            with self.assertRaisesRegex(ValueError, words):
                run(payload)


class MatchesTest(unittest.TestCase):
    def test_pairs_ascend_and_match_and_the_diff_leads_from_one_to_the_other(self):
        source = random.Random(20240531)
        for _ in range(3000):
            letters = "ab" if source.random() < 0.5 else "abcdefghij"
            before, after = ("".join(source.choice(letters) + "\n" for _ in range(source.randrange(12))) for _ in range(2))
            if source.random() < 0.2:
                after = after[:-1]
            pairs = matches(before.split("\n"), after.split("\n"))
            self.assertTrue(all(a[0] < b[0] and a[1] < b[1] for a, b in zip(pairs, pairs[1:])), (before, after))
            self.assertTrue(all(before.split("\n")[i] == after.split("\n")[j] for i, j in pairs))
            self.assertEqual(apply(before, diff(before, after, context=source.randrange(4))), after, (before, after))

    def test_the_edit_is_a_shortest_one(self):
        source = random.Random(7)
        for _ in range(500):
            a, b = ([source.choice("abc") for _ in range(source.randrange(9))] for _ in range(2))
            table = [[0] * (len(b) + 1) for _ in range(len(a) + 1)]
            for i, x in enumerate(a):
                for j, y in enumerate(b):
                    table[i + 1][j + 1] = table[i][j] + 1 if x == y else max(table[i][j + 1], table[i + 1][j])
            self.assertEqual(len(shortest_edit(a, b, 0, 0)), table[-1][-1], (a, b))

    def test_moved_braces_do_not_mislead(self):
        before = "def a():\n{\n  1\n}\n"
        self.assertEqual(diff(before, "def b():\n{\n  2\n}\n\n" + before, context=0),
                         "--- before\n+++ after\n@@ -0,0 +1,5 @@\n+def b():\n+{\n+  2\n+}\n+\n")


class HostileTextTest(unittest.TestCase):
    def test_the_worst_texts_take_seconds(self):
        source = random.Random(1)
        few = ["".join(source.choice("ab") + "\n" for _ in range(100_000)) for _ in range(2)]
        reverse = "".join(f"{i}\n" for i in range(100_000))
        twice = "".join(f"{i % 50_000}\n" for i in range(100_000))
        # Each anchor reveals one more: u9, u8 u9, u7 u8, ...
        chain = [f"u{i}\n" for k in range(40_000, 0, -1) for i in (k, k + 1)]
        blocks = [["".join(f"{block} {source.choice('ab')}\n" if line else f"{block}\n"
                           for block in range(1900) for line in range(50))] for _ in range(2)]
        for before, after in (few, (reverse, "".join(reversed(reverse.splitlines(True)))), (twice, "x\n" + twice[:-6]),
                              ("a\n" * 100_000, "a\n" * 50_000 + "b\n" * 50_000), (blocks[0][0], blocks[1][0]),
                              ("".join(["x\n", *chain, "x\n"]), "".join(["y\n", *chain, "y\n"])),
                              ("-\n" + "-\n".join(chain[:50_000]), "+\n" + "+\n".join(chain[:50_000]))):
            began = time.monotonic()
            found = diff(before, after)
            self.assertLess(time.monotonic() - began, DEADLINE_SECONDS)
            self.assertEqual(apply(before, found), after)

    def test_text_that_looks_like_a_diff(self):
        before = "--- a\n+++ b\n@@ -1 +1 @@\n\\ No newline at end of file\n"
        self.assertIn("---- a\n", diff(before, ""))


@unittest.skipUnless(shutil.which("patch"), "needs patch(1)")
class PatchTest(unittest.TestCase):
    def test_patch_takes_it(self):
        source = random.Random(99)
        with tempfile.TemporaryDirectory() as folder:
            for _ in range(20):
                before, after = ("".join(source.choice("abcd") + "\n" for _ in range(30)) for _ in range(2))
                path = Path(folder, "text")
                path.write_text(before)
                done = subprocess.run(["patch", "-s", str(path)], input=diff(before, after).encode(), capture_output=True,
                                      timeout=DEADLINE_SECONDS, env={"PATH": os.environ["PATH"]})
                self.assertEqual((done.returncode, path.read_text()), (0, after), done.stdout)


if __name__ == "__main__":
    unittest.main()
