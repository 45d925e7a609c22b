// Who reads or writes a SnapshotRepository now, so that no more do at once than its
// maxConcurrentTransfers. In memory, of the one operator that leads: who took over asks who is at
// work before anybody begins. Who has begun is never stopped. Those who wait are woken in the order
// in which they came. Threads: any.
#pragma once

#include <cstdint>
#include <deque>
#include <functional>
#include <map>
#include <string>

#include "lib/core/mutex.h"
#include "operator/kube/object.h"

namespace pannier::control {

class Transfers {
 public:
  struct Who {
    kube::Resource resource;
    kube::ObjectKey key;
    std::string Text() const { return std::string(resource.plural) + "/" + key.ToString(); }
  };
  using Wake = std::function<void(const Who& who)>;
  struct Need {
    int64_t has = 0;    // at work
    int64_t wants = 0;  // in all
    int64_t max = 0;    // of the repository
  };

  // Before anybody else calls.
  void SetWake(Wake wake) { wake_ = std::move(wake); }
  // Nobody is at work, and nobody waits.
  void Clear();
  // How many `who` may have at work, at least those that it has. With less than it wants it is
  // woken when others end.
  int64_t Claim(const Who& who, const std::string& repository, const Need& need);
  // It has no more than these; 0: it is forgotten.
  void Keep(const Who& who, int64_t count);

 private:
  struct Entry {
    std::string repository;
    int64_t count = 0;
  };
  int64_t OthersOf(const std::string& who, const std::string& repository) const REQUIRES(mutex_);
  void StopWaiting(const std::string& who) REQUIRES(mutex_);

  Wake wake_;
  Mutex mutex_;
  std::map<std::string, Entry> entries_ GUARDED_BY(mutex_);
  std::map<std::string, std::deque<Who>> waiting_ GUARDED_BY(mutex_);  // by repository
};

}  // namespace pannier::control
