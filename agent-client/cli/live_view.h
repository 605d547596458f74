// Shows what a run tells while it goes on, then its reply: `publish --stream`.
#pragma once

#include <string>
#include <string_view>
#include <vector>

#include "agent-client/progress_text.h"
#include "skillscale/agent_client.h"

namespace skillscale::cli {

// Owned by one thread. stdout of the skill goes to standard output as it comes; everything else goes to standard
// error: progress as one line that is drawn again and again where that is a terminal, else line by line.
// With JSON every event is one line of standard output.
class LiveView {
 public:
  explicit LiveView(bool json);

  // False when nobody reads standard output any more.
  bool show(const agent::Event& event);
  // An event could not be taken: what is missing comes with the reply.
  void lost();
  // What has not been shown yet. False as above.
  bool finish(const agent::Reply& reply, const std::vector<agent::Proxy>& proxies);

 private:
  bool show_output(const std::string& data);
  void show_errors(const std::string& data);
  void show_progress(const agent::Event& event);
  void clear_bar();

  const bool json_;
  const bool draws_;  // Standard error can be drawn on.
  agent::ShownOutput shown_;
  std::string server_;  // Whose run is shown.
  bool showed_errors_ = false;
  bool bar_ = false;       // It stands in the last line.
  bool mid_line_ = false;  // Standard error is in the middle of a line of the skill.
};

}  // namespace skillscale::cli
