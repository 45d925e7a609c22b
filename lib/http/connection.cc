#include "lib/http/connection.h"

#include "lib/core/check.h"

namespace pannier::http {

namespace {
// One bit less than fits, so that references never meet the marks of the poller.
constexpr uint64_t kGenerationMask = 0x7fffffff;
}  // namespace

bool Connection::Claim(uint32_t generation) {
  uint64_t state = state_.load(std::memory_order_relaxed);
  for (;;) {
    if (static_cast<uint32_t>(state >> 2) != generation) return false;
    const uint64_t ownership = state & 3;
    if (ownership == kOwnedAndMarked) return false;
    const uint64_t claimed =
        (state & ~uint64_t{3}) | (ownership == kFree ? kOwned : kOwnedAndMarked);
    if (state_.compare_exchange_weak(state, claimed, std::memory_order_acq_rel,
                                     std::memory_order_relaxed)) {
      return ownership == kFree;
    }
  }
}

bool Connection::ClaimIdle() {
  uint64_t state = state_.load(std::memory_order_relaxed);
  return (state & 3) == kFree &&
         state_.compare_exchange_strong(state, state | kOwned, std::memory_order_acq_rel,
                                        std::memory_order_relaxed);
}

bool Connection::Release() {
  uint64_t state = state_.load(std::memory_order_relaxed);
  const uint64_t bare = state & ~uint64_t{3};
  if ((state & 3) == kOwned &&
      state_.compare_exchange_strong(state, bare | kFree, std::memory_order_acq_rel,
                                     std::memory_order_relaxed)) {
    return true;
  }
  state_.store(bare | kOwned, std::memory_order_relaxed);
  return false;
}

uint64_t Connection::reference() const {
  const uint64_t generation = state_.load(std::memory_order_relaxed) >> 2;
  return generation << 32 | index_;
}

ConnectionTable::ConnectionTable(uint32_t connections_max)
    : connections_max_(connections_max), chunks_((connections_max + kChunk - 1) / kChunk) {}

Connection* ConnectionTable::Open(file::Descriptor socket) {
  MutexLock lock(mutex_);
  if (free_.empty()) {
    const uint32_t first = static_cast<uint32_t>(owned_.size()) * kChunk;
    if (first >= connections_max_) return nullptr;
    owned_.push_back(std::make_unique<Chunk>());
    for (uint32_t i = kChunk; i-- > 0;) {
      owned_.back()->connections[i].index_ = first + i;
      if (first + i < connections_max_) free_.push_back(first + i);
    }
    chunks_[first / kChunk].store(owned_.back().get(), std::memory_order_release);
  }
  const uint32_t index = free_.back();
  free_.pop_back();
  Connection* const connection = &owned_[index / kChunk]->connections[index % kChunk];
  connection->socket = std::move(socket);
  connection->open_.store(true, std::memory_order_release);
  open_count_.fetch_add(1, std::memory_order_acq_rel);
  return connection;
}

void ConnectionTable::Close(Connection* connection) {
  CHECK(connection->is_open());
  connection->deadline_ms.store(kNever, std::memory_order_relaxed);
  connection->phase = Connection::Phase::kIdle;
  connection->drained = connection->read_to_end = connection->overflow = false;
  connection->peer = Peer();
  connection->tls.reset();
  connection->input.Free();
  connection->framing = Framing();
  connection->drained_bytes = connection->accounted_bytes = connection->output_bytes = 0;
  connection->output.reset();

  file::Descriptor closing;  // behind the lock
  MutexLock lock(mutex_);
  closing = std::move(connection->socket);
  connection->number.store(0, std::memory_order_relaxed);
  // The next generation, still owned: whoever opens it next is the owner.
  const uint64_t next = (connection->state_.load(std::memory_order_relaxed) >> 2) + 1;
  connection->state_.store((next & kGenerationMask) << 2 | Connection::kOwned,
                           std::memory_order_release);
  connection->open_.store(false, std::memory_order_release);
  free_.push_back(connection->index_);
  open_count_.fetch_sub(1, std::memory_order_acq_rel);
}

Connection* ConnectionTable::Find(uint64_t reference, uint32_t* generation) {
  *generation = static_cast<uint32_t>(reference >> 32);
  const auto index = static_cast<uint32_t>(reference);
  if (index / kChunk >= chunks_.size()) return nullptr;
  Chunk* const chunk = chunks_[index / kChunk].load(std::memory_order_acquire);
  return chunk == nullptr ? nullptr : &chunk->connections[index % kChunk];
}

void ConnectionTable::ForEach(const std::function<void(Connection&)>& visit) {
  MutexLock lock(mutex_);
  for (const auto& chunk : owned_) {
    for (Connection& connection : chunk->connections) {
      if (connection.is_open()) visit(connection);
    }
  }
}

}  // namespace pannier::http
