"""Tests of the code-complexity skill: its functions, and run.py as a child process."""

import json
import os
import subprocess
import sys
import unittest
from pathlib import Path
from textwrap import dedent

SKILL = Path(__file__).resolve().parent.parent
RUN = SKILL / "scripts" / "run.py"
sys.path.insert(0, str(RUN.parent))

from complexity import SourceError, measure

DEADLINE_SECONDS = 60


def run(data=b"", *argv, intent=None):
    """Runs the script as the skill server does; returns (status, stdout, stderr)."""
    env = {"PATH": os.environ["PATH"], "PYTHONDONTWRITEBYTECODE": "1"}
    if intent is not None:
        env["SKILLSCALE_INTENT"] = json.dumps(intent)
    data = data if isinstance(data, bytes) else data.encode()
    done = subprocess.run([str(RUN), *argv], input=data, env=env, capture_output=True,
                          timeout=DEADLINE_SECONDS)
    return done.returncode, done.stdout.decode(), done.stderr.decode()


def functions_of(source):
    return measure(dedent(source).encode())[1]


def body(*lines):
    """The measure of a function with these lines as its body."""
    return functions_of("async def f(a, b, c):\n" + "\n".join("    " + line for line in lines))[0]


class ComplexityTest(unittest.TestCase):
    def assert_complexity(self, expected, *lines):
        self.assertEqual(body(*lines).complexity, expected, "\n".join(lines))

    def test_straight_code_is_one(self):
        self.assert_complexity(1, "pass")
        self.assert_complexity(1, "with a: pass", "await b", "yield c", "return")

    def test_if_and_elif_count_else_does_not(self):
        self.assert_complexity(2, "if a: pass", "else: pass")
        self.assert_complexity(3, "if a: pass", "elif b: pass", "else: pass")

    def test_loops_and_their_else(self):
        self.assert_complexity(2, "for x in a: pass")
        self.assert_complexity(3, "while a: pass", "else: pass")
        self.assert_complexity(2, "async for x in a: pass")

    def test_each_handler_counts_finally_does_not(self):
        self.assert_complexity(3, "try: pass", "except A: pass", "except B: pass", "finally: pass")
        self.assert_complexity(3, "try: pass", "except A: pass", "else: pass")
        self.assert_complexity(2, "try: pass", "except* A: pass")

    def test_boolean_operands(self):
        self.assert_complexity(3, "return a and b and c")
        self.assert_complexity(3, "return a and b or c")
        self.assert_complexity(1, "return not a < b < c")

    def test_conditional_expression_and_assert(self):
        self.assert_complexity(2, "return a if b else c")
        self.assert_complexity(2, "assert a, b")

    def test_comprehensions(self):
        self.assert_complexity(2, "return [x for x in a]")
        self.assert_complexity(4, "return {x: y for x in a for y in b if y}")
        self.assert_complexity(3, "return any(x for x in a if x)")

    def test_match_without_its_catch_all(self):
        self.assert_complexity(3, "match a:", "  case 1: pass", "  case [x]: pass", "  case _: pass")
        self.assert_complexity(2, "match a:", "  case 1: pass", "  case other: pass")
        self.assert_complexity(3, "match a:", "  case x if x: pass")

    def test_lambda_counts_where_it_stands(self):
        self.assert_complexity(2, "return lambda x: 1 if x else 2")

    def test_nested_functions_and_classes_have_their_own_rows(self):
        found = functions_of("""
            def outer(a):
                if a: pass
                def inner():
                    if a: pass
                    for b in a: pass
                class Local:
                    async def method(self, x): return x or 1
            class C:
                class D:
                    def deep(self): pass
                x = 1 if C else 2
            """)
        self.assertEqual([(f.name, f.complexity) for f in found],
                         [("outer", 2), ("outer.inner", 3), ("outer.Local.method", 2), ("C.D.deep", 1)])

    def test_code_outside_functions_has_its_decorators_and_defaults(self):
        module, found = measure(b"@(a or b)\ndef f(x=1 if a else 2, *, y: (a and b) = [z for z in a]): pass\nif f: pass\n")
        self.assertEqual((module.complexity, found[0].complexity), (6, 1))

    def test_functions_below_other_nodes_are_found(self):
        found = functions_of("if 1:\n  try:\n    def f(): pass\n  except E:\n    def g(): pass\n")
        self.assertEqual([f.name for f in found], ["f", "g"])


