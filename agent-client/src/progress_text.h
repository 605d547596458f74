// How the command shows a run that goes on. Pure.
#pragma once

#include <cstddef>
#include <string>
#include <string_view>

namespace skillscale::agent {

// One line of at most `columns` columns without its end, safe for a terminal: "[######------]  40% message".
// Where there is little room the message is cut, then the bar is left out.
std::string progress_bar(double progress, std::string_view message, std::size_t columns);

// "[ 40%] message".
std::string progress_line(double progress, std::string_view message);

// What has been shown of a result while it came, so that none of it is shown twice.
class ShownOutput {
 public:
  // True: show it. After a gap nothing more is shown until the end.
  bool add(std::string_view chunk);
  void gap() noexcept { gap_ = true; }
  bool has_gap() const noexcept { return gap_; }
  // What of the reply's content is left to show: the end of it, or all if it is not what came before.
  std::string_view rest_of(std::string_view content) const;
  bool ends_line() const noexcept { return text_.empty() || text_.back() == '\n'; }

 private:
  std::string text_;  // As in the reply: malformed bytes are U+FFFD there.
  bool gap_ = false;
};

}  // namespace skillscale::agent
