#include "base/result.h"

#include <gtest/gtest.h>

#include <memory>
#include <set>
#include <sstream>
#include <string>

namespace skillscale {
namespace {

TEST(ResultTest, HoldsAValue) {
  Result<std::string> result(std::string("hello"));
  ASSERT_TRUE(result);
  EXPECT_EQ(*result, "hello");
  EXPECT_EQ(result->size(), 5U);
}

TEST(ResultTest, HoldsAnError) {
  const Result<int> result(Error{ErrorCode::timed_out, "too slow"});
  ASSERT_FALSE(result);
  EXPECT_EQ(result.error().code, ErrorCode::timed_out);
  EXPECT_EQ(result.error().detail, "too slow");
}

TEST(ResultTest, GivesUpAValueThatCanOnlyBeMoved) {
  Result<std::unique_ptr<int>> result(std::make_unique<int>(7));
  const std::unique_ptr<int> taken = *std::move(result);
  EXPECT_EQ(*taken, 7);
}

TEST(ResultTest, OfNothingIsASuccessByDefault) {
  const Result<void> success;
  const Result<void> failure(Error{ErrorCode::internal, "broken"});
  EXPECT_TRUE(success);
  ASSERT_FALSE(failure);
  EXPECT_EQ(failure.error().detail, "broken");
}

TEST(ResultDeathTest, ReadingTheValueOfAFailureAborts) {
  GTEST_FLAG_SET(death_test_style, "threadsafe");
  const Result<int> failure(Error{ErrorCode::internal, ""});
  EXPECT_DEATH(static_cast<void>(failure.value()), "broken invariant");
}

TEST(ResultDeathTest, ReadingTheErrorOfASuccessAborts) {
  GTEST_FLAG_SET(death_test_style, "threadsafe");
  const Result<int> success(1);
  EXPECT_DEATH(static_cast<void>(success.error()), "broken invariant");
}

TEST(CheckDeathTest, NamesTheConditionAndWhereItStands) {
  GTEST_FLAG_SET(death_test_style, "threadsafe");
  EXPECT_DEATH(SK_CHECK(1 + 1 == 3), "result_test.cpp:[0-9]+: broken invariant: 1 \\+ 1 == 3");
}

TEST(CheckTest, EvaluatesItsConditionOnce) {
  int evaluated = 0;
  SK_CHECK(++evaluated > 0);
  EXPECT_EQ(evaluated, 1);
}

TEST(ErrorTest, EveryCodeHasItsOwnNameAndIsFoundByIt) {
  std::set<std::string_view> names;
  for (int i = 0; i <= static_cast<int>(ErrorCode::no_answer); ++i) {
    const auto code = static_cast<ErrorCode>(i);
    EXPECT_TRUE(names.insert(name_of(code)).second) << name_of(code);
    EXPECT_EQ(error_code_from_name(name_of(code)), code);
  }
}

TEST(ErrorTest, NamesOfTheWireNeverChange) {
  EXPECT_EQ(name_of(ErrorCode::invalid_request), "invalid_request");
  EXPECT_EQ(name_of(ErrorCode::unknown_skill), "unknown_skill");
  EXPECT_EQ(name_of(ErrorCode::unknown_script), "unknown_script");
  EXPECT_EQ(name_of(ErrorCode::not_allowed), "not_allowed");
  EXPECT_EQ(name_of(ErrorCode::too_large), "too_large");
  EXPECT_EQ(name_of(ErrorCode::no_skill_server), "no_skill_server");
  EXPECT_EQ(name_of(ErrorCode::no_capacity), "no_capacity");
  EXPECT_EQ(name_of(ErrorCode::overloaded), "overloaded");
  EXPECT_EQ(name_of(ErrorCode::expired), "expired");
  EXPECT_EQ(name_of(ErrorCode::worker_lost), "worker_lost");
  EXPECT_EQ(name_of(ErrorCode::spawn_failed), "spawn_failed");
  EXPECT_EQ(name_of(ErrorCode::skill_failed), "skill_failed");
  EXPECT_EQ(name_of(ErrorCode::timed_out), "timed_out");
  EXPECT_EQ(name_of(ErrorCode::cancelled), "cancelled");
  EXPECT_EQ(name_of(ErrorCode::output_too_large), "output_too_large");
  EXPECT_EQ(name_of(ErrorCode::out_of_memory), "out_of_memory");
  EXPECT_EQ(name_of(ErrorCode::draining), "draining");
  EXPECT_EQ(name_of(ErrorCode::internal), "internal");
}

TEST(ErrorTest, UnknownNamesAreNoCode) {
  EXPECT_EQ(error_code_from_name(""), std::nullopt);
  EXPECT_EQ(error_code_from_name("Internal"), std::nullopt);
  EXPECT_EQ(error_code_from_name("internal "), std::nullopt);
}

TEST(ErrorTest, FromErrnoSaysWhatWasTriedAndWhyItFailed) {
  const Error error = Error::from_errno(ErrorCode::io_error, "open /nowhere", ENOENT);
  EXPECT_EQ(error.code, ErrorCode::io_error);
  EXPECT_EQ(error.detail, "cannot open /nowhere: No such file or directory");
}

TEST(ErrorTest, PrintsItsNameAndDetail) {
  std::ostringstream out;
  out << Error{ErrorCode::expired, "too late"};
  EXPECT_EQ(out.str(), "expired: too late");
}

}  // namespace
}  // namespace skillscale
