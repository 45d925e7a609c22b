// Brings one collection over, into a store that is being made. Threads: one.
#pragma once

#include <functional>
#include <string>

#include "daemon/rescue/chroma_directory.h"
#include "daemon/rescue/sql_catalog.h"
#include "daemon/store/sqlite.h"
#include "daemon/store/store.h"
#include "lib/core/result.h"
#include "lib/file/file_system.h"

namespace pannier::rescue {

struct RescueSource {
  store::Connection& connection;
  file::FileSystem& files;
  file::Path directory;
  bool repaired = false;  // rows may be missing
};

// Called for each record; false: stop (kDeadlineExceeded).
using RecordCounter = std::function<bool()>;

Result<RescuedCollection> RescueCollection(const RescueSource& source,
                                           const ChromaCollection& collection, store::Store& into,
                                           const RecordCounter& count);

}  // namespace pannier::rescue
