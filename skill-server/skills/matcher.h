// Which skill a text asks for, when the intent names none.
//
// Only the instruction counts: the first sentence with a word that means something,
// up to a colon or the end of its line, at most kMatchWordsMax words. What follows is data.
//
// Words are lower-cased and cut to their stem ("summary", "summarise", "Summarizer"
// and "summarization" are one word). A skill's name counts three times, a tag
// twice, the description once. Per word and skill this gives the saturated
// frequency of BM25 (k1 = 1.2): 1.0 for a word of the description alone, 1.6
// in the name, at most 2.2. Words that any skill could have ("file", "data",
// "analyse") count a quarter.
//
// * strength: the sum over the words of the text. At least 1.5 is asked for, and one of
//   the words must be a telling one from the name or the tags.
// * score: the same sum, each word weighted by how few skills have it (the inverse document
//   frequency of BM25). It ranks; the second best may have at most 3/4 of the best.
// * A text must be about the skill: the verb comes first ("summarize ..."), or two words
//   agree and make up half of the instruction.
// * A text that asks for an action ("delete", "send", "write") which the skill does
//   not mention is not for it.
//
// In doubt nothing matches: an error that lists the skills costs little, the wrong skill may cost much.
#pragma once

#include <cstddef>
#include <map>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "skills/catalogue.h"
#include "skills/skill.h"

namespace skillscale {

struct Match {
  SkillPtr skill;
  double score = 0;
  double strength = 0;
};

struct MatchResult {
  std::optional<Match> best;  // Nothing: no skill is clearly meant.
  std::vector<Match> ranked;  // Every skill that shares a word with the text, best first.
};

// Immutable once made; thread-safe. Keeps the skills that it was made from alive.
class Matcher {
 public:
  explicit Matcher(const Catalogue& catalogue);

  // Looks at the first kMatchTextBytesMax bytes of `text`.
  MatchResult match(std::string_view text) const;

 private:
  // One word of one skill.
  struct Posting {
    std::size_t skill = 0;
    double frequency = 0;  // Weighted by field.
    bool telling = false;  // In the name or a tag.
    bool verb = false;     // In the name, as what does something: "summarizer", "pdf-processing".
  };
  using Postings = std::map<std::string, std::vector<Posting>, std::less<>>;

  static void index(const Skill& skill, std::size_t number, Postings& postings);
  double rarity(std::size_t skills_with_word) const;

  std::vector<SkillPtr> skills_;
  Postings postings_;
};

// `no skill matches the text; this server has: a, b, c`, or which ones it fits equally well.
std::string no_match_text(const Catalogue& catalogue, const MatchResult& result);

}  // namespace skillscale
