"""Tests of the chart-maker skill: its functions, and chart.py as a child process."""

import os
import struct
import subprocess
import sys
import tempfile
import unittest
import zlib
from pathlib import Path
from xml.etree import ElementTree

SKILL = Path(__file__).resolve().parent.parent
CHART = SKILL / "scripts" / "chart.py"
sys.path.insert(0, str(CHART.parent))

from series import number_of
from font import glyph
from plot import nice_ticks, runs_of, x_values

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
        self.assertEqual(len([line for line in root.iter(SVG + "polyline") if line.get("stroke-width") == "2"]), 3)  # One missing value splits the second line.
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


class ScatterTest(ChartCase):
    def test_each_row_is_a_point(self):
        root = self.draw("x,y\n1,2\n1,2\n1000,3\n,\n", "--x", "x", "--y", "y", "--kind", "scatter")
        self.assertEqual(self.tips(root), ["y, 1: 2", "y, 1: 2", "y, 1000: 3"])
        self.assertEqual([line for line in root.iter(SVG + "polyline") if line.get("stroke-width") == "2"], [])

    def test_numbers_on_the_x_axis_get_a_scale(self):
        root = self.draw("x,y\n1,2\n2,2\n1000,3\n", "--x", "x", "--y", "y", "--kind", "scatter")
        words = [t.text for t in root.iter(SVG + "text")]
        self.assertEqual([w for w in words if w in ("0", "200", "400", "600", "800", "1000")], ["0", "200", "400", "600", "800", "1000"])
        places = [float(c.get("cx")) for c in root.iter(SVG + "circle")]
        self.assertAlmostEqual((places[2] - places[0]) / (places[1] - places[0]), 999, delta=300)  # Printed to a tenth.

    def test_same_words_stand_in_one_place(self):
        root = self.draw("k,v\na,1\nb,2\na,3\n", "--x", "k", "--y", "v", "--kind", "scatter")
        places = sorted(float(c.get("cx")) for c in root.iter(SVG + "circle"))
        self.assertEqual(places[0], places[1])
        self.assertLess(places[1], places[2])


class Image:
    """Reads the PNG files of this skill, and checks them on the way: `at(x, y)` is a colour."""

    def __init__(self, data):
        assert data[:8] == b"\x89PNG\r\n\x1a\n"
        chunks, at = {}, 8
        while at < len(data):
            (size,) = struct.unpack_from(">I", data, at)
            kind, body = data[at + 4:at + 8], data[at + 8:at + 8 + size]
            assert struct.unpack_from(">I", data, at + 8 + size)[0] == zlib.crc32(kind + body)
            chunks[kind] = body
            at += 12 + size
        assert list(chunks) == [b"IHDR", b"PLTE", b"IDAT", b"IEND"]
        self.width, self.height, *rest = struct.unpack(">IIBBBBB", chunks[b"IHDR"])
        assert rest == [8, 3, 0, 0, 0]
        self._palette = [chunks[b"PLTE"][i:i + 3].hex() for i in range(0, len(chunks[b"PLTE"]), 3)]
        self._rows = zlib.decompress(chunks[b"IDAT"])
        assert len(self._rows) == (self.width + 1) * self.height

    def at(self, x, y):
        row = y * (self.width + 1)
        assert self._rows[row] == 0
        return self._palette[self._rows[row + 1 + x]]

    def count(self, colour):
        return sum(self._rows[y * (self.width + 1) + 1:(y + 1) * (self.width + 1)].count(self._palette.index(colour))
                   for y in range(self.height)) if colour in self._palette else 0


