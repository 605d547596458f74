#include "daemon/config.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cstdlib>
#include <filesystem>
#include <fstream>
#include <map>
#include <string>
#include <vector>

#include "base/limits.h"

namespace skillscale {
namespace {

using namespace std::chrono_literals;
using ::testing::AnyOf;
using ::testing::ElementsAre;
using ::testing::HasSubstr;
using ::testing::StartsWith;

Result<void> check_bind(std::string_view text) {
  if (text == "*" || text == "127.0.0.1") return {};
  return Error{ErrorCode::invalid_config, "an address, or * for every one"};
}

// A program with one setting of each kind, in a folder of its own.
class ConfigTest : public ::testing::Test {
 protected:
  ConfigTest() {
    config_.group("Ports");
    config_.add_integer("xsub-port", "SKILLSCALE_XSUB_PORT", port_, 0, 65535, "Where publishers connect.");
    config_.add_text("xsub-bind", "SKILLSCALE_XSUB_BIND", bind_, "The address of the port.", check_bind);
    config_.group("Work");
    config_.add_list("topic", "SKILLSCALE_TOPIC", topics_, "What is served.");
    config_.add_milliseconds("timeout", "SKILLSCALE_TIMEOUT", timeout_, 1ms, 3600s, "How long a run may take.");
    config_.add_switch("hold", "SKILLSCALE_HOLD", hold_, "Keep intents that nobody serves yet.");
    config_.add_text("name", "", name_, "Any text.");
    add_common_settings(config_, common_);
    std::string pattern = (std::filesystem::temp_directory_path() / "config_test.XXXXXX").string();
    folder_ = ::mkdtemp(pattern.data());
  }
  ~ConfigTest() override { std::filesystem::remove_all(folder_); }

  std::string write_file(const std::string& text) {
    const std::string path = folder_ / "proxy.yaml";
    std::ofstream(path, std::ios::binary) << text;
    return path;
  }

  Result<Config::Finished> load(std::vector<std::string> arguments,
                                std::map<std::string, std::string> environment = {}) {
    std::vector<const char*> argv = {"skillscale_proxy"};
    for (const std::string& argument : arguments) argv.push_back(argument.c_str());
    return config_.load(static_cast<int>(argv.size()), argv.data(),
                        [&](const std::string& name) -> std::optional<std::string> {
                          const auto found = environment.find(name);
                          return found == environment.end() ? std::nullopt : std::optional(found->second);
                        });
  }

  // Why loading was refused, without the folder of the file.
  std::string refusal(std::vector<std::string> arguments, std::map<std::string, std::string> environment = {}) {
    const auto loaded = load(std::move(arguments), std::move(environment));
    if (loaded) return "not refused";
    EXPECT_EQ(loaded.error().code, ErrorCode::invalid_config);
    std::string detail = loaded.error().detail;
    const std::string folder = folder_.string() + "/";
    for (std::size_t at = 0; (at = detail.find(folder)) != std::string::npos;) detail.erase(at, folder.size());
    return detail;
  }
  std::string refusal_of_file(const std::string& text) { return refusal({"--config", write_file(text)}); }

