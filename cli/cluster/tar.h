// A tar archive (POSIX ustar) of a few small files, built in memory. Threads: one.
#pragma once

#include <string>
#include <string_view>

#include "lib/core/clock.h"
#include "lib/core/result.h"

namespace pannier::cluster {

class Tar {
 public:
  explicit Tar(WallTime time) : time_(time) {}
  // A file that everybody of the owner's may read and nobody else.
  //   kInvalidArgument  the path is empty or longer than 100 bytes
  Status Add(std::string_view path, std::string_view bytes);
  // The archive; nothing can be added any more.
  std::string Take();

 private:
  const WallTime time_;
  std::string bytes_;
};

}  // namespace pannier::cluster
