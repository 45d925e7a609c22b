// The file catalog.db: making it, opening it, bringing it to the newest format.
// docs/formats/catalog.md describes every table.
//
// Its tables have their readers and writers in catalog.h and catalog_journal.h, which share the one
// connection. Threads: hold `mutex` while using `connection`. Lifetime: outlives those two.
#pragma once

#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "daemon/store/sqlite.h"
#include "lib/core/clock.h"
#include "lib/core/mutex.h"
#include "lib/core/result.h"
#include "lib/core/uuid.h"

namespace pannier::store {

class CatalogFile {
 public:
  static constexpr int kFormat = 3;

  // Makes the file when it is absent or empty, if it `may_be_new`. An older format is brought up to
  // date in one transaction.
  //   kInvalidArgument  written by a newer version
  //   kCorruption       not a catalog, or damaged; absent or empty, and it must not be new
  static Result<std::unique_ptr<CatalogFile>> Open(const std::string& path, const std::string& vfs,
                                                   bool may_be_new);

  // Runs one statement whose parameters are texts.
  Status Change(const std::string& sql, const std::vector<std::string>& parameters) REQUIRES(mutex);

  Mutex mutex;  // held across the (rare, small) writes: this is not a hot path
  Connection connection GUARDED_BY(mutex);

 private:
  explicit CatalogFile(Connection opened) : connection(std::move(opened)) {}
};

// Times are kept as nanoseconds since 1970.
int64_t ToNanoseconds(WallTime time);
WallTime FromNanoseconds(int64_t nanoseconds);

}  // namespace pannier::store
