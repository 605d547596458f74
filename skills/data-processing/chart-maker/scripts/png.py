"""A canvas that becomes a PNG image: a palette, one byte a pixel, and nothing but zlib."""

import struct
import zlib

from font import GLYPH_HEIGHT, GLYPH_WIDTH, glyph

SCALE = 2  # Pixels per unit, so that letters and lines are sharp on today's screens.

BLACK = "#000000"


class PngCanvas:
    """Paints at once; `finish()` gives the bytes of the file. What lies outside is cut off."""

    def __init__(self, width, height):
        self._width, self._height = width * SCALE, height * SCALE
        self._pixels = bytearray(self._width * self._height)
        self._palette = {}

    def rect(self, x, y, width, height, colour, tip=None):
        del tip  # An image has no place for it.
        self._fill(round(x * SCALE), round(y * SCALE), round((x + width) * SCALE), round((y + height) * SCALE), colour)

    def circle(self, x, y, radius, colour, tip=None):
        del tip
        x, y, radius = x * SCALE, y * SCALE, radius * SCALE
        for row in range(int(y - radius), int(y + radius) + 1):
            half = max(0.0, radius * radius - (row + 0.5 - y) ** 2) ** 0.5
            self._fill(round(x - half), row, round(x + half), row + 1, colour)

    def line(self, points, colour, width):
        half = width * SCALE / 2
        scaled = [(x * SCALE, y * SCALE) for x, y in points]
        for begin, end in zip(scaled, scaled[1:]):
            self._segment(*sorted((begin, end)), half, colour)

    def text(self, x, y, text, anchor="start", size=12, slanted=False):
        """Letters of the built-in font; slanted ones are written upwards, as dots look poor at an angle."""
        dot = 3 if size > 12 else 2
        length = len(text) * (GLYPH_WIDTH + 1) * dot
        shift = {"start": 0, "middle": length / 2, "end": length}[anchor]
        column, row = round(x * SCALE), round(y * SCALE)
        for index, character in enumerate(text):
            along = round(index * (GLYPH_WIDTH + 1) * dot - shift)
            for across, up in glyph(character):
                if slanted:
                    left, top = column - up * dot, row - along - (across + 1) * dot
                else:
                    left, top = column + along + across * dot, row - (up + 1) * dot
                self._fill(left, top, left + dot, top + dot, BLACK)

    def finish(self):
        header = struct.pack(">IIBBBBB", self._width, self._height, 8, 3, 0, 0, 0)  # 8 bits, palette.
        colours = b"".join(bytes.fromhex(colour[1:]) for colour in self._palette)
        packer = zlib.compressobj(6)
        rows = []
        for at in range(0, len(self._pixels), self._width):
            rows.append(packer.compress(b"\0" + self._pixels[at:at + self._width]))  # No filter.
        rows.append(packer.flush())
        return (b"\x89PNG\r\n\x1a\n" + _chunk(b"IHDR", header) + _chunk(b"PLTE", colours)
                + _chunk(b"IDAT", b"".join(rows)) + _chunk(b"IEND", b""))

    def _index(self, colour):
        return self._palette.setdefault(colour, len(self._palette))

    def _fill(self, left, top, right, bottom, colour):
        left, right = max(0, left), min(self._width, right)
        if left >= right:
            return
        span = bytes((self._index(colour),)) * (right - left)
        for row in range(max(0, top), min(self._height, bottom)):
            at = row * self._width
            self._pixels[at + left:at + right] = span

    def _segment(self, begin, end, half, colour):
        """A thick line, column by column: one strided write each, so that steep lines cost no more than flat ones."""
        (x0, y0), (x1, y1) = begin, end
        slope = (y1 - y0) / (x1 - x0) if x1 > x0 else 0.0
        index = bytes((self._index(colour),))
        for column in range(max(0, round(x0 - half)), min(self._width, round(x1 + half))):
            near, far = max(x0, column - half), min(x1, column + 1 + half)
            ys = (y0 + (near - x0) * slope, y0 + (far - x0) * slope) if x1 > x0 else (y0, y1)
            top, bottom = max(0, round(min(ys) - half)), min(self._height, round(max(ys) + half))
            if top < bottom:
                rows = slice(top * self._width + column, (bottom - 1) * self._width + column + 1, self._width)
                self._pixels[rows] = index * (bottom - top)


def _chunk(kind, data):
    return struct.pack(">I", len(data)) + kind + data + struct.pack(">I", zlib.crc32(kind + data))
