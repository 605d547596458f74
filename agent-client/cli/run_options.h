// What a run is given and gives back, for the commands that ask for one.
#pragma once

#include <CLI/CLI.hpp>
#include <cstdint>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "base/result.h"

namespace skillscale::cli {

struct RunOptions {
  std::string script;
  std::vector<std::string> args;
  std::string input;               // JSON, or @FILE.
  std::vector<std::string> files;  // "[DEST=]PATH".
  std::vector<std::string> collect;
  std::vector<std::string> env;  // "NAME=VALUE", or "NAME" with the value that it has here.
  std::string out;               // Where artifacts are written; empty: nowhere.
};

// The files and variables themselves.
struct RunInputs {
  std::string input_json;  // Empty: none.
  std::vector<std::pair<std::string, std::string>> files;
  std::vector<std::pair<std::string, std::string>> env;
};

// `file_flags` are the names of the option for files, which differ between the commands.
void add_run_options(CLI::App& command, RunOptions& options, const std::string& file_flags);

// Error invalid_request or io_error: which option is wrong, which file cannot be read.
Result<RunInputs> read_run_inputs(const RunOptions& options);

// One artifact of a reply.
struct OutFile {
  std::string path;
  std::string content;
};

// Writes the artifacts below `folder`, with the folders above them; what is there is
// replaced. The paths come from the server: one that leaves the folder is an error.
Result<void> write_artifacts(const std::string& folder, const std::vector<OutFile>& files);

}  // namespace skillscale::cli
