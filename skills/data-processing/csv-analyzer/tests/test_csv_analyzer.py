"""Tests of the csv-analyzer skill: its functions, and run.py as a child process."""

import io
import json
import os
import random
import statistics
import subprocess
import sys
import unittest
from collections import Counter
from pathlib import Path

SKILL = Path(__file__).resolve().parent.parent
RUN = SKILL / "scripts" / "run.py"
sys.path.insert(0, str(RUN.parent))

from cells import kind_of
from columns import Column, Moments, Sample, TopValues, shown_number
from rows import CsvRows, column_names, find_delimiter, sample_lines

DEADLINE_SECONDS = 120
BIG_BYTES = 30 * 1000 * 1000

# Python itself takes 9 MiB and the bounded state of a table some 30 MiB, so a third more than
# measured for 100 MB. Far below the table, which as Python strings would take 200 MiB.
RSS_KB_MAX = 64 * 1024


def run(data=b"", *argv, intent=None, **environ):
    """Runs the script as the skill server does; returns (status, stdout, stderr)."""
    env = {"PATH": os.environ["PATH"], "PYTHONDONTWRITEBYTECODE": "1", **environ}
    if intent is not None:
        env["SKILLSCALE_INTENT"] = json.dumps(intent)
    data = data if isinstance(data, bytes) else data.encode()
    done = subprocess.run([str(RUN), *argv], input=data, env=env, capture_output=True,
                          timeout=DEADLINE_SECONDS)
    return done.returncode, done.stdout.decode(), done.stderr.decode()


def row_of(markdown, name, heading="## Columns"):
    """The cells of the row `name` in the table below `heading`."""
    for line in markdown.split(heading)[1].splitlines():
        cells = [cell.strip() for cell in line.split(" | ")]
        if cells[0].lstrip("| ") == name:
            return [cell.strip("| ") for cell in cells[1:]]
    raise AssertionError(f"no row {name!r} in:\n{markdown}")


def rows_of(text, delimiter="auto", header="auto"):
    rows = CsvRows(io.StringIO(text, newline=""), delimiter, header, False)
    return rows, [row for batch in rows.batches(2) for row in batch]


class CellTest(unittest.TestCase):
    def test_kinds(self):
        for kind, cells in {
            "integer": ("0", "-7", "+12", " 3 ", "007"),
            "number": ("1.5", "-.5", "2.", "1e9", "-1.2E-3"),
            "date": ("2024-02-29", "2024/12/01", "2024-02-29T10:11:12Z", "2024-02-29 10:11", "2024-01-01T00:00:00.5+02:00"),
            "boolean": ("true", "False", "YES", "no"),
            "text": ("1,5", "1_000", "inf", "0x10", "2024-13-01", "12 kg", "1.2.3", "1e999", "9" * 41, "٣"),
        }.items():
            for cell in cells:
                self.assertEqual(kind_of(cell, False), kind, cell)

    def test_decimal_comma(self):
        self.assertEqual([kind_of(c, True) for c in ("1,5", "7", "1.5", "1,2,3")], ["number", "integer", "text", "text"])


class FiguresTest(unittest.TestCase):
    def test_moments_in_batches_agree_with_statistics(self):
        rng = random.Random(5)
        values = [rng.gauss(1e9, 3) for _ in range(5000)]
        moments = Moments()
        for start in range(0, len(values), 77):
            moments.add(values[start:start + 77])
        self.assertAlmostEqual(moments.mean, statistics.fmean(values), delta=1e-5)
        self.assertAlmostEqual(moments.stdev(), statistics.stdev(values), delta=1e-6)

    def test_median_is_exact_up_to_the_size(self):
        for values in ([3.0], [1.0, 2.0], [5.0, 1.0, 3.0]):
            sample = Sample(3)
            sample.add(values)
            self.assertEqual(sample.median(), statistics.median(values))

    def test_sample_is_uniform_over_the_stream(self):
        sample = Sample(2000)
        for start in range(0, 100_000, 700):
            sample.add([float(v) for v in range(start, min(start + 700, 100_000))])
        self.assertEqual((len(sample.values), sample.seen), (2000, 100_000))
        self.assertAlmostEqual(statistics.fmean(sample.values), 50_000, delta=4 * 28_900 / 2000 ** 0.5)
        self.assertEqual(len(set(sample.values)), 2000)

    def test_top_values_are_never_wrong_by_more_than_said(self):
        rng = random.Random(9)
        values = [str(int(rng.paretovariate(0.7))) for _ in range(50_000)]
        top, exact = TopValues(100), Counter(values)
        for start in range(0, len(values), 500):
            top.add(Counter(values[start:start + 500]))
        self.assertLessEqual(len(top.counts), 200)
        self.assertGreater(top.undercount, 0)
        for value, times in exact.items():
            self.assertLessEqual(top.counts[value], times)
            self.assertGreaterEqual(top.counts[value], times - top.undercount)

    def test_half_numbers_are_mixed_less_are_text(self):
        for cells, kind in ((["1", "2", "x"], "mixed"), (["1", "x", "y"], "text"), (["", "NA"], "empty"),
                            (["1", "2.5", ""], "number"), (["yes", "no"], "boolean"), (["yes", "2024-01-01"], "text")):
            column = Column("c", 1, False)
            column.add(cells)
            self.assertEqual(column.type(), kind, cells)

    def test_shown_numbers(self):
        self.assertEqual([shown_number(v) for v in (0.0, 2.0, -1.5, 0.12345, 1e-7, 1e20, 123456789.0)],
                         ["0", "2", "-1.5", "0.1235", "1e-07", "1e+20", "123456789"])


