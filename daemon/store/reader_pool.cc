#include "daemon/store/reader_pool.h"

#include <algorithm>
#include <utility>

#include "daemon/store/store_file.h"

namespace pannier::store {

RecordTable& TableCache::Of(uint32_t collection) {
  auto found = std::find_if(slots_.begin(), slots_.end(),
                            [&](const Slot& slot) { return slot.collection == collection; });
  if (found == slots_.end()) {
    if (slots_.size() >= kTablesMax) slots_.pop_back();
    slots_.push_front({collection, RecordTable(*connection_, collection)});
  } else if (found != slots_.begin()) {
    slots_.splice(slots_.begin(), slots_, found);
  }
  return slots_.front().table;
}

void TableCache::Forget(uint32_t collection) {
  slots_.remove_if([&](const Slot& slot) { return slot.collection == collection; });
}

Reader::Reader(Connection connection)
    : connection_(std::move(connection)), collections_(connection_), tables_(connection_) {}

ReaderPool::Lease::~Lease() {
  if (reader_ != nullptr) pool_->GiveBack(std::move(reader_));
}

Result<ReaderPool::Lease> ReaderPool::Acquire(SteadyTime deadline) {
  MutexLock lock(mutex_);
  while (quiet_ || (idle_.empty() && open_ >= options_.readers_max)) {
    if (SystemClock().Steady() >= deadline) {
      return ResourceExhausted(
          "all " + std::to_string(options_.readers_max) + " read connections of the store are busy",
          "try again in a second");
    }
    const SteadyTime::duration look_again = std::chrono::seconds(1);
    given_back_.WaitFor(mutex_, std::min(deadline - SystemClock().Steady(), look_again));
  }
  if (!idle_.empty()) {
    std::unique_ptr<Reader> reader = std::move(idle_.back());
    idle_.pop_back();
    return Lease(this, std::move(reader));
  }
  ++open_;
  lock.Unlock();
  Result<std::unique_ptr<Reader>> reader = OpenReader();
  if (reader.ok()) return Lease(this, std::move(reader).value());
  lock.Lock();
  --open_;
  return std::move(reader).error();
}

ReaderPool::Quiet ReaderPool::BeQuiet(SteadyTime until) {
  MutexLock lock(mutex_);
  quiet_ = true;
  while (open_ > idle_.size()) {
    const SteadyTime now = SystemClock().Steady();
    if (now >= until) break;
    given_back_.WaitFor(mutex_, until - now);
  }
  return Quiet(this);
}

ReaderPool::Quiet::~Quiet() {
  if (pool_ == nullptr) return;
  MutexLock lock(pool_->mutex_);
  pool_->quiet_ = false;
  pool_->given_back_.NotifyAll();
}

Result<std::unique_ptr<Reader>> ReaderPool::OpenReader() {
  return std::make_unique<Reader>(TRY(OpenStoreReader(options_.path, options_.vfs)));
}

void ReaderPool::GiveBack(std::unique_ptr<Reader> reader) {
  std::unique_ptr<Reader> surplus;  // closed outside the lock
  // A transaction that could not be ended would show the next holder the past.
  const bool usable = !reader->connection().in_transaction();
  MutexLock lock(mutex_);
  if (usable && idle_.size() < options_.readers_idle_max) {
    idle_.push_back(std::move(reader));
  } else {
    surplus = std::move(reader);
    --open_;
  }
  // Two kinds wait: who wants a lease, and who wants quiet.
  given_back_.NotifyAll();
}

void ReaderPool::CloseIdle() {
  std::vector<std::unique_ptr<Reader>> closing;
  MutexLock lock(mutex_);
  closing.swap(idle_);
  open_ -= static_cast<uint32_t>(closing.size());
}

}  // namespace pannier::store
