// Log lines with fields. To stderr; for people or, as JSON lines, for machines.
//
// Rules: request_id in every line that concerns a request; intents, data and
// secrets never in full (their size, and at debug level a prefix).
#pragma once

#include <concepts>
#include <cstdint>
#include <initializer_list>
#include <string>
#include <string_view>
#include <variant>

namespace skillscale::log {

// Borrows its key and its text: for the call of `write` that it stands in, not to be kept.
struct Field {
  std::string_view key;
  std::variant<std::string_view, std::int64_t, std::uint64_t, double, bool> value;

  Field(std::string_view k, std::string_view v) : key(k), value(v) {}
  Field(std::string_view k, const std::string& v) : key(k), value(std::string_view(v)) {}
  Field(std::string_view k, const char* v) : key(k), value(v == nullptr ? std::string_view() : std::string_view(v)) {}
  Field(std::string_view k, bool v) : key(k), value(v) {}
  Field(std::string_view k, double v) : key(k), value(v) {}
  template <std::signed_integral Integer>
  Field(std::string_view k, Integer v) : key(k), value(std::int64_t{v}) {}
  template <std::unsigned_integral Integer>
  Field(std::string_view k, Integer v) : key(k), value(std::uint64_t{v}) {}
};
using Fields = std::initializer_list<Field>;

enum class Level { debug, info, warn, error };
enum class Format { text, json };

// Once per process. `program` is in every JSON line. Lines that are written
// before are text at level info.
void start(std::string_view program, Level level, Format format);

bool enabled(Level level) noexcept;

// Thread-safe; one line per call, never more, whatever the texts contain. A text line is
// `TIME LEVEL message key=value ...` (values quoted where needed, control characters escaped; the level in
// colour on a terminal, unless NO_COLOR is set); a JSON line has time, level, program, message and one member
// per field. A line that cannot be written is dropped.
void write(Level level, std::string_view message, Fields fields = {});

inline void debug(std::string_view message, Fields fields = {}) { write(Level::debug, message, fields); }
inline void info(std::string_view message, Fields fields = {}) { write(Level::info, message, fields); }
inline void warn(std::string_view message, Fields fields = {}) { write(Level::warn, message, fields); }
inline void error(std::string_view message, Fields fields = {}) { write(Level::error, message, fields); }

}  // namespace skillscale::log
