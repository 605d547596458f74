// A value that is set once by one thread and waited for by others.
#pragma once

#include <chrono>
#include <condition_variable>
#include <mutex>
#include <optional>
#include <utility>

namespace skillscale::agent {

// Thread-safe.
template <typename T>
class OneShot {
 public:
  // The first value stays; later ones are ignored.
  void set(T value) {
    {
      const std::lock_guard lock(mutex_);
      if (value_) return;
      value_.emplace(std::move(value));
    }
    changed_.notify_all();
  }

  bool ready() const {
    const std::lock_guard lock(mutex_);
    return value_.has_value();
  }

  // True when the value is there.
  bool wait_for(std::chrono::milliseconds longest) const {
    std::unique_lock lock(mutex_);
    return changed_.wait_for(lock, longest, [this] { return value_.has_value(); });
  }

  // Waits without limit. The value never changes or moves once it is there.
  const T& get() const {
    std::unique_lock lock(mutex_);
    changed_.wait(lock, [this] { return value_.has_value(); });
    return *value_;
  }

 private:
  mutable std::mutex mutex_;
  mutable std::condition_variable changed_;
  std::optional<T> value_;
};

}  // namespace skillscale::agent
