"""Tests of the chart-maker skill: its functions, and chart.py as a child process."""

import os
import subprocess
import sys
import tempfile
import unittest
from pathlib import Path
from xml.etree import ElementTree

SKILL = Path(__file__).resolve().parent.parent
CHART = SKILL / "scripts" / "chart.py"
sys.path.insert(0, str(CHART.parent))

from series import number_of
from svg import nice_ticks, runs_of, x_values

DEADLINE_SECONDS = 60
SVG = "{http://www.w3.org/2000/svg}"


class ChartCase(unittest.TestCase):
    """A fresh working folder."""

    def setUp(self):
        folder = tempfile.TemporaryDirectory()
        self.addCleanup(folder.cleanup)
        self.folder = Path(folder.name)

    def chart(self, text, *argv):
        """Writes `text` to d.csv and draws it; returns (status, stdout, stderr)."""
        (self.folder / "d.csv").write_bytes(text if isinstance(text, bytes) else text.encode())
        env = {"PATH": os.environ["PATH"], "PYTHONDONTWRITEBYTECODE": "1"}
        done = subprocess.run([str(CHART), "d.csv", "--out", "c.svg", *argv], cwd=self.folder, env=env,
                              capture_output=True, timeout=DEADLINE_SECONDS)
        return done.returncode, done.stdout.decode(), done.stderr.decode()

    def draw(self, text, *argv):
        """Draws and returns the root of the SVG."""
        status, _, err = self.chart(text, *argv)
        self.assertEqual((status, err), (0, ""))
        return ElementTree.parse(self.folder / "c.svg").getroot()

    def tips(self, root):
        return [t.text for kind in ("rect", "circle") for m in root.iter(SVG + kind) for t in m.iter(SVG + "title")]


class ChartTest(ChartCase):
    def test_sample_as_lines(self):
        text = (SKILL / "assets" / "months.csv").read_text()
        root = self.draw(text, "--kind", "line", "--x", "month", "--y", "north", "--y", "south")
        self.assertEqual(len(list(root.iter(SVG + "circle"))), 23)
        self.assertEqual(len(list(root.iter(SVG + "polyline"))), 3)  # One missing value splits the second line.
        self.assertIn("north, 2024-12-01: 1921", self.tips(root))

    def test_bars_of_rows_with_the_same_x_are_combined(self):
        text = "k,v\na,1\nb,5\na,3\na,\n"
        for how, tips in (("sum", ["v, a: 4", "v, b: 5"]), ("mean", ["v, a: 2", "v, b: 5"]), ("count", ["v, a: 2", "v, b: 1"])):
            self.assertEqual(self.tips(self.draw(text, "--x", "k", "--y", "v", "--combine", how)), tips)

    def test_cells_without_number_are_said(self):
        self.assertIn("Cells without a number, left out: 2.", self.chart("k,v\na,1\nb,x\nc,\n", "--x", "k", "--y", "v")[1])

    def test_heights_are_in_proportion(self):
        root = self.draw("k,v\na,1\nb,2\nc,-1\n", "--x", "k", "--y", "v")
        a, b, c = (float(m.get("height")) for m in list(root.iter(SVG + "rect"))[1:])
        self.assertAlmostEqual(b, 2 * a, delta=0.2)
        self.assertAlmostEqual(c, a, delta=0.2)

    def test_everything_stays_within_the_picture(self):
        for y in ("1e-9", "0", "-5", "1e99", "123456789"):
            for kind in ("bar", "line"):
                root = self.draw(f"k,v\na,{y}\nb,{y}\n", "--x", "k", "--y", "v", "--kind", kind)
                for mark in root.iter():
                    for name, limit in (("x", 800), ("cx", 800), ("y", 450), ("cy", 450), ("y1", 450)):
                        self.assertTrue(0 <= float(mark.get(name, 0)) <= limit, (y, kind, mark.attrib))

    def test_hostile_text_is_escaped(self):
        root = self.draw('k,"<v&""\x1b>"\n<script>,1\n', "--x", "k", "--y", '<v&"\x1b>', "--title", "]]><&")
        self.assertEqual(list(root.iter(SVG + "script")), [])
        self.assertEqual(self.tips(root), ['<v&"\ufffd>, <script>: 1'])

    def test_invalid_utf8_and_mark(self):
        self.assertEqual(self.tips(self.draw(b"\xef\xbb\xbfk,v\nCaf\xe9,1\n", "--x", "k", "--y", "v")), ["v, Caf\ufffd: 1"])

    def test_short_rows_and_other_delimiters(self):
        self.assertEqual(self.tips(self.draw("k;v\na;1\nb\n", "--x", "k", "--y", "v", "--delimiter", ";")), ["v, a: 1"])

    def test_same_input_gives_same_bytes(self):
        self.draw("k,v\na,1\n", "--x", "k", "--y", "v")
        first = (self.folder / "c.svg").read_bytes()
        self.draw("k,v\na,1\n", "--x", "k", "--y", "v")
        self.assertEqual((self.folder / "c.svg").read_bytes(), first)


