// At most so many calls a second on average, so many at once: what keeps a storm of ours from
// becoming the API server's. Also holds everybody back while the server asks for it.
// Threads: any.
#pragma once

#include <chrono>

#include "lib/core/clock.h"
#include "lib/core/mutex.h"

namespace pannier::kube {

class TokenBucket {
 public:
  // `per_second` > 0; `burst` >= 1 calls may come at once after a quiet time.
  TokenBucket(double per_second, double burst) : per_second_(per_second), burst_(burst) {}

  // Takes a token and returns how long the caller must wait before it uses it. Tokens are handed
  // out in the order of the calls; one that would come later than `wait_max` is not taken and
  // nothing is returned as a negative time.
  std::chrono::nanoseconds Take(SteadyTime now, std::chrono::nanoseconds wait_max);
  // Nobody gets a token before `until`.
  void HoldUntil(SteadyTime until);

 private:
  const double per_second_;
  const double burst_;
  Mutex mutex_;
  bool used_ GUARDED_BY(mutex_) = false;
  double tokens_ GUARDED_BY(mutex_) = 0;  // negative: as many callers wait for theirs
  SteadyTime filled_at_ GUARDED_BY(mutex_){};
  SteadyTime held_until_ GUARDED_BY(mutex_){};
};

}  // namespace pannier::kube
