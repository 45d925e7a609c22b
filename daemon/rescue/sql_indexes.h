// What the indexes of a damaged chroma.sqlite3 (attached as `old`) still hold of rows that its
// tables have lost, brought into the readable copy (`main`). Each index is read from both of its
// ends up to where it is damaged. Threads: one.
#pragma once

#include <cstdint>

#include "daemon/store/sqlite.h"
#include "lib/core/result.h"

namespace pannier::rescue {

// Rows of `embeddings` by their segment and id; how many came.
Result<int64_t> RecoverIds(store::Connection& connection);

// Rows of `embedding_metadata` and `embedding_metadata_array`: first which keys a record has, then
// texts and numbers, which have indexes as well. Truths have none; their row comes without a value.
Status RecoverValues(store::Connection& connection);

}  // namespace pannier::rescue
