// All stores of a data directory: which exist (the catalog), which are open, and who is closed to
// make room.
//
// A store is opened when first used and stays open until it is idle for `idle_after`, or until room
// is needed and it is the least recently used one that nobody holds. A store that is not open costs
// its row in the catalog and nothing else. Threads: any. Lifetime: StoreRefs must be gone before
// Stores is destroyed.
#pragma once

#include <chrono>
#include <cstdint>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "daemon/store/journal.h"
#include "daemon/store/replacement.h"
#include "daemon/store/session_row.h"
#include "daemon/store/store.h"
#include "daemon/store/sweep.h"
#include "daemon/store/write_gate.h"
#include "lib/core/clock.h"
#include "lib/core/result.h"
#include "lib/core/uuid.h"
#include "lib/file/file_system.h"

namespace pannier::store {

// Keeps a store open while it is held. Hold it for one request, not longer.
using StoreRef = std::shared_ptr<Store>;

struct DatabaseInfo {
  Uuid id;  // nil for the default database
  std::string tenant;
  std::string name;
  std::optional<Uuid> session = {};  // it is temporary, and goes with this session
};

struct StoreInfo {
  DatabaseInfo database;
  std::string folder;  // with its files, below the data directory: "stores/<id>"
  bool open = false;
  uint64_t collections = 0, records = 0;  // 0 while not open
  index::Sequence sequence = 0;           // 0: not opened since the start
  uint64_t bytes_on_disk = 0, bytes_in_memory = 0;
  std::optional<WallTime> last_used;   // while open: when it was last asked for
  WallTime unused_since;               // by workers; at the earliest this process' start
  std::chrono::seconds idle_after{0};  // closed when nobody used it for so long
  bool damaged = false;                // bytes of it failed their check, and nobody mended them yet
  std::string damage;                  // what was found first
};

// Counted since start; read for metrics.
struct StoreStats {
  uint64_t stores_known = 0, stores_open = 0, opened_total = 0, evicted_total = 0;
  uint64_t collections = 0, records = 0;            // of open stores
  uint64_t bytes_on_disk = 0, bytes_in_memory = 0;  // of open stores
  uint64_t writes_queued = 0, commits_total = 0, writes_total = 0;
  uint64_t tail_records = 0, graph_builds_total = 0, graph_builds_running = 0;
  uint64_t checksum_failures_total = 0;
  uint64_t stores_damaged = 0;
};

// Told of each event as it happens, from the thread it happens on; must return at once.
class StoreObserver {
 public:
  virtual ~StoreObserver() = default;
  virtual void OnCommit(uint64_t writes, std::chrono::nanoseconds took,
                        std::chrono::nanoseconds commit_took) = 0;
  virtual void OnSearch(bool used_graph, std::chrono::nanoseconds took) = 0;
  // Bytes of a store failed their check; said once per store and cause until it is cleared.
  virtual void OnDamage(const std::string& /*tenant*/, const std::string& /*database*/,
                        const std::string& /*what*/) {}
  // Writes are refused from now on, for this reason; or taken again.
  virtual void OnWriteGate(const GateState& /*now*/) {}
};

struct StoreOptions {
  uint32_t open_max = 256;
  std::chrono::milliseconds open_patience{5'000};  // for a free place when all open stores are held
  uint32_t readers_per_store_max = 8;
  uint32_t writes_queued_max = 1'024;       // per store; past it kResourceExhausted
  uint64_t commit_bytes_max = 64ull << 20;  // a group commit takes no more than about this
  uint64_t wal_bytes_checkpoint = 16ull
                                  << 20;  // a write-ahead log past this is moved into the file
  uint64_t memory_budget_bytes =
      512ull << 20;  // indexes of all stores; past it collections are searched in the file; 0: none
  uint64_t reserve_bytes = 0;  // of disk, kept aside so that deletions work on a full one; 0: none
  std::chrono::seconds idle_after{4 * 3600};
  std::chrono::milliseconds look_at_disk_every{250};  // while writes fail (write_gate.h)
  uint32_t graph_threshold = 5'000;
  std::string sqlite_vfs;  // empty: SQLite's own; tests put faults here
  // The log stays, empty, beside a store that is closed, so that the next opening need not make it.
  // Stores sets it: a store outside a data directory is one file when it is closed.
  bool keep_log = false;
};

class Stores {
 public:
  // Locks `data` and reads its identity and catalog; makes them in an empty or absent directory.
  // Interrupted creations and deletions of databases are finished. Opens no store.
  //   kConflict          another process holds the directory; `what` names it
  //   kPermissionDenied  the directory cannot be written
  //   kInvalidArgument   not a data directory of ours (foreign files), or of a newer format; `hint`
  //   says what to try
  static Result<std::unique_ptr<Stores>> Open(const std::string& data, StoreOptions options,
                                              file::FileSystem& files, const Clock& clock,
                                              StoreObserver* observer);
  ~Stores();

