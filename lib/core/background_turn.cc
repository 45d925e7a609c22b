#include "lib/core/background_turn.h"

#include <algorithm>
#include <atomic>
#include <chrono>
#include <thread>

#include "lib/core/mutex.h"

namespace pannier {
namespace {

using SteadyClock = std::chrono::steady_clock;

constexpr std::chrono::seconds kStaysBusy{1};
constexpr std::chrono::milliseconds kLookAgain{20};
constexpr std::chrono::microseconds kComputes{100};
constexpr std::chrono::milliseconds kRestMax{1};

std::atomic<int64_t> last_request_ns{INT64_MIN / 2};

int64_t NowNs() {
  return std::chrono::duration_cast<std::chrono::nanoseconds>(SteadyClock::now().time_since_epoch())
      .count();
}

class Turns {
 public:
  void Take() {
    MutexLock lock(mutex_);
    while (taken_ >= beside_requests_ && AreRequestsComing()) ended_.WaitFor(mutex_, kLookAgain);
    ++taken_;
  }
  void GiveBack() {
    MutexLock lock(mutex_);
    --taken_;
    ended_.NotifyOne();
  }

 private:
  const uint32_t beside_requests_ = std::max(std::thread::hardware_concurrency(), 2u) - 1;
  Mutex mutex_;
  CondVar ended_;
  uint32_t taken_ GUARDED_BY(mutex_) = 0;
};

Turns& ProcessTurns() {
  static Turns turns;
  return turns;
}

}  // namespace

bool AreRequestsComing() {
  const int64_t since = NowNs() - last_request_ns.load(std::memory_order_relaxed);
  return since < std::chrono::nanoseconds(kStaysBusy).count();
}
void NoteRequest() { last_request_ns.store(NowNs(), std::memory_order_relaxed); }

void LetRequestsPass() {
  thread_local SteadyClock::time_point rested = SteadyClock::now();
  const auto computed = SteadyClock::now() - rested;
  if (computed < kComputes) return;
  if (AreRequestsComing()) {
    std::this_thread::sleep_for(std::min<SteadyClock::duration>(computed, kRestMax));
  }
  rested = SteadyClock::now();
}

BackgroundTurn::BackgroundTurn() { ProcessTurns().Take(); }
BackgroundTurn::~BackgroundTurn() { ProcessTurns().GiveBack(); }

}  // namespace pannier