  std::int64_t port_ = 5444;
  std::string bind_ = "*";
  std::vector<std::string> topics_;
  std::chrono::milliseconds timeout_ = 30s;
  bool hold_ = false;
  std::string name_ = "unnamed";
  CommonSettings common_;
  Config config_{"skillscale_proxy", "Routes intents."};
  std::filesystem::path folder_;
};

// --- Precedence -----------------------------------------------------------

TEST_F(ConfigTest, DefaultsStayWhenNothingIsGiven) {
  const auto loaded = load({});
  ASSERT_TRUE(loaded) << loaded.error();
  EXPECT_FALSE(loaded->exit_now);
  EXPECT_EQ(port_, 5444);
  EXPECT_EQ(bind_, "*");
  EXPECT_TRUE(topics_.empty());
  EXPECT_EQ(timeout_, 30s);
  EXPECT_FALSE(hold_);
}

TEST_F(ConfigTest, TheFileOverridesDefaults) {
  const auto loaded = load({"--config", write_file("# ports\n"
                                                   "xsub-port: 1\n"
                                                   "xsub_bind: 127.0.0.1\n"
                                                   "topic: [TOPIC_A, TOPIC_B]\n"
                                                   "timeout: \"5\"\n"
                                                   "hold: yes\n")});
  ASSERT_TRUE(loaded) << loaded.error();
  EXPECT_EQ(port_, 1);
  EXPECT_EQ(bind_, "127.0.0.1");
  EXPECT_THAT(topics_, ElementsAre("TOPIC_A", "TOPIC_B"));
  EXPECT_EQ(timeout_, 5ms);
  EXPECT_TRUE(hold_);
}

TEST_F(ConfigTest, TheEnvironmentOverridesTheFile) {
  const auto loaded = load({"--config", write_file("xsub-port: 1\ntopic: A,B\nhold: true\n")},
                           {{"SKILLSCALE_XSUB_PORT", "2"}, {"SKILLSCALE_TOPIC", "C"}, {"SKILLSCALE_HOLD", "off"}});
  ASSERT_TRUE(loaded) << loaded.error();
  EXPECT_EQ(port_, 2);
  EXPECT_THAT(topics_, ElementsAre("C"));
  EXPECT_FALSE(hold_);
}

TEST_F(ConfigTest, FlagsOverrideTheEnvironment) {
  const auto loaded = load(
      {"--config", write_file("xsub-port: 1\n"), "--xsub-port", "3", "--topic=D,E", "--topic", "F", "--hold=false"},
      {{"SKILLSCALE_XSUB_PORT", "2"}, {"SKILLSCALE_TOPIC", "C"}, {"SKILLSCALE_HOLD", "1"}});
  ASSERT_TRUE(loaded) << loaded.error();
  EXPECT_EQ(port_, 3);
  EXPECT_THAT(topics_, ElementsAre("D", "E", "F"));
  EXPECT_FALSE(hold_);
}

TEST_F(ConfigTest, AnEmptyVariableCountsAsNotSet) {
  const auto loaded =
      load({"--config", write_file("xsub-port: 1\n")}, {{"SKILLSCALE_XSUB_PORT", ""}, {"SKILLSCALE_CONFIG", ""}});
  ASSERT_TRUE(loaded) << loaded.error();
  EXPECT_EQ(port_, 1);
}

TEST_F(ConfigTest, TheEnvironmentMayNameTheFileAndTheFlagGoesFirst) {
  const std::string path = write_file("xsub-port: 1\n");
  ASSERT_TRUE(load({}, {{"SKILLSCALE_CONFIG", path}}));
  EXPECT_EQ(port_, 1);
  ASSERT_TRUE(load({"--config", path}, {{"SKILLSCALE_CONFIG", "/nonexistent"}}));
}

TEST_F(ConfigTest, AnEmptyFileChangesNothing) {
  for (const char* text : {"", "\n", "# only a comment\n", "---\n", "---\n...\n", "{}\n", "\xef\xbb\xbf# mark\n"}) {
    const auto loaded = load({"--config", write_file(text)});
    ASSERT_TRUE(loaded) << text << loaded.error();
  }
  EXPECT_EQ(port_, 5444);
}

TEST_F(ConfigTest, AListInTheFileMayHaveOneElementPerLine) {
  ASSERT_TRUE(load({"--config", write_file("topic:\n  - A\n  - B\n")}));
  EXPECT_THAT(topics_, ElementsAre("A", "B"));
}

TEST_F(ConfigTest, TakesTheLeastAndTheMostOfANumber) {
  ASSERT_TRUE(load({"--xsub-port", "0", "--timeout", "1"}));
  EXPECT_EQ(port_, 0);
  ASSERT_TRUE(load({"--xsub-port=65535", "--timeout", "3600000"}));
  EXPECT_EQ(port_, 65535);
  EXPECT_EQ(timeout_, 3600s);
}

TEST_F(ConfigTest, ASwitchIsAFlagAlone) {
  ASSERT_TRUE(load({"--hold"}));
  EXPECT_TRUE(hold_);
}

TEST_F(ConfigTest, ReadsTheEnvironmentOfTheProcess) {
  const char* argv[] = {"skillscale_proxy"};
  ::setenv("SKILLSCALE_XSUB_PORT", "77", 1);
  const auto loaded = config_.load(1, argv);
  ::unsetenv("SKILLSCALE_XSUB_PORT");
  ASSERT_TRUE(loaded) << loaded.error();
  EXPECT_EQ(port_, 77);
}

TEST_F(ConfigTest, SaysWhereEachValueCameFrom) {
  ASSERT_TRUE(load({"--config", write_file("hold: true\nname: some text\n"), "--topic", "A,B"},
                   {{"SKILLSCALE_XSUB_PORT", "2"}}));
  const std::string path = folder_ / "proxy.yaml";
  EXPECT_THAT(
      config_.effective(),
      ElementsAre("config = " + path + " (--config)", "xsub-port = 2 (SKILLSCALE_XSUB_PORT)", "xsub-bind = * (default)",
                  "topic = A,B (--topic)", "timeout = 30000 (default)", "hold = true (" + path + ":1)",
                  "name = some text (" + path + ":2)", "log-level = info (default)", "log-format = text (default)"));
}

// --- Refusals of flags and variables ----------------------------------------------

TEST_F(ConfigTest, RefusesWrongNumbers) {
  const std::string allowed = " is not allowed: an integer from 0 to 65535";
  for (const std::string value : {"65536", "70000", "-1", "010", "00", "0x10", "1e3", "1.0", "+1", "1_000",
                                  "99999999999999999999", "port", "1k", "-"}) {
    EXPECT_EQ(refusal({"--xsub-port=" + value}), "--xsub-port: " + value + allowed);
  }
  EXPECT_EQ(refusal({"--xsub-port="}), "--xsub-port: a value is missing");
  EXPECT_EQ(refusal({"--xsub-port", ""}), "--xsub-port: \"\"" + allowed);
  EXPECT_EQ(refusal({"--xsub-port", " 1"}), "--xsub-port: \" 1\"" + allowed);
  EXPECT_EQ(refusal({"--xsub-port", "-5"}), "--xsub-port: -5" + allowed);
}

TEST_F(ConfigTest, NamesTheVariableAndTheKey) {
  EXPECT_EQ(refusal({}, {{"SKILLSCALE_XSUB_PORT", "70000"}}),
            "SKILLSCALE_XSUB_PORT: xsub-port: 70000 is not allowed: an integer from 0 to 65535");
}

TEST_F(ConfigTest, RefusesAWrongValueThatAFlagOverrides) {
  EXPECT_EQ(refusal({"--xsub-port", "1"}, {{"SKILLSCALE_XSUB_PORT", "x"}}),
            "SKILLSCALE_XSUB_PORT: xsub-port: x is not allowed: an integer from 0 to 65535");
}

TEST_F(ConfigTest, RefusesWrongMilliseconds) {
  EXPECT_EQ(refusal({"--timeout", "0"}), "--timeout: 0 is not allowed: milliseconds, an integer from 1 to 3600000");
  EXPECT_EQ(refusal({"--timeout", "30s"}), "--timeout: 30s is not allowed: milliseconds, an integer from 1 to 3600000");
}

TEST_F(ConfigTest, RefusesAWrongSwitch) {
  EXPECT_EQ(refusal({"--hold=maybe"}), "--hold: maybe is not allowed: true, false, yes, no, on, off, 1 or 0");
  EXPECT_EQ(refusal({}, {{"SKILLSCALE_HOLD", "2"}}),
            "SKILLSCALE_HOLD: hold: 2 is not allowed: true, false, yes, no, on, off, 1 or 0");
}

TEST_F(ConfigTest, RefusesAWrongChoice) {
  EXPECT_EQ(refusal({"--log-level", "trace"}), "--log-level: trace is not allowed: one of debug, info, warn, error");
  EXPECT_EQ(refusal({}, {{"SKILLSCALE_LOG_FORMAT", "xml"}}),
            "SKILLSCALE_LOG_FORMAT: log-format: xml is not allowed: one of text, json");
}

TEST_F(ConfigTest, RefusesATextByItsCheck) {
  EXPECT_EQ(refusal({"--xsub-bind", "here and there"}),
            "--xsub-bind: \"here and there\" is not allowed: an address, or * for every one");
}

TEST_F(ConfigTest, RefusesControlCharactersAndDoesNotRepeatThem) {
  EXPECT_EQ(refusal({"--name", "a\nb\x1b[31m"}),
            "--name: \"a?b?[31m\" is not allowed: text without control characters");
}

TEST_F(ConfigTest, ShowsOnlyTheBeginningOfALongValue) {
  const std::string detail = refusal({"--xsub-port", std::string(5000, '9')});
  EXPECT_THAT(detail, StartsWith("--xsub-port: \"9999"));
  EXPECT_THAT(detail, HasSubstr("...\" is not allowed"));
  EXPECT_LT(detail.size(), 200U);
}

TEST_F(ConfigTest, RefusesEmptyElementsOfAList) {
  for (const std::string value : {",", "A,", ",A", "A,,B"}) {
    EXPECT_EQ(refusal({"--topic", value}),
              "--topic: \"" + value + "\" is not allowed: values separated by single commas");
  }
}

TEST_F(ConfigTest, ChecksEachElementOfAList) {
  std::vector<std::string> addresses;
  config_.add_list("address", "", addresses, "Where.", check_bind);
  EXPECT_EQ(refusal({"--address", "*,x"}), "--address: x is not allowed: an address, or * for every one");
}

TEST_F(ConfigTest, RefusesUnknownFlagsAndProposesTheNearest) {
  EXPECT_EQ(refusal({"--xsub-prot", "1"}), "--xsub-prot: unknown flag; did you mean --xsub-port?");
  EXPECT_EQ(refusal({"--xsub_port=1"}), "\"--xsub_port=1\": unknown flag; did you mean --xsub-port?");
  EXPECT_EQ(refusal({"-topic"}), "-topic: unknown flag; did you mean --topic?");
  EXPECT_EQ(refusal({"--something-else"}), "--something-else: unknown flag; see skillscale_proxy --help");
}

TEST_F(ConfigTest, RefusesAFlagWithoutItsValue) {
  EXPECT_EQ(refusal({"--xsub-port"}), "--xsub-port: a value is missing");
  EXPECT_EQ(refusal({"--topic", "--hold"}), "--topic: a value is missing");
  EXPECT_EQ(refusal({"--config"}), "--config: a value is missing");
}

TEST_F(ConfigTest, RefusesAFlagThatIsGivenTwice) {
  EXPECT_EQ(refusal({"--xsub-port", "1", "--xsub-port", "2"}), "--xsub-port: given more than once");
  EXPECT_EQ(refusal({"--hold", "--hold"}), "--hold: given more than once");
  EXPECT_EQ(refusal({"--config", "a", "--config", "b"}), "--config: given more than once");
}

TEST_F(ConfigTest, RefusesArgumentsThatAreNoFlags) {
  EXPECT_EQ(refusal({"start"}), "start: unexpected argument; see skillscale_proxy --help");
  EXPECT_EQ(refusal({"--hold", "true"}), "true: unexpected argument; see skillscale_proxy --help");
}

// --- Refusals of the file ------------------------------------------------------------

TEST_F(ConfigTest, NamesTheLineTheKeyTheValueAndWhatIsAllowed) {
  EXPECT_EQ(refusal_of_file("# ports\n\nxsub-port: 70000\n"),
            "proxy.yaml:3: xsub-port: 70000 is not allowed: an integer from 0 to 65535");
  EXPECT_EQ(refusal_of_file("xsub_bind: here\n"),
            "proxy.yaml:1: xsub-bind: here is not allowed: an address, or * for every one");
  EXPECT_EQ(refusal_of_file("xsub-port: 010\n"),
            "proxy.yaml:1: xsub-port: 010 is not allowed: an integer from 0 to 65535");
}

TEST_F(ConfigTest, RefusesUnknownKeysAndProposesTheNearest) {
  EXPECT_EQ(refusal_of_file("hold: true\nxsub-prt: 1\n"),
            "proxy.yaml:2: xsub-prt: unknown key; did you mean xsub-port?");
  EXPECT_EQ(refusal_of_file("colour: red\n"), "proxy.yaml:1: colour: unknown key; see skillscale_proxy --help");
  EXPECT_EQ(refusal_of_file("config: other.yaml\n"), "proxy.yaml:1: config: unknown key; see skillscale_proxy --help");
  EXPECT_EQ(refusal_of_file("\"\": 1\n"), "proxy.yaml:1: \"\": unknown key; see skillscale_proxy --help");
}

TEST_F(ConfigTest, RefusesDuplicateKeys) {
  EXPECT_EQ(refusal_of_file("hold: true\nxsub-port: 1\nhold: true\n"),
            "proxy.yaml:3: hold: given twice, first in line 1");
  EXPECT_EQ(refusal_of_file("xsub-port: 1\nxsub_port: 2\n"), "proxy.yaml:2: xsub-port: given twice, first in line 1");
}

TEST_F(ConfigTest, RefusesAFileThatIsNoMapping) {
  EXPECT_EQ(refusal_of_file("hello\n"), "proxy.yaml:1:1: the file must be a mapping of `key: value` lines");
  EXPECT_EQ(refusal_of_file("- xsub-port\n"),
            "proxy.yaml:1:1: the file must be a mapping of `key: value` lines, not a list");
  EXPECT_EQ(refusal_of_file("xsub-port: 1\n---\nhold: true\n"),
            "proxy.yaml:2:1: a second YAML document is not allowed");
}

TEST_F(ConfigTest, RefusesWrongKindsOfNode) {
  EXPECT_EQ(refusal_of_file("xsub-port: [1]\n"),
            "proxy.yaml:1: xsub-port: a list is not allowed: an integer from 0 to 65535");
  EXPECT_EQ(refusal_of_file("name: [a]\n"), "proxy.yaml:1: name: a list is not allowed: text");
  EXPECT_EQ(refusal_of_file("topic: []\n"),
            "proxy.yaml:1: topic: an empty list is not allowed: one or more, separated by commas or the flag repeated");
  EXPECT_EQ(refusal_of_file("xsub-port:\n"),
            "proxy.yaml:1: xsub-port: there is no value; leave the key out to keep the default");
  EXPECT_EQ(refusal_of_file("topic: [A, ~]\n"), "proxy.yaml:1:12: an element of a list without value is not allowed");
  EXPECT_EQ(refusal_of_file("ports:\n  xsub-port: 1\n"),
            "proxy.yaml:2:3: a mapping inside the mapping is not allowed: settings are flat");
  EXPECT_EQ(refusal_of_file("topic: [[A]]\n"), "proxy.yaml:1:9: a list inside a list is not allowed");
  EXPECT_EQ(refusal_of_file("[a]: 1\n"), "proxy.yaml:1:1: a key must be text, not a list");
  EXPECT_EQ(refusal_of_file("? {a: b}\n: 1\n"), "proxy.yaml:1:3: a key must be text, not a mapping");
  EXPECT_EQ(refusal_of_file("~: 1\n"), "proxy.yaml:1:1: a key must be text");
}

TEST_F(ConfigTest, RefusesAnchorsAndAliases) {
  EXPECT_EQ(refusal_of_file("name: &a x\nxsub-bind: *a\n"), "proxy.yaml:1:7: anchors and aliases are not allowed");
  EXPECT_THAT(refusal_of_file("a: &a [x,x]\nb: &b [*a,*a]\nc: [*b,*b]\n"),
              HasSubstr("anchors and aliases are not allowed"));
}

TEST_F(ConfigTest, RefusesInvalidYamlWithItsPlace) {
  EXPECT_THAT(refusal_of_file("hold: true\nxsub-port: [1\n"), StartsWith("proxy.yaml:2:1: not valid YAML: "));
  EXPECT_THAT(refusal_of_file("name: \"open\n"), StartsWith("proxy.yaml:1:12: not valid YAML: "));
  EXPECT_THAT(refusal_of_file("name: 'open\nhold: true\n\n"), StartsWith("proxy.yaml:2:11: not valid YAML: "));
  EXPECT_THAT(refusal_of_file("a: b: c\n"), StartsWith("proxy.yaml:1:5: not valid YAML: "));
  EXPECT_THAT(refusal_of_file("hold: true\n\tname: x\n"), HasSubstr("not valid YAML: "));
}

TEST_F(ConfigTest, RefusesDeepNestingQuickly) {
  for (const std::string open : {"[", "{", "- ", "? ", "a: [", "{a: "}) {
    std::string text;
    while (text.size() < 200000) text += open;
    EXPECT_THAT(refusal_of_file(text), AnyOf(HasSubstr("not valid YAML"), HasSubstr("is not allowed"))) << open;
  }
}

TEST_F(ConfigTest, RefusesBytesThatAreNoText) {
  EXPECT_EQ(refusal_of_file("name: \xff\n"), "proxy.yaml: the file is not UTF-8 text");
  EXPECT_EQ(refusal_of_file("hold: true\nname: a\x04"
                            "b\n"),
            "proxy.yaml:2:8: control characters are not allowed");
  EXPECT_EQ(refusal_of_file(std::string("\0", 1)), "proxy.yaml:1:1: control characters are not allowed");
}

TEST_F(ConfigTest, RefusesAFileThatCannotBeRead) {
  EXPECT_EQ(refusal({"--config", folder_ / "none.yaml"}), "--config: cannot read none.yaml: No such file or directory");
  EXPECT_EQ(refusal({}, {{"SKILLSCALE_CONFIG", folder_ / "none.yaml"}}),
            "SKILLSCALE_CONFIG: cannot read none.yaml: No such file or directory");
  std::filesystem::create_directory(folder_ / "folder");
  EXPECT_EQ(refusal({"--config", folder_ / "folder"}), "--config: cannot read folder: Is a directory");
  EXPECT_EQ(refusal({"--config", ""}), "--config: \"\" is not allowed: the path of a YAML file");
}

TEST_F(ConfigTest, RefusesAFileWithoutPermission) {
  if (::geteuid() == 0) GTEST_SKIP() << "root may read every file";
  const std::string path = write_file("hold: true\n");
  ASSERT_EQ(::chmod(path.c_str(), 0), 0);
  EXPECT_EQ(refusal({"--config", path}), "--config: cannot read proxy.yaml: Permission denied");
}

TEST_F(ConfigTest, RefusesAFileThatIsTooLarge) {
  const std::string most = "#" + std::string(limits::kConfigBytesMax - 1, 'x');
  EXPECT_EQ(refusal_of_file(most), "not refused");
  EXPECT_EQ(refusal_of_file(most + "x"), "--config: proxy.yaml: the file is larger than the 1048576 bytes allowed");
  EXPECT_THAT(refusal({"--config", "/dev/zero"}), HasSubstr("larger than"));
}

// --- Help and version ------------------------------------------------------------------

TEST_F(ConfigTest, HelpShowsEverythingAStrangerNeeds) {
  config_.set_footer("Exit status: 0 stopped, 1 failed, 2 a setting is wrong.");
  for (const char* flag : {"--help", "-h"}) {
    const auto loaded = load({flag});
    ASSERT_TRUE(loaded) << loaded.error();
    EXPECT_TRUE(loaded->exit_now);
    EXPECT_EQ(loaded->output, "skillscale_proxy " + std::string(version()) +
                                  R"(
Routes intents.

Usage: skillscale_proxy [options]

Ports:
  --xsub-port INTEGER
        Where publishers connect.
        Allowed: an integer from 0 to 65535.
        Default: 5444. File: xsub-port. Environment: SKILLSCALE_XSUB_PORT.
  --xsub-bind TEXT
        The address of the port.
        Default: *. File: xsub-bind. Environment: SKILLSCALE_XSUB_BIND.

Work:
  --topic TEXT[,TEXT...]
        What is served.
        Allowed: one or more, separated by commas or the flag repeated.
        Default: none. File: topic. Environment: SKILLSCALE_TOPIC.
  --timeout MS
        How long a run may take.
        Allowed: milliseconds, an integer from 1 to 3600000.
        Default: 30000. File: timeout. Environment: SKILLSCALE_TIMEOUT.
  --hold
        Keep intents that nobody serves yet.
        Allowed: true, false, yes, no, on, off, 1 or 0 (the flag alone means true).
        Default: false. File: hold. Environment: SKILLSCALE_HOLD.
  --name TEXT
        Any text.
        Default: unnamed. File: name.

Log:
  --log-level debug|info|warn|error
        The least important lines that are written to stderr.
        Allowed: one of debug, info, warn, error.
        Default: info. File: log-level. Environment: SKILLSCALE_LOG_LEVEL.
  --log-format text|json
        Lines for people, or one JSON object per line for machines.
        Allowed: one of text, json.
        Default: text. File: log-format. Environment: SKILLSCALE_LOG_FORMAT.

General:
  --config FILE
        A YAML file of `key: value` lines; the keys are named above.
        Default: none. Environment: SKILLSCALE_CONFIG.
  -h, --help
        Print this help and exit.
  --version
        Print the version and exit.

Later ones override earlier ones: defaults, the file, the environment, flags. A variable that is set
but empty counts as not set.

Exit status: 0 stopped, 1 failed, 2 a setting is wrong.
)");
  }
}

TEST_F(ConfigTest, HelpIsPrintedAlsoWhenAValueIsWrong) {
  const auto loaded = load({"--xsub-port", "x", "--help"}, {{"SKILLSCALE_CONFIG", "/nonexistent"}});
  ASSERT_TRUE(loaded) << loaded.error();
  EXPECT_TRUE(loaded->exit_now);
}

TEST_F(ConfigTest, LinesOfHelpFitATerminal) {
  const auto loaded = load({"--help"});
  ASSERT_TRUE(loaded);
  std::istringstream lines(loaded->output);
  for (std::string line; std::getline(lines, line);) EXPECT_LE(line.size(), 100U) << line;
}

TEST_F(ConfigTest, VersionNamesTheProgram) {
  const auto loaded = load({"--version"});
  ASSERT_TRUE(loaded) << loaded.error();
  EXPECT_TRUE(loaded->exit_now);
  EXPECT_EQ(loaded->output, "skillscale_proxy " + std::string(version()) + "\n");
  EXPECT_THAT(std::string(version()), ::testing::MatchesRegex("[0-9]+[.][0-9]+[.][0-9]+"));
}

}  // namespace
}  // namespace skillscale
