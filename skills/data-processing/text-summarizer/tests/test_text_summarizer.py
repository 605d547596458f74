"""Tests of the text-summarizer skill: its functions, and run.py as a child process."""

import json
import os
import subprocess
import sys
import tempfile
import time
import unittest
from pathlib import Path

SKILL = Path(__file__).resolve().parent.parent
RUN = SKILL / "scripts" / "run.py"
sys.path.insert(0, str(RUN.parent))

from plaintext import looks_like_markdown, markdown_blocks, text_blocks
from summarizer import sentences_of, split_sentences, summarize

DEADLINE_SECONDS = 60


def run(data=b"", *argv, intent=None, **environ):
    """Runs the script as the skill server does; returns (status, stdout, stderr)."""
    env = {"PATH": os.environ["PATH"], "PYTHONDONTWRITEBYTECODE": "1", **environ}
    if intent is not None:
        env["SKILLSCALE_INTENT"] = intent if isinstance(intent, str) else json.dumps(intent)
    data = data if isinstance(data, bytes) else data.encode()
    done = subprocess.run([str(RUN), *argv], input=data, env=env, capture_output=True,
                          timeout=DEADLINE_SECONDS)
    return done.returncode, done.stdout.decode(), done.stderr.decode()


def bullets(markdown):
    return [line[2:] for line in markdown.splitlines() if line.startswith("- ")]


class SplitSentencesTest(unittest.TestCase):
    def assert_sentences(self, *sentences):
        self.assertEqual(list(split_sentences(" ".join(sentences))), list(sentences))

    def test_marks_end_sentences(self):
        self.assert_sentences("It works.", "Does it?", "Yes!", "Really?!", "Good.")

    def test_titles_do_not(self):
        self.assert_sentences("Dr. Smith met Mrs. Jones and Prof. Lee.", "They talked.")

    def test_latin_abbreviations_do_not(self):
        self.assert_sentences("Use a queue, e.g. Kafka, i.e. Something else.", "Cf. Chapter two.")

    def test_acronyms_end_one_only_before_a_starter(self):
        self.assert_sentences("The U.S. Army moved.", "He lives in the U.S.", "The army left.")
        self.assert_sentences("Meet at 5 p.m. Tuesday.", "It ended at 5 p.m.", "We left.")

    def test_initials_do_not(self):
        self.assert_sentences("J. R. R. Tolkien wrote it.", "So did C. S. Lewis.")

    def test_decimals_versions_and_addresses_do_not(self):
        self.assert_sentences("It rose 3.14 percent in v1.2.3 of example.com.", "See https://a.b/c.html?x=1.", "Stop.")

    def test_numbered_things_do_not(self):
        self.assert_sentences("See No. 5 and Fig. 3 on p. 12.", "She said no.", "He agreed.")

    def test_ellipses_go_on_before_a_small_letter(self):
        self.assert_sentences("He waited... and waited.", "Then…", "Nothing came.")

    def test_quotations_keep_their_marks(self):
        self.assert_sentences('"Why?" he asked.', 'She said "Because."', "“Fine,” he said.", "(So be it.)", "End.")

    def test_list_numbers_do_not(self):
        self.assert_sentences("1. First do this.", "2. Then do that.")

    def test_cjk_marks_need_no_space(self):
        self.assertEqual(list(split_sentences("今天下雨。我们在家！好吗？")), ["今天下雨。", "我们在家！", "好吗？"])

    def test_every_character_is_kept(self):
        text = "A b. C d! e f? G... H. I. J. K (l. m.) \"n.\" O"
        self.assertEqual(" ".join(split_sentences(text)), text)


