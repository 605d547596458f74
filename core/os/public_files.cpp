#include "os/public_files.h"

#include <filesystem>
#include <iterator>
#include <system_error>
#include <utility>

#include "base/limits.h"

namespace skillscale {
namespace {

namespace fs = std::filesystem;

class Search {
 public:
  // True when everything in `folder` is open; then nothing was added to `open`.
  bool look(const fs::path& folder, PublicFiles& found, std::size_t depth) {
    std::vector<std::string> open;
    const std::size_t hidden_before = found.hidden.size();
    std::error_code failed;
    fs::directory_iterator entry(folder, failed);
    for (const fs::directory_iterator end; !failed && entry != end; entry.increment(failed)) {
      PublicFiles below;
      if (judge(*entry, below, depth)) {
        open.push_back(entry->path().native());
      } else {
        move_to(found.open, below.open);
        move_to(found.hidden, below.hidden);
      }
    }
    if (!failed && found.hidden.size() == hidden_before) return true;
    move_to(found.open, open);
    return false;
  }

 private:
  template <typename T>
  static void move_to(std::vector<T>& all, std::vector<T>& some) {
    all.insert(all.end(), std::make_move_iterator(some.begin()), std::make_move_iterator(some.end()));
  }

  bool judge(const fs::directory_entry& entry, PublicFiles& below, std::size_t depth) {
    std::error_code failed;
    const fs::file_status status = entry.symlink_status(failed);
    if (!failed && fs::is_symlink(status)) return true;
    const bool is_folder = fs::is_directory(status);
    const fs::perms needed = is_folder ? fs::perms::others_read | fs::perms::others_exec : fs::perms::others_read;
    const bool open = !failed && (status.permissions() & needed) == needed && ++seen_ <= limits::kPublicFilesMax &&
                      depth < limits::kPublicFilesDepthMax;
    if (open && (!is_folder || look(entry.path(), below, depth + 1))) return true;
    if (!open) below.hidden.push_back({entry.path().native(), is_folder});
    return false;
  }

  std::size_t seen_ = 0;
};

}  // namespace

PublicFiles find_public_files(const std::string& folder) {
  PublicFiles found;
  if (Search().look(folder, found, 0)) found.open.push_back(folder);
  return found;
}

}  // namespace skillscale
