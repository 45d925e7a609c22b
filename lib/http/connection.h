// One connection, and the table of all of them.
//
// A connection belongs to one thread at a time: whoever claimed it. Events for a connection that
// somebody owns only leave a mark, which the owner finds when it lets go. A reference (index and
// generation) may outlive its connection: claiming then fails.
#pragma once

#include <atomic>
#include <cstdint>
#include <functional>
#include <limits>
#include <memory>
#include <vector>

#include "lib/core/clock.h"
#include "lib/core/mutex.h"
#include "lib/file/descriptor.h"
#include "lib/http/buffer.h"
#include "lib/http/framing.h"
#include "lib/http/httplib_adapter.h"
#include "lib/http/message.h"
#include "lib/http/tls_session.h"

namespace pannier::http {

inline constexpr int64_t kNever = std::numeric_limits<int64_t>::max();

// Who a request is counted with (fair_queue.h).
struct Share {
  uint64_t peer = 0;
  uint64_t lane = 0;      // 0: with nobody
  bool computes = false;  // Options::computes
};

// The part of an answer that the client has not taken yet.
struct PendingOutput {
  Answer answer;
  size_t sent = 0;
  // When the client had last taken enough to count as progress, and how much it had then.
  int64_t progress_ms = 0;
  size_t progress_sent = 0;
  size_t left() const { return answer.head.size() + answer.body.size() - sent; }
};

class Connection {
 public:
  enum class Phase : uint8_t {
    kHandshake,  // TLS is being agreed upon
    kIdle,       // no byte of a request is here
    kReading,    // a part of one
    kQueued,     // a whole one waits for a thread
    kRunning,    // its handler runs
    kWriting,    // the client takes its answer slowly
    kDraining,   // answered for the last time; what still comes in is thrown away
  };

  // Makes the caller the owner. False when it has gone, or is another's: then the owner will look
  // at it once more before letting go.
  bool Claim(uint32_t generation);
  // Makes the caller the owner if it exists and nobody is; leaves no mark.
  bool ClaimIdle();
  // Lets go. False when an event came meanwhile: the caller still owns it and must look again.
  bool Release();

  bool is_open() const { return open_.load(std::memory_order_acquire); }
  uint32_t index() const { return index_; }
  // What epoll returns with events.
  uint64_t reference() const;

  // When the watcher should look at it (ms of the server's clock, or kNever). Any thread reads it.
  std::atomic<int64_t> deadline_ms{kNever};

  // Among all connections of this process, ever; 0 while there is none.
  std::atomic<uint64_t> number{0};

  file::Descriptor socket;  // changes under the table's lock only, by the owner

  // The owner's alone.
  uint32_t listener = 0;
  Phase phase = Phase::kIdle;
  bool drained = false;      // the socket had no more bytes when last read
  bool read_to_end = false;  // something was said beside bytes: read until nothing is left
  bool overflow = false;     // beyond the limit of connections: told so, and drained
  Peer peer;
  Share share;                      // of the request at hand
  std::unique_ptr<TlsSession> tls;  // null: plain
  Buffer input;
  Framing framing;
  uint64_t drained_bytes = 0;
  uint64_t accounted_bytes = 0;  // of `input` in the server's sum
  uint64_t output_bytes = 0;     // of `output` in the same
  int64_t request_began_ms = 0;
  SteadyTime complete_at;
  std::unique_ptr<PendingOutput> output;

 private:
  friend class ConnectionTable;
  // generation << 2 | ownership
  enum Ownership : uint64_t { kFree = 0, kOwned = 1, kOwnedAndMarked = 2 };
  std::atomic<uint64_t> state_{kOwned};
  std::atomic<bool> open_{false};
  uint32_t index_ = 0;
};

// Hands out connections, up to a maximum; their memory is kept and reused until the end, so that a
// stale reference is never one to freed memory. Threads: any.
class ConnectionTable {
 public:
  explicit ConnectionTable(uint32_t connections_max);

  // A fresh connection that the caller owns, or null at the maximum.
  Connection* Open(file::Descriptor socket);
  // Ends one that the caller owns: closes its socket, frees what it holds.
  void Close(Connection* connection);
  // The connection of an event, to Claim() with `*generation`.
  Connection* Find(uint64_t reference, uint32_t* generation);

  // Calls `visit` for every open connection. It must be brief and call nothing of this table.
  void ForEach(const std::function<void(Connection&)>& visit);
  uint32_t open_count() const { return open_count_.load(std::memory_order_acquire); }

 private:
  static constexpr uint32_t kChunk = 64;
  struct Chunk {
    Connection connections[kChunk];
  };

  const uint32_t connections_max_;
  std::vector<std::atomic<Chunk*>> chunks_;  // filled from the front; entries never change again
  std::atomic<uint32_t> open_count_{0};
  Mutex mutex_;
  std::vector<std::unique_ptr<Chunk>> owned_ GUARDED_BY(mutex_);
  std::vector<uint32_t> free_ GUARDED_BY(mutex_);
};

}  // namespace pannier::http