class RowsTest(unittest.TestCase):
    def test_delimiters_are_found(self):
        for name, mark in {"comma": ",", "semicolon": ";", "tab": "\t", "pipe": "|"}.items():
            text = f"name{mark}note\nAna{mark}\"a, b; c\"\nBen{mark}x y\n"
            self.assertEqual(find_delimiter(sample_lines(text)), name)

    def test_decimal_commas_do_not_pass_for_delimiters(self):
        self.assertEqual(find_delimiter(sample_lines("a;b\n1,5;2\n2,5;3,25\n")), "semicolon")

    def test_quoted_fields_may_hold_anything(self):
        _, data = rows_of('a,b\n"x,\n""y""\r\nz",1\n')
        self.assertEqual(data, [['x,\n"y"\r\nz', "1"]])

    def test_line_separators_of_unicode_end_no_row(self):
        self.assertEqual(rows_of("a,b\nx\u2028y,1\n")[1], [["x\u2028y", "1"]])

    def test_all_line_ends(self):
        for end in ("\n", "\r\n", "\r"):
            self.assertEqual(rows_of(end.join(("a,b", "1,2", "3,4")))[1], [["1", "2"], ["3", "4"]])

    def test_header_is_detected(self):
        self.assertTrue(rows_of("name,age\nAna,31\n")[0].has_header)
        self.assertFalse(rows_of("Ana,31\nBen,27\n")[0].has_header)
        self.assertFalse(rows_of("x,x\ny,z\n")[0].has_header)
        self.assertFalse(rows_of("red,on\nblue,off\nred,off\n")[0].has_header)

    def test_names_are_distinct_and_never_blank(self):
        self.assertEqual(column_names(["a", "", "a"], 3), ["a", "column 2", "a (2)"])
        self.assertEqual(column_names([], 2), ["column 1", "column 2"])

    def test_ragged_and_blank_rows_are_counted(self):
        rows, data = rows_of("a,b,c\n1,2,3\n\n4,5\n6,7,8,9\n\n")
        self.assertEqual(data, [["1", "2", "3"], ["4", "5", ""], ["6", "7", "8"]])
        self.assertEqual((rows.count, rows.blank, rows.ragged, rows.ragged_examples), (3, 2, 2, [(4, 2), (5, 4)]))

    def test_rows_beyond_the_sample_are_read(self):
        text = "a,b\n" + "12345,67890\n" * 20_000
        self.assertEqual(len(rows_of(text)[1]), 20_000)


