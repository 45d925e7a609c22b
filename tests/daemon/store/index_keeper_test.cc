// Goal: a saved index answers as the one that was saved, is used for exactly its own state, and no
// flipped bit of it is ever served. Method: small graphs, every byte of their files damaged in
// turn.
#include "daemon/store/index_keeper.h"

#include <catch2/catch.hpp>
#include <filesystem>
#include <fstream>
#include <map>

#include "daemon/store/store_file.h"
#include "tests/daemon/index/random.h"
#include "tests/daemon/index/scratch_folder.h"
#include "tests/daemon/store/fixture.h"

namespace pannier::store {
namespace {

using index::Random;
using index::SearchReport;
using index::VectorIndex;

constexpr uint32_t kRecords = 1'000;
constexpr uint32_t kDimension = 8;

// A table of random vectors, and the index over them with a graph, some dead rows and a tail.
struct SavedWorld {
  // `on_file`: most vectors are put aside.
  explicit SavedWorld(model::Space space = model::Space::kL2, bool on_file = false) {
    if (on_file) options.scratch = folder.Of(2 << 10, 256);
    options.hnsw.space = space;
    options.hnsw.max_neighbors = 4;
    options.dimension = kDimension;
    options.graph_threshold = 32;
    RecordTable::Create(connection, 1).value();
    connection.Run("BEGIN").value();
    vectors = std::make_shared<VectorIndex>(options);
    for (uint32_t n = 1; n <= kRecords; ++n) Insert(1, n);
    vectors->Commit(1);
    vectors->BuildGraph({}).value();
    for (uint32_t n = 1; n <= 20; ++n) Remove(2, n * 7);
    for (uint32_t n = kRecords + 1; n <= kRecords + 9; ++n) Insert(2, n);
    vectors->Commit(2);
    connection.Run("COMMIT").value();
    model::Collection info;
    info.id = Uuid::Random();
    info.name = "c";
    info.hnsw = options.hnsw;
    info.dimension = kDimension;
    entry.info = std::make_shared<const model::Collection>(info);
    entry.indexes = std::make_shared<CollectionIndexes>();
    entry.indexes->records = kRecords - 11;
    entry.indexes->PublishVectors(vectors);
  }

  void Insert(index::Sequence at, uint32_t number) {
    const std::string id = std::to_string(number);
    const std::vector<float> vector = random.Vector(kDimension);
    Row row;
    row.number = number;
    row.id = id;
    row.vector = vector;
    table.Insert(row).value();
    vectors->Put(at, number, vector);
  }
  void Remove(index::Sequence at, uint32_t number) {
    table.Remove(number).value();
    vectors->Remove(at, number);
  }
  std::shared_ptr<VectorIndex> Load(index::Sequence at = 2) {
    return keeper.Load(entry, options, at, table);
  }
  std::string path() const {
    return store.file().substr(0, store.file().rfind('/')) + "/index/" + entry.info->id.ToString();
  }
  std::vector<index::Neighbor> Search(const VectorIndex& from, std::span<const float> query,
                                      index::Sequence at = 2) {
    TableVectors floats(table);
    SearchReport report;
    auto found = from.At(at)->Search({query, 10, nullptr, 10, &floats}, &report);
    used_graph = used_graph || report.plan == SearchReport::Plan::kGraph;
    REQUIRE(floats.status().ok());
    return found;
  }

