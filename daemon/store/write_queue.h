// Group commit: writes that arrive together share one transaction and one fsync.
//
// There is no writer thread. A caller that finds nobody committing leads: it takes what has queued
// up, itself first, runs the commit for all of them on its own thread, wakes them, and hands
// leadership to the next in line. A lone writer therefore pays no hand-over, and a crowd pays one
// fsync. (The scheme of LevelDB's writer queue.) Promise: the commit function runs on one thread at
// a time, and every write taken gets the result of its commit. Threads: any. The queue is bounded;
// waiting is bounded by the caller's deadline until its write is taken, and then only by the commit
// itself.
#pragma once

#include <cstdint>
#include <deque>
#include <functional>
#include <vector>

#include "lib/core/clock.h"
#include "lib/core/mutex.h"
#include "lib/core/result.h"

namespace pannier::store {

class WriteQueue {
 public:
  enum class Company {
    kShared,  // in one transaction with others
    kAlone,   // in a transaction of its own: it reads what is committed, and nothing else
    kBare,    // alone and without a transaction: checkpoints
  };
  // One write in the queue; lives on its caller's stack.
  struct Write {
    std::function<Status()> apply;  // run by the leader, inside the transaction if there is one
    Company company = Company::kShared;
    uint64_t bytes = 0;  // about how much it writes
    Status result;       // set by the commit function

   private:
    friend class WriteQueue;
    bool taken = false;
    bool done = false;
    CondVar turn;
  };
  // Applies all writes, commits, and sets each one's result. All are kShared, or there is only one.
  using Commit = std::function<void(const std::vector<Write*>&)>;

  struct Options {
    uint32_t writes_max = 1'024;           // waiting; past it kResourceExhausted
    uint64_t commit_bytes_max = 64 << 20;  // a commit takes writes until about so many bytes
  };

  WriteQueue(Options options, Commit commit);

  // Returns the write's result.
  //   kResourceExhausted  the queue is full
  //   kDeadlineExceeded   not taken by `deadline`; nothing was done
  Status Run(Write& write, SteadyTime deadline);

  uint64_t waiting() const;

 private:
  bool Joins(const Write& next, const std::vector<Write*>& batch, uint64_t bytes) const;
  std::vector<Write*> TakeBatch() REQUIRES(mutex_);
  Status WaitForTurn(Write& write, SteadyTime deadline) REQUIRES(mutex_);

  const Options options_;
  const Commit commit_;
  mutable Mutex mutex_;  // never held while a commit runs
  std::deque<Write*> queue_ GUARDED_BY(mutex_);
  bool leading_ GUARDED_BY(mutex_) = false;
};

}  // namespace pannier::store
