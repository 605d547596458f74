"""Lays a chart out on a canvas. All lengths are in units; an SVG unit is a pixel."""

from math import ceil, floor, log10

from series import number_of

# Told apart also by those who see few colours, and on paper (after Okabe and Ito).
COLOURS = ("#0072b2", "#d55e00", "#009e73", "#cc79a7", "#e69f00", "#56b4e9", "#7f7f7f", "#000000")
GRID, ZERO, PAPER = "#dddddd", "#444444", "#ffffff"

TOP, RIGHT, LEFT = 56, 24, 72
BOTTOM_FLAT, BOTTOM_SLANTED = 56, 104
LEGEND_ENTRY = 120
CHARACTER = 7  # The rough width of a letter.
LABEL_CHARS_MAX = 18
TICKS = 5
TITLE_SIZE = 16

# Values that differ by less, compared with their size, are flat: floats could not tell ticks apart.
FLAT_SHARE = 1e-9


def short(text, limit):
    return text if len(text) <= limit else text[:limit - 1] + "…"


def nice_ticks(low, high):
    """Round numbers, evenly spaced, from at most `low` to at least `high`."""
    size = max(abs(low), abs(high))
    if high - low <= FLAT_SHARE * size:
        low, high = (low, low + (size or 1.0)) if low >= 0 else (low, 0.0)
    raw = (high - low) / TICKS
    power = 10.0 ** floor(log10(raw))
    step = next(power * factor for factor in (1, 2, 2.5, 5, 10) if power * factor >= raw * 0.999)
    return [step * i for i in range(floor(low / step), ceil(high / step) + 1)]


def tick_text(value):
    return f"{value:.10g}" if value == 0 or 1e-3 <= abs(value) < 1e9 else f"{value:.3g}"


def x_values(labels):
    """Where labels stand on an x axis with a scale: numbers and ISO dates by value, else by order."""
    numbers = [number_of(label) for label in labels]
    if None not in numbers:
        return numbers
    from datetime import date

    try:
        return [float(date.fromisoformat(label).toordinal()) for label in labels]
    except ValueError:
        order = {label: float(i) for i, label in enumerate(dict.fromkeys(labels))}
        return [order[label] for label in labels]


class Plot:
    """The area within the axes and its scales."""

    def __init__(self, series, kind, width, height):
        numbers = [v for values in series.values.values() for v in values if v is not None]
        include_zero = kind == "bar" or min(numbers) >= 0 and min(numbers) < max(numbers) / 2
        low, high = min(numbers), max(numbers)
        self.ticks = nice_ticks(min(low, 0.0), max(high, 0.0)) if include_zero else nice_ticks(low, high)
        self.left, self.right = LEFT, width - RIGHT
        self.x_ticks = self._ticks_along_x(series.labels, kind)
        slot = (width - LEFT - RIGHT) / len(series.labels)
        longest = min(LABEL_CHARS_MAX, max(map(len, series.labels)))
        self.slanted = self.x_ticks is None and longest * CHARACTER > slot
        self.top, self.bottom = TOP, height - (BOTTOM_SLANTED if self.slanted else BOTTOM_FLAT)

    @staticmethod
    def _ticks_along_x(labels, kind):
        """Round numbers, if the x axis has numbers by value; else None: the labels are written."""
        if kind == "bar":
            return None
        numbers = [number_of(label) for label in labels]
        if None in numbers:
            return None
        return nice_ticks(min(numbers), max(numbers))

    def y(self, value):
        low, high = self.ticks[0], self.ticks[-1]
        return self.bottom - (value - low) / (high - low) * (self.bottom - self.top)

    def slots(self, count):
        """The centres of `count` slots of equal width, and that width."""
        slot = (self.right - self.left) / count
        return [self.left + slot * (i + 0.5) for i in range(count)], slot

    def spread(self, values):
        """`values` scaled to the width; a single one stands in the middle unless there are ticks."""
        low, high = (self.x_ticks[0], self.x_ticks[-1]) if self.x_ticks else (min(values), max(values))
        if low == high:
            return [(self.left + self.right) / 2 for _ in values]
        margin = 12
        room = self.right - self.left - 2 * margin
        return [self.left + margin + (v - low) / (high - low) * room for v in values]