class OtherMeasuresTest(unittest.TestCase):
    def test_nesting(self):
        self.assertEqual(body("pass").nesting, 0)
        self.assertEqual(body("if a:", "  for x in b:", "    with c: pass").nesting, 3)
        self.assertEqual(body("try:", "  pass", "except A:", "  if a: pass").nesting, 2)
        self.assertEqual(body("match a:", "  case 1:", "    if a: pass").nesting, 2)

    def test_elif_is_no_deeper_than_if(self):
        self.assertEqual(body("if a: pass", "elif b: pass", "elif c: pass", "else: pass").nesting, 1)
        self.assertEqual(body("if a: pass", "else:", "  if b: pass").nesting, 2)

    def test_lines_are_without_decorators(self):
        found = functions_of("@d\n@e\ndef f():\n    pass\n\n    pass\n")[0]
        self.assertEqual((found.line, found.lines), (3, 4))

    def test_parameters(self):
        counts = [f.parameters for f in functions_of("""
            def f(a, /, b, *c, d=1, **e): pass
            class C:
                def g(self, a): pass
                @classmethod
                def h(cls): pass
                @staticmethod
                def i(a): pass
            def j(self): pass
            """)]
        self.assertEqual(counts, [5, 1, 0, 1, 1])


class SourceErrorTest(unittest.TestCase):
    def assert_refused(self, source, pattern):
        with self.assertRaisesRegex(SourceError, pattern):
            measure(source)

    def test_syntax_error_has_line_and_column(self):
        self.assert_refused(b"x = 1\ndef f(:\n", r"line 2, column 7: invalid syntax\n  def f\(:\n        \^$")

    def test_long_line_is_shown_around_the_place(self):
        self.assert_refused(b"x = " + b"1+" * 300 + b"1 1", r"\n  .{0,100}\n {2,62}\^$")

    def test_null_bytes_and_unknown_encodings(self):
        self.assert_refused(b"a\0b", "not Python source|null bytes")
        self.assert_refused(b"# coding: klingon\n", "klingon")
        self.assert_refused(b"x = '\xff'\n", "utf-8")

    def test_hostile_nesting(self):
        for source in (b"(" * 100_000, b"-" * 100_000 + b"1", b"a" + b".b" * 100_000, b"a" + b"+a" * 100_000,
                       b"lambda:" * 10_000 + b"1", b"if a:\n pass\n" + b"elif b:\n pass\n" * 20_000, b"{" * 100_000):
            self.assert_refused(source, "nested|too many|recursion")

    def test_deep_but_valid_code_is_measured(self):
        source = b"if a:\n pass\n" + b"elif b:\n pass\n" * 500
        self.assertEqual(measure(source)[0].complexity, 502)


class RunTest(unittest.TestCase):
    def test_sample(self):
        status, out, err = run((SKILL / "assets" / "sample.py").read_bytes())
        self.assertEqual((status, err), (0, ""))
        self.assertIn("3 classes, 9 functions", out)
        self.assertIn("1. `quote` (line 64): complexity 26", out)
        rows = [line for line in out.splitlines() if line.startswith("| ")]
        self.assertIn("| quote ", rows[2])

    def test_own_source_stands_out_nowhere(self):
        for path in (SKILL / "scripts").glob("*.py"):
            self.assertIn("Nothing stands out", run(path.read_bytes())[1], path)

    def test_empty_is_said(self):
        status, out, err = run(b" \n")
        self.assertEqual((status, out), (1, ""))
        self.assertIn("no source", err)

    def test_syntax_error_is_status_one(self):
        status, out, err = run("def f(:\n")
        self.assertEqual((status, out), (1, ""))
        self.assertIn("error: syntax error in line 1, column 7", err)
        self.assertNotIn("Traceback", err)

    def test_source_without_functions(self):
        out = run("x = 1\n")[1]
        self.assertIn("complexity of the code outside functions 1", out)

    def test_options(self):
        source = "def f(a): return a or 1\ndef g(): pass\n"
        self.assertIn("complexity 2 is above 1", run(source, intent={"threshold": 1})[1])
        self.assertIn("1 less complex ones not listed", run(source, "--top", "1")[1])

    def test_wrong_options_are_refused(self):
        for intent in ({"threshold": 0}, {"options": {"treshold": 3}}):
            status, out, err = run("x = 1\n", intent=intent)
            self.assertEqual((status, out), (2, ""))
            self.assertIn("option", err)

    def test_help(self):
        self.assertIn("--threshold", run(b"", "--help")[1])

    def test_encodings(self):
        for source in ("\ufeffdef größe(): pass\n".encode(), "# coding: latin-1\ndef größe(): pass\n".encode("latin-1")):
            self.assertIn("größe", run(source)[1])

    def test_too_large_is_said(self):
        status, _, err = run(b"x = 1\n" * 100_000)
        self.assertEqual(status, 1)
        self.assertIn("larger than", err)

    def test_invalid_source_is_never_run(self):
        self.assertEqual(run("raise SystemExit(7)\n")[0], 0)


class SkillkitTest(unittest.TestCase):
    def test_copies_of_the_shared_file_are_identical(self):
        own = (SKILL / "scripts" / "skillkit.py").read_bytes()
        for copy in SKILL.parent.parent.glob("*/*/scripts/skillkit.py"):
            self.assertEqual(copy.read_bytes(), own, copy)


if __name__ == "__main__":
    unittest.main()
