#include "line_reader.h"

#include <histedit.h>
#include <poll.h>
#include <unistd.h>

#include <csignal>
#include <cstdio>
#include <cwchar>
#include <utility>

#include "base/limits.h"

namespace skillscale::cli {
namespace {

constexpr int kHistoryLines = 500;

}  // namespace

struct LineReader::Editor {
  Editor(std::string text, Shutdown& signals) : prompt(std::move(text)), shutdown(signals) {
    if (::isatty(STDIN_FILENO) != 1 || ::isatty(STDOUT_FILENO) != 1) return;
    line = el_init("skillscale", stdin, stdout, stderr);
    if (line == nullptr) return;
    past = history_init();
    HistEvent event{};
    if (past != nullptr) history(past, &event, H_SETSIZE, kHistoryLines);
    el_set(line, EL_CLIENTDATA, this);
    el_set(line, EL_PROMPT, &Editor::prompt_of);
    el_set(line, EL_EDITOR, "emacs");
    el_set(line, EL_HIST, history, past);
    el_set(line, EL_GETCFN, &Editor::read_character);
    el_source(line, nullptr);  // The user's ~/.editrc.
  }
  ~Editor() {
    if (past != nullptr) history_end(past);
    if (line != nullptr) el_end(line);
  }
  Editor(const Editor&) = delete;
  Editor& operator=(const Editor&) = delete;

  static Editor& of(EditLine* line) {
    void* self = nullptr;
    el_get(line, EL_CLIENTDATA, &self);
    return *static_cast<Editor*>(self);
  }
  static char* prompt_of(EditLine* line) { return of(line).prompt.data(); }
  static int read_character(EditLine* line, wchar_t* character);

  // False: a signal or the end. One byte at a time, for the pipe may also be the data of a `pub - `.
  bool read_byte(char& byte);
  Outcome read_edited(std::string& text);
  Outcome read_plain(std::string& text);
  Outcome ended() const { return interrupted ? Outcome::interrupted : Outcome::end; }

  std::string prompt;
  Shutdown& shutdown;
  EditLine* line = nullptr;  // Null: not a terminal.
  History* past = nullptr;
  bool interrupted = false;
};

bool LineReader::Editor::read_byte(char& byte) {
  while (true) {
    pollfd waits[] = {{STDIN_FILENO, POLLIN, 0}, {shutdown.fd(), POLLIN, 0}};
    ::poll(waits, std::size(waits), -1);  // A person may think for as long as they like.
    if (const auto signal = shutdown.take_signal()) {
      interrupted = *signal == SIGINT;
      return false;
    }
    if (waits[0].revents != 0) return ::read(STDIN_FILENO, &byte, 1) == 1;
  }
}

// The bytes of one character, as libedit wants it.
int LineReader::Editor::read_character(EditLine* line, wchar_t* character) {
  Editor& self = of(line);
  std::mbstate_t state{};
  char byte = 0;
  while (self.read_byte(byte)) {
    const std::size_t used = std::mbrtowc(character, &byte, 1, &state);
    if (used == static_cast<std::size_t>(-1)) {
      state = {};
      continue;  // Not a character of this locale.
    }
    if (used != static_cast<std::size_t>(-2)) return 1;
  }
  return 0;
}

LineReader::Outcome LineReader::Editor::read_edited(std::string& text) {
  int length = 0;
  const char* got = el_gets(line, &length);
  if (interrupted || got == nullptr || length <= 0) {
    std::fputs("\n", stdout);
    if (interrupted) el_reset(line);
    return ended();
  }
  text.assign(got, static_cast<std::size_t>(length));
  HistEvent event{};
  if (past != nullptr && text.find_first_not_of(" \t\n") != std::string::npos) history(past, &event, H_ENTER, got);
  return Outcome::line;
}

LineReader::Outcome LineReader::Editor::read_plain(std::string& text) {
  char byte = 0;
  while (read_byte(byte)) {
    if (byte == '\n') return Outcome::line;
    // Past the bound the end of the line is dropped; publishing would refuse it anyway.
    if (text.size() <= limits::kMessageBytesMax) text += byte;
  }
  if (interrupted) return Outcome::interrupted;
  return text.empty() ? Outcome::end : Outcome::line;
}

LineReader::LineReader(std::string prompt, Shutdown& shutdown)
    : editor_(std::make_unique<Editor>(std::move(prompt), shutdown)) {}

LineReader::~LineReader() = default;

bool LineReader::interactive() const noexcept { return editor_->line != nullptr; }

LineReader::Outcome LineReader::read(std::string& line) {
  line.clear();
  editor_->interrupted = false;
  return editor_->line != nullptr ? editor_->read_edited(line) : editor_->read_plain(line);
}

}  // namespace skillscale::cli