  Random random{5};
  index::ScratchFolder folder;
  LoneStore store;
  Connection connection = OpenStoreWriter(store.file(), "").value();
  RecordTable table{connection, 1};
  VectorIndex::Options options;
  std::shared_ptr<VectorIndex> vectors;
  CollectionEntry entry;
  IndexKeeper keeper{file::RealFileSystem(), store.file().substr(0, store.file().rfind('/'))};
  bool used_graph = false;
};

bool Same(const std::vector<index::Neighbor>& a, const std::vector<index::Neighbor>& b) {
  return std::equal(a.begin(), a.end(), b.begin(), b.end(), [](const auto& x, const auto& y) {
    return x.record == y.record && x.distance == y.distance;
  });
}

std::string Content(const std::string& path) {
  return file::ReadFile(file::RealFileSystem(), path, 1 << 30).value();
}

// "id<first>" and so on, with vectors and nothing else.
std::vector<Record> RandomRecords(Random& random, uint32_t first, uint32_t count,
                                  uint32_t dimension) {
  std::vector<Record> records;
  for (uint32_t n = first; n < first + count; ++n) {
    records.push_back({"id" + std::to_string(n), random.Vector(dimension), {}, {}, {}});
  }
  return records;
}

TEST_CASE("saved index: answers as the index that was saved, with floats on disk and in memory",
          "[daemon][store][index]") {
  const auto space = GENERATE(model::Space::kL2, model::Space::kCosine, model::Space::kIp);
  SavedWorld world(space, GENERATE(false, true));
  REQUIRE(world.keeper.Save(world.entry, 2).ok());
  const auto loaded = world.Load();
  REQUIRE(loaded != nullptr);
  REQUIRE(loaded->WantsFloats());
  REQUIRE_FALSE(loaded->WantsGraph());
  const auto compare = [&] {
    for (int i = 0; i < 100; ++i) {
      const std::vector<float> query = world.random.Vector(kDimension);
      REQUIRE(Same(world.Search(*world.vectors, query), world.Search(*loaded, query)));
    }
  };
  compare();
  TableVectors floats(world.table);
  REQUIRE(loaded->At(2)->FillFloats(floats, 100));
  compare();
  REQUIRE_FALSE(loaded->At(2)->FillFloats(floats, kRecords));
  REQUIRE_FALSE(loaded->WantsFloats());
  compare();
  REQUIRE(world.used_graph);
}

TEST_CASE("saved index: goes on as any other: puts, removals, graphs, compaction",
          "[daemon][store][index]") {
  SavedWorld world(model::Space::kL2, GENERATE(false, true));
  REQUIRE(world.keeper.Save(world.entry, 2).ok());
  const auto loaded = world.Load();
  REQUIRE(loaded != nullptr);
  std::vector<std::shared_ptr<VectorIndex>> both = {world.vectors, loaded};
  for (index::Sequence at = 3; at < 30; ++at) {
    for (int i = 0; i < 60; ++i) {
      const auto record = static_cast<RecordNumber>(400 + world.random.Below(300));
      const std::vector<float> vector = world.random.Vector(kDimension);
      for (const auto& vectors : both) vectors->Put(at, record, vector);
    }
    for (const auto& vectors : both) vectors->Commit(at);
    if (at == 10) REQUIRE_FALSE(loaded->Compact());  // its floats are not there yet
    if (at == 20) {
      TableVectors floats(world.table);
      loaded->At(at)->FillFloats(floats, kRecords);
    }
    for (const auto& vectors : both) {
      if (at % 5 == 0 && vectors->WantsGraph()) REQUIRE(vectors->BuildGraph({}).ok());
    }
  }
  REQUIRE(loaded->Compact() == world.vectors->Compact());
  for (int i = 0; i < 50; ++i) {
    const std::vector<float> query = world.random.Vector(kDimension);
    TableVectors floats(world.table);
    const index::SearchRequest request{query, 10, nullptr, 1'000, &floats};
    REQUIRE(Same(world.vectors->At(29)->Search(request, nullptr),
                 loaded->At(29)->Search(request, nullptr)));
  }
}

TEST_CASE("saved index: one of another sequence, configuration or table is removed, not used",
          "[daemon][store][index]") {
  SavedWorld world;
  REQUIRE(world.Load() == nullptr);  // none
  const auto refused = [&](const char* what, auto change) {
    CAPTURE(what);
    SavedWorld other;
    REQUIRE(other.keeper.Save(other.entry, 2).ok());
    REQUIRE(std::filesystem::exists(other.path()));
    change(other);
    REQUIRE_FALSE(std::filesystem::exists(other.path()));
  };
  refused("sequence", [](SavedWorld& w) { REQUIRE(w.Load(3) == nullptr); });
  refused("records", [](SavedWorld& w) {
    ++w.entry.indexes->records;
    REQUIRE(w.Load() == nullptr);
  });
  refused("parameters", [](SavedWorld& w) {
    auto info = *w.entry.info;
    info.hnsw.max_neighbors = 8;
    w.entry.info = std::make_shared<const model::Collection>(info);
    REQUIRE(w.Load() == nullptr);
  });
  refused("rows", [](SavedWorld& w) {
    Row row;
    const std::string id = std::to_string(kRecords + 9);
    const std::vector<float> vector = w.random.Vector(kDimension);
    row.number = kRecords + 9;
    row.id = id;
    row.vector = vector;
    w.table.Replace(row).value();
    REQUIRE(w.Load() == nullptr);
  });
}

TEST_CASE("saved index: no flipped bit and no cut is served", "[daemon][store][index]") {
  SavedWorld world;
  auto& files = file::RealFileSystem();
  const std::string path = world.path();
  REQUIRE(SaveIndex(files, path, "key", *world.vectors, 2).ok());
  const std::string sound = Content(path);
  const auto is_refused = [&](const std::string& bytes) {
    std::ofstream(path, std::ios::binary | std::ios::trunc) << bytes;
    const auto loaded = LoadIndex(files, path, "key", world.options, 2);
    return loaded.Is(Errc::kCorruption);
  };
  for (size_t at = 0; at < sound.size(); at += 1 + world.random.Below(100)) {
    std::string damaged = sound;
    damaged[at] = static_cast<char>(damaged[at] ^ (1 << world.random.Below(8)));
    CAPTURE(at);
    REQUIRE(is_refused(damaged));
  }
  for (const size_t length :
       {size_t{0}, size_t{7}, size_t{40}, sound.size() / 2, sound.size() - 1}) {
    REQUIRE(is_refused(sound.substr(0, length)));
  }
  REQUIRE(is_refused(sound + "x"));
  REQUIRE(is_refused(sound + std::string(100, '\0')));
  REQUIRE_FALSE(is_refused(sound));
  REQUIRE(LoadIndex(files, path, "another", world.options, 2).Is(Errc::kCorruption));
}

TEST_CASE("saved index: a sweep keeps those of collections that exist", "[daemon][store][index]") {
  SavedWorld world;
  REQUIRE(world.keeper.Save(world.entry, 2).ok());
  auto& files = file::RealFileSystem();
  file::ReplaceFile(files, world.path() + ".new", "unfinished").value();
  CollectionMap map;
  map.Put(world.entry);
  world.keeper.Sweep(map);
  REQUIRE(std::filesystem::exists(world.path()));
  REQUIRE_FALSE(std::filesystem::exists(world.path() + ".new"));
  world.keeper.Sweep(CollectionMap());
  REQUIRE_FALSE(std::filesystem::exists(world.path()));
}

TEST_CASE("saved index: a store is quiet some seconds after its last commit",
          "[daemon][store][index]") {
  SavedWorld world;
  SteadyTime now = SystemClock().Steady();
  REQUIRE_FALSE(world.keeper.IsQuiet(2, now));
  now += std::chrono::seconds(5);
  REQUIRE(world.keeper.IsQuiet(2, now));
  REQUIRE_FALSE(world.keeper.IsQuiet(3, now));
}

TEST_CASE("saved index: is not written again at the same sequence, nor soon at another",
          "[daemon][store][index]") {
  SavedWorld world;
  CollectionMap map;
  map.Put(world.entry);
  SteadyTime now = SystemClock().Steady();
  world.keeper.SaveDue(map, 2, now);
  REQUIRE(std::filesystem::exists(world.path()));
  std::filesystem::remove(world.path());
  now += std::chrono::hours(1);
  world.keeper.SaveDue(map, 2, now);
  REQUIRE_FALSE(std::filesystem::exists(world.path()));
}

TEST_CASE("saved index: a store that closes saves what is stale, until its time is over",
          "[daemon][store][index]") {
  SavedWorld world;
  CollectionMap map;
  map.Put(world.entry);
  const SteadyTime now = SystemClock().Steady();
  world.keeper.SaveLast(map, 2, now - std::chrono::seconds(1));
  REQUIRE_FALSE(std::filesystem::exists(world.path()));
  world.keeper.SaveLast(map, 2, now + std::chrono::minutes(1));
  REQUIRE(std::filesystem::exists(world.path()));
  REQUIRE(world.Load(2) != nullptr);
  std::filesystem::remove(world.path());
  world.keeper.SaveLast(map, 2, now + std::chrono::minutes(1));
  REQUIRE_FALSE(std::filesystem::exists(world.path()));  // it is saved, as far as we know
}

// As after a compaction, whose graph is of rows that were: else each start would read all vectors
// from the rows, until a daemon lived long enough for a graph.
TEST_CASE("saved index: rows without a graph are saved when a store closes, and again with one",
          "[daemon][store][index]") {
  SavedWorld world;
  CollectionMap map;
  auto bare = std::make_shared<VectorIndex>(world.options);
  const auto put = [&](const Row& row) -> Status {
    bare->Put(2, row.number, row.vector);
    return {};
  };
  REQUIRE(world.table.Scan(Columns::kVectorOnly, INT64_MAX, 0, put).ok());
  bare->Commit(2);
  world.entry.indexes->PublishVectors(bare);
  map.Put(world.entry);
  SteadyTime now = SystemClock().Steady();
  world.keeper.SaveDue(map, 2, now);
  REQUIRE_FALSE(std::filesystem::exists(world.path()));  // a graph is worth waiting for
  world.keeper.SaveLast(map, 2, now + std::chrono::minutes(1));
  const auto loaded = world.Load();
  REQUIRE(loaded != nullptr);
  REQUIRE(loaded->WantsGraph());
  for (int i = 0; i < 50; ++i) {
    const std::vector<float> query = world.random.Vector(kDimension);
    REQUIRE(Same(world.Search(*bare, query), world.Search(*loaded, query)));
  }
  REQUIRE(loaded->BuildGraph({}).ok());
  world.entry.indexes->PublishVectors(loaded);
  world.keeper.SaveDue(map, 2, now + std::chrono::hours(1));
  const auto better = world.Load();
  REQUIRE(better != nullptr);
  REQUIRE_FALSE(better->WantsGraph());
  REQUIRE(better->tail_size() == 0);
}

TEST_CASE("saved index: closing all stores leaves one of the last commit",
          "[daemon][store][index]") {
  StoreOptions options;
  options.graph_threshold = 200;
  Scratch scratch(options);
  Random random(11);
  const std::vector<Record> records = RandomRecords(random, 0, 600, 16);
  Uuid id;
  {
    const StoreRef store = scratch.Default();
    id = store->CreateCollection(Collection("c"), Patient()).value()->id;
    Write(*store, id, model::WriteKind::kAdd, records).value();
    REQUIRE(store->RebuildIndexes(Patient()).ok());  // its graph is there
    Write(*store, id, model::WriteKind::kAdd, {{"last", random.Vector(16), {}, {}, {}}}).value();
  }
  scratch.Reopen();
  REQUIRE(std::filesystem::exists(scratch.OnlyStoreFolder() / "index" / id.ToString()));
  const StoreRef store = scratch.Default();
  REQUIRE(Query(*store, id, random.Vector(16), 10).value().size() == 10);
  REQUIRE(store->Describe(id, Patient()).value().tail == 1);  // loaded with the graph of before
}

TEST_CASE(
    "saved index: a store that was closed answers from it, and deletes it with its collection",
    "[daemon][store][index]") {
  StoreOptions options;
  options.graph_threshold = 200;
  Scratch scratch(options);
  Random random(9);
  const std::vector<Record> records = RandomRecords(random, 0, 600, 16);
  const std::vector<float> query = random.Vector(16);
  Uuid id;
  std::vector<Found> before;
  {
    const StoreRef store = scratch.Default();
    id = store->CreateCollection(Collection("c"), Patient()).value()->id;
    Write(*store, id, model::WriteKind::kAdd, records).value();
    REQUIRE(store->RebuildIndexes(Patient()).ok());
    before = Query(*store, id, query, 10).value();
    REQUIRE(store->SaveIndexes(Patient()).ok());
  }
  const auto path = scratch.OnlyStoreFolder() / "index" / id.ToString();
  REQUIRE(std::filesystem::exists(path));
  scratch.Reopen();
  const StoreRef store = scratch.Default();
  REQUIRE(Query(*store, id, query, 10).value() == before);
  REQUIRE(store->Describe(id, Patient()).value().tail == 0);  // the graph is there already
  REQUIRE(std::filesystem::exists(path));
  REQUIRE(store->DeleteCollection("c", Patient()).ok());
  REQUIRE_FALSE(std::filesystem::exists(path));
}

// The scratch file of this process, whose name is gone; none: "".
std::string OpenScratchFile() {
  for (const auto& each : std::filesystem::directory_iterator("/proc/self/fd")) {
    std::error_code gone;
    const std::string target = std::filesystem::read_symlink(each.path(), gone).string();
    if (target.ends_with(".scratch (deleted)")) return each.path().string();
  }
  return "";
}

TEST_CASE("scratch file: vectors that it does not give back as they were are loaded anew",
          "[daemon][store][index]") {
  constexpr uint32_t kWide = 4'096, kMany = 1'200;  // more than stay in memory
  Scratch scratch;
  const StoreRef store = scratch.Default();
  const Uuid id = store->CreateCollection(Collection("c"), Patient()).value()->id;
  Random random(10);
  for (uint32_t n = 0; n < kMany; n += 100) {
    Write(*store, id, model::WriteKind::kAdd, RandomRecords(random, n, 100, kWide)).value();
  }
  const std::vector<float> query = random.Vector(kWide);
  const std::vector<Found> before = Query(*store, id, query, 10).value();
  const std::string file = OpenScratchFile();
  REQUIRE(file != "");
  {
    std::fstream out(file, std::ios::in | std::ios::out | std::ios::binary);
    out << std::string(size_t{kWide} * kMany * sizeof(float), 'x');
    REQUIRE(out.flush().good());
  }
  REQUIRE(Query(*store, id, query, 10).value() == before);
  REQUIRE(OpenScratchFile() == "");  // this collection's stay in memory from now on
  REQUIRE(Query(*store, id, query, 10).value() == before);
}

TEST_CASE("scratch file: each is another, and what a crash left is no hindrance",
          "[daemon][store][index]") {
  test::TempDir folder;
  const IndexKeeper keeper(file::RealFileSystem(), folder.path().string());
  const Uuid id = Uuid::Random();
  const auto left = folder / "index" / (id.ToString() + ".scratch");
  std::filesystem::create_directories(left.parent_path());
  std::ofstream(left) << "left by a crash";
  const auto one = keeper.ScratchOf(id).make(), other = keeper.ScratchOf(id).make();
  REQUIRE(one->Size().value() == 0);
  REQUIRE(one->WriteAt(0, "one").ok());
  REQUIRE(other->Size().value() == 0);
  REQUIRE(std::filesystem::is_empty(left.parent_path()));
}

TEST_CASE("scratch file: there is none for a store whose folder is gone",
          "[daemon][store][index]") {
  test::TempDir folder;
  const IndexKeeper keeper(file::RealFileSystem(), (folder / "deleted").string());
  REQUIRE(keeper.ScratchOf(Uuid::Random()).make() == nullptr);
  REQUIRE(std::filesystem::is_empty(folder.path()));
}

}  // namespace
}  // namespace pannier::store
