// Generated values and damaged messages. A failure prints its seed, which the
// loops below take as their counter, so it can be run again alone.
#include <gtest/gtest.h>

#include <functional>
#include <random>
#include <string>
#include <string_view>

#include "base/limits.h"
#include "base/utf8.h"
#include "protocol/codec.h"
#include "protocol/fabric.h"
#include "samples.h"

namespace skillscale {
namespace {

constexpr std::uint32_t kSeeds = 500;

class Generator {
 public:
  explicit Generator(std::uint32_t seed) : engine_(seed) {}

  std::size_t below(std::size_t bound) { return std::uniform_int_distribution<std::size_t>(0, bound - 1)(engine_); }
  bool coin() { return below(2) == 0; }
  double real() { return std::uniform_real_distribution<double>(0, 4e9)(engine_); }

  // At least one character; with quotes, controls and characters of one to four bytes.
  std::string text(bool with_nul) {
    static constexpr std::string_view kPieces[] = {
        "a", "Z", "\"", "\\", "\n",     "\t", "/", "{", "\x01", "\x7f", "ä", "€", "\xf0\x9f\x98\x80",
        " ", "]", ",",  ":",  "\\u0000"};
    std::string text;
    for (std::size_t i = below(20) + 1; i > 0; --i) text += kPieces[below(std::size(kPieces))];
    if (with_nul && coin()) text.push_back('\0');
    return text;
  }

  std::string bytes() {
    std::string bytes;
    for (std::size_t i = below(30); i > 0; --i) bytes.push_back(static_cast<char>(below(256)));
    return bytes;
  }

  std::string name() {
    static constexpr std::string_view kLetters = "abcXYZ0189._:-";
    std::string name = "n";
    for (std::size_t i = below(40); i > 0; --i) name += kLetters[below(kLetters.size())];
    return name;
  }

  Intent intent() {
    Intent intent;
    intent.address = {name(), name()};
    set_body(intent);
    if (coin()) intent.skill = name();
    if (!intent.skill.empty() && coin()) intent.skill_version = name();
    if (coin()) intent.script = text(false);
    for (std::size_t i = below(4); i > 0; --i) intent.args.push_back(text(false));
    if (coin()) intent.input_json = R"([1,2.50,{"k":"v"}])";
    for (std::size_t i = below(3); i > 0; --i) intent.files.push_back({text(false), bytes()});
    if (coin()) intent.env.emplace_back("NAME_1", text(false));
    if (coin()) intent.timestamp = real();
    if (coin()) intent.timeout = std::chrono::milliseconds(below(1000) + 1);
    if (coin()) intent.deadline = real();
    intent.priority = static_cast<int>(below(10));
    intent.idempotent = coin();
    if (coin()) intent.idempotency_key = name();
    intent.stream = coin();
    return intent;
  }

  Reply reply() {
    Reply reply;
    reply.request_id = name();
    reply.success = coin();
    reply.content = text(true);
    reply.error = coin() ? text(true) : "";
    reply.code = coin() ? name() : "";
    reply.timestamp = real();
    reply.skill = coin() ? name() : "";
    if (coin()) reply.exit = Reply::Exit{static_cast<int>(below(256)), std::nullopt, coin()};
    reply.stderr_tail = coin() ? text(true) : "";
    reply.truncated = {coin(), coin()};
    if (coin()) reply.timing_ms.run = real();
    reply.digest = coin() ? name() : "";
    if (coin()) reply.outputs_json = "{\"n\":" + std::to_string(below(1000)) + "}";
    for (std::size_t count = below(3); count > 0; --count) {
      reply.artifacts.push_back({.path = name(), .mime = name(), .sha256 = name(), .content = bytes()});
      reply.warnings.push_back(name());
    }
    if (coin()) reply.usage = Reply::Usage{real(), below(1000), below(1000), below(1000)};
    if (coin()) reply.last_seq = below(1000);
    reply.attempt = static_cast<std::uint32_t>(below(5) + 1);
    return reply;
  }

 private:
  // A plain text begins with a letter, so that it is no object by accident.
  void set_body(Intent& intent) {
    intent.structured = coin();
    if (intent.structured) {
      intent.body = R"({"data":[1, "x"],"query":"find"})";
      intent.task = "find";
      intent.stdin_data = coin() ? R"([1, "x"])" : text(true);
    } else {
      intent.body = "t" + text(true);
      intent.task = intent.body;
      intent.stdin_data = coin() ? intent.body : text(true);
    }
  }