class RunTest(unittest.TestCase):
    def test_sample(self):
        status, out, err = run((SKILL / "assets" / "sales.csv").read_bytes())
        self.assertEqual((status, err), (0, ""))
        self.assertIn("60 rows, 10 columns", out)
        self.assertEqual(row_of(out, "quantity")[:8], ["integer", "60", "0", "1", "25", "4.4167", "3", "5.9895"])
        self.assertEqual(row_of(out, "rating")[1:3], ["41", "19"])
        self.assertIn("Desk lamp, brass (9)", out)

    def test_figures(self):
        out = run("n\n2\n4\n4\n4\n5\n5\n7\n9\n")[1]
        self.assertEqual(row_of(out, "n"), ["integer", "8", "0", "2", "9", "5", "4.5", "2.1381"])
        self.assertEqual(row_of(out, "n", "## Top values"), ["5", "4 (3); 5 (2)"])

    def test_one_value_has_no_spread(self):
        self.assertEqual(row_of(run("n,t\n3,x\n")[1], "n"), ["integer", "1", "0", "3", "3", "3", "3", ""])

    def test_empty_is_said(self):
        for data in (b"", b"\n \n", b"\xef\xbb\xbf"):
            status, out, err = run(data)
            self.assertEqual((status, out), (1, ""))
            self.assertIn("no CSV to analyse", err)

    def test_header_alone_is_no_rows(self):
        status, out, _ = run("a,b\n", "--header", "yes")
        self.assertEqual(status, 0)
        self.assertIn("0 rows, 2 columns", out)
        self.assertEqual(row_of(out, "a")[0], "empty")

    def test_byte_order_mark_is_no_part_of_a_name(self):
        self.assertEqual(row_of(run(b"\xef\xbb\xbfid,b\n1,2\n")[1], "id")[0], "integer")

    def test_utf16(self):
        self.assertEqual(row_of(run("größe;b\n1;2\n".encode("utf-16"))[1], "größe")[0], "integer")

    def test_invalid_utf8_is_noted(self):
        self.assertIn("not valid UTF-8: 1 sequence", run(b"a,b\nCaf\xe9,2\n")[1])

    def test_ragged_rows_are_said(self):
        out = run("a,b\n1,2\n3\n4,5,6\n")[1]
        self.assertIn("Ragged: 2 rows of another length than the 2 columns: line 3 (1 field), line 4 (3 fields).", out)

    def test_options(self):
        out = run("1,5;x\n2,5;y\n", intent={"decimal": "comma", "options": {"header": False, "top": 0}})[1]
        self.assertEqual(row_of(out, "column 1")[:6], ["number", "2", "0", "1.5", "2.5", "2"])
        self.assertNotIn("Top values", out)

    def test_wrong_options_are_refused(self):
        for intent in ({"delimiter": "#"}, {"top": 21}, {"header": 1}, {"options": {"delimeter": "comma"}}):
            status, out, err = run("a,b\n1,2\n", intent=intent)
            self.assertEqual((status, out), (2, ""), intent)
            self.assertTrue(err.startswith("error: option ") or "unknown option" in err, err)

    def test_help(self):
        self.assertIn("--delimiter", run(b"", "--help")[1])

    def test_pipes_newlines_and_escapes_do_not_break_the_table(self):
        out = run('a,b\n"x|y\n\x1b[31mz",1\n"x|y\n\x1b[31mz",2\n')[1]
        self.assertIn("x\\|y  [31mz (2)", out)
        self.assertNotIn("\x1b", out)

    def test_unclosed_quote_is_said(self):
        status, _, err = run('a,b\n1,"2\n' + "3,4\n" * 400_000)
        self.assertEqual(status, 1)
        self.assertIn("unclosed quote", err)

    def test_endless_line_is_said(self):
        status, _, err = run("a,b\n" + "1,2\n" * 40_000 + "x" * 5_000_000)
        self.assertEqual(status, 1)
        self.assertIn("longer than", err)

    def test_binary_is_refused(self):
        self.assertIn("binary", run(b"PK\x03\x04\0\0\0")[2])

    def test_very_wide_tables_are_measured_in_part(self):
        width = 1000
        out = run("\n".join(",".join(f"{k}{i}" for i in range(width)) for k in ("h", "", "")))[1]
        self.assertIn("Only the first 200 columns", out)


class BigInputTest(unittest.TestCase):
    def test_memory_stays_bounded_and_estimates_are_marked(self):
        out, peak_kb = self.analyse(self.big_csv())
        self.assertLess(peak_kb, RSS_KB_MAX)
        self.assertIn("1,000,000 rows, 3 columns", out)
        self.assertEqual(row_of(out, "serial")[:5], ["integer", "1000000", "0", "1000000", "1999999"])
        self.assertEqual(row_of(out, "serial")[5], "1499999.5")
        median = row_of(out, "serial")[6]
        self.assertTrue(median.startswith("~"))
        self.assertAlmostEqual(float(median[1:]), 1_500_000, delta=5_000)
        self.assertIn("Estimated (~)", out)
        self.assertEqual(row_of(out, "serial", "## Top values"), ["more than 33,333", "no value stands out"])
        self.assertEqual(row_of(out, "colour", "## Top values")[1], "green (500000); red (250000); blue (250000)")

    @staticmethod
    def big_csv():
        """Yields a CSV of about 30 MB in pieces."""
        yield b"serial,colour,padding\n"
        colours = ("red", "green", "blue", "green")
        padding = "p" * (BIG_BYTES // 1_000_000 - 14)
        for start in range(1_000_000, 2_000_000, 10_000):
            yield "".join(f"{i},{colours[i % 4]},{padding}\n" for i in range(start, start + 10_000)).encode()

    @staticmethod
    def analyse(pieces):
        """Runs the script; returns (stdout, peak resident set in KiB)."""
        child = subprocess.Popen([str(RUN)], stdin=subprocess.PIPE, stdout=subprocess.PIPE)
        with child.stdin, child.stdout:
            for piece in pieces:
                child.stdin.write(piece)
            child.stdin.close()
            out = child.stdout.read().decode()
            _, status, usage = os.wait4(child.pid, 0)
        child.returncode = os.waitstatus_to_exitcode(status)
        assert child.returncode == 0
        return out, usage.ru_maxrss


class SkillkitTest(unittest.TestCase):
    def test_copies_of_the_shared_file_are_identical(self):
        own = (SKILL / "scripts" / "skillkit.py").read_bytes()
        for copy in SKILL.parent.parent.glob("*/*/scripts/skillkit.py"):
            self.assertEqual(copy.read_bytes(), own, copy)


if __name__ == "__main__":
    unittest.main()
