#include "skills/skill_loader.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <string>
#include <vector>

#include "base/limits.h"
#include "support/skill_tree.h"

namespace skillscale {
namespace {

using ::testing::ElementsAre;
using ::testing::HasSubstr;
using ::testing::IsEmpty;
using ::testing::SizeIs;
using testing::SkillTree;
using testing::system_interpreters;
using namespace std::chrono_literals;

struct Loaded {
  std::vector<SkillPtr> skills;
  std::vector<std::string> problems;  // With paths relative to the tree.
};

Loaded load(const SkillTree& tree, Strictness strictness = Strictness::lenient) {
  auto result = load_skills(tree.root(), system_interpreters(), strictness);
  EXPECT_TRUE(result) << result.error();
  Loaded loaded;
  if (!result) return loaded;
  loaded.skills = std::move(result->skills);
  for (Problem problem : result->problems) {
    problem.file = problem.file.lexically_relative(tree.root());
    loaded.problems.push_back(to_text(problem));
  }
  return loaded;
}

Skill only(const Loaded& loaded) {
  EXPECT_THAT(loaded.skills, SizeIs(1)) << ::testing::PrintToString(loaded.problems);
  return loaded.skills.size() == 1 ? *loaded.skills[0] : Skill();
}

std::vector<std::string> paths_of(const Skill& skill) {
  std::vector<std::string> paths;
  for (const Script& script : skill.scripts) paths.push_back(script.path);
  return paths;
}

std::string with_metadata(const std::string& name, const std::string& lines) {
  return "---\nname: " + name + "\ndescription: Does it.\nmetadata:\n" + lines + "---\nBody.\n";
}

TEST(SkillLoaderTest, AnEntryScriptComesBeforeEverythingElse) {
  const SkillTree tree;
  tree.write("a/SKILL.md", with_metadata("a", "  entrypoint: scripts/main.py\n"));
  tree.write("a/scripts/main.py", "def run(x): return x\n");
  tree.write("a/scripts/run.py", "print()\n");
  const Skill skill = only(load(tree));
  EXPECT_EQ(skill.adapter, Adapter::intent);
  EXPECT_EQ(skill.adapter_reason, "there is scripts/run.py");
  EXPECT_TRUE(skill.run);
  EXPECT_FALSE(skill.function);
}

TEST(SkillLoaderTest, ScriptsWithoutEntryAreForTheIntentToChooseFrom) {
  const SkillTree tree;
  tree.add_skill("tools");
  tree.write("tools/scripts/pack.py", "print()\n");
  tree.write("tools/scripts/deep/list.sh", "ls\n");
  tree.write("tools/scripts/ask", "#!/usr/bin/env python3\n");
  tree.write("tools/scripts/table.csv", "a,b\n");
  tree.write("tools/scripts/.hidden.py", "print()\n");
  tree.write("tools/scripts/__pycache__/pack.py", "x\n");
  tree.write("tools/scripts/lib/__init__.py", "\n");
  const Skill skill = only(load(tree));
  EXPECT_EQ(skill.adapter, Adapter::argv);
  EXPECT_THAT(skill.adapter_reason, HasSubstr("3 scripts below scripts/"));
  EXPECT_THAT(paths_of(skill), ElementsAre("scripts/ask", "scripts/deep/list.sh", "scripts/pack.py"));
  ASSERT_TRUE(skill.scripts[1].run);
  EXPECT_THAT(skill.scripts[1].run->argv, ElementsAre("/bin/sh", tree / "tools/scripts/deep/list.sh"));
  EXPECT_TRUE(skill.instructions_only());
}

TEST(SkillLoaderTest, ACompiledProgramIsAScriptWhenItMayBeExecuted) {
  const SkillTree tree;
  tree.add_skill("compiled");
  tree.write("compiled/scripts/tool",
             "\x7f"
             "ELF...",
             true);
  tree.write("compiled/scripts/library",
             "\x7f"
             "ELF...");
  const Skill skill = only(load(tree));
  EXPECT_THAT(paths_of(skill), ElementsAre("scripts/tool"));
  EXPECT_EQ(skill.scripts[0].run->program, tree / "compiled/scripts/tool");
}

TEST(SkillLoaderTest, AScriptWithoutItsInterpreterIsListedWithTheReason) {
  const SkillTree tree;
  tree.add_skill("exotic");
  tree.write("exotic/scripts/a.py", "#!/usr/bin/env no-such-interpreter\n");
  const Loaded loaded = load(tree);
  const Skill skill = only(loaded);
  EXPECT_FALSE(skill.scripts[0].run);
  EXPECT_THAT(skill.scripts[0].not_runnable, HasSubstr("no-such-interpreter"));
  EXPECT_THAT(loaded.problems, ElementsAre(HasSubstr("exotic/scripts/a.py:1: warning: cannot be run")));
}

TEST(SkillLoaderTest, NoScriptAtAllIsInstructions) {
  const SkillTree tree;
  tree.add_skill("text");
  const Skill skill = only(load(tree));
  EXPECT_EQ(skill.adapter, Adapter::instructions);
  EXPECT_THAT(skill.adapter_reason, HasSubstr("text of the skill"));
}

TEST(SkillLoaderTest, AnOpenSkillsSkillIsLoadedAsItIsPublished) {
  const SkillTree tree;
  tree.write("text_upper/SKILL.md", R"(---
name: text_upper
version: 1.0.0
entrypoint: scripts/main.py
description: Puts text into upper case
inputs:
  - type: text
    name: text
    description: What to change
  - type: integer
    name: times
    optional: true
    default: 3
outputs:
  - type: text
    name: text
tags: [nlp, text]
allow_network: true
timeout_seconds: 30
---
# Upper
)");
  tree.write("text_upper/scripts/main.py", "async def run(payload): return {'outputs': {}}\n");
  const Loaded loaded = load(tree);
  const Skill skill = only(loaded);
  EXPECT_EQ(skill.adapter, Adapter::function);
  EXPECT_EQ(skill.adapter_reason, "SKILL.md has the entry \"scripts/main.py\"");
  ASSERT_TRUE(skill.function);
  EXPECT_EQ(skill.function->dialect, FunctionEntry::Dialect::open_skills);
  EXPECT_EQ(skill.function->file, tree / "text_upper/scripts/main.py");
  EXPECT_EQ(skill.function->function, "run");
  EXPECT_EQ(skill.function->python, "/usr/bin/python3");
  ASSERT_THAT(skill.inputs, SizeIs(2));
  EXPECT_EQ(skill.inputs[0].type, "string");
  EXPECT_FALSE(skill.inputs[0].required) << "its own runtime checks nothing";
  EXPECT_EQ(skill.inputs[1].default_json, "3");
  EXPECT_EQ(skill.outputs[0].name, "text");
  EXPECT_EQ(skill.version, "1.0.0");
  EXPECT_THAT(skill.tags, ElementsAre("nlp", "text"));
  EXPECT_TRUE(skill.wants_network);
  EXPECT_EQ(skill.timeout, 30s);
}

TEST(SkillLoaderTest, AnEntrypointMayNameItsFunction) {
  const SkillTree tree;
  tree.write("a/SKILL.md", with_metadata("a", "  entrypoint: scripts/main.py:handle\n"));
  tree.write("a/scripts/main.py", "def handle(x): return x\n");
  EXPECT_EQ(only(load(tree, Strictness::strict)).function->function, "handle");
}

constexpr const char* kSkilletfile = R"(name: fetch_html
version: 0.1.0
description: "Fetches a page."
license: MIT
runtime: python3.11
entry: main:handler
auth: none
inputs:
  url:
    type: string
    description: "Where from."
  timeout:
    type: integer
    required: false
    default: 5
outputs:
  html: {type: string}
env:
  - API_KEY
  - name: REGION
    required: false
)";

TEST(SkillLoaderTest, ASkilletfileAloneIsASkill) {
  const SkillTree tree;
  tree.write("fetch_html/Skilletfile.yaml", kSkilletfile);
  tree.write("fetch_html/main.py", "async def handler(params): return {}\n");
  const Loaded loaded = load(tree);
  const Skill skill = only(loaded);
  EXPECT_EQ(skill.name, "fetch_html");
  EXPECT_EQ(skill.version, "0.1.0");
  EXPECT_EQ(skill.adapter_reason, "Skilletfile.yaml has the entry \"main:handler\"");
  ASSERT_TRUE(skill.function);
  EXPECT_EQ(skill.function->dialect, FunctionEntry::Dialect::skillet);
  EXPECT_EQ(skill.function->module, "main");
  EXPECT_EQ(skill.function->file, "");
  EXPECT_EQ(skill.function->function, "handler");
  ASSERT_THAT(skill.inputs, SizeIs(2));
  EXPECT_TRUE(skill.inputs[0].required);
  EXPECT_FALSE(skill.inputs[1].required);
  ASSERT_THAT(skill.env, SizeIs(2));
  EXPECT_TRUE(skill.env[0].required);
  EXPECT_EQ(skill.env[1].name, "REGION");
  EXPECT_FALSE(skill.env[1].required);
  EXPECT_THAT(loaded.problems, ElementsAre(HasSubstr("warning: no SKILL.md")));
}

TEST(SkillLoaderTest, ASkilletfileBesideASkillMdGivesItsFunction) {
  const SkillTree tree;
  tree.add_skill("fetch", "From the SKILL.md.");
  tree.write("fetch/Skilletfile.yaml", kSkilletfile);
  tree.write("fetch/main.py", "def handler(params): return {}\n");
  const Loaded loaded = load(tree);
  const Skill skill = only(loaded);
  EXPECT_EQ(skill.name, "fetch");
  EXPECT_EQ(skill.description, "From the SKILL.md.");
  EXPECT_EQ(skill.adapter, Adapter::function);
  EXPECT_EQ(skill.version, "0.1.0");
  EXPECT_THAT(loaded.problems, IsEmpty());
}

TEST(SkillLoaderTest, ARuntimeOtherThanPythonIsSaid) {
  const SkillTree tree;
  tree.write("a/Skilletfile.yaml", "name: a\ndescription: d\nruntime: deno\nentry: main:handler\n");
  const Skill skill = only(load(tree));
  EXPECT_FALSE(skill.function);
  EXPECT_THAT(skill.not_runnable, HasSubstr("\"deno\" is not supported"));
}

TEST(SkillLoaderTest, ASkillOsFileAloneIsASkill) {
  const SkillTree tree;
  tree.write("flights/skill.yaml", R"(id: travel/search_flights
name: Search Flights
description: Finds flights
version: 1.1.0
entrypoint: implementations.travel.search_flights:run
tags:
  - travel
deprecated: true
deprecation_reason: too slow
replacement_id: travel/fast_flights
)");
  tree.write("flights/implementations/travel/search_flights.py", "def run(payload): return payload\n");
  const Skill skill = only(load(tree));
  EXPECT_EQ(skill.name, "search_flights");
  EXPECT_EQ(skill.function->dialect, FunctionEntry::Dialect::skillos);
  EXPECT_EQ(skill.function->module, "implementations.travel.search_flights");
  EXPECT_EQ(skill.deprecated, "too slow");
  EXPECT_EQ(skill.replaced_by, "fast_flights");
}

TEST(SkillLoaderTest, AModuleMayBeInTheScriptsFolder) {
  const SkillTree tree;
  tree.write("a/SKILL.md", with_metadata("a", "  entrypoint: core.main:go\n"));
  tree.write("a/scripts/core/main.py", "def go(x): return x\n");
  const Skill skill = only(load(tree));
  EXPECT_EQ(skill.function->file, tree / "a/scripts/core/main.py");
  EXPECT_EQ(skill.function->dialect, FunctionEntry::Dialect::skillos);
}

TEST(SkillLoaderTest, TheDecoratorIsFoundInTheText) {
  const SkillTree tree;
  tree.add_skill("plain");
  tree.write("plain/scripts/hello.py", "from skillscale import skill\n\n@skill\ndef hello(name):\n    return name\n");
  tree.add_skill("called");
  tree.write("called/scripts/hello.py", "from skillos.sdk import skill\n@skill(name='hello')\ndef hello(p): pass\n");
  tree.add_skill("other");
  tree.write("other/scripts/hello.py", "# @skill\n@skillful\ndef hello(p): pass\n");
  const Loaded loaded = load(tree);
  ASSERT_THAT(loaded.skills, SizeIs(3));
  EXPECT_EQ(loaded.skills[0]->name, "called");
  EXPECT_EQ(loaded.skills[0]->adapter, Adapter::function);
  EXPECT_EQ(loaded.skills[0]->function->function, "");
  EXPECT_EQ(loaded.skills[1]->adapter, Adapter::argv);
  EXPECT_EQ(loaded.skills[2]->function->file, tree / "plain/scripts/hello.py");
  EXPECT_EQ(loaded.skills[2]->adapter_reason, "scripts/hello.py has a function with the @skill decorator");
}

TEST(SkillLoaderTest, AnEntryThatCannotBeFoundIsAProblemAndNotRun) {
  const SkillTree outside;
  outside.write("evil.py", "def run(x): return x\n");
  const SkillTree tree;
  const std::vector<std::string> entries = {"scripts/missing.py",
                                            "../outside.py",
                                            "/etc/passwd.py:run",
                                            "no.such.module:f",
                                            "scripts/linked.py",
                                            "main.sh",
                                            "module:",
                                            "..module:f",
                                            "a b:f",
                                            "scripts/main.py:1x",
                                            "scripts/folder.py:f",
                                            ":"};
  for (std::size_t i = 0; i < entries.size(); ++i) {
    const std::string name = "skill-" + std::to_string(i);
    tree.write(name + "/SKILL.md", with_metadata(name, "  entrypoint: \"" + entries[i] + "\"\n"));
    tree.write(name + "/scripts/main.py", "def run(x): return x\n");
    tree.link(name + "/scripts/linked.py", outside / "evil.py");
    std::filesystem::create_directories(tree / (name + "/scripts/folder.py"));
  }
  const Loaded loaded = load(tree);
  ASSERT_THAT(loaded.skills, SizeIs(entries.size()));
  for (const SkillPtr& skill : loaded.skills) {
    EXPECT_EQ(skill->adapter, Adapter::function);
    EXPECT_FALSE(skill->function) << skill->adapter_reason;
    EXPECT_FALSE(skill->not_runnable.empty());
    EXPECT_FALSE(skill->instructions_only());
  }
}

TEST(SkillLoaderTest, WhatASkillAsksForIsRead) {
  const SkillTree tree;
  tree.write("a/SKILL.md", with_metadata("a",
                                         "  memory-mb: \"256\"\n  cpu-seconds: 7\n  max-output-bytes: 4096\n"
                                         "  max-folder-mb: 2\n  max-processes: 9\n  concurrency: 3\n"
                                         "  allow-network: \"true\"\n  sandbox: strict\n  runner: zygote\n"
                                         "  env: API_KEY, REGION?, API_KEY?\n  deprecated: too old\n"
                                         "  replaced-by: b\n  entrypoint: scripts/main.py\n"
                                         "  inputs:\n    count: {type: integer, required: true}\n    name: string\n"));
  tree.write("a/scripts/main.py", "def run(x): return x\n");
  const Loaded loaded = load(tree, Strictness::strict);
  const Skill skill = only(loaded);
  EXPECT_THAT(loaded.problems, IsEmpty());
  EXPECT_EQ(skill.limits.memory_bytes, 256 * limits::kMiB);
  EXPECT_EQ(skill.limits.cpu, 7s);
  EXPECT_EQ(skill.limits.output_bytes, 4096U);
  EXPECT_EQ(skill.limits.folder_bytes, 2 * limits::kMiB);
  EXPECT_EQ(skill.limits.processes, 9U);
  EXPECT_EQ(skill.limits.concurrency, 3U);
  EXPECT_TRUE(skill.wants_network);
  EXPECT_EQ(skill.sandbox, "strict");
  EXPECT_EQ(skill.runner, Runner::zygote);
  ASSERT_THAT(skill.env, SizeIs(2));
  EXPECT_TRUE(skill.env[0].required);
  EXPECT_FALSE(skill.env[1].required);
  EXPECT_EQ(skill.deprecated, "too old");
  EXPECT_EQ(skill.replaced_by, "b");
  ASSERT_THAT(skill.inputs, SizeIs(2));
  EXPECT_TRUE(skill.inputs[0].required);
  EXPECT_EQ(skill.inputs[1].type, "string");
}

TEST(SkillLoaderTest, WrongValuesOfOurKeysAreErrorsInValidation) {
  const SkillTree tree;
  tree.write("a/SKILL.md", with_metadata("a",
                                         "  memory-mb: lots\n  cpu-seconds: 0\n  max-output-bytes: -1\n"
                                         "  max-folder-mb: 1e3\n  max-processes: 999999999\n  concurrency: 1025\n"
                                         "  allow-network: maybe\n  env: PATH\n  replaced-by: \"\"\n  mine: free\n"));
  const Loaded loaded = load(tree, Strictness::strict);
  EXPECT_THAT(loaded.problems, SizeIs(9));
  for (const std::string& problem : loaded.problems) EXPECT_THAT(problem, HasSubstr(": error: metadata "));
  EXPECT_FALSE(only(loaded).limits.memory_bytes);
}

TEST(SkillLoaderTest, TheDigestFollowsTheContent) {
  const SkillTree tree;
  tree.add_skill("a");
  const std::string first = only(load(tree)).digest;
  EXPECT_THAT(first, ::testing::StartsWith("sha256:"));
  EXPECT_EQ(only(load(tree)).digest, first);
  tree.write("a/references/more.md", "More.\n");
  EXPECT_NE(only(load(tree)).digest, first);
}

}  // namespace
}  // namespace skillscale
