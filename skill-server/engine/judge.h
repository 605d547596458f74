// What the end of a run means.
#pragma once

#include <string>
#include <string_view>
#include <vector>

#include "engine/run_plan.h"
#include "os/supervised_run.h"
#include "protocol/reply.h"

namespace skillscale {

// Makes it an error, with nothing else changed.
void fail(Reply& reply, ErrorCode code, std::string error);

// Everything of the reply that the process alone decides.
Reply judge_run(RunOutcome outcome, const RunBounds& bounds);

// Takes over what a function has returned: the JSON that our shim wrote on the result
// descriptor. The paths that it names as artifacts. Error internal: it is not that JSON.
Result<std::vector<std::string>> take_result(std::string_view json, Reply& reply);

}  // namespace skillscale
