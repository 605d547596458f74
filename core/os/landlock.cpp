#include "os/landlock.h"

#include <fcntl.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <unistd.h>

#include <array>
#include <cerrno>

namespace skillscale {
namespace {

// The kernel's interface; numbers and layouts never change once published.
constexpr long kCreateRuleset = 444;
constexpr long kAddRule = 445;
constexpr unsigned kCreateVersion = 1;
constexpr int kRulePathBeneath = 1;

struct RulesetAttributes {
  std::uint64_t handled_fs;
  std::uint64_t handled_net;  // Since ABI 4; the network is seccomp's matter here.
  std::uint64_t scoped;       // Since ABI 6.
};

struct [[gnu::packed]] PathBeneath {
  std::uint64_t allowed;
  std::int32_t parent_fd;
};

constexpr std::uint64_t bit(unsigned index) { return std::uint64_t{1} << index; }
constexpr std::uint64_t kExecute = bit(0), kWriteFile = bit(1), kReadFile = bit(2), kReadFolder = bit(3),
                        kRemoveFolder = bit(4), kRemoveFile = bit(5), kMakeDevice = bit(6) | bit(11),
                        kMakeFolder = bit(7), kMakeFile = bit(8), kMakeSocket = bit(9), kMakePipe = bit(10),
                        kMakeLink = bit(12), kMove = bit(13), kTruncate = bit(14), kDeviceIoctl = bit(15);
// Rights that a rule for something other than a folder may have.
constexpr std::uint64_t kFileRights = kExecute | kWriteFile | kReadFile | kTruncate | kDeviceIoctl;
constexpr std::uint64_t kScopeAbstractSockets = bit(0), kScopeSignals = bit(1);

// Rights by the ABI that brought them, cumulated.
constexpr std::uint64_t rights_of_abi(int abi) {
  std::uint64_t rights = bit(13) - 1;
  if (abi >= 2) rights |= kMove;
  if (abi >= 3) rights |= kTruncate;
  if (abi >= 5) rights |= kDeviceIoctl;
  return rights;
}

constexpr std::uint64_t rights_of(PathAccess access) {
  switch (access) {
    case PathAccess::read:
      return kExecute | kReadFile | kReadFolder;
    case PathAccess::write:
      return rights_of_abi(7) & ~kMakeDevice;
    case PathAccess::device:
      return kReadFile | kWriteFile | kTruncate | kDeviceIoctl;
    case PathAccess::shared_memory:
      return kReadFile | kWriteFile | kTruncate | kMakeFile | kRemoveFile;
  }
  return 0;
}

}  // namespace

int landlock_abi() noexcept {
  const long abi = ::syscall(kCreateRuleset, nullptr, 0, kCreateVersion);
  return abi > 0 ? static_cast<int>(abi) : 0;
}

LandlockPath::LandlockPath(Fd fd, const struct stat& status, PathAccess access)
    : fd_(std::move(fd)),
      device_(status.st_dev),
      inode_(status.st_ino),
      is_folder_(S_ISDIR(status.st_mode)),
      access_(access) {}

Result<LandlockPath> LandlockPath::open(const std::string& path, PathAccess access) {
  Fd fd(::open(path.c_str(), O_PATH | O_CLOEXEC));
  struct stat status {};
  if (!fd || ::fstat(fd.get(), &status) != 0) return Error::from_errno(ErrorCode::io_error, "open " + path);
  return LandlockPath(std::move(fd), status, access);
}

Result<LandlockRuleset> LandlockRuleset::create(int abi) {
  // A kernel accepts members that it does not know as long as they are zero.
  const RulesetAttributes attributes{.handled_fs = rights_of_abi(abi),
                                     .handled_net = 0,
                                     .scoped = abi >= 6 ? kScopeAbstractSockets | kScopeSignals : 0};
  Fd fd(static_cast<int>(::syscall(kCreateRuleset, &attributes, sizeof attributes, 0)));
  if (!fd) return Error::from_errno(ErrorCode::internal, "make a Landlock ruleset");
  return LandlockRuleset(std::move(fd), attributes.handled_fs);
}

Result<void> LandlockRuleset::allow(const LandlockPath& path) {
  const std::uint64_t rights = rights_of(path.access()) & (path.is_folder() ? ~std::uint64_t{0} : kFileRights);
  const PathBeneath rule{.allowed = rights & handled_, .parent_fd = path.fd()};
  if (::syscall(kAddRule, fd_.get(), kRulePathBeneath, &rule, 0) == 0) return {};
  return Error::from_errno(ErrorCode::internal, "add a Landlock rule");
}

}  // namespace skillscale
