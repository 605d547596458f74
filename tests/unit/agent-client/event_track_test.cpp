// Which events are new: gaps, repeats, and runs that replace each other.
#include "agent-client/event_track.h"

#include <gtest/gtest.h>

#include <optional>
#include <string>

namespace skillscale::agent {
namespace {

skillscale::Event event(std::uint64_t seq, const std::string& server = "a", std::uint32_t attempt = 1) {
  skillscale::Event made;
  made.kind = seq == 0 ? EventKind::accepted : seq == 1 ? EventKind::started : EventKind::out;
  made.seq = seq;
  made.server = server;
  made.attempt = attempt;
  return made;
}

TEST(EventTrackTest, EventsInOrderMissNothing) {
  EventTrack track;
  for (std::uint64_t seq = 0; seq < 5; ++seq) EXPECT_EQ(track.take(event(seq)), 0U);
  EXPECT_EQ(track.missed_until(4, "a"), 0U);
}

TEST(EventTrackTest, AGapIsToldOnceAndCountedAtTheEnd) {
  EventTrack track;
  EXPECT_EQ(track.take(event(0)), 0U);
  EXPECT_EQ(track.take(event(4)), 3U);
  EXPECT_EQ(track.take(event(5)), 0U);
  EXPECT_EQ(track.missed_until(7, "a"), 5U);
}

TEST(EventTrackTest, ARepeatIsIgnored) {
  EventTrack track;
  track.take(event(0));
  track.take(event(1));
  EXPECT_FALSE(track.take(event(0)));
  EXPECT_FALSE(track.take(event(1)));
  EXPECT_EQ(track.take(event(2)), 0U);
}

TEST(EventTrackTest, WhoJoinsLateHasMissedTheBeginning) {
  EventTrack track;
  EXPECT_EQ(track.take(event(7)), 7U);
  EXPECT_EQ(track.missed_until(7, "a"), 7U);
}

TEST(EventTrackTest, AnEventThatWasDroppedHereCountsAsMissed) {
  EventTrack track;
  track.take(event(0));
  track.take(event(1));
  track.dropped();
  track.dropped();
  EXPECT_EQ(track.missed_until(1, "a"), 2U);
  EXPECT_EQ(track.take(event(2)), 2U);
  EXPECT_EQ(track.missed_until(2, "a"), 2U);
}

TEST(EventTrackTest, ALaterAttemptReplacesARunAndTheOldOneIsIgnoredFromThenOn) {
  EventTrack track;
  track.take(event(0));
  track.take(event(9));
  EXPECT_EQ(track.take(event(0, "b", 2)), 0U);
  EXPECT_FALSE(track.take(event(10)));
  EXPECT_EQ(track.take(event(1, "b", 2)), 0U);
  EXPECT_EQ(track.missed_until(1, "b"), 0U);
}

TEST(EventTrackTest, AnotherServerOfTheSameAttemptReplacesARunOnlyWhenItBegins) {
  EventTrack track;
  track.take(event(0));
  track.take(event(1));
  EXPECT_FALSE(track.take(event(5, "b")));
  EXPECT_EQ(track.take(event(0, "b")), 0U);
  EXPECT_FALSE(track.take(event(2)));
}

TEST(EventTrackTest, ARunThatIsFoundAgainKeepsItsNumbersWhateverTheAttempt) {
  EventTrack track;
  track.take(event(0, "a", 2));
  EXPECT_EQ(track.take(event(1, "a", 1)), 0U);
}

TEST(EventTrackTest, AReplyOfARunWithoutAnyEventHasMissedAllOfThem) {
  EventTrack track;
  EXPECT_EQ(track.missed_until(3, "a"), 4U);
  track.take(event(0));
  EXPECT_EQ(track.missed_until(3, "b"), 4U);
}

}  // namespace
}  // namespace skillscale::agent