class BlocksTest(unittest.TestCase):
    def test_paragraphs_are_joined_and_separate(self):
        self.assertEqual(list(text_blocks("One\ntwo.\n\nThree\r\nfour.")), ["One two.", "Three four."])

    def test_list_items_are_blocks(self):
        self.assertEqual(list(text_blocks("Intro:\n- one\n- two\n  more\n3) three")),
                         ["Intro:", "one", "two more", "three"])

    def test_markdown_without_its_markup(self):
        source = """---
title: front matter
---
# Heading

Setext heading
==============

First *paragraph* with a [link](http://x.y/z), `code_with__marks__` and **bold** text.
![image](pic.png)

```python
print("fenced. code.")
```

    indented code

| a | b |
| - | - |
| cell one | cell two |

<!-- a comment
over lines -->
> Quoted text
> goes on.

* [x] done item
- snake_case and 2 * 3 * 4 stay
***
[ref]: http://example.com
Last <b>html</b> and <https://auto.link>.
"""
        self.assertTrue(looks_like_markdown(source))
        self.assertEqual(list(markdown_blocks(source)), [
            "First paragraph with a link, code_with__marks__ and bold text.",
            "Quoted text goes on.",
            "done item",
            "snake_case and 2 * 3 * 4 stay",
            "Last html and https://auto.link.",
        ])

    def test_fence_in_a_list_is_code(self):
        self.assertEqual(list(markdown_blocks("1. Do:\n\n   ```sh\n   rm x\n   ```\n2. Done.")), ["Do:", "Done."])

    def test_unclosed_fence_runs_to_the_end(self):
        self.assertEqual(list(markdown_blocks("Text.\n~~~\ncode\n```\ncode")), ["Text."])

    def test_prose_is_not_markdown(self):
        self.assertFalse(looks_like_markdown("Plain text.\n- with a dash\n\nAnd #1 hashtag [sic] more."))


class SummarizeTest(unittest.TestCase):
    SENTENCES = ["The weather was mild.", "Queues help.", "Somebody laughed.",
                 "Queues with bounds hold messages safely.", "Lunch followed.", "Messages expire in queues."]

    def test_frequent_words_win_in_original_order(self):
        best, _ = summarize(self.SENTENCES, 2)
        self.assertEqual(best, ["Queues with bounds hold messages safely.", "Messages expire in queues."])

    def test_repeated_sentence_is_kept_once(self):
        best, _ = summarize(["Same words here."] * 9 + ["Other thing happened."], 3)
        self.assertEqual(best, ["Same words here.", "Other thing happened."])

    def test_asking_for_more_than_there_is_gives_all(self):
        self.assertEqual(summarize(self.SENTENCES, 50)[0], self.SENTENCES)

    def test_key_words_fold_plurals(self):
        sentences = ["A queue is here.", "Queues are there.", "The queues stay."]
        self.assertEqual(summarize(sentences, 1, 1)[1], ["queue"])

    def test_endless_sentence_is_cut(self):
        self.assertEqual([len(s) for s in sentences_of(["word " * 10000])], [2000])


