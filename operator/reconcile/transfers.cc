#include "operator/reconcile/transfers.h"

#include <algorithm>
#include <vector>

namespace pannier::control {

void Transfers::Clear() {
  const MutexLock lock(mutex_);
  entries_.clear();
  waiting_.clear();
}

int64_t Transfers::OthersOf(const std::string& who, const std::string& repository) const {
  int64_t count = 0;
  for (const auto& [name, entry] : entries_) {
    if (name != who && entry.repository == repository) count += entry.count;
  }
  return count;
}

void Transfers::StopWaiting(const std::string& who) {
  for (auto it = waiting_.begin(); it != waiting_.end();) {
    std::erase_if(it->second, [&](const Who& each) { return each.Text() == who; });
    it = it->second.empty() ? waiting_.erase(it) : std::next(it);
  }
}

int64_t Transfers::Claim(const Who& who, const std::string& repository, const Need& need) {
  const std::string name = who.Text();
  const MutexLock lock(mutex_);
  const int64_t free = std::max<int64_t>(0, need.max - OthersOf(name, repository));
  const int64_t may = std::max(need.has, std::min(need.wants, free));
  StopWaiting(name);
  if (may < need.wants) waiting_[repository].push_back(who);
  if (may > 0) {
    entries_[name] = {repository, may};
  } else {
    entries_.erase(name);
  }
  return may;
}

void Transfers::Keep(const Who& who, int64_t count) {
  std::vector<Who> woken;
  {
    const MutexLock lock(mutex_);
    const auto found = entries_.find(who.Text());
    if (count == 0 && found == entries_.end()) return;
    if (found == entries_.end() || found->second.count <= count) return;
    int64_t freed = found->second.count - count;
    const auto waiting = waiting_.find(found->second.repository);
    found->second.count = count;
    if (count == 0) entries_.erase(found);
    if (waiting == waiting_.end()) return;
    for (const Who& each : waiting->second) {
      if (freed == 0) break;
      if (each.Text() == who.Text()) continue;
      woken.push_back(each);
      --freed;
    }
  }
  for (const Who& each : woken) {
    if (wake_) wake_(each);
  }
}

}  // namespace pannier::control
