// Publishing one intent and showing its reply: `skillscale publish`, and `pub` of the shell.
#pragma once

#include <CLI/CLI.hpp>
#include <optional>
#include <string>
#include <vector>

#include "base/result.h"
#include "os/shutdown.h"
#include "run_options.h"
#include "skillscale/agent_client.h"

namespace skillscale::cli {

struct PublishOptions {
  std::string topic;
  std::vector<std::string> words;  // The text; a last "-" stands for data on standard input.
  std::string skill;
  std::optional<std::string> data;
  std::string file;
  double timeout_seconds = 60;
  std::optional<double> deadline_seconds;
  int priority = 5;
  bool idempotent = false;
  std::string idempotency_key;
  bool json = false;
  bool stream = false;
  RunOptions run;
};

void add_publish_options(CLI::App& command, PublishOptions& options);

// Reads the data. Error says which option is wrong, or which file cannot be read.
Result<agent::Request> make_request(const PublishOptions& options);

// Publishes, waits, shows; with `stream` in its options also what comes before the reply. A signal cancels the intent.
// The exit status.
int publish_and_show(agent::Client& client, const std::vector<agent::Proxy>& proxies, agent::Request request,
                     const PublishOptions& options, Shutdown& shutdown);

}  // namespace skillscale::cli
