// A program with named misbehaviours, for tests of processes: puppet ACTION [ARGUMENT...].
//
// It uses nothing but the C library and is never instrumented, so that it does
// what it is told and nothing else.
#include <dirent.h>
#include <fcntl.h>
#include <sys/resource.h>
#include <unistd.h>

#include <csignal>
#include <cstdio>
#include <cstdlib>
#include <cstring>
#include <map>
#include <string>
#include <vector>

namespace {

using Arguments = std::vector<std::string>;

bool write_all(int fd, const char* bytes, std::size_t count) {
  while (count > 0) {
    const ssize_t written = ::write(fd, bytes, count);
    if (written <= 0) return false;
    bytes += written;
    count -= static_cast<std::size_t>(written);
  }
  return true;
}

bool say(const std::string& text) { return write_all(STDOUT_FILENO, text.data(), text.size()); }

[[noreturn]] void linger() {
  for (;;) ::pause();
}

int number(const Arguments& arguments, std::size_t index, int otherwise) {
  return index < arguments.size() ? static_cast<int>(std::strtol(arguments[index].c_str(), nullptr, 10)) : otherwise;
}

// Says that the preparations are done: on stdout and, where one is given, in a named pipe.
void announce(const Arguments& arguments) {
  say("ready\n");
  if (arguments.empty()) return;
  const int fd = ::open(arguments[0].c_str(), O_WRONLY | O_CLOEXEC);
  write_all(fd, "!", 1);
  ::close(fd);
}

int echo(const Arguments& arguments) {
  for (const std::string& argument : arguments) say(argument + "\n");
  return 0;
}

int cat(const Arguments&) {
  static char buffer[65536];
  for (;;) {
    const ssize_t got = ::read(STDIN_FILENO, buffer, sizeof buffer);
    if (got <= 0) return got < 0;
    if (!write_all(STDOUT_FILENO, buffer, static_cast<std::size_t>(got))) return 1;
  }
}

int exit_with(const Arguments& arguments) { return number(arguments, 0, 0); }

int die_by_signal(const Arguments& arguments) {
  const rlimit no_core{};
  ::setrlimit(RLIMIT_CORE, &no_core);
  ::raise(number(arguments, 0, SIGKILL));
  linger();
}

int ignore_sigterm(const Arguments& arguments) {
  std::signal(SIGTERM, SIG_IGN);
  announce(arguments);
  linger();
}

int obey_sigterm(const Arguments& arguments) {
  std::signal(SIGTERM, [](int) {
    write_all(STDOUT_FILENO, "bye\n", 4);
    ::_exit(7);
  });
  announce(arguments);
  linger();
}

int stop_itself(const Arguments&) {
  ::raise(SIGSTOP);
  linger();
}

// What a hostile program does to whoever has started it.
int signal_parent(int signal) {
  ::kill(::getppid(), signal);
  linger();
}
int stop_parent(const Arguments&) { return signal_parent(SIGSTOP); }
int kill_parent(const Arguments&) { return signal_parent(SIGKILL); }

// The grandchild is deaf to SIGTERM and keeps the pipes open; the leader ends.
int leave_grandchild(const Arguments&) {
  if (::fork() == 0) {
    std::signal(SIGTERM, SIG_IGN);
    linger();
  }
  say("left\n");
  return 0;
}

// The same, but the leader stays.
int keep_grandchild(const Arguments& arguments) {
  if (::fork() == 0) {
    std::signal(SIGTERM, SIG_IGN);
    announce(arguments);
    linger();
  }
  linger();
}

// The grandchild leaves the process group, so nobody kills it; it ends by itself after some seconds.
int leave_daemon(const Arguments& arguments) {
  if (::fork() == 0) {
    ::setsid();
    say("left\n");
    ::alarm(static_cast<unsigned>(number(arguments, 0, 2)));
    linger();
  }
  char ready = 0;
  return static_cast<int>(::read(STDIN_FILENO, &ready, 1));  // End of input: 0.
}

// Opens the named pipe, which stays open in all that comes of this process: its end
// of file proves that none of it is alive.
int open_marker(const Arguments& arguments) { return ::open(arguments.at(0).c_str(), O_WRONLY); }

// What a daemon does to get away: forks twice, with a session of its own, deaf to
// SIGTERM, without environment and with the pipes still open. The leader stays.
int escape(const Arguments& arguments, int leader) {
  const int marker = open_marker(arguments);
  if (::fork() == 0) {
    ::setsid();
    ::setpgid(0, 0);
    if (::fork() != 0) ::_exit(0);
    ::setsid();
    std::signal(SIGTERM, SIG_IGN);
    std::signal(SIGHUP, SIG_IGN);
    ::clearenv();
    write_all(marker, "!", 1);
    if (leader >= 0) write_all(leader, "!", 1);
    linger();
  }
  std::signal(SIGTERM, SIG_IGN);
  linger();
}

int escape(const Arguments& arguments) { return escape(arguments, -1); }

// The same, but the leader goes on once the daemon has got away.
void leave_behind(const Arguments& arguments) {
  int ready[2];
  char mark = 0;
  if (::pipe(ready) != 0) ::_exit(8);
  if (::fork() == 0) ::_exit(escape(arguments, ready[1]));
  while (::read(ready[0], &mark, 1) != 1) continue;
}

int escape_and_end(const Arguments& arguments) {
  leave_behind(arguments);
  return 0;
}

// Many processes, each of which does nothing but go on as a new process in a session of its own. Slow
// and bounded, because those that end wait for their new parent: it must not run out of process ids.
int run_away(const Arguments& arguments) {
  const int marker = open_marker(arguments);
  const int count = number(arguments, 1, 40);
  for (int i = 0; i < count; ++i) {
    if (::fork() != 0) continue;
    std::signal(SIGTERM, SIG_IGN);
    ::setsid();
    write_all(marker, "!", 1);
    for (int generation = 0; generation < 500; ++generation) {
      ::usleep(20'000);
      if (::fork() > 0) ::_exit(0);
      ::setsid();
    }
    ::_exit(0);
  }
  std::signal(SIGCHLD, SIG_IGN);
  linger();
}

// As many children as the first argument says.
int fork_children(const Arguments& arguments) {
  for (int i = 0; i < number(arguments, 0, 1); ++i) {
    if (::fork() == 0) linger();
  }
  linger();
}

// Touches as many MiB as the first argument says.
int use_memory(const Arguments& arguments) {
  const std::size_t count = static_cast<std::size_t>(number(arguments, 0, 1)) << 20U;
  // Volatile, or the compiler leaves out what nobody reads.
  volatile char* const memory = static_cast<char*>(std::malloc(count));
  if (memory == nullptr) return 9;
  for (std::size_t at = 0; at < count; at += 1024) memory[at] = 1;
  linger();
}

// Files of one byte in the working folder, as many as the first argument says.
int make_files(const Arguments& arguments) {
  for (int i = 0; i < number(arguments, 0, 1); ++i) {
    const int fd = ::open(std::to_string(i).c_str(), O_WRONLY | O_CREAT | O_CLOEXEC, 0600);
    write_all(fd, "x", 1);
    ::close(fd);
  }
  linger();
}

int burn(const Arguments&) {
  volatile unsigned long turns = 0;
  for (;;) turns = turns + 1;
}

// Its second argument to the descriptor that the first one names.
int write_to(const Arguments& arguments) {
  const std::string& text = arguments.at(1);
  return write_all(number(arguments, 0, 3), text.data(), text.size()) ? 0 : 1;
}

int print_limits(const Arguments&) {
  for (const int resource : {RLIMIT_CORE, RLIMIT_DATA, RLIMIT_CPU, RLIMIT_FSIZE, RLIMIT_NOFILE}) {
    rlimit limit{};
    ::getrlimit(static_cast<__rlimit_resource>(resource), &limit);
    say(std::to_string(limit.rlim_cur) + " ");
  }
  say("\n");
  return 0;
}

// Capabilities and no_new_privs, as the kernel sees them.
int print_privileges(const Arguments&) {
  FILE* status = std::fopen("/proc/self/status", "re");
  char line[256];
  std::string found;
  while (std::fgets(line, sizeof line, status) != nullptr) {
    if (std::strncmp(line, "Cap", 3) == 0 || std::strncmp(line, "NoNewPrivs", 10) == 0) found += line;
  }
  std::fclose(status);
  say(found);
  return 0;
}

// Endless on descriptor 1 or 2, or as many bytes as the second argument says.
int flood(const Arguments& arguments) {
  const int fd = number(arguments, 0, STDOUT_FILENO);
  const std::string chunk(4096, 'x');
  long left = number(arguments, 1, -1);
  while (left != 0) {
    const std::size_t count = left > 0 && left < 4096 ? static_cast<std::size_t>(left) : chunk.size();
    if (!write_all(fd, chunk.data(), count)) return 1;
    if (left > 0) left -= static_cast<long>(count);
  }
  if (arguments.size() > 2) write_all(fd, arguments[2].data(), arguments[2].size());
  return 0;
}

int escape_and_flood(const Arguments& arguments) {
  leave_behind(arguments);
  return flood({});
}

int never_read(const Arguments& arguments) {
  announce(arguments);
  linger();
}

int close_stdin(const Arguments&) {
  ::close(STDIN_FILENO);
  say("closed\n");
  return 0;
}

int close_outputs(const Arguments&) {
  ::close(STDOUT_FILENO);
  ::close(STDERR_FILENO);
  linger();
}

int print_environment(const Arguments&) {
  for (char** variable = environ; *variable != nullptr; ++variable) say(std::string(*variable) + "\n");
  return 0;
}

int print_descriptors(const Arguments&) {
  DIR* folder = ::opendir("/proc/self/fd");
  std::string numbers;
  while (const dirent* entry = ::readdir(folder)) {
    if (entry->d_name[0] != '.' && std::strtol(entry->d_name, nullptr, 10) != ::dirfd(folder)) {
      numbers += std::string(entry->d_name) + "\n";
    }
  }
  ::closedir(folder);
  say(numbers);
  return 0;
}

// Blocked, ignored and caught signals, as the kernel sees them.
int print_signals(const Arguments&) {
  FILE* status = std::fopen("/proc/self/status", "re");
  char line[256];
  std::string found;
  while (std::fgets(line, sizeof line, status) != nullptr) {
    if (std::strncmp(line, "SigBlk", 6) == 0 || std::strncmp(line, "SigIgn", 6) == 0 ||
        std::strncmp(line, "SigCgt", 6) == 0) {
      found += line;
    }
  }
  std::fclose(status);
  say(found);
  return 0;
}

int print_group(const Arguments&) {
  say(::getpgrp() != ::getpid() ? "member\n" : ::getsid(0) == ::getpid() ? "leader of its session\n" : "leader\n");
  return 0;
}

int print_folder(const Arguments&) {
  char path[4096];
  say(std::string(::getcwd(path, sizeof path)) + "\n");
  return 0;
}

int sleep_milliseconds(const Arguments& arguments) {
  ::usleep(static_cast<useconds_t>(number(arguments, 0, 0)) * 1000);
  return 0;
}

const std::map<std::string, int (*)(const Arguments&)> kActions = {
    {"echo", echo},
    {"cat", cat},
    {"exit", exit_with},
    {"die-by-signal", die_by_signal},
    {"ignore-sigterm", ignore_sigterm},
    {"obey-sigterm", obey_sigterm},
    {"stop-itself", stop_itself},
    {"stop-parent", stop_parent},
    {"kill-parent", kill_parent},
    {"leave-grandchild", leave_grandchild},
    {"keep-grandchild", keep_grandchild},
    {"leave-daemon", leave_daemon},
    {"escape", escape},
    {"escape-and-end", escape_and_end},
    {"escape-and-flood", escape_and_flood},
    {"run-away", run_away},
    {"fork-children", fork_children},
    {"use-memory", use_memory},
    {"make-files", make_files},
    {"burn", burn},
    {"write-to", write_to},
    {"print-limits", print_limits},
    {"print-privileges", print_privileges},
    {"flood", flood},
    {"never-read", never_read},
    {"close-stdin", close_stdin},
    {"close-outputs", close_outputs},
    {"print-environment", print_environment},
    {"print-descriptors", print_descriptors},
    {"print-signals", print_signals},
    {"print-group", print_group},
    {"print-folder", print_folder},
    {"sleep", sleep_milliseconds},
};

}  // namespace

int main(int argc, char** argv) {
  const auto action = kActions.find(argc > 1 ? argv[1] : "");
  if (action != kActions.end()) return action->second(Arguments(argv + 2, argv + argc));
  std::fprintf(stderr, "puppet: unknown action; there are:");
  for (const auto& [name, function] : kActions) std::fprintf(stderr, " %s", name.c_str());
  std::fprintf(stderr, "\n");
  return 2;
}
