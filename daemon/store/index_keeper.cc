#include "daemon/store/index_keeper.h"

#include <algorithm>
#include <optional>
#include <utility>
#include <vector>

#include "daemon/store/hnsw_text.h"
#include "daemon/store/scratch_file.h"
#include "lib/core/log.h"

namespace pannier::store {
namespace {

constexpr auto kQuiet = std::chrono::seconds(3);
// Between two savings of one index, beside what its size takes at a mebibyte a second.
constexpr auto kSaveAgain = std::chrono::seconds(30);

std::string KeyOf(const model::Collection& collection, uint64_t records, index::Sequence at) {
  return "collection " + collection.id.ToString() + " sequence " + std::to_string(at) +
         " records " + std::to_string(records) + " dimension " +
         std::to_string(collection.dimension.value_or(0)) + " " + FormatHnsw(collection.hnsw);
}
std::string KeyOf(const CollectionEntry& entry, index::Sequence at) {
  return KeyOf(*entry.info, entry.indexes->records.load(std::memory_order_relaxed), at);
}

}  // namespace

bool TableVectors::Fetch(RecordNumber record, std::span<float> into) {
  if (!failed_.ok()) return false;
  const auto found = table_.Fetch(record, Columns::kVectorOnly, [&](const Row& row) -> Status {
    if (row.vector.size() != into.size()) return Corruption("a vector has the wrong dimension");
    std::copy(row.vector.begin(), row.vector.end(), into.begin());
    return {};
  });
  if (!found.ok()) {
    failed_ = found.error();
  } else if (!*found) {
    failed_ =
        Corruption("record " + std::to_string(record) + " is in the index but not in the store");
  }
  return failed_.ok();
}

std::shared_ptr<index::VectorIndex> IndexKeeper::Load(const CollectionEntry& entry,
                                                      const index::VectorIndex::Options& options,
                                                      index::Sequence at, RecordTable& table) {
  auto loaded = LoadIndex(files_, PathOf(entry.info->id), KeyOf(entry, at), options, at);
  if (loaded.Is(Errc::kNotFound)) return nullptr;
  TableVectors vectors(table);
  if (loaded.ok() && (*loaded)->At(at)->IsOf(vectors)) {
    MutexLock lock(mutex_);
    Saved& saved = saved_[entry.info->id];
    saved.at = at;
    saved.tail = (*loaded)->SavableTail().value_or(0);
    return *std::move(loaded);
  }
  LogInfo("a saved index is not used; it is built anew")
      .Add("collection", entry.info->name)
      .Add("why", loaded.ok() ? "it is of other rows" : loaded.error().what);
  Remove(entry.info->id);
  return nullptr;
}

bool IndexKeeper::IsQuiet(index::Sequence at, SteadyTime now) {
  MutexLock lock(mutex_);
  if (at != seen_) seen_since_ = now;
  seen_ = at;
  return now - seen_since_ >= kQuiet;
}

void IndexKeeper::SaveDue(const CollectionMap& collections, index::Sequence at, SteadyTime now) {
  for (const auto& [id, entry] : collections.entries()) {
    const auto vectors = entry.indexes->vectors();
    if (vectors == nullptr || vectors->WantsGraph()) continue;  // worth more with its next graph
    if (!SaveIfStale(entry, *vectors, at, now)) continue;
    const Result<file::Info> info = files_.Stat(PathOf(id));
    const auto bytes = info.ok() ? info->bytes : 0;
    MutexLock lock(mutex_);
    saved_[id].again = now + kSaveAgain + std::chrono::seconds(bytes >> 20);
  }
}

void IndexKeeper::SaveLast(const CollectionMap& collections, index::Sequence at, SteadyTime until) {
  for (const auto& [id, entry] : collections.entries()) {
    if (SystemClock().Steady() >= until) return;
    const auto vectors = entry.indexes->vectors();
    if (vectors != nullptr) SaveIfStale(entry, *vectors, at, SteadyTime::max());
  }
}

bool IndexKeeper::SaveIfStale(const CollectionEntry& entry, const index::VectorIndex& vectors,
                              index::Sequence at, SteadyTime now) {
  const std::optional<uint64_t> tail = vectors.SavableTail();  // at most so many when it is saved
  if (!tail) return false;
  const Uuid& id = entry.info->id;
  {
    MutexLock lock(mutex_);
    const Saved& saved = saved_[id];
    if ((saved.at == at && *tail >= saved.tail) || now < saved.again) return false;
  }
  const Status done = Save(entry, at);
  MutexLock lock(mutex_);
  if (done.ok()) {
    saved_[id].at = at;
    saved_[id].tail = *tail;
  }
  return true;
}

Status IndexKeeper::Save(const CollectionEntry& entry, index::Sequence at) {
  const auto vectors = entry.indexes->vectors();
  if (vectors == nullptr) return Unavailable("save index: it is not in memory");
  MutexLock lock(saving_);
  return SaveIndex(files_, PathOf(entry.info->id), KeyOf(entry, at), *vectors, at);
}

Result<PinnedIndex> IndexKeeper::OpenSaved(const PinnedCollection& collection,
                                           index::Sequence at) const {
  PinnedIndex saved;
  saved.path = kFolder + ("/" + collection.info.id.ToString());
  saved.file = TRY(files_.Open(PathOf(collection.info.id), file::OpenMode::kRead));
  saved.bytes = TRY(saved.file->Size());
  TRY(CheckSavedIndex(*saved.file, KeyOf(collection.info, collection.records, at)));
  return saved;
}

index::Scratch IndexKeeper::ScratchOf(const Uuid& id) const {
  auto scratch = [&files = files_, folder = file::Path(folder_), id]() {
    auto made = MakeScratchFile(files, folder, id.ToString() + ".scratch");
    return made.ok() ? std::move(*made) : nullptr;
  };
  return {std::move(scratch)};
}

void IndexKeeper::Remove(const Uuid& id) {
  const Status removed = file::RemoveAll(files_, PathOf(id));
  if (!removed.ok()) LogWarn("a saved index stays on disk").Add("error", removed.error().what);
  MutexLock lock(mutex_);
  saved_.erase(id);
}

void IndexKeeper::Sweep(const CollectionMap& collections) {
  const auto entries = files_.List(folder_);
  if (!entries.ok()) return;  // mostly: there are none
  for (const file::Entry& entry : *entries) {
    const auto id = Uuid::Parse(entry.name);
    if (id && collections.Find(*id) != nullptr) continue;
    const Status removed = file::RemoveAll(files_, folder_ + "/" + entry.name);
    if (!removed.ok()) return;  // the next opening tries again
  }
}

}  // namespace pannier::store
