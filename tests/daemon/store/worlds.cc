#include "tests/daemon/store/worlds.h"

#include <algorithm>
#include <catch2/catch.hpp>

namespace pannier::store {
namespace {

constexpr char kTenant[] = "default_tenant";
constexpr char kDefault[] = "default_database";
constexpr const char* kDatabases[] = {kDefault, kDefault, "second"};
constexpr const char* kCollections[] = {"a", "b"};
constexpr uint32_t kDimension = 3;

bool IsMeaning(const Status& status) {
  return status.Is(Errc::kNotFound) || status.Is(Errc::kConflict) ||
         status.Is(Errc::kInvalidArgument);
}

Result<Uuid> IdOf(Store& store, const std::string& name) {
  const CollectionPtr found = store.FindCollection(name);
  if (found == nullptr) return NotFound(name);
  return found->id;
}

// As a map from id to record with sorted metadata; and the order of ids.
bool SameRecords(const std::vector<Record>& a, const std::vector<Record>& b) { return a == b; }

std::vector<Record> Sorted(std::vector<Record> records) {
  for (Record& record : records) {
    if (record.metadata) std::sort(record.metadata->begin(), record.metadata->end());
  }
  return records;
}

bool Same(const World& a, const World& b) {
  const auto same_collection = [](const auto& x, const auto& y) {
    return x.first == y.first && x.second.dimension == y.second.dimension &&
           SameRecords(Sorted(x.second.records), Sorted(y.second.records));
  };
  const auto same_store = [&](const auto& x, const auto& y) {
    return x.first == y.first && std::equal(x.second.begin(), x.second.end(), y.second.begin(),
                                            y.second.end(), same_collection);
  };
  return std::equal(a.begin(), a.end(), b.begin(), b.end(), same_store);
}

std::string Describe(const World& world) {
  std::string text;
  for (const auto& [database, store] : world) {
    text += database + ":";
    for (const auto& [name, collection] : store) {
      text += " " + name + "(" +
              (collection.dimension ? std::to_string(*collection.dimension) : "-") + ")[";
      for (const Record& record : collection.records) {
        text += record.id + "=" + record.document.value_or("~") + " ";
      }
      text += "]";
    }
    text += "\n";
  }
  return text;
}

void AddUnlessThere(std::vector<World>& worlds, World world) {
  const auto same = [&](const World& other) { return Same(world, other); };
  if (std::none_of(worlds.begin(), worlds.end(), same)) worlds.push_back(std::move(world));
}

// Those in which the call ends as it did.
std::vector<World> After(const std::vector<World>& worlds, const Operation& operation,
                         const Status& result) {
  std::vector<World> after;
  for (World world : worlds) {
    const Status expected = operation.Apply(world);
    const bool agrees = expected.ok() ? result.ok() : result.Is(expected.error().code);
    if (agrees) AddUnlessThere(after, std::move(world));
  }
  return after;
}

std::vector<World> AfterOrNot(const std::vector<World>& worlds, const Operation& operation) {
  std::vector<World> both = worlds;
  for (World world : worlds) {
    if (operation.Apply(world).ok()) AddUnlessThere(both, std::move(world));
  }
  return both;
}

}  // namespace

Status Operation::Apply(Stores& stores) const {
  if (kind == Kind::kCreateDatabase) return stores.CreateDatabase(kTenant, database);
  if (kind == Kind::kDeleteDatabase) return stores.DeleteDatabase(kTenant, database);
  if (kind == Kind::kClose) {
    TRY(stores.Close(kTenant, database));
    return {};
  }
  const StoreRef store = TRY(stores.Acquire(kTenant, database));
  if (kind == Kind::kFlush) return store->Flush(Patient());
  if (kind == Kind::kCreateCollection) {
    TRY(store->CreateCollection(Collection(collection), Patient()));
    return {};
  }
  if (kind == Kind::kDeleteCollection) return store->DeleteCollection(collection, Patient());
  const Uuid id = TRY(IdOf(*store, collection));
  if (kind == Kind::kWrite) return Write(*store, id, write, records);
  TRY(store->Delete(id, {ids, {}}, {}, Patient()));
  return {};
}

Status Operation::Apply(World& world) const {
  const bool exists = world.contains(database);
  if (kind == Kind::kCreateDatabase) {
    if (exists) return Conflict("database");
    world[database];
    return {};
  }
  if (!exists) return NotFound("database");
  if (kind == Kind::kDeleteDatabase) world.erase(database);
  if (kind == Kind::kDeleteDatabase || kind == Kind::kFlush || kind == Kind::kClose) return {};
  ReferenceStore& store = world[database];
  const auto found = store.find(collection);
  if (kind == Kind::kCreateCollection) {
    if (found != store.end()) return Conflict("collection");
    store[collection];
    return {};
  }
  if (found == store.end()) return NotFound("collection");
  if (kind == Kind::kWrite) return found->second.Write(write, records);
  if (kind == Kind::kDeleteCollection) store.erase(found);
  if (kind == Kind::kDeleteRecords) found->second.Delete({ids, {}}, {});
  return {};
}

Disk::Disk(uint64_t seed)
    : files_(std::make_unique<test::FaultyFileSystem>()),
      vfs_(std::make_unique<test::FaultyVfs>(*files_)),
      history_(seed),
      random_(history_.random()) {
  options_.sqlite_vfs = vfs_->name();
  options_.wal_bytes_checkpoint = 64 << 10;  // small, so that checkpoints happen
  options_.open_max = random_.OneIn(2) ? 1 : 8;
  worlds_ = visible_ = {{{kDefault, {}}}};
}

Disk::~Disk() { files_->Heal(); }

StoreRef Disk::Default() { return stores_->Acquire(kTenant, kDefault).value(); }

Status Disk::TryStart() {
  stores_.reset();
  stores_ = TRY(
      Stores::Open((files_->root() / "data").string(), options_, *files_, SystemClock(), nullptr));
  evicted_ = stores_->stats().evicted_total;
  return {};
}

void Disk::Start() {
  const Status started = TryStart();
  if (!started.ok()) UNSCOPED_INFO(started.error().what);
  REQUIRE(started.ok());
}

void Disk::Reopen() {
  Start();
  visible_ = worlds_;
}

void Disk::CutPower(std::optional<uint64_t> partly) {
  files_->FailFrom(1);  // the process dies with the power: it tidies nothing up
  stores_.reset();
  if (partly) files_->CrashPartly(*partly);
  if (!partly) files_->Crash();
}

Operation Disk::Any() {
  using Kind = Operation::Kind;
  constexpr Kind kKinds[] = {Kind::kWrite,
                             Kind::kWrite,
                             Kind::kWrite,
                             Kind::kWrite,
                             Kind::kWrite,
                             Kind::kDeleteRecords,
                             Kind::kCreateCollection,
                             Kind::kCreateCollection,
                             Kind::kDeleteCollection,
                             Kind::kCreateDatabase,
                             Kind::kDeleteDatabase,
                             Kind::kFlush,
                             Kind::kClose};
  constexpr model::WriteKind kWrites[] = {model::WriteKind::kAdd, model::WriteKind::kUpsert,
                                          model::WriteKind::kUpdate};
  Operation operation;
  operation.kind = random_.Of(kKinds);
  operation.database = random_.Of(kDatabases);
  const bool default_one = operation.database == kDefault;
  if (operation.kind == Kind::kDeleteDatabase && default_one) operation.kind = Kind::kWrite;
  operation.collection = random_.Of(kCollections);
  operation.write = random_.Of(kWrites);
  operation.records = history_.SomeRecords(operation.write, kDimension);
  for (uint64_t left = random_.Below(4); left > 0; --left) {
    operation.ids.push_back(history_.SomeId());
  }
  return operation;
}

void Disk::Step() {
  const Operation operation = Any();
  const Status result = operation.Apply(*stores_);
  CAPTURE(static_cast<int>(operation.kind), operation.database, operation.collection);
  if (!result.ok()) UNSCOPED_INFO(result.error().what);
  if (result.ok() || IsMeaning(result)) {
    worlds_ = After(worlds_, operation, result);
    visible_ = After(visible_, operation, result);
    REQUIRE_FALSE(worlds_.empty());
    NoteEvictions();
    REQUIRE_FALSE(visible_.empty());
    if (operation.kind == Operation::Kind::kClose) visible_ = worlds_;
    return;
  }
  REQUIRE(files_->Faulted());
  REQUIRE((result.Is(Errc::kUnavailable) || result.Is(Errc::kStorageFull)));
  worlds_ = AfterOrNot(worlds_, operation);
  // A database loses its name before its files; when these cannot be removed it is gone all the
  // same.
  if (operation.kind == Operation::Kind::kDeleteDatabase) {
    visible_ = AfterOrNot(visible_, operation);
  }
  NoteEvictions();
}

// A store that is closed and opened again takes in what the disk holds of a commit that failed. One
// is closed to make room, and where another could not be opened.
void Disk::NoteEvictions() {
  const uint64_t evicted = stores_->stats().evicted_total;
  if (evicted != evicted_) visible_ = worlds_;
  evicted_ = evicted;
}

World Disk::Look() {
  World world;
  const auto databases = stores_->ListDatabases(kTenant, std::nullopt, 0).value();
  for (const DatabaseInfo& database : databases) {
    const auto acquired = stores_->Acquire(kTenant, database.name);
    if (!acquired.ok()) UNSCOPED_INFO(acquired.error().what);
    REQUIRE(acquired.ok());
    Store& store = **acquired;
    ReferenceStore& seen = world[database.name];
    for (const CollectionPtr& info : store.ListCollections(std::nullopt, 0)) {
      ReferenceCollection& collection = seen[info->name];
      collection.dimension = info->dimension;
      const auto records = Get(store, info->id);
      if (!records.ok()) UNSCOPED_INFO(records.error().what);
      REQUIRE(records.ok());
      collection.records = *records;
      REQUIRE(store.Count(info->id, Patient()).value() == records->size());
      for (const Record& record : *records) {
        const auto all = static_cast<uint32_t>(records->size());
        const auto found = Query(store, info->id, record.vector, all).value();
        REQUIRE(found.size() == records->size());
        REQUIRE(std::any_of(found.begin(), found.end(),
                            [&](const Found& f) { return f.id == record.id && f.distance == 0; }));
      }
    }
  }
  return world;
}

void Disk::CompareTo(const World& seen, std::vector<World>& worlds) {
  const auto same = [&](const World& world) { return Same(seen, world); };
  std::string expected;
  for (const World& world : worlds) expected += "--- or\n" + Describe(world);
  INFO("seen:\n" << Describe(seen) << expected);
  REQUIRE(std::any_of(worlds.begin(), worlds.end(), same));
}

void Disk::Check() {
  World seen = Look();
  CompareTo(seen, worlds_);
  worlds_ = visible_ = {std::move(seen)};
}

void Disk::CheckWithoutReopening() {
  World seen = Look();
  NoteEvictions();
  CompareTo(seen, visible_);
  visible_ = {std::move(seen)};
}

}  // namespace pannier::store
