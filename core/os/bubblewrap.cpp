#include "os/bubblewrap.h"

#include <array>
#include <filesystem>
#include <iterator>
#include <system_error>
#include <utility>

#include "base/limits.h"

namespace skillscale {

namespace fs = std::filesystem;

Bubblewrap::Bubblewrap(std::string program) {
  const std::string bytes = std::to_string(limits::kStrictScratchBytesMax);
  arguments_.push_back(std::move(program));
  add({"--unshare-user", "--unshare-ipc", "--unshare-pid", "--unshare-uts", "--unshare-cgroup-try"});
  add({"--die-with-parent", "--cap-drop", "ALL"});
  add({"--proc", "/proc", "--dev", "/dev", "--size", bytes, "--tmpfs", "/dev/shm", "--size", bytes, "--tmpfs", "/tmp"});
}

void Bubblewrap::read_only(const std::string& path) {
  std::error_code failed;
  const fs::path target = fs::read_symlink(path, failed);
  if (!failed) return add({"--symlink", target.native(), path});
  add({"--ro-bind-try", path, path});
}

void Bubblewrap::hide(const std::string& path, bool is_folder) {
  if (is_folder) return add({"--tmpfs", path, "--remount-ro", path});
  add({"--ro-bind", "/dev/null", path});
}

void Bubblewrap::filter(int descriptor) { add({"--add-seccomp-fd", std::to_string(descriptor)}); }

std::vector<std::string> Bubblewrap::before(const std::string& working_folder) && {
  add({"--chdir", working_folder, "--", "/usr/bin/env", "--default-signal=TERM", "--"});
  return std::move(arguments_);
}

void Bubblewrap::add(std::vector<std::string> arguments) {
  arguments_.insert(arguments_.end(), std::make_move_iterator(arguments.begin()),
                    std::make_move_iterator(arguments.end()));
}

}  // namespace skillscale
