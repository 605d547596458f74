#!/usr/bin/env python3
"""Measures the Python source on standard input: complexity, nesting and size of every function.

  run.py --threshold 8 < module.py
"""

import sys

from complexity import SourceError, measure
from skillkit import IntOption, SkillError, plural, printable, run_skill, table

OPTIONS = (
    IntOption("threshold", 10, "complexity above which a function should be looked at", 1, 1000),
    IntOption("top", 25, "most complex functions to list", 1, 1000),
)

# Beyond this a function is long, deeply nested or hard to call, whatever its complexity.
LINES_LONG = 60
NESTING_DEEP = 4
PARAMETERS_MANY = 6

ADVICE_MAX = 5  # What to look at first is a short list or no help.

# About 15,000 lines. The worst source of this size takes the parser some 15 s, or the tree some 500 MB.
SOURCE_BYTES_MAX = 512 * 1024

# Upper bounds of complexity and what they are called; beyond the last it is `very high`.
LEVELS = ((5, "low"), (10, "moderate"), (20, "high"))


def level(complexity):
    """A complexity in words."""
    return next((word for limit, word in LEVELS if complexity <= limit), "very high")


def concerns(function, threshold):
    """What is wrong with a function, in words; empty when nothing is."""
    found = []
    if function.complexity > threshold:
        found.append(f"complexity {function.complexity} is above {threshold}: move branches into functions of their own")
    if function.nesting > NESTING_DEEP:
        found.append(f"{function.nesting} levels of nesting: return early, or take the inner blocks out")
    if function.lines > LINES_LONG:
        found.append(f"{function.lines} lines: split it by steps")
    if function.parameters > PARAMETERS_MANY:
        found.append(f"{function.parameters} parameters: group what belongs together")
    return found


def summary(module, functions, threshold):
    """The figures of the whole source."""
    facts = [plural(module.lines, "line"), plural(module.classes, "class", "es"),
             plural(len(functions), "function")]
    text = "**" + ", ".join(facts) + "**"
    if not functions:
        return text + f" · complexity of the code outside functions {module.complexity}"
    values = [f.complexity for f in functions]
    above = sum(1 for value in values if value > threshold)
    return (text + f" · complexity: average {sum(values) / len(values):.1f}, highest {max(values)}, "
            f"{above} above {threshold}, code outside functions {module.complexity}")


def advice(functions, threshold):
    """What to look at first: the functions with concerns, the most complex first."""
    lines = []
    for function in functions:
        found = concerns(function, threshold)
        if found and len(lines) < ADVICE_MAX:
            lines.append(f"{len(lines) + 1}. `{printable(function.name)}` (line {function.line}): {'; '.join(found)}.")
    return "\n".join(lines) or "Nothing stands out."


def function_table(functions):
    """A row per function."""
    header = ("function", "line", "complexity", "level", "nesting", "lines", "parameters")
    body = [(f.name, f.line, f.complexity, level(f.complexity), f.nesting, f.lines, f.parameters) for f in functions]
    return table(header, body, right=(1, 2, 4, 5, 6))


def read_source(stdin):
    """Returns the source as bytes; the parser knows about encodings."""
    source = stdin.read(SOURCE_BYTES_MAX + 1)
    if len(source) > SOURCE_BYTES_MAX:
        raise SkillError(f"the source is larger than {SOURCE_BYTES_MAX:,} bytes; measure its modules one by one")
    if not source.strip():
        raise SkillError("there is no source to measure; send some as the intent's data or on standard input")
    return source


def report(stdin, options):
    """Reads Python source from `stdin` and returns its measures as Markdown."""
    try:
        module, functions = measure(read_source(stdin))
    except SourceError as error:
        raise SkillError(str(error)) from None
    threshold = options["threshold"]
    functions.sort(key=lambda f: (-f.complexity, -f.nesting, f.line))
    parts = ["# Code complexity", summary(module, functions, threshold),
             "## Look at first", advice(functions, threshold)]
    if functions:
        listed = functions[:options["top"]]
        parts += ["## Functions", function_table(listed)]
        if len(listed) < len(functions):
            parts.append(f"*{len(functions) - len(listed):,} less complex ones not listed; see the option top.*")
    return "\n\n".join(parts)


if __name__ == "__main__":
    sys.exit(run_skill(report, OPTIONS, __doc__))
