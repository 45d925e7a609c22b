// Brings a Chroma 1.x persist directory over, also a damaged one. docs/runbooks/import.md.
//
// Collections, records, documents and metadata come from chroma.sqlite3; vectors from its
// embeddings_queue where they are still there, else from the HNSW segment's files, by a reader that
// trusts nothing they say about sizes, offsets and pickles. Reads only; copies what it must change
// to scratch. Memory: bounded by the ids of one collection. Threads: one call, one thread. Runs in
// a child process.
#pragma once

#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

#include "daemon/store/store_check.h"
#include "lib/core/result.h"
#include "lib/file/file_system.h"

namespace pannier::rescue {

struct RescuedCollection {
  std::string name, id;
  uint64_t records = 0;         // that came over, the following included
  uint64_t without_vector = 0;  // their vector could not be found
  uint64_t incomplete = 0;      // a part of their document or metadata could not be read
  uint64_t lost = 0;            // could not be read at all, as far as that can be told
  std::vector<std::string> messages;
};

struct RescuedDatabase {
  std::string tenant, database;
  std::string folder;  // directly below `target`: a whole, synced store.db
  std::vector<RescuedCollection> collections;
};

struct RescueReport {
  std::vector<RescuedDatabase> databases;
  std::vector<std::string> messages;  // what was wrong with the directory, and what was done
};

// `target`: an existing, empty folder. `progress` counts records.
//   kNotFound         no chroma.sqlite3 there
//   kInvalidArgument  not Chroma's, or of a version before 1.0 or after what is known
//   kCorruption       nothing could be made out
Result<RescueReport> RescueChromaDirectory(const std::string& directory, const std::string& target,
                                           file::FileSystem& files,
                                           const store::Progress& progress);

// As the admin API answers it, with `folder` beside; and back.
std::string ToJson(const RescueReport& report);
//   kCorruption  it is not that
Result<RescueReport> ParseReport(std::string_view json);

}  // namespace pannier::rescue
