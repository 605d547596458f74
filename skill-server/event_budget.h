// How much of one run's events may be under way, and the wait of its child for room.
#pragma once

#include <cstddef>
#include <cstdint>
#include <memory>
#include <mutex>

#include "os/wakeup.h"

namespace skillscale {

// Thread-safe. Bytes are taken where the child is read and given back when they have left for
// the proxy, so that one bound holds for everything between the child's pipe and the wire.
class EventBudget {
 public:
  explicit EventBudget(std::size_t bytes_max) : bytes_max_(bytes_max) {}

  // Only a question: what is there already has to be taken all the same. After `false`
  // room_fd() becomes readable once half of the bound is free. For one thread.
  bool has_room();
  int room_fd() const noexcept { return room_.fd(); }

  void take(std::size_t bytes);
  void give_back(std::size_t bytes);  // That was taken and never became a charge.
  // Whatever charges there are count no more: they may never be given back.
  void write_off_charges();

  std::size_t bytes() const;
  std::uint64_t holds() const;  // How often the child had to wait.

 private:
  friend class EventCharge;
  std::uint64_t charge(std::size_t bytes);  // Of what was taken. The generation.
  void discharge(std::size_t bytes, std::uint64_t generation);
  void give_back_locked(std::size_t bytes);

  const std::size_t bytes_max_;
  mutable std::mutex mutex_;
  std::size_t bytes_ = 0;    // With those that are charged.
  std::size_t charged_ = 0;  // Of the present generation.
  std::uint64_t generation_ = 0;
  std::uint64_t holds_ = 0;
  bool waiting_ = false;
  Wakeup room_;
};

// Bytes of a budget that are in a message. Gives them back at its end, on whatever thread that is. It keeps the
// budget, because libzmq may hold a message for longer than the run lasts.
class EventCharge {
 public:
  EventCharge(std::shared_ptr<EventBudget> budget, std::size_t bytes);
  ~EventCharge() { budget_->discharge(bytes_, generation_); }
  EventCharge(const EventCharge&) = delete;
  EventCharge& operator=(const EventCharge&) = delete;

 private:
  const std::shared_ptr<EventBudget> budget_;  // Shared with the run's feed.
  const std::size_t bytes_;
  const std::uint64_t generation_;
};

}  // namespace skillscale
