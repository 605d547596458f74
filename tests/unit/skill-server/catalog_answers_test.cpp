#include "skill-server/catalog_answers.h"

#include <gtest/gtest.h>

#include <nlohmann/json.hpp>
#include <string>
#include <utility>

#include "protocol/base64.h"
#include "support/skill_tree.h"

namespace skillscale {
namespace {

using Json = nlohmann::json;
using Op = CatalogRequest::Op;

class CatalogAnswersTest : public ::testing::Test {
 protected:
  void SetUp() override {
    tree_.write("csv/SKILL.md",
                "---\nname: csv\ndescription: Reads tables.\nmetadata:\n  version: \"1.2.0\"\n  tags: table, data\n"
                "  concurrency: \"2\"\n  env: API_KEY\n---\nHow to read a table.\n");
    tree_.write("csv/scripts/run.sh", "#!/bin/sh\ncat\n", true);
    tree_.write("csv/references/guide.md", "guide");
    tree_.write("csv/assets/logo.bin", std::string("\xff\x00\xfe", 3));
    tree_.write(
        "old/SKILL.md",
        "---\nname: old\ndescription: Was good.\nmetadata:\n  deprecated: too slow\n  replaced-by: csv\n---\nB\n");
    snapshot_ = first_snapshot(std::move(*Catalogue::scan(tree_.root(), testing::system_interpreters())));
  }
  Json ask(Op op, const std::string& skill = {}, const std::string& path = {}) const {
    const auto answer = answer_question({{"q", "R"}, op, skill, path}, *snapshot_, breakers_);
    EXPECT_TRUE(answer) << answer.error();
    return answer ? Json::parse(*answer) : Json();
  }
  ErrorCode refusal(Op op, const std::string& skill = {}, const std::string& path = {}) const {
    const auto answer = answer_question({{"q", "R"}, op, skill, path}, *snapshot_, breakers_);
    EXPECT_FALSE(answer);
    return answer ? ErrorCode::internal : answer.error().code;
  }

  testing::SkillTree tree_;
  SnapshotPtr snapshot_;
  BreakerStates breakers_;
};

TEST_F(CatalogAnswersTest, AListHasWhatAnAgentChoosesBy) {
  const Json list = ask(Op::list);
  ASSERT_EQ(list["skills"].size(), 2U);
  EXPECT_EQ(list["digest"], snapshot_->digest);
  const Json& skill = list["skills"][0];
  EXPECT_EQ(skill["name"], "csv");
  EXPECT_EQ(skill["description"], "Reads tables.");
  EXPECT_EQ(skill["version"], "1.2.0");
  EXPECT_EQ(skill["tags"], Json({"table", "data"}));
  EXPECT_EQ(skill["adapter"], "intent");
  EXPECT_EQ(skill["digest"], snapshot_->catalogue.find("csv")->digest);
  EXPECT_FALSE(skill.contains("body")) << "a list of a thousand skills must stay small";
  EXPECT_EQ(list["skills"][1]["deprecated"], "too slow");
  EXPECT_EQ(list["skills"][1]["replaced_by"], "csv");
}

TEST_F(CatalogAnswersTest, TheStateOfABreakerIsInTheList) {
  EXPECT_EQ(ask(Op::list)["skills"][0]["breaker"], "closed");
  breakers_["csv"] = BreakerState::half_open;
  EXPECT_EQ(ask(Op::list)["skills"][0]["breaker"], "half-open");
  EXPECT_EQ(ask(Op::show, "csv")["breaker"], "half-open");
}

TEST_F(CatalogAnswersTest, ASkillIsShownWithAllThatIsNeededToUseIt) {
  const Json skill = ask(Op::show, "csv");
  EXPECT_EQ(skill["body"], "How to read a table.");
  EXPECT_EQ(skill["scripts"], Json({{{"path", "scripts/run.sh"}, {"runs", true}}}));
  EXPECT_EQ(skill["env"], Json({{{"name", "API_KEY"}, {"required", true}}}));
  EXPECT_EQ(skill["limits"]["concurrency"], 2);
  EXPECT_TRUE(skill["inputs"].is_array());
  EXPECT_EQ(skill.dump().find(tree_.root().string()), std::string::npos) << "paths of the server are nobody's business";
}

TEST_F(CatalogAnswersTest, AFileIsTextOrBase64) {
  EXPECT_EQ(ask(Op::read, "csv", "references/guide.md"),
            Json({{"skill", "csv"}, {"path", "references/guide.md"}, {"size", 5}, {"text", "guide"}}));
  const Json binary = ask(Op::read, "csv", "assets/logo.bin");
  EXPECT_EQ(decode_base64(binary["content_base64"].get<std::string>()), std::string("\xff\x00\xfe", 3));
  EXPECT_EQ(binary["size"], 3);
}

TEST_F(CatalogAnswersTest, WhatIsNotThereHasItsCode) {
  EXPECT_EQ(refusal(Op::show, ""), ErrorCode::unknown_skill);
  EXPECT_EQ(refusal(Op::show, "none"), ErrorCode::unknown_skill);
  EXPECT_EQ(refusal(Op::read, "none", "SKILL.md"), ErrorCode::unknown_skill);
  EXPECT_EQ(refusal(Op::read, "csv", "references/none.md"), ErrorCode::invalid_request);
  EXPECT_EQ(refusal(Op::read, "csv", "../old/SKILL.md"), ErrorCode::invalid_request);
  EXPECT_EQ(refusal(Op::read, "csv", "scripts/run.sh"), ErrorCode::not_allowed);
}

}  // namespace
}  // namespace skillscale
