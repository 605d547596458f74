// What strangers wrote, made safe to show on a terminal.
#pragma once

#include <cstddef>
#include <string>
#include <string_view>

namespace skillscale::agent {

// The text with everything that could steer a terminal or reorder what it shows
// written out as \x1b or \u202e: control characters except newline and tab, malformed UTF-8
// and the Unicode direction controls. A carriage return before a newline is dropped.
std::string for_terminal(std::string_view text);

// The same on one line of at most `characters_max` characters; a cut is shown by "...".
std::string for_terminal_line(std::string_view text, std::size_t characters_max);

}  // namespace skillscale::agent
