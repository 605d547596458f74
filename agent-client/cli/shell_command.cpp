// skillscale shell
#include <algorithm>
#include <clocale>
#include <cmath>
#include <csignal>
#include <memory>
#include <nlohmann/json.hpp>
#include <string>
#include <utility>
#include <vector>

#include "agent-client/command_text.h"
#include "commands.h"
#include "connection_options.h"
#include "console.h"
#include "http_get.h"
#include "line_reader.h"
#include "publish.h"
#include "skills.h"
#include "table.h"

namespace skillscale::cli {
namespace {

using Json = nlohmann::json;

constexpr const char* kHelp =
    "  pub TOPIC [TEXT] [options]  publish an intent and print the answer; Ctrl-C cancels it\n"
    "  topics                      the topics that the proxy knows, with their load\n"
    "  skills [DIR]                the skills of a folder\n"
    "  help                        this text; pub --help has the options of pub\n"
    "  quit                        the end (also Ctrl-D)\n";

constexpr const char* kFooter =
    "Commands of the shell:\n"
    "  pub TOPIC [TEXT] [options]  publish an intent and print the answer; Ctrl-C cancels it\n"
    "  topics                      the topics that the proxy knows, with their load\n"
    "  skills [DIR]                the skills of a folder\n"
    "  help, quit\n"
    "\n"
    "On a terminal lines can be edited and recalled with the arrow keys; nothing is saved. From a pipe the lines are\n"
    "run one after the other, and the exit status is the one of the first that failed.\n"
    "\n"
    "Examples:\n"
    "  skillscale shell\n"
    "  echo 'pub TOPIC_DATA_PROCESSING \"Summarise: One. Two.\" --timeout 5' | skillscale shell\n"
    "  skillscale shell --admin http://proxy:9100 --proxy tcp://proxy:5444,tcp://proxy:5555\n"
    "\n";

struct ShellOptions {
  ConnectionOptions connection;
  std::string admin = "http://127.0.0.1:9100";
};

std::string cell(const Json& entry, const char* key) {
  const auto value = entry.find(key);
  if (value == entry.end() || *value == Json("")) return "-";
  if (value->is_number_float()) return std::to_string(std::llround(value->get<double>()));
  return value->is_string() ? value->get<std::string>() : value->dump(-1, ' ', false, Json::error_handler_t::replace);
}

class Shell {
 public:
  Shell(agent::ClientOptions client_options, std::string admin)
      : shutdown_(Shutdown::on_signals({SIGINT, SIGTERM})),
        proxies_(client_options.proxies),
        admin_(std::move(admin)),
        client_(std::move(client_options)),
        reader_("skillscale> ", shutdown_) {}

  // Until `quit` or the end of the input. The exit status of the first line that failed.
  int run();

 private:
  int run_line(const std::string& line);
  int run_publish(std::vector<std::string> words);
  int show_topics();

  Shutdown shutdown_;  // First: the signals are blocked before any thread starts.
  const std::vector<agent::Proxy> proxies_;
  const std::string admin_;
  agent::Client client_;
  LineReader reader_;
  bool quit_ = false;
};

int Shell::run() {
  const bool interactive = reader_.interactive();
  if (interactive) write_note("Type help for the commands, quit to leave.");
  int first_failure = agent::kExitSuccess;
  std::string line;
  while (!quit_) {
    const auto outcome = reader_.read(line);
    if (outcome == LineReader::Outcome::end) break;
    const bool interrupted = outcome == LineReader::Outcome::interrupted;
    const int status = interrupted ? agent::kExitInterrupted : run_line(line);
    // A person has seen each failure and goes on; a script ends at Ctrl-C and reports.
    if (interactive) continue;
    if (first_failure == agent::kExitSuccess) first_failure = status;
    if (status == agent::kExitInterrupted) break;
  }
  return first_failure;
}

int Shell::run_line(const std::string& line) {
  auto words = agent::split_line(line);
  if (!words) {
    write_error(words.error().detail);
    return agent::kExitUsage;
  }
  if (words->empty() || words->front().starts_with('#')) return agent::kExitSuccess;
  const std::string command = words->front();
  words->erase(words->begin());
  if (command == "pub") return run_publish(std::move(*words));
  if (command == "topics") return show_topics();
  if (command == "skills") return list_skills(words->empty() ? default_skills_folder() : words->front(), false);
  if (command == "help") return write_for_reader(kHelp) ? agent::kExitSuccess : agent::kExitSkillFailed;
  quit_ = command == "quit" || command == "exit";
  if (quit_) return agent::kExitSuccess;
  write_error("\"" + command + "\" is not a command; help lists them");
  return agent::kExitUsage;
}

int Shell::run_publish(std::vector<std::string> words) {
  CLI::App parser{"Publish an intent, wait for the answer and print it", "pub"};
  PublishOptions options;
  add_publish_options(parser, options);
  try {
    std::ranges::reverse(words);  // As CLI11 wants them.
    parser.parse(std::move(words));
  } catch (const CLI::ParseError& error) {
    return parser.exit(error) == 0 ? agent::kExitSuccess : agent::kExitUsage;
  }
  if (!options.words.empty() && options.words.back() == "-") {
    write_error("in the shell data cannot come from -; use --data or --file");
    return agent::kExitUsage;
  }
  auto request = make_request(options);
  if (!request) {
    write_error(request.error().detail);
    return agent::kExitUsage;
  }
  return publish_and_show(client_, proxies_, std::move(*request), options, shutdown_);
}

int Shell::show_topics() {
  const auto body = http_get(admin_, "/v1/topics");
  if (!body) {
    write_error(body.error().detail);
    return body.error().code == ErrorCode::invalid_config ? agent::kExitUsage : agent::kExitUnreachable;
  }
  const Json json = Json::parse(body.value(), nullptr, false);
  if (!json.is_object() || !json.contains("topics") || !json["topics"].is_array()) {
    write_error(admin_ + "/v1/topics did not answer with a list of topics; is it a proxy's HTTP port?");
    return agent::kExitUnreachable;
  }
  std::vector<std::vector<std::string>> rows = {
      {"TOPIC", "GROUP", "MEMBERS", "CREDITS", "PENDING", "INFLIGHT", "OLDEST MS"}};
  for (const Json& entry : json["topics"]) {
    if (!entry.is_object()) continue;
    rows.push_back({cell(entry, "topic"), cell(entry, "group"), cell(entry, "members"), cell(entry, "credits"),
                    cell(entry, "pending"), cell(entry, "inflight"), cell(entry, "oldest_ms")});
  }
  write_for_reader(rows.size() > 1 ? table_text(rows, terminal_width()) : "the proxy knows no topic yet\n");
  return agent::kExitSuccess;
}

int run_shell(const ShellOptions& options) {
  auto client = client_options(options.connection);
  if (!client) {
    write_error(client.error().detail);
    return agent::kExitUsage;
  }
  std::setlocale(LC_CTYPE, "");  // For the line editor.
  return Shell(std::move(*client), options.admin).run();
}

}  // namespace

void add_shell(CLI::App& app, int& status) {
  // Owned by the callback: CLI11 fills them in and calls it.
  auto options = std::make_shared<ShellOptions>();
  auto* command = app.add_subcommand("shell", "Publish and look around interactively");
  add_connection_options(*command, options->connection);
  command->add_option("--admin", options->admin, "The proxy's HTTP address, for topics (http://127.0.0.1:9100)")
      ->type_name("URL");
  command->footer(std::string(kFooter) + std::string(agent::exit_status_help()));
  command->callback([options, &status] { status = run_shell(*options); });
}

}  // namespace skillscale::cli
