// Data that cannot be reached without its lock.
#pragma once

#include <mutex>
#include <utility>

namespace skillscale {

template <typename T>
class Guarded {
 public:
  // The lock is held for as long as this lives: keep it to one statement or a
  // small block.
  class Access {
   public:
    T* operator->() noexcept { return &value_; }
    T& operator*() noexcept { return value_; }

   private:
    friend class Guarded;
    Access(std::mutex& mutex, T& value) : lock_(mutex), value_(value) {}
    std::unique_lock<std::mutex> lock_;
    T& value_;
  };

  Guarded() = default;
  explicit Guarded(T value) : value_(std::move(value)) {}

  Access lock() { return Access(mutex_, value_); }

 private:
  std::mutex mutex_;
  T value_{};
};

}  // namespace skillscale