  std::mt19937 engine_;
};

TEST(PropertyTest, AnIntentComesBackAsItWas) {
  for (std::uint32_t seed = 0; seed < kSeeds; ++seed) {
    const Intent intent = Generator(seed).intent();
    auto decoded = decode_intent(encode_intent(intent));
    ASSERT_TRUE(decoded) << "seed " << seed << ": " << decoded.error();
    ASSERT_EQ(*decoded, intent) << "seed " << seed << ": " << encode_intent(intent);
  }
}

TEST(PropertyTest, AReplyComesBackAsItWas) {
  for (std::uint32_t seed = 0; seed < kSeeds; ++seed) {
    const Reply reply = Generator(seed).reply();
    auto decoded = decode_reply(encode_reply(reply));
    ASSERT_TRUE(decoded) << "seed " << seed << ": " << decoded.error();
    ASSERT_EQ(*decoded, reply) << "seed " << seed;
  }
}

TEST(PropertyTest, AReplyOfAnyBytesIsValidUtf8) {
  for (std::uint32_t seed = 0; seed < kSeeds; ++seed) {
    Generator generator(seed);
    Reply reply = generator.reply();
    reply.content = generator.bytes();
    reply.stderr_tail = generator.bytes();
    const std::string encoded = encode_reply(reply);
    ASSERT_TRUE(is_valid_utf8(encoded)) << "seed " << seed;
    ASSERT_TRUE(decode_reply(encoded)) << "seed " << seed;
  }
}

// Whatever is accepted can be sent on and means the same there.
void expect_value_or_error(std::string_view bytes) {
  if (auto intent = decode_intent(bytes)) {
    auto again = decode_intent(encode_intent(*intent));
    ASSERT_TRUE(again) << bytes;
    ASSERT_EQ(*again, *intent) << bytes;
    const auto routing = decode_routing(bytes);
    ASSERT_TRUE(routing) << bytes;
    ASSERT_EQ(routing->address, intent->address) << bytes;
    ASSERT_EQ(find_return_address(bytes), intent->address) << bytes;
  } else {
    ASSERT_FALSE(intent.error().detail.empty());
    ASSERT_TRUE(is_valid_utf8(intent.error().detail)) << bytes;
    (void)decode_routing(bytes);
    (void)find_return_address(bytes);
  }
  if (auto reply = decode_reply(bytes)) {
    const auto again = decode_reply(encode_reply(*reply));
    ASSERT_TRUE(again) << bytes;
    ASSERT_EQ(*again, *reply) << bytes;
  }
  (void)parse_cancel(bytes);
  (void)parse_delivery_facts(bytes);
  (void)parse_announce(bytes);
}

void for_each_damage(const std::string& good, const std::function<void(const std::string&)>& check) {
  for (std::size_t size = 0; size < good.size(); ++size) check(good.substr(0, size));
  for (std::size_t bit = 0; bit < 8 * good.size(); ++bit) {
    std::string damaged = good;
    damaged[bit / 8] = static_cast<char>(static_cast<unsigned char>(damaged[bit / 8]) ^ (1U << (bit % 8)));
    check(damaged);
  }
}

TEST(PropertyTest, ADamagedIntentIsAValueOrAnError) {
  for (const Intent& intent : sample_intents()) for_each_damage(encode_intent(intent), expect_value_or_error);
}

TEST(PropertyTest, ADamagedReplyIsAValueOrAnError) {
  for (const Reply& reply : sample_replies()) for_each_damage(encode_reply(reply), expect_value_or_error);
}

TEST(PropertyTest, ADamagedAnnouncementIsAValueOrNothing) {
  const AnnounceFrame frame{"@g/T/default/i/5/", {{{"r1", "R"}, "T", ""}, {{"r2", "R"}, "T", "key"}}};
  for_each_damage(encode_announce(frame), [](const std::string& bytes) {
    const auto parsed = parse_announce(bytes);
    if (parsed) {
      ASSERT_EQ(parse_announce(encode_announce(*parsed)), parsed);
    }
  });
}

}  // namespace
}  // namespace skillscale
