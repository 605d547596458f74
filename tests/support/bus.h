// What tests with real sockets share: binding, and receiving with a deadline.
#pragma once

#include <gtest/gtest.h>

#include <chrono>
#include <filesystem>
#include <string>
#include <vector>

#include "bus/sockets.h"

namespace skillscale::testing {

// Longer than anything here takes, also under a sanitizer on a busy machine.
inline constexpr std::chrono::milliseconds kDeadline{20'000};

// Removed with its content.
class TempFolder {
 public:
  TempFolder() : path_((std::filesystem::temp_directory_path() / "skillscale-XXXXXX").string()) {
    EXPECT_NE(::mkdtemp(path_.data()), nullptr);
  }
  ~TempFolder() { std::filesystem::remove_all(path_); }
  TempFolder(const TempFolder&) = delete;
  TempFolder& operator=(const TempFolder&) = delete;

  const std::string& path() const { return path_; }

 private:
  std::string path_;
};

// The address that `socket` really got.
inline std::string bound(zmq::socket_t& socket, const std::string& endpoint) {
  const auto address = bind_socket(socket, endpoint);
  EXPECT_TRUE(address) << address.error();
  return address ? *address : "";
}

// The next message; empty when none comes in time. A socket gets new peers only
// while its thread uses it, so one that binds may have to be polled `beside`.
inline std::vector<std::string> receive(zmq::socket_t& socket, std::vector<zmq::socket_t*> beside = {}) {
  Poller poller;
  poller.add(socket);
  for (zmq::socket_t* other : beside) poller.add(*other);
  const auto end = std::chrono::steady_clock::now() + kDeadline;
  Frames frames;
  while (!receive_frames(socket, frames)) {
    const auto left = std::chrono::ceil<std::chrono::milliseconds>(end - std::chrono::steady_clock::now());
    if (left.count() <= 0) return {};
    poller.wait(left);
  }
  std::vector<std::string> parts;
  for (std::size_t i = 0; i < frames.parts.size(); ++i) parts.emplace_back(frames.view(i));
  return parts;
}

}  // namespace skillscale::testing
