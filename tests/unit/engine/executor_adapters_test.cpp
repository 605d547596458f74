// Every kind of skill through the executor, with real interpreters.
#include <gtest/gtest.h>

#include <filesystem>
#include <string>

#include "engine/executor.h"
#include "os/wakeup.h"
#include "support/skill_tree.h"

namespace skillscale {
namespace {

using namespace std::chrono_literals;

constexpr const char* kPython = "/usr/bin/python3";

class AdapterTest : public ::testing::Test {
 protected:
  AdapterTest() { skill_.name = "s", skill_.folder = skills_ / "s"; }

  // A script of the skill, with the interpreter that it is started by.
  void script(const std::string& path, const std::string& program, const std::string& text) {
    skills_.write("s/" + path, text);
    Script made;
    made.path = path;
    made.run = Runnable{program, {program, (skills_ / ("s/" + path)).native()}};
    skill_.scripts.push_back(made);
    skill_.adapter = Adapter::argv;
  }
  void function(FunctionEntry::Dialect dialect, const std::string& text, const std::string& name = "run") {
    skills_.write("s/scripts/main.py", text);
    skill_.function = FunctionEntry{
        .dialect = dialect, .file = skills_ / "s/scripts/main.py", .module = {}, .function = name, .python = kPython};
    skill_.adapter = Adapter::function;
  }
  void input(const std::string& name, const std::string& type, bool required,
             std::optional<std::string> default_json = {}) {
    skill_.inputs.push_back({name, type, {}, required, std::move(default_json)});
  }
  Reply run(Intent intent = {}, std::chrono::milliseconds timeout = 30s) {
    intent.address = {"r1", "AGENT_REPLY_1"};
    const RunWork work{.intent = std::move(intent), .topic = "TOPIC_A", .skill = std::make_shared<const Skill>(skill_)};
    return executor_.execute(work, timeout, cancel_.fd());
  }
  Reply run_input(const std::string& json) {
    Intent intent;
    intent.input_json = json;
    return run(intent);
  }
  static Intent asking_for(const std::string& script, std::vector<std::string> args = {}) {
    Intent intent;
    intent.script = script;
    intent.args = std::move(args);
    return intent;
  }

