#include "skills/matcher.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <memory>
#include <string>
#include <vector>

#include "base/limits.h"
#include "skills/words.h"
#include "support/skill_tree.h"

namespace skillscale {
namespace {

using ::testing::HasSubstr;

SkillPtr skill(std::string name, std::string description, std::vector<std::string> tags = {}) {
  Skill made;
  made.name = std::move(name);
  made.description = std::move(description);
  made.tags = std::move(tags);
  return std::make_shared<const Skill>(std::move(made));
}

Catalogue three_skills() {
  return Catalogue::of({
      skill("text-summarizer",
            "Summarizes long text by extracting its most important sentences. Use when the user wants a summary of an "
            "article, report or document.",
            {"text", "summary", "nlp"}),
      skill("csv-analyzer",
            "Analyzes CSV data: rows, columns, types, missing values and statistics such as mean and median. Use for "
            "questions about tabular data.",
            {"csv", "data", "statistics", "table"}),
      skill("code-complexity",
            "Measures cyclomatic complexity, nesting depth and length of Python functions. Use when asked how complex "
            "or maintainable Python code is.",
            {"code", "python", "complexity", "metrics"}),
  });
}

// The name of the skill that the three would choose, or "none".
std::string chosen(std::string_view text) {
  const MatchResult result = Matcher(three_skills()).match(text);
  return result.best ? result.best->skill->name : "none";
}

TEST(MatcherTest, RealisticRequestsFindTheirSkill) {
  EXPECT_EQ(chosen("summarize this article"), "text-summarizer");
  EXPECT_EQ(chosen("Summarise the quarterly report of Siemens"), "text-summarizer");
  EXPECT_EQ(chosen("Please give me a short summary of this document"), "text-summarizer");
  EXPECT_EQ(chosen("Summarize: The committee met on Tuesday and decided nothing."), "text-summarizer");
  EXPECT_EQ(chosen("analyse this csv file: name,age\nalice,30\nbob,25\n"), "csv-analyzer");
  EXPECT_EQ(chosen("Analyze the following CSV data"), "csv-analyzer");
  EXPECT_EQ(chosen("What are the mean and median of the columns in this csv?"), "csv-analyzer");
  EXPECT_EQ(chosen("how complex is this Python function"), "code-complexity");
  EXPECT_EQ(chosen("Measure the cyclomatic complexity of my module"), "code-complexity");
}

TEST(MatcherTest, ASkillThatWasNotMeantIsNotChosen) {
  for (const char* text : {"hello",
                           "delete all my files",
                           "what is the weather",
                           "what is the weather in Berlin today",
                           "text",
                           "csv",
                           "data",
                           "python",
                           "code",
                           "file",
                           "analyse",
                           "analyse my feelings",
                           "delete my csv file",
                           "send this csv to my boss",
                           "write a CSV parser in Python",
                           "I love Python",
                           "translate this article",
                           "python is a snake",
                           "the table in my kitchen is broken",
                           "what does it mean",
                           "run",
                           "document",
                           ""}) {
    EXPECT_EQ(chosen(text), "none") << text;
  }
}

// The texts that ship with SkillScale are what strangers try first.
TEST(MatcherTest, TheShippedSkillsAreFoundByRealisticRequests) {
  const auto scanned = Catalogue::scan(SKILLSCALE_SOURCE_DIR "/skills", testing::system_interpreters());
  ASSERT_TRUE(scanned) << scanned.error();
  const Matcher matcher(scanned->catalogue);
  const auto chosen_of_shipped = [&](std::string_view text) {
    const MatchResult result = matcher.match(text);
    return result.best ? result.best->skill->name : "none";
  };
  EXPECT_EQ(chosen_of_shipped("summarize this article"), "text-summarizer");
  EXPECT_EQ(chosen_of_shipped("analyse this csv file: name,age"), "csv-analyzer");
  EXPECT_EQ(chosen_of_shipped("how complex is this Python function"), "code-complexity");
  for (const char* text : {"hello", "delete all my files", "what is the weather", "data", "text", "python"}) {
    EXPECT_EQ(chosen_of_shipped(text), "none") << text;
  }
}

TEST(MatcherTest, OnlyTheInstructionCounts) {
  EXPECT_EQ(chosen("hello there, friend: summarize this article"), "none");
  EXPECT_EQ(chosen("summarize this article:\ncsv csv columns median python complexity of functions"),
            "text-summarizer");
  EXPECT_EQ(chosen("Hello!\n\nSummarize this article"), "text-summarizer") << "a greeting is not an instruction";
  EXPECT_EQ(chosen(std::string(limits::kMatchTextBytesMax, '.') + " summarize this article"), "none");
}

TEST(MatcherTest, TwoSkillsThatFitEquallyWellAreNotChosenBetween) {
  const Catalogue twins = Catalogue::of({skill("invoice-reader", "Reads invoices as PDF.", {"invoice", "pdf"}),
                                         skill("invoice-parser", "Parses invoices as PDF.", {"invoice", "pdf"})});
  const MatchResult result = Matcher(twins).match("what is in this pdf invoice");
  EXPECT_FALSE(result.best);
  ASSERT_EQ(result.ranked.size(), 2U);
  EXPECT_THAT(no_match_text(twins, result), HasSubstr("name one if you mean it (invoice-parser, invoice-reader)"));
}

TEST(MatcherTest, AWordThatOnlyOneSkillHasDecidesBetweenSimilarOnes) {
  const Catalogue similar = Catalogue::of(
      {skill("csv-analyzer", "Analyzes CSV files.", {"csv"}), skill("csv-cleaner", "Cleans up CSV files.", {"csv"})});
  const MatchResult result = Matcher(similar).match("clean up this csv file");
  ASSERT_TRUE(result.best);
  EXPECT_EQ(result.best->skill->name, "csv-cleaner");
}

TEST(MatcherTest, OneSkillAloneIsNotAnAnswerToEverything) {
  const Catalogue alone = Catalogue::of({skill("csv-analyzer", "Analyzes CSV files.", {"csv"})});
  EXPECT_TRUE(Matcher(alone).match("analyze this csv file").best);
  EXPECT_FALSE(Matcher(alone).match("analyze this novel").best);
  EXPECT_FALSE(Matcher(alone).match("hello").best);
}

TEST(MatcherTest, WithoutSkillsNothingMatches) {
  const MatchResult result = Matcher(Catalogue()).match("summarize this");
  EXPECT_FALSE(result.best);
  EXPECT_EQ(no_match_text(Catalogue(), result), "no skill matches the text; this server has no skills");
}

TEST(MatcherTest, TheErrorTextListsTheSkills) {
  const Catalogue catalogue = three_skills();
  EXPECT_EQ(no_match_text(catalogue, Matcher(catalogue).match("hello")),
            "no skill matches the text; this server has: code-complexity, csv-analyzer, text-summarizer");
}

TEST(MatcherTest, AnyBytesAreFine) {
  EXPECT_EQ(chosen("\xff\xfe\x80 \xe2\x80"), "none");
  EXPECT_EQ(chosen("\xe2\x80\x9cSummarize\xe2\x80\x9d this article \xe2\x80\x94 please"), "text-summarizer");
  EXPECT_EQ(chosen(std::string("summarize\0this article", 22)), "text-summarizer");
}

TEST(WordsTest, FormsOfOneWordHaveOneStem) {
  const std::vector<std::vector<std::string>> families = {
      {"summary", "summaries", "summarize", "summarise", "summarizes", "summarized", "summarizing", "summarizer",
       "summarizers", "summarization"},
      {"analyze", "analyse", "analyzes", "analyzed", "analyzing", "analyzer", "analysis", "analyses"},
      {"complex", "complexity", "complexities"},
      {"file", "files"},
      {"class", "classes"},
      {"translate", "translates", "translated", "translating", "translator", "translation"},
      {"convert", "converts", "converted", "converting", "converter"},
      {"query", "queries"},
      {"refactor", "refactors", "refactored", "refactoring"},
      {"speed", "speeds"},
  };
  for (const auto& family : families) {
    for (const std::string& word : family) EXPECT_EQ(stem(word), stem(family.front())) << word;
  }
}

TEST(WordsTest, ShortWordsKeepTheirEndings) {
  for (const char* word : {"string", "thing", "bus", "this", "user", "order", "red", "sing"})
    EXPECT_EQ(stem(word), word);
}

TEST(WordsTest, WordsAreSplitAtEverythingThatIsNotALetterOrDigit) {
  EXPECT_EQ(split_into_words("CSV-file, na\xc3\xafve_2\xe2\x80\xa6"
                             "end"),
            (std::vector<std::string>{"csv", "file", "na\xc3\xafve", "2", "end"}));
  EXPECT_TRUE(split_into_words(std::string(1000, 'x')).empty()) << "data is not words";
}

}  // namespace
}  // namespace skillscale
