#include "tests/flips/world.h"

#include <catch2/catch.hpp>
#include <fstream>

#include "daemon/store/store_file.h"

namespace pannier::flips {
namespace fs = std::filesystem;
namespace {

const std::vector<std::string> kNames = {"docs", "notes", "words"};
constexpr uint32_t kDimension = 32;

std::vector<Record> Wanted(const ModelCollection& collection, const std::set<std::string>& ids) {
  std::vector<Record> wanted;
  for (const Record& record : collection.records) {
    if (ids.contains(record.id)) wanted.push_back(record);
  }
  return wanted;
}

double Squared(const std::vector<float>& a, const std::vector<float>& b) {
  double sum = 0;
  for (size_t i = 0; i < a.size(); ++i) sum += (double{a[i]} - b[i]) * (double{a[i]} - b[i]);
  return sum;
}

}  // namespace

const Record* ModelCollection::Find(const std::string& wanted) const {
  for (const Record& record : records) {
    if (record.id == wanted) return &record;
  }
  return nullptr;
}

std::shared_ptr<store::SqliteStore> OpenIn(const fs::path& folder, store::CountingHost& host,
                                           Status* failed) {
  auto opened = store::SqliteStore::Open(folder.string(), {}, host, file::RealFileSystem());
  if (opened.ok()) return *opened;
  *failed = opened.error();
  return nullptr;
}

World::World(uint32_t records, End end, uint64_t seed) : random_(seed) {
  store::ConfigureSqlite();
  store::CountingHost host;
  const fs::path live = dir_ / "live";
  fs::create_directories(live);
  store::CreateStoreFile((live / "store.db").string(), "").value();
  Status failed;
  {
    const auto store = OpenIn(live, host, &failed);
    Fill(*store, records);
    store->Flush(store::Patient()).value();
    fs::create_directories(dir_ / "snapshot");
    fs::copy_file(live / "store.db", dir_ / "snapshot" / "store.db");
    snapshot_model_ = model_;
    Change(*store);
    if (end == End::kClosed) store->Flush(store::Patient()).value();
    sequence_ = store->sequence();
    // A copy of the files of a running process is what a killed one leaves.
    fs::copy(live, dir_ / "left");
  }
  fs::remove(dir_ / "left" / "store.db-shm");
  if (end == End::kClosed) fs::remove(dir_ / "left" / "store.db-wal");
}

void World::CopyTo(const fs::path& folder) const {
  fs::remove_all(folder);
  fs::copy(dir_ / "left", folder);
}

Record World::Some(const std::string& id) {
  Record record;
  record.id = id;
  for (uint32_t i = 0; i < kDimension; ++i) {
    record.vector.push_back(static_cast<float>(random_.Below(100)));
  }
  if (!random_.OneIn(5)) {
    const uint64_t bytes = random_.OneIn(30) ? 15'000 + random_.Below(40'000) : random_.Below(300);
    std::string text;
    while (text.size() < bytes) text += "word" + std::to_string(random_.Below(1'000)) + " ";
    record.document = text;
  }
  const std::string n = std::to_string(random_.Below(10));
  record.metadata = model::ParseStoredMetadata("{\"n\":" + n + ",\"x\":\"y\"}").value();
  if (random_.OneIn(4)) record.uri = "file:///" + id.substr(0, 20);
  return record;
}

void World::Write(store::SqliteStore& store, const std::string& name, model::WriteKind kind,
                  std::vector<Record> records) {
  ModelCollection& collection = model_[name];
  store::Write(store, collection.id, kind, records).value();
  for (Record& record : records) {
    collection.versions[record.id].push_back(record);
    const auto there = std::find_if(collection.records.begin(), collection.records.end(),
                                    [&](const Record& each) { return each.id == record.id; });
    if (there == collection.records.end()) {
      collection.records.push_back(std::move(record));
    } else {
      *there = std::move(record);
    }
  }
}

void World::Fill(store::SqliteStore& store, uint32_t records) {
  for (const std::string& name : kNames) {
    store::NewCollection wanted = store::Collection(name);
    wanted.metadata = R"({"about":")" + name + R"("})";
    const auto made = store.CreateCollection(wanted, store::Patient()).value();
    model_[name].id = made->id;
    model_[name].metadata = wanted.metadata;
  }
  for (uint32_t i = 0; i < records;) {
    const std::string& name = random_.OneIn(4) ? random_.Of(kNames) : kNames.front();
    std::vector<Record> batch;
    for (; i < records && batch.size() < 100; ++i) {
      // Some ids are too long for a page of the index.
      const std::string tail = random_.OneIn(60) ? std::string(5'000, 'i') : "";
      batch.push_back(Some("id" + std::to_string(i) + tail));
    }
    Write(store, name, model::WriteKind::kAdd, std::move(batch));
  }
}

// The newest commits: changed, new and deleted records.
void World::Change(store::SqliteStore& store) {
  for (int round = 0; round < 4; ++round) {
    for (const std::string& name : kNames) {
      ModelCollection& collection = model_[name];
      std::vector<Record> batch;
      for (int i = 0; i < 5 && !collection.records.empty(); ++i) {
        const Record changed = Some(random_.Of(collection.records).id);
        const bool is_twice = std::any_of(
            batch.begin(), batch.end(), [&](const Record& each) { return each.id == changed.id; });
        // An upsert keeps what it does not name: name all of it.
        const Record& old = *collection.Find(changed.id);
        Record whole = changed;
        if (!whole.document) whole.document = old.document;
        if (!whole.uri) whole.uri = old.uri;
        if (!is_twice) batch.push_back(whole);
      }
      batch.push_back(Some("new" + std::to_string(round)));
      Write(store, name, model::WriteKind::kUpsert, std::move(batch));
    }
    ModelCollection& shrinking = model_[kNames.front()];
    const size_t victim = random_.Below(shrinking.records.size());
    model::Selection selection;
    selection.ids = std::vector<std::string>{shrinking.records[victim].id};
    store.Delete(shrinking.id, selection, std::nullopt, store::Patient()).value();
    shrinking.records.erase(shrinking.records.begin() + static_cast<ptrdiff_t>(victim));
  }
}

namespace {

class Answers {
 public:
  Answers(store::SqliteStore& store, test::Random& random) : store_(store), random_(random) {}

  int damaged() const { return damaged_; }
  void CompareCollections(const Model& model);
  void Compare(const ModelCollection& collection);

 private:
  // Whether there is an answer to look at.
  template <typename T>
  bool Answered(const Result<T>& answer) {
    if (answer.ok()) return true;
    INFO(answer.error().what);
    REQUIRE(answer.error().code == Errc::kCorruption);
    ++damaged_;
    return false;
  }
  void CompareSome(const ModelCollection& collection);
  void CompareQuery(const ModelCollection& collection);

  store::SqliteStore& store_;
  test::Random& random_;
  int damaged_ = 0;
};

void Answers::CompareCollections(const Model& model) {
  const auto listed = store_.ListCollections(std::nullopt, 0);
  REQUIRE(listed.size() == model.size());
  for (const auto& each : listed) {
    const auto found = model.find(each->name);
    REQUIRE(found != model.end());
    REQUIRE(each->id == found->second.id);
    REQUIRE(each->metadata == found->second.metadata);
    REQUIRE(each->dimension == kDimension);
  }
}

void Answers::Compare(const ModelCollection& collection) {
  const auto count = store_.Count(collection.id, store::Patient());
  if (Answered(count)) REQUIRE(*count == collection.records.size());
  const auto all = store::Get(store_, collection.id);
  if (Answered(all)) REQUIRE(*all == collection.records);
  CompareSome(collection);
  if (!collection.records.empty()) CompareQuery(collection);
}

void Answers::CompareSome(const ModelCollection& collection) {
  for (int i = 0; i < 8; ++i) {
    const bool is_absent = collection.records.empty() || random_.OneIn(4);
    const std::string id = is_absent ? "absent" : random_.Of(collection.records).id;
    const auto one = store::GetIds(store_, collection.id, {id});
    if (Answered(one)) REQUIRE(*one == Wanted(collection, {id}));
  }
  model::GetRequest request;
  request.selection.filter = store::Where("n", model::FilterOp::kEq, int64_t{3});
  const auto matching = store::Get(store_, collection.id, std::move(request));
  if (!Answered(matching)) return;
  std::vector<Record> wanted;
  for (const Record& record : collection.records) {
    if (model::ToJson(*record.metadata).starts_with("{\"n\":3,")) wanted.push_back(record);
  }
  REQUIRE(*matching == wanted);
}

void Answers::CompareQuery(const ModelCollection& collection) {
  const Record& target = random_.Of(collection.records);
  const auto found = store::Query(store_, collection.id, target.vector, 3);
  if (!Answered(found)) return;
  std::vector<std::pair<double, size_t>> wanted;
  for (size_t i = 0; i < collection.records.size(); ++i) {
    wanted.emplace_back(Squared(collection.records[i].vector, target.vector), i);
  }
  std::sort(wanted.begin(), wanted.end());
  REQUIRE(found->size() == std::min<size_t>(3, wanted.size()));
  for (size_t i = 0; i < found->size(); ++i) {
    REQUIRE((*found)[i].id == collection.records[wanted[i].second].id);
  }
}

}  // namespace

int CompareAnswers(store::SqliteStore& store, const Model& model, test::Random& random) {
  Answers answers(store, random);
  answers.CompareCollections(model);
  for (const auto& [name, collection] : model) answers.Compare(collection);
  return answers.damaged();
}

namespace {

bool IsOneOf(const Record& record, const ModelCollection& collection) {
  const auto versions = collection.versions.find(record.id);
  return versions != collection.versions.end() &&
         std::find(versions->second.begin(), versions->second.end(), record) !=
             versions->second.end();
}

struct Tally {
  std::set<std::string> there;  // "collection/id"
  uint64_t from_snapshot = 0, unknown = 0;
};

// Every record that came back is one that was written: the newest, or, where the report says that
// it cannot tell or that it filled gaps, an older one.
void CompareCollection(store::SqliteStore& fresh, const std::string& name, const World& world,
                       bool may_be_old, Tally* tally) {
  const auto model = world.model().find(name);
  const auto info = fresh.FindCollection(name);
  const std::vector<Record> records = store::Get(fresh, info->id).value();
  if (model == world.model().end()) {
    tally->unknown += records.size();
    return;
  }
  for (const Record& record : records) {
    CAPTURE(name, record.id.substr(0, 40));
    tally->there.insert(name + "/" + record.id);
    const Record* wanted = model->second.Find(record.id);
    if (wanted != nullptr && *wanted == record) continue;
    const Record* snapped = world.snapshot_model().at(name).Find(record.id);
    if (snapped != nullptr && *snapped == record) {
      ++tally->from_snapshot;
    } else {
      REQUIRE(may_be_old);
      REQUIRE(IsOneOf(record, model->second));
    }
  }
}

std::set<std::string> Missing(const Model& model, const std::set<std::string>& there) {
  std::set<std::string> missing;
  for (const auto& [name, collection] : model) {
    for (const Record& record : collection.records) {
      const std::string key = name + "/" + record.id;
      if (!there.contains(key)) missing.insert(key);
    }
  }
  return missing;
}

}  // namespace

void CompareSalvaged(const fs::path& fresh, const salvage::Report& report, const World& world,
                     bool with_snapshot, MayLose may_lose) {
  store::CountingHost host;
  Status failed;
  const auto store = OpenIn(fresh, host, &failed);
  REQUIRE(failed.ok());
  if (may_lose == MayLose::kNothing) {
    test::Random random(1);
    REQUIRE(report.lost_total == 0);
    REQUIRE(report.lost_exact);
    REQUIRE(CompareAnswers(*store, world.model(), random) == 0);
    REQUIRE(store->sequence() == world.sequence());
    return;
  }
  Tally tally;
  for (const auto& info : store->ListCollections(std::nullopt, 0)) {
    CompareCollection(*store, info->name, world, !report.lost_exact, &tally);
  }
  if (report.lost_exact) {
    REQUIRE(tally.from_snapshot <= (with_snapshot ? report.from_snapshot : 0));
    REQUIRE(store->sequence() >= world.sequence());
  }
  const std::set<std::string> missing = Missing(world.model(), tally.there);
  std::set<std::string> unlisted = missing;
  size_t nameless = 0;  // an id so long that it lay on a lost page of its own
  for (const salvage::LostRecord& lost : report.lost) {
    if (lost.id.empty()) {
      ++nameless;
    } else {
      const bool was_missing = unlisted.erase(lost.collection + "/" + lost.id) == 1;
      if (report.lost_exact && tally.unknown == 0) REQUIRE(was_missing);
    }
  }
  if (report.lost_exact && tally.unknown == 0) {
    REQUIRE(unlisted.size() == nameless);
    for (const std::string& key : unlisted) {
      REQUIRE((key.size() > 1'000 || may_lose == MayLose::kIdsToo));
    }
  }
  // Nothing comes back that was deleted, but for where nothing can be told any more.
  for (const std::string& key : tally.there) {
    const size_t slash = key.find('/');
    const bool lives =
        world.model().at(key.substr(0, slash)).Find(key.substr(slash + 1)) != nullptr;
    if (!lives) REQUIRE_FALSE(report.lost_exact);
  }
}

}  // namespace pannier::flips
