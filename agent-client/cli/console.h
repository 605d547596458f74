// Standard input, output and error of the command.
#pragma once

#include <cstddef>
#include <optional>
#include <string>
#include <string_view>

#include "base/result.h"

namespace skillscale::cli {

bool output_is_terminal() noexcept;
bool error_is_terminal() noexcept;

// Columns of the terminal; 100 where that cannot be known.
std::size_t terminal_width() noexcept;
std::size_t error_terminal_width() noexcept;  // The same for standard error.

// Written whole, unchanged. False when the reader has gone away.
bool write_output(std::string_view bytes);
// On a terminal made safe and ended with a newline; elsewhere unchanged.
bool write_for_reader(std::string_view text);
// "skillscale: <text>", made safe.
void write_error(std::string_view text);
// The same without the name: news for people, on stderr so that results can be piped.
void write_note(std::string_view text);
// To standard error, unchanged.
void write_error_bytes(std::string_view bytes);

std::optional<std::string> environment(const char* name);

// The whole file, or standard input for "-"; at most kCommandInputBytesMax bytes of UTF-8 text.
Result<std::string> read_input(const std::string& path);

}  // namespace skillscale::cli
