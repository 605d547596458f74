// The samples of a skill: tests/*.json, each an intent and what is expected of its reply.
#pragma once

#include <filesystem>
#include <optional>
#include <string>
#include <vector>

#include "base/result.h"
#include "protocol/intent.h"
#include "protocol/reply.h"

namespace skillscale {

struct Sample {
  std::string name;  // Of the file, without .json.
  std::string description;
  Intent intent;
  std::string expect_json;  // An object.
};

// Nothing for a JSON file that is something else: it has neither `intent` nor `expect`.
// Error invalid_request says what is wrong with a sample; io_error.
Result<std::optional<Sample>> read_sample(const std::filesystem::path& file);

// What is not as expected, one sentence each; empty: all is.
std::vector<std::string> differences(const Sample& sample, const Reply& reply);

// The JSON files of the skill's tests folder, sorted.
std::vector<std::filesystem::path> sample_files(const std::filesystem::path& skill);

}  // namespace skillscale
