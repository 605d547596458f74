// What the `skillscale` command understands and says, apart from doing it. Pure.
#pragma once

#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "base/result.h"
#include "skillscale/agent_client.h"

namespace skillscale::agent {

enum ExitStatus : int {
  kExitSuccess = 0,
  kExitSkillFailed = 1,
  kExitUsage = 2,
  kExitNoAnswer = 3,
  kExitUnreachable = 4,
  kExitInterrupted = 130,  // As a shell reports a command that ended by SIGINT.
};

ExitStatus exit_status(const Reply& reply);

// One table for every --help.
std::string_view exit_status_help() noexcept;

// The proxies to use: the flags `PUBLISH,SUBSCRIBE`, each one proxy; without
// flags the two variables, each a comma list, with the default for one that is
// not set; without these the default. Error invalid_config says what is wrong where.
Result<std::vector<Proxy>> choose_proxies(const std::vector<std::string>& flags,
                                          const std::optional<std::string>& xsub_variable,
                                          const std::optional<std::string>& xpub_variable);

// "text-summarizer 1.2, 143 ms, server 4f2a, attempt 2".
std::string summary_line(const Reply& reply);

// Why there is no result, and what to do about it; several lines, for a terminal.
std::string failure_text(const Reply& reply, const std::vector<Proxy>& proxies);

// A line of the shell as words; '...' and "..." at the beginning of a word keep blanks together.
// Error invalid_request when the closing quote is missing.
Result<std::vector<std::string>> split_line(std::string_view line);

}  // namespace skillscale::agent
