#include "daemon/config_file.h"

#include <fcntl.h>
#include <unistd.h>
#include <yaml-cpp/eventhandler.h>
#include <yaml-cpp/exceptions.h>
#include <yaml-cpp/mark.h>
#include <yaml-cpp/parser.h>

#include <algorithm>
#include <array>
#include <cerrno>
#include <optional>
#include <sstream>
#include <utility>

#include "base/limits.h"
#include "base/utf8.h"
#include "os/fd.h"

namespace skillscale {
namespace {

Error refusal_at(const std::string& path, int line, int column, const std::string& reason) {
  return {ErrorCode::invalid_config, path + ":" + std::to_string(line) + ":" + std::to_string(column) + ": " + reason};
}

struct NotAllowed {
  YAML::Mark mark;
  std::string_view reason;
};

// Takes the parser's events instead of its tree: nothing is built for what is
// refused. The parser goes on after a refusal, because an error of syntax that
// comes later is the better explanation of both.
class FlatMapping final : public YAML::EventHandler {
 public:
  const std::optional<NotAllowed>& refused() const { return refused_; }
  std::vector<FileEntry> take() && { return std::move(entries_); }

  void OnDocumentStart(const YAML::Mark& mark) override {
    if (documents_++ > 0) refuse(mark, "a second YAML document is not allowed");
  }
  void OnDocumentEnd() override {}

  void OnNull(const YAML::Mark& mark, YAML::anchor_t anchor) override {
    refuse_anchor(mark, anchor);
    if (place_ == Place::key) refuse(mark, "a key must be text");
    if (place_ == Place::list) refuse(mark, "an element of a list without value is not allowed");
    if (place_ == Place::value) place_ = Place::key;
  }

  void OnAlias(const YAML::Mark& mark, YAML::anchor_t anchor) override { refuse_anchor(mark, anchor); }

  void OnScalar(const YAML::Mark& mark, const std::string&, YAML::anchor_t anchor, const std::string& value) override {
    refuse_anchor(mark, anchor);
    if (place_ == Place::document) refuse(mark, "the file must be a mapping of `key: value` lines");
    if (refused_) return;
    if (place_ == Place::key) {
      entries_.push_back({.key = value, .values = {}, .is_list = false, .line = mark.line + 1});
      place_ = Place::value;
      return;
    }
    entries_.back().values.push_back(value);
    if (place_ == Place::value) place_ = Place::key;
  }

  void OnSequenceStart(const YAML::Mark& mark, const std::string&, YAML::anchor_t anchor,
                       YAML::EmitterStyle::value) override {
    refuse_anchor(mark, anchor);
    if (place_ == Place::document) refuse(mark, "the file must be a mapping of `key: value` lines, not a list");
    if (place_ == Place::key) refuse(mark, "a key must be text, not a list");
    if (place_ == Place::list) refuse(mark, "a list inside a list is not allowed");
    if (refused_) return;
    entries_.back().is_list = true;
    place_ = Place::list;
  }
  void OnSequenceEnd() override { place_ = Place::key; }

  void OnMapStart(const YAML::Mark& mark, const std::string&, YAML::anchor_t anchor,
                  YAML::EmitterStyle::value) override {
    refuse_anchor(mark, anchor);
    if (place_ == Place::key) refuse(mark, "a key must be text, not a mapping");
    if (place_ != Place::document) refuse(mark, "a mapping inside the mapping is not allowed: settings are flat");
    place_ = Place::key;
  }
  void OnMapEnd() override {}

 private:
  enum class Place { document, key, value, list };

  void refuse(const YAML::Mark& mark, std::string_view reason) {
    if (!refused_) refused_ = NotAllowed{mark, reason};
  }
  void refuse_anchor(const YAML::Mark& mark, YAML::anchor_t anchor) {
    if (anchor != YAML::NullAnchor) refuse(mark, "anchors and aliases are not allowed");
  }

  std::vector<FileEntry> entries_;
  std::optional<NotAllowed> refused_;
  Place place_ = Place::document;
  int documents_ = 0;
};

// The parser takes some control characters for the end of the file, so that a
// setting behind one would be dropped without a word.
std::optional<Error> refuse_bytes(std::string_view text, const std::string& path) {
  if (!is_valid_utf8(text)) return Error{ErrorCode::invalid_config, path + ": the file is not UTF-8 text"};
  const auto is_forbidden = [](char c) {
    return static_cast<unsigned char>(c) < 0x20 && c != '\t' && c != '\n' && c != '\r';
  };
  const auto bad = std::find_if(text.begin(), text.end(), is_forbidden);
  if (bad == text.end()) return std::nullopt;
  const std::string_view before = text.substr(0, static_cast<std::size_t>(bad - text.begin()));
  const auto line = 1 + std::count(before.begin(), before.end(), '\n');
  const auto line_begin = before.rfind('\n');  // npos + 1 is 0: the first line.
  return refusal_at(path, static_cast<int>(line), static_cast<int>(before.size() - (line_begin + 1)) + 1,
                    "control characters are not allowed");
}

}  // namespace

Result<std::string> read_config_file(const std::string& path) {
  const auto failed = [&] { return Error::from_errno(ErrorCode::invalid_config, "read " + path); };
  const Fd file(::open(path.c_str(), O_RDONLY | O_CLOEXEC | O_NOCTTY));
  if (!file) return failed();
  std::string text;
  std::array<char, 16 * limits::kKiB> chunk{};
  for (;;) {
    const ssize_t got = ::read(file.get(), chunk.data(), chunk.size());
    if (got < 0 && errno == EINTR) continue;
    if (got < 0) return failed();
    if (got == 0) return text;
    text.append(chunk.data(), static_cast<std::size_t>(got));
    if (text.size() > limits::kConfigBytesMax) {
      return Error{ErrorCode::invalid_config, path + ": the file is larger than the " +
                                                  std::to_string(limits::kConfigBytesMax) + " bytes allowed"};
    }
  }
}

Result<std::vector<FileEntry>> parse_config_file(std::string_view text, const std::string& path) {
  if (auto refused = refuse_bytes(text, path)) return *std::move(refused);
  // With a line break behind it, the parser takes an open quotation for a closed one.
  while (text.ends_with('\n') || text.ends_with('\r') || text.ends_with(' ')) text.remove_suffix(1);
  try {
    std::istringstream stream{std::string(text)};
    YAML::Parser parser(stream);
    FlatMapping mapping;
    while (parser.HandleNextDocument(mapping)) {
    }
    if (const auto& refused = mapping.refused()) {
      return refusal_at(path, refused->mark.line + 1, refused->mark.column + 1, std::string(refused->reason));
    }
    return std::move(mapping).take();
  } catch (const YAML::Exception& error) {
    return refusal_at(path, error.mark.line + 1, error.mark.column + 1, "not valid YAML: " + error.msg);
  } catch (const std::exception& error) {
    return Error{ErrorCode::invalid_config, path + ": not valid YAML: " + error.what()};
  }
}

}  // namespace skillscale
