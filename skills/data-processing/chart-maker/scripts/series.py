"""Reads the columns of a CSV file that a chart shows."""

import csv
from math import isfinite

# More cannot be told apart on a page.
POINTS_MAX = {"bar": 60, "line": 5000, "scatter": 5000}
SERIES_MAX = 8

FIELD_CHARS_MAX = 64 * 1024

# Beyond this, sums and scales would leave the range of a float.
VALUE_ABS_MAX = 1e100


class ChartError(Exception):
    """The chart cannot be drawn. The message is for people."""


class Series:
    """What to draw: `labels` along x, and per name in `values` a number or None for each label.

    A scatter chart has a label for each row; otherwise rows with the same label are combined.

    `rows` counts the rows read, `skipped` the cells that held no number.
    """

    def __init__(self, names, kind):
        self.labels = []
        self.values = {name: [] for name in names}
        self.rows = 0
        self.skipped = 0
        self._kind = kind
        self._index = {}
        self._counts = {name: [] for name in names}

    def add(self, label, cells):
        """Adds a row: the label and one cell per name."""
        self.rows += 1
        at_end = len(self.labels)
        index = at_end if self._kind == "scatter" else self._index.setdefault(label, at_end)
        if index == len(self.labels):
            self._grow(label)
        for name, cell in zip(self.values, cells):
            number = number_of(cell)
            if number is None:
                self.skipped += 1
                continue
            self.values[name][index] = (self.values[name][index] or 0.0) + number
            self._counts[name][index] += 1

    def _grow(self, label):
        if len(self.labels) == POINTS_MAX[self._kind]:
            what = "rows in" if self._kind == "scatter" else "different values on the x axis of"
            raise ChartError(f"more than {POINTS_MAX[self._kind]} {what} a {self._kind} chart; "
                             "choose a column with fewer, or another kind")
        self.labels.append(label)
        for name in self.values:
            self.values[name].append(None)
            self._counts[name].append(0)

    def combine(self, how):
        """Turns the sums into what was asked for; rows without any number stay None."""
        for name, counts in self._counts.items():
            sums = self.values[name]
            if how == "mean":
                self.values[name] = [s / n if n else None for s, n in zip(sums, counts)]
            elif how == "count":
                self.values[name] = [float(n) for n in counts]


def number_of(cell):
    """The number in a cell, or None."""
    try:
        number = float(cell) if "_" not in cell else None
    except ValueError:
        return None
    return number if number is not None and isfinite(number) and abs(number) <= VALUE_ABS_MAX else None


def read_series(path, delimiter, x, ys, combine, kind):
    """Reads the columns `x` and `ys` of a CSV file with a header row."""
    if len(set(ys)) < len(ys) or len(ys) > SERIES_MAX:
        raise ChartError(f"--y: at most {SERIES_MAX} columns, each once")
    csv.field_size_limit(FIELD_CHARS_MAX)
    series = Series(ys, kind)
    with open(path, encoding="utf-8-sig", errors="replace", newline="") as file:
        rows = csv.reader(file, delimiter=delimiter)
        try:
            _read_rows(rows, x, ys, series)
        except csv.Error as error:
            raise ChartError(f"{path}, line {rows.line_num}: {error}") from None
    if not any(value is not None for values in series.values.values() for value in values):
        raise ChartError(f"there are no numbers in {', '.join(ys)}")
    series.combine(combine)
    return series


def _read_rows(rows, x, ys, series):
    header = [name.strip() for name in next(rows, [])]
    for name in (x, *ys):
        if name not in header:
            raise ChartError(f"no column {name!r}; there are: {', '.join(header) or 'none'}")
    label_at, cells_at = header.index(x), [header.index(y) for y in ys]
    for row in rows:
        if row:
            row += [""] * (len(header) - len(row))
            series.add(row[label_at].strip() or "(none)", [row[at] for at in cells_at])
