#include "os/fd.h"

#include <fcntl.h>
#include <gtest/gtest.h>
#include <unistd.h>

#include <utility>

namespace skillscale {
namespace {

int open_something() { return ::open("/dev/null", O_RDONLY | O_CLOEXEC); }
bool is_open(int fd) { return ::fcntl(fd, F_GETFD) != -1; }

TEST(FdTest, NothingIsOwnedAtFirst) {
  const Fd fd;
  EXPECT_FALSE(fd);
  EXPECT_EQ(fd.get(), -1);
}

TEST(FdTest, TheDescriptorIsClosedWithItsOwner) {
  const int number = open_something();
  {
    const Fd fd(number);
    EXPECT_TRUE(is_open(number));
  }
  EXPECT_FALSE(is_open(number));
}

TEST(FdTest, MovingPassesTheDescriptorOn) {
  const int number = open_something();
  Fd first(number);
  Fd second(std::move(first));
  EXPECT_EQ(second.get(), number);
  EXPECT_TRUE(is_open(number));
}

TEST(FdTest, AssigningClosesWhatWasOwnedBefore) {
  const int old_number = open_something();
  const int new_number = open_something();
  Fd fd(old_number);
  fd = Fd(new_number);
  EXPECT_FALSE(is_open(old_number));
  EXPECT_TRUE(is_open(new_number));
}

TEST(FdTest, AReleasedDescriptorStaysOpen) {
  const int number = open_something();
  {
    Fd fd(number);
    EXPECT_EQ(fd.release(), number);
    EXPECT_FALSE(fd);
  }
  EXPECT_TRUE(is_open(number));
  ::close(number);
}

}  // namespace
}  // namespace skillscale
