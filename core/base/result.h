// A value or the Error that prevented it. (g++ 12 has no std::expected in C++20.)
#pragma once

#include <utility>
#include <variant>

#include "base/check.h"
#include "base/error.h"

namespace skillscale {

template <typename T>
class [[nodiscard]] Result {
 public:
  Result(T value) : state_(std::in_place_index<0>, std::move(value)) {}      // NOLINT(google-explicit-constructor)
  Result(Error error) : state_(std::in_place_index<1>, std::move(error)) {}  // NOLINT(google-explicit-constructor)

  explicit operator bool() const noexcept { return state_.index() == 0; }

  // Reading the value of a failure, or the error of a success, aborts.
  T& value() & { return checked(std::get_if<0>(&state_)); }
  const T& value() const& { return checked(std::get_if<0>(&state_)); }
  T&& value() && { return std::move(checked(std::get_if<0>(&state_))); }
  const Error& error() const& { return checked(std::get_if<1>(&state_)); }
  Error&& error() && { return std::move(checked(std::get_if<1>(&state_))); }

  T& operator*() & { return value(); }
  const T& operator*() const& { return value(); }
  T&& operator*() && { return std::move(*this).value(); }
  T* operator->() { return &value(); }
  const T* operator->() const { return &value(); }

 private:
  template <typename Part>
  static Part& checked(Part* part) {
    SK_CHECK(part != nullptr);
    return *part;
  }

  std::variant<T, Error> state_;
};

template <>
class [[nodiscard]] Result<void> {
 public:
  Result() = default;
  Result(Error error) : error_(std::move(error)) {}  // NOLINT(google-explicit-constructor)

  explicit operator bool() const noexcept { return !error_.has_value(); }

  const Error& error() const& {
    SK_CHECK(error_.has_value());
    return *error_;
  }
  Error&& error() && {
    SK_CHECK(error_.has_value());
    return std::move(*error_);
  }

 private:
  std::optional<Error> error_;
};

}  // namespace skillscale
