// The agent's side of SkillScale: publish intents, receive what the skills answer.
//
//   skillscale::agent::Client client;  // Proxy at 127.0.0.1:5444 and :5555.
//   auto pending = client.publish("TOPIC_DATA_PROCESSING", "Summarise this.", {.skill = "text-summarizer"});
//   const skillscale::agent::Reply& reply = pending.get();
//   std::cout << (reply.success ? reply.content : reply.error) << '\n';
//
// Every request ends in exactly one Reply, whatever happens: the final reply of
// a skill server or proxy, or one that the client makes itself when it gives up
// (`from_client`). Nothing here throws but the constructor of Client, and what
// the standard library throws when memory is short.
//
// Threads. All functions of Client and PendingReply may be called from any
// thread at any time, except that a Client must outlive the calls on it. The
// client owns one I/O thread, which owns its sockets; it blocks all signals.
// docs/agent-client.md is the guide.
#pragma once

#include <chrono>
#include <cstddef>
#include <cstdint>
#include <functional>
#include <memory>
#include <optional>
#include <string>
#include <utility>
#include <vector>

namespace skillscale::agent {

// One proxy: where it takes intents and where it gives out replies. Forms:
// "tcp://host:port", "ipc://path".
struct Proxy {
  std::string publish_endpoint = "tcp://127.0.0.1:5444";    // Its XSUB socket.
  std::string subscribe_endpoint = "tcp://127.0.0.1:5555";  // Its XPUB socket.

