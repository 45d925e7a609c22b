// Which tenants and databases exist, in catalog.db. docs/formats/catalog.md.
//
// A database gets its files before its row, and loses its row before its files. What lies between
// is written down as an intent first: at start, the files of every intent are removed, because
// nobody was ever told that they exist, or everybody that they are gone. Threads: any; calls are
// short and take turns. Error texts are Chroma's.
#pragma once

#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "daemon/store/sqlite.h"
#include "lib/core/mutex.h"
#include "lib/core/result.h"
#include "lib/core/uuid.h"

namespace pannier::store {

struct CatalogEntry {
  Uuid database;  // what clients see
  Uuid store;     // names the folder
  std::string tenant;
  std::string name;
};

class Catalog {
 public:
  // Makes the file when it is absent or empty, if it `may_be_new`.
  //   kInvalidArgument  written by a newer version
  //   kCorruption       not a catalog, or damaged; absent or empty, and it must not be new
  static Result<std::unique_ptr<Catalog>> Open(const std::string& path, const std::string& vfs,
                                               bool may_be_new);

  Status CreateTenant(const std::string& name);
  Status FindTenant(const std::string& name);

  Result<CatalogEntry> Find(const std::string& tenant, const std::string& name);
  // By name; of one tenant, or of all.
  Result<std::vector<CatalogEntry>> List(const std::optional<std::string>& tenant,
                                         std::optional<uint32_t> limit, uint32_t offset);
  Result<uint64_t> Count();

  // Writes down that a store's files are about to be made.
  Status IntendStore(const Uuid& store);
  // The files are there: adds the row and drops the intent. kConflict when the name is taken.
  // `with_tenant` makes the tenant too, in the same step.
  Status Insert(const CatalogEntry& entry, bool with_tenant = false);
  // Removes the row and writes down that the files are to go.
  Status Remove(const CatalogEntry& entry);
  // The files are gone.
  Status ForgetIntent(const Uuid& store);
  Result<std::vector<Uuid>> Intents();
  // Removes every tenant; and every database, whose files then are intents.
  Status Clear();

 private:
  explicit Catalog(Connection connection) : connection_(std::move(connection)) {}
  Status Change(const std::string& sql, const std::vector<std::string>& parameters)
      REQUIRES(mutex_);

  Mutex mutex_;  // held across the (rare, small) writes: this is not a hot path
  Connection connection_ GUARDED_BY(mutex_);
};

}  // namespace pannier::store
