#include "os/ready_file.h"

#include <unistd.h>

#include <cerrno>
#include <cstdio>
#include <fstream>

namespace skillscale {

Result<void> write_ready_file(const std::string& path, std::string_view text) {
  const std::string beside = path + '.' + std::to_string(::getpid());
  std::ofstream file(beside, std::ios::binary | std::ios::trunc);
  file << text << '\n';
  file.close();
  if (!file || std::rename(beside.c_str(), path.c_str()) != 0) {
    Error error = Error::from_errno(ErrorCode::io_error, "write " + path);
    std::remove(beside.c_str());
    return error;
  }
  return {};
}

}  // namespace skillscale
