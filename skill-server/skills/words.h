// English words, cut to what the matcher compares.
#pragma once

#include <string>
#include <string_view>
#include <vector>

namespace skillscale {

// The words of `text` in order: runs of letters and digits of any script, ASCII letters in
// lower case. Of any bytes; a malformed sequence is part of its word.
std::vector<std::string> split_into_words(std::string_view text);

// The stem of a lower-case word: without the endings of plural, -ing, -ed, and of the
// family -y, -ize, -ise, -izer, -ization, -er, -or, -ity. Not linguistics: what matters is that
// the forms of one word meet.
std::string stem(std::string_view word);

// True for words that say nothing about what is wanted ("the", "please", "how").
bool is_stop_word(std::string_view word);

// True for stems that many tasks share ("file", "data", "analys"): never enough to choose a skill.
bool is_common_stem(std::string_view stem);

// True for stems of verbs that name an action which a skill must itself mention ("delete", "send").
bool is_action_stem(std::string_view stem);

}  // namespace skillscale
