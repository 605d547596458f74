"""What a single cell of a CSV is."""

import re

# Spellings of "no value", besides cells of only white space.
MISSING = frozenset(("", "NA", "N/A", "n/a", "#N/A", "NULL", "Null", "null", "None", "none", "NaN", "nan", "-", "?"))

NUMBER = re.compile(r"[+-]?(?:[0-9]+\.?[0-9]*|\.[0-9]+)(?:[eE][+-]?[0-9]{1,3})?")
INTEGER = re.compile(r"[+-]?[0-9]+")
DATE = re.compile(r"[0-9]{4}([-/])(?:0[1-9]|1[0-2])\1(?:0[1-9]|[12][0-9]|3[01])"
                  r"(?:[T ](?:[01][0-9]|2[0-3]):[0-5][0-9](?::[0-6][0-9](?:\.[0-9]{1,9})?)?"
                  r"(?:Z|[+-][0-9]{2}:?[0-9]{2})?)?")
BOOLEANS = frozenset(("true", "false", "yes", "no"))

# More digits than this are an identifier or a mistake; they are text.
NUMBER_CHARS_MAX = 40

# The squares of larger numbers, summed, would leave the range of a float; they are text.
NUMBER_ABS_MAX = 1e100


def is_missing(cell):
    """Whether a cell holds no value."""
    return cell.strip() in MISSING


def number_text(cell, decimal_comma):
    """The cell as float() reads it; a lone decimal comma becomes a point."""
    if not decimal_comma:
        return cell
    return cell.replace(",", ".") if "." not in cell else "not a number"


def kind_of(cell, decimal_comma):
    """Names the kind of a cell that is not missing: integer, number, boolean, date or text."""
    cell = cell.strip()
    if len(cell) <= NUMBER_CHARS_MAX:
        number = number_text(cell, decimal_comma)
        if INTEGER.fullmatch(number):
            return "integer"
        if NUMBER.fullmatch(number) and abs(float(number)) <= NUMBER_ABS_MAX:
            return "number"
        if DATE.fullmatch(cell):
            return "date"
        if cell.lower() in BOOLEANS:
            return "boolean"
    return "text"
