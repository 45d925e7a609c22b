// Whether a data directory that was found empty still waits for what it is to begin with
// (`bootstrap: latest-snapshot`): until every store has come back nobody is served, and a restart
// in the middle changes nothing of that. Threads: any, after Open(). Lifetime: files outlives it.
#pragma once

#include <atomic>
#include <filesystem>

#include "daemon/config/config.h"
#include "lib/core/result.h"
#include "lib/file/file_system.h"

namespace pannier::daemon {

class Bootstrap {
 public:
  Bootstrap(const Config& config, file::FileSystem& files);

  // Looks at the directory, before the stores are opened, which would make it look used.
  //   as ReadFile, ReplaceFile
  Status Open();
  // The directory is ours alone now. Who does not want to wait any more is served, and what there
  // is then is not replaced later.
  //   as ReplaceFile
  Status OnOwned();
  bool awaiting() const { return awaiting_; }
  // Everything that there was has come back; durable when it returns. Again: fine.
  Status Finish();

 private:
  Result<bool> IsEmpty() const;

  const std::filesystem::path directory_, memory_;
  const bool wanted_;
  file::FileSystem& files_;
  bool forgets_ = false;  // while opening only
  std::atomic<bool> awaiting_ = false;
};

}  // namespace pannier::daemon
