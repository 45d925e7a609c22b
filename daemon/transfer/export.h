// Writes a store's content to where others can read it: a file of JSON Lines
// (docs/formats/export.md), or a running Chroma server. Reads the store at one sequence only if
// nobody writes to it, so callers give a copy (store::CopyStore). Memory: a block of the file, or a
// batch of records. Threads: one call, one thread.
#pragma once

#include <cstdint>
#include <string>
#include <vector>

#include "daemon/store/store.h"
#include "daemon/store/store_check.h"
#include "lib/core/result.h"
#include "lib/file/file_system.h"

namespace pannier::transfer {

struct Transferred {
  uint64_t collections = 0, records = 0, bytes = 0;
  std::vector<std::string> messages;  // what could not be brought over, for people
};

// Equal content gives equal bytes: collections by name, records in insertion order, numbers with
// the fewest digits that read back the same. `to` appears whole or not at all. `progress` counts
// records.
//   kConflict          `to` exists
//   kDeadlineExceeded  `progress` said stop
Result<Transferred> ExportJsonLines(store::Store& store, file::FileSystem& files,
                                    const file::Path& to, const store::Progress& progress);

struct ChromaPlace {
  std::string url;  // "http://host:port"
  std::string tenant, database;
};

// Makes the tenant, the database and each collection there, and fills them in batches that the
// server allows. A batch whose answer is lost is sent again, which changes nothing. Records without
// a vector stay behind, for Chroma takes none.
//   kConflict     a collection of that name is there
//   kUnavailable  the server cannot be reached, or broke off; what was sent so far is there
Result<Transferred> ExportToChroma(store::Store& store, const ChromaPlace& to,
                                   const store::Progress& progress);

}  // namespace pannier::transfer
