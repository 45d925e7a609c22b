// Whether the stores may be written to: not while the disk takes no writes, and not while somebody
// wishes so.
//
// A write that the disk failed is a suspicion only: one store's file may be bad, or one batch
// larger than what is left of the disk. A look settles it: a small file is written and synced in
// the data directory. When that fails too the gate closes, for all stores: writes are refused at
// once, with the reason, and a sick disk is left alone; reads go on. While it is closed looks are
// repeated, and the first that succeeds opens it. Where the disk was full there must be some room
// as well, so that it does not close again at once.
//
// Promise: the gate only refuses. What it lets through is acknowledged once it is durable, as ever.
// Threads: any. One thread looks at a time, and nobody waits for it: a look at a disk that hangs
// holds no more than that thread.
#pragma once

#include <atomic>
#include <chrono>
#include <cstdint>
#include <functional>
#include <optional>
#include <string>

#include "lib/core/clock.h"
#include "lib/core/mutex.h"
#include "lib/core/result.h"
#include "lib/file/file_system.h"

namespace pannier::store {

enum class GateCause { kNone, kWish, kDiskFull, kReadOnlyDisk, kIoFailed };

struct GateState {
  GateCause cause = GateCause::kNone;
  std::string reason;  // a sentence: what is the matter
  std::string action;  // a sentence: what to do, and when it ends
  WallTime since;

  bool is_closed() const { return cause != GateCause::kNone; }
};

class WriteGate {
 public:
  struct Options {
    file::Path probe;                            // the file that a look writes and removes
    std::chrono::milliseconds look_every{250};   // not more often
    std::function<uint64_t()> missing_reserve;   // bytes to be kept aside before it opens; or null
    std::function<void(const GateState&)> told;  // after each change; under no lock
  };
  // Lifetime: `files` and `clock` outlive it.
  WriteGate(Options options, file::FileSystem& files, const Clock& clock);

  bool is_open() const { return !closed_.load(std::memory_order_acquire); }
  // Ok when a write may be tried. One that frees space may be tried on a full disk.
  //   kStorageFull  the disk is full
  //   kUnavailable  any other reason; `what` and `hint` are those of the state
  Status Check(bool frees_space);
  // A write has failed with `error`: looks, if that can be the disk's doing. The error to pass on,
  // which says what to do.
  Error OnFailure(Error error);
  // Looks again if the gate is closed because of the disk, and it is time to.
  void LookAgain();
  // Closes it until it is called with nothing; `reason` is shown to clients.
  void Wish(std::optional<std::string> reason);
  GateState state() const;

 private:
  void Look() REQUIRES(look_mutex_);
  GateState Probe(bool was_full);
  Status WriteProbe();
  void SetTrouble(GateState found);
  bool IsDue() const REQUIRES(look_mutex_);
  GateState Effective() const REQUIRES(mutex_);

  const Options options_;
  file::FileSystem& files_;
  const Clock& clock_;
  std::atomic<bool> closed_{false};
  Mutex look_mutex_;  // held during a look, and taken by trying only
  std::optional<SteadyTime> looked_ GUARDED_BY(look_mutex_);
  mutable Mutex mutex_;  // never held across I/O or `told`
  GateState trouble_ GUARDED_BY(mutex_);
  GateState wish_ GUARDED_BY(mutex_);
};

}  // namespace pannier::store
