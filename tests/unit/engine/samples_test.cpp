#include "engine/samples.h"

#include <gtest/gtest.h>

#include "support/skill_tree.h"

namespace skillscale {
namespace {

class SamplesTest : public ::testing::Test {
 protected:
  Result<std::optional<Sample>> read(const std::string& text) {
    tree_.write("tests/a.json", text);
    return read_sample(tree_ / "tests/a.json");
  }
  std::vector<std::string> compare(const std::string& expect, const Reply& reply) {
    Sample sample;
    sample.expect_json = expect;
    return differences(sample, reply);
  }

  testing::SkillTree tree_;
};

TEST_F(SamplesTest, AnIntentIsReadAsFromTheWire) {
  const auto sample =
      read(R"({"description":"d","intent":{"stdin":"x","args":["a"],"script":"s.py","input":{"n":1}}})");
  ASSERT_TRUE(sample) << sample.error();
  ASSERT_TRUE(*sample);
  EXPECT_EQ((*sample)->name, "a");
  EXPECT_EQ((*sample)->intent.stdin_data, "x");
  EXPECT_EQ((*sample)->intent.script, "s.py");
  EXPECT_EQ((*sample)->intent.input_json, R"({"n":1})");
}

TEST_F(SamplesTest, WhatIsNoSampleIsLeftAloneAndABrokenOneSaysWhy) {
  EXPECT_FALSE(*read("{\"text\":\"x\"}"));
  EXPECT_FALSE(*read("[1]"));
  for (const char* text : {"{", "", R"({"intent":7})", R"({"expect":{}})", R"({"intent":{},"expect":[]})",
                           R"({"intent":{"args":"x"}})", R"({"intent":{"files":[{}]}})"}) {
    EXPECT_FALSE(read(text)) << text;
  }
}

TEST_F(SamplesTest, AFieldThatNoIntentHasIsASlip) {
  const auto sample = read(R"({"intent":{"data":"x"}})");
  ASSERT_FALSE(sample);
  EXPECT_EQ(sample.error().detail, "a.json: intent: unknown field \"data\"; what the script reads is \"stdin\"");
}

TEST_F(SamplesTest, EveryDifferenceIsSaid) {
  Reply reply;
  reply.success = true;
  reply.content = "three rows";
  reply.outputs_json = R"({"rows":3,"more":1})";
  reply.exit = Reply::Exit{0, std::nullopt, false};
  reply.artifacts = {{.path = "a.txt", .mime = {}, .sha256 = "abc", .content = "12"}};
  EXPECT_TRUE(compare(R"({"status":"success","exit_code":0,"content_contains":["three"],"content_matches":"^t.*s$",
                          "outputs":{"rows":3},"artifacts":[{"path":"a.txt","sha256":"abc","min_bytes":2}]})",
                      reply)
                  .empty());
  EXPECT_EQ(compare(R"({"status":"error","code":"x","exit_code":1,"content_contains":["four"],"content_equals":"x",
                        "content_matches":"^x","outputs":{"rows":4,"none":1},
                        "artifacts":[{"path":"b"},{"path":"a.txt","sha256":"x","min_bytes":3}],"typo":1})",
                    reply)
                .size(),
            12U);
}

TEST_F(SamplesTest, ExpectationsThatMakeNoSenseAreADifference) {
  for (const char* expect : {R"({"content_matches":"("})", R"({"content_contains":[1]})", R"({"artifacts":[{}]})",
                             R"({"content_matches":7})", R"({"artifacts":7})", R"({"outputs":7})"}) {
    EXPECT_FALSE(compare(expect, Reply{}).empty()) << expect;
  }
}

TEST_F(SamplesTest, FilesComeInTheirOrder) {
  tree_.write("tests/b.json", "{}");
  tree_.write("tests/a.json", "{}");
  tree_.write("tests/test_x.py", "");
  const auto files = sample_files(tree_.root());
  ASSERT_EQ(files.size(), 2U);
  EXPECT_EQ(files[0].filename(), "a.json");
  EXPECT_TRUE(sample_files(tree_ / "none").empty());
}

}  // namespace
}  // namespace skillscale
