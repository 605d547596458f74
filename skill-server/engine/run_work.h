// What is to be run.
#pragma once

#include <string>

#include "protocol/intent.h"
#include "skills/skill.h"

namespace skillscale {

// What one execution needs; handed to a worker as a whole.
struct RunWork {
  Intent intent;
  std::string topic;
  SkillPtr skill;
};

}  // namespace skillscale
