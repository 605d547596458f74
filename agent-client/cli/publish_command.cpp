// skillscale publish TOPIC [TEXT] ...
#include <poll.h>

#include <csignal>
#include <memory>
#include <optional>
#include <utility>

#include "agent-client/command_text.h"
#include "base/bounded_queue.h"
#include "base/limits.h"
#include "commands.h"
#include "connection_options.h"
#include "console.h"
#include "live_view.h"
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
    "With --stream the result is shown as it comes, with the skill's standard error, its progress and its files on\n"
    "standard error; with --json too, each event is one line of JSON before the reply.\n"
    "\n"
    "Examples:\n"
    "  skillscale publish TOPIC_DATA_PROCESSING \"Summarise: Once upon a time there was a fox. It slept.\"\n"
    "  skillscale publish TOPIC_DATA_PROCESSING --skill text-summarizer --file README.md\n"
    "  printf 'name,age\\nAda,36\\n' | skillscale publish TOPIC_DATA_PROCESSING --skill csv-analyzer -\n"
    "  skillscale publish TOPIC_CODE_ANALYSIS --skill code-complexity --file main.py --timeout 10 --json\n"
    "  skillscale publish TOPIC_DOCUMENT_PROCESSING --skill archive-tool --script scripts/unpack.py --arg a.zip --arg "
    "out\n"
    "      --attach a.zip --collect 'out/**' --out .\n"
    "  skillscale publish TOPIC_DATA_PROCESSING --skill csv-analyzer --file big.csv --priority 9 --idempotent\n"
    "  skillscale publish TOPIC_DATA_PROCESSING --skill csv-analyzer --file big.csv --stream\n"
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
  for (const std::string& warning : reply.warnings) write_note("warning: " + warning);
  for (const agent::Artifact& artifact : reply.artifacts) {
    write_note("artifact: " + artifact.path + ", " + std::to_string(artifact.content.size()) + " bytes");
  }
  if (!reply.success) {
    write_error(agent::failure_text(reply, proxies));
  } else if (output_is_terminal()) {
    write_note("[" + agent::summary_line(reply) + "]");
  }
  return written;
}

// Events on their way from the client's I/O thread, which must never wait for whoever reads our output.
class EventInbox {
 public:
  void put(const agent::Event& event) {
    Item item{.event = event, .after_gap = lost_};
    lost_ = !events_.try_push(item);
    wakeup_.notify();
  }
  struct Item {
    agent::Event event;
    bool after_gap = false;  // There were others before it that did not fit.
  };
  std::optional<Item> take() { return events_.try_pop(); }
  Wakeup& wakeup() noexcept { return wakeup_; }

 private:
  static constexpr std::size_t kEventsMax = 4096;
  BoundedQueue<Item> events_{kEventsMax};
  Wakeup wakeup_;
  bool lost_ = false;  // Belongs to the I/O thread.
};

// False when nobody reads what is shown.
bool show_events(EventInbox& inbox, LiveView& view) {
  while (const auto item = inbox.take()) {
    if (item->after_gap) view.lost();
    if (!view.show(item->event)) return false;
  }
  return true;
}

bool stream_and_show(agent::Client& client, const std::vector<agent::Proxy>& proxies, agent::Request request, bool json,
                     Shutdown& shutdown, agent::PendingReply& pending) {
  // Shared with the callbacks, which may still be running when the reply is seen here.
  const auto inbox = std::make_shared<EventInbox>();
  pending = client.publish(
      std::move(request.topic), std::move(request.intent), std::move(request.options),
      [inbox](const agent::Reply&) { inbox->wakeup().notify(); },
      [inbox](const agent::Event& event) { inbox->put(event); });
  LiveView view(json);
  pollfd waits[] = {{inbox->wakeup().fd(), POLLIN, 0}, {shutdown.fd(), POLLIN, 0}};
  bool written = true;
  while (!pending.ready()) {
    ::poll(waits, std::size(waits), -1);  // Ends at the latest with the request's own timeout.
    inbox->wakeup().clear();
    if (shutdown.take_signal()) pending.cancel();
    if (!written || show_events(*inbox, view)) continue;
    written = false;
    pending.cancel();
  }
  written = written && show_events(*inbox, view);
  return view.finish(pending.get(), proxies) && written;
}

bool save(const agent::Reply& reply, const std::string& folder) {
  std::vector<OutFile> files;
  for (const agent::Artifact& artifact : reply.artifacts) files.push_back({artifact.path, artifact.content});
  auto written = write_artifacts(folder, files);
  if (!written) write_error(written.error().detail);
  return static_cast<bool>(written);
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
  return publish_and_show(agent, proxies, std::move(*request), options, shutdown);
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
  add_run_options(command, options.run, "--attach");
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
  command.add_flag("--stream", options.stream, "Show output, progress and files while the skill runs");
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
  auto inputs = read_run_inputs(options.run);
  if (!inputs) return std::move(inputs).error();
  request.options.script = options.run.script;
  request.options.args = options.run.args;
  request.options.input_json = std::move(inputs->input_json);
  for (auto& [path, content] : inputs->files) {
    request.options.files.push_back({std::move(path), std::move(content)});
  }
  request.options.collect = options.run.collect;
  request.options.env = std::move(inputs->env);
  request.options.timeout = to_milliseconds(options.timeout_seconds);
  if (options.deadline_seconds) {
    request.options.deadline = std::chrono::system_clock::now() + to_milliseconds(*options.deadline_seconds);
  }
  request.options.priority = options.priority;
  request.options.idempotent = options.idempotent;
  request.options.idempotency_key = options.idempotency_key;
  request.options.stream = options.stream;
  return request;
}

int publish_and_show(agent::Client& client, const std::vector<agent::Proxy>& proxies, agent::Request request,
                     const PublishOptions& options, Shutdown& shutdown) {
  agent::PendingReply pending;
  bool written = false;
  const bool streams = request.options.stream;
  if (streams) {
    written = stream_and_show(client, proxies, std::move(request), options.json, shutdown, pending);
  } else {
    // Shared with the callback, which may still be running when the reply is seen here.
    const auto answered = std::make_shared<Wakeup>();
    pending = client.publish(std::move(request.topic), std::move(request.intent), std::move(request.options),
                             [answered](const agent::Reply&) { answered->notify(); });
    wait_for_reply(pending, *answered, shutdown);
    written = show(pending.get(), proxies, options.json);
  }
  const agent::Reply& reply = pending.get();
  if (!options.run.out.empty() && !save(reply, options.run.out)) return agent::kExitSkillFailed;
  if (written || (!reply.success && !streams)) return agent::exit_status(reply);
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
