// A program that tries to get out of its sandbox: escape NAME=VALUE...
//
// It makes every attempt it knows and writes a line `ATTEMPT ERRNO` for each; 0
// means that it worked. What it aims at comes as arguments: daemon (a process id),
// other (a file of another run), outside (a file to make), tcp, udp (ports),
// unix, datagram (paths of sockets), abstract (a name), secret (a file that only root reads).
// Nothing that it does harms the machine when it works. Static and never instrumented.
#include <arpa/inet.h>
#include <fcntl.h>
#include <linux/bpf.h>
#include <sched.h>
#include <sys/inotify.h>
#include <sys/ioctl.h>
#include <sys/mount.h>
#include <sys/personality.h>
#include <sys/ptrace.h>
#include <sys/resource.h>
#include <sys/shm.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/uio.h>
#include <sys/un.h>
#include <sys/wait.h>
#include <unistd.h>

#include <cerrno>
#include <csignal>
#include <cstddef>
#include <cstdio>
#include <cstdlib>
#include <cstring>
#include <map>
#include <string>
#include <string_view>

namespace {

std::map<std::string, std::string, std::less<>> aims;

const char* aim(std::string_view name) {
  const auto found = aims.find(name);
  return found == aims.end() ? "/no/aim" : found->second.c_str();
}

pid_t daemon_pid() { return static_cast<pid_t>(std::strtol(aim("daemon"), nullptr, 10)); }

long opens(const std::string& path, int flags) { return ::open(path.c_str(), flags | O_CLOEXEC, 0600); }

// Of a process of its own: what it changes in itself must not spoil the next attempt.
template <typename Action>
long in_child(Action action) {
  const pid_t child = ::fork();
  if (child < 0) return -1;
  if (child == 0) {
    errno = 0;
    ::_exit(action() >= 0 ? 0 : errno);
  }
  int status = 0;
  ::waitpid(child, &status, 0);
  errno = WIFEXITED(status) ? WEXITSTATUS(status) : EINTR;
  return errno == 0 ? 0 : -1;
}

long connects_inet(int type, std::string_view port_name) {
  const int fd = ::socket(AF_INET, type, 0);
  if (fd < 0) return -1;
  sockaddr_in address{};
  address.sin_family = AF_INET;
  address.sin_port = htons(static_cast<std::uint16_t>(std::strtol(aim(port_name), nullptr, 10)));
  address.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
  return ::connect(fd, reinterpret_cast<const sockaddr*>(&address), sizeof address);
}

struct UnixAddress {
  sockaddr_un address{};
  socklen_t bytes = 0;
  explicit UnixAddress(const std::string& path) {
    address.sun_family = AF_UNIX;
    path.copy(address.sun_path, sizeof address.sun_path - 1);
    bytes = static_cast<socklen_t>(offsetof(sockaddr_un, sun_path) + path.size());
  }
  const sockaddr* get() const { return reinterpret_cast<const sockaddr*>(&address); }
};

long connects_unix(const std::string& path) {
  const int fd = ::socket(AF_UNIX, SOCK_STREAM, 0);
  const UnixAddress to(path);
  return fd < 0 ? -1 : ::connect(fd, to.get(), to.bytes);
}

// Through a pair, which needs no socket().
long sends_from_pair(int type) {
  int ends[2];
  if (::socketpair(AF_UNIX, type, 0, ends) != 0) return -1;
  const UnixAddress to(aim("datagram"));
  return ::sendto(ends[0], "x", 1, 0, to.get(), to.bytes);
}

long reads_memory() {
  char byte = 0;
  iovec here{&byte, 1};
  iovec there{&byte, 1};  // Whether that address is there or not is asked after the permission.
  const long got = ::process_vm_readv(daemon_pid(), &here, 1, &there, 1, 0);
  return got < 0 && errno == EFAULT ? 0 : got;
}

long sets_limit() {
  rlimit limit{};
  if (::prlimit(daemon_pid(), RLIMIT_NOFILE, nullptr, &limit) != 0) return -1;
  return ::prlimit(daemon_pid(), RLIMIT_NOFILE, &limit, nullptr);
}

long signals_by_folder() {
  const int fd = ::open(("/proc/" + std::to_string(daemon_pid())).c_str(), O_RDONLY | O_DIRECTORY | O_CLOEXEC);
  return fd < 0 ? -1 : ::syscall(SYS_pidfd_send_signal, fd, 0, nullptr, 0);
}

// As it is.
long sets_priority() {
  const auto whom = static_cast<id_t>(daemon_pid());
  errno = 0;
  const int now = ::getpriority(PRIO_PROCESS, whom);
  return errno != 0 ? -1 : ::setpriority(PRIO_PROCESS, whom, now);
}

// Of a user that has no processes.
long sets_priority_of_user() { return ::setpriority(PRIO_USER, 4'000'000, 0); }

long enters_namespace() {
  const int fd = ::open("/proc/self/ns/uts", O_RDONLY | O_CLOEXEC);
  return fd < 0 ? -1 : ::setns(fd, 0);
}

long makes_shared_memory() {
  const int id = ::shmget(IPC_PRIVATE, 4096, IPC_CREAT | 0600);
  return id < 0 ? -1 : ::shmctl(id, IPC_RMID, nullptr);
}

long keeps_shared_file() {
  const std::string path = "/dev/shm/escape-" + std::to_string(::getpid());
  return opens(path, O_RDWR | O_CREAT) < 0 ? -1 : ::unlink(path.c_str());
}

long makes_bpf_map() {
  union bpf_attr attributes {};
  attributes.map_type = BPF_MAP_TYPE_ARRAY;
  attributes.key_size = attributes.value_size = 4;
  attributes.max_entries = 1;
  return ::syscall(SYS_bpf, BPF_MAP_CREATE, &attributes, sizeof attributes);
}

// Fails only when it has left its session.
long stays_in_session() {
  const pid_t before = ::getsid(0);
  return in_child([=] {
    const bool pretended = ::setsid() >= 0 && ::setpgid(0, 0) == 0;
    errno = pretended ? ECHILD : EPERM;
    return pretended && ::getsid(0) == before && ::getpgrp() != ::getpid() ? 0 : -1;
  });
}

void attempt(const char* name, long result) {
  std::printf("%s %d\n", name, result < 0 ? errno : 0);
  std::fflush(stdout);
}

void try_processes() {
  const std::string proc = "/proc/" + std::to_string(daemon_pid());
  attempt("read-environ", opens(proc + "/environ", O_RDONLY));
  attempt("read-memory-file", opens(proc + "/mem", O_RDONLY));
  attempt("ptrace", in_child([] { return ::ptrace(PTRACE_SEIZE, daemon_pid(), nullptr, nullptr); }));
  attempt("process-vm-readv", reads_memory());
  attempt("signal", ::kill(daemon_pid(), 0));
  attempt("signal-thread", ::syscall(SYS_tgkill, daemon_pid(), daemon_pid(), 0));
  attempt("signal-queue", in_child([] {
            siginfo_t info{};
            info.si_code = SI_QUEUE;
            return ::syscall(SYS_rt_sigqueueinfo, daemon_pid(), 0, &info);
          }));
  attempt("pidfd", ::syscall(SYS_pidfd_open, daemon_pid(), 0));
  attempt("signal-folder", signals_by_folder());
  attempt("set-limit", sets_limit());
  attempt("set-priority", sets_priority());
  attempt("set-user-priority", sets_priority_of_user());
}

void try_files() {
  attempt("read-other-run", opens(aim("other"), O_RDONLY));
  attempt("read-secret", opens(aim("secret"), O_RDONLY));
  attempt("list-root-home", opens("/root", O_RDONLY | O_DIRECTORY));
  attempt("write-outside", opens(aim("outside"), O_WRONLY | O_CREAT));
  attempt("truncate-other-run", ::truncate(aim("other"), 4));
  attempt("watch-other-run", ::inotify_add_watch(::inotify_init1(IN_CLOEXEC), aim("other"), IN_ALL_EVENTS));
  attempt("write-own", opens("own", O_RDWR | O_CREAT));
  attempt("read-system", opens("/usr/bin/env", O_RDONLY));
  attempt("shared-file", keeps_shared_file());
}

void try_sockets() {
  attempt("tcp", connects_inet(SOCK_STREAM, "tcp"));
  attempt("udp", connects_inet(SOCK_DGRAM, "udp"));
  attempt("unix-path", connects_unix(aim("unix")));
  attempt("unix-abstract", connects_unix(std::string(1, '\0') + aim("abstract")));
  attempt("unix-pair-datagram", sends_from_pair(SOCK_DGRAM));
  attempt("unix-pair-raw", sends_from_pair(SOCK_RAW));
  attempt("packet", ::socket(AF_PACKET, SOCK_RAW, 0));
  int ends[2];
  attempt("pair", ::socketpair(AF_UNIX, SOCK_STREAM, 0, ends));
}

void try_kernel() {
  attempt("add-key", ::syscall(SYS_add_key, "user", "escape", "x", 1, -2 /* the process's own keyring */));
  attempt("bpf", makes_bpf_map());
  unsigned char parameters[120] = {};
  attempt("io-uring", ::syscall(SYS_io_uring_setup, 1, parameters));
  attempt("user-namespace", in_child([] { return ::unshare(CLONE_NEWUSER); }));
  attempt("clone-user-namespace", in_child([] {
            const long child = ::syscall(SYS_clone, CLONE_NEWUSER | SIGCHLD, 0, 0, 0, 0);
            if (child == 0) ::_exit(0);
            return child;
          }));
  attempt("clone3", ::syscall(SYS_clone3, nullptr, 0));
  attempt("mount", ::mount("none", "/no/such/folder", "tmpfs", 0, nullptr));
  attempt("fsopen", ::syscall(430, "tmpfs", 0));
  attempt("setns", in_child(enters_namespace));
  attempt("open-by-handle", ::syscall(SYS_open_by_handle_at, -1, nullptr, 0));
  attempt("terminal-input", ::ioctl(STDIN_FILENO, TIOCSTI, "x"));
  attempt("personality", in_child([] { return ::personality(ADDR_NO_RANDOMIZE); }));
  attempt("shared-memory", makes_shared_memory());
  attempt("session", stays_in_session());
}

}  // namespace

int main(int argc, char** argv) {
  for (int i = 1; i < argc; ++i) {
    const std::string_view argument = argv[i];
    const std::size_t equals = argument.find('=');
    if (equals != std::string_view::npos) aims[std::string(argument.substr(0, equals))] = argument.substr(equals + 1);
  }
  try_processes();
  try_files();
  try_sockets();
  try_kernel();
  std::puts("done 0");
  return 0;
}
