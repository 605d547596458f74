// The filters in real children: each check runs in a process of its own, which
// takes the filter on and tells the errno that it got.
#include "os/seccomp_filter.h"

#include <fcntl.h>
#include <gtest/gtest.h>
#include <linux/seccomp.h>
#include <sys/prctl.h>
#include <sys/socket.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

#include <cerrno>
#include <csignal>
#include <functional>

#include "support/in_child.h"

namespace skillscale {
namespace {

using testing::kSucceeded;

// The errno of `action` under `filter`; 0: it succeeded.
int error_under(const SeccompFilter& filter, const std::function<long()>& action) {
  return testing::error_in_child(
      [&] {
        return ::prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0) == 0 &&
               ::syscall(SYS_seccomp, SECCOMP_SET_MODE_FILTER, 0, filter.program()) == 0;
      },
      action);
}

class SeccompFilterTest : public ::testing::Test {
 protected:
  static SeccompFilter standard(bool network = false, int landlock_abi = 7) {
    auto filter = make_standard_filter({.network = network,
                                        .landlock_abi = landlock_abi,
                                        .protected_processes = {::getpid()},
                                        .protected_groups = {::getpgrp()}});
    EXPECT_TRUE(filter) << filter.error();
    return *std::move(filter);
  }
  static SeccompFilter pinned() {
    auto filter = make_pinned_filter();
    EXPECT_TRUE(filter) << filter.error();
    return *std::move(filter);
  }
};

TEST_F(SeccompFilterTest, APinnedProcessStaysInItsSessionAndGroupAndDoesNotNotice) {
  const pid_t group = ::getpgrp();
  EXPECT_EQ(error_under(pinned(), [=] { return ::setsid() == 0 && ::getpgrp() == group ? 0 : -1; }), kSucceeded);
  EXPECT_EQ(error_under(pinned(), [=] { return ::setpgid(0, 0) == 0 && ::getpgrp() == group ? 0 : -1; }), kSucceeded);
}

TEST_F(SeccompFilterTest, ThePinForbidsNothingElse) {
  EXPECT_EQ(error_under(pinned(), [] { return ::socket(AF_UNIX, SOCK_STREAM, 0); }), kSucceeded);
}

TEST_F(SeccompFilterTest, SocketsAreRefusedWithoutNetwork) {
  for (const int family : {AF_UNIX, AF_INET, AF_INET6, AF_NETLINK, AF_PACKET, AF_VSOCK, AF_ALG, 0, 45, 1000, -1}) {
    EXPECT_EQ(error_under(standard(), [=] { return ::socket(family, SOCK_DGRAM, 0); }), EACCES) << family;
  }
}

TEST_F(SeccompFilterTest, TheNetworkMeansInternetSocketsAndTheRoutesThatNameLookupsReadAndNothingElse) {
  const SeccompFilter filter = standard(true);
  EXPECT_EQ(error_under(filter, [] { return ::socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0); }), kSucceeded);
  EXPECT_EQ(error_under(filter, [] { return ::socket(AF_NETLINK, SOCK_RAW, 0); }), kSucceeded);
  for (const int family : {AF_UNIX, AF_PACKET, AF_VSOCK, AF_ALG, 0, 45, 1000, -1}) {
    EXPECT_EQ(error_under(filter, [=] { return ::socket(family, SOCK_DGRAM, 0); }), EACCES) << family;
  }
  EXPECT_EQ(error_under(filter, [] { return ::socket(AF_NETLINK, SOCK_RAW, 15); }), EACCES);
  // The kernel looks at 32 bits of the family only.
  EXPECT_EQ(error_under(filter, [] { return ::syscall(SYS_socket, (1L << 32) | AF_UNIX, SOCK_STREAM, 0); }), EACCES);
}

TEST_F(SeccompFilterTest, PairsOfStreamSocketsStayAndPairsOfDatagramSocketsDoNot) {
  const auto pair = [](int type) {
    return [=] {
      int ends[2];
      return ::socketpair(AF_UNIX, type, 0, ends);
    };
  };
  EXPECT_EQ(error_under(standard(), pair(SOCK_STREAM | SOCK_CLOEXEC)), kSucceeded);
  EXPECT_EQ(error_under(standard(), pair(SOCK_SEQPACKET)), kSucceeded);
  EXPECT_EQ(error_under(standard(), pair(SOCK_DGRAM)), EACCES);
  EXPECT_EQ(error_under(standard(), pair(SOCK_DGRAM | SOCK_NONBLOCK)), EACCES);
  EXPECT_EQ(error_under(standard(), pair(SOCK_RAW)), EACCES);
}

TEST_F(SeccompFilterTest, TheDaemonAndEverybodyAtOnceCannotBeSignalled) {
  const pid_t daemon = ::getpid();
  const pid_t group = ::getpgrp();
  const SeccompFilter filter = standard();
  EXPECT_EQ(error_under(filter, [=] { return ::kill(daemon, 0); }), EPERM);
  EXPECT_EQ(error_under(filter, [=] { return ::kill(-group, 0); }), EPERM);
  EXPECT_EQ(error_under(filter, [=] { return ::kill(-1, 0); }), EPERM);
  EXPECT_EQ(error_under(filter, [=] { return ::syscall(SYS_kill, (5L << 32) | daemon, 0); }), EPERM);
  EXPECT_EQ(error_under(filter, [=] { return ::syscall(SYS_tgkill, daemon, daemon, 0); }), EPERM);
  EXPECT_EQ(error_under(filter, [=] { return ::syscall(SYS_tkill, daemon, 0); }), EPERM);
  EXPECT_EQ(error_under(filter, [=] { return ::syscall(SYS_pidfd_open, daemon, 0); }), EPERM);
  EXPECT_EQ(error_under(filter, [] { return ::kill(::getpid(), 0); }), kSucceeded);
}

