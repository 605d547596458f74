"""Reads CSV as a stream: finds delimiter and header in a sample, then yields batches of rows."""

import csv
import io
from collections import Counter
from itertools import chain

from cells import kind_of, is_missing
from skillkit import SkillError

DELIMITERS = {"comma": ",", "semicolon": ";", "tab": "\t", "pipe": "|"}

# What delimiter and header are judged by.
SAMPLE_CHARS = 64 * 1024
SAMPLE_ROWS = 200

# Both bounds stop an unclosed quote or a file without newlines from filling the memory.
LINE_CHARS_MAX = 4 * 1024 * 1024
FIELD_CHARS_MAX = 1024 * 1024

RAGGED_EXAMPLES_MAX = 5


class CsvRows:
    """The rows of a CSV stream, read once.

    `names` and `has_header` are known at once; `count`, `blank` and `ragged`
    are complete when `batches` has ended.
    """

    def __init__(self, stream, delimiter, header, decimal_comma):
        csv.field_size_limit(FIELD_CHARS_MAX)
        sample = stream.read(SAMPLE_CHARS)
        _refuse_useless(sample)
        sample += stream.readline(LINE_CHARS_MAX)  # The sample ends with a whole line.
        lines = sample_lines(sample)
        self.delimiter_name = find_delimiter(lines, decimal_comma) if delimiter == "auto" else delimiter
        separator = DELIMITERS[self.delimiter_name]
        first, *others = parse_sample(lines, separator)
        self.has_header = header == "yes" or (
            header == "auto" and looks_like_header(first, others, decimal_comma))
        width = len(first) if self.has_header else most_common_width([first, *others])
        self.names = column_names(first if self.has_header else [], width)
        self.count = self.blank = self.ragged = 0
        self.ragged_examples = []  # (line, number of fields)
        self._reader = csv.reader(chain(lines, _bounded_lines(stream)), delimiter=separator)

    def batches(self, rows_max):
        """Yields lists of at most `rows_max` rows, each as long as `names`."""
        batch = []
        for row in self._data_rows():
            batch.append(row)
            if len(batch) == rows_max:
                yield batch
                batch = []
        if batch:
            yield batch

    def _data_rows(self):
        width = len(self.names)
        skip_header = self.has_header
        for row in self._checked_reader():
            if not row:
                self.blank += 1
            elif skip_header:
                skip_header = False
            else:
                self.count += 1
                yield row if len(row) == width else self._fitted(row, width)

    def _checked_reader(self):
        try:
            yield from self._reader
        except csv.Error as error:
            raise SkillError(f"line {self._reader.line_num}: {error}; an unclosed quote, perhaps?") from None

    def _fitted(self, row, width):
        self.ragged += 1
        if len(self.ragged_examples) < RAGGED_EXAMPLES_MAX:
            self.ragged_examples.append((self._reader.line_num, len(row)))
        return (row + [""] * (width - len(row)))[:width]


def _refuse_useless(sample):
    if "\0" in sample:
        raise SkillError("the input is binary data, not CSV")
    if not sample.strip():
        raise SkillError("there is no CSV to analyse; send some as the intent's data or on standard input")


def sample_lines(text):
    """Splits at line ends as the csv module means them, and only there."""
    return list(io.StringIO(text, newline=""))


def _bounded_lines(stream):
    while line := stream.readline(LINE_CHARS_MAX):
        if len(line) == LINE_CHARS_MAX:
            raise SkillError(f"a line is longer than {LINE_CHARS_MAX:,} characters; this does not look like CSV")
        yield line


def parse_sample(lines, separator):
    """Returns the first rows that are not blank. A broken quote ends the sample early."""
    rows = []
    try:
        for row in csv.reader(lines, delimiter=separator):
            if row:
                rows.append(row)
            if len(rows) == SAMPLE_ROWS:
                break
    except csv.Error:
        pass  # Reported with its line when the row is reached for good.
    return rows or [[""]]


def most_common_width(rows):
    """The number of fields that most rows have."""
    return Counter(map(len, rows)).most_common(1)[0][0]


def find_delimiter(lines, decimal_comma=False):
    """Names the delimiter that gives most rows one same number of fields, at least two.

    Between equals the one with more fields wins, then the more usual. Without
    any the input is one column, for which any delimiter will do. A comma that
    is the decimal mark separates nothing.
    """
    def merit(name):
        rows = parse_sample(lines, DELIMITERS[name])
        width = most_common_width(rows)
        agreeing = sum(1 for row in rows if len(row) == width)
        return (width > 1, agreeing / len(rows), width)

    return max((name for name in DELIMITERS if not (decimal_comma and name == "comma")), key=merit)


def looks_like_header(first, others, decimal_comma):
    """Whether the first row holds names: distinct texts that do not recur below them."""
    if not others or len(set(first)) < len(first):
        return False
    if any(is_missing(cell) or kind_of(cell, decimal_comma) != "text" for cell in first):
        return False
    return not any(name in values for name, values in zip(first, zip(*others)))


def column_names(header, width):
    """The header's names, made distinct; `column 3` where there is none."""
    seen = Counter()
    names = []
    for index in range(width):
        name = header[index].strip() if index < len(header) else ""
        name = name or f"column {index + 1}"
        seen[name] += 1
        names.append(name if seen[name] == 1 else f"{name} ({seen[name]})")
    return names
