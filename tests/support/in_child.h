// Runs an action in a child process, for what a process cannot undo.
#pragma once

#include <gtest/gtest.h>
#include <sys/wait.h>
#include <unistd.h>

#include <cerrno>
#include <functional>

namespace skillscale::testing {

inline constexpr int kSucceeded = 0;
inline constexpr int kNotPrepared = 255;

// The errno of `action` after `prepare`; 0: it succeeded.
inline int error_in_child(const std::function<bool()>& prepare, const std::function<long()>& action) {
  const pid_t child = ::fork();
  if (child == 0) {
    if (!prepare()) ::_exit(kNotPrepared);
    errno = 0;
    ::_exit(action() >= 0 ? kSucceeded : errno);
  }
  int status = 0;
  EXPECT_EQ(::waitpid(child, &status, 0), child);
  EXPECT_TRUE(WIFEXITED(status)) << "signal " << WTERMSIG(status);
  EXPECT_NE(WEXITSTATUS(status), kNotPrepared) << "the child could not be prepared";
  return WEXITSTATUS(status);
}

}  // namespace skillscale::testing
