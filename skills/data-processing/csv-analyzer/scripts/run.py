#!/usr/bin/env python3
"""Describes the CSV on standard input column by column, in one pass and bounded memory.

  run.py --top 3 < sales.csv
"""

import sys

from columns import Column, share_of
from rows import CsvRows, DELIMITERS
from skillkit import IntOption, SkillError, TextInput, WordOption, plural, printable, run_skill, table

OPTIONS = (
    WordOption("delimiter", "auto", "what separates the fields", ("auto", *DELIMITERS)),
    WordOption("header", "auto", "whether the first row holds names", ("auto", "yes", "no")),
    WordOption("decimal", "point", "the decimal mark of numbers", ("point", "comma")),
    IntOption("top", 5, "most frequent values to show per column", 0, 20),
)

# Rows are transposed and measured in batches, which keeps the inner loops in C. Some MB of cells at most.
BATCH_CELLS = 50_000

# Further columns are counted but not measured, so that a hostile row cannot demand unbounded memory.
COLUMNS_MAX = 200

SHOWN_CHARS_MAX = 32  # Of one value or name in a table, to keep it within a terminal.


def measure(rows, options):
    """Reads all rows and returns the measured columns."""
    names = rows.names[:COLUMNS_MAX]
    comma = options["decimal"] == "comma"
    columns = [Column(name, len(names), comma) for name in names]
    batch_rows = max(1, BATCH_CELLS // len(columns))
    for batch in rows.batches(batch_rows):
        for column, cells in zip(columns, zip(*batch)):
            column.add(cells)
    return columns


def cut(text):
    """`text` printable and short enough for a table."""
    line = printable(text)
    return line if len(line) <= SHOWN_CHARS_MAX else line[:SHOWN_CHARS_MAX - 1] + "…"


def column_table(columns):
    """One row per column: type, counts and figures."""
    header = ("column", "type", "count", "missing", "min", "max", "mean", "median", "stdev")
    body = [(cut(c.name), c.type(), c.present, c.missing, cut(c.low()), cut(c.high()), c.mean(),
             c.median(), c.stdev()) for c in columns]
    return table(header, body, right=range(2, 9))


def top_values_table(columns, count):
    """The number of distinct values and the most frequent ones, per column."""
    body = []
    for column in columns:
        values, approximate = column.top(count)
        mark = "≈" if approximate else ""
        shown = "; ".join(f"{cut(value)} ({mark}{times})" for value, times in values)
        body.append((cut(column.name), column.distinct(), shown or "no value stands out"))
    return table(("column", "distinct", "top values (times)"), body, right=(1,))


def ragged_note(rows):
    """Which rows have another length than most, by example."""
    if not rows.ragged:
        return ""
    places = ", ".join(f"line {line} ({plural(width, 'field')})" for line, width in rows.ragged_examples)
    more = ", ..." if rows.ragged > len(rows.ragged_examples) else ""
    return (f"Ragged: {plural(rows.ragged, 'row')} of another length than the {plural(len(rows.names), 'column')}: "
            f"{places}{more}. Absent fields count as missing, surplus fields are left out.")


def mixed_notes(columns):
    """Which columns hold other things than numbers among their numbers."""
    return [f"Mixed: {cut(c.name)} has {share_of(c.numbers, c.present)} numbers; its figures are those of the numbers."
            for c in columns if c.type() == "mixed"]


def estimate_notes(columns):
    """Which figures are not exact, and by how much."""
    found = []
    estimated = [cut(c.name) for c in columns if c.median_is_estimated()]
    if estimated:
        found.append(f"Estimated (~): the median of {', '.join(estimated)}, from a random sample of "
                     f"{columns[0].sample_max:,} values.")
    worst = max((c.undercount() for c in columns if c.top(1)[1]), default=0)
    if worst:
        found.append(f"Approximate (≈): more distinct values than are tracked; a count may be up to {worst:,} too low.")
    return found


def notes(rows, columns, source):
    """Sentences about everything that limits how far the figures can be trusted."""
    blank = f"Skipped: {plural(rows.blank, 'blank line')}." if rows.blank else ""
    wide = f"Only the first {COLUMNS_MAX} columns are measured." if len(rows.names) > COLUMNS_MAX else ""
    found = [source.note(), ragged_note(rows), blank, wide, *mixed_notes(columns), *estimate_notes(columns)]
    return [note for note in found if note]


def report(stdin, options):
    """Reads CSV from `stdin` and returns the description as Markdown."""
    source = TextInput(stdin)
    rows = CsvRows(source.stream, options["delimiter"], options["header"], options["decimal"] == "comma")
    columns = measure(rows, options)
    if not rows.count and not rows.has_header:
        raise SkillError("there are no rows")
    detected = {True: " (detected)", False: ""}
    parts = [
        "# CSV analysis",
        f"**{plural(rows.count, 'row')}, {plural(len(rows.names), 'column')}** · "
        f"delimiter {rows.delimiter_name}{detected[options['delimiter'] == 'auto']} · "
        f"header {'yes' if rows.has_header else 'no'}{detected[options['header'] == 'auto']}",
        *(f"> {note}" for note in notes(rows, columns, source)),
        "## Columns",
        column_table(columns),
    ]
    if options["top"]:
        parts += ["## Top values", top_values_table(columns, options["top"])]
    return "\n\n".join(parts)


if __name__ == "__main__":
    sys.exit(run_skill(report, OPTIONS, __doc__))
