#include "daemon/logging.h"

#include <spdlog/logger.h>
#include <spdlog/pattern_formatter.h>
#include <spdlog/sinks/stdout_color_sinks.h>

#include <atomic>
#include <cstdlib>
#include <exception>
#include <memory>
#include <utility>

#include "base/check.h"
#include "daemon/log_line.h"

namespace skillscale::log {
namespace {

spdlog::level::level_enum to_spdlog(Level level) noexcept {
  switch (level) {
    case Level::debug:
      return spdlog::level::debug;
    case Level::info:
      return spdlog::level::info;
    case Level::warn:
      return spdlog::level::warn;
    case Level::error:
      return spdlog::level::err;
  }
  return spdlog::level::info;
}

Level from_spdlog(spdlog::level::level_enum level) noexcept {
  switch (level) {
    case spdlog::level::trace:
    case spdlog::level::debug:
      return Level::debug;
    case spdlog::level::warn:
      return Level::warn;
    case spdlog::level::err:
    case spdlog::level::critical:
      return Level::error;
    default:
      return Level::info;
  }
}

// Time and level in front of a text line; the sink colours the level.
class TextFormatter final : public spdlog::formatter {
 public:
  void format(const spdlog::details::log_msg& message, spdlog::memory_buf_t& out) override {
    append(out, timestamp(message.time));
    append(out, " ");
    message.color_range_start = out.size();
    append(out, padded_name_of(from_spdlog(message.level)));
    message.color_range_end = out.size();
    append(out, " ");
    append(out, {message.payload.data(), message.payload.size()});
    append(out, "\n");
  }
  std::unique_ptr<spdlog::formatter> clone() const override { return std::make_unique<TextFormatter>(); }

 private:
  static void append(spdlog::memory_buf_t& out, std::string_view text) {
    out.append(text.data(), text.data() + text.size());
  }
};

class Log {
 public:
  Log(std::string_view program, Level level, Format format) : program_(program), level_(level), format_(format) {
    // spdlog shares its sinks; this one has one owner.
    auto sink = std::make_shared<spdlog::sinks::stderr_color_sink_mt>();
    if (format == Format::json || std::getenv("NO_COLOR") != nullptr) {
      sink->set_color_mode(spdlog::color_mode::never);
    }
    if (format == Format::json) {
      sink->set_formatter(std::make_unique<spdlog::pattern_formatter>("%v", spdlog::pattern_time_type::utc, "\n"));
    } else {
      sink->set_formatter(std::make_unique<TextFormatter>());
    }
    logger_ = std::make_unique<spdlog::logger>(program_, std::move(sink));
    logger_->set_level(spdlog::level::trace);
    logger_->set_error_handler([](const std::string&) {});
  }

  bool enabled(Level level) const noexcept { return level >= level_; }

  void write(Level level, std::string_view message, Fields fields) const {
    const auto now = std::chrono::system_clock::now();
    const std::string line =
        format_ == Format::json ? json_line(now, level, program_, message, fields) : text_line(message, fields);
    logger_->log(now, spdlog::source_loc{}, to_spdlog(level), spdlog::string_view_t(line.data(), line.size()));
  }

 private:
  const std::string program_;
  const Level level_;
  const Format format_;
  std::unique_ptr<spdlog::logger> logger_;
};

std::atomic<const Log*> started{nullptr};

// Never destroyed: other threads may still write while the process exits.
const Log& current() {
  if (const Log* log = started.load(std::memory_order_acquire)) return *log;
  static const Log* const before_start = std::make_unique<Log>("", Level::info, Format::text).release();
  return *before_start;
}

}  // namespace

void start(std::string_view program, Level level, Format format) {
  const Log* nothing = nullptr;
  auto log = std::make_unique<Log>(program, level, format);
  SK_CHECK(started.compare_exchange_strong(nothing, log.release(), std::memory_order_acq_rel));
}

bool enabled(Level level) noexcept {
  const Log* log = started.load(std::memory_order_acquire);
  return log == nullptr ? level >= Level::info : log->enabled(level);
}

void write(Level level, std::string_view message, Fields fields) {
  if (!enabled(level)) return;
  try {
    current().write(level, message, fields);
  } catch (const std::exception&) {
    // A line is not worth a daemon: out of memory here, the caller may still manage.
  }
}

}  // namespace skillscale::log
