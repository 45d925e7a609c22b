// Copies what can be read of a damaged chroma.sqlite3 into a fresh file, table by table.
//
// Each table is read by ranges of its row numbers; a range that cannot be read is halved until only
// the rows that are really gone stay out. Records whose row is gone but whose id an index still
// holds keep their id; documents come from the full-text table where the metadata's row is gone.
// Threads: one. Memory: a few pages.
#pragma once

#include <string>
#include <vector>

#include "daemon/store/sqlite.h"
#include "lib/core/result.h"

namespace pannier::rescue {

// Makes `fresh`. Appends a sentence for each table of which something is gone.
//   kCorruption  not even the names of its tables can be read
Result<store::Connection> CopyReadableRows(const std::string& damaged, const std::string& fresh,
                                           std::vector<std::string>* messages);

}  // namespace pannier::rescue
