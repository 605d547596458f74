#include "engine/credentials.h"

#include <gtest/gtest.h>

namespace skillscale {
namespace {

Skill skill() {
  Skill made;
  made.name = "s";
  made.env = {{.name = "TOKEN", .required = true}, {.name = "REGION", .required = false}};
  return made;
}

Error refusal(std::vector<std::pair<std::string, std::string>> env) {
  Intent intent;
  intent.env = std::move(env);
  const auto checked = check_variables(skill(), intent);
  return checked ? Error{} : checked.error();
}

TEST(CredentialsTest, OnlyDeclaredNamesAreTaken) {
  const Error error = refusal({{"TOKEN", "t"}, {"LD_PRELOAD", "hidden"}, {"PATH", "p"}});
  EXPECT_EQ(error.code, ErrorCode::not_allowed);
  EXPECT_NE(error.detail.find("LD_PRELOAD, PATH"), std::string::npos) << error.detail;
  EXPECT_EQ(error.detail.find("hidden"), std::string::npos);
}

TEST(CredentialsTest, MissingOnesAreNamed) {
  EXPECT_EQ(refusal({{"REGION", "eu"}}).code, ErrorCode::invalid_request);
  EXPECT_NE(refusal({}).detail.find("TOKEN"), std::string::npos);
  EXPECT_EQ(refusal({{"TOKEN", ""}}).code, ErrorCode::invalid_request);
  Intent intent;
  intent.env = {{"TOKEN", "t"}};
  EXPECT_TRUE(check_variables(skill(), intent));
}

TEST(SecretsTest, ValuesAreTakenOutOfText) {
  const Secrets secrets({{"A", "sesame-open"}, {"B", "sesame-open-wide"}, {"C", "quote\"inside"}, {"D", "short"}});
  std::string text = "sesame-open, sesame-open-wide, quote\\\"inside, quote\"inside, short";
  secrets.remove_from(text);
  EXPECT_EQ(text, "[A], [B], [C], [C], short");
}

TEST(SecretsTest, AWipedTextIsEmpty) {
  std::string text(100, 'x');
  const char* bytes = text.data();
  wipe(text);
  EXPECT_TRUE(text.empty());
  EXPECT_EQ(bytes[50], '\0');
}

}  // namespace
}  // namespace skillscale
