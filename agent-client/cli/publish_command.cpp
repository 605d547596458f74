// skillscale publish TOPIC [TEXT] ...
#include <poll.h>

#include <csignal>
#include <memory>
#include <utility>

#include "agent-client/command_text.h"
#include "base/limits.h"
#include "commands.h"
#include "connection_options.h"
#include "console.h"
#include "os/wakeup.h"
#include "publish.h"

namespace skillscale::cli {
namespace {

constexpr const char* kFooter =
    "TEXT says what to do; with --skill it may be left out. Data is what the skill reads: --data, --file, or - for\n"
    "standard input. Without data the skill reads TEXT.\n"
    "\n"
    "The result goes to standard output as the skill printed it (on a terminal control characters are written out), "
    "and\n"
    "everything else to standard error. With --json standard output is the whole reply as one line of JSON.\n"
    "\n"
    "Examples:\n"
    "  skillscale publish TOPIC_DATA_PROCESSING \"Summarise: Once upon a time there was a fox. It slept.\"\n"
    "  skillscale publish TOPIC_DATA_PROCESSING --skill text-summarizer --file README.md\n"
    "  printf 'name,age\\nAda,36\\n' | skillscale publish TOPIC_DATA_PROCESSING --skill csv-analyzer -\n"
    "  skillscale publish TOPIC_CODE_ANALYSIS --skill code-complexity --file main.py --timeout 10 --json\n"
    "  skillscale publish TOPIC_DATA_PROCESSING --skill csv-analyzer --file big.csv --priority 9 --idempotent\n"
    "\n";

// Waits for the reply, or a signal: then the request is cancelled.
void wait_for_reply(const agent::PendingReply& pending, Wakeup& answered, Shutdown& shutdown) {
  pollfd waits[] = {{answered.fd(), POLLIN, 0}, {shutdown.fd(), POLLIN, 0}};
  while (!pending.ready()) {
    ::poll(waits, std::size(waits), -1);  // Ends at the latest with the request's own timeout.
    if (shutdown.take_signal()) pending.cancel();
    answered.clear();
  }
}

bool show(const agent::Reply& reply, const std::vector<agent::Proxy>& proxies, bool json) {
  if (json) return output_is_terminal() ? write_for_reader(reply.json) : write_output(reply.json + "\n");
  const bool written = write_for_reader(reply.content);
  if (!reply.success) {
    write_error(agent::failure_text(reply, proxies));
  } else if (output_is_terminal()) {
    write_note("[" + agent::summary_line(reply) + "]");
  }
  return written;
}

int run_publish(const ConnectionOptions& connection, const PublishOptions& options) {
  auto client = client_options(connection);
  if (!client) {
    write_error(client.error().detail);
    return agent::kExitUsage;
  }
  auto request = make_request(options);
  if (!request) {
    write_error(request.error().detail);
    return agent::kExitUsage;
  }
  auto shutdown = Shutdown::on_signals({SIGINT, SIGTERM});
  const auto proxies = client->proxies;
  agent::Client agent(std::move(*client));
  return publish_and_show(agent, proxies, std::move(*request), options.json, shutdown);
}

}  // namespace

void add_publish_options(CLI::App& command, PublishOptions& options) {
  command.add_option("topic", options.topic, "The topic that skill servers serve, as TOPIC_DATA_PROCESSING")
      ->required();
  command.add_option("text", options.words, "What to do, in words; - at the end: read the data from standard input")
      ->type_name("TEXT");
  command.add_option("--skill", options.skill, "The skill to run; without it the text is matched against the skills")
      ->type_name("NAME");
  auto* data = command.add_option("--data", options.data, "The data itself")->type_name("TEXT");
  auto* file = command.add_option("--file", options.file, "A file with the data, at most 15 MiB of UTF-8 text");
  file->type_name("FILE")->excludes(data);
  command.add_option("--timeout", options.timeout_seconds, "Seconds to wait for the answer (60); then it is cancelled")
      ->type_name("SECONDS")
      ->check(seconds_range());
  command.add_option("--deadline", options.deadline_seconds, "Seconds from now after which it must not be started")
      ->type_name("SECONDS")
      ->check(seconds_range());
  command.add_option("--priority", options.priority, "0 to 9; 9 goes first where intents have to wait (5)")
      ->type_name("N")
      ->check(CLI::Range(0, limits::kPriorityMax));
  command.add_flag("--idempotent", options.idempotent, "It may run again if its server dies in the middle");
  command
      .add_option("--idempotency-key", options.idempotency_key,
                  "A repeat with the same key joins the run or gets its stored answer")
      ->type_name("KEY");
  command.add_flag("--json", options.json, "Print the whole reply as JSON");
}

Result<agent::Request> make_request(const PublishOptions& options) {
  const auto wrong = [](std::string detail) { return Error{ErrorCode::invalid_request, std::move(detail)}; };
  agent::Request request{options.topic, {}, {}};
  std::vector<std::string> words = options.words;
  const bool from_standard_input = !words.empty() && words.back() == "-";
  if (from_standard_input) words.pop_back();
  for (const std::string& word : words) request.intent += (request.intent.empty() ? "" : " ") + word;

  request.options.data = options.data;
  if (from_standard_input && (options.data || !options.file.empty())) {
    return wrong("data comes from - (standard input) and from --data or --file; give one of them");
  }
  if (from_standard_input || !options.file.empty()) {
    auto input = read_input(from_standard_input ? "-" : options.file);
    if (!input) return input.error();
    request.options.data = std::move(*input);
  }
  if (words.empty() && !request.options.data && options.skill.empty()) {
    return wrong("nothing to publish; give a TEXT, --skill, or data (--data, --file, -)");
  }
  request.options.skill = options.skill;
  request.options.timeout = to_milliseconds(options.timeout_seconds);
  if (options.deadline_seconds) {
    request.options.deadline = std::chrono::system_clock::now() + to_milliseconds(*options.deadline_seconds);
  }
  request.options.priority = options.priority;
  request.options.idempotent = options.idempotent;
  request.options.idempotency_key = options.idempotency_key;
  return request;
}

int publish_and_show(agent::Client& client, const std::vector<agent::Proxy>& proxies, agent::Request request, bool json,
                     Shutdown& shutdown) {
  // Shared with the callback, which may still be running when the reply is seen here.
  const auto answered = std::make_shared<Wakeup>();
  const auto pending = client.publish(std::move(request.topic), std::move(request.intent), std::move(request.options),
                                      [answered](const agent::Reply&) { answered->notify(); });
  wait_for_reply(pending, *answered, shutdown);
  const agent::Reply& reply = pending.get();
  const bool written = show(reply, proxies, json);
  if (written || !reply.success) return agent::exit_status(reply);
  write_error("cannot write to standard output");
  return agent::kExitSkillFailed;
}

void add_publish(CLI::App& app, int& status) {
  // Owned by the callback: CLI11 fills them in and calls it.
  auto options = std::make_shared<PublishOptions>();
  auto connection = std::make_shared<ConnectionOptions>();
  auto* command = app.add_subcommand("publish", "Publish an intent, wait for the answer and print it");
  add_publish_options(*command, *options);
  add_connection_options(*command, *connection);
  command->footer(std::string(kFooter) + std::string(agent::exit_status_help()));
  command->callback([options, connection, &status] { status = run_publish(*connection, *options); });
}

}  // namespace skillscale::cli
