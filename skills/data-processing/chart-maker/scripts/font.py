"""A small font of dots, for images that are made without any library."""

import unicodedata

GLYPH_WIDTH, GLYPH_HEIGHT = 5, 7

# The printable characters of ASCII in order. Seven rows each from the top, a row
# being five dots, most left first, written as one digit of base 32.
_ROWS = """
0000000 4444004 aaa0000 aavavaa 4fke5u4 op248j3 cik8lid 4480000 2488842 8422248 04lel40 044v440 0000c48 000v000 00000cc 01248g0
ehjlphe 4c4444e eh1248v v2421he 26aiv22 vgu11he 68guhhe v124888 ehhehhe ehhf12c 0cc0cc0 0cc0c48 248g842 00v0v00 8421248 eh12404
eh1dlle ehhvhhh uhhuhhu ehggghe sihhhis vgguggv vgguggg ehgnhhf hhhvhhh e44444e 72222ic hikokih ggggggv hrllhhh hhpljhh ehhhhhe
uhhuggg ehhhlid uhhukih fgge11u v444444 hhhhhhe hhhhha4 hhhllla hha4ahh hhha444 v1248gv e88888e 0g84210 e22222e 4ah0000 000000v
8420000 00e1fhf ggmphhu 00egghe 11djhhf 00ehvge 698s888 0fhhf1e ggmphhh 40c444e 20622ic ggikoki c44444e 00qllhh 00mphhh 00ehhhe
00uhugg 00djf11 00mpggg 00ege1u 88s8896 00hhhjd 00hhha4 00hhlla 00ha4ah 00hhf1e 00v248v 2448442 4444444 8442448 008l200
""".split()

_UNKNOWN = "vhhhhhv"  # A box.
_SPELLED = {"…": "~", "–": "-", "—": "-", "−": "-", "’": "'", "‘": "'", "“": '"', "”": '"', "\u00a0": " "}


def _dots(rows):
    return tuple((across, GLYPH_HEIGHT - 1 - row) for row, digit in enumerate(rows)
                 for across in range(GLYPH_WIDTH) if int(digit, 32) >> (GLYPH_WIDTH - 1 - across) & 1)


_GLYPHS = {chr(32 + i): _dots(rows) for i, rows in enumerate(_ROWS)}


def glyph(character):
    """The dots of a character as (across from the left, up from the base). Accents are dropped; others are a box."""
    base = _SPELLED.get(character) or unicodedata.normalize("NFKD", character)[0]
    return _GLYPHS.get(base) or (() if base == " " else _dots(_UNKNOWN))
