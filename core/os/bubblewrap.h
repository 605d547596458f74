// The command line of bwrap(1), which puts a program into namespaces of its own
// with only the files that it is given.
#pragma once

#include <string>
#include <vector>

namespace skillscale {

// Inside, from the root on: what is added here and nothing else. Order matters: a
// path that lies in another one comes after it.
class Bubblewrap {
 public:
  // Namespaces for users, processes, mounts, IPC, host name and cgroups, no capabilities,
  // a /proc, a minimal /dev, empty /tmp and /dev/shm of bounded size.
  explicit Bubblewrap(std::string program);

  void without_network() { add({"--unshare-net"}); }
  void read_only(const std::string& path);  // As a link where it is one; left out when it is absent.
  void writable(const std::string& path) { add({"--bind", path, path}); }
  void hide(const std::string& path, bool is_folder);  // Empty instead of what is there.
  void filter(int descriptor);                         // A seccomp program; the last one added speaks first.

  // What comes before the program's own argv. The end of bwrap itself by SIGTERM would end all
  // inside without grace, so bwrap is started with SIGTERM ignored, and env(1) makes that undone for the program.
  std::vector<std::string> before(const std::string& working_folder) &&;

 private:
  void add(std::vector<std::string> arguments);

  std::vector<std::string> arguments_;
};

}  // namespace skillscale
