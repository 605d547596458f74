#include "engine/sandbox_policy.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <filesystem>
#include <string>

#include "support/skill_tree.h"

namespace skillscale {
namespace {

using enum SandboxProfile;
using ::testing::ElementsAre;
using ::testing::HasSubstr;
using ::testing::IsEmpty;

Skill skill_that_wants(const std::string& sandbox, bool network = false) {
  Skill skill;
  skill.name = "s";
  skill.sandbox = sandbox;
  skill.wants_network = network;
  return skill;
}

TEST(SandboxRulesTest, StandardIsTheDefaultAndNothingIsWeaker) {
  const SandboxRules rules;
  EXPECT_EQ(rules.profile, standard);
  EXPECT_EQ(rules.weakest, standard);
  EXPECT_FALSE(rules.allow_network);
}

TEST(SandboxRulesTest, TheNamesAreThoseOfTheProfiles) {
  EXPECT_EQ(SandboxRules::from_names("strict", "strict", false)->weakest, strict);
  EXPECT_EQ(SandboxRules::from_names("strict", "none", false)->weakest, none);
}

TEST(SandboxRulesTest, AWeakestThatIsStrongerIsRefused) {
  const auto rules = SandboxRules::from_names("none", "strict", false);
  ASSERT_FALSE(rules);
  EXPECT_EQ(rules.error().code, ErrorCode::invalid_config);
  EXPECT_THAT(rules.error().detail, HasSubstr("sandbox-weakest"));
}

TEST(SandboxRulesTest, UnknownNamesAreRefused) {
  for (const char* name : {"", "STANDARD", "standard ", "jail"}) {
    EXPECT_FALSE(SandboxRules::from_names(name, "none", false)) << name;
  }
  EXPECT_FALSE(SandboxRules::from_names("standard", "jail", false));
}

TEST(EffectiveProfileTest, ASkillThatAsksForNothingGetsTheServersProfile) {
  for (const SandboxProfile profile : {none, standard, strict}) {
    const auto effective = effective_profile(skill_that_wants(""), {.profile = profile, .weakest = profile});
    ASSERT_TRUE(effective) << effective.error();
    EXPECT_EQ(effective->profile, profile);
  }
}

TEST(EffectiveProfileTest, ASkillMayTightenFreely) {
  EXPECT_EQ(effective_profile(skill_that_wants("strict"), {})->profile, strict);
  EXPECT_EQ(effective_profile(skill_that_wants("standard"), {.profile = none, .weakest = none})->profile, standard);
}

TEST(EffectiveProfileTest, ASkillMayWidenAsFarAsTheServerAllows) {
  EXPECT_EQ(effective_profile(skill_that_wants("none"), {.profile = strict, .weakest = none})->profile, none);
  const auto refused = effective_profile(skill_that_wants("none"), {.profile = strict, .weakest = standard});
  ASSERT_FALSE(refused);
  EXPECT_EQ(refused.error().code, ErrorCode::not_allowed);
  EXPECT_THAT(refused.error().detail, HasSubstr("sandbox none"));
  EXPECT_THAT(refused.error().detail, HasSubstr("sandbox-weakest"));
}

TEST(EffectiveProfileTest, AnUnknownWishIsNotTakenForANumber) {
  EXPECT_EQ(effective_profile(skill_that_wants("Strict"), {}).error().code, ErrorCode::not_allowed);
}

TEST(EffectiveProfileTest, TheNetworkNeedsTheSkillAndTheServer) {
  EXPECT_TRUE(effective_profile(skill_that_wants("", true), {.allow_network = true})->network);
  EXPECT_FALSE(effective_profile(skill_that_wants("", false), {.allow_network = true})->network);
  const auto denied = effective_profile(skill_that_wants("", true), {.allow_network = false});
  EXPECT_FALSE(denied->network);
  EXPECT_THAT(denied->warning, HasSubstr("allow-network"));
}

class ProgramPathsTest : public ::testing::Test {
 protected:
  std::string program(const std::string& name) {
    files_.write(name, "");
    return (files_ / name).native();
  }
  testing::SkillTree files_;
};

TEST_F(ProgramPathsTest, TheSystemsProgramsNeedNothing) {
  EXPECT_THAT(paths_of_program("/bin/sh"), IsEmpty());
  EXPECT_THAT(paths_of_program("/usr/bin/python3"), IsEmpty());
}

TEST_F(ProgramPathsTest, AnInterpreterNeedsItsPrefix) {
  files_.write("python/lib/python3.12/os.py", "");
  EXPECT_THAT(paths_of_program(program("python/bin/python3")), ElementsAre((files_ / "python").native()));
}

TEST_F(ProgramPathsTest, AVirtualEnvironmentNeedsItsOwnAndThatOfItsPython) {
  files_.write("python/lib/python3.12/os.py", "");
  const std::string python = program("python/bin/python3");
  files_.write("venv/pyvenv.cfg", "");
  std::filesystem::create_directories(files_ / "venv/bin");
  std::filesystem::create_symlink(python, files_ / "venv/bin/python");
  EXPECT_THAT(paths_of_program((files_ / "venv/bin/python").native()),
              ElementsAre((files_ / "venv").native(), (files_ / "python").native()));
}

TEST_F(ProgramPathsTest, AHomeFolderWithProgramsInItIsNoPrefix) {
  const std::string tool = program("home/user/bin/tool");
  EXPECT_THAT(paths_of_program(tool), ElementsAre(tool));
}

}  // namespace
}  // namespace skillscale
