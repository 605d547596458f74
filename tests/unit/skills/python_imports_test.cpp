#include "skills/python_imports.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <string>
#include <vector>

#include "skills/skill_loader.h"
#include "support/skill_tree.h"

namespace skillscale {
namespace {

using ::testing::ElementsAre;
using ::testing::IsEmpty;
using ::testing::Pair;
using testing::SkillTree;
using testing::system_interpreters;

TEST(ImportsInTest, TheUsualFormsAreFound) {
  EXPECT_THAT(imports_in("import os\nimport a.b as c, numpy as np ,pandas\nfrom PIL.Image import open\n"),
              ElementsAre("PIL", "a", "numpy", "os", "pandas"));
  EXPECT_THAT(imports_in("import yaml  # for later\r\nimport json;import x\r\n"), ElementsAre("json", "yaml"));
}

TEST(ImportsInTest, WhatIsNoImportOfAModuleIsNot) {
  EXPECT_THAT(imports_in("from . import a\nfrom .b import c\nfrom __future__ import annotations\n"
                         "important = 1\nfrom_here = 2\n  import indented\n# import commented\n"),
              IsEmpty());
  EXPECT_THAT(
      imports_in("\"\"\"Text.\nimport words\n\"\"\"\nimport json\n'''x'''\nimport re\n'''\nfrom a import b\n'''\n"),
      ElementsAre("json", "re"));
}

TEST(ImportsInTest, AnyBytesAreFine) {
  EXPECT_THAT(imports_in(""), IsEmpty());
  EXPECT_THAT(imports_in("import"), IsEmpty());
  EXPECT_THAT(imports_in("import ,,,\nfrom  import x\nimport \xff\xfe\n"), ElementsAre("\xff\xfe"));
  std::string many;
  for (int i = 0; i < 100000; ++i) many += "import m" + std::to_string(i) + "\n";
  EXPECT_LE(imports_in(many).size(), 501U);
}

TEST(MissingModulesTest, EachFileIsToldWhatItLacks) {
  const SkillTree tree;
  tree.add_skill("a");
  tree.write("a/scripts/good.py", "import json, helper, skillscale\nfrom lib import x\nimport os.path\n");
  tree.write("a/scripts/helper.py", "import no_such_module_1\n");
  tree.write("a/lib/__init__.py", "");
  tree.write("a/scripts/bad.py", "import no_such_module_2.part\nimport no_such_module_1\nimport sys\n");
  tree.write("a/scripts/other.sh", "import no_such_module_3\n");
  const auto loaded = load_skills(tree.root(), system_interpreters(), Strictness::lenient);
  ASSERT_TRUE(loaded);
  const auto missing = missing_modules(*loaded.value().skills.at(0));
  ASSERT_TRUE(missing) << missing.error();
  EXPECT_THAT(missing.value(), ElementsAre(Pair("scripts/bad.py", ElementsAre("no_such_module_1", "no_such_module_2")),
                                           Pair("scripts/helper.py", ElementsAre("no_such_module_1"))));
}

TEST(MissingModulesTest, AFunctionsFileCountsWhereverItIs) {
  const SkillTree tree;
  tree.write("a/Skilletfile.yaml", "name: a\ndescription: d\nentry: main:handler\n");
  tree.write("a/main.py", "import no_such_module\n");
  const auto loaded = load_skills(tree.root(), system_interpreters(), Strictness::lenient);
  ASSERT_TRUE(loaded);
  const auto missing = missing_modules(*loaded.value().skills.at(0));
  ASSERT_TRUE(missing) << missing.error();
  EXPECT_THAT(missing.value(), ElementsAre(Pair("main.py", ElementsAre("no_such_module"))));
}

TEST(MissingModulesTest, AnInterpreterThatCannotBeAskedIsAnError) {
  Skill skill;
  const SkillTree tree;
  tree.write("scripts/a.py", "import json\n");
  skill.folder = tree.root();
  skill.scripts.push_back({"scripts/a.py", Runnable{"/no/such/python3", {"/no/such/python3"}}, {}});
  EXPECT_FALSE(missing_modules(skill));
}

}  // namespace
}  // namespace skillscale
