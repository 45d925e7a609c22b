// Pooled read-only connections of one store.
//
// A Reader is one connection and its prepared statements. A ReadLease holds one and pins a
// sequence: everything read through it is the store as of that commit. Readers do not wait for the
// writer, but for the moment in which it keeps them away to begin an overgrown log anew (Quiet).
// Threads: the pool any; a lease one. Lifetime: leases end before the pool.
#pragma once

#include <cstdint>
#include <list>
#include <memory>
#include <optional>
#include <string>
#include <utility>
#include <vector>

#include "daemon/store/collection_table.h"
#include "daemon/store/record_table.h"
#include "daemon/store/sqlite.h"
#include "lib/core/clock.h"
#include "lib/core/mutex.h"
#include "lib/core/result.h"

namespace pannier::store {

// The record tables of a connection with their prepared statements; the least recently used are
// dropped.
class TableCache {
 public:
  explicit TableCache(Connection& connection) : connection_(&connection) {}
  // Valid until the next call.
  RecordTable& Of(uint32_t collection);
  void Forget(uint32_t collection);

 private:
  static constexpr size_t kTablesMax = 16;
  struct Slot {
    uint32_t collection;
    RecordTable table;
  };
  Connection* connection_;
  std::list<Slot> slots_;  // most recently used first
};

class Reader {
 public:
  explicit Reader(Connection connection);
  Connection& connection() { return connection_; }
  CollectionTable& collections() { return collections_; }
  RecordTable& records(uint32_t collection) { return tables_.Of(collection); }

 private:
  Connection connection_;
  CollectionTable collections_;
  TableCache tables_;
};

class ReaderPool {
 public:
  struct Options {
    std::string path;
    std::string vfs;
    uint32_t readers_max = 8;
    uint32_t readers_idle_max = 2;  // more than these are closed when given back
  };

  explicit ReaderPool(Options options) : options_(std::move(options)) {}

  // A reader for the holder alone; goes back to the pool with the lease.
  class Lease {
   public:
    Lease(Lease&& other) noexcept = default;
    Lease& operator=(Lease&&) = delete;
    ~Lease();
    Reader& operator*() { return *reader_; }
    Reader* operator->() { return reader_.get(); }

   private:
    friend class ReaderPool;
    Lease(ReaderPool* pool, std::unique_ptr<Reader> reader)
        : pool_(pool), reader_(std::move(reader)) {}
    ReaderPool* pool_;
    std::unique_ptr<Reader> reader_;
  };

  // While it lives no lease is given out. Move only.
  class Quiet {
   public:
    Quiet(Quiet&& other) noexcept : pool_(std::exchange(other.pool_, nullptr)) {}
    Quiet& operator=(Quiet&&) = delete;
    ~Quiet();

   private:
    friend class ReaderPool;
    explicit Quiet(ReaderPool* pool) : pool_(pool) {}
    ReaderPool* pool_;
  };

  //   kResourceExhausted  none came free by `deadline`
  Result<Lease> Acquire(SteadyTime deadline);
  // Gives out no more leases and waits for the ends of those that are held, not past `until`: a
  // reader may be longer than anybody should wait for. By one thread at a time.
  Quiet BeQuiet(SteadyTime until);
  void CloseIdle();

 private:
  Result<std::unique_ptr<Reader>> OpenReader();
  void GiveBack(std::unique_ptr<Reader> reader);

  const Options options_;
  Mutex mutex_;
  CondVar given_back_;
  std::vector<std::unique_ptr<Reader>> idle_ GUARDED_BY(mutex_);
  uint32_t open_ GUARDED_BY(mutex_) = 0;
  bool quiet_ GUARDED_BY(mutex_) = false;
};

}  // namespace pannier::store
