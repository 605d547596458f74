"""Extractive summaries: sentences are found, scored by their words, and the best are kept.

A word weighs its share of all content words, so sentences about what the
text is mostly about score high. Each choice halves the weight of its words,
which keeps the next choice from saying the same again.
"""

import re
from collections import Counter
from heapq import nlargest

# Titles and the like: what follows belongs to the same sentence.
BINDING = frozenset(
    "dr mr mrs ms mx prof rev hon st sr gen col capt lt sgt maj gov sen rep pres supt messrs mme mlle "
    "e.g i.e cf viz vs al approx ca resp incl esp z.b d.h bzw".split())

# These bind only to a number: "No. 5", but "She said no."
NUMBERED = frozenset("no nr nos fig figs eq eqs sec ch chap vol p pp art ver op jan feb mar apr jun jul aug sep "
                     "sept oct nov dec".split())

# These may end a sentence; whether they do shows in the next word.
OPEN_ENDED = frozenset("etc inc ltd co corp jr bros dept est assn univ usw a.m p.m u.s u.k u.n e.u d.c ph.d m.d "
                       "b.a m.a b.c a.d".split())

# Words that seldom continue a name, so after an open-ended abbreviation they begin a sentence.
STARTERS = frozenset(
    "the a an this that these those it he she we they you i in on at as by for from but and or so if when while "
    "after before since because although however then there here his her its our their my your no not what why "
    "how who where meanwhile moreover still yet all some many most each every".split())

# Words that say how, not what. English, with the most common of German, French and Spanish.
STOP_WORDS = frozenset((
    "a about above after again against all also although am an and any are aren't as at be because been before "
    "being below between both but by can can't cannot could couldn't did didn't do does doesn't doing don't down "
    "during each either else etc even ever every few for from further get gets got had has hasn't have haven't "
    "having he he's her here hers herself him himself his how however i i'm i've if in into is isn't it it's its "
    "itself just least less let like made make makes many may me might more most much must my myself neither no "
    "nor not now of off often on once one only onto or other others our ours ourselves out over own per quite "
    "rather really same shall she she's should since so some still such than that that's the their theirs them "
    "themselves then there there's these they they're this those though three through thus to too two under until "
    "up upon us use used uses using very via was wasn't way we we're well were weren't what when where whether "
    "which while who whom whose why will with within without won't would yet you you're your yours yourself "
    "said say says "
    "der die das den dem des ein eine einen einem einer und oder aber nicht ist sind war wird werden mit von zu "
    "zum zur auf für im bei nach aus als auch es sie er wir ich sich dass wie noch nur über durch "
    "le la les un une et ou mais de du des dans en est sont pour par sur avec qui que ne pas ce cette il elle au "
    "aux plus se son sa ses el los las y o pero del con por para es son no su sus como más al lo"
).split())

# A word: one Han, Hiragana or Katakana character (those scripts put no spaces), or a run of other letters.
WORD = re.compile(r"[\u3040-\u30ff\u3400-\u9fff]|(?:(?![\u3040-\u30ff\u3400-\u9fff])[^\W\d_])+"
                  r"(?:['’](?:(?![\u3040-\u30ff\u3400-\u9fff])[^\W\d_])+)*")

# Where a sentence may end: closing marks, perhaps quotes or brackets, then a space; CJK marks need no space.
ENDING = re.compile(r"[.!?…]+[\"'”’»)\]]*(?=\s|$)|[。！？]+[」』”）]*")

OPENING_MARKS = "\"'“‘«([„¿¡*_"

# Longer "sentences" are data or lost punctuation. They are cut here, which also bounds their weight.
SENTENCE_CHARS_MAX = 2000

# A block without closing punctuation is a fragment: too short it is no sentence, else it counts half.
FRAGMENT_WORDS_MIN = 5
FRAGMENT_WEIGHT = 0.5

# The greedy choice looks at this many best sentences, so its time does not grow with the text.
CANDIDATES_MAX = 300


def split_sentences(block):
    """Yields the sentences of a block of prose."""
    start = 0
    for ending in ENDING.finditer(block):
        if _ends_sentence(block, start, ending):
            yield block[start:ending.end()].strip()
            start = ending.end()
    rest = block[start:].strip()
    if rest:
        yield rest


