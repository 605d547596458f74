#!/usr/bin/env python3
"""Summarises the text on standard input: its most telling sentences, in their own order.

  run.py --sentences 3 < article.txt
"""

import sys

from skillkit import IntOption, SkillError, TextInput, WordOption, plural, printable, run_skill
from plaintext import looks_like_markdown, markdown_blocks, text_blocks
from summarizer import sentences_of, summarize, word_count

OPTIONS = (
    IntOption("sentences", 5, "sentences to keep", 1, 50),
    IntOption("keywords", 6, "key words to name", 0, 20),
    WordOption("style", "list", "one bullet per sentence, or running text",
           ("list", "paragraph")),
    WordOption("format", "auto", "how to read the input", ("auto", "markdown", "text")),
)

# About 3,000 pages. Keeps the worst input within some ten seconds and 300 MB.
TEXT_CHARS_MAX = 8 * 1024 * 1024

# One bullet stays within a few terminal lines, whatever the input calls a sentence.
SHOWN_CHARS_MAX = 600


def read_text(stdin):
    """Returns the text and a list of notes about what had to be done to it."""
    source = TextInput(stdin)
    text = source.stream.read(TEXT_CHARS_MAX + 1)
    if "\0" in text:
        raise SkillError("the input is binary data, not text")
    if not text.strip():
        raise SkillError("there is no text to summarise; send some as the intent's data or on standard input")
    notes = [source.note()] if source.note() else []
    if len(text) > TEXT_CHARS_MAX:
        notes.append(f"Only the first {TEXT_CHARS_MAX:,} characters were read.")
    return text[:TEXT_CHARS_MAX], notes


def shown(sentence):
    """`sentence` as one printable line of bounded length."""
    line = printable(sentence)
    if len(line) <= SHOWN_CHARS_MAX:
        return line
    return line[:SHOWN_CHARS_MAX].rsplit(" ", 1)[0] + " …"


def report(stdin, options):
    """Reads text from `stdin` and returns the summary as Markdown."""
    text, notes = read_text(stdin)
    markdown = options["format"] == "markdown" or (
        options["format"] == "auto" and looks_like_markdown(text))
    sentences = sentences_of(markdown_blocks(text) if markdown else text_blocks(text))
    if not sentences:
        raise SkillError("the input holds no sentences, only markup, code or numbers")
    best, named = summarize(sentences, options["sentences"], options["keywords"])
    kept = list(map(shown, best))
    body = " ".join(kept) if options["style"] == "paragraph" else "\n".join("- " + s for s in kept)
    words = sum(map(word_count, sentences))
    facts = [f"{len(kept)} of {plural(len(sentences), 'sentence')}, {plural(words, 'word')}"]
    if markdown:
        facts.append("read as Markdown, without its code, tables and headings")
    tail = ["*" + "; ".join(facts) + "*"]
    if named:
        tail.insert(0, "**Key words:** " + ", ".join(named))
    tail += [f"> {note}" for note in notes]
    return "# Summary\n\n" + body + "\n\n" + "\n\n".join(tail)


if __name__ == "__main__":
    sys.exit(run_skill(report, OPTIONS, __doc__))
