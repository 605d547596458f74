#include "protocol/json_reader.h"

#include <cstddef>
#include <iterator>
#include <nlohmann/json.hpp>
#include <optional>
#include <utility>

#include "base/limits.h"
#include "base/utf8.h"
#include "protocol/json_writer.h"

namespace skillscale {
namespace {

using Kind = JsonValue::Kind;

std::string_view name_of(Kind kind) {
  switch (kind) {
    case Kind::null:
      return "null";
    case Kind::boolean:
      return "a boolean";
    case Kind::number:
      return "a number";
    case Kind::string:
      return "a string";
    case Kind::array:
      return "an array";
    case Kind::object:
      return "an object";
  }
  return "nothing";
}

// Tells the handler below how far the parser has read. The lexer never reads
// past a bracket, so at a bracket this is exactly one past it.
class CountingIterator {
 public:
  using iterator_category = std::input_iterator_tag;
  using value_type = char;
  using difference_type = std::ptrdiff_t;
  using pointer = const char*;
  using reference = const char&;

  CountingIterator(const char* at, const char** position) : at_(at), position_(position) {}
  reference operator*() const { return *at_; }
  CountingIterator& operator++() {
    *position_ = ++at_;
    return *this;
  }
  CountingIterator operator++(int) {
    const CountingIterator before = *this;
    ++*this;
    return before;
  }
  bool operator==(const CountingIterator& other) const { return at_ == other.at_; }

 private:
  const char* at_;
  const char** position_;
};

// The parser keeps its own stack on the heap and stops when a method returns
// false, so depth is bounded here before it can cost anything.
class ChildReader {
 public:
  // Without `root` any kind of JSON is accepted, and nothing visited.
  ChildReader(const char* const* position, std::optional<Kind> root, const JsonVisitor* visit)
      : position_(position), root_(root), visit_(visit) {}

  std::string take_problem() { return std::move(problem_); }

  bool null() {
    return scalar(Kind::null, [](JsonValue&) {});
  }
  bool boolean(bool value) {
    return scalar(Kind::boolean, [&](JsonValue& child) { child.boolean = value; });
  }
  bool number_integer(std::int64_t value) { return number(static_cast<double>(value), std::to_string(value)); }
  bool number_unsigned(std::uint64_t value) { return number(static_cast<double>(value), std::to_string(value)); }
  bool number_float(double value, const std::string& digits) { return number(value, digits); }
  bool string(std::string& value) {
    return scalar(Kind::string, [&](JsonValue& child) { child.text = std::move(value); });
  }
  bool binary(nlohmann::json::binary_t&) { return false; }
  bool key(std::string& name) {
    if (depth_ == 1) key_ = std::move(name);
    return true;
  }
  bool start_object(std::size_t) { return open(Kind::object); }
  bool start_array(std::size_t) { return open(Kind::array); }
  bool end_object() { return close(Kind::object); }
  bool end_array() { return close(Kind::array); }

  // The library's text ends with the last token it read: that may be the
  // caller's data, and as long as the message.
  bool parse_error(std::size_t, const std::string&, const nlohmann::json::exception& error) {
    std::string_view reason = error.what();
    reason = reason.substr(0, reason.find("; last read"));
    if (const std::size_t tag = reason.find("] "); tag != std::string_view::npos) reason.remove_prefix(tag + 2);
    problem_ = "not valid JSON: " + to_valid_utf8(utf8_prefix(reason, 200));
    return false;
  }

 private:
  template <typename Fill>
  bool scalar(Kind kind, Fill fill) {
    if (depth_ == 0) return accept_root(kind);
    if (depth_ > 1 || visit_ == nullptr) return true;
    JsonValue child;
    child.kind = kind;
    fill(child);
    (*visit_)(key_, child);
    return true;
  }

  template <typename Digits>
  bool number(double value, const Digits& digits) {
    return scalar(Kind::number, [&](JsonValue& child) {
      child.number = value;
      child.text = digits;
    });
  }

  bool open(Kind kind) {
    if (depth_ == 0 && !accept_root(kind)) return false;
    if (++depth_ > limits::kJsonDepthMax) {
      problem_ = "nested deeper than " + std::to_string(limits::kJsonDepthMax) + " levels";
      return false;
    }
    if (depth_ == 2) child_begin_ = *position_ - 1;
    return true;
  }

  bool close(Kind kind) {
    if (depth_-- != 2 || visit_ == nullptr) return true;
    JsonValue child;
    child.kind = kind;
    child.raw = {child_begin_, static_cast<std::size_t>(*position_ - child_begin_)};
    (*visit_)(key_, child);
    return true;
  }

  bool accept_root(Kind kind) {
    if (!root_ || *root_ == kind) return true;
    problem_ = "the message is " + std::string(name_of(kind)) + "; it must be " + std::string(name_of(*root_));
    return false;
  }

  const char* const* position_;
  std::optional<Kind> root_;
  const JsonVisitor* visit_;
  std::size_t depth_ = 0;
  std::string key_;
  const char* child_begin_ = nullptr;
  std::string problem_;
};

Result<void> read_json(std::string_view json, std::optional<Kind> root, const JsonVisitor* visit) {
  // The library takes a NUL for the end and would accept anything behind it.
  if (const std::size_t nul = json.find('\0'); nul != std::string_view::npos) {
    return Error{ErrorCode::invalid_request, "not valid JSON: a NUL byte at offset " + std::to_string(nul)};
  }
  const char* position = json.data();
  ChildReader reader(&position, root, visit);
  const CountingIterator begin(json.data(), &position);
  const CountingIterator end(json.data() + json.size(), &position);
  if (nlohmann::json::sax_parse(begin, end, &reader)) return {};
  return Error{ErrorCode::invalid_request, reader.take_problem()};
}

}  // namespace

Result<void> read_json_object(std::string_view json, const JsonVisitor& visit) {
  return read_json(json, Kind::object, &visit);
}

Result<void> read_json_array(std::string_view json, const JsonVisitor& visit) {
  return read_json(json, Kind::array, &visit);
}

bool is_json(std::string_view text) { return static_cast<bool>(read_json(text, std::nullopt, nullptr)); }

std::string json_text(const JsonValue& value) {
  switch (value.kind) {
    case Kind::null:
      return "null";
    case Kind::boolean:
      return value.boolean ? "true" : "false";
    case Kind::number:
      return value.text;
    case Kind::string:
      return quote_json(value.text);
    case Kind::array:
    case Kind::object:
      break;
  }
  return std::string(value.raw);
}

std::string describe(const JsonValue& value) {
  if (value.kind == Kind::array || value.kind == Kind::object) return std::string(name_of(value.kind));
  if (value.kind != Kind::string && value.kind != Kind::number) return json_text(value);
  const std::string_view shown = utf8_prefix(value.text, limits::kErrorValueBytesMax);
  const bool is_string = value.kind == Kind::string;
  std::string text = is_string ? "the string " + quote_json(shown) : "the number " + std::string(shown);
  if (shown.size() < value.text.size()) text += "... (" + std::to_string(value.text.size()) + " bytes)";
  return text;
}

}  // namespace skillscale
