"""What every skill of the `intent` adapter needs: options in, text in, Markdown out.

A skill folder is shipped alone, so each skill carries its own copy of this
file. The copies are identical; a test of each skill compares them.

Exit statuses: 0 success, 1 the input cannot be handled, 2 a wrong option.
"""

import io
import os
import sys

# The largest intent file that is read for options. The fabric carries messages of at most 16 MiB;
# twice that leaves room for escapes and still bounds the memory that parsing takes.
INTENT_BYTES_MAX = 32 * 1024 * 1024

UTF16_MARKS = (b"\xff\xfe", b"\xfe\xff")


class SkillError(Exception):
    """The input cannot be handled. The message is for people; exit status 1."""


class UsageError(Exception):
    """An option is unknown or has a wrong value. Exit status 2."""


class IntOption:
    """A whole number in `low`..`high`, known by the same name to the intent and to the command line."""

    metavar = "N"

    def __init__(self, name, default, help, low, high):
        self.name = name
        self.default = default
        self.help = help
        self.low = low
        self.high = high
        self.allowed = f"a whole number from {low} to {high}"

    def check(self, value):
        """Returns `value` as an int, or raises UsageError."""
        try:
            number = int(value) if type(value) in (int, str) else None
        except ValueError:
            number = None
        if number is None or not self.low <= number <= self.high:
            raise UsageError(f"option {self.name}: {value!r} is not {self.allowed}")
        return number


class WordOption:
    """One of a few words, known by the same name to the intent and to the command line."""

    metavar = "WORD"

    def __init__(self, name, default, help, choices):
        self.name = name
        self.default = default
        self.help = help
        self.choices = choices
        self.allowed = "one of " + ", ".join(choices)

    def check(self, value):
        """Returns `value` as one of the choices, or raises UsageError. JSON true and false are yes and no."""
        if isinstance(value, bool):
            value = "yes" if value else "no"
        if value not in self.choices:
            raise UsageError(f"option {self.name}: {value!r} is not {self.allowed}")
        return value


def read_intent(environ):
    """Returns the intent as a dict; empty when there is none or it is plain text."""
    text = environ.get("SKILLSCALE_INTENT")
    path = environ.get("SKILLSCALE_INTENT_FILE")
    if text is None and path:
        text = _read_intent_file(path)
    if not text or not text.lstrip().startswith("{"):
        return {}
    import json  # Here, because most command-line runs need no JSON.

    try:
        intent = json.loads(text)
    except (ValueError, RecursionError):
        return {}  # Plain text that happens to begin with a brace.
    return intent


def _read_intent_file(path):
    try:
        with open(path, "rb") as file:
            content = file.read(INTENT_BYTES_MAX + 1)
    except OSError as error:
        raise SkillError(f"cannot read the intent file: {error.strerror}") from None
    if len(content) > INTENT_BYTES_MAX:
        raise SkillError(f"the intent file is larger than {INTENT_BYTES_MAX} bytes")
    return content.decode("utf-8", "replace")


def options_of_intent(options, intent):
    """Picks options from the intent: its top level first, then its `options` object.

    Other top-level keys belong to the fabric and are left alone. An unknown
    key in `options` can only be a mistake and is refused.
    """
    nested = intent.get("options", {})
    if not isinstance(nested, dict):
        raise UsageError("options: expected a JSON object such as {\"name\": value}")
    known = {option.name: option for option in options}
    for name in nested:
        if name not in known:
            raise UsageError(f"unknown option {name!r}; known: {', '.join(sorted(known))}")
    given = {name: intent[name] for name in known if name in intent}
    given.update(nested)
    return {name: known[name].check(value) for name, value in given.items()}


def options_of_argv(options, argv, description):
    """Picks options from the command line; `--help` prints help and exits."""
    if not argv:
        return {}
    import argparse  # Costs several ms, and a run by the skill server has no argv.

    parser = argparse.ArgumentParser(
        description=description, formatter_class=argparse.RawDescriptionHelpFormatter,
        allow_abbrev=False, argument_default=argparse.SUPPRESS)
    for option in options:
        parser.add_argument(
            "--" + option.name.replace("_", "-"), dest=option.name,
            metavar=option.metavar,
            help=f"{option.help}; {option.allowed} (default {option.default})")
    given = vars(parser.parse_args(argv))
    known = {option.name: option for option in options}
    return {name: known[name].check(value) for name, value in given.items()}


def load_options(options, argv, environ, description=""):
    """Returns every option by name: defaults, overridden by the intent, then by argv."""
    values = {option.name: option.default for option in options}
    values.update(options_of_intent(options, read_intent(environ)))
    values.update(options_of_argv(options, argv, description))
    return values


class TextInput:
    """Standard input as text: UTF-8, or UTF-16 when it begins with that mark.

    A byte-order mark is dropped. What is not valid becomes U+FFFD and is
    counted in `replaced`, so that the skill can say so. Newlines are kept.
    """

    def __init__(self, binary):
        import codecs

        self.replaced = 0
        codecs.register_error("skill-replace", self._replace)
        encoding = "utf-16" if binary.peek(2)[:2] in UTF16_MARKS else "utf-8-sig"
        self.stream = io.TextIOWrapper(binary, encoding, errors="skill-replace", newline="")

    def _replace(self, error):
        self.replaced += 1
        return "\ufffd", error.end

    def note(self):
        """A sentence about what was replaced, or an empty string."""
        if not self.replaced:
            return ""
        return f"The input is not valid UTF-8: {plural(self.replaced, 'sequence')} replaced by U+FFFD."


def plural(count, noun, ending="s"):
    """`1 row`, `1,200 rows`."""
    return f"{count:,} {noun}" + ("" if count == 1 else ending)


def printable(text):
    """`text` on one line, with control characters (also terminal escapes) made spaces."""
    if text.isprintable():
        return text
    return "".join(c if c.isprintable() else " " for c in text)


def table(header, rows, right=()):
    """A Markdown table, padded so that it also reads well as plain text.

    `right` holds the indices of the columns to align right.
    """
    cells = [[printable(str(c)).replace("|", "\\|") for c in row] for row in [header, *rows]]
    widths = [max(3, *(len(row[i]) for row in cells)) for i in range(len(header))]
    rule = ["-" * (w - 1) + ":" if i in right else "-" * w for i, w in enumerate(widths)]

    def line(row):
        padded = [c.rjust(w) if i in right else c.ljust(w)
                  for i, (c, w) in enumerate(zip(row, widths))]
        return "| " + " | ".join(padded) + " |"

    return "\n".join([line(cells[0]), line(rule), *map(line, cells[1:])])


def run_skill(report, options, description):
    """Runs `report(stdin, values) -> Markdown` and returns the exit status.

    `stdin` is a buffered binary stream, `values` the options by name.
    """
    try:
        values = load_options(options, sys.argv[1:], os.environ, description)
        markdown = report(sys.stdin.buffer, values)
        sys.stdout.buffer.write(markdown.rstrip().encode("utf-8", "replace") + b"\n")
        sys.stdout.buffer.flush()
    except UsageError as error:
        return _fail(error, 2)
    except SkillError as error:
        return _fail(error, 1)
    except MemoryError:
        return _fail("not enough memory for this input", 1)
    except BrokenPipeError:  # The reader has gone, as in `run.py | head`.
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        return 1
    return 0


def _fail(error, status):
    message = f"error: {error}\n"
    sys.stderr.buffer.write(message.encode("utf-8", "backslashreplace"))
    return status
