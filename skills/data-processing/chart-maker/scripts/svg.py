"""Draws series as an SVG document. All lengths are in pixels."""

from math import ceil, floor, log10

from series import number_of

# Told apart also by those who see few colours, and on paper (after Okabe and Ito).
COLOURS = ("#0072b2", "#d55e00", "#009e73", "#cc79a7", "#e69f00", "#56b4e9", "#7f7f7f", "#000000")

TOP, RIGHT, LEFT = 56, 24, 72
BOTTOM_FLAT, BOTTOM_SLANTED = 56, 104
LEGEND_ENTRY = 120
CHARACTER = 7  # The rough width of a letter.
LABEL_CHARS_MAX = 18
TICKS = 5

# Values that differ by less, compared with their size, are flat: floats could not tell ticks apart.
FLAT_SHARE = 1e-9


def escape(text):
    """`text` as it may stand in XML; what XML cannot hold becomes U+FFFD."""
    legal = "".join(c if c.isprintable() else "\ufffd" for c in text)
    return legal.replace("&", "&amp;").replace("<", "&lt;").replace(">", "&gt;").replace('"', "&quot;")


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
    """Where labels stand on a line's x axis: numbers and ISO dates by value, else by order."""
    numbers = [number_of(label) for label in labels]
    if None not in numbers:
        return numbers
    from datetime import date

    try:
        return [float(date.fromisoformat(label).toordinal()) for label in labels]
    except ValueError:
        return [float(i) for i in range(len(labels))]


class Plot:
    """The area within the axes and its scales."""

    def __init__(self, series, kind, width, height):
        numbers = [v for values in series.values.values() for v in values if v is not None]
        include_zero = kind == "bar" or min(numbers) >= 0 and min(numbers) < max(numbers) / 2
        low, high = min(numbers), max(numbers)
        self.ticks = nice_ticks(min(low, 0.0), max(high, 0.0)) if include_zero else nice_ticks(low, high)
        slot = (width - LEFT - RIGHT) / len(series.labels)
        self.slanted = max(map(len, series.labels)) * CHARACTER > slot
        self.left, self.right = LEFT, width - RIGHT
        self.top, self.bottom = TOP, height - (BOTTOM_SLANTED if self.slanted else BOTTOM_FLAT)

    def y(self, value):
        low, high = self.ticks[0], self.ticks[-1]
        return self.bottom - (value - low) / (high - low) * (self.bottom - self.top)

    def slots(self, count):
        """The centres of `count` slots of equal width, and that width."""
        slot = (self.right - self.left) / count
        return [self.left + slot * (i + 0.5) for i in range(count)], slot

    def spread(self, values):
        """`values` scaled to the width; a single one stands in the middle."""
        low, high = min(values), max(values)
        if low == high:
            return [(self.left + self.right) / 2 for _ in values]
        margin = 12
        room = self.right - self.left - 2 * margin
        return [self.left + margin + (v - low) / (high - low) * room for v in values]


def draw(series, kind, title, width, height):
    """Returns the whole SVG document."""
    plot = Plot(series, kind, width, height)
    if kind == "bar":
        marks, centres = bars(series, plot)
    else:
        marks, centres = lines(series, plot)
    parts = [
        f'<svg xmlns="http://www.w3.org/2000/svg" width="{width}" height="{height}" viewBox="0 0 {width} {height}" '
        f'role="img" font-family="sans-serif" font-size="12">',
        f"<title>{escape(title)}</title>",
        f'<rect width="{width}" height="{height}" fill="#ffffff"/>',
        f'<text x="{LEFT}" y="24" font-size="16" font-weight="bold">{escape(short(title, width // 9))}</text>',
        *legend(series, width), *grid(plot), *marks, *x_labels(series.labels, centres, plot), "</svg>",
    ]
    return "\n".join(parts) + "\n"


def legend(series, width):
    """A coloured square and a name per series, when there are several."""
    if len(series.values) == 1:
        return
    entry = min(LEGEND_ENTRY, (width - LEFT - RIGHT) // len(series.values))
    for i, name in enumerate(series.values):
        x = LEFT + i * entry
        yield f'<rect x="{x}" y="35" width="10" height="10" fill="{COLOURS[i]}"/>'
        yield f'<text x="{x + 14}" y="44">{escape(short(name, max(3, (entry - 20) // CHARACTER)))}</text>'


def grid(plot):
    """A line and a number per tick; the zero line is dark."""
    for tick in plot.ticks:
        y = plot.y(tick)
        colour = "#444444" if tick == 0 else "#dddddd"
        yield f'<line x1="{plot.left}" y1="{y:.1f}" x2="{plot.right}" y2="{y:.1f}" stroke="{colour}"/>'
        yield f'<text x="{plot.left - 8}" y="{y + 4:.1f}" text-anchor="end">{tick_text(tick)}</text>'


def x_labels(labels, centres, plot):
    """As many labels as fit, slanted when they are long."""
    room = 16 if plot.slanted else 0
    last = float("-inf")
    for label, x in sorted(zip(labels, centres), key=lambda pair: pair[1]):
        if x - last < room:
            continue
        last = x
        text = escape(short(label, LABEL_CHARS_MAX))
        y = plot.bottom + 18
        if plot.slanted:
            yield f'<text x="{x:.1f}" y="{y}" text-anchor="end" transform="rotate(-40 {x:.1f} {y})">{text}</text>'
        else:
            yield f'<text x="{x:.1f}" y="{y}" text-anchor="middle">{text}</text>'


def bars(series, plot):
    """Returns (the rectangles, the centres of their groups)."""
    centres, slot = plot.slots(len(series.labels))
    bar = slot * 0.8 / len(series.values)
    marks = []
    for i, (name, values) in enumerate(series.values.items()):
        for label, centre, value in zip(series.labels, centres, values):
            if value is None:
                continue
            top, base = sorted((plot.y(value), plot.y(0.0)))
            marks.append(f'<rect x="{centre - slot * 0.4 + i * bar:.1f}" y="{top:.1f}" width="{bar:.1f}" '
                         f'height="{base - top:.1f}" fill="{COLOURS[i]}">{tip(name, label, value)}</rect>')
    return marks, centres


def lines(series, plot):
    """Returns (the lines with their points, the x of each label). A missing value leaves a gap."""
    centres = plot.spread(x_values(series.labels))
    order = sorted(range(len(centres)), key=centres.__getitem__)
    marks = []
    for i, (name, values) in enumerate(series.values.items()):
        for run in runs_of([(centres[at], plot.y(values[at])) if values[at] is not None else None for at in order]):
            points = " ".join(f"{x:.1f},{y:.1f}" for x, y in run)
            marks.append(f'<polyline points="{points}" fill="none" stroke="{COLOURS[i]}" stroke-width="2"/>')
        for at in order:
            if values[at] is not None:
                marks.append(f'<circle cx="{centres[at]:.1f}" cy="{plot.y(values[at]):.1f}" r="2.5" '
                             f'fill="{COLOURS[i]}">{tip(name, series.labels[at], values[at])}</circle>')
    return marks, centres


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
    """What is shown when the pointer rests on a mark."""
    return f"<title>{escape(name)}, {escape(label)}: {value:.10g}</title>"
