#include "daemon/store/merge.h"

#include <algorithm>
#include <utility>

#include "daemon/model/metadata.h"
#include "daemon/store/fork.h"
#include "daemon/store/offline_store.h"

namespace pannier::store {
namespace {

constexpr size_t kBatchRecords = 256;
constexpr uint64_t kBatchBytes = 4 << 20;

std::optional<std::string> Owned(std::optional<std::string_view> text) {
  if (!text) return std::nullopt;
  return std::string(*text);
}

// Takes in one collection, record by record.
class CollectionMerger {
 public:
  CollectionMerger(Store& into, CollectionPtr target, bool replace, const CallContext& call,
                   MergeReport& report)
      : into_(into), target_(std::move(target)), replace_(replace), call_(call), report_(report) {}

  Status Add(const model::RecordView& record) {
    batch_.ids.emplace_back(record.id);
    batch_.has_vector.push_back(!record.vector.empty());
    if (!record.vector.empty()) batch_.dimension = static_cast<uint32_t>(record.vector.size());
    batch_.vectors.insert(batch_.vectors.end(), record.vector.begin(), record.vector.end());
    batch_.documents.push_back(Owned(record.document));
    batch_.uris.push_back(Owned(record.uri));
    std::optional<model::Metadata> metadata;
    if (record.metadata) metadata = TRY(model::ParseStoredMetadata(*record.metadata));
    batch_.metadatas.push_back(std::move(metadata));
    bytes_ += record.id.size() + record.vector.size_bytes();
    for (const auto& text : {record.document, record.uri, record.metadata}) {
      bytes_ += text ? text->size() : 0;
    }
    if (batch_.ids.size() >= kBatchRecords || bytes_ >= kBatchBytes) return Flush();
    return {};
  }

  Status Flush() {
    if (batch_.ids.empty()) return {};
    std::vector<std::string> there = TRY(IdsThere());
    const uint64_t met = there.size();
    if (replace_ && met > 0) {
      model::Selection selection;
      selection.ids = std::move(there);
      TRY(into_.Delete(target_->id, selection, std::nullopt, call_));
    }
    // An add passes over the ids that are there still.
    TRY(into_.Write(target_->id, model::WriteKind::kAdd, batch_, call_));
    report_.added += batch_.ids.size() - met;
    (replace_ ? report_.replaced : report_.kept) += met;
    batch_ = {};
    bytes_ = 0;
    return {};
  }

 private:
  Result<std::vector<std::string>> IdsThere() {
    model::GetRequest request;
    request.selection.ids = batch_.ids;
    std::vector<std::string> there;
    TRY(into_.Get(
        target_->id, request,
        [&](uint32_t, const model::RecordView& record, float) -> Status {
          there.emplace_back(record.id);
          return {};
        },
        call_));
    return there;
  }

  Store& into_;
  const CollectionPtr target_;
  const bool replace_;
  const CallContext& call_;
  MergeReport& report_;
  model::RecordBatch batch_;
  uint64_t bytes_ = 0;
};

class StoreMerger {
 public:
  StoreMerger(Store& from, Store& into, bool replace, const CallContext& call,
              const Progress& progress)
      : from_(from), into_(into), replace_(replace), call_(call), progress_(progress) {}

  Result<MergeReport> Run() {
    const std::vector<CollectionPtr> collections = from_.ListCollections(std::nullopt, 0);
    for (const CollectionPtr& each : collections) total_ += TRY(from_.Count(each->id, call_));
    for (const CollectionPtr& each : collections) TRY(Merge(each).Context("merge " + each->name));
    if (!collections.empty() && report_.collections == 0) {
      return Conflict("nothing can be merged: " + report_.messages.front(),
                      "export the collection and add its records to one of another name");
    }
    return std::move(report_);
  }

 private:
  void Say(std::string message) {
    if (report_.messages.size() < MergeReport::kMessagesMax) {
      report_.messages.push_back(std::move(message));
    }
  }

  // The collection to merge into; null when the two cannot meet.
  Result<CollectionPtr> Target(const model::Collection& source) {
    const CollectionPtr there = into_.FindCollection(source.name);
    if (there == nullptr) return Make(source);
    if (there->hnsw.space != source.hnsw.space) {
      Say("collection " + source.name + " skipped: its vectors are compared in another space");
      return CollectionPtr();
    }
    if (there->dimension && source.dimension && *there->dimension != *source.dimension) {
      Say("collection " + source.name + " skipped: its vectors have dimension " +
          std::to_string(*source.dimension) + ", there they have " +
          std::to_string(*there->dimension));
      return CollectionPtr();
    }
    return there;
  }

