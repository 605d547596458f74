#include "skill-server/event_budget.h"

#include <algorithm>
#include <utility>

namespace skillscale {

bool EventBudget::has_room() {
  const std::lock_guard lock(mutex_);
  if (bytes_ < bytes_max_) {
    waiting_ = false;
    return true;
  }
  if (!std::exchange(waiting_, true)) {
    ++holds_;
    room_.clear();
  }
  return false;
}

void EventBudget::take(std::size_t bytes) {
  const std::lock_guard lock(mutex_);
  bytes_ += bytes;
}

void EventBudget::give_back(std::size_t bytes) {
  const std::lock_guard lock(mutex_);
  give_back_locked(bytes);
}

void EventBudget::write_off_charges() {
  const std::lock_guard lock(mutex_);
  ++generation_;
  give_back_locked(std::exchange(charged_, 0));
}

std::size_t EventBudget::bytes() const {
  const std::lock_guard lock(mutex_);
  return bytes_;
}

std::uint64_t EventBudget::holds() const {
  const std::lock_guard lock(mutex_);
  return holds_;
}

std::uint64_t EventBudget::charge(std::size_t bytes) {
  const std::lock_guard lock(mutex_);
  charged_ += bytes;
  return generation_;
}

void EventBudget::discharge(std::size_t bytes, std::uint64_t generation) {
  const std::lock_guard lock(mutex_);
  if (generation != generation_) return;
  charged_ -= bytes;
  give_back_locked(bytes);
}

// Not at the first free byte: the child would be stopped and continued for each message.
void EventBudget::give_back_locked(std::size_t bytes) {
  bytes_ -= std::min(bytes, bytes_);
  if (!waiting_ || bytes_ > bytes_max_ / 2) return;
  waiting_ = false;
  room_.notify();
}

EventCharge::EventCharge(std::shared_ptr<EventBudget> budget, std::size_t bytes)
    : budget_(std::move(budget)), bytes_(bytes), generation_(budget_->charge(bytes)) {}

}  // namespace skillscale
