#include "engine/input_check.h"

#include <gtest/gtest.h>

namespace skillscale {
namespace {

const std::vector<Field> kFields = {
    {.name = "url", .type = "string", .description = {}, .required = true, .default_json = {}},
    {.name = "count", .type = "integer", .description = {}, .required = true, .default_json = "3"},
    {.name = "ratio", .type = "number", .description = {}, .required = false, .default_json = {}},
    {.name = "deep", .type = "boolean", .description = {}, .required = false, .default_json = {}},
    {.name = "tags", .type = "array", .description = {}, .required = false, .default_json = {}},
    {.name = "more", .type = "object", .description = {}, .required = false, .default_json = {}},
    {.name = "any", .type = "", .description = {}, .required = false, .default_json = {}}};

std::string problem(const std::string& input) {
  const auto checked = check_input(kFields, input);
  if (checked) return {};
  EXPECT_EQ(checked.error().code, ErrorCode::invalid_request);
  return checked.error().detail;
}

TEST(InputCheckTest, WhatIsDeclaredIsTaken) {
  EXPECT_EQ(problem(R"({"url":"u"})"), "");
  EXPECT_EQ(problem(R"({"url":"u","count":2.0,"ratio":1,"deep":true,"tags":[],"more":{},"any":1,"new":2})"), "");
  EXPECT_EQ(problem(R"({"url":"u","ratio":null})"), "");
}

TEST(InputCheckTest, EveryWrongFieldIsNamed) {
  const std::string text = problem(R"({"count":1.5,"ratio":"x","deep":1,"tags":{},"more":[]})");
  for (const char* name :
       {"input.url (string) is missing", "input.count", "input.ratio", "input.deep", "input.tags", "input.more"}) {
    EXPECT_NE(text.find(name), std::string::npos) << name << " in " << text;
  }
}

TEST(InputCheckTest, WhatIsNoObjectIsRefused) {
  for (const char* input : {"[]", "7", "\"x\"", "null", "{", "", "{\"url\":\"u\"} x"})
    EXPECT_NE(problem(input), "") << input;
  EXPECT_NE(check_input(kFields, std::nullopt).error().detail.find("input.url"), std::string::npos);
  EXPECT_TRUE(check_input({}, "[1]")) << "a skill that declares nothing takes anything";
}

}  // namespace
}  // namespace skillscale