  Result<CollectionPtr> Make(const model::Collection& source) {
    NewCollection wanted;
    wanted.name = source.name;
    wanted.metadata = source.metadata;
    wanted.index = {source.hnsw, source.configuration, source.schema};
    if (into_.FindCollection(source.id) == nullptr) wanted.id = source.id;
    return into_.CreateCollection(wanted, call_);
  }

  Status Merge(const CollectionPtr& source) {
    const CollectionPtr target = TRY(Target(*source));
    if (target == nullptr) return {};
    CollectionMerger merger(into_, target, replace_, call_, report_);
    model::GetRequest all;
    all.include = {.documents = true, .embeddings = true, .metadatas = true, .uris = true};
    TRY(from_.Get(
        source->id, all,
        [&](uint32_t, const model::RecordView& record, float) -> Status {
          TRY(merger.Add(record));
          return Advance();
        },
        call_));
    TRY(merger.Flush());
    ++report_.collections;
    return {};
  }

  Status Advance() {
    ++done_;
    if (done_ % kBatchRecords == 0 && progress_ && !progress_(std::min(done_, total_), total_)) {
      return DeadlineExceeded("the merge was stopped");
    }
    return {};
  }

  Store& from_;
  Store& into_;
  const bool replace_;
  const CallContext& call_;
  const Progress& progress_;
  MergeReport report_;
  uint64_t done_ = 0, total_ = 0;
};

// The merged copy of `into`, whole and synced in `staged`.
Result<MergeReport> Stage(Stores& stores, const MergeRequest& request, const std::string& staged,
                          const StoreOptions& options, file::FileSystem& files,
                          const CallContext& call, const Progress& progress) {
  StoreRef original = TRY(stores.Acquire(request.into.tenant, request.into.database, Use::kUpkeep));
  TRY(CopyStore(*original, staged, files, call, {}));
  original.reset();
  std::shared_ptr<Store> copy = TRY(OpenOfflineStore(staged, options, files));
  const StoreRef from =
      TRY(stores.Acquire(request.from.tenant, request.from.database, Use::kUpkeep));
  MergeReport report = TRY(MergeStores(*from, *copy, request.rule, call, progress));
  TRY(FinishOfflineStore(std::move(copy), staged, files));
  return report;
}

Result<MergeReport> StageAndReplace(Stores& stores, const MergeRequest& request,
                                    const StoreOptions& options, file::FileSystem& files,
                                    const CallContext& call, const Progress& progress) {
  const StoreName& into = request.into;
  const WriteFence fence = TRY(stores.FenceWrites(into.tenant, into.database, call.deadline));
  const std::string staged = TRY(stores.MakeStaging(request.operation));
  MergeReport report = TRY(Stage(stores, request, staged, options, files, call, progress));
  TRY(stores.Replace(request.operation, into.tenant, into.database, staged, "merge",
                     request.quarantine_expires, call.deadline));
  return report;
}

}  // namespace

Result<MergeReport> MergeStores(Store& from, Store& into, OnConflict rule, const CallContext& call,
                                const Progress& progress) {
  const bool newer = rule == OnConflict::kNewest && from.sequence() > into.sequence();
  const bool replace = rule == OnConflict::kReplace || newer;
  return StoreMerger(from, into, replace, call, progress).Run();
}

Result<MergeReport> MergeDatabases(Stores& stores, const MergeRequest& request,
                                   const StoreOptions& options, file::FileSystem& files,
                                   const CallContext& call, const Progress& progress) {
  if (request.from == request.into) {
    return InvalidArgument("a store cannot be merged into itself", "name two different stores");
  }
  TRY(stores.FindDatabase(request.from.tenant, request.from.database));
  Result<MergeReport> merged = StageAndReplace(stores, request, options, files, call, progress);
  // What cannot be removed now goes at the next start, or with a sweep.
  [[maybe_unused]] const Status removed = stores.RemoveStaging(request.operation);
  return merged;
}

}  // namespace pannier::store
