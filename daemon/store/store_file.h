// The format of store.db: making it, opening it, refusing what is not it. docs/formats/store.md
// describes every table.
#pragma once

#include <string>

#include "daemon/store/sqlite.h"
#include "lib/core/result.h"

namespace pannier::store {

inline constexpr int kStoreFormat = 2;                // PRAGMA user_version
inline constexpr int kStoreFormatWithChecksums = 2;   // of pages; before, there were none
inline constexpr int kStoreApplication = 0x50414e52;  // PRAGMA application_id: "PANR"
inline constexpr int kStorePageBytes =
    16'384;  // a third smaller files than 4 KiB for rows with vectors

// Makes an empty store at `path`, which must not exist. It is synced before this returns; its
// folder is not.
Status CreateStoreFile(const std::string& path, const std::string& vfs);

// The one connection that writes and checkpoints. (SQLite before 3.51.3 may lose pages when two
// connections do; one writer that alone checkpoints cannot meet that defect.)
//   kCorruption       missing, not a store, or damaged; also when its log is (wal_check.h)
//   kInvalidArgument  written by a newer Pannier
Result<Connection> OpenStoreWriter(const std::string& path, const std::string& vfs);
// That it is a store, and of a format that we read; errors as above.
Status CheckStoreFormat(Connection& connection);
Result<Connection> OpenStoreReader(const std::string& path, const std::string& vfs);

}  // namespace pannier::store
