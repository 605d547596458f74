#include "skills/interpreter.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <filesystem>
#include <string>

#include "support/skill_tree.h"

namespace skillscale {
namespace {

using ::testing::ElementsAre;
using ::testing::HasSubstr;
using testing::SkillTree;
using testing::system_interpreters;

// A program that is not a script.
constexpr std::string_view kBinary =
    "\x7f"
    "ELF";

class InterpreterTest : public ::testing::Test {
 protected:
  std::filesystem::path script(std::string_view text, std::string_view name = "run.sh") {
    tree_.write(name, text, true);
    return tree_ / name;
  }
  SkillTree tree_;
};

TEST_F(InterpreterTest, AScriptWithoutShebangGoesByItsExtension) {
  const auto shell = resolve_script(script("echo\n"), system_interpreters());
  ASSERT_TRUE(shell) << shell.error();
  EXPECT_THAT(shell->run.argv, ElementsAre("/bin/sh", tree_ / "run.sh"));
  const auto python = resolve_script(script("", "run.py"), system_interpreters());
  ASSERT_TRUE(python) << python.error();
  EXPECT_THAT(python->run.argv, ElementsAre("/usr/bin/python3", tree_ / "run.py"));
  EXPECT_FALSE(resolve_script(script("x", "run.xyz"), system_interpreters()));
}

TEST_F(InterpreterTest, TheShebangIsRespected) {
  const auto direct = resolve_script(script("#! /bin/sh -eu\n"), system_interpreters());
  ASSERT_TRUE(direct) << direct.error();
  EXPECT_EQ(direct->run.program, "/bin/sh");
  EXPECT_THAT(direct->run.argv, ElementsAre("/bin/sh", "-eu", tree_ / "run.sh"));
  const auto searched = resolve_script(script("#!/usr/bin/env python3\n"), system_interpreters());
  ASSERT_TRUE(searched) << searched.error();
  EXPECT_THAT(searched->run.argv, ElementsAre("/usr/bin/python3", tree_ / "run.sh"));
  const auto split = resolve_script(script("#!/usr/bin/env -S python3 -I\n"), system_interpreters());
  ASSERT_TRUE(split) << split.error();
  EXPECT_THAT(split->run.argv, ElementsAre("/usr/bin/python3", "-I", tree_ / "run.sh"));
}

TEST_F(InterpreterTest, AShebangThatCannotWorkSaysWhy) {
  const std::pair<std::string, const char*> cases[] = {
      {"#!\n", "names no program"},
      {"#!/usr/bin/env\n", "names no program"},
      {"#!python3\n", "absolute path"},
      {"#!/no/such/interpreter\n", "there is no interpreter /no/such/interpreter"},
      {"#!/usr/bin/env nothing-like-this\n", "there is no interpreter \"nothing-like-this\""},
      {"#!/usr/bin/env A=b python3\n", "not supported"},
      {"#!/usr/bin/env -i python3\n", "not supported"},
      {"#!/bin/sh " + std::string(300, 'x'), "too long"},
  };
  for (const auto& [text, why] : cases) {
    const auto resolved = resolve_script(script(text), system_interpreters());
    ASSERT_FALSE(resolved) << text;
    EXPECT_THAT(resolved.error().detail, HasSubstr(why)) << text;
  }
  EXPECT_FALSE(resolve_script(tree_ / "missing.sh", system_interpreters()));
  EXPECT_FALSE(resolve_script(tree_.root(), system_interpreters()));
}

TEST_F(InterpreterTest, ACarriageReturnInTheShebangIsOddButWorks) {
  const auto resolved = resolve_script(script("#!/bin/sh\r\necho\r\n"), system_interpreters());
  ASSERT_TRUE(resolved) << resolved.error();
  EXPECT_EQ(resolved->run.program, "/bin/sh");
  EXPECT_THAT(resolved->warning, HasSubstr("CR LF"));
}

TEST_F(InterpreterTest, AVersionManagersShimIsPassedOver) {
  tree_.write("shims/python3", "#!/bin/bash\n", true);
  tree_.write("real/python3", kBinary, true);
  const auto both = Interpreters::create({}, (tree_ / "shims").string() + ":" + (tree_ / "real").string());
  ASSERT_TRUE(both);
  EXPECT_EQ(both->find("python3")->path, tree_ / "real/python3");
  EXPECT_EQ(both->find("python3")->warning, "");

  const auto shim_only = Interpreters::create({}, (tree_ / "shims").string());
  ASSERT_TRUE(shim_only);
  EXPECT_EQ(shim_only->find("python3")->path, tree_ / "shims/python3");
  EXPECT_THAT(shim_only->find("python3")->warning, HasSubstr("itself a script"));
}

TEST_F(InterpreterTest, TheOperatorsChoiceComesFirst) {
  tree_.write("my-python", kBinary, true);
  const auto interpreters = Interpreters::create({"python=" + (tree_ / "my-python").string()}, "/usr/bin");
  ASSERT_TRUE(interpreters) << interpreters.error();
  EXPECT_EQ(interpreters->find("python")->path, tree_ / "my-python");
  EXPECT_EQ(interpreters->find("python3")->path, tree_ / "my-python") << "python stands in for python3";
}

TEST_F(InterpreterTest, PythonAndPython3StandInForEachOther) {
  tree_.write("bin/python3", kBinary, true);
  const auto interpreters = Interpreters::create({}, (tree_ / "bin").string());
  ASSERT_TRUE(interpreters);
  EXPECT_EQ(interpreters->find("python")->path, tree_ / "bin/python3");
  EXPECT_FALSE(interpreters->find("node"));
}

TEST_F(InterpreterTest, OnlyExecutableFilesInAbsoluteFoldersAreFound) {
  tree_.write("bin/tool", kBinary, false);
  std::filesystem::create_directories(tree_ / "more/tool");
  const auto interpreters =
      Interpreters::create({}, ".:relative::" + (tree_ / "bin").string() + ":" + (tree_ / "more").string());
  ASSERT_TRUE(interpreters);
  EXPECT_FALSE(interpreters->find("tool"));
}

TEST_F(InterpreterTest, MalformedAssignmentsAreRefused) {
  for (const char* assignment :
       {"python3", "=/bin/sh", "python3=", "python3=python3", "python3=/no/such/file", "x=/tmp"}) {
    const auto interpreters = Interpreters::create({assignment}, "/usr/bin");
    ASSERT_FALSE(interpreters) << assignment;
    EXPECT_EQ(interpreters.error().code, ErrorCode::invalid_config);
    EXPECT_THAT(interpreters.error().detail, HasSubstr(assignment));
  }
}

}  // namespace
}  // namespace skillscale