class RunTest(unittest.TestCase):
    def test_sample(self):
        sample = (SKILL / "assets" / "article.txt").read_text(encoding="utf-8")
        status, out, err = run(sample)
        self.assertEqual((status, err), (0, ""))
        kept = bullets(out)
        self.assertEqual(len(kept), 5)
        places = [sample.index(sentence) for sentence in kept]
        self.assertEqual(places, sorted(places))

    def test_one_sentence(self):
        status, out, _ = run("Only this one.")
        self.assertEqual((status, bullets(out)), (0, ["Only this one."]))

    def test_one_word_without_full_stop(self):
        self.assertEqual(bullets(run("hello")[1]), ["hello"])

    def test_nothing_to_summarise_is_said(self):
        for data in (b"", b" \n\t ", b"\xef\xbb\xbf"):
            status, out, err = run(data)
            self.assertEqual((status, out), (1, ""))
            self.assertIn("no text to summarise", err)

    def test_no_sentences_is_said(self):
        status, _, err = run("```\ncode\n```\n# Heading\n\n---\n", "--format", "markdown")
        self.assertEqual(status, 1)
        self.assertIn("no sentences", err)

    def test_options_of_the_intent(self):
        text = "Alpha one. Beta two. Gamma three. Delta four."
        for intent in ({"sentences": 2}, {"options": {"sentences": 2}}, {"sentences": 4, "options": {"sentences": "2"}}):
            self.assertEqual(len(bullets(run(text, intent=intent)[1])), 2)

    def test_argv_wins_over_the_intent(self):
        self.assertEqual(len(bullets(run("A b. C d. E f.", "--sentences", "1", intent={"sentences": 2})[1])), 1)

    def test_intent_by_file(self):
        with tempfile.NamedTemporaryFile("w", suffix=".json") as file:
            json.dump({"skill": "text-summarizer", "data": "x" * 200000, "sentences": 1}, file)
            file.flush()
            status, out, _ = run("Ab cd. Ef gh.", SKILLSCALE_INTENT_FILE=file.name)
        self.assertEqual((status, len(bullets(out))), (0, 1))

    def test_missing_intent_file_is_said(self):
        status, _, err = run("A b.", SKILLSCALE_INTENT_FILE="/nonexistent/intent")
        self.assertEqual(status, 1)
        self.assertIn("intent file", err)

    def test_plain_text_intents_have_no_options(self):
        for intent in ("Summarise this.", "{not json", "[1, 2]", '"text"', "{" * 10):
            self.assertEqual(run("A b.", intent=intent)[0], 0, intent)

    def test_wrong_options_are_refused(self):
        for intent in ({"sentences": 0}, {"sentences": "many"}, {"sentences": True}, {"sentences": None},
                       {"style": "poem"}, {"options": {"sentnces": 3}}, {"options": 3}):
            status, out, err = run("A b.", intent=intent)
            self.assertEqual((status, out), (2, ""), intent)
            self.assertTrue(err.startswith("error: "), err)
        self.assertEqual(run("A b.", "--sentences", "x")[0], 2)
        self.assertEqual(run("A b.", "--colour", "x")[0], 2)

    def test_help(self):
        status, out, _ = run(b"", "--help")
        self.assertEqual(status, 0)
        self.assertIn("--sentences", out)

    def test_paragraph_style(self):
        out = run("One is here. Two is there.", "--style", "paragraph")[1]
        self.assertIn("\nOne is here. Two is there.\n", out)

    def test_utf8_survives_a_foreign_locale(self):
        status, out, _ = run("Žluťoučký kůň běží. 日本語です。", LC_ALL="C", PYTHONUTF8="0", PYTHONCOERCECLOCALE="0")
        self.assertEqual((status, bullets(out)), (0, ["Žluťoučký kůň běží.", "日本語です。"]))

    def test_invalid_utf8_is_noted(self):
        status, out, _ = run(b"Caf\xe9 is open. Bar is \xff shut.")
        self.assertEqual(status, 0)
        self.assertIn("not valid UTF-8: 2 sequences", out)

    def test_utf16(self):
        self.assertEqual(bullets(run("Größe zählt.".encode("utf-16"))[1]), ["Größe zählt."])

    def test_binary_is_refused(self):
        status, _, err = run(b"\x7fELF\0\0\0\1")
        self.assertEqual(status, 1)
        self.assertIn("binary", err)

    def test_terminal_escapes_are_taken_out(self):
        self.assertNotIn("\x1b", run("Red \x1b[31m alert.")[1])

    def test_reader_that_leaves_is_no_traceback(self):
        child = subprocess.Popen([str(RUN)], stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=subprocess.PIPE)
        child.stdout.close()
        child.stdin.write(b"A sentence is here.")
        child.stdin.close()
        with child.stderr:
            self.assertEqual(child.stderr.read(), b"")
        child.wait(DEADLINE_SECONDS)

    def test_huge_and_hostile_text_takes_bounded_time(self):
        size = 1024 * 1024
        for unit in ("Some words make a sentence. ", "a. ", "[", "![a](", "_*", "`", "<a ", "<!--", "- ", "> ", "\n"):
            started = time.monotonic()
            run("# T\n\n```\n```\n\nHello big world.\n\n" + unit * (size // len(unit)))
            self.assertLess(time.monotonic() - started, 10, repr(unit))

    def test_text_over_the_limit_is_noted(self):
        out = run("word " * 1_700_000)[1]
        self.assertIn("Only the first 8,388,608 characters", out)


class SkillkitTest(unittest.TestCase):
    def test_copies_of_the_shared_file_are_identical(self):
        own = (SKILL / "scripts" / "skillkit.py").read_bytes()
        for copy in SKILL.parent.parent.glob("*/*/scripts/skillkit.py"):
            self.assertEqual(copy.read_bytes(), own, copy)


if __name__ == "__main__":
    unittest.main()
