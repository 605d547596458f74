// The skills that a topic's servers have now: `skillscale skills list|show|read --live TOPIC`.
#pragma once

#include <CLI/CLI.hpp>
#include <memory>
#include <string>

#include "connection_options.h"
#include "skillscale/agent_client.h"

namespace skillscale::cli {

struct LiveOptions {
  std::string topic;  // Empty: not live.
  ConnectionOptions connection;
  double timeout_seconds = 10;
};

// --live TOPIC and the options of a connection. `options` is filled when the command is parsed.
void add_live_options(CLI::App& command, LiveOptions& options);

// Asks one server of the topic and prints what it says. The exit status.
int ask_live(const LiveOptions& options, agent::CatalogQuestion question, bool json);

// `skillscale skills read --live TOPIC NAME PATH`.
void add_skills_read(CLI::App& skills, int& status);

}  // namespace skillscale::cli
