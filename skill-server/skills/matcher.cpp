#include "skills/matcher.h"

#include <algorithm>
#include <cmath>
#include <cstdint>
#include <utility>

#include "base/limits.h"
#include "base/utf8.h"
#include "skills/words.h"

namespace skillscale {
namespace {

constexpr double kNameWeight = 3;
constexpr double kTagWeight = 2;
constexpr double kDescriptionWeight = 1;
constexpr double kSaturation = 1.2;  // k1 of BM25.
constexpr double kCommonWordWeight = 0.25;
constexpr double kStrengthMin = 1.5;
constexpr double kRunnerUpShareMax = 0.75;
constexpr double kCoverageMin = 0.5;

double weight_of(std::string_view stem) { return is_common_stem(stem) ? kCommonWordWeight : 1.0; }

double saturated(double frequency) { return frequency * (kSaturation + 1) / (frequency + kSaturation); }

// "summarizer", "processor", "processing": a name part that says what the skill does.
bool names_a_doer(std::string_view word) {
  return word.ends_with("er") || word.ends_with("or") || word.ends_with("ing");
}

// Where the instruction's segment at the front of `text` ends: at a line feed, or
// at a colon before a blank.
std::size_t segment_end(std::string_view text) {
  for (std::size_t i = 0; i < text.size(); ++i) {
    if (text[i] == '\n') return i;
    if (text[i] != ':') continue;
    if (i + 1 == text.size() || text[i + 1] == ' ' || text[i + 1] == '\n' || text[i + 1] == '\r') return i;
  }
  return text.size();
}

// The stems of the first segment that says something, in order, each once.
std::vector<std::string> instruction_stems(std::string_view text) {
  text = utf8_prefix(text, limits::kMatchTextBytesMax);
  std::vector<std::string> stems;
  while (!text.empty() && stems.empty()) {
    const std::size_t end = segment_end(text);
    for (const std::string& word : split_into_words(text.substr(0, end))) {
      if (is_stop_word(word)) continue;
      std::string reduced = stem(word);
      if (stems.size() == limits::kMatchWordsMax) break;
      if (std::find(stems.begin(), stems.end(), reduced) == stems.end()) stems.push_back(std::move(reduced));
    }
    text.remove_prefix(std::min(end + 1, text.size()));
  }
  return stems;
}

// What speaks for one skill.
struct Evidence {
  std::size_t words = 0;
  double score = 0;
  double strength = 0;
  double matched_weight = 0;
  bool telling = false;     // A word of the name or tags that is not a common one.
  bool verb_first = false;  // The first word of the text is what the skill does.
  bool knows_action = false;
};

// What the text is like, whatever the skills.
struct Instruction {
  std::vector<std::string> stems;
  std::string action;  // The first action in it; empty: none.
  double weight = 0;
};

Instruction read_instruction(std::string_view text) {
  Instruction instruction;
  instruction.stems = instruction_stems(text);
  for (const std::string& word : instruction.stems) {
    instruction.weight += weight_of(word);
    if (instruction.action.empty() && is_action_stem(word)) instruction.action = word;
  }
  return instruction;
}

bool is_meant(const Evidence& evidence, const Instruction& instruction) {
  if (!evidence.telling || evidence.strength < kStrengthMin) return false;
  if (!instruction.action.empty() && !evidence.knows_action) return false;
  if (evidence.verb_first) return true;
  return evidence.words >= 2 && evidence.matched_weight >= kCoverageMin * instruction.weight;
}

}  // namespace

Matcher::Matcher(const Catalogue& catalogue) : skills_(catalogue.all()) {
  for (std::size_t i = 0; i < skills_.size(); ++i) index(*skills_[i], i, postings_);
}

void Matcher::index(const Skill& skill, std::size_t number, Postings& postings) {
  std::map<std::string, Posting> words;
  const auto add = [&](std::string_view text, double weight) {
    for (const std::string& word : split_into_words(text)) {
      if (is_stop_word(word)) continue;
      Posting& posting = words[stem(word)];
      posting.skill = number;
      posting.frequency += weight;
      posting.telling = posting.telling || weight > kDescriptionWeight;
      posting.verb = posting.verb || (weight == kNameWeight && names_a_doer(word));
    }
  };
  add(skill.name, kNameWeight);
  for (const std::string& tag : skill.tags) add(tag, kTagWeight);
  add(skill.description, kDescriptionWeight);
  for (const auto& [word, posting] : words) postings[word].push_back(posting);
}

// The inverse document frequency of BM25, scaled so that a word of one skill alone has 1.
double Matcher::rarity(std::size_t skills_with_word) const {
  const auto frequency = [this](double skills) {
    return std::log(1 + (static_cast<double>(skills_.size()) - skills + 0.5) / (skills + 0.5));
  };
  return frequency(static_cast<double>(skills_with_word)) / frequency(1);
}

MatchResult Matcher::match(std::string_view text) const {
  const Instruction instruction = read_instruction(text);
  std::map<std::size_t, Evidence> by_skill;
  for (const std::string& word : instruction.stems) {
    const auto found = postings_.find(word);
    if (found == postings_.end()) continue;
    for (const Posting& posting : found->second) {
      const double strength = weight_of(word) * saturated(posting.frequency);
      Evidence& evidence = by_skill[posting.skill];
      ++evidence.words;
      evidence.strength += strength;
      evidence.score += strength * rarity(found->second.size());
      evidence.matched_weight += weight_of(word);
      evidence.telling = evidence.telling || (posting.telling && !is_common_stem(word));
      evidence.knows_action = evidence.knows_action || word == instruction.action;
      evidence.verb_first = evidence.verb_first || (word == instruction.stems.front() && posting.verb);
    }
  }

  std::vector<std::pair<Match, bool>> ranked;
  ranked.reserve(by_skill.size());
  for (const auto& [number, evidence] : by_skill) {
    ranked.push_back({{skills_[number], evidence.score, evidence.strength}, is_meant(evidence, instruction)});
  }
  // Stable: equal scores stay in the order of names.
  std::stable_sort(ranked.begin(), ranked.end(),
                   [](const auto& a, const auto& b) { return a.first.score > b.first.score; });
  MatchResult result;
  for (const auto& [match, ignored] : ranked) result.ranked.push_back(match);
  const bool clear = ranked.size() < 2 || ranked[1].first.score <= kRunnerUpShareMax * ranked[0].first.score;
  if (!ranked.empty() && ranked.front().second && clear) result.best = result.ranked.front();
  return result;
}

std::string no_match_text(const Catalogue& catalogue, const MatchResult& result) {
  const auto is_strong = [](const Match& match) { return match.strength >= kStrengthMin; };
  std::string strong;
  const std::size_t shown = std::min(result.ranked.size(), limits::kSkillNamesListedMax);
  for (std::size_t i = 0; i < shown && is_strong(result.ranked[i]); ++i) {
    strong += (i == 0 ? "" : ", ") + result.ranked[i].skill->name;
  }
  std::string text = "no skill matches the text; " + available_skills_text(catalogue);
  if (!strong.empty()) text += "; name one if you mean it (" + strong + ')';
  return text;
}

}  // namespace skillscale
