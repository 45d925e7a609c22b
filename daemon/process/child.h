// Runs this program again as a child, for work that may crash on what it reads. The child gets a
// hidden verb and arguments, no sockets and no locks; it writes JSON lines to stdout: {"done":n,
// "total":n} as it goes, and {"result":…} or {"error":{"code","what","hint"}} at its end.
// Threads: any. The child dies with its parent, and when `progress` says stop.
#pragma once

#include <chrono>
#include <cstdint>
#include <functional>
#include <string>
#include <vector>

#include "lib/core/result.h"

namespace pannier::daemon {

struct ChildLimits {
  uint64_t memory_bytes = 2ull << 30;  // of address space
  std::chrono::seconds time{3600};
  uint64_t output_bytes = 64ull << 20;
};

// The JSON text of its result.
//   kCorruption        it died of a signal: what it read has made it crash; `what` names the signal
//   kDeadlineExceeded  its time was over, or `progress` said stop
//   others             what the child said
Result<std::string> RunChild(const std::vector<std::string>& arguments, const ChildLimits& limits,
                             const std::function<bool(uint64_t done, uint64_t total)>& progress);

}  // namespace pannier::daemon
