// What a run may use, as those who enforce it want to be told.
#pragma once

#include <chrono>
#include <string>

#include "engine/run_plan.h"
#include "os/confinement.h"
#include "os/supervised_run.h"

namespace skillscale {

// What its supervision sees to.
RunLimits limits_for(const RunBounds& bounds, std::chrono::milliseconds kill_grace, const std::string& folder);

// What the kernel itself sees to.
ResourceLimits resource_limits(const RunMaxima& maxima);

}  // namespace skillscale
