// Which tenants and databases exist, whose the temporary ones are, and what was moved aside, in
// catalog.db.
// docs/formats/catalog.md.
//
// A database gets its files before its row, and loses its row before its files. What lies between
// is written down as an intent first: at start, the files of every intent are removed, because
// nobody was ever told that they exist, or everybody that they are gone. A thing in quarantine has
// its row before it is moved there, and keeps it until it is gone. Threads: any; calls are short
// and take turns. Error texts are Chroma's.
#pragma once

#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "daemon/store/catalog_file.h"
#include "daemon/store/session_row.h"
#include "daemon/store/store_host.h"
#include "lib/core/clock.h"
#include "lib/core/result.h"
#include "lib/core/uuid.h"

namespace pannier::store {

struct CatalogEntry {
  Uuid database;  // what clients see
  Uuid store;     // names the folder
  std::string tenant;
  std::string name;
  std::optional<Uuid> session = {};           // it is temporary, and goes with this session
  std::optional<uint32_t> idle_seconds = {};  // closed when idle for so long; nothing: as all are
};

// Something below quarantine/. Paths are relative to the data directory.
struct QuarantineRow {
  Uuid store;                // its folder's id, or one made for it
  std::string tenant, name;  // of the database it was; empty: of none
  Uuid database;
  std::string why;
  WallTime since;
  std::optional<WallTime> expires;
  std::string path;     // where it lies
  std::string origin;   // where it came from: what is still there is on its way to `path`
  bool doomed = false;  // being removed; nobody may have it back
};

struct DamageRow {
  StoreName store;
  std::string what;
};

// A thing that a sweep saw.
struct LeftoverRow {
  std::string path;
  std::string signature;  // what it looked like; another look is another thing
  WallTime since;
};

class Catalog {
 public:
  // Errors as of CatalogFile::Open.
  static Result<std::unique_ptr<Catalog>> Open(const std::string& path, const std::string& vfs,
                                               bool may_be_new);
  CatalogFile& file() { return *file_; }

  // A commit that the disk failed may be there after a restart, or not, and what a restart finds
  // may go with the power. When this returns ok, all that the catalog says is durable, and what it
  // does not say will never be there: do so before anything is moved or removed because of it.
  Status Settle();

  Status CreateTenant(const std::string& name);
  Status FindTenant(const std::string& name);

  Result<CatalogEntry> Find(const std::string& tenant, const std::string& name);
  // By name; of one tenant, or of all.
  Result<std::vector<CatalogEntry>> List(const std::optional<std::string>& tenant,
                                         std::optional<uint32_t> limit, uint32_t offset);
  Result<uint64_t> Count();

  // --- databases ---
  // Writes down that a store's files are about to be made.
  Status IntendStore(const Uuid& store);
  // The same for a new store, whose id it gives out. Several are written down at a time; those that
  // wait for their turn are none of Intents() until this process ends, when the next start finds
  // that they have no files.
  Result<Uuid> IntendNewStore();
  // The files are there: adds the row and drops the intent. kConflict when the name is taken.
  // `with_tenant` makes the tenant too, and `operation` (unless it is nil) has happened, all in the
  // same step.
  Status Insert(const CatalogEntry& entry, bool with_tenant = false, const Uuid& operation = {});
  // The database's store is `fresh` from now on, whose intent is dropped; `old` notes where the one
  // it had goes, and `operation` has happened. kNotFound: it is not the database's store any more.
  Status Exchange(const CatalogEntry& entry, const Uuid& fresh, const QuarantineRow& old,
                  const Uuid& operation);
  // How long it may be idle; nothing: as all are.  kNotFound
  Status SetIdle(const std::string& tenant, const std::string& name,
                 std::optional<uint32_t> seconds);
  // Removes the row; `aside` notes where the store goes, and `operation` has happened.  kNotFound
  Status PutAside(const CatalogEntry& entry, const QuarantineRow& aside, const Uuid& operation);
  // Removes the row and writes down that the files are to go.
  Status Remove(const CatalogEntry& entry);
  // The files are gone.
  Status ForgetIntent(const Uuid& store) { return ForgetIntents({store}); }
  Status ForgetIntents(const std::vector<Uuid>& stores);  // all or none
  Result<std::vector<Uuid>> Intents();
  // Removes every tenant; and every database, whose files then are intents.
  Status Clear();

  // --- sessions --- (catalog_sessions.cc)
  // Adds the row, or changes the one of that uid.
  Status NoteSession(const SessionRow& row);
  // Only the latter: who has ended meanwhile does not come back.
  Status ChangeSession(const SessionRow& row);
  // In the order in which they were first noted.
  Result<std::vector<SessionRow>> Sessions();
  Status ForgetSession(const Uuid& uid);
  // The databases that go with the session, by name.
  Result<std::vector<CatalogEntry>> TemporaryOf(const Uuid& session);
  // Sessions that databases name and that have no row.
  Result<std::vector<Uuid>> LostSessions();

  // --- quarantine ---
  Status Quarantine(const QuarantineRow& row);
  // By since.
  Result<std::vector<QuarantineRow>> Quarantined();
  Result<QuarantineRow> FindQuarantined(const Uuid& store);  // kNotFound, also when doomed
  // It is about to be moved back to `origin`: what a crash leaves there belongs to its path.
  Status ReturnsTo(const Uuid& store, const std::string& origin);
  // It lies below stores/ again: makes it a database, and its tenant. kConflict: the name is taken.
  Status Release(const CatalogEntry& entry);
  // Its files are about to go, for ever; then they are gone.
  Status Doom(const Uuid& store);
  Status ForgetQuarantined(const Uuid& store);

  // --- damage --- of databases that exist; goes with them, and with the store that had it
  Status SetDamage(const DamageRow& row);
  Status ClearDamage(const StoreName& store);
  Result<std::vector<DamageRow>> Damages();

  // --- what sweeps saw ---
  Result<std::vector<LeftoverRow>> Leftovers();
  Status SetLeftovers(const std::vector<LeftoverRow>& rows);  // instead of all that was there

 private:
  explicit Catalog(std::unique_ptr<CatalogFile> file) : file_(std::move(file)) {}
  // Of the columns id, store, tenant, name, session, idle_seconds.
  static Result<CatalogEntry> ReadDatabase(const Statement& row);
  Status InsertDatabase(const CatalogEntry& entry, bool with_tenant) REQUIRES(file_->mutex);
  Status InsertQuarantine(const QuarantineRow& row) REQUIRES(file_->mutex);
  Status NoteHappened(const Uuid& operation) REQUIRES(file_->mutex);
  Status IntendSpares() REQUIRES(file_->mutex);

  const std::unique_ptr<CatalogFile> file_;
  std::vector<Uuid> spares_ GUARDED_BY(file_->mutex);  // intents that nobody uses yet
};

}  // namespace pannier::store