  testing::SkillTree skills_;
  testing::SkillTree runs_;
  Skill skill_;
  Wakeup cancel_;
  Executor executor_{{.run_folders = runs_.root(), .kill_grace = 200ms, .maxima = {}, .artifacts = {}}};
};

// --- argv ---------------------------------------------------------------------------

TEST_F(AdapterTest, AScriptGetsItsArgumentsAndStandardInput) {
  script("scripts/a.sh", "/bin/sh", "printf '%s|' \"$@\"; cat");
  Intent intent = asking_for("scripts/a.sh", {"-x", "two words", "$HOME;`id`"});
  intent.stdin_data = "data";
  const Reply reply = run(intent);
  EXPECT_TRUE(reply.success) << reply.error;
  EXPECT_EQ(reply.content, "-x|two words|$HOME;`id`|data");
  EXPECT_TRUE(run(asking_for("a.sh")).success) << "the folder may be left out";
}

TEST_F(AdapterTest, PythonAndNodeAreStartedByTheirInterpreters) {
  script("scripts/a.py", kPython, "import sys; print(sys.argv[1:])");
  EXPECT_EQ(run(asking_for("scripts/a.py", {"1"})).content, "['1']\n");
  if (!std::filesystem::exists("/usr/bin/node")) GTEST_SKIP() << "no node here";
  script("scripts/a.js", "/usr/bin/node", "console.log(process.argv.slice(2).join())");
  EXPECT_EQ(run(asking_for("scripts/a.js", {"1", "2"})).content, "1,2\n");
}

TEST_F(AdapterTest, APythonModuleIsFoundFromTheSkillsFolder) {
  script("scripts/tool/__main__.py", kPython, "import sys\nfrom . import part\nprint(part.NAME, sys.argv[1])");
  skills_.write("s/scripts/tool/part.py", "NAME = 'part'\n");
  EXPECT_EQ(run(asking_for("-m scripts.tool", {"x"})).content, "part x\n");
  for (const char* module : {"-m os", "-m ", "-m ..os", "-m scripts/tool", "-m scripts.none"}) {
    EXPECT_EQ(run(asking_for(module)).code, "unknown_script") << module;
  }
}

TEST_F(AdapterTest, AnUnknownScriptListsWhatThereIs) {
  script("scripts/pack.sh", "/bin/sh", "");
  script("scripts/unpack.sh", "/bin/sh", "");
  for (const char* name : {"scripts/none.sh", "../s/scripts/pack.sh", "/bin/sh", "scripts/../scripts/pack.sh"}) {
    const Reply reply = run(asking_for(name));
    EXPECT_EQ(reply.code, "unknown_script") << name;
    EXPECT_NE(reply.error.find("scripts/pack.sh, scripts/unpack.sh"), std::string::npos) << reply.error;
  }
}

TEST_F(AdapterTest, AScriptThatCannotBeRunSaysWhy) {
  skill_.scripts.push_back({.path = "scripts/a.rb", .run = {}, .not_runnable = "no interpreter \"ruby\""});
  const Reply reply = run(asking_for("scripts/a.rb"));
  EXPECT_EQ(reply.code, "spawn_failed");
  EXPECT_NE(reply.error.find("ruby"), std::string::npos);
}

TEST_F(AdapterTest, WithoutAScriptASkillOfScriptsAnswersWithItsInstructions) {
  script("scripts/a.sh", "/bin/sh", "");
  skill_.body = "Call a.sh.";
  EXPECT_EQ(run().content, "Call a.sh.");
  EXPECT_EQ(run(asking_for("", {"x"})).code, "invalid_request") << "arguments need a script";
}

// --- the folder ------------------------------------------------------------------------

TEST_F(AdapterTest, FilesComeInAndArtifactsGoOut) {
  script("scripts/a.sh", "/bin/sh", "mkdir out; tr a-z A-Z < in/a.txt > out/a.txt; echo 1 > out/b.log");
  Intent intent = asking_for("scripts/a.sh");
  intent.files = {{"in/a.txt", "abc"}};
  intent.collect = {"out/*.txt"};
  const Reply reply = run(intent);
  ASSERT_TRUE(reply.success) << reply.error;
  ASSERT_EQ(reply.artifacts.size(), 1U);
  EXPECT_EQ(reply.artifacts[0].path, "out/a.txt");
  EXPECT_EQ(reply.artifacts[0].content, "ABC");
  EXPECT_EQ(reply.usage->bytes_in, 3U);
  EXPECT_EQ(reply.usage->bytes_out, 3U);
  EXPECT_GE(reply.usage->cpu_ms, 0);
}

TEST_F(AdapterTest, TheSkillsOwnFilesAreThere) {
  script("scripts/a.sh", "/bin/sh", "cat references/r.md assets/a.txt SKILL.md; ls scripts");
  skills_.write("s/references/r.md", "reference ");
  skills_.write("s/assets/a.txt", "asset ");
  skills_.write("s/SKILL.md", "body ");
  EXPECT_EQ(run(asking_for("scripts/a.sh")).content, "reference asset body a.sh\n");
}

TEST_F(AdapterTest, AFileThatMustNotBeThereIsRefused) {
  script("scripts/a.sh", "/bin/sh", "echo ran");
  for (const char* path : {"/etc/x", "../x", "a/../../x", "scripts/x", "SKILL.md", "assets", ".home/x", ".tmp",
                           ".skillscale-intent", "a/", ".", "./scripts/a.sh"}) {
    Intent intent = asking_for("scripts/a.sh");
    intent.files = {{path, "x"}};
    const Reply reply = run(intent);
    EXPECT_EQ(reply.code, "invalid_request") << path;
    EXPECT_FALSE(reply.exit);
  }
  for (const std::vector<InputFile>& files :
       {std::vector<InputFile>{{"a", "1"}, {"./a", "2"}}, std::vector<InputFile>{{"a", "1"}, {"a/b", "2"}},
        std::vector<InputFile>{{"a/b", "1"}, {"a", "2"}}, std::vector<InputFile>{{std::string(300, 'x'), "1"}}}) {
    Intent intent = asking_for("scripts/a.sh");
    intent.files = files;
    EXPECT_EQ(run(intent).code, "invalid_request");
  }
}

TEST_F(AdapterTest, MoreFilesThanTheFolderMayHoldAreRefused) {
  script("scripts/a.sh", "/bin/sh", "echo ran");
  skill_.limits.folder_bytes = 10;
  Intent intent = asking_for("scripts/a.sh");
  intent.files = {{"a", std::string(11, 'x')}};
  EXPECT_EQ(run(intent).code, "too_large");
}

TEST_F(AdapterTest, TooManyArtifactsAreAnErrorThatKeepsTheContent) {
  script("scripts/a.sh", "/bin/sh", "for i in $(seq 101); do echo x > f$i; done; echo done");
  Intent intent = asking_for("scripts/a.sh");
  intent.collect = {"f*"};
  const Reply reply = run(intent);
  EXPECT_EQ(reply.code, "output_too_large");
  EXPECT_EQ(reply.content, "done\n");
  EXPECT_NE(reply.error.find("100"), std::string::npos) << reply.error;
}

// --- credentials -------------------------------------------------------------------------

TEST_F(AdapterTest, ACredentialReachesTheScriptAndNothingElse) {
  script("scripts/a.sh", "/bin/sh", "echo \"${#TOKEN} $TOKEN\"; echo \"$TOKEN\" >&2; exit 1");
  skill_.env = {{.name = "TOKEN", .required = true}};
  EXPECT_EQ(run(asking_for("scripts/a.sh")).code, "invalid_request");
  Intent intent = asking_for("scripts/a.sh");
  intent.env = {{"TOKEN", "correct horse"}};
  const Reply reply = run(intent);
  EXPECT_EQ(reply.content, "13 [TOKEN]\n");
  EXPECT_EQ(reply.stderr_tail, "[TOKEN]\n");
  EXPECT_EQ(reply.error.find("correct horse"), std::string::npos) << reply.error;
}

TEST_F(AdapterTest, ACredentialCannotReplaceWhatTheRunIsGiven) {
  script("scripts/a.sh", "/bin/sh", "echo $HOME");
  skill_.env = {{.name = "HOME", .required = false}};
  Intent intent = asking_for("scripts/a.sh");
  intent.env = {{"HOME", "/root"}};
  EXPECT_NE(run(intent).content, "/root\n");
}

// --- functions ------------------------------------------------------------------------------

TEST_F(AdapterTest, AnOpenSkillsFunctionGivesOutputsAndArtifacts) {
  function(FunctionEntry::Dialect::open_skills,
           "from pathlib import Path\n"
           "async def run(payload):\n"
           "    Path('a.md').write_text('# ' + payload['text'])\n"
           "    print('printed')\n"
           "    return {'outputs': {'n': len(payload['text'])}, 'artifacts': [Path('a.md')]}\n");
  const Reply reply = run_input(R"({"text":"abc"})");
  ASSERT_TRUE(reply.success) << reply.error;
  EXPECT_EQ(reply.outputs_json, R"({"n": 3})");
  EXPECT_EQ(reply.content, "printed\n");
  ASSERT_EQ(reply.artifacts.size(), 1U);
  EXPECT_EQ(reply.artifacts[0].content, "# abc");
}

TEST_F(AdapterTest, ASkilletFunctionGetsItsFieldsWithDefaults) {
  input("url", "string", true);
  input("deep", "boolean", false, "true");
  function(FunctionEntry::Dialect::skillet, "def run(url, deep, more=7):\n    return {'got': [url, deep, more]}\n");
  EXPECT_EQ(run_input(R"({"url":"u"})").outputs_json, R"({"got": ["u", true, 7]})");
  function(FunctionEntry::Dialect::skillet, "def run(params):\n    return params\n");
  EXPECT_EQ(run_input(R"({"url":"u"})").outputs_json, R"({"url": "u", "deep": true})");
}

TEST_F(AdapterTest, AWrongInputIsRefusedBeforeAnythingStarts) {
  input("url", "string", true);
  input("deep", "boolean", false);
  function(FunctionEntry::Dialect::skillet, "def run(**fields):\n    return fields\n");
  const Reply reply = run_input(R"({"deep":"yes"})");
  EXPECT_EQ(reply.code, "invalid_request");
  EXPECT_NE(reply.error.find("input.url"), std::string::npos) << reply.error;
  EXPECT_NE(reply.error.find("input.deep"), std::string::npos) << reply.error;
  EXPECT_FALSE(reply.exit);
}

TEST_F(AdapterTest, ASkillOsFunctionIsTheMarkedOne) {
  function(FunctionEntry::Dialect::skillos,
           "from skillos.sdk import skill\n"
           "def helper(): pass\n"
           "@skill(name='x')\n"
           "def anything(payload):\n"
           "    return f'got {payload}'\n",
           "");
  EXPECT_EQ(run_input(R"({"a":1})").outputs_json, R"({"result": "got {'a': 1}"})");
  Intent intent;
  intent.stdin_data = "hello";
  const Reply reply = run(intent);
  EXPECT_EQ(reply.content, "got hello");
}

TEST_F(AdapterTest, AModuleIsImportedFromTheSkillsFolder) {
  skills_.write("s/pkg/tool.py", "from skillscale import skill\n@skill\ndef run(value): return value['a'] + 1\n");
  skill_.function = FunctionEntry{.dialect = FunctionEntry::Dialect::open_skills,
                                  .file = {},
                                  .module = "pkg.tool",
                                  .function = "run",
                                  .python = kPython};
  EXPECT_EQ(run_input(R"({"a":1})").outputs_json, R"({"result": 2})");
}

TEST_F(AdapterTest, AnExceptionIsAFailureWithItsLastLines) {
  function(FunctionEntry::Dialect::open_skills, "def run(value):\n    raise ValueError('no such thing')\n");
  const Reply reply = run_input("{}");
  EXPECT_EQ(reply.code, "skill_failed");
  EXPECT_EQ(reply.exit->code, 1);
  EXPECT_NE(reply.stderr_tail.find("main.py\", line 2, in run"), std::string::npos) << reply.stderr_tail;
  EXPECT_NE(reply.error.find("ValueError: no such thing"), std::string::npos) << reply.error;
  EXPECT_EQ(reply.stderr_tail.find("skillscale_shim"), std::string::npos) << reply.stderr_tail;
}

TEST_F(AdapterTest, AFunctionThatCannotBeFoundOrReturnsNoJsonSaysSo) {
  function(FunctionEntry::Dialect::open_skills, "x = 1\n");
  EXPECT_NE(run_input("{}").error.find("no function 'run'"), std::string::npos);
  function(FunctionEntry::Dialect::open_skills, "def run(value): return object()\n");
  EXPECT_NE(run_input("{}").error.find("object, which is not JSON"), std::string::npos);
  function(FunctionEntry::Dialect::open_skills, "def run(value:\n");
  EXPECT_NE(run_input("{}").error.find("SyntaxError"), std::string::npos);
}

TEST_F(AdapterTest, OddValuesBecomeJson) {
  function(FunctionEntry::Dialect::open_skills,
           "import datetime, pathlib\n"
           "def run(value):\n"
           "    return {1: float('nan'), 'd': datetime.date(2026, 1, 2), 's': {3}, 'p': pathlib.Path('a'),\n"
           "            'u': '\\ud800', 'n': None}\n");
  const Reply reply = run_input("{}");
  ASSERT_TRUE(reply.success) << reply.error;
  EXPECT_EQ(reply.outputs_json, R"({"1": null, "d": "2026-01-02", "s": [3], "p": "a", "u": "?", "n": null})");
}

TEST_F(AdapterTest, AResultPastItsBoundIsTooLarge) {
  function(FunctionEntry::Dialect::open_skills, "def run(value): return 'x' * (5 << 20)\n");
  const Reply reply = run_input("{}");
  EXPECT_EQ(reply.code, "output_too_large") << reply.error;
}

TEST_F(AdapterTest, AResultThatIsForgedIsAnError) {
  function(FunctionEntry::Dialect::open_skills,
           "import os\ndef run(value):\n    os.write(4, b'{\"outputs\": 7}')\n    os._exit(0)\n");
  EXPECT_EQ(run_input("{}").code, "skill_failed");
  function(FunctionEntry::Dialect::open_skills, "import sys\ndef run(value):\n    print('bye')\n    sys.exit(0)\n");
  EXPECT_EQ(run_input("{}").content, "bye\n");
}

// --- limits -----------------------------------------------------------------------------------

TEST_F(AdapterTest, MemoryPastTheLimitHasItsCode) {
  skill_.limits.memory_bytes = 64 * limits::kMiB;
  script("scripts/a.py", kPython, "x = bytearray(1 << 30)\nprint(len(x))\n");
  EXPECT_EQ(run(asking_for("scripts/a.py")).code, "out_of_memory");
  EXPECT_EQ(executor_
                .execute({.intent = asking_for("scripts/none"), .topic = "T", .skill = std::make_shared<Skill>(skill_)},
                         1s, cancel_.fd())
                .code,
            "unknown_script")
      << "and the next run is answered";
}

TEST_F(AdapterTest, ProcessorTimePastTheLimitIsATimeOut) {
  skill_.limits.cpu = 1s;
  script("scripts/a.sh", "/bin/sh", "while :; do :; done");
  const Reply reply = run(asking_for("scripts/a.sh"));
  EXPECT_EQ(reply.code, "timed_out");
  EXPECT_NE(reply.error.find("processor time"), std::string::npos) << reply.error;
}

TEST_F(AdapterTest, AFilePastTheFoldersLimitHasItsCode) {
  skill_.limits.folder_bytes = limits::kMiB;
  script("scripts/a.py", kPython, "open('x', 'wb').write(b'x' * (8 << 20))");
  EXPECT_EQ(run(asking_for("scripts/a.py")).code, "output_too_large");
}

TEST_F(AdapterTest, ADeprecatedSkillWarns) {
  skill_.deprecated = "too slow";
  skill_.replaced_by = "s2";
  skill_.body = "b";
  EXPECT_EQ(run().warnings, std::vector<std::string>{"skill \"s\" is deprecated: too slow; use \"s2\" instead"});
}

}  // namespace
}  // namespace skillscale
