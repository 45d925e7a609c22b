#include "daemon/store/fork.h"

#include <algorithm>
#include <memory>

namespace pannier::store {
namespace {

constexpr uint64_t kStepBytes = 1 << 20;

Status CopyPinned(const StorePin& pin, file::File& to, const Progress& progress) {
  std::string step(kStepBytes, '\0');
  for (uint64_t done = 0; done < pin.bytes();) {
    const auto part = std::span(step).first(std::min(kStepBytes, pin.bytes() - done));
    TRY(pin.Read(done, part));
    TRY(to.WriteAt(done, std::string_view(part.data(), part.size())));
    done += part.size();
    if (progress && !progress(done, pin.bytes())) {
      return DeadlineExceeded("the copy was stopped");
    }
  }
  return {};
}

Result<StoreCopy> StageAndInstall(Stores& stores, const Uuid& operation, const StoreName& from,
                                  const StoreName& to, file::FileSystem& files,
                                  const CallContext& call, const Progress& progress) {
  const std::string staged = TRY(stores.MakeStaging(operation));
  StoreRef source = TRY(stores.Acquire(from.tenant, from.database, Use::kUpkeep));
  const StoreCopy copy = TRY(CopyStore(*source, staged, files, call, progress));
  source.reset();
  TRY(stores.Install(operation, to.tenant, to.database, staged));
  return copy;
}

}  // namespace

Result<StoreCopy> CopyStore(Store& source, const std::string& folder, file::FileSystem& files,
                            const CallContext& call, const Progress& progress) {
  const auto to = TRY(files.Open(folder + "/store.db", file::OpenMode::kCreateNew));
  StoreCopy copy;
  {
    const std::unique_ptr<StorePin> pin = TRY(source.Pin(call));
    copy = {pin->sequence(), pin->bytes()};
    TRY(CopyPinned(*pin, *to, progress));
  }
  TRY(to->Sync());
  TRY(files.SyncDirectory(folder));
  return copy;
}

Result<StoreCopy> ForkStore(Stores& stores, const Uuid& operation, const StoreName& from,
                            const StoreName& to, file::FileSystem& files, const CallContext& call,
                            const Progress& progress) {
  const std::optional<JournalEntry> entry = TRY(stores.journal().Find(operation));
  const bool happened = entry && entry->happened;
  if (!happened && stores.FindDatabase(to.tenant, to.database).ok()) {
    return Conflict("Database [" + to.database + "] already exists");
  }
  Result<StoreCopy> forked = StageAndInstall(stores, operation, from, to, files, call, progress);
  // What cannot be removed now goes at the next start, or with a sweep.
  [[maybe_unused]] const Status removed = stores.RemoveStaging(operation);
  return forked;
}

}  // namespace pannier::store
