#!/usr/bin/env python3
"""Draws a bar, line or scatter chart of a CSV file as SVG or PNG.

  chart.py sales.csv --x region --y quantity --out chart.svg
  chart.py months.csv --kind line --x month --y north --y south --out chart.png
  chart.py sales.csv --kind scatter --x unit_price --y quantity --out chart.svg

The suffix of --out decides the format. In bar and line charts rows with the
same x are combined; a scatter chart has a point for each row. Except for bars,
numbers and ISO dates on the x axis are placed by their value, everything else
in order of appearance.
"""

import argparse
import os
import sys

from plot import draw
from series import POINTS_MAX, ChartError, read_series


def parse_arguments():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("csv", help="the CSV file, with a header row")
    parser.add_argument("--x", required=True, metavar="COLUMN", help="the column of the x axis")
    parser.add_argument("--y", required=True, metavar="COLUMN", action="append",
                        help="a column of numbers; may be given several times")
    parser.add_argument("--out", required=True, metavar="FILE", help="the image to write, .svg or .png")
    parser.add_argument("--kind", choices=tuple(POINTS_MAX), default="bar", help="default: bar")
    parser.add_argument("--combine", choices=("sum", "mean", "count"),
                        help="what rows with the same x give (default: sum); not in a scatter chart")
    parser.add_argument("--delimiter", default=",", metavar="CHAR", help="what separates the fields (default: a comma)")
    parser.add_argument("--title", help="default: what is drawn")
    parser.add_argument("--width", type=_size, default=800, metavar="PX", help="200 to 4000 (default: 800)")
    parser.add_argument("--height", type=_size, default=450, metavar="PX", help="200 to 4000 (default: 450)")
    arguments = parser.parse_args()
    if len(arguments.delimiter) != 1 or not arguments.delimiter.isascii() or arguments.delimiter in '\r\n"':
        parser.error("--delimiter: give one ASCII character")
    if not arguments.out.lower().endswith((".svg", ".png")):
        parser.error("--out: the name must end with .svg or .png")
    if arguments.kind == "scatter" and arguments.combine:
        parser.error("--combine: a scatter chart has a point for each row")
    return arguments


def _size(text):
    if not text.isdecimal() or not 200 <= int(text) <= 4000:
        raise argparse.ArgumentTypeError(f"{text!r} is not from 200 to 4000")
    return int(text)


def image(series, arguments, title):
    """The bytes of the image."""
    width, height = arguments.width, arguments.height
    if arguments.out.lower().endswith(".png"):
        from png import PngCanvas

        canvas = PngCanvas(width, height)
    else:
        from svg import SvgCanvas

        canvas = SvgCanvas(width, height, title)
    draw(canvas, series, arguments.kind, title, width, height)
    return canvas.finish()


def write_whole(path, data):
    """Writes a file that appears whole or not at all."""
    partial = path + ".partial"
    with open(partial, "wb") as file:
        file.write(data)
    os.replace(partial, path)


def main():
    """Reads, draws, writes; returns the exit status."""
    arguments = parse_arguments()
    try:
        series = read_series(arguments.csv, arguments.delimiter, arguments.x, arguments.y,
                             arguments.combine or "sum", arguments.kind)
        title = arguments.title or f"{', '.join(arguments.y)} by {arguments.x}"
        write_whole(arguments.out, image(series, arguments, title))
    except ChartError as error:
        return _fail(str(error))
    except OSError as error:
        return _fail(f"{error.filename}: {error.strerror}")
    sys.stdout.buffer.write(summary(series, arguments, title).encode("utf-8", "replace"))
    return 0


def summary(series, arguments, title):
    """What was drawn, as Markdown."""
    text = (f"# Chart\n\nA {arguments.kind} chart of {title}, written to {arguments.out}. "
            f"Points along x: {len(series.labels)}; rows read: {series.rows}.\n")
    if series.skipped:
        text += f"\n> Cells without a number, left out: {series.skipped}.\n"
    return text


def _fail(message):
    sys.stderr.buffer.write(f"error: {message}\n".encode("utf-8", "replace"))
    return 1


if __name__ == "__main__":
    sys.exit(main())
