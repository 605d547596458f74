"""Figures of one column, from batches of cells, in memory that does not grow with the rows."""

from array import array
from collections import Counter
from math import exp, floor, fsum, log, sqrt

from cells import MISSING, kind_of, number_text

# Shared by all columns. Values kept for the median: 8 bytes each.
SAMPLE_VALUES_TOTAL = 1_000_000

# Shared by all columns. Distinct values counted: some 150 bytes each, twice as many for a moment.
TRACKED_VALUES_TOTAL = 100_000

# With many columns none gets less than this.
PER_COLUMN_MIN = 500

# Values that agree in this many characters count as one. Bounds the memory of a tracked value.
VALUE_CHARS_MAX = 100


def share_of(part, whole):
    """`12.5 %`."""
    return f"{100 * part / whole:.1f} %"


def shown_number(value):
    """A number with at most four decimals, or in powers of ten when very large or small."""
    if value and not 1e-3 <= abs(value) < 1e15:
        return f"{value:.6g}"
    return f"{value:.4f}".rstrip("0").rstrip(".")


class Moments:
    """Count, mean and spread of numbers. Batches are joined as Chan's form of Welford's method does."""

    def __init__(self):
        self.count = 0
        self.mean = 0.0
        self.squares = 0.0  # Sum of the squared distances to the mean.

    def add(self, values):
        mean = fsum(values) / len(values)
        squares = fsum([(value - mean) ** 2 for value in values])
        both = self.count + len(values)
        distance = mean - self.mean
        self.mean += distance * len(values) / both
        self.squares += squares + distance * distance * self.count * len(values) / both
        self.count = both

    def stdev(self):
        """The sample standard deviation; None below two values."""
        return sqrt(self.squares / (self.count - 1)) if self.count > 1 else None


class Sample:
    """All values up to `size`, then a uniform random sample of that size (Li's algorithm L).

    The seed is fixed: the same input gives the same estimate.
    """

    def __init__(self, size):
        self.size = size
        self.seen = 0
        self.values = array("d")
        self._random = None
        self._weight = 1.0
        self._next = 0  # Which value enters next, counted from the first seen.

    def add(self, values):
        room = self.size - len(self.values)
        if room:
            self.values.extend(array("d", values[:room]))
        if self.seen + len(values) > self.size:
            self._replace(values)
        self.seen += len(values)

    def _replace(self, values):
        if self._random is None:
            from random import Random  # Only large inputs come here.

            self._random = Random(1)
            self._next = self.size - 1
            self._skip()
        while self._next < self.seen + len(values):
            self.values[self._random.randrange(self.size)] = values[self._next - self.seen]
            self._skip()

    def _skip(self):
        self._weight *= exp(log(1 - self._random.random()) / self.size)
        self._next += floor(log(1 - self._random.random()) / log(1 - self._weight)) + 1

    def median(self):
        ordered = sorted(self.values)
        middle = len(ordered) // 2
        return ordered[middle] if len(ordered) % 2 else (ordered[middle - 1] + ordered[middle]) / 2


class TopValues:
    """Counts values; of more than `size` distinct ones only the frequent stay (Misra and Gries).

    After trimming, a count may be too low by at most `undercount`.
    """

    def __init__(self, size):
        self.size = size
        self.undercount = 0
        self.counts = Counter()

    def add(self, counts):
        self.counts.update(counts)
        if len(self.counts) > 2 * self.size:
            self._trim()

    def _trim(self):
        floor_count = sorted(self.counts.values())[-self.size - 1]
        self.undercount += floor_count
        self.counts = Counter({v: n - floor_count for v, n in self.counts.items() if n > floor_count})


