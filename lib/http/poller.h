// What all threads of a server wait on: sockets, one timer, and a bell that never stops ringing.
// Events are edge-triggered: one edge wakes one thread. Threads: any.
#pragma once

#include <atomic>
#include <chrono>
#include <cstdint>

#include "lib/core/clock.h"
#include "lib/core/mutex.h"
#include "lib/core/result.h"
#include "lib/file/descriptor.h"

namespace pannier::http {

class Poller {
 public:
  // References above all of connections.
  static constexpr uint64_t kTimer = 1ull << 63;
  static constexpr uint64_t kBell = kTimer + 1;
  static constexpr uint64_t kListener = kTimer + 0x100;  // plus its index

  struct Event {
    uint64_t reference = 0;
    bool hung_up = false;  // the other side said more than bytes: end of input, error
  };

  static Result<std::unique_ptr<Poller>> Make();

  Status Watch(int socket, uint64_t reference);
  // Asks for room to send as well, or no longer. Whatever is true already is told anew.
  void WatchOutput(int socket, uint64_t reference, bool output);
  // Tells anew of what is true already.
  void Rearm(int socket, uint64_t reference) { WatchOutput(socket, reference, false); }
  void Forget(int socket);

  // One event; false when `limit` passed without.
  bool Wait(std::chrono::milliseconds limit, Event* event);

  // Milliseconds since this was made.
  int64_t NowMs() const;
  // Sees to a kTimer event at `deadline_ms` or before.
  void WakeBy(int64_t deadline_ms);
  // To call at a kTimer event, before looking for what is due: later WakeBy() count again.
  void TimerRang();

  int descriptor() const { return epoll_.get(); }

  // From now on every Wait() of every thread returns kBell at once.
  void RingForEver();

 private:
  Poller() = default;

  const SteadyTime began_ = std::chrono::steady_clock::now();
  file::Descriptor epoll_;
  file::Descriptor timer_;
  file::Descriptor bell_;
  std::atomic<int64_t> wake_ms_{INT64_MAX};
  Mutex timer_mutex_;  // guards setting the timer
};

}  // namespace pannier::http
