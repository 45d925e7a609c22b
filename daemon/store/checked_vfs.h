// A VFS of our own over SQLite's (or over a named one): no page reaches SQLite that is not the one
// that was written.
//
// The pages of a database file whose reserved bytes have room for a checksum (page_checksum.h) get
// one when they are written and are held against it when they are read; in the log, pages are held
// against what this process wrote or first read (file_guard.h). A page that fails is a read error,
// SQLITE_IOERR_DATA, which Connection turns into kCorruption with what TakePageDamage() says. Files
// without that room pass through unguarded. A log that was not there before is synced with its
// first commit, header and all. Everything else, locks and shared memory included, is left to the
// VFS below. Memory-mapped reading would go around it, and is not offered. Threads: any. Lifetime:
// the process; the VFS below outlives its open files.
#pragma once

#include <string>

#include "lib/core/result.h"

namespace pannier::store {

// The name of our VFS over the one named `base`, registered when first asked for. Empty: SQLite's
// own for files that only one process opens, which keeps others out and the log's index in memory.
//   kInvalidArgument  there is no such VFS
Result<std::string> CheckedVfs(const std::string& base);

// Whether this process has the database at `path` open through CheckedVfs(base).
bool IsOpenHere(const std::string& path, const std::string& base);

// What was wrong with the page that this thread read last, "page 17 of /…/store.db fails its
// checksum"; empty when none was. Forgets it.
std::string TakePageDamage();

}  // namespace pannier::store
