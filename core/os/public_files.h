// Which files of a folder every user of the machine may read.
#pragma once

#include <string>
#include <vector>

namespace skillscale {

// A daemon that runs as root could read /etc/shadow, and so could what it starts:
// no sandbox that works with paths can take one file out of a folder that it allows.
// So the folder is divided once.
struct PublicFiles {
  std::vector<std::string> open;  // Files, and folders in which everything is open.
  struct Hidden {
    std::string path;
    bool is_folder;
  };
  std::vector<Hidden> hidden;
};

// Looks at modes only, through at most limits::kPublicFilesMax entries; folders
// beyond are hidden. Links are open: what they point to is judged where it lies.
PublicFiles find_public_files(const std::string& folder);

}  // namespace skillscale
