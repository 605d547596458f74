#include "agent-client/terminal_text.h"

#include <gtest/gtest.h>

#include <random>

#include "base/utf8.h"

namespace skillscale::agent {
namespace {

TEST(TerminalTextTest, TextStaysAsItIs) {
  const std::string text = "Grüße,\n\t日本語 \U0001F600 ~";
  EXPECT_EQ(for_terminal(text), text);
}

TEST(TerminalTextTest, EscapeSequencesAreWrittenOut) {
  EXPECT_EQ(for_terminal("\x1b[31mred\x1b]0;title\x07"), "\\x1b[31mred\\x1b]0;title\\x07");
  EXPECT_EQ(for_terminal("a\bb\rc\x7f"), "a\\x08b\\x0dc\\x7f");
  EXPECT_EQ(for_terminal(std::string_view("\0", 1)), "\\x00");
  EXPECT_EQ(for_terminal("\xc2\x9b"
                         "31m"),
            "\\x9b31m")
      << "the one-character form of ESC [";
}

TEST(TerminalTextTest, DirectionControlsAreWrittenOut) {
  EXPECT_EQ(for_terminal("a\u202Eb\u2066c\u200F"), "a\\u202eb\\u2066c\\u200f");
}

TEST(TerminalTextTest, MalformedBytesAreWrittenOut) {
  EXPECT_EQ(for_terminal("a\xff\xc3"), "a\\xff\\xc3");
  EXPECT_EQ(for_terminal("\xed\xa0\x80"), "\\xed\\xa0\\x80") << "a surrogate";
}

TEST(TerminalTextTest, WindowsLineEndsBecomePlainOnes) { EXPECT_EQ(for_terminal("a\r\nb\r\n"), "a\nb\n"); }

TEST(TerminalTextTest, ALineHasNoLineEnds) { EXPECT_EQ(for_terminal_line("a\nb\tc", 10), "a b c"); }

TEST(TerminalTextTest, ALongLineIsCutBetweenCharacters) {
  EXPECT_EQ(for_terminal_line("äöüäöü", 6), "äöüäöü");
  EXPECT_EQ(for_terminal_line("äöüäöüß", 6), "äöü...");
  EXPECT_EQ(for_terminal_line(std::string(1 << 20, 'x'), 5), "xx...");
}

// Whatever the bytes: valid UTF-8 without anything that a terminal obeys.
TEST(TerminalTextTest, AnyBytesBecomeSafe) {
  const unsigned seed = std::random_device{}();
  SCOPED_TRACE("seed " + std::to_string(seed));
  std::mt19937 random(seed);
  for (int round = 0; round < 2000; ++round) {
    std::string bytes(random() % 40, '\0');
    for (char& byte : bytes) byte = static_cast<char>(random() % 256);
    for (const std::string& safe : {for_terminal(bytes), for_terminal_line(bytes, 8)}) {
      ASSERT_TRUE(is_valid_utf8(safe));
      for (const char byte : safe) {
        const auto code = static_cast<unsigned char>(byte);
        ASSERT_TRUE(code >= 0x20 || byte == '\n' || byte == '\t');
        ASSERT_NE(code, 0x7F);
      }
      ASSERT_EQ(safe.find("\xc2\x9b"), std::string::npos);
    }
  }
}

}  // namespace
}  // namespace skillscale::agent
