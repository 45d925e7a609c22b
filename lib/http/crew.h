// The threads of a server, and the requests that wait for one.
//
// Every thread watches the sockets until it becomes busy with a handler. The last that watches
// cannot become busy: what it reads is queued, and whichever handler ends first takes the next from
// the queue. A further thread is started when two wait at once, or one for a millisecond. So a lone
// client pays no hand-over, and somebody watches at any time. Threads that were idle for long end.
//
// Threads: any, as each call says.
#pragma once

#include <atomic>
#include <chrono>
#include <cstdint>
#include <functional>
#include <memory>
#include <string>
#include <thread>
#include <vector>

#include "lib/core/mutex.h"
#include "lib/http/fair_queue.h"

namespace pannier::http {

class Crew {
 public:
  struct Options {
    std::string name;
    uint32_t threads_max;  // busy ones; one more watches
    FairQueue::Options queue;
  };
  // A thread's life. It returns when told to stop, or once Retire() said true.
  using Life = std::function<void()>;
  Crew(Options options, Life life);
  ~Crew();  // after Join()

  // Starts the first two. False when the system gives no thread.
  bool Start();

  // For watching threads: makes the caller busy unless it is the last that watches.
  bool BecomeBusy();
  // For watching threads that found nothing to do for long: true when the caller must end.
  bool Retire();
  // For busy threads: whether the request may run at once, and counts from now on until End().
  // `in_a_row`: the thread has just answered another; then those that wait go first.
  bool Begin(const Share& share, SteadyTime now, bool in_a_row);
  // What was begun, or taken from the queue, has ended. The caller is busy, and takes from the
  // queue before it watches.
  void End(const Share& share);
  // Puts it at the end of its peer's queue. For a watching thread that could not become busy,
  // `*busy`: others watch by now, and the caller is to take from the queue itself; a busy one stays
  // so. `*may_grow`: call GrowIfQueued() in a moment. A handler often ends before a thread would
  // start.
  FairQueue::Pushed Enqueue(Connection* connection, bool* busy, bool* may_grow);
  // True when the caller became busy, to take from the queue.
  bool GrowIfQueued();
  // For busy threads: the next request, or null, and the caller watches again.
  Connection* TakeOrWatch();
  // For busy threads that have `mine` to go on with: puts it at the end of its peer's queue, and
  // `*next` is the one whose turn it is; null when none may run now.
  FairQueue::Pushed TakeTurns(Connection* mine, Connection** next);
  // Starts one more thread if there may be one.
  void Grow();

  // All threads were told to stop: waits until they have.
  void Join();

  uint32_t queued() const { return queued_.load(std::memory_order_relaxed); }
  // Whether some that wait may run, as far as is known.
  bool ready() const { return ready_.load(std::memory_order_relaxed); }
  uint32_t busy() const;

 private:
  struct Member {
    std::atomic<bool> ended{false};
    std::jthread thread;
  };
  Connection* Pop() REQUIRES(queue_mutex_);
  bool Spawn() REQUIRES(mutex_);

  const Options options_;
  const Life life_;
  std::atomic<uint32_t> watching_{0};
  std::atomic<uint32_t> threads_{0};
  std::atomic<uint32_t> queued_{0};
  // Set by whatever may let one run (it came, or another ended); cleared by who found none.
  std::atomic<bool> ready_{false};

  Mutex queue_mutex_;
  FairQueue queue_ GUARDED_BY(queue_mutex_);

  Mutex mutex_;
  bool joining_ GUARDED_BY(mutex_) = false;
  uint32_t serial_ GUARDED_BY(mutex_) = 0;
  std::vector<std::unique_ptr<Member>> members_ GUARDED_BY(mutex_);
};

}  // namespace pannier::http
