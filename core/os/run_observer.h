// Who watches a run while it goes on.
#pragma once

#include <cstdint>
#include <string_view>

namespace skillscale {

enum class OutputStream : std::uint8_t { out, err };

// Called on the thread that supervises the run.
class RunObserver {
 public:
  RunObserver() = default;
  RunObserver(const RunObserver&) = delete;
  RunObserver& operator=(const RunObserver&) = delete;
  virtual ~RunObserver() = default;

  virtual void on_output(OutputStream stream, std::string_view bytes) = 0;  // Up to the cap of that stream.
  virtual void on_event_line(std::string_view line) = 0;                    // Without its newline.
  // False: the child's pipes are not read, so that it waits, until room_fd() is readable.
  virtual bool has_room() = 0;
  virtual int room_fd() const noexcept = 0;
  // Once, at the end: so many lines were too long, or there never was room for them.
  virtual void on_lines_dropped(std::uint64_t /*lines*/) {}
};

}  // namespace skillscale
