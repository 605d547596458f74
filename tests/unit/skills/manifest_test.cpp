#include "skills/manifest.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <algorithm>
#include <chrono>
#include <string>
#include <vector>

#include "base/limits.h"

namespace skillscale {
namespace {

using ::testing::ElementsAre;
using ::testing::HasSubstr;
using ::testing::IsEmpty;
using ::testing::SizeIs;
using namespace std::chrono_literals;

ManifestReading load(std::string_view text) {
  return parse_manifest(text, "/skills/pdf-processing/SKILL.md", Strictness::lenient);
}

ManifestReading validate(std::string_view text) {
  return parse_manifest(text, "/skills/pdf-processing/SKILL.md", Strictness::strict);
}

// A whole SKILL.md around more frontmatter; `more` begins on line 4.
std::string with_fields(const std::string& more) {
  return "---\nname: pdf-processing\ndescription: Extracts text.\n" + more + "---\nBody.\n";
}

std::string named(const std::string& name) { return "---\nname: " + name + "\ndescription: Does it.\n---\n"; }

// "4: warning: ..." for each problem.
std::vector<std::string> problems_of(const ManifestReading& reading) {
  const std::string prefix = "/skills/pdf-processing/SKILL.md:";
  std::vector<std::string> texts;
  for (const Problem& problem : reading.problems) {
    const std::string text = to_text(problem);
    EXPECT_TRUE(text.starts_with(prefix)) << text;
    texts.push_back(text.substr(prefix.size()));
  }
  return texts;
}

TEST(ManifestTest, TheMinimalExampleOfTheSpecificationIsValid) {
  const auto reading = validate(
      "---\nname: pdf-processing\ndescription: A description of what this skill does and when to use it.\n---\n");
  EXPECT_THAT(problems_of(reading), IsEmpty());
  ASSERT_TRUE(reading.manifest);
  EXPECT_EQ(reading.manifest->name, "pdf-processing");
  EXPECT_EQ(reading.manifest->description, "A description of what this skill does and when to use it.");
  EXPECT_EQ(reading.manifest->body, "");
}

TEST(ManifestTest, TheFullExampleOfTheSpecificationIsValid) {
  const auto reading = validate(R"(---
name: pdf-processing
description: Extract PDF text, fill forms, merge files. Use when handling PDFs.
license: Apache-2.0
compatibility: Requires git, docker, jq, and access to the internet
metadata:
  author: example-org
  version: "1.0"
allowed-tools: Bash(git:*) Bash(jq:*) Read
---

# How to

Do it.
)");
  EXPECT_THAT(problems_of(reading), IsEmpty());
  ASSERT_TRUE(reading.manifest);
  EXPECT_EQ(reading.manifest->license, "Apache-2.0");
  EXPECT_EQ(reading.manifest->compatibility, "Requires git, docker, jq, and access to the internet");
  EXPECT_EQ(reading.manifest->allowed_tools, "Bash(git:*) Bash(jq:*) Read");
  EXPECT_EQ(reading.manifest->metadata.at("author"), "example-org");
  EXPECT_EQ(reading.manifest->version, "1.0");
  EXPECT_EQ(reading.manifest->body, "# How to\n\nDo it.");
}

TEST(ManifestTest, TheInvalidNamesOfTheSpecificationAreRefusedByValidation) {
  for (const std::string name :
       {"PDF-Processing", "-pdf", "pdf--processing", "pdf-", "pdf_processing", "pdf processing"}) {
    const auto reading = validate(named(name));
    ASSERT_THAT(problems_of(reading), SizeIs(2)) << name;
    EXPECT_THAT(problems_of(reading)[0], HasSubstr("2: error: the name \"" + name));
    EXPECT_THAT(problems_of(reading)[1], HasSubstr("differs from the folder's"));
  }
}

TEST(ManifestTest, ANameMayHave64CharactersAndNoMore) {
  const auto check = [](const std::string& name) {
    return parse_manifest(named(name), "/skills/" + name + "/SKILL.md", Strictness::strict).problems;
  };
  EXPECT_THAT(check(std::string(64, 'a')), IsEmpty());
  EXPECT_THAT(check(std::string(65, 'a')), SizeIs(1));
}

TEST(ManifestTest, LoadingForgivesNamesThatValidationRefuses) {
  const auto reading = load(named("PDF_Processing"));
  ASSERT_TRUE(reading.manifest);
  EXPECT_EQ(reading.manifest->name, "PDF_Processing");
  EXPECT_FALSE(has_error(reading.problems));
  EXPECT_THAT(reading.problems, SizeIs(2));
}

TEST(ManifestTest, LoadingTakesTheFoldersNameWhenThereIsNone) {
  const auto reading = load("---\ndescription: Does it.\n---\n");
  ASSERT_TRUE(reading.manifest);
  EXPECT_EQ(reading.manifest->name, "pdf-processing");
  EXPECT_THAT(problems_of(reading), ElementsAre("1: warning: no \"name\"; the folder's name is taken"));
}

TEST(ManifestTest, ANameThatCouldForgeALogLineIsNeverLoaded) {
  EXPECT_FALSE(load(named("\"a\\nb\"")).manifest);
  EXPECT_FALSE(load(named(std::string(limits::kSkillNameBytesLenientMax + 1, 'a'))).manifest);
  EXPECT_FALSE(parse_manifest("---\ndescription: d\n---\n", "/skills/a\nb/SKILL.md", Strictness::lenient).manifest);
  EXPECT_FALSE(parse_manifest("---\ndescription: d\n---\n", "/skills/\xff/SKILL.md", Strictness::lenient).manifest);
}

TEST(ManifestTest, WithoutDescriptionTheSkillIsSkippedAndReported) {
  for (const char* text : {"---\nname: pdf-processing\n---\n", "---\nname: pdf-processing\ndescription: \"\"\n---\n",
                           "---\nname: pdf-processing\ndescription:\n---\n"}) {
    const auto reading = load(text);
    EXPECT_FALSE(reading.manifest);
    ASSERT_THAT(reading.problems, SizeIs(1));
    EXPECT_THAT(problems_of(reading)[0], HasSubstr("error: no \"description\""));
  }
}

TEST(ManifestTest, LengthsAreCountedInCharacters) {
  std::string text;
  for (int i = 0; i < 1024; ++i) text += "\xc3\xa9";
  EXPECT_THAT(validate("---\nname: pdf-processing\ndescription: " + text + "\n---\n").problems, IsEmpty());
  EXPECT_THAT(problems_of(validate("---\nname: pdf-processing\ndescription: " + text + "e\n---\n")),
              ElementsAre("3: error: \"description\" is longer than 1024 characters"));
  EXPECT_THAT(validate(with_fields("compatibility: " + std::string(500, 'c') + "\n")).problems, IsEmpty());
  EXPECT_THAT(problems_of(validate(with_fields("compatibility: " + std::string(501, 'c') + "\n"))),
              ElementsAre("4: error: \"compatibility\" is longer than 500 characters"));
}

TEST(ManifestTest, UnknownFieldsWarnWhenLoadingAndFailValidation) {
  const std::string text = with_fields("author: me\n");
  EXPECT_TRUE(load(text).manifest);
  EXPECT_THAT(problems_of(load(text)), ElementsAre("4: warning: unknown field \"author\""));
  EXPECT_THAT(problems_of(validate(text)), ElementsAre("4: error: unknown field \"author\""));
}

TEST(ManifestTest, OurMetadataIsRead) {
  const auto reading = validate(with_fields(
      "metadata:\n  version: 2.10\n  tags: data, csv files ,tables\n  timeout-ms: 1500\n  idempotent: \"true\"\n"
      "  memory-mb: 256\n  allow-network: false\n  sandbox: strict\n  runner: zygote\n  env: API_KEY, LANG\n"));
  EXPECT_THAT(problems_of(reading), IsEmpty());
  ASSERT_TRUE(reading.manifest);
  EXPECT_EQ(reading.manifest->version, "2.10") << "text, not a number";
  EXPECT_THAT(reading.manifest->tags, ElementsAre("data", "csv files", "tables"));
  EXPECT_EQ(reading.manifest->timeout, 1500ms);
  EXPECT_TRUE(reading.manifest->idempotent);
  EXPECT_EQ(reading.manifest->metadata.at("sandbox"), "strict");
}

TEST(ManifestTest, TagsWithoutCommasAreSeparatedByBlanks) {
  EXPECT_THAT(load(with_fields("metadata:\n  tags: data csv\n")).manifest->tags, ElementsAre("data", "csv"));
  EXPECT_THAT(load(with_fields("metadata:\n  tags: [data, csv]\n")).manifest->tags, ElementsAre("data", "csv"));
}

TEST(ManifestTest, AMetadataValueThatMeansNothingIsReportedAndNotUsed) {
  const auto reading =
      load(with_fields("metadata:\n  timeout-ms: soon\n  idempotent: yes\n  sandbox: maybe\n  runner: fast\n  "
                       "memory-mb: -1\n  env: A B-C\n"));
  ASSERT_TRUE(reading.manifest);
  EXPECT_FALSE(reading.manifest->timeout);
  EXPECT_FALSE(reading.manifest->idempotent);
  EXPECT_THAT(reading.manifest->metadata, IsEmpty());
  EXPECT_THAT(problems_of(reading),
              ElementsAre("5: warning: metadata timeout-ms is \"soon\"; allowed: a number from 1 to 604800000",
                          "6: warning: metadata idempotent is \"yes\"; allowed: true or false",
                          "7: warning: metadata sandbox is \"maybe\"; allowed: none, standard or strict",
                          "8: warning: metadata runner is \"fast\"; allowed: cold, zygote or worker",
                          "9: warning: metadata memory-mb is \"-1\"; allowed: a number from 1 to 1048576",
                          "10: warning: metadata env is \"A B-C\"; allowed: names of environment variables, NAME "
                          "or NAME?, not those that SkillScale or the system sets"));
}

TEST(ManifestTest, ATimeoutHasBounds) {
  for (const char* value : {"0", "-5", "604800001", "99999999999999999999", "1.5", "10s", ""}) {
    EXPECT_FALSE(load(with_fields(std::string("metadata:\n  timeout-ms: \"") + value + "\"\n")).manifest->timeout)
        << value;
  }
  EXPECT_EQ(load(with_fields("metadata:\n  timeout-ms: 604800000\n")).manifest->timeout, limits::kTimeoutMax);
}

TEST(ManifestTest, AMisspeltKeyOfOursGetsAHint) {
  EXPECT_THAT(problems_of(validate(with_fields("metadata:\n  timeout_ms: 5\n"))),
              ElementsAre("5: warning: metadata \"timeout_ms\" means nothing here; is \"timeout-ms\" meant?"));
}

TEST(ManifestTest, VersionAndTagsOutsideMetadataAreTakenWithAWarning) {
  const auto reading = load(with_fields("version: 1.2.3\ntags: [a, b]\ntimeout-ms: 5\n"));
  ASSERT_TRUE(reading.manifest);
  EXPECT_EQ(reading.manifest->version, "1.2.3");
  EXPECT_THAT(reading.manifest->tags, ElementsAre("a", "b"));
  EXPECT_FALSE(reading.manifest->timeout);
  EXPECT_THAT(problems_of(reading)[0], HasSubstr("4: warning: \"version\" belongs under \"metadata\""));
}

TEST(ManifestTest, ValuesOfAWrongTypeAreReported) {
  const auto reading = load(with_fields("license: [MIT]\nmetadata: none\nallowed-tools:\n  - Read\n  - Bash\n"));
  ASSERT_TRUE(reading.manifest);
  EXPECT_EQ(reading.manifest->allowed_tools, "Read, Bash");
  EXPECT_THAT(problems_of(reading), ElementsAre("4: warning: \"license\" must be text",
                                                "5: warning: \"metadata\" must be a list of `key: value` lines"));
  EXPECT_THAT(problems_of(validate(with_fields("metadata:\n  a: {b: c}\n"))),
              ElementsAre("5: error: \"a\" must be text"));
}

TEST(ManifestTest, AFieldThatIsGivenTwiceCountsOnce) {
  const auto reading = load(with_fields("description: Another one.\n"));
  ASSERT_TRUE(reading.manifest);
  EXPECT_EQ(reading.manifest->description, "Extracts text.");
  EXPECT_THAT(problems_of(reading), ElementsAre("4: warning: \"description\" is given twice; the first one counts"));
}

TEST(ManifestTest, UnquotedColonsAreRepaired) {
  const auto reading = load(
      "---\n"
      "name: pdf-processing\n"
      "description: Use this skill when: the user asks about PDFs, it's needed  # a note\n"
      "license: MIT: see\n"
      "  LICENSE for more: text\n"
      "metadata:\n"
      "  author: me: myself\n"
      "---\n");
  ASSERT_TRUE(reading.manifest);
  EXPECT_EQ(reading.manifest->description, "Use this skill when: the user asks about PDFs, it's needed");
  EXPECT_EQ(reading.manifest->license, "MIT: see LICENSE for more: text");
  EXPECT_EQ(reading.manifest->metadata.at("author"), "me: myself");
  EXPECT_THAT(problems_of(reading), ElementsAre("3: warning: a value with a colon must be quoted",
                                                "4: warning: a value with a colon must be quoted",
                                                "7: warning: a value with a colon must be quoted"));
}

TEST(ManifestTest, ARepairDoesNotTouchQuotedOrBlockValues) {
  const auto reading = load(
      "---\nname: pdf-processing\ndescription: |\n  first: one: two\n  second\nlicense: a: b\ncompatibility: \"c: "
      "d\"\n---\n");
  ASSERT_TRUE(reading.manifest);
  EXPECT_EQ(reading.manifest->description, "first: one: two\nsecond");
  EXPECT_EQ(reading.manifest->compatibility, "c: d");
  EXPECT_THAT(problems_of(reading), ElementsAre("6: warning: a value with a colon must be quoted"));
}

TEST(ManifestTest, UnquotedColonsFailValidation) {
  EXPECT_TRUE(has_error(validate("---\nname: pdf-processing\ndescription: Use: this\n---\n").problems));
}

TEST(ManifestTest, CarriageReturnsAndAByteOrderMarkAreAccepted) {
  const auto reading =
      validate("\xef\xbb\xbf---\r\nname: pdf-processing\r\ndescription: Does it.\r\n---\r\nOne\r\nTwo\r\n");
  EXPECT_THAT(problems_of(reading), IsEmpty());
  ASSERT_TRUE(reading.manifest);
  EXPECT_EQ(reading.manifest->description, "Does it.");
  EXPECT_EQ(reading.manifest->body, "One\nTwo");
}

TEST(ManifestTest, ALineOfHyphensInTheBodyStaysThere) {
  EXPECT_EQ(load(with_fields("") + "above\n---\nbelow\n").manifest->body, "Body.\nabove\n---\nbelow");
}

struct Broken {
  const char* what;
  std::string text;
  std::string problem;

