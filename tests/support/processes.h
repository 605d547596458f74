// What tests of processes share: the puppet program and waits that end.
#pragma once

#include <dirent.h>
#include <fcntl.h>
#include <gtest/gtest.h>
#include <poll.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#include <array>
#include <cerrno>
#include <chrono>
#include <cstddef>
#include <filesystem>
#include <string>
#include <vector>

#include "os/child_process.h"
#include "os/fd.h"

namespace skillscale::testing {

using namespace std::chrono_literals;

// Longer than anything here takes, also under a sanitizer on a busy machine.
inline constexpr std::chrono::milliseconds kDeadline = 20s;

inline ChildSpec puppet(std::vector<std::string> arguments) {
  ChildSpec spec{.program = SKILLSCALE_PUPPET, .argv = {"puppet"}, .environment = {}, .working_folder = "/"};
  for (std::string& argument : arguments) spec.argv.push_back(std::move(argument));
  return spec;
}

inline bool becomes_readable(int fd, std::chrono::milliseconds deadline = kDeadline) {
  pollfd wait{fd, POLLIN, 0};
  return ::poll(&wait, 1, static_cast<int>(deadline.count())) == 1;
}

// Up to and including the first newline; what there is when the pipe ends or nothing comes.
inline std::string read_line(const Fd& fd) {
  std::string line;
  char byte = 0;
  while (becomes_readable(fd.get()) && ::read(fd.get(), &byte, 1) == 1) {
    line += byte;
    if (byte == '\n') break;
  }
  return line;
}

// Proof that nobody holds the other end any more.
inline bool reaches_eof(const Fd& fd) {
  std::array<char, 4096> buffer{};
  while (becomes_readable(fd.get())) {
    const ssize_t got = ::read(fd.get(), buffer.data(), buffer.size());
    if (got == 0) return true;
    if (got < 0 && errno != EAGAIN) return false;
  }
  return false;
}

// A named pipe that becomes readable when the puppet has made its preparations, and
// ends when nobody has it open any more. As the descriptor of cancellation it stops
// a run exactly then.
class ReadyPipe {
 public:
  ReadyPipe() : folder_((std::filesystem::temp_directory_path() / "ready-XXXXXX").string()) {
    EXPECT_NE(::mkdtemp(folder_.data()), nullptr);
    path_ = folder_ + "/pipe";
    EXPECT_EQ(::mkfifo(path_.c_str(), 0600), 0);
    fd_ = Fd(::open(path_.c_str(), O_RDONLY | O_NONBLOCK | O_CLOEXEC));
  }
  ~ReadyPipe() { std::filesystem::remove_all(folder_); }
  ReadyPipe(const ReadyPipe&) = delete;
  ReadyPipe& operator=(const ReadyPipe&) = delete;

  const std::string& path() const { return path_; }
  int fd() const { return fd_.get(); }
  const Fd& read_end() const { return fd_; }

 private:
  std::string folder_;
  std::string path_;
  Fd fd_;
};

inline std::size_t open_descriptors() {
  std::size_t count = 0;
  DIR* const folder = ::opendir("/proc/self/fd");
  while (::readdir(folder) != nullptr) ++count;
  ::closedir(folder);
  return count;
}

// False while there is a child of this process, dead or alive.
inline bool has_no_children() { return ::waitpid(-1, nullptr, WNOHANG) == -1 && errno == ECHILD; }

}  // namespace skillscale::testing
