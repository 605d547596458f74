#include "skills/skill_scaffold.h"

#include <array>
#include <fstream>
#include <string_view>

#include "skills/problem.h"
#include "skills/skill_name.h"

namespace skillscale {
namespace {

namespace fs = std::filesystem;

constexpr std::string_view kSkillText = R"(---
name: @NAME@
description: Counts the words of a text. Use when the user asks how long a text is.
compatibility: @NEEDS@
metadata:
  version: "0.1.0"
  tags: "words, length"
  idempotent: "true"
  timeout-ms: "10000"
---

# @NAME@

Send the text as `data`. The answer is one line of Markdown. An empty text is an error.

```json
{"skill": "@NAME@", "data": "one two three"}
```
)";

constexpr std::string_view kPython = R"(#!/usr/bin/env python3
"""Counts the words on standard input."""
import sys


def main() -> int:
    text = sys.stdin.read()
    if not text.strip():
        print("the text is empty: send it as `data`", file=sys.stderr)
        return 1
    print(f"**{len(text.split())}** words")
    return 0


if __name__ == "__main__":
    sys.exit(main())
)";

constexpr std::string_view kShell = R"(#!/bin/sh
# Counts the words on standard input.
set -eu

words=$(wc -w)
if [ "$words" -eq 0 ]; then
  echo 'the text is empty: send it as `data`' >&2
  exit 1
fi
echo "**$((words))** words"
)";

constexpr std::string_view kGoodSample = R"({
  "description": "The words of a short text are counted.",
  "intent": {"stdin": "one two three\n"},
  "expect": {"status": "success", "exit_code": 0, "content_contains": ["**3** words"]}
}
)";

constexpr std::string_view kBadSample = R"({
  "description": "A text without words is refused.",
  "intent": {"stdin": "  \n"},
  "expect": {"status": "error", "code": "skill_failed", "exit_code": 1}
}
)";

std::string filled_in(std::string_view pattern, std::string_view name, std::string_view needs) {
  std::string text(pattern);
  for (const auto& [mark, value] :
       {std::pair<std::string_view, std::string_view>("@NAME@", name), {"@NEEDS@", needs}}) {
    for (std::size_t place = text.find(mark); place != std::string::npos;
         place = text.find(mark, place + value.size())) {
      text.replace(place, mark.size(), value);
    }
  }
  return text;
}

struct NewFile {
  fs::path path;
  std::string text;
  bool executable;
};

Result<void> write_files(const fs::path& folder, const std::array<NewFile, 4>& files) {
  for (const NewFile& file : files) {
    const fs::path place = folder / file.path;
    std::error_code error;
    fs::create_directories(place.parent_path(), error);
    std::ofstream out(place, std::ios::binary);
    out << file.text;
    out.close();
    if (!out) return Error{ErrorCode::io_error, "cannot write " + in_quotes(place.native())};
    if (file.executable) fs::permissions(place, fs::perms(0755), error);
  }
  return {};
}

}  // namespace

Result<fs::path> scaffold_skill(const std::string& name, const fs::path& parent, ScriptLanguage language) {
  if (name.empty()) return Error{ErrorCode::invalid_config, "the skill needs a name"};
  if (normalized_name(name) != name)
    return Error{ErrorCode::invalid_config, "the name is not in the Unicode form NFKC"};
  if (const std::string why = fault_in_name(name); !why.empty()) {
    return Error{ErrorCode::invalid_config, "the name " + in_quotes(name) + ' ' + why};
  }
  const fs::path folder = parent / name;
  std::error_code error;
  fs::create_directories(parent, error);
  if (!error && !fs::create_directory(folder, error) && !error) error = std::make_error_code(std::errc::file_exists);
  if (error) return Error{ErrorCode::io_error, "cannot make " + in_quotes(folder.native()) + ": " + error.message()};

  const bool python = language == ScriptLanguage::python;
  const std::array<NewFile, 4> files = {
      {{"SKILL.md",
        filled_in(kSkillText, name,
                  python ? "Needs Python 3.9 or newer. No packages, no network." : "Needs a POSIX shell. No network."),
        false},
       {python ? "scripts/run.py" : "scripts/run.sh", std::string(python ? kPython : kShell), true},
       {"tests/basic.json", std::string(kGoodSample), false},
       {"tests/empty.json", std::string(kBadSample), false}}};
  if (auto written = write_files(folder, files); !written) {
    fs::remove_all(folder, error);
    return std::move(written).error();
  }
  return folder;
}

}  // namespace skillscale
