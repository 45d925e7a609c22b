// Looks for damage where nobody reads: idle stores are copied and checked in full, one after the
// other, at a bounded rate, each again after a while. Gives way: it looks at a store only while no
// operation runs or waits, and begins anew later. When a store was looked at is kept in a file of
// the data directory (docs/formats/data-directory.md).
// Threads: Step() by one. Lifetime: what it is given outlives it.
#pragma once

#include <chrono>
#include <functional>
#include <map>
#include <optional>
#include <string>

#include "daemon/operations/operation.h"
#include "daemon/operations/services.h"
#include "lib/core/clock.h"
#include "lib/core/uuid.h"

namespace pannier::operations {

struct ScrubOptions {
  uint64_t bytes_per_second = 8ull << 20;  // 0: no scrub
  std::chrono::seconds every{7 * 24 * 3600};
  std::string memory;  // the file
};

// Whose staging is the scrubber's.
extern const Uuid kScrubOperation;

class Scrubber {
 public:
  // `may_go_on`: asked between steps; false ends the present store's turn, or the whole.
  Scrubber(Services& services, ScrubOptions options, std::function<bool()> may_go_on);

  // Checks the store that is due longest. Nothing when none is due; else its name and whether it is
  // sound, which is also noted where stores' damage is.
  struct Checked {
    StoreName store;
    bool sound = false;
  };
  Result<std::optional<Checked>> Step();

 private:
  void Recall();
  Status Remember();
  std::optional<store::StoreInfo> Due();
  Result<bool> Check(const store::StoreInfo& info);
  // At most bytes_per_second; false: stop.
  store::Progress Paced();

  Services& services_;
  const ScrubOptions options_;
  const std::function<bool()> may_go_on_;
  std::map<std::string, WallTime> looked_;  // by store
};

}  // namespace pannier::operations
