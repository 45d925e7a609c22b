// A store outside of Stores: a folder in staging that only its maker knows. Imports and merges fill
// one through the same interface that workers write through, so that there is one way to write.
// Threads: as Store. No upkeep runs and no graph is built.
#pragma once

#include <memory>
#include <string>

#include "daemon/store/store.h"
#include "daemon/store/stores.h"
#include "lib/core/result.h"
#include "lib/file/file_system.h"

namespace pannier::store {

// Makes an empty store in `folder`, which exists and is empty.
Result<std::shared_ptr<Store>> MakeOfflineStore(const std::string& folder,
                                                const StoreOptions& options,
                                                file::FileSystem& files);
//   kCorruption, kInvalidArgument, …  as Stores::Acquire
Result<std::shared_ptr<Store>> OpenOfflineStore(const std::string& folder,
                                                const StoreOptions& options,
                                                file::FileSystem& files);
// Moves the log into the file, closes it, and syncs the folder: ready for Stores::Install or
// Replace. The caller's was the only reference.
Status FinishOfflineStore(std::shared_ptr<Store> store, const std::string& folder,
                          file::FileSystem& files);

}  // namespace pannier::store
