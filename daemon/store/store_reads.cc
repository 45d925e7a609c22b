// The reading calls of SqliteStore: each pins one sequence and reads rows and caches as of it.
#include <algorithm>
#include <span>
#include <thread>
#include <vector>

#include "daemon/store/file_search.h"
#include "daemon/store/read_pace.h"
#include "daemon/store/selection.h"
#include "daemon/store/sqlite_store.h"
#include "daemon/store/text_search.h"
#include "lib/core/log.h"

namespace pannier::store {
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

}  // namespace

// One read at one sequence. Members end in reverse order: the transaction before its reader.
struct SqliteStore::Look {
  CollectionEntry entry;
  std::optional<ReaderPool::Lease> reader;  // nothing: its rows are not pinned
  std::optional<Transaction> transaction;
  index::Sequence at = 0;
  std::optional<index::VectorIndex::View>
      vectors;  // nothing: the collection has no vector, or no room for a cache
  std::optional<index::AttributeIndex::View> attributes;
  // A search wanted floats that are in rows, which are not pinned.
  bool missed_floats = false;

  bool has_rows() const { return reader.has_value(); }
  RecordTable& table() { return (*reader)->records(entry.info->number); }
};

// Records by number, from memory or the file.
class SqliteStore::Fetcher {
 public:
  // `keeps_max`: bytes of memory for those that are likely to be read again; 0: they are not.
  Fetcher(Look& look, const model::Include& include, const model::RecordVisitor& visit,
          uint64_t keeps_max)
      : look_(look),
        cache_(look.entry.indexes->rows()),
        include_(include),
        visit_(visit),
        keeps_max_(keeps_max) {}

  // What memory has of it.
  RecordCache::Record Find(RecordNumber number) {
    return include_.embeddings ? RecordCache::Record() : cache_.Find(number, look_.at);
  }
  // Visits what Find() gave, or the row, if it gave none.
  Status Visit(const RecordCache::Record& found, RecordNumber number, uint32_t query,
               float distance) {
    if (found) return visit_(query, ViewOf(found.row(), include_), distance);
    const auto read = [&](const Row& row) -> Status {
      if (keeps_max_ > 0) cache_.Keep(row, look_.at, keeps_max_);
      return visit_(query, ViewOf(row, include_), distance);
    };
    if (TRY(look_.table().Fetch(number, ColumnsOf(include_), read))) return {};
    return Corruption("record " + std::to_string(number) + " is in the index but not in the store");
  }

 private:
  Look& look_;
  RecordCache& cache_;
  const model::Include& include_;
  const model::RecordVisitor& visit_;
  const uint64_t keeps_max_;
};