class RefusalTest(ChartCase):
    def test_what_cannot_be_drawn_is_said(self):
        many = "k,v\n" + "".join(f"{i},1\n" for i in range(61))
        for text, argv, words in (
            ("", ("--x", "k", "--y", "v"), "no column 'k'; there are: none"),
            ("k,v\na,1\n", ("--x", "k", "--y", "w"), "no column 'w'; there are: k, v"),
            ("k,v\na,x\n", ("--x", "k", "--y", "v"), "no numbers"),
            ("k,v\n", ("--x", "k", "--y", "v"), "no numbers"),
            ("k,v\na,1\n", ("--x", "k", "--y", "v", "--y", "v"), "each once"),
            (many, ("--x", "k", "--y", "v"), "more than 60"),
            ('k,v\n"' + "x" * 70_000, ("--x", "k", "--y", "v"), "line 2"),
        ):
            status, out, err = self.chart(text, *argv)
            self.assertEqual((status, out), (1, ""), words)
            self.assertIn(words, err)
            self.assertFalse((self.folder / "c.svg").exists())

    def test_wrong_usage(self):
        for argv in ((), ("--x", "k"), ("--x", "k", "--y", "v", "--width", "1"), ("--x", "k", "--y", "v", "--kind", "pie"),
                     ("--x", "k", "--y", "v", "--delimiter", ";;")):
            self.assertEqual(self.chart("k,v\na,1\n", *argv)[0], 2, argv)

    def test_unwritable_out(self):
        status, _, err = self.chart("k,v\na,1\n", "--x", "k", "--y", "v", "--out", "none/c.svg")
        self.assertEqual(status, 1)
        self.assertIn("No such file", err)


class FunctionTest(unittest.TestCase):
    def test_ticks_are_round_and_cover(self):
        for low, high, ticks in ((0, 10, [0, 2, 4, 6, 8, 10]), (-3, 7, [-4, -2, 0, 2, 4, 6, 8]), (0, 0, [0, .2, .4, .6, .8, 1])):
            self.assertEqual([round(t, 9) for t in nice_ticks(low, high)], ticks)

    def test_ticks_of_any_range(self):
        for low, high in ((0, 1e-9), (1e99, 1.1e99), (-1e100, 1e100), (5, 5), (-5, -5), (1, 1 + 4e-16), (1e99, 1e99), (0.1, 0.30000000001)):
            ticks = nice_ticks(low, high)
            self.assertTrue(ticks[0] <= low and high <= ticks[-1] * (1 + 1e-12) and 2 <= len(ticks) <= 12, (low, high, ticks))

    def test_x_by_value_or_order(self):
        self.assertEqual(x_values(["10", "2.5"]), [10, 2.5])
        self.assertEqual(x_values(["2024-01-01", "2024-01-31"])[1] - x_values(["2024-01-01"])[0], 30)
        self.assertEqual(x_values(["b", "a"]), [0, 1])

    def test_gaps_split_lines(self):
        self.assertEqual(runs_of([1, 2, None, 3, None, None, 4, 5]), [[1, 2], [4, 5]])

    def test_numbers(self):
        self.assertEqual([number_of(c) for c in ("1", " -2.5 ", "1e3", "", "x", "nan", "inf", "1_0", "1e101")],
                         [1, -2.5, 1000, None, None, None, None, None, None])


if __name__ == "__main__":
    unittest.main()