  // --- tenants and databases --- error texts are Chroma's
  // Those that change something may also fail as writes of records do while writes are refused.
  Status CreateTenant(const std::string& name);  // kConflict
  Status FindTenant(const std::string& name);    // kNotFound
  // With `session` it is temporary: that session's (NoteSession() came before).
  //   kConflict, kNotFound (the tenant)
  Status CreateDatabase(const std::string& tenant, const std::string& name,
                        std::optional<Uuid> session = {});
  Result<DatabaseInfo> FindDatabase(const std::string& tenant,
                                    const std::string& name);  // kNotFound
  // By name. Empty for an unknown tenant.
  Result<std::vector<DatabaseInfo>> ListDatabases(const std::string& tenant,
                                                  std::optional<uint32_t> limit, uint32_t offset);
  // Removes the database and its files; requests that hold it end as if it were still there.
  //   kNotFound
  //   kUnavailable  its store is being replaced, and that took longer than open_patience
  Status DeleteDatabase(const std::string& tenant, const std::string& name);
  // The same for a temporary one, while it is that session's; else kNotFound.
  Status DeleteTemporary(const Uuid& session, const std::string& tenant, const std::string& name);
  // Deletes everything but what is in quarantine, and makes the default tenant and database anew.
  Status Reset();

  // --- stores ---
  //   kNotFound           no such database
  //   kResourceExhausted  open_max stores are open and all are held
  //   kUnavailable        the store is being replaced, and that took longer than open_patience
  //   kCorruption         the store's file is missing, foreign, newer or damaged; the others go on,
  //                       and this one is marked as damaged
  Result<StoreRef> Acquire(const std::string& tenant, const std::string& database,
                           Use use = Use::kWorker);
  // Closes the store when nobody holds it. True when it is closed now.
  //   kNotFound  no such database
  Result<bool> Close(const std::string& tenant, const std::string& database);
  // After how much idleness it is closed, now and after restarts; nothing:
  // StoreOptions::idle_after.
  //   kNotFound  no such database
  Status SetIdleAfter(const std::string& tenant, const std::string& database,
                      std::optional<std::chrono::seconds> idle_after);
  Result<std::vector<StoreInfo>> List();
  Result<StoreInfo> Describe(const std::string& tenant, const std::string& database);
  StoreStats stats() const;
  const Uuid& instance_id() const;
  // Whether writes are refused now, and why. Cheap while they are not.
  GateState write_state() const;
  // Refuses all writes of clients until it is called with nothing: their error is kUnavailable, and
  // says `reason`. Operations go on, all but PutAside(). Ends with the process.
  void RefuseWrites(std::optional<std::string> reason);
  // Remembers that the store is damaged until it is cleared, replaced or deleted. Requests go on:
  // what fails its check is refused record by record.  kNotFound: no such database
  Status MarkDamaged(const std::string& tenant, const std::string& database,
                     const std::string& what);
  Status ClearDamaged(const std::string& tenant, const std::string& database);

