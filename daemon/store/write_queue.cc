#include "daemon/store/write_queue.h"

#include <algorithm>

namespace pannier::store {
namespace {

constexpr SteadyTime::duration kLookAgain = std::chrono::seconds(1);

Error TooLate() {
  return DeadlineExceeded("the write waited too long behind others; nothing was written",
                          "try again, or write larger batches less often");
}

}  // namespace

WriteQueue::WriteQueue(Options options, Commit commit)
    : options_(options), commit_(std::move(commit)) {}

Status WriteQueue::Run(Write& write, SteadyTime deadline) {
  MutexLock lock(mutex_);
  if (SystemClock().Steady() >= deadline) return TooLate();
  if (queue_.size() >= options_.writes_max) {
    return ResourceExhausted(
        "the store's write queue is full (" + std::to_string(queue_.size()) + " writes wait)",
        "try again in a second, or write larger batches");
  }
  queue_.push_back(&write);
  TRY(WaitForTurn(write, deadline));
  if (write.done) return write.result;

  leading_ = true;
  const std::vector<Write*> batch = TakeBatch();
  lock.Unlock();
  // An exception here would leave the queue without a leader and a transaction open: it ends the
  // process, and what was acknowledged is on disk.
  [&]() noexcept { commit_(batch); }();
  lock.Lock();
  leading_ = false;
  for (Write* other : batch) {
    other->done = true;
    if (other != &write) other->turn.NotifyOne();
  }
  if (!queue_.empty()) queue_.front()->turn.NotifyOne();
  return write.result;
}

// Returns when the write is done by another leader, or when it is its turn to lead.
Status WriteQueue::WaitForTurn(Write& write, SteadyTime deadline) {
  while (!write.done && (leading_ || queue_.front() != &write)) {
    // A taken write belongs to its leader until the commit ends, however long that takes.
    if (!write.taken && SystemClock().Steady() >= deadline) {
      const bool was_next = queue_.front() == &write;
      queue_.erase(std::find(queue_.begin(), queue_.end(), &write));
      if (was_next && !leading_ && !queue_.empty()) queue_.front()->turn.NotifyOne();
      return TooLate();
    }
    const auto left = write.taken ? kLookAgain : deadline - SystemClock().Steady();
    write.turn.WaitFor(mutex_, std::min(left, kLookAgain));
  }
  return {};
}

bool WriteQueue::Joins(const Write& next, const std::vector<Write*>& batch, uint64_t bytes) const {
  if (batch.empty()) return true;
  return next.company == Company::kShared && batch.front()->company == Company::kShared &&
         bytes + next.bytes <= options_.commit_bytes_max;
}

std::vector<WriteQueue::Write*> WriteQueue::TakeBatch() {
  std::vector<Write*> batch;
  uint64_t bytes = 0;
  while (!queue_.empty() && Joins(*queue_.front(), batch, bytes)) {
    Write* write = queue_.front();
    queue_.pop_front();
    write->taken = true;
    bytes += write->bytes;
    batch.push_back(write);
  }
  return batch;
}

uint64_t WriteQueue::waiting() const {
  MutexLock lock(mutex_);
  return queue_.size();
}

}  // namespace pannier::store
