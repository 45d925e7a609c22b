// Goal: whatever the history of calls, the store answers as plain lists in memory would.
// Method: random histories of all calls on two databases of which one may be open (so that every
// change of database closes and opens a store), with reopening, dropped caches, checkpoints and
// different memory budgets in between; every answer is compared with reference_store.h, and all
// records at the end. PANNIER_SEED replays a run.
#include <catch2/catch.hpp>
#include <cmath>

#include "tests/daemon/store/fixture.h"
#include "tests/daemon/store/random_history.h"
#include "tests/daemon/store/reference_store.h"

namespace pannier::store {
namespace {

using model::WriteKind;

constexpr int kSteps = 150;
constexpr const char* kNames[] = {"one", "two", "three"};
constexpr const char* kDatabases[] = {"default_database", "other"};

StoreOptions Options(test::Random& random) {
  constexpr uint64_t kBudgets[] = {0, 4'096, 512ull << 20};
  StoreOptions options;
  options.open_max = 1;
  options.memory_budget_bytes = random.Of(kBudgets);
  options.readers_per_store_max = 2;
  options.wal_bytes_checkpoint = random.OneIn(2) ? 64 << 10 : 16 << 20;
  return options;
}

class History {
 public:
  explicit History(uint64_t seed) : history_(seed), random_(history_.random()) {
    scratch_.options = Options(random_);
    scratch_.Reopen();
    scratch_.stores().CreateDatabase("default_tenant", "other").value();
  }

  void Run() {
    for (step_ = 0; step_ < kSteps; ++step_) {
      CAPTURE(step_);
      Step();
    }
    scratch_.Reopen();
    for (const char* database : kDatabases) {
      reference_ = &references_[database];
      store_ = scratch_.Open(database);
      CompareAll();
      store_.reset();
    }
  }

 private:
  void Step() {
    const char* database = random_.Of(kDatabases);
    reference_ = &references_[database];
    store_ = scratch_.Open(database);
    switch (random_.Below(20)) {
      case 0:
        CreateOrDelete();
        break;
      case 1:
        Rename();
        break;
      case 2:
        REQUIRE(store_->Flush(Patient()).ok());
        break;
      case 3:
        store_.reset();
        scratch_.Reopen();
        break;
      case 4:
        CompareAll();
        break;
      default:
        OnCollection();
    }
    store_.reset();
  }

  void OnCollection() {
    if (reference_->empty()) return CreateOrDelete();
    collection_ = &std::next(reference_->begin(), random_.Below(reference_->size()))->second;
    const uint64_t choice = random_.Below(10);
    if (choice < 5) return Write();
    if (choice < 6) return Delete();
    if (choice < 8) return Get();
    Query();
  }

  void CreateOrDelete() {
    const std::string name = random_.Of(kNames);
    const auto found = reference_->find(name);
    if (found != reference_->end() && random_.OneIn(2)) {
      REQUIRE(store_->DeleteCollection(name, Patient()).ok());
      REQUIRE_FALSE(store_->Count(found->second.id, Patient()).ok());
      reference_->erase(found);
      return;
    }
    constexpr model::Space kSpaces[] = {model::Space::kL2, model::Space::kCosine,
                                        model::Space::kIp};
    NewCollection wanted = Collection(name, random_.Of(kSpaces));
    wanted.get_or_create = random_.OneIn(2);
    const auto made = store_->CreateCollection(wanted, Patient());
    if (found != reference_->end()) {
      REQUIRE(made.ok() == wanted.get_or_create);
      if (made.ok()) REQUIRE((*made)->id == found->second.id);
      return;
    }
    ReferenceCollection& collection = (*reference_)[name];
    collection.id = made.value()->id;
    collection.space = wanted.index.hnsw.space;
  }

  void Rename() {
    if (reference_->empty()) return;
    const auto old = std::next(reference_->begin(), random_.Below(reference_->size()));
    CollectionChange change;
    change.name = random_.Of(kNames);
    change.metadata = R"({"v":)" + std::to_string(random_.Below(9)) + "}";
    const bool free = *change.name == old->first || !reference_->contains(*change.name);
    REQUIRE(store_->UpdateCollection(old->second.id, change, Patient()).ok() == free);
    if (!free) return;
    auto node = reference_->extract(old);
    node.key() = *change.name;
    node.mapped().metadata = change.metadata;
    reference_->insert(std::move(node));
  }

  void Write() {
    constexpr WriteKind kKinds[] = {WriteKind::kAdd, WriteKind::kUpsert, WriteKind::kUpdate};
    const WriteKind kind = random_.Of(kKinds);
    const uint32_t dimension = collection_->dimension && !random_.OneIn(20)
                                   ? *collection_->dimension
                                   : 1 + random_.Below(3);
    const std::vector<Record> records = history_.SomeRecords(kind, dimension);
    const Status expected = collection_->Write(kind, records);
    const Status written = pannier::store::Write(*store_, collection_->id, kind, records);
    REQUIRE(written.ok() == expected.ok());
    if (!written.ok()) REQUIRE(written.Is(expected.error().code));
  }

  void Delete() {
    model::Selection selection = history_.SomeSelection();
    std::optional<uint32_t> limit;
    if (selection.filter && random_.OneIn(2)) limit = static_cast<uint32_t>(random_.Below(4));
    const uint64_t expected = collection_->Delete(selection, limit);
    REQUIRE(store_->Delete(collection_->id, selection, limit, Patient()).value() == expected);
    REQUIRE(store_->Count(collection_->id, Patient()).value() == collection_->records.size());
  }

  void Get() {
    model::GetRequest request;
    request.selection = history_.SomeSelection();
    if (random_.OneIn(2)) request.limit = static_cast<uint32_t>(random_.Below(8));
    if (random_.OneIn(2)) request.offset = static_cast<uint32_t>(random_.Below(8));
    Compare(pannier::store::Get(*store_, collection_->id, request).value(),
            collection_->Get(request));
  }

  void Query() {
    const uint32_t dimension = collection_->dimension.value_or(2);
    const std::vector<float> vector = history_.Vector(random_.OneIn(20) ? 5 : dimension);
    const auto k = static_cast<uint32_t>(1 + random_.Below(12));
    const model::Selection selection = history_.SomeSelection();
    const auto expected = collection_->Query(vector, k, selection);
    const auto found = pannier::store::Query(*store_, collection_->id, vector, k, selection);
    CAPTURE(found.ok() ? "" : found.error().what);
    REQUIRE(found.ok() == expected.ok());
    if (!found.ok()) {
      REQUIRE(found.Is(expected.error().code));
      return;
    }
    if (collection_->space != model::Space::kCosine) {
      REQUIRE(*found == *expected);
      return;
    }
    // Equal up to rounding: the same distances, and each record at its own.
    REQUIRE(found->size() == expected->size());
    for (size_t i = 0; i < found->size(); ++i) {
      REQUIRE((*found)[i].distance == Approx((*expected)[i].distance).margin(1e-5));
      const double own =
          DistanceOf(collection_->space, vector, collection_->Find((*found)[i].id)->vector);
      REQUIRE((*found)[i].distance == Approx(own).margin(1e-5));
    }
  }

  // Metadata compares as a set of keys; the order of an answer's keys has no meaning.
  static void Compare(std::vector<Record> found, std::vector<Record> expected) {
    for (auto* records : {&found, &expected}) {
      for (Record& record : *records) {
        if (record.metadata) std::sort(record.metadata->begin(), record.metadata->end());
      }
    }
    REQUIRE(IdsOf(found) == IdsOf(expected));
    REQUIRE(found == expected);
  }

  void CompareAll() {
    REQUIRE(store_->CountCollections() == reference_->size());
    for (auto& [name, collection] : *reference_) {
      const CollectionPtr info = store_->FindCollection(name);
      REQUIRE(info != nullptr);
      REQUIRE(info->id == collection.id);
      REQUIRE(info->metadata == collection.metadata);
      REQUIRE(info->hnsw.space == collection.space);
      REQUIRE(info->dimension == collection.dimension);
      Compare(pannier::store::Get(*store_, collection.id).value(), collection.Get({}));
      REQUIRE(store_->Describe(collection.id, Patient()).value().records ==
              collection.records.size());
    }
  }

  RandomHistory history_;
  test::Random& random_;
  Scratch scratch_;
  std::map<std::string, ReferenceStore> references_;
  int step_ = 0;
  // Of the step:
  ReferenceStore* reference_ = nullptr;
  StoreRef store_;
  ReferenceCollection* collection_ = nullptr;
};

TEST_CASE("store: random histories read as plain lists would", "[daemon][store][slow]") {
  const int rounds = test::Rounds(12);
  for (int round = 0; round < rounds; ++round) {
    const uint64_t seed = test::Seed() + static_cast<uint64_t>(round);
    CAPTURE(seed);
    History(seed).Run();
  }
}

}  // namespace
}  // namespace pannier::store
