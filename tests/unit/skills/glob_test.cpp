#include "skills/glob.h"

#include <gtest/gtest.h>

#include <string>

namespace skillscale {
namespace {

bool matches(const std::string& pattern, const std::string& path) {
  const auto glob = Glob::parse(pattern);
  EXPECT_TRUE(glob) << pattern;
  return glob && glob->matches(path);
}

TEST(GlobTest, AStarStaysWithinAName) {
  EXPECT_TRUE(matches("*.csv", "a.csv"));
  EXPECT_FALSE(matches("*.csv", "out/a.csv"));
  EXPECT_TRUE(matches("out/*", "out/a.csv"));
  EXPECT_TRUE(matches("./out//a.csv", "out/a.csv"));
  EXPECT_TRUE(matches("*a*b*", "xaybz"));
  EXPECT_FALSE(matches("*a*b", "xaybz"));
}

TEST(GlobTest, TwoStarsCrossFolders) {
  EXPECT_TRUE(matches("**/a", "a"));
  EXPECT_TRUE(matches("**/a", "x/y/a"));
  EXPECT_TRUE(matches("out/**", "out/x/y"));
  EXPECT_TRUE(matches("out/", "out/x/y"));
  EXPECT_TRUE(matches("**", "x"));
  EXPECT_TRUE(matches("a/**/b/**/c", "a/1/2/b/c"));
  EXPECT_FALSE(matches("a/**/b/**/c", "a/1/2/c"));
  EXPECT_FALSE(matches("out/**", "out"));
}

TEST(GlobTest, SetsAndSingleCharacters) {
  EXPECT_TRUE(matches("[a-c]?.txt", "bä.txt"));
  EXPECT_FALSE(matches("[!a-c].txt", "b.txt"));
  EXPECT_TRUE(matches("[^x]", "y"));
  EXPECT_TRUE(matches("[]]", "]"));
  EXPECT_TRUE(matches("[ab", "[ab")) << "a bracket without an end means itself";
  EXPECT_TRUE(matches("[a-]", "-"));
}

TEST(GlobTest, HiddenNamesAreNamed) {
  EXPECT_FALSE(matches("*", ".hidden"));
  EXPECT_FALSE(matches("**", ".tmp/x"));
  EXPECT_TRUE(matches(".h*", ".hidden"));
}

TEST(GlobTest, WhatLeavesTheFolderIsRefused) {
  for (const std::string& pattern : {std::string(""), std::string("/etc/passwd"), std::string("../x"),
                                     std::string("a/../../x"), std::string("."), std::string(5000, 'a')}) {
    const auto glob = Glob::parse(pattern);
    ASSERT_FALSE(glob) << pattern;
    EXPECT_EQ(glob.error().code, ErrorCode::invalid_request);
  }
}

// Backtracking without bound would take years here.
TEST(GlobTest, AHostilePatternEndsSoon) {
  std::string stars;
  std::string folders;
  for (int i = 0; i < 60; ++i) stars += "*a";
  for (int i = 0; i < 60; ++i) folders += "**/a/";
  EXPECT_FALSE(matches(stars + "b", std::string(200, 'a')));
  std::string path;
  for (int i = 0; i < 60; ++i) path += "a/";
  EXPECT_FALSE(matches(folders + "b", path + "c"));
}

TEST(GlobTest, ALiteralHasNoWildcards) {
  EXPECT_TRUE(Glob::literal("a*.txt").matches("a*.txt"));
  EXPECT_FALSE(Glob::literal("a*.txt").matches("ab.txt"));
}

}  // namespace
}  // namespace skillscale