namespace {

// Of the memory that all caches may take, what the rows of one collection may.
constexpr uint64_t kShareOfRows = 32;

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

// How many queries are searched by one scan: as many as keep their neighbours small, and in memory
// few enough that the end of a call's time is noticed.
uint32_t GroupOf(const model::QueryRequest& request, bool in_memory) {
  constexpr uint32_t kNeighborsMax = 1u << 20;
  constexpr uint32_t kTogether = 16;
  const uint32_t small = std::max(kNeighborsMax / std::max(request.n_results, 1u), 1u);
  return in_memory ? std::min(small, kTogether) : small;
}

// Whether its rows need not be pinned before they are known not to be in memory.
bool MayDoWithoutRows(const model::QueryRequest& request) {
  return request.count == 1 && !request.selection.ids && !request.selection.filter;
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

// Begins to read the file, and says as of which sequence.
Result<index::Sequence> SqliteStore::PinRows(Look* look, const CallContext& call) {
  look->reader.emplace(TRY(AcquireReader(call)));
  Reader& reader = **look->reader;
  look->transaction.emplace(TRY(Transaction::Begin(reader.connection(), Transaction::Kind::kRead)));
  return reader.collections().ReadSequence();
}

// Its vectors are loaded anew then, and stay in memory.
void SqliteStore::DropIfBroken(const CollectionEntry& entry) {
  const std::shared_ptr<index::VectorIndex> vectors = entry.indexes->vectors();
  if (vectors == nullptr || !vectors->IsBroken()) return;
  if (!entry.indexes->scratch_failed.exchange(true)) {
    LogWarn("vectors that were put aside cannot be read; they are loaded anew")
        .Add("collection", entry.info->name);
  }
  entry.indexes->DropVectors(vectors);
}

// A reader is taken only once the caches are there: who waits for them must not keep others from
// reading rows.
Result<SqliteStore::Look> SqliteStore::LookAt(const Uuid& id, bool vectors, bool attributes,
                                              Rows rows, const CallContext& call) {
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
    Look look{entry, {}, {}, sequence(), {}, {}};
    if (rows == Rows::kAtOnce || vector_index == nullptr || !vector_index->HasFloats()) {
      look.at = TRY(PinRows(&look, call));
      if (!WaitUntilPublished(sequence_, look.at, call.deadline)) break;
    }
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
  Look look = TRY(LookAt(id, false, request.selection.filter.has_value(), Rows::kAtOnce, call));
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
  Fetcher fetcher(look, request.include, visit, 0);
  for (const RecordNumber number : Page(*selected.records, request.offset, request.limit)) {
    TRY(pace.Next());
    TRY(fetcher.Visit(fetcher.Find(number), number, 0, 0));
  }
  return {};
}

Status SqliteStore::Query(const Uuid& id, const model::QueryRequest& request,
                          const model::RecordVisitor& visit, const CallContext& call) {
  const Rows rows = MayDoWithoutRows(request) ? Rows::kWhenNeeded : Rows::kAtOnce;
  Result<bool> answered = QueryAt(id, request, visit, nullptr, rows, call);
  if (answered.ok() && !*answered) {
    DropIfBroken(TRY(EntryOf(id)));
    answered = QueryAt(id, request, visit, nullptr, Rows::kAtOnce, call);
  }
  if (!answered.ok()) TRY(EntryOf(id));
  return Watched(answered.ok() ? Status() : answered.error());
}

Result<Explanation> SqliteStore::Explain(const Uuid& id, const model::QueryRequest& request,
                                         const CallContext& call) {
  Explanation explanation;
  const Result<bool> answered = QueryAt(id, request, {}, &explanation, Rows::kAtOnce, call);
  if (!answered.ok()) TRY(EntryOf(id));
  TRY(Watched(answered.ok() ? Status() : answered.error()));
  return explanation;
}

Result<bool> SqliteStore::QueryAt(const Uuid& id, const model::QueryRequest& request,
                                  const model::RecordVisitor& visit, Explanation* explain,
                                  Rows rows, const CallContext& call) {
  Look look = TRY(LookAt(id, true, request.selection.filter.has_value(), rows, call));
  const model::Collection& collection = *look.entry.info;
  if (!collection.dimension) return true;
  if (request.count > 0 && request.dimension != *collection.dimension) {
    return InvalidArgument("Collection expecting embedding with dimension of " +
                           std::to_string(*collection.dimension) + ", got " +
                           std::to_string(request.dimension));
  }
  ReadPace pace(call);
  Selected selected;
  if (!MayDoWithoutRows(request)) {
    TRY(BuildFilterCaches(look, request.selection, pace));
    selected = TRY(Select(request.selection, look.table(),
                          look.attributes ? &*look.attributes : nullptr, pace, Documents::kLater));
  }
  if (selected.unknown_ids && !request.selection.filter) {
    return NotFound("Error executing plan: Internal error: Error finding id");
  }
  if (explain != nullptr) *explain = Begun(look.at, look.vectors.has_value(), selected);
  if (request.n_results == 0) return true;
  const uint32_t group = GroupOf(request, look.vectors.has_value());
  for (uint32_t first = 0; first < request.count; first += group) {
    TRY(pace.Look());
    const uint32_t count = std::min(group, request.count - first);
    const auto neighbors = TRY(Search(look, request, first, count, &selected, explain, pace));
    if (look.missed_floats) return false;
    for (uint32_t q = 0; q < neighbors.size() && explain == nullptr; ++q) {
      TRY(pace.Look());
      if (!TRY(VisitAll(look, request, neighbors[q], first + q, visit, pace, call))) return false;
    }
  }
  return true;
}

// False, with none visited: some are not in memory, and the file is of another sequence by now.
Result<bool> SqliteStore::VisitAll(Look& look, const model::QueryRequest& request,
                                   std::span<const index::Neighbor> neighbors, uint32_t query,
                                   const model::RecordVisitor& visit, ReadPace& pace,
                                   const CallContext& call) {
  // Where vectors have no room, rows have none either.
  Fetcher fetcher(look, request.include, visit,
                  look.vectors ? options_.memory_budget_bytes / kShareOfRows : 0);
  std::vector<RecordCache::Record> found;
  found.reserve(neighbors.size());
  bool all = true;
  for (const index::Neighbor& neighbor : neighbors) {
    found.push_back(fetcher.Find(neighbor.record));
    all = all && found.back();
  }
  if (!all && !look.has_rows() && TRY(PinRows(&look, call)) != look.at) return false;
  for (size_t i = 0; i < neighbors.size(); ++i) {
    TRY(pace.Next());
    TRY(fetcher.Visit(found[i], neighbors[i].record, query, neighbors[i].distance));
  }
  return true;
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
  std::vector<index::SearchReport> reports;
  std::optional<TableVectors> floats;
  if (look.has_rows()) floats.emplace(look.table());
  if (look.vectors) {
    const index::SearchRequest wanted{queries, request.n_results,
                                      selected->records ? &*selected->records : nullptr,
                                      collection.hnsw.ef_search, floats ? &*floats : nullptr};
    if (selected->division) {
      TableDocuments documents(look.table(), pace);
      neighbors = TRY(TextSearch(*look.vectors, selected, documents)
                          .SearchMany(queries, dimension, wanted, &reports));
    } else {
      neighbors = look.vectors->SearchMany(queries, wanted, &reports);
    }
  } else {
    TableDocuments documents(look.table(), pace);
    TRY(Settle(selected, documents));
    const index::RecordSet* allowed = selected->records ? &*selected->records : nullptr;
    const index::VectorIndex::Options options{collection.hnsw, dimension, options_.graph_threshold};
    neighbors = TRY(SearchRows(look.table(), options, queries, request.n_results, allowed, pace));
  }
  const bool used_graph = std::any_of(reports.begin(), reports.end(), [](const auto& report) {
    return report.plan != index::Plan::kExact;
  });
  if (explain != nullptr) {
    explain->searches.insert(explain->searches.end(), reports.begin(), reports.end());
  }
  look.missed_floats = std::any_of(reports.begin(), reports.end(),
                                   [](const auto& report) { return report.missed_floats; });
  if (floats) TRY(floats->status());
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
  Result<Look> look = LookAt(id, true, false, Rows::kAtOnce, call);
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