def draw(canvas, series, kind, title, width, height):
    """Draws the whole chart."""
    plot = Plot(series, kind, width, height)
    canvas.rect(0, 0, width, height, PAPER)
    canvas.text(LEFT, 24, short(title, width // 9), size=TITLE_SIZE)
    _legend(canvas, series, width)
    _grid(canvas, plot)
    centres = _bars(canvas, series, plot) if kind == "bar" else _points(canvas, series, plot, kind == "line")
    if plot.x_ticks:
        for tick, x in zip(plot.x_ticks, plot.spread(plot.x_ticks)):
            canvas.text(x, plot.bottom + 18, tick_text(tick), anchor="middle")
    else:
        _x_labels(canvas, series.labels, centres, plot)


def _legend(canvas, series, width):
    """A coloured square and a name per series, when there are several."""
    if len(series.values) == 1:
        return
    entry = min(LEGEND_ENTRY, (width - LEFT - RIGHT) // len(series.values))
    for i, name in enumerate(series.values):
        x = LEFT + i * entry
        canvas.rect(x, 35, 10, 10, COLOURS[i])
        canvas.text(x + 14, 44, short(name, max(3, (entry - 20) // CHARACTER)))


def _grid(canvas, plot):
    """A line and a number per tick; the zero line is dark."""
    for tick in plot.ticks:
        y = plot.y(tick)
        canvas.line([(plot.left, y), (plot.right, y)], ZERO if tick == 0 else GRID, 1)
        canvas.text(plot.left - 8, y + 4, tick_text(tick), anchor="end")


def _x_labels(canvas, labels, centres, plot):
    """As many labels as fit, slanted when they are long."""
    last = float("-inf")
    for label, x in sorted(zip(labels, centres), key=lambda pair: pair[1]):
        text = short(label, LABEL_CHARS_MAX)
        room = 16 if plot.slanted else (len(text) + 1) * CHARACTER
        if x - last >= room:
            last = x
            canvas.text(x, plot.bottom + 18, text, anchor="end" if plot.slanted else "middle", slanted=plot.slanted)


def _bars(canvas, series, plot):
    """Draws the bars and returns the centres of their groups."""
    centres, slot = plot.slots(len(series.labels))
    bar = slot * 0.8 / len(series.values)
    for i, (name, values) in enumerate(series.values.items()):
        for label, centre, value in zip(series.labels, centres, values):
            if value is not None:
                top, base = sorted((plot.y(value), plot.y(0.0)))
                canvas.rect(centre - slot * 0.4 + i * bar, top, bar, base - top, COLOURS[i], tip(name, label, value))
    return centres


def _points(canvas, series, plot, joined):
    """Draws the points, with lines between them if `joined`, and returns their x. A missing value leaves a gap."""
    centres = plot.spread(x_values(series.labels))
    order = sorted(range(len(centres)), key=centres.__getitem__)
    for i, (name, values) in enumerate(series.values.items()):
        places = [(centres[at], plot.y(values[at])) if values[at] is not None else None for at in order]
        for run in runs_of(places) if joined else ():
            canvas.line(run, COLOURS[i], 2)
        for at, place in zip(order, places):
            if place:
                canvas.circle(*place, 2.5 if joined else 3.5, COLOURS[i], tip(name, series.labels[at], values[at]))
    return centres


def runs_of(points):
    """Splits at None into runs of at least two points; a lone point needs no line."""
    runs = [[]]
    for point in points:
        if point is None:
            runs.append([])
        else:
            runs[-1].append(point)
    return [run for run in runs if len(run) > 1]


def tip(name, label, value):
    """What a mark stands for."""
    return f"{name}, {label}: {value:.10g}"
