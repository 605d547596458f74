"""Turns plain text or Markdown into blocks of prose.

A block is a string without newlines: a paragraph, a list item, a quotation.
No sentence spans two blocks. Every pattern here runs in linear time, since
the input may be large and hostile.
"""

import re

# Signs of Markdown that ordinary prose does not show.
MARKDOWN_SIGNS = re.compile(
    r"^(?:#{1,6} \S|```|~~~|[-*+] \[[ x]\] |\|.*\|[ \t]*$|.{0,500}\]\(\S)", re.MULTILINE)

# One sign may be chance; with two the text is Markdown. The beginning of a text is enough to tell.
MARKDOWN_SIGNS_MIN = 2
MARKDOWN_LOOK_CHARS = 64 * 1024

NEWLINE = re.compile(r"\r\n?|[\n\x0b\x0c\x85\u2028\u2029]")
FENCE = re.compile(r"\s*(`{3,}|~{3,})")
HEADING = re.compile(r" {0,3}#{1,6}(?:\s|$)")
SETEXT_UNDERLINE = re.compile(r" {0,3}(?:=+|-+)\s*$")
RULE = re.compile(r"\s{0,3}[-*_=][-*_= \t]+$")
TABLE_ROW = re.compile(r"\s*\|")
TABLE_DELIMITER = re.compile(r"[\s|:-]*-[\s|:-]*$")
DEFINITION = re.compile(r" {0,3}\[[^\[\]]{1,500}\]:")
LIST_ITEM = re.compile(r"\s*(?:[-*+•]|\d{1,9}[.)])\s+(?:\[[ xX]\]\s+)?")
QUOTE = re.compile(r"\s*>[>\s]*")
INDENTED_CODE = re.compile(r"(?: {4}|\t)")

COMMENT = re.compile(r"<!--.*?(?:-->|\Z)", re.DOTALL)
TAG = re.compile(r"</?[A-Za-z][^<>]{0,2000}>")
AUTOLINK = re.compile(r"<((?:https?|mailto):[^<>\s]{0,2000})>")
IMAGE = re.compile(r"!\[[^\[\]]*\](?:\([^()]*\)|\[[^\[\]]*\])")
LINK = re.compile(r"\[([^\[\]]*)\](?:\([^()]*\)|\[[^\[\]]*\])")
OPENING_EMPHASIS = re.compile(r"(?<!\w)(?:\*{1,3}|_{1,3}|~~)(?=\S)")
CLOSING_EMPHASIS = re.compile(r"(?<=\S)(?:\*{1,3}|_{1,3}|~~)(?!\w)")
ESCAPE = re.compile(r"\\([!-/:-@\[-`{-~])")


def looks_like_markdown(text):
    """Whether the beginning of `text` shows at least two signs of Markdown."""
    signs = MARKDOWN_SIGNS.finditer(text[:MARKDOWN_LOOK_CHARS])
    return sum(1 for _, _ in zip(range(MARKDOWN_SIGNS_MIN), signs)) == MARKDOWN_SIGNS_MIN


def text_blocks(text):
    """Yields the paragraphs and list items of plain text."""
    return _join_lines((_plain_line(line) for line in NEWLINE.split(text)))


def _plain_line(line):
    """Returns (starts a block, text) of a line; an empty text ends a block."""
    if RULE.match(line):
        return True, ""
    item = LIST_ITEM.match(line)
    return (True, line[item.end():]) if item else (False, line)


def markdown_blocks(text):
    """Yields the prose of Markdown.

    Kept are paragraphs, list items and quotations, with the text of links
    and of inline code. Left out are headings, code blocks, tables, images,
    HTML, comments, link definitions and the front matter.
    """
    lines = NEWLINE.split(COMMENT.sub(" ", text))
    lines = _without_indented_code(_without_fenced_code(_without_front_matter(lines)))
    for block in _join_lines(_markdown_line(line) for line in _without_headings(lines)):
        inline = _inline_text(block)
        if inline:
            yield inline


def _join_lines(lines):
    """Joins (starts a block, text) pairs to blocks."""
    block = []
    for starts, line in lines:
        line = line.strip()
        if block and (starts or not line):
            yield " ".join(block)
            block = []
        if line:
            block.append(line)
    if block:
        yield " ".join(block)


def _without_front_matter(lines):
    """Drops a leading block between two `---` lines."""
    if lines and lines[0].rstrip() == "---":
        for index, line in enumerate(lines[1:], 1):
            if line.rstrip() == "---":
                return lines[index + 1:]
    return lines


def _without_fenced_code(lines):
    """Drops code between fences, and an unclosed fence to the end; each leaves an empty line."""
    fence = ""
    for line in lines:
        mark = FENCE.match(line)
        if not fence and not mark:
            yield line
        elif not fence:
            fence = mark[1]
            yield ""
        elif mark and mark[1].startswith(fence) and not line.strip().strip(fence[0]):
            fence = ""


def _without_indented_code(lines):
    """Drops indented lines after an empty one, except in a list, where they continue an item."""
    after_blank, in_list = True, False
    for line in lines:
        if after_blank and not in_list and INDENTED_CODE.match(line):
            continue
        after_blank = not line.strip()
        if not after_blank:
            in_list = bool(LIST_ITEM.match(line)) or (in_list and line[0].isspace())
        yield line


def _without_headings(lines):
    """Drops both kinds of headings; each leaves an empty line."""
    held = ""
    for line in lines:
        if held.strip() and SETEXT_UNDERLINE.match(line):
            held, line = "", ""
        elif HEADING.match(line):
            line = ""
        yield held
        held = line
    yield held


def _markdown_line(line):
    """Returns (starts a block, text) of a line of Markdown outside code."""
    quote = QUOTE.match(line)
    if quote:
        line = line[quote.end():]
    dropped = (RULE.match(line) or TABLE_ROW.match(line) or DEFINITION.match(line)
               or ("|" in line and TABLE_DELIMITER.match(line)))
    if dropped:
        return True, ""
    item = LIST_ITEM.match(line)
    return (True, line[item.end():]) if item else (False, line)


def _inline_text(block):
    """Removes inline markup; code between backticks keeps its characters."""
    block = IMAGE.sub("", block)
    block = LINK.sub(r"\1", block)
    block = TAG.sub("", AUTOLINK.sub(r"\1", block))
    parts = block.split("`")
    parts[::2] = [_without_emphasis(part) for part in parts[::2]]
    return " ".join("".join(parts).split())


def _without_emphasis(text):
    return ESCAPE.sub(r"\1", CLOSING_EMPHASIS.sub("", OPENING_EMPHASIS.sub("", text)))
