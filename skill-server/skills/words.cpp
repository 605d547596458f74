#include "skills/words.h"

#include <algorithm>
#include <array>
#include <cstddef>
#include <cstdint>
#include <set>
#include <utility>

namespace skillscale {
namespace {

// Longer "words" are data (base64, hashes).
constexpr std::size_t kWordBytesMax = 64;

using Words = std::set<std::string, std::less<>>;

bool is_ascii_word(char c) { return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9'); }

// The length of the non-ASCII blank or punctuation at the front of `text` (typographic
// quotes, dashes, no-break spaces, the ideographic full stop); 0 when there is none.
std::size_t foreign_separator(std::string_view text) {
  const auto byte = [&](std::size_t i) { return i < text.size() ? static_cast<std::uint8_t>(text[i]) : 0U; };
  if (byte(0) == 0xc2 && byte(1) >= 0xa0 && byte(1) <= 0xbf) return 2;
  if (byte(0) == 0xe2 && (byte(1) == 0x80 || byte(1) == 0x81) && byte(2) >= 0x80) return 3;
  if (byte(0) == 0xe3 && byte(1) == 0x80 && byte(2) >= 0x80) return 3;
  return 0;
}

bool has_vowel(std::string_view word) { return word.find_first_of("aeiouy") != std::string_view::npos; }

// An ending, what stands for it, and how many letters must stay.
struct Ending {
  std::string_view ending;
  std::string_view replacement;
  std::size_t stem_letters_min;
};

// In order: the first that fits is taken, so longer ones come first.
constexpr std::array<Ending, 5> kInflections = {{
    {"ies", "y", 4},
    {"ing", "", 3},
    {"ed", "", 3},
    {"es", "e", 3},
    {"s", "", 3},
}};

// After an inflection is gone: "iz" is what is left of "summarizing".
constexpr std::array<Ending, 13> kDerivations = {{
    {"ization", "", 4},
    {"isation", "", 4},
    {"izer", "", 4},
    {"iser", "", 4},
    {"ize", "", 4},
    {"ise", "", 4},
    {"ity", "", 4},
    {"ation", "at", 3},
    {"iz", "", 4},
    {"is", "", 4},
    {"er", "", 4},
    {"or", "", 4},
    {"y", "", 4},
}};

template <typename Table>
std::string without_ending(std::string word, const Table& table) {
  for (const Ending& rule : table) {
    if (!word.ends_with(rule.ending)) continue;
    const std::string_view rest = std::string_view(word).substr(0, word.size() - rule.ending.size());
    if (rest.size() < rule.stem_letters_min || !has_vowel(rest)) continue;
    if (rule.ending == "ed" && rest.ends_with('e')) continue;
    if (rule.ending == "s" && (rest.ends_with('s') || rest.ends_with('i') || rest.ends_with('u'))) continue;
    return std::string(rest).append(rule.replacement);
  }
  return word;
}

Words stems_of(std::initializer_list<std::string_view> words) {
  Words stems;
  for (const std::string_view word : words) stems.insert(stem(word));
  return stems;
}

}  // namespace

std::vector<std::string> split_into_words(std::string_view text) {
  std::vector<std::string> words;
  std::string word;
  const auto finish = [&] {
    if (!word.empty() && word.size() <= kWordBytesMax) words.push_back(word);
    word.clear();
  };
  while (!text.empty()) {
    const char c = text.front();
    const std::size_t separator = foreign_separator(text);
    if (separator > 0) {
      finish();
    } else if (is_ascii_word(c) || static_cast<std::uint8_t>(c) >= 0x80) {
      word.push_back(c >= 'A' && c <= 'Z' ? static_cast<char>(c - 'A' + 'a') : c);
    } else {
      finish();
    }
    text.remove_prefix(std::max<std::size_t>(separator, 1));
  }
  finish();
  return words;
}

std::string stem(std::string_view word) {
  std::string result(word);
  // analyze, analysis, analyses, analyzer
  if (const std::size_t place = result.find("lyz"); place != std::string::npos) result[place + 2] = 's';
  if (result.ends_with("ysis") || result.ends_with("yses")) result.replace(result.size() - 2, 2, "e");

  result = without_ending(without_ending(std::move(result), kInflections), kDerivations);
  if (result.size() > 4 && result.ends_with('e')) result.pop_back();
  const std::size_t size = result.size();
  if (size > 3 && result[size - 1] == result[size - 2]) result.pop_back();
  return result;
}

bool is_stop_word(std::string_view word) {
  static const Words kWords = {
      "a",     "about",   "above", "after", "all",    "also",  "am",   "an",     "and",    "any",   "are",
      "as",    "at",      "be",    "been",  "before", "below", "but",  "by",     "can",    "could", "do",
      "does",  "each",    "for",   "from",  "get",    "give",  "has",  "have",   "he",     "hello", "help",
      "her",   "here",    "hey",   "hi",    "his",    "how",   "i",    "if",     "in",     "into",  "is",
      "it",    "its",     "just",  "let",   "like",   "make",  "many", "may",    "me",     "might", "more",
      "most",  "much",    "must",  "my",    "need",   "no",    "not",  "now",    "of",     "ok",    "on",
      "one",   "only",    "or",    "our",   "out",    "over",  "per",  "please", "s",      "she",   "should",
      "show",  "so",      "some",  "such",  "t",      "tell",  "than", "thank",  "thanks", "that",  "the",
      "their", "them",    "then",  "there", "these",  "they",  "this", "those",  "to",     "too",   "up",
      "us",    "use",     "used",  "using", "very",   "want",  "was",  "we",     "well",   "were",  "what",
      "when",  "where",   "which", "who",   "why",    "will",  "with", "would",  "you",    "your",  "following",
      "want",  "perform", "run",   "via",   "im"};
  return word.size() < 2 || kWords.contains(word);
}

bool is_common_stem(std::string_view stem) {
  static const Words kStems =
      stems_of({"analyse", "answer",  "check",    "code",   "content",     "count",  "data",    "document", "file",
                "find",    "format",  "function", "handle", "information", "input",  "inspect", "item",     "language",
                "line",    "list",    "long",     "look",   "message",     "name",   "new",     "number",   "output",
                "process", "program", "question", "read",   "report",      "result", "review",  "script",   "short",
                "simple",  "skill",   "source",   "string", "structure",   "task",   "test",    "text",     "thing",
                "time",    "tool",    "type",     "user",   "value",       "word",   "work",    "app",      "agent",
                "good",    "big",     "bad",      "day"});
  return kStems.contains(stem);
}

bool is_action_stem(std::string_view stem) {
  static const Words kStems = stems_of(
      {"add",      "build",     "buy",       "call",      "cancel",  "change",  "clean",   "clear",   "commit",
       "compile",  "convert",   "copy",      "create",    "decrypt", "delete",  "deploy",  "destroy", "download",
       "draw",     "drop",      "edit",      "email",     "encrypt", "erase",   "execute", "fix",     "forget",
       "generate", "implement", "insert",    "install",   "kill",    "mail",    "merge",   "modify",  "move",
       "open",     "order",     "overwrite", "pay",       "play",    "plot",    "post",    "print",   "publish",
       "purge",    "push",      "refactor",  "remove",    "rename",  "replace", "rewrite", "save",    "schedule",
       "sell",     "send",      "share",     "shutdown",  "sort",    "split",   "start",   "stop",    "store",
       "transfer", "translate", "truncate",  "uninstall", "update",  "upload",  "wipe",    "write",   "summarize"});
  return kStems.contains(stem);
}

}  // namespace skillscale
