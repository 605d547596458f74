// Names of skills, as the Agent Skills specification wants them.
#pragma once

#include <string>
#include <string_view>

namespace skillscale {

// `text` in the Unicode form NFKC, in which names are compared: a name typed on one machine
// and a folder made on another may spell one character differently. Bytes that are
// not UTF-8 come back unchanged.
std::string normalized_name(std::string_view text);

// The same with capitals made small, for telling names apart as cautious file systems do.
std::string folded_name(std::string_view text);

// What the specification has against `name`, which is in normal form; empty: nothing.
std::string fault_in_name(std::string_view name);

// True when a skill may be called so at all: names stand in logs, replies and error texts.
bool is_usable_name(std::string_view name);

}  // namespace skillscale