def _ends_sentence(block, start, ending):
    """Whether the punctuation at `ending` closes the sentence that began at `start`."""
    marks = ending.group()
    if marks[0] in "。！？":
        return True
    following = block[ending.end():ending.end() + 40].split(None, 1)
    if not following:
        return True
    next_word = following[0].lstrip(OPENING_MARKS)
    if next_word[:1].islower():
        return False
    if marks[0] != "." or len(marks) > 1 and marks[1] == ".":
        return True
    before = block[max(start, ending.start() - 40):ending.start()].split()
    token = before[-1].lstrip(OPENING_MARKS) if before else ""
    return not _continues(token, next_word, at_start=len(block[start:ending.start()].strip()) == len(token))


def _continues(token, next_word, at_start):
    """Whether the full stop after `token` belongs to the token, not to the sentence."""
    lower = token.lower()
    if lower in BINDING:
        return True
    if at_start and lower.isdecimal():  # "1. First of all"
        return True
    if lower in NUMBERED:
        return next_word[:1].isdecimal()
    initial = len(token) == 1 and token.isupper()
    acronym = re.fullmatch(r"(?:[^\W\d_]\.)+[^\W\d_]", token) is not None
    if initial or acronym or lower in OPEN_ENDED:
        return next_word.rstrip(",;:").lower() not in STARTERS
    return False


def word_count(sentence):
    """The number of words; a character of a script without spaces is one."""
    return sum(1 for _ in WORD.finditer(sentence))


def content_words(sentence):
    """The lower-case words that carry meaning, in order, with repeats."""
    words = WORD.findall(sentence.lower().replace("’", "'"))
    return [w for w in words if w not in STOP_WORDS and (len(w) > 2 or w > "\u3000")]


def words_of(sentences):
    """Returns {sentence: its content words}, a plural read as the singular that the text also has."""
    words = {sentence: content_words(sentence) for sentence in sentences}
    known = {w for each in words.values() for w in each}
    singular = {w: w[:-1] for w in known if w.endswith("s") and w[:-1] in known}
    return {s: [singular.get(w, w) for w in each] for s, each in words.items()}


def sentences_of(blocks):
    """Returns the sentences of all blocks that have words, bounded in length."""
    found = []
    for block in blocks:
        for sentence in split_sentences(block):
            sentence = sentence[:SENTENCE_CHARS_MAX]
            if WORD.search(sentence):
                found.append(sentence)
    return found


def is_fragment(sentence):
    """Whether `sentence` lacks closing punctuation: a caption, a list item, a lead-in."""
    return sentence.rstrip("\"'”’»)]」』）")[-1:] not in tuple(".!?…。！？")


def _weight(sentence):
    if not is_fragment(sentence):
        return 1.0
    return FRAGMENT_WEIGHT if word_count(sentence) >= FRAGMENT_WORDS_MIN else 0.0


def score(words, frequency):
    """The summed weight of the distinct words, over the root of how many there are.

    A plain sum would favour the longest sentence, a mean the shortest.
    """
    distinct = set(words)
    return sum(frequency[w] for w in distinct) / max(1, len(distinct)) ** 0.5


def summarize(sentences, count, key_word_count=0):
    """Returns (the best sentences, the key words).

    At most `count` sentences, in their original order and none twice; the
    key words are the most frequent content words.
    """
    words = words_of(sentences)
    frequency = Counter(w for s in sentences for w in words[s])
    named = [word for word, _ in frequency.most_common(key_word_count)]
    order = {sentence: index for index, sentence in enumerate(words)}
    scored = {s: score(words[s], frequency) * _weight(s) for s in words}
    candidates = nlargest(CANDIDATES_MAX, words, key=scored.get)
    return sorted(_choose(candidates, words, dict(frequency), count), key=order.get), named


def _choose(candidates, words, frequency, count):
    """Takes the best candidate again and again, halving the weight of the words it used."""
    left = {s: _weight(s) for s in candidates}
    chosen = []
    while left and len(chosen) < count:
        best = max(left, key=lambda s: score(words[s], frequency) * left[s])
        chosen.append(best)
        del left[best]
        for word in set(words[best]):
            frequency[word] /= 2
    return chosen
