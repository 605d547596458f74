// How a run that goes on looks, and that nothing of its result is shown twice.
#include "agent-client/progress_text.h"

#include <gtest/gtest.h>

#include <string>

namespace skillscale::agent {
namespace {

TEST(ProgressTextTest, TheBarHasRoomForItsMessage) {
  EXPECT_EQ(progress_bar(0.5, "page 2 of 4", 60), "[##########----------]  50% page 2 of 4");
  EXPECT_EQ(progress_bar(0, "", 60), "[--------------------]   0%");
  EXPECT_EQ(progress_bar(1, "", 60), "[####################] 100%");
}

TEST(ProgressTextTest, ItNeverGetsWiderThanTheTerminal) {
  const std::string message = "a message that is far too long for any terminal of this width, and goes on";
  for (std::size_t columns = 1; columns < 200; ++columns) {
    EXPECT_LE(progress_bar(0.4, message, columns).size(), columns);
    EXPECT_LE(progress_bar(1, "", columns).size(), columns);
  }
  EXPECT_EQ(progress_bar(0.4, message, 12), " 40% a m...");
}

TEST(ProgressTextTest, WideCharactersCountDouble) {
  std::string message;
  for (int n = 0; n < 50; ++n) message += "漢";
  const std::string bar = progress_bar(0.4, message, 40);
  std::size_t wide = 0;
  for (std::size_t at = bar.find("漢"); at != std::string::npos; at = bar.find("漢", at + 1)) ++wide;
  EXPECT_GT(wide, 3U);
  EXPECT_LE(bar.size() - wide, 40U) << "three bytes, two columns";
}

TEST(ProgressTextTest, AMessageCannotSteerTheTerminal) {
  EXPECT_EQ(progress_bar(0.5, "a\x1b[2Jb\nc", 60).find('\x1b'), std::string::npos);
  EXPECT_EQ(progress_bar(0.5, "a\nb", 60).find('\n'), std::string::npos);
  EXPECT_EQ(progress_line(0.5, "a\x1b[2Jb\nc"), "[ 50%] a\\x1b[2Jb c");
}

TEST(ProgressTextTest, ALineIsOneLine) {
  EXPECT_EQ(progress_line(0.074, "reading"), "[  7%] reading");
  EXPECT_EQ(progress_line(1, ""), "[100%]");
}

TEST(ShownOutputTest, WhatWasShownIsNotShownAgain) {
  ShownOutput shown;
  EXPECT_TRUE(shown.add("one\n"));
  EXPECT_TRUE(shown.add("two"));
  EXPECT_EQ(shown.rest_of("one\ntwo"), "");
  EXPECT_EQ(shown.rest_of("one\ntwo\n[stdout is truncated]\n"), "\n[stdout is truncated]\n");
}

TEST(ShownOutputTest, AfterAGapTheRestComesFromTheReply) {
  ShownOutput shown;
  shown.add("one ");
  shown.gap();
  EXPECT_FALSE(shown.add("three"));
  EXPECT_EQ(shown.rest_of("one two three"), "two three");
}

TEST(ShownOutputTest, AResultThatIsNotTheOutputIsShownWhole) {
  ShownOutput shown;
  shown.add("reading...\n");
  EXPECT_EQ(shown.rest_of("{\"answer\": 42}"), "{\"answer\": 42}");
}

TEST(ShownOutputTest, BytesThatAreNoTextAreFoundInTheReply) {
  ShownOutput shown;
  shown.add("a\xff");
  shown.add(
      "\xfe"
      "b");
  EXPECT_EQ(shown.rest_of("a\xef\xbf\xbd\xef\xbf\xbd"
                          "b more"),
            " more");
}

}  // namespace
}  // namespace skillscale::agent
