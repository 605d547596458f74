#include "live_view.h"

#include "agent-client/command_text.h"
#include "agent-client/terminal_text.h"
#include "console.h"

namespace skillscale::cli {

LiveView::LiveView(bool json) : json_(json), draws_(error_is_terminal() && environment("TERM") != "dumb") {}

bool LiveView::show(const agent::Event& event) {
  if (json_) return output_is_terminal() ? write_for_reader(event.json) : write_output(event.json + "\n");
  const bool begun_anew = !server_.empty() && event.server != server_;
  server_ = event.server;
  if (event.missed > 0 || begun_anew) lost();
  switch (event.kind) {
    case agent::Event::Kind::accepted:
    case agent::Event::Kind::started:
      return true;
    case agent::Event::Kind::out:
      return show_output(event.data);
    case agent::Event::Kind::err:
      show_errors(event.data);
      return true;
    case agent::Event::Kind::progress:
      show_progress(event);
      return true;
    case agent::Event::Kind::artifact:
      clear_bar();
      write_note("artifact " + agent::for_terminal_line(event.path, 200) + " (" +
                 (event.mime.empty() ? "" : agent::for_terminal_line(event.mime, 80) + ", ") +
                 std::to_string(event.size) + " bytes)");
      return true;
  }
  return true;
}

void LiveView::lost() {
  if (json_ || shown_.has_gap()) return;
  clear_bar();
  write_note("some of the output was lost on its way or came from a run that was given up; the rest comes at the end");
  shown_.gap();
}

bool LiveView::show_output(const std::string& data) {
  if (!shown_.add(data)) return true;
  clear_bar();
  return write_output(output_is_terminal() ? agent::for_terminal(data) : data);
}

void LiveView::show_errors(const std::string& data) {
  showed_errors_ = true;
  clear_bar();
  write_error_bytes(error_is_terminal() ? agent::for_terminal(data) : data);
  mid_line_ = !data.ends_with('\n');
}

void LiveView::show_progress(const agent::Event& event) {
  if (!draws_) return write_note(agent::progress_line(event.progress, event.message));
  // Never into a line of the skill.
  const bool output_mid_line = output_is_terminal() && !shown_.ends_line();
  if (mid_line_ || output_mid_line) write_error_bytes("\n");
  mid_line_ = false;
  write_error_bytes("\r" + agent::progress_bar(event.progress, event.message, error_terminal_width()) + "\x1b[K");
  bar_ = true;
}

void LiveView::clear_bar() {
  if (bar_) write_error_bytes("\r\x1b[K");
  bar_ = false;
}

bool LiveView::finish(const agent::Reply& reply, const std::vector<agent::Proxy>& proxies) {
  if (json_) return output_is_terminal() ? write_for_reader(reply.json) : write_output(reply.json + "\n");
  clear_bar();
  if (mid_line_) write_error_bytes("\n");
  const std::string_view rest = shown_.rest_of(reply.content);
  // As without --stream: a terminal gets a whole last line, a pipe what the skill wrote.
  const bool needs_end = output_is_terminal() && rest.empty() && !shown_.ends_line();
  const bool written = rest.empty() ? write_output(needs_end ? "\n" : "") : write_for_reader(rest);
  if (!reply.success) {
    agent::Reply without = reply;
    if (showed_errors_) without.stderr_tail.clear();
    write_error(agent::failure_text(without, proxies));
  } else if (output_is_terminal()) {
    write_note("[" + agent::summary_line(reply) + "]");
  }
  return written;
}

}  // namespace skillscale::cli