  bool operator==(const Proxy&) const = default;
};

// Where callbacks are called.
enum class CallbackThread : std::uint8_t {
  io,      // On the client's I/O thread, as replies arrive. A callback must return soon and must not wait for a reply.
  caller,  // On the threads that call Client::respond().
};

struct ClientOptions {
  // At least one. Intents go to the first that is connected; when it is lost,
  // what is unanswered is sent again through the next.
  std::vector<Proxy> proxies = {Proxy{}};
  // The reply topic is AGENT_REPLY_<agent_id>. Letters, digits and `._:-`, at most 116 bytes, unique among all
  // agents. Empty: 32 random hex digits. A set id lets an agent that was restarted receive what is still running.
  std::string agent_id{};
  // An intent that no proxy could take for this long ends with `unreachable`. 1 ms .. 7 days.
  std::chrono::milliseconds connect_timeout{5'000};
  // How long to wait for the final reply, where IntentOptions::timeout is not set. 1 ms .. 7 days.
  std::chrono::milliseconds default_timeout{60'000};
  CallbackThread callbacks = CallbackThread::io;
  // Requests without a reply, and callbacks not yet called, at one time: past it publish() ends with
  // `overloaded`. 1 .. 100,000. Together they may hold 512 MiB of intents.
  std::size_t pending_max = 100'000;
};

// A file for the run's folder.
struct InputFile {
  std::string path{};     // Relative to the folder.
  std::string content{};  // Any bytes.
};

// A file that a run has left, and that IntentOptions::collect asked for.
struct Artifact {
  std::string path;  // Relative to the run's folder; check it before it becomes a path of yours.
  std::string mime;
  std::string sha256;  // Of the content, 64 hex digits.
  std::string content;
};

struct IntentOptions {
  std::string skill{};          // Empty: the skill server matches the text against its skills.
  std::string skill_version{};  // Empty: any. Needs `skill`.
  // What the script reads on standard input. Not set: the intent's text.
  std::optional<std::string> data{};
  std::string script{};                // A script of the skill; empty: its default.
  std::vector<std::string> args{};     // The script's arguments.
  std::string input_json{};            // Structured input, as JSON text. Empty: none.
  std::vector<InputFile> files{};      // At most 1024.
  std::vector<std::string> collect{};  // Patterns of files to return, as "out/**".
  // Credentials and settings: only names that the skill declares. They go to the run and nowhere else.
  std::vector<std::pair<std::string, std::string>> env{};
  // How long to wait for the final reply; then the request ends with `no_answer` and is cancelled. 1 ms .. 7 days.
  std::optional<std::chrono::milliseconds> timeout{};
  // How long the run itself may take, at most the server's own maximum. Not set: the skill's or server's default.
  std::optional<std::chrono::milliseconds> run_timeout{};
  // An intent that has not been started by then never is: it ends with `expired`.
  std::optional<std::chrono::system_clock::time_point> deadline{};
  int priority = 5;         // 0 .. 9; 9 is dispatched first where intents have to wait.
  bool idempotent = false;  // May run again when its server dies in the middle; else that is `worker_lost`.
  // At most 128 bytes. A repeat with the same key and the same content joins the run or gets its stored reply.
  std::string idempotency_key{};
  bool stream = false;        // Events come while it runs; implied by an OnEvent.
  std::string traceparent{};  // W3C trace context, passed on.
  std::string request_id{};   // 1 .. 128 bytes, unique per agent. Empty: 32 random hex digits.
};

// Text for people and plain skills, or the text of a JSON object for skills that
// take one. `topic` is the name that skill servers serve, as TOPIC_CODE_ANALYSIS.
struct Request {
  std::string topic{};
  std::string intent{};
  IntentOptions options{};
};

// A question about the skills of a topic, for Client::ask_catalog().
struct CatalogQuestion {
  enum class Kind : std::uint8_t {
    list,  // All skills: name, description, tags, version, digest.
    show,  // One skill: also its instructions, inputs, outputs and scripts.
    read,  // One file of a skill: SKILL.md, or below references/ or assets/.
  };
  Kind kind = Kind::list;
  std::string skill{};                                 // Of show and read.
  std::string path{};                                  // Of read.
  std::optional<std::chrono::milliseconds> timeout{};  // How long to wait; not set: the client's default.
};

// How one request ended.
struct Reply {
  std::string request_id;
  bool success = false;
  std::string content;  // What the skill printed; may be there although it failed.
  std::string error;    // For people; empty on success.
  // Empty on success. Codes are listed in docs/protocol.md; those the client itself gives:
  // `invalid_request`, `too_large`, `overloaded` (not sent at all), `unreachable` (no proxy in time),
  // `no_answer` (nothing came in time), `cancelled` (by PendingReply::cancel() or the end of the client).
  std::string code;
  bool from_client = false;  // Made by this client: neither a server nor a proxy has answered.

  std::string skill;    // That ran.
  std::string version;  // Of the skill.
  std::string server;   // The instance that ran it, or the proxy that answered.
  std::uint32_t attempt = 1;

  std::optional<int> exit_code;    // Of the script, when one ran and exited.
  std::optional<int> exit_signal;  // That ended the script.
  bool run_timed_out = false;      // The script was killed at its time limit.
  std::string stderr_tail;         // The end of what the script wrote to standard error.
  bool stdout_truncated = false;
  bool stderr_truncated = false;

  std::string outputs_json;         // What a function-style skill returned: a JSON object; empty: none.
  std::vector<Artifact> artifacts;  // Sorted by path.
  std::vector<std::string> warnings;
  std::string digest;                       // Of the skill's files, "sha256:<hex>".
  std::optional<double> cpu_ms;             // Processor time of the run.
  std::optional<std::uint64_t> max_rss_kb;  // Memory of its largest process.
  std::optional<std::uint64_t> bytes_in;    // stdin, files and input.
  std::optional<std::uint64_t> bytes_out;   // stdout, stderr, artifacts and outputs.

  double timestamp = 0;                 // When it was sent, in seconds since the epoch.
  std::optional<double> held_ms;        // Waited in the proxy.
  std::optional<double> queued_ms;      // Waited in the server.
  std::optional<double> spawn_ms;       // Start of the process.
  std::optional<double> run_ms;         // The run.
  std::chrono::microseconds elapsed{};  // From publish() to the reply, measured here.

  // With IntentOptions::stream: the number of the run's last event, and how many of them never came.
  std::optional<std::uint64_t> last_seq;
  std::uint64_t events_missed = 0;

  std::string json;  // The reply as it came, byte by byte; also there when the client made it.
};

// What a run tells while it goes on. A preview: the reply has the whole result, whatever came or was lost before.
struct Event {
  enum class Kind : std::uint8_t {
    accepted,  // A skill server has taken the intent.
    started,   // It runs.
    out,       // `data` was written to standard output,
    err,       // or to standard error.
    progress,  // `progress` and `message`.
    artifact,  // The reply will carry the file `path`.
  };
  std::string request_id;
  Kind kind = Kind::accepted;
  std::uint64_t seq = 0;      // 0, 1, 2 ... per run.
  std::uint64_t missed = 0;   // Events right before this one that never came.
  std::string server;         // That runs it. Another one than before: the run was begun anew.
  std::uint32_t attempt = 1;  // As in the reply.

  std::string data;  // Any bytes; a character of UTF-8 is never split between two events.

  double progress = 0;  // 0 .. 1.
  std::string message;

  std::string path;  // Relative to the run's folder.
  std::string mime;
  std::uint64_t size = 0;
  std::string sha256;

  std::string json;  // The event as it came, byte by byte.
};

// Called exactly once per request. Must not throw, and must not destroy the client.
using OnReply = std::function<void(const Reply& reply)>;
// Called for each event, in order, always before the request's OnReply and on the same thread or threads; the same
// rules. While it is called on the I/O thread nothing else happens: hand over what takes time.
using OnEvent = std::function<void(const Event& event)>;

// A request on its way. Copies stand for the same request; dropping all of them
// neither cancels nor shortens it. May outlive its Client.
class PendingReply {
 public:
  struct State;

  PendingReply() = default;  // Stands for no request: only valid() may be called.
  explicit PendingReply(std::shared_ptr<State> state);

  bool valid() const noexcept { return state_ != nullptr; }
  const std::string& request_id() const noexcept;
  bool ready() const;                                      // The reply is there.
  bool wait_for(std::chrono::milliseconds longest) const;  // True when the reply is there.
  // Waits for the reply; never longer than the request's timeout. Lives as long as any copy of this handle.
  const Reply& get() const;
  // Ends the request with `cancelled` and tells the fabric, which stops a run in progress. Does nothing
  // once the reply is there. A reply that comes afterwards counts as late.
  void cancel() const;

 private:
  std::shared_ptr<State> state_;  // Shared by the copies and the client's I/O thread.
};

// Counted since the client was made.
struct Statistics {
  std::uint64_t published = 0;  // Accepted by publish().
  std::uint64_t answered = 0;   // Ended by a final reply from the fabric.
  std::uint64_t timed_out = 0;  // Ended with `no_answer` or `unreachable`.
  std::uint64_t cancelled = 0;  // Ended by cancel() or the end of the client.
  std::uint64_t refused = 0;    // Not accepted: `invalid_request`, `too_large`, `overloaded`.
  std::uint64_t late = 0;       // Replies to requests that had been given up.
  std::uint64_t duplicate = 0;  // Further replies to requests that had been answered.
  std::uint64_t unknown = 0;    // Replies to requests that this client does not know (any more).
  std::uint64_t malformed = 0;  // Messages on the reply topic that are neither reply nor event.
  std::uint64_t resent = 0;     // Intents sent again after a proxy was lost.
  std::uint64_t failovers = 0;  // Changes from a lost proxy to another one.
  std::uint64_t events = 0;     // Given to an OnEvent, or waiting for respond().
  // Never came, or came faster than respond() was called: 16 MiB of events wait at most.
  std::uint64_t events_missed = 0;
  // Came twice, for a request that had ended or nobody knows, from a run that was given up, or without an OnEvent.
  std::uint64_t events_ignored = 0;
  std::uint64_t pending = 0;  // At this moment: accepted and without reply.
};

enum class OnFailure : std::uint8_t { stop, go_on };

class Client {
 public:
  // Begins to connect and returns at once. Throws std::invalid_argument, which
  // says what is wrong with which option, and std::system_error when the
  // process has no thread or descriptor left.
  explicit Client(ClientOptions options = {});
  // Requests without reply end with `cancelled`, here only: runs in progress go on (cancel() them before).
  // Delivers what was published for up to 2 s. Callbacks that wait for respond() are not called any more.
  ~Client();
  Client(const Client&) = delete;
  Client& operator=(const Client&) = delete;

  // Never blocks. Before a proxy is connected the intent waits here, so a first message is never lost. A request
  // that is refused (see Reply::code) is ready when this returns.
  PendingReply publish(std::string topic, std::string intent, IntentOptions options = {});
  // The same, and `on_reply` is called once the reply is there (ClientOptions::callbacks). For a request
  // that is refused it is called on the calling thread before this returns.
  PendingReply publish(std::string topic, std::string intent, IntentOptions options, OnReply on_reply);
  // The same, and `on_event` is called with what the run tells until then. Either callback may be empty.
  PendingReply publish(std::string topic, std::string intent, IntentOptions options, OnReply on_reply,
                       OnEvent on_event);

  // Asks one of the topic's skill servers what it has; the answer is the member `outputs` of Reply::json
  // (docs/protocol.md). Never waits for a server that is not there: `no_skill_server`.
  PendingReply ask_catalog(std::string topic, CatalogQuestion question, OnReply on_reply = {});

  // Publishes all, then waits for all. The replies are in the order of the requests.
  std::vector<Reply> publish_parallel(std::vector<Request> requests);
  // Publishes each after the reply to the one before. With `stop` the first failure is the last reply.
  std::vector<Reply> publish_sequential(std::vector<Request> requests, OnFailure on_failure = OnFailure::stop);

  // With CallbackThread::caller: calls the callbacks of events and replies that have come, on this thread. Waits
  // up to `longest` for the first one. Returns how many were called. When several threads call it, the
  // events of one request may overlap.
  std::size_t respond(std::chrono::milliseconds longest = std::chrono::milliseconds{0});

  // Gives up requests that were published longer than `age` ago: they end with `no_answer` and are cancelled.
  // Timed-out requests are dropped without this. Returns how many were given up. Not from a callback on
  // the I/O thread.
  std::size_t collect_garbage(std::chrono::milliseconds age);

  // True when a proxy is connected in both directions, at the latest after `longest`.
  bool wait_until_connected(std::chrono::milliseconds longest) const;

  const std::string& agent_id() const noexcept;
  const std::string& reply_topic() const noexcept;
  Statistics statistics() const;

 private:
  class Impl;
  std::unique_ptr<Impl> impl_;
};

}  // namespace skillscale::agent
