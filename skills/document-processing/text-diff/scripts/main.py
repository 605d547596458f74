"""Compares two texts: the entry point of the text-diff skill."""

import os
import sys

# Whoever calls `run` may have another script first on its path.
sys.path.insert(0, os.path.dirname(os.path.abspath(__file__)))

from compare import matches
from unified import unified_diff

TEXT_CHARS_MAX = 8 * 1024 * 1024
LINES_MAX = 100_000
CONTEXT_MAX = 100
NAME_CHARS_MAX = 200


def run(input_payload):
    """Takes the inputs of SKILL.md as a dict and returns its outputs as {"outputs": {...}}. Wrong input: ValueError."""
    options = checked(input_payload)
    before, after = lines_of(options["before"]), lines_of(options["after"])
    for name, lines in (("before", before), ("after", after)):
        if len(lines) > LINES_MAX:
            raise ValueError(f"{name} has {len(lines):,} lines; at most {LINES_MAX:,} are compared")
    key = _squeezed if options["ignore_whitespace"] else _itself
    pairs = matches([key(line) for line in before], [key(line) for line in after])
    kept, total = len(pairs), len(before) + len(after)
    return {"outputs": {
        "equal": kept == len(before) == len(after),
        "added": len(after) - kept,
        "removed": len(before) - kept,
        "similarity": round(2 * kept / total, 4) if total else 1.0,
        "diff": unified_diff(before, after, pairs, options["context"], options["before_name"], options["after_name"]),
    }}


def checked(payload):
    """The inputs with their defaults, all of the right type and within their bounds."""
    if not isinstance(payload, dict):
        raise ValueError("input must be an object with before and after")
    options = {"context": 3, "ignore_whitespace": False, "before_name": "before", "after_name": "after", **payload}
    unknown = sorted(set(map(str, payload)) - set(_TYPES))
    if unknown:
        raise ValueError(f"unknown input {unknown[0][:NAME_CHARS_MAX]!r}; there are: {', '.join(_TYPES)}")
    for name, (kind, words) in _TYPES.items():
        if type(options.get(name)) is not kind:  # A boolean is no integer here.
            raise ValueError(f"{name} must be {words}")
    for name in ("before", "after"):
        if len(options[name]) > TEXT_CHARS_MAX:
            raise ValueError(f"{name} has more than {TEXT_CHARS_MAX:,} characters")
    if not 0 <= options["context"] <= CONTEXT_MAX:
        raise ValueError(f"context must be from 0 to {CONTEXT_MAX}")
    for name in ("before_name", "after_name"):
        if not options[name].isprintable() or not 1 <= len(options[name]) <= NAME_CHARS_MAX:
            raise ValueError(f"{name} must be one printable line of at most {NAME_CHARS_MAX} characters")
    return options


_TYPES = {
    "before": (str, "a string"), "after": (str, "a string"), "context": (int, "an integer"),
    "ignore_whitespace": (bool, "true or false"), "before_name": (str, "a string"), "after_name": (str, "a string"),
}


def lines_of(text):
    """The lines with their ends; only a newline ends a line, as in diff(1)."""
    lines = [line + "\n" for line in text.split("\n")]
    last = lines.pop()[:-1]
    return lines + [last] if last else lines


def _itself(line):
    return line


def _squeezed(line):
    return " ".join(line.split())
