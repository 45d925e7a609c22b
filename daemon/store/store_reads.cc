// The reading calls of SqliteStore: each pins one sequence and reads rows and caches as of it.
#include <algorithm>
#include <thread>

#include "daemon/store/file_search.h"
#include "daemon/store/read_pace.h"
#include "daemon/store/selection.h"
#include "daemon/store/sqlite_store.h"
#include "daemon/store/text_search.h"
#include "lib/core/log.h"

namespace pannier::store {

// One pinned read. Members end in reverse order: the transaction before its reader.
struct SqliteStore::Look {
  CollectionEntry entry;
  ReaderPool::Lease reader;
  std::optional<Transaction> transaction;
  index::Sequence at = 0;
  std::optional<index::VectorIndex::View>
      vectors;  // nothing: the collection has no vector, or no room for a cache
  std::optional<index::AttributeIndex::View> attributes;

  RecordTable& table() { return reader->records(entry.info->number); }
};

namespace {

Columns ColumnsOf(const model::Include& include) {
  return include.embeddings ? Columns::kAll : Columns::kAllButVector;
}

model::RecordView ViewOf(const Row& row, const model::Include& include) {
  model::RecordView view;
  view.id = row.id;
  if (include.documents) view.document = row.document;
  if (include.uris) view.uri = row.uri;
  if (include.metadatas) view.metadata = row.metadata;
  if (include.embeddings) view.vector = row.vector;
  return view;
}

Status Fetch(RecordTable& table, RecordNumber number, const model::Include& include, uint32_t query,
             float distance, const model::RecordVisitor& visit) {
  const bool found = TRY(table.Fetch(number, ColumnsOf(include), [&](const Row& row) -> Status {
    return visit(query, ViewOf(row, include), distance);
  }));
  if (!found)
    return Corruption("record " + std::to_string(number) + " is in the index but not in the store");
  return {};
}

// After so many losses of a cache between loading and use, vectors are searched in the file.
constexpr int kDropsMax = 3;

// An explanation of what comes before the search.
Explanation Begun(index::Sequence at, bool in_memory, const Selected& selected) {
  Explanation explanation;
  explanation.sequence = at;
  explanation.in_memory = in_memory;
  if (selected.records) explanation.selected = selected.records->Count();
  if (selected.division) explanation.undecided = selected.division->undecided.Count();
  return explanation;
}

// How many queries are searched in the file by one scan: as many as keep their neighbours small.
uint32_t GroupOf(const model::QueryRequest& request) {
  constexpr uint32_t kNeighborsMax = 1u << 20;
  return std::max(kNeighborsMax / std::max(request.n_results, 1u), 1u);
}

// True once the caches know `at`; the writer publishes microseconds after SQLite shows a commit to
// readers.
bool WaitUntilPublished(const std::atomic<index::Sequence>& published, index::Sequence at,
                        SteadyTime deadline) {
  for (int spins = 0; published.load(std::memory_order_acquire) < at; ++spins) {
    if (spins < 64) {
      std::this_thread::yield();
    } else {
      if (SystemClock().Steady() >= deadline) return false;
      std::this_thread::sleep_for(std::chrono::microseconds(50));
    }
  }
  return true;
}

}  // namespace

// A reader is taken only once the caches are there: who waits for them must not keep others from
// reading rows.
Result<SqliteStore::Look> SqliteStore::LookAt(const Uuid& id, bool vectors, bool attributes,
                                              const CallContext& call) {
  const CollectionEntry entry = TRY(EntryOf(id));
  vectors = vectors && entry.info->dimension.has_value();
  bool room = true;
  int drops = 0;  // where both do not fit, each would be dropped for the other again and again
  while (!call.IsOver()) {
    room = TRY(LoadFor(entry, vectors && room, attributes, call)) && room;
    const std::shared_ptr<index::VectorIndex> vector_index = entry.indexes->vectors();
    const std::shared_ptr<index::AttributeIndex> attribute_index = entry.indexes->attributes();
    const bool dropped =
        (vectors && room && vector_index == nullptr) || (attributes && attribute_index == nullptr);
    if (dropped) {
      room = room && ++drops < kDropsMax;
      continue;
    }
    ReaderPool::Lease reader = TRY(AcquireReader(call));
    Look look{entry, std::move(reader), {}, 0, {}, {}};
    look.transaction.emplace(
        TRY(Transaction::Begin(look.reader->connection(), Transaction::Kind::kRead)));
    look.at = TRY(look.reader->collections().ReadSequence());
    if (!WaitUntilPublished(sequence_, look.at, call.deadline)) break;
    if (vectors && vector_index != nullptr) look.vectors = vector_index->At(look.at);
    if (attributes) look.attributes = attribute_index->At(look.at);
    const bool pinned =
        (!vectors || vector_index == nullptr || look.vectors) && (!attributes || look.attributes);
    if (pinned) return look;
  }
  return DeadlineExceeded("the read waited too long", "try again in a second");
}

// What makes this filter and those like it quick, where memory has room for it.
Status SqliteStore::BuildFilterCaches(Look& look, const model::Selection& selection,
                                      ReadPace& pace) {
  if (!selection.filter || selection.ids || !look.attributes) return {};
  const uint64_t wanted = look.attributes->CacheBytesWanted(*selection.filter);
  // Never in place of what this very query needs.
  if (wanted == 0 || memory_bytes() + wanted > options_.memory_budget_bytes) return {};
  if (!host_.MakeRoom(wanted)) return {};
  TableDocuments documents(look.table(), pace);
  return look.attributes->BuildCaches(*selection.filter, documents);
}

Result<uint64_t> SqliteStore::Count(const Uuid& id, const CallContext& call) {
  const CollectionEntry entry = TRY(EntryOf(id));
  ReaderPool::Lease reader = TRY(AcquireReader(call));
  const Result<Counters> counters = reader->collections().ReadCounters(entry.info->number);
  if (counters.ok()) return counters->records;
  TRY(EntryOf(id));
  if (counters.Is(Errc::kNotFound)) return NoCollection(id);  // it is going this very moment
  return counters.error();
}

Status SqliteStore::Get(const Uuid& id, const model::GetRequest& request,
                        const model::RecordVisitor& visit, const CallContext& call) {
  Status got = GetPinned(id, request, visit, call);
  if (!got.ok())
    TRY(EntryOf(
        id));  // a collection that was deleted meanwhile is not found, whatever else went wrong
  return Watched(std::move(got));
}

Status SqliteStore::GetPinned(const Uuid& id, const model::GetRequest& request,
                              const model::RecordVisitor& visit, const CallContext& call) {
  Look look = TRY(LookAt(id, false, request.selection.filter.has_value(), call));
  RecordTable& table = look.table();
  ReadPace pace(call);
  TRY(BuildFilterCaches(look, request.selection, pace));
  if (!request.selection.ids && !request.selection.filter) {
    const uint64_t limit = request.limit ? *request.limit : INT64_MAX;
    return table.Scan(ColumnsOf(request.include), limit, request.offset,
                      [&](const Row& row) -> Status {
                        TRY(pace.Next());
                        return visit(0, ViewOf(row, request.include), 0);
                      });
  }
  const Selected selected =
      TRY(Select(request.selection, table, look.attributes ? &*look.attributes : nullptr, pace));
  for (const RecordNumber number : Page(*selected.records, request.offset, request.limit)) {
    TRY(pace.Next());
    TRY(Fetch(table, number, request.include, 0, 0, visit));
  }
  return {};
}

Status SqliteStore::Query(const Uuid& id, const model::QueryRequest& request,
                          const model::RecordVisitor& visit, const CallContext& call) {
  Status queried = QueryPinned(id, request, visit, nullptr, call);
  if (!queried.ok()) TRY(EntryOf(id));
  return Watched(std::move(queried));
}

Result<Explanation> SqliteStore::Explain(const Uuid& id, const model::QueryRequest& request,
                                         const CallContext& call) {
  Explanation explanation;
  Status queried = QueryPinned(id, request, {}, &explanation, call);
  if (!queried.ok()) TRY(EntryOf(id));
  TRY(Watched(std::move(queried)));
  return explanation;
}

Status SqliteStore::QueryPinned(const Uuid& id, const model::QueryRequest& request,
                                const model::RecordVisitor& visit, Explanation* explain,
                                const CallContext& call) {
  Look look = TRY(LookAt(id, true, request.selection.filter.has_value(), call));
  const model::Collection& collection = *look.entry.info;
  if (!collection.dimension) return {};
  if (request.count > 0 && request.dimension != *collection.dimension) {
    return InvalidArgument("Collection expecting embedding with dimension of " +
                           std::to_string(*collection.dimension) + ", got " +
                           std::to_string(request.dimension));
  }
  RecordTable& table = look.table();
  ReadPace pace(call);
  TRY(BuildFilterCaches(look, request.selection, pace));
  Selected selected =
      TRY(Select(request.selection, table, look.attributes ? &*look.attributes : nullptr, pace,
                 Documents::kLater));
  if (selected.unknown_ids && !request.selection.filter) {
    return NotFound("Error executing plan: Internal error: Error finding id");
  }
  if (explain != nullptr) *explain = Begun(look.at, look.vectors.has_value(), selected);
  if (request.n_results == 0) return {};
  const uint32_t group = look.vectors ? 1 : GroupOf(request);
  for (uint32_t first = 0; first < request.count; first += group) {
    TRY(pace.Look());
    const uint32_t count = std::min(group, request.count - first);
    const auto neighbors = TRY(Search(look, request, first, count, &selected, explain, pace));
    for (uint32_t q = 0; q < neighbors.size() && explain == nullptr; ++q) {
      for (const index::Neighbor& neighbor : neighbors[q]) {
        TRY(pace.Next());
        TRY(Fetch(table, neighbor.record, request.include, first + q, neighbor.distance, visit));
      }
    }
  }
  return {};
}

// The nearest of `count` queries from number `first` on.
Result<std::vector<std::vector<index::Neighbor>>> SqliteStore::Search(
    Look& look, const model::QueryRequest& request, uint32_t first, uint32_t count,
    Selected* selected, Explanation* explain, ReadPace& pace) {
  const model::Collection& collection = *look.entry.info;
  const uint32_t dimension = *collection.dimension;
  const auto queries =
      std::span(request.vectors).subspan(size_t{first} * dimension, size_t{count} * dimension);
  const auto begin = std::chrono::steady_clock::now();
  std::vector<std::vector<index::Neighbor>> neighbors;
  bool used_graph = false;
  TableDocuments documents(look.table(), pace);
  TableVectors floats(look.table());
  if (look.vectors) {
    TextSearch by_text(*look.vectors, selected, documents);
    for (uint32_t q = 0; q < count; ++q) {
      const auto query = queries.subspan(size_t{q} * dimension, dimension);
      const index::RecordSet* allowed = selected->records ? &*selected->records : nullptr;
      index::SearchReport report;
      const index::SearchRequest wanted{query, request.n_results, allowed,
                                        collection.hnsw.ef_search, &floats};
      neighbors.push_back(selected->division ? TRY(by_text.Search(wanted, &report))
                                             : look.vectors->Search(wanted, &report));
      if (explain != nullptr) explain->searches.push_back(report);
      used_graph = used_graph || report.plan == index::SearchReport::Plan::kGraph;
    }
  } else {
    TRY(Settle(selected, documents));
    const index::RecordSet* allowed = selected->records ? &*selected->records : nullptr;
    const index::VectorIndex::Options options{collection.hnsw, dimension, options_.graph_threshold};
    neighbors = TRY(SearchRows(look.table(), options, queries, request.n_results, allowed, pace));
  }
  TRY(floats.status());
  host_.OnSearch(used_graph, std::chrono::steady_clock::now() - begin);
  return neighbors;
}

Result<CollectionStatus> SqliteStore::Describe(const Uuid& id, const CallContext& call) {
  const CollectionEntry entry = TRY(EntryOf(id));
  CollectionStatus status;
  status.collection = entry.info;
  status.records = TRY(Count(id, call));
  const auto vectors = entry.indexes->vectors();
  // Without a cache nothing waits to be indexed: what is loaded is complete when it is published.
  status.tail = vectors ? std::min(vectors->tail_size(), status.records) : 0;
  const bool small = status.records < options_.graph_threshold;
  status.indexed = small ? status.records : status.records - status.tail;
  if (small) status.tail = 0;
  return status;
}

// Vectors of a loaded index come to memory some at a time, so that upkeep has time for others.
void SqliteStore::FillFloats(const Uuid& id) {
  constexpr uint32_t kAtOnce = 20'000;
  constexpr auto kPatience = std::chrono::seconds(2);
  CallContext call{SystemClock().Steady() + kPatience};
  Result<Look> look = LookAt(id, true, false, call);
  if (!look.ok() || !look->vectors) return;  // the next round tries again
  TableVectors floats(look->table());
  look->vectors->FillFloats(floats, kAtOnce);
  const Status watched = Watched(floats.status());
  if (!watched.ok()) LogWarn("vectors stay on disk").Add("error", watched.error().what);
}

Status SqliteStore::Warm(const CallContext& call) {
  const auto map = published_.Get();  // held while it is walked
  for (const auto& [id, entry] : map->entries()) {
    if (entry.indexes->vectors() == nullptr && entry.info->dimension) TRY(LoadVectors(entry, call));
  }
  return {};
}

}  // namespace pannier::store
