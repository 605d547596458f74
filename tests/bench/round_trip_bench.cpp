// What an intent costs from publish to reply, beside the bare posix_spawn of the
// very same script in the same run: shell and Python echo skills, 1 and 16
// intents outstanding, through the real proxy and a real skill server. Then the
// memory of both daemons, idle and after many intents.
//
//   round_trip_bench FOLDER_WITH_THE_PROGRAMS [rounds] [intents for the memory figures]
#include <fcntl.h>
#include <poll.h>
#include <spawn.h>
#include <sys/wait.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <atomic>
#include <chrono>
#include <csignal>
#include <cstdio>
#include <cstdlib>
#include <filesystem>
#include <fstream>
#include <string>
#include <thread>
#include <vector>

#include "base/check.h"
#include "skillscale/agent_client.h"

extern char** environ;

namespace skillscale {
namespace {

using namespace std::chrono_literals;
using Clock = std::chrono::steady_clock;
namespace fs = std::filesystem;

constexpr const char* kInput = "hello";
constexpr std::size_t kWorkers = 4;

struct Skill {
  const char* name;
  const char* file;
  const char* interpreter;
  const char* script;
};
constexpr Skill kSkills[] = {
    {"echo-shell", "run.sh", "/bin/sh", "#!/bin/sh\nread -r line\nprintf %s \"$line\"\n"},
    {"echo-python", "run.py", "/usr/bin/python3",
     "#!/usr/bin/python3\nimport sys\nsys.stdout.write(sys.stdin.read())\n"},
};

void write_file(const fs::path& path, const std::string& text) {
  fs::create_directories(path.parent_path());
  std::ofstream(path) << text;
  fs::permissions(path, fs::perms::owner_all);
}

pid_t spawn(std::vector<std::string> words, const posix_spawn_file_actions_t* actions = nullptr) {
  std::vector<char*> argv;
  for (std::string& word : words) argv.push_back(word.data());
  argv.push_back(nullptr);
  pid_t pid = -1;
  SK_CHECK(::posix_spawn(&pid, argv[0], actions, nullptr, argv.data(), environ) == 0);
  return pid;
}

// The least that any runner has to do: start the script, feed it, read it, reap it.
void run_bare(const std::string& interpreter, const std::string& script) {
  std::array<int, 2> in{};
  std::array<int, 2> out{};
  SK_CHECK(::pipe2(in.data(), O_CLOEXEC) == 0 && ::pipe2(out.data(), O_CLOEXEC) == 0);
  posix_spawn_file_actions_t actions;
  posix_spawn_file_actions_init(&actions);
  posix_spawn_file_actions_adddup2(&actions, in[0], 0);
  posix_spawn_file_actions_adddup2(&actions, out[1], 1);
  const pid_t pid = spawn({interpreter, script}, &actions);
  posix_spawn_file_actions_destroy(&actions);
  ::close(in[0]);
  ::close(out[1]);
  SK_CHECK(::write(in[1], kInput, 5) == 5);
  ::close(in[1]);
  std::array<char, 64> buffer{};
  std::size_t total = 0;
  for (ssize_t got = 0; (got = ::read(out[0], buffer.data(), buffer.size())) > 0;)
    total += static_cast<std::size_t>(got);
  ::close(out[0]);
  SK_CHECK(total == 5);
  SK_CHECK(::waitpid(pid, nullptr, 0) == pid);
}

struct Figures {
  double per_second = 0;
  double p50_ms = 0;
  double p99_ms = 0;
};

// Runs `once` `count` times on `threads` threads.
template <typename Once>
Figures measure(std::size_t threads, std::size_t count, Once once) {
  std::vector<double> all(count);
  std::atomic<std::size_t> next = 0;
  const auto begin = Clock::now();
  std::vector<std::thread> pool;
  for (std::size_t thread = 0; thread < threads; ++thread) {
    pool.emplace_back([&] {
      for (std::size_t index = next++; index < count; index = next++) {
        const auto started = Clock::now();
        once();
        all[index] = std::chrono::duration<double, std::milli>(Clock::now() - started).count();
      }
    });
  }
  for (std::thread& thread : pool) thread.join();
  const double seconds = std::chrono::duration<double>(Clock::now() - begin).count();
  std::sort(all.begin(), all.end());
  return {static_cast<double>(count) / seconds, all[count / 2], all[count * 99 / 100]};
}

// A proxy and a skill server, killed and reaped at the end.
class Daemons {
 public:
  Daemons(const fs::path& programs, const fs::path& folder) {
    const auto endpoint = [&](const char* name) { return "ipc://" + (folder / name).string(); };
    proxy = {endpoint("xsub"), endpoint("xpub")};
    proxy_pid = spawn({programs / "skillscale_proxy", "--xsub-bind", proxy.publish_endpoint, "--xpub-bind",
                       proxy.subscribe_endpoint, "--metrics-bind", "127.0.0.1", "--metrics-port", "0", "--log-level",
                       "warn", "--ready-file", folder / "proxy.ready"});
    wait_for(folder / "proxy.ready");
    server_pid = spawn({programs / "skillscale_skill_server", "--topic", "TOPIC_BENCH", "--skills-dir",
                        folder / "skills", "--proxy-xsub", proxy.publish_endpoint, "--proxy-xpub",
                        proxy.subscribe_endpoint, "--workers", std::to_string(kWorkers), "--metrics-bind", "127.0.0.1",
                        "--metrics-port", "0", "--log-level", "warn", "--ready-file", folder / "server.ready"});
    wait_for(folder / "server.ready");
  }
  ~Daemons() {
    for (const pid_t pid : {server_pid, proxy_pid}) {
      ::kill(pid, SIGTERM);
      ::waitpid(pid, nullptr, 0);
    }
  }

