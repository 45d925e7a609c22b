// Goal: one store does what Chroma's routes promise for collections and records (the wire's texts
// are the API's; the meaning is here).
#include "daemon/store/store.h"

#include <atomic>
#include <catch2/catch.hpp>
#include <cmath>
#include <thread>

#include "tests/daemon/store/fixture.h"

namespace pannier::store {
namespace {

using model::FilterOp;
using model::WriteKind;
using Ids = std::vector<std::string>;

struct StoreFixture {
  explicit StoreFixture(StoreOptions options = {}) : lone(std::move(options)) {}
  Uuid Create(const std::string& name = "c", model::Space space = model::Space::kL2) {
    return store->CreateCollection(Collection(name, space), Patient()).value()->id;
  }
  Status Write(const Uuid& id, WriteKind kind, const std::vector<Record>& records) {
    return pannier::store::Write(*store, id, kind, records);
  }
  Ids All(const Uuid& id) { return IdsOf(Get(*store, id).value()); }
  Record One(const Uuid& id, const std::string& record) {
    const auto found = GetIds(*store, id, {record}).value();
    REQUIRE(found.size() == 1);
    return found.front();
  }
  void Reopen() {
    store.reset();
    store = lone.Open();
  }
  LoneStore lone;
  std::shared_ptr<SqliteStore> store = lone.Open();
};

Record Plain(const std::string& id, std::vector<float> vector) { return {id, vector, {}, {}, {}}; }

// --- collections ---

TEST_CASE("store: a collection is made once; get_or_create finds it unchanged", "[daemon][store]") {
  StoreFixture fixture;
  NewCollection wanted = Collection("c");
  wanted.metadata = R"({"a":1})";
  const CollectionPtr made = fixture.store->CreateCollection(wanted, Patient()).value();
  const auto again = fixture.store->CreateCollection(wanted, Patient());
  REQUIRE(again.Is(Errc::kConflict));
  REQUIRE(again.error().what == "Collection [c] already exists");
  wanted.get_or_create = true;
  wanted.metadata = R"({"b":2})";
  const CollectionPtr found = fixture.store->CreateCollection(wanted, Patient()).value();
  REQUIRE(found->id == made->id);
  REQUIRE(found->metadata == made->metadata);
  REQUIRE(fixture.store->FindCollection("c") == made);
  REQUIRE(fixture.store->FindCollection(made->id) == made);
  REQUIRE(fixture.store->FindCollection("d") == nullptr);
  REQUIRE(fixture.store->FindCollection(Uuid::Random()) == nullptr);
}

TEST_CASE("store: collections are listed by id, in pages", "[daemon][store]") {
  StoreFixture fixture;
  std::vector<std::string> expected;
  for (int i = 0; i < 5; ++i) {
    expected.push_back(fixture.Create("c" + std::to_string(i)).ToString());
  }
  std::sort(expected.begin(), expected.end());
  const auto ids = [&](std::optional<uint32_t> limit, uint32_t offset) {
    std::vector<std::string> listed;
    for (const auto& collection : fixture.store->ListCollections(limit, offset)) {
      listed.push_back(collection->id.ToString());
    }
    return listed;
  };
  REQUIRE(ids(std::nullopt, 0) == expected);
  REQUIRE(ids(2, 1) == std::vector<std::string>(expected.begin() + 1, expected.begin() + 3));
  REQUIRE(ids(0, 0).empty());
  REQUIRE(ids(std::nullopt, 9).empty());
  REQUIRE(fixture.store->CountCollections() == 5);
}

TEST_CASE("store: a collection takes a new name, metadata and configuration, for good",
          "[daemon][store]") {
  StoreFixture fixture;
  const Uuid id = fixture.Create("old");
  fixture.Create("taken");
  CollectionChange change;
  change.name = "new";
  change.metadata = R"({"m":true})";
  change.configuration = R"({"hnsw":{"ef_search":77}})";
  REQUIRE(fixture.store->UpdateCollection(id, change, Patient()).ok());
  const auto check = [&] {
    REQUIRE(fixture.store->FindCollection("old") == nullptr);
    const CollectionPtr found = fixture.store->FindCollection("new");
    REQUIRE(found != nullptr);
    REQUIRE(found->id == id);
    REQUIRE(found->metadata == change.metadata);
    REQUIRE(found->hnsw.ef_search == 77);
  };
  check();
  fixture.Reopen();
  check();
  CollectionChange taken;
  taken.name = "taken";
  REQUIRE(fixture.store->UpdateCollection(id, taken, Patient()).Is(Errc::kConflict));
  taken.name = "new";  // its own
  REQUIRE(fixture.store->UpdateCollection(id, taken, Patient()).ok());
  const Status unknown = fixture.store->UpdateCollection(Uuid(), taken, Patient());
  REQUIRE(unknown.Is(Errc::kNotFound));
  REQUIRE(unknown.error().what == "Collection [" + Uuid().ToString() + "] does not exist.");
}

TEST_CASE("store: a deleted collection is gone for every call, and its name is free",
          "[daemon][store]") {
  StoreFixture fixture;
  const Uuid id = fixture.Create();
  REQUIRE(fixture.Write(id, WriteKind::kAdd, {Plain("a", {1, 2})}).ok());
  REQUIRE(fixture.store->DeleteCollection("c", Patient()).ok());
  const Status again = fixture.store->DeleteCollection("c", Patient());
  REQUIRE(again.Is(Errc::kNotFound));
  REQUIRE(again.error().what == "Collection [c] does not exist");
  REQUIRE(fixture.Write(id, WriteKind::kAdd, {Plain("a", {1, 2})}).Is(Errc::kNotFound));
  REQUIRE(fixture.store->Delete(id, {Ids{"a"}, {}}, {}, Patient()).Is(Errc::kNotFound));
  REQUIRE(fixture.store->Count(id, Patient()).Is(Errc::kNotFound));
  REQUIRE(Get(*fixture.store, id).Is(Errc::kNotFound));
  REQUIRE(Query(*fixture.store, id, {1, 2}, 1).Is(Errc::kNotFound));
  REQUIRE(fixture.store->Describe(id, Patient()).Is(Errc::kNotFound));
  REQUIRE(fixture.store->memory_bytes() == 0);
  REQUIRE(fixture.All(fixture.Create()).empty());
}

// --- writing ---

TEST_CASE("store: add skips ids that exist, and the first of equal ids wins", "[daemon][store]") {
  StoreFixture fixture;
  const Uuid id = fixture.Create();
  const Record first = {"a", {1, 2}, "first", {}, "uri"};
  REQUIRE(fixture.Write(id, WriteKind::kAdd, {first, {"a", {9, 9}, "second", {}, {}}}).ok());
  REQUIRE(fixture.Write(id, WriteKind::kAdd, {{"a", {8, 8}, "third", {}, {}}, Plain("b", {3, 4})})
              .ok());
  REQUIRE(fixture.One(id, "a") == first);
  REQUIRE(fixture.All(id) == Ids{"a", "b"});
  REQUIRE(fixture.store->Count(id, Patient()).value() == 2);
}

TEST_CASE("store: upsert adds or updates, in order, and keeps the place", "[daemon][store]") {
  StoreFixture fixture;
  const Uuid id = fixture.Create();
  REQUIRE(
      fixture.Write(id, WriteKind::kAdd, {{"a", {1, 2}, "doc", {}, {}}, Plain("b", {3, 4})}).ok());
  REQUIRE(fixture
              .Write(id, WriteKind::kUpsert,
                     {Plain("c", {5, 6}), {"a", {7, 8}, {}, {}, "uri"}, Plain("c", {9, 9})})
              .ok());
  REQUIRE(fixture.All(id) == Ids{"a", "b", "c"});
  REQUIRE(fixture.One(id, "a") == Record{"a", {7, 8}, "doc", {}, "uri"});
  REQUIRE(fixture.One(id, "c").vector == std::vector<float>{9, 9});
}

TEST_CASE("store: update changes what is given, and only records that exist", "[daemon][store]") {
  StoreFixture fixture;
  const Uuid id = fixture.Create();
  const Record before = {"a", {1, 2}, "doc", model::Metadata{{"k", int64_t{1}}}, "uri"};
  REQUIRE(fixture.Write(id, WriteKind::kAdd, {before}).ok());
  REQUIRE(fixture.Write(id, WriteKind::kUpdate, {{"a", {}, {}, {}, {}}}).ok());
  REQUIRE(fixture.One(id, "a") == before);
  REQUIRE(fixture
              .Write(id, WriteKind::kUpdate,
                     {{"a", {}, "", model::Metadata{}, {}}, {"none", {5, 5}, "x", {}, {}}})
              .ok());
  Record after = before;
  after.document = "";
  REQUIRE(fixture.One(id, "a") == after);
  REQUIRE(fixture.Write(id, WriteKind::kUpdate, {{"a", {3, 4}, {}, {}, {}}}).ok());
  after.vector = {3, 4};
  REQUIRE(fixture.One(id, "a") == after);
  REQUIRE(fixture.All(id) == Ids{"a"});
}

TEST_CASE("store: metadata is merged key by key, and null deletes", "[daemon][store]") {
  StoreFixture fixture;
  const Uuid id = fixture.Create();
  const auto metadata = [&](model::Metadata patch) {
    REQUIRE(fixture.Write(id, WriteKind::kUpdate, {{"a", {}, {}, std::move(patch), {}}}).ok());
    return fixture.One(id, "a").metadata;
  };
  REQUIRE(fixture
              .Write(id, WriteKind::kAdd,
                     {{"a", {1}, {}, model::Metadata{{"i", int64_t{1}}, {"s", "x"}}, {}}})
              .ok());
  REQUIRE(metadata({{"i", 2.5}, {"b", true}}) ==
          model::Metadata{{"i", 2.5}, {"s", "x"}, {"b", true}});
  REQUIRE(metadata({{"s", std::monostate()}, {"none", std::monostate()}}) ==
          model::Metadata{{"i", 2.5}, {"b", true}});
  REQUIRE(metadata({{"i", std::vector<int64_t>{1, 2}}, {"b", std::monostate()}}) ==
          model::Metadata{{"i", std::vector<int64_t>{1, 2}}});
  REQUIRE(metadata({{"i", std::monostate()}}) == std::nullopt);
  REQUIRE(fixture
              .Write(id, WriteKind::kUpsert,
                     {{"new", {1}, {}, model::Metadata{{"x", std::monostate()}}, {}}})
              .ok());
  REQUIRE(fixture.One(id, "new").metadata == std::nullopt);
}

TEST_CASE("store: the first vector fixes the dimension, whatever carries it", "[daemon][store]") {
  const WriteKind kind = GENERATE(WriteKind::kAdd, WriteKind::kUpsert, WriteKind::kUpdate);
  StoreFixture fixture;
  const Uuid id = fixture.Create();
  REQUIRE_FALSE(fixture.store->FindCollection(id)->dimension.has_value());
  REQUIRE(fixture.Write(id, kind, {Plain("a", {1, 2})}).ok());
  REQUIRE(fixture.store->FindCollection(id)->dimension == std::optional<uint32_t>(2));
  const Status refused = fixture.Write(id, WriteKind::kAdd, {Plain("b", {1, 2, 3})});
  REQUIRE(refused.Is(Errc::kInvalidArgument));
  REQUIRE(refused.error().what == "Collection expecting embedding with dimension of 2, got 3");
  REQUIRE(Query(*fixture.store, id, {1, 2, 3}, 1).Is(Errc::kInvalidArgument));
  fixture.Reopen();
  REQUIRE(fixture.Write(id, WriteKind::kAdd, {Plain("b", {1, 2, 3})}).Is(Errc::kInvalidArgument));
  REQUIRE(fixture.Write(id, WriteKind::kUpdate, {{"none", {}, "d", {}, {}}}).ok());
  REQUIRE(fixture.store->Count(id, Patient()).value() == (kind == WriteKind::kUpdate ? 0 : 1));
}

TEST_CASE("store: a batch is all or nothing, and an empty one is fine", "[daemon][store]") {
  StoreFixture fixture;
  const Uuid id = fixture.Create();
  const index::Sequence before = fixture.store->sequence();
  REQUIRE(fixture.Write(id, WriteKind::kAdd, {}).ok());
  REQUIRE(fixture.store->sequence() == before);
  std::vector<Record> many;
  for (int i = 0; i < 100; ++i) many.push_back(Plain(std::to_string(i), {1.0f * i}));
  REQUIRE(fixture.Write(id, WriteKind::kAdd, many).ok());
  REQUIRE(fixture.store->sequence() == before + 1);
  REQUIRE(fixture.store->Write(id, WriteKind::kAdd, Batch({Plain("late", {1})}), TooLate())
              .Is(Errc::kDeadlineExceeded));
  REQUIRE(fixture.All(id).size() == 100);
}

// --- deleting ---

TEST_CASE("store: delete takes ids, a filter, or their intersection, and counts what went",
          "[daemon][store]") {
  StoreFixture fixture;
  const Uuid id = fixture.Create();
  std::vector<Record> records;
  for (int64_t i = 0; i < 10; ++i) {
    records.push_back({std::to_string(i),
                       {1.0f * i},
                       "doc " + std::to_string(i % 3),
                       model::Metadata{{"n", i}},
                       {}});
  }
  REQUIRE(fixture.Write(id, WriteKind::kAdd, records).ok());
  const auto erase = [&](model::Selection selection, std::optional<uint32_t> limit = {}) {
    return fixture.store->Delete(id, selection, limit, Patient()).value();
  };
  REQUIRE(erase({}) == 0);
  REQUIRE(erase({Ids{}, {}}) == 0);
  REQUIRE(erase({Ids{"1", "none", "1"}, {}}) == 1);
  REQUIRE(erase({{}, Where("n", FilterOp::kGte, int64_t{7})}, 2) == 2);  // 7 and 8, the first two
  REQUIRE(fixture.All(id) == Ids{"0", "2", "3", "4", "5", "6", "9"});
  REQUIRE(erase({Ids{"9", "0"}, Where("n", FilterOp::kLt, int64_t{5})}) == 1);
  REQUIRE(erase({{}, Where("n", FilterOp::kLt, int64_t{5})}, 0) == 0);
  model::Filter text;
  text.op = FilterOp::kDocumentContains;
  text.text = "doc 2";
  REQUIRE(erase({{}, text}) == 2);  // 2 and 5; 8 is gone
  REQUIRE(fixture.store->Count(id, Patient()).value() == fixture.All(id).size());
}

TEST_CASE("store: a record deleted and added again moves to the end", "[daemon][store]") {
  StoreFixture fixture;
  const Uuid id = fixture.Create();
  REQUIRE(
      fixture.Write(id, WriteKind::kAdd, {Plain("a", {1}), Plain("b", {2}), Plain("c", {3})}).ok());
  REQUIRE(fixture.store->Delete(id, {Ids{"a"}, {}}, {}, Patient()).value() == 1);
  REQUIRE(fixture.Write(id, WriteKind::kAdd, {Plain("a", {1})}).ok());
  REQUIRE(fixture.All(id) == Ids{"b", "c", "a"});
  fixture.Reopen();
  REQUIRE(fixture.store->Delete(id, {Ids{"a"}, {}}, {}, Patient()).value() == 1);
  REQUIRE(fixture.Write(id, WriteKind::kAdd, {Plain("d", {1})}).ok());
  REQUIRE(fixture.All(id) == Ids{"b", "c", "d"});
}

// --- reading ---

TEST_CASE("store: get pages in insertion order, whatever the order of ids", "[daemon][store]") {
  StoreFixture fixture;
  const Uuid id = fixture.Create();
  for (const char* name : {"z", "m", "a", "q"}) {
    REQUIRE(fixture.Write(id, WriteKind::kAdd, {Plain(name, {1})}).ok());
  }
  const auto page = [&](model::Selection selection, std::optional<uint32_t> limit,
                        uint32_t offset) {
    model::GetRequest request;
    request.selection = std::move(selection);
    request.limit = limit;
    request.offset = offset;
    return IdsOf(Get(*fixture.store, id, request).value());
  };
  REQUIRE(page({}, 2, 1) == Ids{"m", "a"});
  REQUIRE(page({}, 0, 0).empty());
  REQUIRE(page({}, {}, 9).empty());
  REQUIRE(page({Ids{"a", "z", "a", "none"}, {}}, {}, 0) == Ids{"z", "a"});
  REQUIRE(page({Ids{"a", "z", "q"}, {}}, 1, 1) == Ids{"a"});
  REQUIRE(page({Ids{}, {}}, {}, 0).empty());
}

TEST_CASE("store: parts that were not asked for are absent", "[daemon][store]") {
  StoreFixture fixture;
  const Uuid id = fixture.Create();
  REQUIRE(
      fixture.Write(id, WriteKind::kAdd, {{"a", {1}, "d", model::Metadata{{"k", "v"}}, "u"}}).ok());
  for (int bits = 0; bits < 16; ++bits) {
    model::GetRequest request;
    request.include = {(bits & 1) != 0, (bits & 2) != 0, (bits & 4) != 0, (bits & 8) != 0, false};
    const auto visit = [&](uint32_t, const model::RecordView& view, float) -> Status {
      REQUIRE(view.document.has_value() == request.include.documents);
      REQUIRE(view.vector.empty() != request.include.embeddings);
      REQUIRE(view.metadata.has_value() == request.include.metadatas);
      REQUIRE(view.uri.has_value() == request.include.uris);
      return {};
    };
    REQUIRE(fixture.store->Get(id, request, visit, Patient()).ok());
  }
}

TEST_CASE("store: ids and texts of every kind come back byte for byte", "[daemon][store]") {
  StoreFixture fixture;
  const Uuid id = fixture.Create();
  const std::vector<Record> records = {
      {std::string("nul\0in", 6), {1}, std::string("do\0c", 4), {}, {}},
      {"ünïcödé ☃ 𝄞", {2}, "☃", model::Metadata{{"kéy", "välue"}}, "ü"},
      {std::string(5'000, 'x'), {3}, std::string(100'000, 'y'), {}, {}},
      {"'; DROP TABLE records_1; --", {4}, "%_\\*", {}, {}},
      {"\x01\x7f", {5}, "", {}, ""},
      {"A", {6}, {}, {}, {}},
      {"a", {7}, {}, {}, {}},
      {"a ", {8}, {}, {}, {}},
  };
  REQUIRE(fixture.Write(id, WriteKind::kAdd, records).ok());
  fixture.Reopen();
  REQUIRE(Get(*fixture.store, id).value() == records);
  for (const Record& record : records) {
    REQUIRE(GetIds(*fixture.store, id, {record.id}).value() == std::vector<Record>{record});
  }
}

TEST_CASE("store: query finds the nearest, ties in insertion order, in every space",
          "[daemon][store]") {
  const auto space = GENERATE(model::Space::kL2, model::Space::kCosine, model::Space::kIp);
  StoreFixture fixture;
  const Uuid id = fixture.Create("c", space);
  REQUIRE(fixture
              .Write(id, WriteKind::kAdd,
                     {Plain("far", {0, 5}), Plain("tie1", {1, 0}), Plain("zero", {0, 0}),
                      Plain("tie2", {1, 0}), Plain("near", {2, 0})})
              .ok());
  const auto found = Query(*fixture.store, id, {2, 0}, 10).value();
  std::vector<Found> expected;
  if (space == model::Space::kL2) {
    expected = {{0, "near", 0}, {0, "tie1", 1}, {0, "tie2", 1}, {0, "zero", 4}, {0, "far", 29}};
  } else if (space == model::Space::kCosine) {
    expected = {{0, "tie1", 0}, {0, "tie2", 0}, {0, "near", 0}, {0, "far", 1}, {0, "zero", 1}};
  } else {
    expected = {{0, "near", -3}, {0, "tie1", -1}, {0, "tie2", -1}, {0, "far", 1}, {0, "zero", 1}};
  }
  REQUIRE(found == expected);
  expected.resize(2);
  REQUIRE(Query(*fixture.store, id, {2, 0}, 2).value() == expected);
  REQUIRE(Query(*fixture.store, id, {2, 0}, 0).value().empty());
}

TEST_CASE("store: several queries at once are answered one after the other", "[daemon][store]") {
  StoreFixture fixture;
  const Uuid id = fixture.Create();
  REQUIRE(fixture.Write(id, WriteKind::kAdd, {Plain("a", {0}), Plain("b", {10})}).ok());
  model::QueryRequest request;
  request.dimension = 1;
  request.vectors = {9, 1};
  request.count = 2;
  request.n_results = 1;
  std::vector<Found> found;
  const auto visit = [&](uint32_t query, const model::RecordView& view, float distance) -> Status {
    found.push_back({query, std::string(view.id), distance});
    return {};
  };
  REQUIRE(fixture.store->Query(id, request, visit, Patient()).ok());
  REQUIRE(found == std::vector<Found>{{0, "b", 1}, {1, "a", 1}});
}

TEST_CASE("store: a query obeys ids and filter together", "[daemon][store]") {
  StoreFixture fixture;
  const Uuid id = fixture.Create();
  for (int64_t i = 0; i < 6; ++i) {
    REQUIRE(
        fixture
            .Write(id, WriteKind::kAdd,
                   {{std::to_string(i), {1.0f * i}, {}, model::Metadata{{"even", i % 2 == 0}}, {}}})
            .ok());
  }
  const auto even = Where("even", FilterOp::kEq, true);
  const auto ids = [&](model::Selection selection) {
    Ids names;
    const auto nearest = Query(*fixture.store, id, {0}, 10, std::move(selection)).value();
    for (const Found& found : nearest) names.push_back(found.id);
    return names;
  };
  REQUIRE(ids({{}, even}) == Ids{"0", "2", "4"});
  REQUIRE(ids({Ids{"1", "5"}, {}}) == Ids{"1", "5"});
  REQUIRE(ids({Ids{"4", "1", "2"}, even}) == Ids{"2", "4"});
  REQUIRE(ids({Ids{}, {}}).empty());
  REQUIRE(ids({Ids{"none", "2"}, even}) == Ids{"2"});
  const auto unknown = Query(*fixture.store, id, {0}, 10, {Ids{"none", "2"}, {}});
  REQUIRE_FALSE(unknown.ok());
  REQUIRE_THAT(unknown.error().what, Catch::Contains("Error finding id"));
}

TEST_CASE("store: a collection without a dimension answers queries with nothing",
          "[daemon][store]") {
  StoreFixture fixture;
  const Uuid id = fixture.Create();
  REQUIRE(Query(*fixture.store, id, {1, 2, 3}, 5).value().empty());
  REQUIRE(Query(*fixture.store, id, {1}, 5, {Ids{"none"}, {}}).value().empty());
  REQUIRE(Get(*fixture.store, id).value().empty());
  REQUIRE(fixture.store->Count(id, Patient()).value() == 0);
}

TEST_CASE("store: a pattern that does not compile is the caller's mistake", "[daemon][store]") {
  StoreFixture fixture;
  const Uuid id = fixture.Create();
  REQUIRE(fixture.Write(id, WriteKind::kAdd, {{"a", {1}, "doc", {}, {}}}).ok());
  model::Filter filter;
  filter.op = FilterOp::kDocumentRegex;
  filter.text = "(unclosed";
  REQUIRE(Query(*fixture.store, id, {1}, 1, {{}, filter}).Is(Errc::kInvalidArgument));
  REQUIRE(fixture.store->Delete(id, {{}, filter}, {}, Patient()).Is(Errc::kInvalidArgument));
  REQUIRE(fixture.All(id).size() == 1);
}

TEST_CASE("store: every write is in the very next read, with caches loaded or not",
          "[daemon][store]") {
  StoreFixture fixture;
  const Uuid id = fixture.Create();
  for (int i = 0; i < 50; ++i) {
    const std::string name = std::to_string(i);
    REQUIRE(fixture
                .Write(id, WriteKind::kUpsert,
                       {{name, {1.0f * i, 1}, {}, model::Metadata{{"n", int64_t{i}}}, {}}})
                .ok());
    if (i % 10 == 3) fixture.store->DropCaches();
    REQUIRE(Query(*fixture.store, id, {1.0f * i, 1}, 1).value().front().id == name);
    model::GetRequest request;
    request.selection.filter = Where("n", FilterOp::kEq, int64_t{i});
    REQUIRE(IdsOf(Get(*fixture.store, id, request).value()) == Ids{name});
    REQUIRE(fixture.store->Count(id, Patient()).value() == static_cast<uint64_t>(i) + 1);
  }
}

TEST_CASE("store: without room for a cache a query is answered from the file", "[daemon][store]") {
  StoreFixture fixture;
  const Uuid id = fixture.Create();
  std::vector<Record> records;
  for (int i = 0; i < 200; ++i) records.push_back(Plain(std::to_string(i), {1.0f * i, 2}));
  REQUIRE(fixture.Write(id, WriteKind::kAdd, records).ok());
  const auto cached = Query(*fixture.store, id, {70.25f, 0}, 7).value();
  fixture.store->DropCaches();
  fixture.lone.host.room = false;
  REQUIRE(Query(*fixture.store, id, {70.25f, 0}, 7).value() == cached);
  REQUIRE(fixture.store->memory_bytes() == 0);
  REQUIRE(fixture.store->Warm(Patient()).Is(Errc::kResourceExhausted));
}

TEST_CASE("store: a damaged record is said to be so, counted, and answered by nobody",
          "[daemon][store][fault]") {
  StoreFixture fixture;
  const Uuid id = fixture.Create();
  const Uuid other = fixture.Create("other");
  REQUIRE(fixture.Write(id, WriteKind::kAdd, {{"a", {1}, "doc", {}, {}}, Plain("b", {2})}).ok());
  REQUIRE(fixture.Write(other, WriteKind::kAdd, {Plain("a", {1})}).ok());
  const uint32_t number = fixture.store->FindCollection(id)->number;
  fixture.store.reset();
  Connection::Open(fixture.lone.file(), Connection::Mode::kReadWrite, "")
      .value()
      .Run("UPDATE records_" + std::to_string(number) + " SET document = 'd0c', vector = x'00'")
      .value();
  fixture.store = fixture.lone.Open();
  REQUIRE(Get(*fixture.store, id).Is(Errc::kCorruption));
  REQUIRE(GetIds(*fixture.store, id, {"a"}).Is(Errc::kCorruption));
  REQUIRE(Query(*fixture.store, id, {1}, 1).Is(Errc::kCorruption));
  REQUIRE(fixture.Write(id, WriteKind::kUpdate, {{"a", {}, "new", {}, {}}}).Is(Errc::kCorruption));
  REQUIRE(fixture.lone.host.checksum_failures == 4);
  REQUIRE(Query(*fixture.store, other, {1}, 1).value().size() == 1);
  REQUIRE(fixture.store->Delete(id, {Ids{"a"}, {}}, {}, Patient()).value() == 1);
}

TEST_CASE("store: describe tells how much is indexed", "[daemon][store]") {
  StoreOptions options;
  options.graph_threshold = 10;
  StoreFixture fixture(options);
  const Uuid id = fixture.Create();
  REQUIRE(fixture.store->Describe(id, Patient()).value().records == 0);
  std::vector<Record> records;
  for (int i = 0; i < 5; ++i) records.push_back(Plain(std::to_string(i), {1.0f * i}));
  REQUIRE(fixture.Write(id, WriteKind::kAdd, records).ok());
  CollectionStatus status = fixture.store->Describe(id, Patient()).value();
  REQUIRE(status.indexed == 5);
  REQUIRE(status.tail == 0);
  for (int i = 5; i < 20; ++i) records.push_back(Plain(std::to_string(i), {1.0f * i}));
  REQUIRE(fixture.Write(id, WriteKind::kAdd, records).ok());
  status = fixture.store->Describe(id, Patient()).value();
  REQUIRE(status.records == 20);
  REQUIRE(status.indexed + status.tail == 20);
  REQUIRE(status.tail == 20);  // nobody builds graphs here
}

// Method: as many readers as the pool has, at once, on a store whose caches are not loaded: each
// holds a connection while the cache is loaded, and none may need a second one.
TEST_CASE("store: a crowd that finds no cache loads it without waiting for itself",
          "[daemon][store]") {
  StoreOptions options;
  options.readers_per_store_max = 4;
  StoreFixture fixture(options);
  const Uuid id = fixture.Create();
  std::vector<Record> records;
  for (int i = 0; i < 500; ++i) {
    records.push_back(
        {std::to_string(i), {1.0f * i, 0, 0}, {}, model::Metadata{{"n", int64_t{i}}}, {}});
  }
  REQUIRE(fixture.Write(id, WriteKind::kAdd, records).ok());
  std::atomic<int> failed{0};
  for (int round = 0; round < 10; ++round) {
    fixture.store->DropCaches();
    std::vector<std::jthread> threads;
    for (int t = 0; t < 8; ++t) {
      threads.emplace_back([&] {
        const model::Selection some{{}, Where("n", FilterOp::kGte, int64_t{100})};
        const auto found = Query(*fixture.store, id, {0, 0, 0}, 1, some);
        if (!found.ok() || found->front().id != "100") ++failed;
      });
    }
  }
  REQUIRE(failed == 0);
}

}  // namespace
}  // namespace pannier::store
