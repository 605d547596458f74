#include "run_options.h"

#include <fcntl.h>
#include <unistd.h>

#include <cerrno>
#include <filesystem>
#include <fstream>

#include "base/limits.h"
#include "console.h"
#include "os/fd.h"

namespace skillscale::cli {
namespace {

Error wrong(std::string detail) { return {ErrorCode::invalid_request, std::move(detail)}; }

// Any bytes, at most kCommandInputBytesMax of them.
Result<std::string> read_bytes(const std::string& path) {
  std::ifstream file(path, std::ios::binary);
  if (!file || std::filesystem::is_directory(path)) return Error{ErrorCode::io_error, "cannot read \"" + path + "\""};
  std::string bytes(limits::kCommandInputBytesMax + 1, '\0');
  file.read(bytes.data(), static_cast<std::streamsize>(bytes.size()));
  bytes.resize(static_cast<std::size_t>(file.gcount()));
  if (bytes.size() > limits::kCommandInputBytesMax) return wrong("\"" + path + "\" has more than 15 MiB");
  return bytes;
}

Result<std::pair<std::string, std::string>> read_file_option(const std::string& option) {
  const std::size_t equals = option.find('=');
  const std::string path = equals == std::string::npos ? option : option.substr(equals + 1);
  std::string name =
      equals == std::string::npos ? std::filesystem::path(path).filename().string() : option.substr(0, equals);
  auto bytes = read_bytes(path);
  if (!bytes) return std::move(bytes).error();
  return std::pair{std::move(name), std::move(*bytes)};
}

Result<std::pair<std::string, std::string>> read_variable(const std::string& option) {
  const std::size_t equals = option.find('=');
  if (equals != std::string::npos) return std::pair{option.substr(0, equals), option.substr(equals + 1)};
  auto value = environment(option.c_str());
  if (!value) return wrong("--env " + option + ": there is no such variable here; give it one with NAME=VALUE");
  return std::pair{option, std::move(*value)};
}

bool stays_inside(const std::filesystem::path& path) {
  if (path.empty() || path.is_absolute() || !path.has_filename()) return false;
  for (const auto& part : path) {
    if (part == ".." || part == ".") return false;
  }
  return true;
}

}  // namespace

void add_run_options(CLI::App& command, RunOptions& options, const std::string& file_flags) {
  command.add_option("--script", options.script, "A script of the skill, as scripts/unpack.py, or \"-m module\"")
      ->type_name("SCRIPT");
  command.add_option("--arg", options.args, "An argument of the script; several: repeat it, in their order")
      ->type_name("TEXT")
      ->allow_extra_args(false);
  command.add_option("--input", options.input, "Structured input as JSON, or @FILE with it")->type_name("JSON");
  command.add_option(file_flags, options.files, "A file for the run's folder, there under its own name or as DEST")
      ->type_name("[DEST=]PATH")
      ->allow_extra_args(false);
  command.add_option("--collect", options.collect, "Files of the run's folder to return, as 'out/**'")
      ->type_name("GLOB")
      ->allow_extra_args(false);
  command.add_option("--env", options.env, "A variable that the skill declares; NAME alone: as it is here")
      ->type_name("NAME[=VALUE]")
      ->allow_extra_args(false);
  command.add_option("--out", options.out, "Folder to write the returned files to")->type_name("DIR");
}

Result<RunInputs> read_run_inputs(const RunOptions& options) {
  RunInputs inputs;
  inputs.input_json = options.input;
  if (options.input.starts_with('@')) {
    auto text = read_input(options.input.substr(1));
    if (!text) return std::move(text).error();
    inputs.input_json = std::move(*text);
  }
  for (const std::string& option : options.files) {
    auto file = read_file_option(option);
    if (!file) return std::move(file).error();
    inputs.files.push_back(std::move(*file));
  }
  for (const std::string& option : options.env) {
    auto variable = read_variable(option);
    if (!variable) return std::move(variable).error();
    inputs.env.push_back(std::move(*variable));
  }
  return inputs;
}

Result<void> write_artifacts(const std::string& folder, const std::vector<OutFile>& files) {
  for (const OutFile& file : files) {
    if (!stays_inside(file.path)) return wrong("the artifact \"" + file.path + "\" would leave " + folder);
    const std::filesystem::path place = std::filesystem::path(folder) / file.path;
    std::error_code failed;
    std::filesystem::create_directories(place.parent_path(), failed);
    const Fd out(::open(place.c_str(), O_WRONLY | O_CREAT | O_TRUNC | O_NOFOLLOW | O_CLOEXEC, 0666));
    if (!out) return Error::from_errno(ErrorCode::io_error, "write " + place.string());
    for (std::string_view rest = file.content; !rest.empty();) {
      const ssize_t written = ::write(out.get(), rest.data(), rest.size());
      if (written < 0 && errno == EINTR) continue;
      if (written <= 0) return Error::from_errno(ErrorCode::io_error, "write " + place.string());
      rest.remove_prefix(static_cast<std::size_t>(written));
    }
  }
  return {};
}

}  // namespace skillscale::cli
