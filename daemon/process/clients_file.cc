#include "daemon/process/clients_file.h"

#include <utility>

namespace pannier::daemon {

bool ClientsFile::TakeWhenUnused() {
  if (ours_) return true;
  Result<file::FileLock> lock = file::FileLock::Acquire(path_);
  if (!lock.ok()) return lock.error().code == Errc::kNotFound;
  ours_ = std::move(lock).value();
  return true;
}

}  // namespace pannier::daemon
