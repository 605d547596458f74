#include "skills/skilletfile.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <string>
#include <vector>

#include "base/limits.h"

namespace skillscale {
namespace {

using ::testing::HasSubstr;
using ::testing::IsEmpty;
using ::testing::SizeIs;

ManifestReading read(const std::string& text, Descriptor kind = Descriptor::skillet) {
  return parse_descriptor(text, "/skills/a/Skilletfile.yaml", kind);
}

TEST(SkilletfileTest, TypesDefaultsAndRequirementsAreRead) {
  const auto reading = read(R"(name: a
entry: main:handler
inputs:
  one: {type: string, default: 1.0}
  two: {type: number, default: 1.5}
  three: {type: Boolean, default: false}
  four: {type: array, default: [1, "2", null]}
  five: {type: mystery}
  six: object
  seven: {type: integer, required: false}
)");
  ASSERT_TRUE(reading.manifest);
  const auto& inputs = reading.manifest->inputs;
  ASSERT_THAT(inputs, SizeIs(7));
  EXPECT_EQ(inputs[0].default_json, "\"1.0\"") << "a string stays one";
  EXPECT_EQ(inputs[1].default_json, "1.5");
  EXPECT_EQ(inputs[2].type, "boolean");
  EXPECT_EQ(inputs[2].default_json, "false");
  EXPECT_EQ(inputs[3].default_json, "[1,\"2\",null]");
  EXPECT_EQ(inputs[4].type, "");
  EXPECT_TRUE(inputs[4].required);
  EXPECT_EQ(inputs[5].type, "object");
  EXPECT_FALSE(inputs[6].required);
  ASSERT_THAT(reading.problems, SizeIs(1));
  EXPECT_THAT(reading.problems[0].message, HasSubstr("unknown type \"mystery\""));
}

TEST(SkilletfileTest, VariablesMayBeWrittenInManyWays) {
  for (const char* text :
       {"env: [A, \"B?\"]", "env: A, B?", "env:\n  A: {required: true}\n  B: {required: false}",
        "env: [A]\nsecrets:\n  - name: B\n    required: false", "credentials:\n  A: The key.\n  B: {optional: true}"}) {
    const auto reading = read("name: a\nentry: m:f\n" + std::string(text) + "\n");
    ASSERT_TRUE(reading.manifest) << text;
    const auto& env = reading.manifest->env;
    ASSERT_THAT(env, SizeIs(2)) << text;
    EXPECT_EQ(env[0].name, "A");
    EXPECT_TRUE(env[0].required) << text;
    EXPECT_FALSE(env[1].required) << text;
  }
}

TEST(SkilletfileTest, VariablesThatWouldChangeTheRunItselfAreLeftOut) {
  const auto reading = read("name: a\nentry: m:f\nenv: [LD_PRELOAD, PATH, SKILLSCALE_TOPIC, 1X, \"A B\", GOOD]\n");
  ASSERT_TRUE(reading.manifest);
  ASSERT_THAT(reading.manifest->env, SizeIs(1));
  EXPECT_EQ(reading.manifest->env[0].name, "GOOD");
  EXPECT_THAT(reading.problems, SizeIs(5));
}

TEST(SkilletfileTest, WithoutEntryOrUsableNameThereIsNoSkill) {
  for (const char* text : {"", "name: a\n", "- a\n", "just text\n", "name: \"a\\nb\"\nentry: m:f\n", "a: [\n",
                           "entry: &x m:f\n", "entry: *x\n"}) {
    const auto reading = read(text);
    EXPECT_FALSE(reading.manifest) << text;
    EXPECT_TRUE(has_error(reading.problems)) << text;
  }
  EXPECT_FALSE(read("name: a\nentry: m:f\n", Descriptor::skillos).manifest) << "SkillOS calls it entrypoint";
}

TEST(SkilletfileTest, HostileTextIsBounded) {
  EXPECT_FALSE(read(std::string(limits::kFrontmatterBytesMax + 1, 'a')).manifest);
  EXPECT_FALSE(read(std::string("\xff\xfe")).manifest);
  EXPECT_FALSE(read(std::string(50000, '[')).manifest);
  std::string many = "name: a\nentry: m:f\ninputs:\n";
  for (int i = 0; i < 3000; ++i) many += "  i" + std::to_string(i) + ": string\n";
  many += "env: [";
  for (int i = 0; i < 3000; ++i) many += "A" + std::to_string(i) + ",";
  const auto reading = read(many + "Z]\n");
  ASSERT_TRUE(reading.manifest);
  EXPECT_THAT(reading.manifest->inputs, SizeIs(limits::kSkillFieldsMax));
  EXPECT_THAT(reading.manifest->env, SizeIs(limits::kSkillVariablesMax));
}

TEST(SkilletfileTest, WrongTypesAreSaidAndNeverFatal) {
  const auto reading =
      read("name: [a]\nentry: m:f\ninputs: 5\noutputs: [x, {type: string}]\ntags: {a: b}\nversion: {}\n");
  ASSERT_TRUE(reading.manifest);
  EXPECT_EQ(reading.manifest->name, "a") << "the folder's";
  EXPECT_THAT(reading.manifest->inputs, IsEmpty());
  EXPECT_THAT(reading.manifest->outputs, SizeIs(1));
  EXPECT_THAT(reading.problems, SizeIs(2));
}

TEST(SkillOsTest, AReplacementCountsOnlyWhenTheSkillIsDeprecated) {
  const auto reading = read("id: x/y\nentrypoint: m:f\nreplacement_id: x/z\n", Descriptor::skillos);
  ASSERT_TRUE(reading.manifest);
  EXPECT_EQ(reading.manifest->deprecated, "");
  EXPECT_EQ(reading.manifest->replaced_by, "");
}

}  // namespace
}  // namespace skillscale
