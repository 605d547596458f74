"""A canvas that becomes an SVG document."""


def escape(text):
    """`text` as it may stand in XML; what XML cannot hold becomes U+FFFD."""
    legal = "".join(c if c.isprintable() else "\ufffd" for c in text)
    return legal.replace("&", "&amp;").replace("<", "&lt;").replace(">", "&gt;").replace('"', "&quot;")


class SvgCanvas:
    """Collects elements; `finish()` gives the bytes of the document."""

    def __init__(self, width, height, title):
        self._parts = [
            f'<svg xmlns="http://www.w3.org/2000/svg" width="{width}" height="{height}" '
            f'viewBox="0 0 {width} {height}" role="img" font-family="sans-serif" font-size="12">',
            f"<title>{escape(title)}</title>",
        ]

    def rect(self, x, y, width, height, colour, tip=None):
        self._add("rect", f'x="{x:.1f}" y="{y:.1f}" width="{width:.1f}" height="{height:.1f}" fill="{colour}"', tip)

    def circle(self, x, y, radius, colour, tip=None):
        self._add("circle", f'cx="{x:.1f}" cy="{y:.1f}" r="{radius}" fill="{colour}"', tip)

    def line(self, points, colour, width):
        places = " ".join(f"{x:.1f},{y:.1f}" for x, y in points)
        self._add("polyline", f'points="{places}" fill="none" stroke="{colour}" stroke-width="{width}"', None)

    def text(self, x, y, text, anchor="start", size=12, slanted=False):
        turn = f' transform="rotate(-40 {x:.1f} {y:.1f})"' if slanted else ""
        weight = ' font-weight="bold"' if size > 12 else ""
        self._parts.append(f'<text x="{x:.1f}" y="{y:.1f}" text-anchor="{anchor}" font-size="{size}"{weight}{turn}>'
                           f"{escape(text)}</text>")

    def finish(self):
        return ("\n".join([*self._parts, "</svg>"]) + "\n").encode("utf-8", "replace")

    def _add(self, element, attributes, tip):
        """Browsers show a `tip` when the pointer rests on the element."""
        inside = f"><title>{escape(tip)}</title></{element}>" if tip is not None else "/>"
        self._parts.append(f"<{element} {attributes}{inside}")