class PngTest(ChartCase):
    def image(self, text, *argv):
        status, _, err = self.chart(text, *argv, "--out", "c.png")
        self.assertEqual((status, err), (0, ""))
        return Image((self.folder / "c.png").read_bytes())

    def test_it_has_two_pixels_per_unit_on_white(self):
        image = self.image("k,v\na,1\n", "--x", "k", "--y", "v", "--width", "300", "--height", "200")
        self.assertEqual((image.width, image.height), (600, 400))
        self.assertEqual([image.at(0, 0), image.at(599, 399)], ["ffffff", "ffffff"])

    def test_areas_of_bars_are_in_proportion(self):
        image = self.image("k,v,w\na,100,50\n", "--x", "k", "--y", "v", "--y", "w")
        legend = 20 * 20
        self.assertAlmostEqual((image.count("0072b2") - legend) / (image.count("d55e00") - legend), 2, delta=0.02)

    def test_lines_join_points_and_scatters_do_not(self):
        text = "x,y\n0,0\n10,10\n"
        line = self.image(text, "--x", "x", "--y", "y", "--kind", "line").count("0072b2")
        dots = self.image(text, "--x", "x", "--y", "y", "--kind", "scatter").count("0072b2")
        self.assertTrue(20 < dots < 400, dots)
        self.assertGreater(line, 10 * dots)

    def test_steep_flat_and_lone_lines(self):
        for text in ("x,y\n1,0\n1.000001,9\n5,1\n", "x,y\n0,5\n9,5\n", "x,y\n1,1\n", "x,y\n0,1e99\n1,-1e99\n"):
            self.assertGreater(self.image(text, "--x", "x", "--y", "y", "--kind", "line").count("0072b2"), 0, text)

    def test_labels_of_any_script_are_drawn(self):
        image = self.image("k,v\nÀé,1\n日本語 a long label,2\n\U0001f600\u200b\x07,3\n", "--x", "k", "--y", "v", "--title", "ß…")
        self.assertGreater(image.count("000000"), 100)

    def test_the_largest_image_with_the_most_points(self):
        rows = "".join(f"{i},{i % 2}\n" for i in range(5000))
        image = self.image("x,y\n" + rows, "--x", "x", "--y", "y", "--kind", "line", "--width", "4000", "--height", "4000")
        self.assertEqual((image.width, image.height), (8000, 8000))

    def test_same_input_gives_same_bytes(self):
        self.image("k,v\na,1\n", "--x", "k", "--y", "v")
        first = (self.folder / "c.png").read_bytes()
        self.image("k,v\na,1\n", "--x", "k", "--y", "v")
        self.assertEqual((self.folder / "c.png").read_bytes(), first)


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
                     ("--x", "k", "--y", "v", "--delimiter", ";;"), ("--x", "k", "--y", "v", "--out", "c.gif"),
                     ("--x", "k", "--y", "v", "--kind", "scatter", "--combine", "sum")):
            self.assertEqual(self.chart("k,v\na,1\n", *argv)[0], 2, argv)

    def test_too_many_rows_of_a_scatter_chart(self):
        status, _, err = self.chart("x,y\n" + "1,1\n" * 5001, "--x", "x", "--y", "y", "--kind", "scatter")
        self.assertEqual(status, 1)
        self.assertIn("more than 5000 rows in a scatter chart", err)

    def test_a_folder_in_the_place_of_the_csv(self):
        (self.folder / "f").mkdir()
        done = subprocess.run([str(CHART), "f", "--x", "k", "--y", "v", "--out", "c.svg"], cwd=self.folder, capture_output=True,
                              timeout=DEADLINE_SECONDS)
        self.assertEqual((done.returncode, done.stderr), (1, b"error: f: Is a directory\n"))

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
        self.assertEqual(x_values(["b", "a", "b"]), [0, 1, 0])

    def test_every_printable_character_has_its_own_glyph(self):
        glyphs = {glyph(chr(code)) for code in range(32, 127)}
        self.assertEqual(len(glyphs), 95)
        for dots in glyphs:
            self.assertTrue(all(0 <= across < 5 and 0 <= up < 7 for across, up in dots))
        self.assertEqual(glyph("Ä"), glyph("A"))
        self.assertEqual(glyph("日"), glyph("\x07"))

    def test_gaps_split_lines(self):
        self.assertEqual(runs_of([1, 2, None, 3, None, None, 4, 5]), [[1, 2], [4, 5]])

    def test_numbers(self):
        self.assertEqual([number_of(c) for c in ("1", " -2.5 ", "1e3", "", "x", "nan", "inf", "1_0", "1e101")],
                         [1, -2.5, 1000, None, None, None, None, None, None])


if __name__ == "__main__":
    unittest.main()
