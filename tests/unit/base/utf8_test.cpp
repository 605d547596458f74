#include "base/utf8.h"

#include <gtest/gtest.h>

#include <random>
#include <string>

namespace skillscale {
namespace {

constexpr std::string_view kReplacement = "\xef\xbf\xbd";

TEST(Utf8Test, AcceptsTheFirstAndLastCharacterOfEveryLength) {
  for (const std::string_view text : {"", "a", "\x7f", "\xc2\x80", "\xdf\xbf", "\xe0\xa0\x80", "\xed\x9f\xbf",
                                      "\xee\x80\x80", "\xef\xbf\xbf", "\xf0\x90\x80\x80", "\xf4\x8f\xbf\xbf"}) {
    EXPECT_TRUE(is_valid_utf8(text)) << ::testing::PrintToString(text);
    EXPECT_EQ(to_valid_utf8(text), text);
  }
  EXPECT_TRUE(is_valid_utf8(std::string_view("\0", 1)));
}

TEST(Utf8Test, RefusesWhatIsNotWellFormed) {
  for (const std::string_view text : {
           "\x80",
           "\xbf",  // A continuation without a lead.
           "\xc2",
           "\xe2\x82",
           "\xf0\x9f\x98",  // Cut off.
           "\xc0\x80",
           "\xc1\xbf",  // Overlong, two bytes,
           "\xe0\x9f\xbf",
           "\xf0\x8f\xbf\xbf",  // three and four.
           "\xed\xa0\x80",
           "\xed\xbf\xbf",  // Surrogates.
           "\xf4\x90\x80\x80",
           "\xf5\x80\x80\x80",  // Beyond U+10FFFF.
           "\xff",
           "\xfe",
           "\xc2\x41",
           "a\xe2\x82z",
       }) {
    EXPECT_FALSE(is_valid_utf8(text)) << ::testing::PrintToString(text);
    EXPECT_TRUE(is_valid_utf8(to_valid_utf8(text)));
  }
}

TEST(Utf8Test, ReplacesOnlyTheMalformedBytes) {
  EXPECT_EQ(to_valid_utf8("a\xff"
                          "b"),
            "a" + std::string(kReplacement) + "b");
  EXPECT_EQ(to_valid_utf8("\xc3\xa9\xc3"), "\xc3\xa9" + std::string(kReplacement));
}

TEST(Utf8Test, AnyBytesBecomeValidAndValidTextStays) {
  const unsigned seed = std::random_device{}();
  SCOPED_TRACE("seed " + std::to_string(seed));
  std::mt19937 random(seed);
  std::uniform_int_distribution<int> byte(0, 255);
  for (int i = 0; i < 5000; ++i) {
    std::string text(static_cast<std::size_t>(byte(random) % 16), '\0');
    for (char& c : text) c = static_cast<char>(byte(random) | (byte(random) & 0x80));
    const std::string valid = to_valid_utf8(text);
    ASSERT_TRUE(is_valid_utf8(valid)) << ::testing::PrintToString(text);
    ASSERT_EQ(to_valid_utf8(valid), valid);
    if (is_valid_utf8(text)) {
      ASSERT_EQ(valid, text);
    }
  }
}

TEST(Utf8Test, PrefixAndSuffixEndBetweenCharacters) {
  constexpr std::string_view kText = "a\xc3\xa9\xe2\x82\xac";  // 1, 2 and 3 bytes.
  EXPECT_EQ(utf8_prefix(kText, 0), "");
  EXPECT_EQ(utf8_prefix(kText, 1), "a");
  EXPECT_EQ(utf8_prefix(kText, 2), "a");
  EXPECT_EQ(utf8_prefix(kText, 3), "a\xc3\xa9");
  EXPECT_EQ(utf8_prefix(kText, 5), "a\xc3\xa9");
  EXPECT_EQ(utf8_prefix(kText, 6), kText);
  EXPECT_EQ(utf8_prefix(kText, 100), kText);
  EXPECT_EQ(utf8_suffix(kText, 0), "");
  EXPECT_EQ(utf8_suffix(kText, 2), "");
  EXPECT_EQ(utf8_suffix(kText, 3), "\xe2\x82\xac");
  EXPECT_EQ(utf8_suffix(kText, 4), "\xe2\x82\xac");
  EXPECT_EQ(utf8_suffix(kText, 5), "\xc3\xa9\xe2\x82\xac");
  EXPECT_EQ(utf8_suffix(kText, 100), kText);
}

TEST(Utf8Test, ACharacterThatHasOnlyBegunIsFound) {
  for (const std::string_view character : {"a", "\xc3\xa9", "\xe2\x82\xac", "\xf0\x9f\x98\x80"}) {
    for (std::size_t length = 0; length <= character.size(); ++length) {
      const std::string text = "a" + std::string(character.substr(0, length));
      EXPECT_EQ(incomplete_utf8_suffix(text), length == character.size() ? 0U : length) << text;
    }
  }
}

TEST(Utf8Test, BytesThatNoCharacterCanFollowAreComplete) {
  for (const std::string_view bytes :
       {"", "\x80", "a\xbf", "\xff", "a\xf5", "\xc1", "\x80\x80\x80\x80", "\xc3\xa9\x80"}) {
    EXPECT_EQ(incomplete_utf8_suffix(bytes), 0U) << bytes;
  }
}

}  // namespace
}  // namespace skillscale