  agent::Proxy proxy;
  pid_t proxy_pid = -1;
  pid_t server_pid = -1;

 private:
  static void wait_for(const fs::path& file) {
    const auto end = Clock::now() + 30s;
    while (!fs::exists(file)) {
      SK_CHECK(Clock::now() < end);
      std::this_thread::yield();
    }
  }
};

long rss_kb(pid_t pid) {
  std::ifstream status("/proc/" + std::to_string(pid) + "/status");
  for (std::string line; std::getline(status, line);) {
    if (line.starts_with("VmRSS:")) return std::strtol(line.c_str() + 6, nullptr, 10);
  }
  return -1;
}

void compare(agent::Client& client, const Skill& skill, const fs::path& folder, std::size_t rounds) {
  const std::string script = folder / "skills" / skill.name / "scripts" / skill.file;
  const auto intent = [&] {
    agent::IntentOptions options;
    options.skill = skill.name;
    options.data = kInput;
    const agent::Reply reply = client.publish("TOPIC_BENCH", "", options).get();
    SK_CHECK(reply.success && reply.content == kInput);
  };
  const auto bare = [&] { run_bare(skill.interpreter, script); };
  for (const std::size_t outstanding : {std::size_t{1}, std::size_t{16}}) {
    const std::size_t spawns = std::min(outstanding, kWorkers);
    // Interleaved, so that a change in the machine's speed meets both.
    std::vector<Figures> reference;
    std::vector<Figures> through;
    for (int turn = 0; turn < 5; ++turn) {
      reference.push_back(measure(spawns, rounds / 5, bare));
      through.push_back(measure(outstanding, rounds / 5, intent));
    }
    const auto by_p50 = [](const Figures& a, const Figures& b) { return a.p50_ms < b.p50_ms; };
    std::nth_element(reference.begin(), reference.begin() + 2, reference.end(), by_p50);
    std::nth_element(through.begin(), through.begin() + 2, through.end(), by_p50);
    const Figures& spawned = reference[2];
    const Figures& answered = through[2];
    std::printf(
        "%-11s %2zu outstanding: intent p50 %6.2f p99 %6.2f ms, %5.0f/s; bare spawn (%zu threads) p50 %6.2f p99"
        " %6.2f ms, %5.0f/s; difference of p50 %+.2f ms, throughput ratio %.2f\n",
        skill.name, outstanding, answered.p50_ms, answered.p99_ms, answered.per_second, spawns, spawned.p50_ms,
        spawned.p99_ms, spawned.per_second, answered.p50_ms - spawned.p50_ms, answered.per_second / spawned.per_second);
  }
}

int run(const fs::path& programs, std::size_t rounds, std::size_t intents) {
  std::string name = (fs::temp_directory_path() / "skillscale-bench-XXXXXX").string();
  SK_CHECK(::mkdtemp(name.data()) != nullptr);
  const fs::path folder = name;
  for (const Skill& skill : kSkills) {
    const fs::path place = folder / "skills" / skill.name;
    write_file(place / "SKILL.md",
               std::string("---\nname: ") + skill.name + "\ndescription: Answers its input.\n---\n");
    write_file(place / "scripts" / skill.file, skill.script);
  }
  {
    const Daemons daemons(programs, folder);
    agent::ClientOptions options;
    options.proxies = {daemons.proxy};
    agent::Client client(options);
    SK_CHECK(client.wait_until_connected(10s));
    for (const Skill& skill : kSkills) compare(client, skill, folder, rounds);

    const auto print_memory = [&](const char* when) {
      std::printf("memory %s: proxy %ld kB, skill server %ld kB\n", when, rss_kb(daemons.proxy_pid),
                  rss_kb(daemons.server_pid));
    };
    print_memory("before");
    measure(16, intents, [&] {
      agent::IntentOptions intent;
      intent.skill = "echo-shell";
      intent.data = kInput;
      SK_CHECK(client.publish("TOPIC_BENCH", "", intent).get().success);
    });
    print_memory(("after " + std::to_string(intents) + " intents").c_str());
  }
  fs::remove_all(folder);
  return 0;
}

}  // namespace
}  // namespace skillscale

int main(int argc, char** argv) {
  if (argc < 2) {
    std::fprintf(stderr, "usage: round_trip_bench FOLDER_WITH_THE_PROGRAMS [rounds] [intents]\n");
    return 2;
  }
  const auto number = [&](int index, std::size_t otherwise) {
    return argc > index ? std::strtoull(argv[index], nullptr, 10) : otherwise;
  };
  return skillscale::run(argv[1], number(2, 500), number(3, 10000));
}
