#include "skills/python_command.h"

#include <gtest/gtest.h>

#include <string>
#include <vector>

namespace skillscale {
namespace {

ChildSpec with_argv(std::vector<std::string> argv) {
  argv.insert(argv.begin(), "python3");
  ChildSpec spec;
  spec.program = "/usr/bin/python3";
  spec.argv = std::move(argv);
  spec.environment = {kZygoteLocale};
  spec.working_folder = "/";
  return spec;
}

TEST(PythonCommandTest, AScriptHasFlagsBeforeItAndArgumentsBehindIt) {
  const auto command = to_python_command(with_argv({"-B", "-us", "a.py", "-m", "", "x"}));
  ASSERT_TRUE(command) << command.error();
  EXPECT_EQ(command->kind, PythonCommand::Kind::script);
  EXPECT_EQ(command->target, "a.py");
  EXPECT_EQ(command->flags, "Bus");
  EXPECT_EQ(command->arguments, (std::vector<std::string>{"-m", "", "x"}));
}

TEST(PythonCommandTest, ModulesAndCodeAreKnown) {
  EXPECT_EQ(to_python_command(with_argv({"-m", "json.tool", "a"}))->kind, PythonCommand::Kind::module);
  const auto code = to_python_command(with_argv({"-I", "-c", "print(1)", "-c"}));
  EXPECT_EQ(code->kind, PythonCommand::Kind::code);
  EXPECT_EQ(code->target, "print(1)");
  EXPECT_EQ(code->arguments, std::vector<std::string>{"-c"});
}

TEST(PythonCommandTest, WhatNeedsAFreshInterpreterIsRefused) {
  const std::vector<std::vector<std::string>> commands{{},
                                                       {"-m"},
                                                       {"-c"},
                                                       {"-"},
                                                       {""},
                                                       {"-O", "a.py"},
                                                       {"-X", "utf8", "a.py"},
                                                       {"--help"},
                                                       {"-mjson"},
                                                       {"-W", "x"},
                                                       {"-i", "a.py"},
                                                       {"folder"},
                                                       {"archive.pyz"},
                                                       {"-Bc", "x"},
                                                       {std::string("a\0.py", 5)}};
  for (const auto& argv : commands) {
    const auto command = to_python_command(with_argv(argv));
    ASSERT_FALSE(command) << (argv.empty() ? "" : argv.front());
    EXPECT_EQ(command.error().code, ErrorCode::not_allowed);
  }
  EXPECT_FALSE(to_python_command({}));
}

TEST(PythonCommandTest, VariablesThatAreReadAtTheStartAreRefused) {
  for (const char* variable :
       {"PYTHONHASHSEED=0", "PYTHONHOME=/x", "LC_ALL=C", "LANG=de_DE.UTF-8", "LD_PRELOAD=/x.so", "GLIBC_TUNABLES=x",
        "MALLOC_ARENA_MAX=1", "OPENSSL_CONF=/x", "no equals sign", "=x", ""}) {
    ChildSpec spec = with_argv({"a.py"});
    spec.environment.emplace_back(variable);
    EXPECT_FALSE(to_python_command(spec)) << variable;
  }
  ChildSpec zero = with_argv({"a.py"});
  zero.environment.push_back(std::string("A=b\0c", 5));
  EXPECT_FALSE(to_python_command(zero));
  ChildSpec bare = with_argv({"a.py"});
  bare.environment.clear();
  EXPECT_FALSE(to_python_command(bare));
}

TEST(PythonCommandTest, ARunUnderAShimIsRefused) {
  ChildSpec spec = with_argv({"a.py"});
  RunLeash leash;
  spec.leash = &leash;
  EXPECT_TRUE(to_python_command(spec));
  leash.strategy = KillStrategy::shim;
  EXPECT_FALSE(to_python_command(spec));
}

TEST(PythonCommandTest, OtherVariablesPass) {
  ChildSpec spec = with_argv({"a.py"});
  for (const char* variable : {"PYTHONPATH=/a:/b", "PYTHONUNBUFFERED=1", "PYTHONDONTWRITEBYTECODE=1", "TZ=UTC", "A="}) {
    spec.environment.emplace_back(variable);
  }
  EXPECT_TRUE(to_python_command(spec));
}

}  // namespace
}  // namespace skillscale
