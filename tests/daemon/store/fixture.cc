#include "tests/daemon/store/fixture.h"

#include <thread>

#include "daemon/store/store_file.h"
#include "lib/core/clock.h"

namespace pannier::store {

CallContext Patient() { return {SystemClock().Steady() + std::chrono::seconds(60)}; }
CallContext TooLate() { return {SystemClock().Steady() - std::chrono::seconds(1)}; }

model::RecordBatch Batch(const std::vector<Record>& records) {
  model::RecordBatch batch;
  for (const Record& record : records) {
    batch.ids.push_back(record.id);
    batch.has_vector.push_back(!record.vector.empty());
    if (!record.vector.empty()) batch.dimension = static_cast<uint32_t>(record.vector.size());
    batch.vectors.insert(batch.vectors.end(), record.vector.begin(), record.vector.end());
    batch.documents.push_back(record.document);
    batch.uris.push_back(record.uri);
    batch.metadatas.push_back(record.metadata);
  }
  return batch;
}

NewCollection Collection(const std::string& name, model::Space space) {
  NewCollection wanted;
  wanted.name = name;
  wanted.index = model::DescribeIndex(nullptr, nullptr, nullptr).value();
  wanted.index.hnsw.space = space;
  return wanted;
}

model::Filter Where(const std::string& key, model::FilterOp op, model::Scalar operand) {
  model::Filter filter;
  filter.op = op;
  filter.key = key;
  filter.operand = std::move(operand);
  return filter;
}

namespace {
template <typename Text>
std::optional<std::string> Copy(const Text& text) {
  return text ? std::optional<std::string>(*text) : std::nullopt;
}
}  // namespace

Result<std::vector<Record>> Get(Store& store, const Uuid& id, model::GetRequest request) {
  request.include = {true, true, true, true, false};
  std::vector<Record> records;
  const auto visit = [&](uint32_t, const model::RecordView& view, float) -> Status {
    Record record;
    record.id = view.id;
    record.vector.assign(view.vector.begin(), view.vector.end());
    record.document = Copy(view.document);
    record.uri = Copy(view.uri);
    if (view.metadata) {
      record.metadata = TRY(model::ParseStoredMetadata(*view.metadata));
    }
    records.push_back(std::move(record));
    return {};
  };
  TRY(store.Get(id, request, visit, Patient()));
  return records;
}

Result<std::vector<Record>> GetIds(Store& store, const Uuid& id, std::vector<std::string> ids) {
  model::GetRequest request;
  request.selection.ids = std::move(ids);
  return Get(store, id, std::move(request));
}

std::vector<std::string> IdsOf(const std::vector<Record>& records) {
  std::vector<std::string> ids;
  for (const Record& record : records) ids.push_back(record.id);
  return ids;
}

Result<std::vector<Found>> Query(Store& store, const Uuid& id, const std::vector<float>& vector,
                                 uint32_t k, model::Selection selection) {
  model::QueryRequest request;
  request.selection = std::move(selection);
  request.dimension = static_cast<uint32_t>(vector.size());
  request.vectors = vector;
  request.count = 1;
  request.n_results = k;
  std::vector<Found> found;
  const auto visit = [&](uint32_t query, const model::RecordView& view, float distance) -> Status {
    found.push_back({query, std::string(view.id), distance});
    return {};
  };
  TRY(store.Query(id, request, visit, Patient()));
  return found;
}

Status Write(Store& store, const Uuid& id, model::WriteKind kind,
             const std::vector<Record>& records) {
  TRY(store.Write(id, kind, Batch(records), Patient()));
  return {};
}

bool CloseSoon(Stores& stores, const std::string& database) {
  const SteadyTime give_up = SystemClock().Steady() + std::chrono::seconds(20);
  while (!stores.Close("default_tenant", database).value()) {
    if (SystemClock().Steady() >= give_up) return false;
    std::this_thread::yield();
  }
  return true;
}

Scratch::Scratch(StoreOptions options_given) : options(std::move(options_given)) { Reopen(); }

void Scratch::Reopen() {
  stores_.reset();
  stores_ = Stores::Open(path().string(), options, file::RealFileSystem(), SystemClock(), nullptr)
                .value();
}

StoreRef Scratch::Default() { return Open("default_database"); }

StoreRef Scratch::Open(const std::string& database) {
  return stores_->Acquire("default_tenant", database).value();
}

std::filesystem::path Scratch::OnlyStoreFolder() const {
  const auto folders = file::RealFileSystem().List(path() / "stores").value();
  CHECK(folders.size() == 1);
  return path() / "stores" / folders.front().name;
}

LoneStore::LoneStore(StoreOptions options) : options_(std::move(options)) {
  ConfigureSqlite();
  CreateStoreFile(file(), options_.sqlite_vfs).value();
}

std::shared_ptr<SqliteStore> LoneStore::Open() {
  return SqliteStore::Open(dir_.path().string(), options_, host, file::RealFileSystem()).value();
}

}  // namespace pannier::store