  friend std::ostream& operator<<(std::ostream& out, const Broken& broken) { return out << broken.what; }
};

class BrokenManifestTest : public ::testing::TestWithParam<Broken> {};

TEST_P(BrokenManifestTest, IsReportedWithItsLine) {
  const auto reading = load(GetParam().text);
  EXPECT_FALSE(reading.manifest);
  ASSERT_THAT(problems_of(reading), SizeIs(1));
  EXPECT_THAT(problems_of(reading)[0], HasSubstr(GetParam().problem));
}

std::string nested(std::size_t depth) { return std::string(depth, '[') + std::string(depth, ']'); }

INSTANTIATE_TEST_SUITE_P(
    ManifestTest, BrokenManifestTest,
    ::testing::Values(
        Broken{"Empty", "", "1: error: no frontmatter"},
        Broken{"MissingFrontmatter", "# A skill\n", "1: error: no frontmatter"},
        Broken{"BlankLineFirst", "\n---\nname: a\n---\n", "1: error: no frontmatter"},
        Broken{"UnterminatedFrontmatter", "---\nname: a\ndescription: b\n", "1: error: the frontmatter has no end"},
        Broken{"EmptyFrontmatter", "---\n---\n", "error: the frontmatter must be"},
        Broken{"Scalar", "---\njust text\n---\n", "2: error: the frontmatter must be"},
        Broken{"Sequence", "---\n- a\n- b\n---\n", "2: error: the frontmatter must be"},
        Broken{"InvalidYaml", "---\nname: a\ndescription: \"open\n---\n", "error: invalid YAML"},
        Broken{"UnclosedBracket", "---\nname: a\nlicense: [b\ndescription: c\n---\n", "error: invalid YAML"},
        Broken{"Tab", "---\nname: a\n\tdescription: b\n---\n", "3: error: invalid YAML"},
        Broken{"WrongIndent", "---\nname: a\n description: b\n---\n", "3: error: invalid YAML"},
        Broken{"Alias", "---\nname: &a b\ndescription: *a\n---\n", "2: error: invalid YAML: anchors"},
        Broken{"Bomb", "---\na: &a [x,x]\nb: &b [*a,*a]\n---\n", "2: error: invalid YAML: anchors"},
        Broken{"UnknownAlias", "---\nname: a\ndescription: *b\n---\n", "3: error: invalid YAML"},
        Broken{"Deep", "---\nname: a\nlicense: " + nested(5000) + "\n---\n",
               "3: error: invalid YAML: nested too deeply"},
        Broken{"KeyIsAList", "---\n? [a, b]\n: c\n---\n", "error: invalid YAML: a key must be text"},
        Broken{"Nul", "---\nname: a\ndescription: \"b\\0c\"\n---\n", "3: error: invalid YAML: control characters"},
        Broken{"NotUtf8", "---\nname: a\ndescription: \xff\n---\n", "3: error: not valid UTF-8"},
        Broken{"NotUtf8InTheBody", with_fields("") + "\n\xc3\x28\n", "7: error: not valid UTF-8"},
        Broken{"FrontmatterTooLarge", with_fields("license: " + std::string(limits::kFrontmatterBytesMax, 'x') + "\n"),
               "1: error: the frontmatter is larger"}),
    [](const auto& broken) { return std::string(broken.param.what); });

TEST(ManifestTest, ATooLargeFileIsRefusedUnread) {
  const auto reading = load(with_fields("") + std::string(limits::kManifestBytesMax, 'x'));
  EXPECT_FALSE(reading.manifest);
  ASSERT_THAT(reading.problems, SizeIs(1));
  EXPECT_EQ(to_text(reading.problems[0]), "/skills/pdf-processing/SKILL.md: error: larger than 1048576 bytes");
}

TEST(ManifestTest, TheNumberOfProblemsIsBoundedAndTheCutIsAnError) {
  std::string fields;
  for (int i = 0; i < 3000; ++i) fields += "x" + std::to_string(i) + ": y\n";
  const auto reading = load(with_fields(fields));
  ASSERT_THAT(reading.problems, SizeIs(limits::kSkillProblemsMax));
  EXPECT_EQ(reading.problems.back().severity, Severity::error);
}

TEST(ManifestTest, MessagesAreOneLineOfPrintableText) {
  const auto reading = load(with_fields("\"a\\nb\\u200bc" + std::string(300, 'x') + "\": y\n"));
  ASSERT_THAT(reading.problems, SizeIs(1));
  const std::string text = to_text(reading.problems[0]);
  EXPECT_EQ(text.find('\n'), std::string::npos);
  EXPECT_LT(text.size(), 200U);
}

TEST(ManifestTest, EveryCutOfAManifestGivesAnAnswer) {
  const std::string text = with_fields("metadata:\n  a: \"b\"\n  tags: [c, 'd']\nlicense: >\n  folded: x\n");
  for (std::size_t length = 0; length <= text.size(); ++length) {
    const auto reading = load(std::string_view(text).substr(0, length));
    EXPECT_TRUE(reading.manifest || has_error(reading.problems)) << length;
  }
}

}  // namespace
}  // namespace skillscale
