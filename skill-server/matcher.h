// Which skill a text asks for, when the intent names none.
#pragma once

#include <cstddef>
#include <map>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "skill-server/catalogue.h"
#include "skill-server/skill.h"

namespace skillscale {

struct Match {
  SkillPtr skill;
  double score = 0;
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
  struct Posting {
    std::size_t skill;
    double frequency;
  };
  std::vector<SkillPtr> skills_;
  std::map<std::string, std::vector<Posting>, std::less<>> postings_;
};

// `no skill matches the text; this server has: a, b, c`, or, when several fit
// equally well, which.
std::string no_match_text(const Catalogue& catalogue, const MatchResult& result);

}  // namespace skillscale
