#include "os/run_shim.h"

#include <unistd.h>

#include <filesystem>
#include <system_error>

namespace skillscale {

namespace fs = std::filesystem;

std::string find_run_shim() {
  constexpr const char* kName = "skillscale_run_shim";
  std::error_code failed;
  const fs::path folder = fs::read_symlink("/proc/self/exe", failed).parent_path();
  if (failed) return {};
  for (const fs::path& place : {folder / kName, folder.parent_path() / "libexec" / "skillscale" / kName}) {
    if (::access(place.c_str(), X_OK) == 0) return place.native();
  }
  return {};
}

std::vector<std::string> shim_command_line(const std::string& shim, int order_fd, const std::string& program,
                                           const std::vector<std::string>& argv) {
  std::vector<std::string> command{shim, std::to_string(order_fd), program};
  command.insert(command.end(), argv.begin(), argv.end());
  return command;
}

}  // namespace skillscale
