// Lines of the shell: with history and editing on a terminal, plain from a pipe.
#pragma once

#include <memory>
#include <string>

#include "os/shutdown.h"

namespace skillscale::cli {

class LineReader {
 public:
  enum class Outcome { line, interrupted, end };

  // Borrows `shutdown`, which has SIGINT and SIGTERM.
  LineReader(std::string prompt, Shutdown& shutdown);
  ~LineReader();

  // `interrupted`: Ctrl-C, the line is dropped. `end`: end of file, or SIGTERM.
  Outcome read(std::string& line);

  bool interactive() const noexcept;  // A person types.

 private:
  struct Editor;
  std::unique_ptr<Editor> editor_;
};

}  // namespace skillscale::cli