class Column:
    """One column. `columns` is how many share the memory."""

    def __init__(self, name, columns, decimal_comma):
        self.name = name
        self.missing = 0
        self.present = 0
        self.kinds = Counter()
        self.sample_max = max(PER_COLUMN_MIN, SAMPLE_VALUES_TOTAL // columns)
        self._decimal_comma = decimal_comma
        self._moments = Moments()
        self._sample = Sample(self.sample_max)
        self._top = TopValues(max(PER_COLUMN_MIN, TRACKED_VALUES_TOTAL // columns))
        self._number_range = None
        self._text_range = None

    @property
    def numbers(self):
        return self.kinds["integer"] + self.kinds["number"]

    def add(self, cells):
        """Measures a batch of cells."""
        counts = Counter(map(str.strip, cells))
        absent = sum(counts.pop(value, 0) for value in MISSING)
        self.missing += absent
        self.present += len(cells) - absent
        if not counts:
            return
        self._add_by_kind(counts)
        if max(map(len, counts)) > VALUE_CHARS_MAX:
            counts = shortened(counts)
        self._top.add(counts)

    def _add_by_kind(self, counts):
        """Each distinct value is judged once, however often it occurs."""
        numbers = []
        for value, times in counts.items():
            kind = kind_of(value, self._decimal_comma)
            self.kinds[kind] += times
            if kind in ("integer", "number"):
                number = float(number_text(value, self._decimal_comma))
                numbers += [number] * times
        if numbers:
            self._moments.add(numbers)
            self._sample.add(numbers)
            self._number_range = joined_range(self._number_range, numbers)
        self._text_range = joined_range(self._text_range, [value[:VALUE_CHARS_MAX] for value in counts])

    def is_numeric(self):
        """Whether figures make sense: at least half of the values are numbers."""
        return 0 < self.present <= 2 * self.numbers

    def type(self):
        """integer, number, boolean, date, text, mixed (at least half numbers) or empty."""
        if not self.present:
            return "empty"
        if self.numbers == self.present:
            return "number" if self.kinds["number"] else "integer"
        if self.is_numeric():
            return "mixed"
        kinds = list(self.kinds)
        return kinds[0] if len(kinds) == 1 else "text"

    def low(self):
        """The smallest number, or the first date or text in order."""
        return self._end(0)

    def high(self):
        """The largest number, or the last date or text in order."""
        return self._end(1)

    def _end(self, which):
        if self.is_numeric():
            return shown_number(self._number_range[which])
        return self._text_range[which] if self._text_range else ""

    def mean(self):
        return shown_number(self._moments.mean) if self.is_numeric() else ""

    def median(self):
        if not self.is_numeric():
            return ""
        return ("~" if self.median_is_estimated() else "") + shown_number(self._sample.median())

    def median_is_estimated(self):
        return self.is_numeric() and self.numbers > self.sample_max

    def stdev(self):
        spread = self._moments.stdev()
        return shown_number(spread) if self.is_numeric() and spread is not None else ""

    def undercount(self):
        """By how much the counts of top() may be too low."""
        return self._top.undercount

    def distinct(self):
        """How many distinct values there are; a lower bound when not all were tracked."""
        prefix = "more than " if self._top.undercount else ""
        return f"{prefix}{self._top.size if prefix else len(self._top.counts):,}"

    def top(self, count):
        """Returns ([(value, times)], whether they are approximate).

        Only values that repeat, and of approximate ones only those that occur
        more often than the count may be wrong.
        """
        least = max(2, self._top.undercount + 1)
        frequent = [(v, n) for v, n in self._top.counts.most_common(count) if n >= least]
        return frequent, bool(frequent) and self._top.undercount > 0


def joined_range(known, values):
    """The (smallest, largest) of a range known so far, or None, and more values."""
    low, high = min(values), max(values)
    return (min(known[0], low), max(known[1], high)) if known else (low, high)


def shortened(counts):
    """`counts` with long values cut and their counts joined."""
    short = Counter()
    for value, times in counts.items():
        short[value if len(value) <= VALUE_CHARS_MAX else value[:VALUE_CHARS_MAX] + "…"] += times
    return short
