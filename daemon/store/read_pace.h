// Lets a long read notice that nobody waits for it any more.
// Threads: one at a time. Lifetime: no longer than the call's context.
#pragma once

#include <cstdint>

#include "daemon/store/store.h"
#include "lib/core/result.h"

namespace pannier::store {

class ReadPace {
 public:
  explicit ReadPace(const CallContext& call) : call_(call) {}

  // Before every row; looks at the clock once in a thousand.
  //   kDeadlineExceeded  the caller's time is over, or the server is stopping
  Status Next() { return ++rows_ % kRowsPerLook == 0 ? Look() : Status(); }

  // Before every step that takes about a millisecond or more.
  Status Look() const {
    if (!call_.IsOver()) return {};
    return DeadlineExceeded("the read took too long",
                            "ask for less at a time: fewer query vectors, or limit and offset");
  }

 private:
  static constexpr uint32_t kRowsPerLook = 1024;
  const CallContext& call_;
  uint32_t rows_ = 0;
};

}  // namespace pannier::store