TEST_F(SeccompFilterTest, ForksStayAndNamespacesDoNot) {
  const SeccompFilter filter = standard();
  EXPECT_EQ(error_under(filter,
                        [] {
                          const pid_t child = ::fork();
                          if (child == 0) ::_exit(0);
                          return child;
                        }),
            kSucceeded);
  for (const unsigned long flag : {0x00020000UL, 0x10000000UL, 0x20000000UL, 0x40000000UL}) {
    EXPECT_EQ(error_under(filter, [=] { return ::syscall(SYS_clone, flag | SIGCHLD, 0, 0, 0, 0); }), EPERM) << flag;
  }
  EXPECT_EQ(error_under(filter, [] { return ::syscall(SYS_clone3, nullptr, 0); }), ENOSYS);
  EXPECT_EQ(error_under(filter, [] { return ::syscall(SYS_unshare, 0x10000000); }), EPERM);
}

TEST_F(SeccompFilterTest, WhatLandlockCannotYetStopOnOldKernelsIsStoppedHere) {
  const auto truncating = [] { return ::openat(AT_FDCWD, "/dev/null", O_RDONLY | O_TRUNC | O_CLOEXEC); };
  EXPECT_EQ(error_under(standard(false, 2), truncating), EACCES);
  EXPECT_EQ(error_under(standard(false, 3), truncating), kSucceeded);
  EXPECT_EQ(error_under(standard(false, 2), [] { return ::truncate("/no/such/file", 0); }), EACCES);
  EXPECT_EQ(error_under(standard(false, 3), [] { return ::truncate("/no/such/file", 0); }), ENOENT);
  EXPECT_EQ(error_under(standard(false, 2), [] { return ::open("/dev/null", O_WRONLY | O_TRUNC | O_CLOEXEC); }),
            kSucceeded);
}

TEST_F(SeccompFilterTest, WithNobodyToProtectSignalsAreFree) {
  auto filter =
      make_standard_filter({.network = false, .landlock_abi = 7, .protected_processes = {}, .protected_groups = {}});
  ASSERT_TRUE(filter) << filter.error();
  const pid_t parent = ::getpid();
  EXPECT_EQ(error_under(*filter, [=] { return ::kill(parent, 0); }), kSucceeded);
}

TEST_F(SeccompFilterTest, TheAllowListHasWhatProgramsUseAndNothingElse) {
  const auto filter = make_allow_list_filter();
  ASSERT_TRUE(filter) << filter.error();
  EXPECT_EQ(error_under(*filter, [] { return ::open("/dev/null", O_RDWR | O_CLOEXEC); }), kSucceeded);
  EXPECT_EQ(error_under(*filter,
                        [] {
                          const pid_t child = ::fork();
                          if (child == 0) ::_exit(0);
                          return ::waitpid(child, nullptr, 0);
                        }),
            kSucceeded);
  for (const long number : {long{SYS_ptrace}, long{SYS_mount}, long{SYS_bpf}, long{SYS_clone3}, long{SYS_kcmp},
                            long{SYS_swapon}, long{SYS_acct}, 999L, 100000L}) {
    EXPECT_EQ(error_under(*filter, [=] { return ::syscall(number, 0, 0, 0, 0, 0, 0); }), ENOSYS) << number;
  }
}

TEST_F(SeccompFilterTest, TheStandardFilterSpeaksFirstWhenItLiesOnTheAllowList) {
  const auto list = make_allow_list_filter();
  ASSERT_TRUE(list) << list.error();
  const SeccompFilter filter = standard();
  const auto under_both = [&](const std::function<long()>& action) {
    return testing::error_in_child(
        [&] {
          return ::prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0) == 0 &&
                 ::syscall(SYS_seccomp, SECCOMP_SET_MODE_FILTER, 0, list->program()) == 0 &&
                 ::syscall(SYS_seccomp, SECCOMP_SET_MODE_FILTER, 0, filter.program()) == 0;
        },
        action);
  };
  EXPECT_EQ(under_both([] { return ::syscall(SYS_ptrace, 0, 0, 0, 0); }), EPERM);
  EXPECT_EQ(under_both([] { return ::setsid(); }), kSucceeded);
  EXPECT_EQ(under_both([] { return ::socket(AF_INET, SOCK_STREAM, 0); }), EACCES);
}

#ifdef __x86_64__
TEST_F(SeccompFilterTest, TheOtherCallNumbersOfTheMachineAreRefused) {
  constexpr long kX32 = 0x40000000;
  EXPECT_EQ(error_under(standard(), [] { return ::syscall(kX32 | SYS_getpid); }), ENOSYS);
}
#endif

}  // namespace
}  // namespace skillscale
