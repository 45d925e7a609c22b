// Copies what can be read of a damaged chroma.sqlite3 into a fresh file, table by table.
//
// Each table is read by ranges of its row numbers; a range that cannot be read is halved until only
// the rows that are really gone stay out. What indexes still hold of those is taken from there
// (sql_indexes.h), and documents from the full-text table.
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
