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
#include <deque>
#include <functional>
#include <memory>
#include <string>
#include <thread>
#include <vector>

#include "lib/core/mutex.h"

namespace pannier::http {

class Connection;

class Crew {
 public:
  struct Options {
    std::string name;
    uint32_t threads_max;  // busy ones; one more watches
    uint32_t queued_max;
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
  // For the watching thread that could not become busy. False when the queue is full.
  // `*became_busy`: others watch by now, and the caller is to take from the queue itself.
  // `*may_grow`: call GrowIfQueued() in a moment. A handler often ends before a thread would start.
  bool Enqueue(Connection* connection, bool* became_busy, bool* may_grow);
  // True when the caller became busy, to take from the queue.
  bool GrowIfQueued();
  // For busy threads: the next request, or null, and the caller watches again.
  Connection* TakeOrWatch();
  // For busy threads that have `mine` to go on with: the one whose turn it is.
  Connection* TakeTurns(Connection* mine);
  // Starts one more thread if there may be one.
  void Grow();

  // All threads were told to stop: waits until they have.
  void Join();

  uint32_t queued() const { return queued_.load(std::memory_order_relaxed); }
  uint32_t busy() const;

 private:
  struct Member {
    std::atomic<bool> ended{false};
    std::jthread thread;
  };
  Connection* Pop();
  bool Spawn() REQUIRES(mutex_);

  const Options options_;
  const Life life_;
  std::atomic<uint32_t> watching_{0};
  std::atomic<uint32_t> threads_{0};
  std::atomic<uint32_t> queued_{0};

  Mutex queue_mutex_;
  std::deque<Connection*> queue_ GUARDED_BY(queue_mutex_);

  Mutex mutex_;
  bool joining_ GUARDED_BY(mutex_) = false;
  uint32_t serial_ GUARDED_BY(mutex_) = 0;
  std::vector<std::unique_ptr<Member>> members_ GUARDED_BY(mutex_);
};

}  // namespace pannier::http