  // --- sessions that have temporary databases, durably (daemon/sessions) ---
  // Adds it, or changes what is known of it.
  Status NoteSession(const SessionRow& session);
  // Changes what is known of it; of one that is not known, which has ended, nothing.
  Status ChangeSession(const SessionRow& session);
  // Oldest first; one that only databases name has neither owner nor id.
  Result<std::vector<SessionRow>> Sessions();
  Status ForgetSession(const Uuid& session);
  Result<std::vector<DatabaseInfo>> TemporaryOf(const Uuid& session);

  // --- whole stores, for operations (replacement.h) ---
  Journal& journal();
  // A new, empty folder `<data>/staging/<operation>`; what an earlier attempt left there is
  // removed. What a crash leaves there is removed at start, and by RemoveStaging().
  Result<std::string> MakeStaging(const Uuid& operation);
  Status RemoveStaging(const Uuid& operation);
  // The folder's id, another one after each Replace(); repositories go by the database's id.
  Result<Uuid> StoreId(const std::string& tenant, const std::string& database);  // kNotFound
  // Returns once no write is in flight. The fence goes with the name: it also holds for a store
  // that is closed, opened or put in its place meanwhile. It ends before Stores.
  //   kNotFound           no such database
  //   kConflict           fenced already
  //   kDeadlineExceeded   writes did not end in time
  Result<WriteFence> FenceWrites(const std::string& tenant, const std::string& database,
                                 SteadyTime deadline);
  // Makes `staged` (a synced folder in staging, with a sound store.db) the database's store; the
  // old one goes to quarantine. Requests that come meanwhile wait (at most open_patience), and
  // those in flight are waited for until `deadline`: the caller holds no StoreRef of it. Done once
  // per `operation` that the journal knows: repeated, it is ok.
  //   kNotFound, kInvalidArgument  no such database; nothing is staged there; nothing has changed
  //   kConflict          somebody else is replacing it; nothing has changed
  //   kDeadlineExceeded  nothing has changed
  //   others             the disk failed. The database is as it was, `staged` may be gone; when it
  //                      failed the very commit, a restart may show it done: ask the journal then
  Status Replace(const Uuid& operation, const std::string& tenant, const std::string& database,
                 const std::string& staged, std::string_view why,
                 std::optional<WallTime> quarantine_expires, SteadyTime deadline);
  // Makes `staged` a new database (and its tenant, if that is new). Repetition and failures of the
  // disk as with Replace.
  //   kConflict  the name is taken; `staged` is where it was
  Status Install(const Uuid& operation, const std::string& tenant, const std::string& database,
                 const std::string& staged);
  // Takes the database away and puts its store into quarantine, under the id that is returned.
  // Those in flight are waited for. Fails as Replace(), or as writes while these are refused.
  //   kNotFound          no such database: `operation` may have happened, which the journal knows
  //   kInvalidArgument   it is temporary: it goes with its session
  //   kConflict          a worker used it within options.unused_for
  //   kDeadlineExceeded  nothing has changed
  Result<Uuid> PutAside(const Uuid& operation, const std::string& tenant,
                        const std::string& database, const PutAsideOptions& options,
                        SteadyTime deadline);
  // By the time it was moved there.
  Result<std::vector<QuarantinedStore>> ListQuarantine();
  // Back under its old name, or under a new one (and its tenant, if that is new).
  //   kNotFound         not there
  //   kConflict         the name is taken
  //   kInvalidArgument  what was moved aside is no store
  Status Release(const Uuid& quarantined, const std::string& tenant, const std::string& database);
  // Removes for ever.
  Status RemoveQuarantined(const Uuid& quarantined);
  // Removes what has expired by `now`, and returns how many. Also done by the upkeep thread.
  Result<uint64_t> RemoveExpiredQuarantine(WallTime now);
  // Looks for leftovers, and does with them what `options` say (sweep.h).
  Result<SweepResult> Sweep(const SweepOptions& options);

 private:
  class Impl;
  explicit Stores(std::unique_ptr<Impl> impl);
  std::unique_ptr<Impl> impl_;
};

}  // namespace pannier::store
