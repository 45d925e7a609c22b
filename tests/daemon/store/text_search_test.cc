// Goal: the nearest among documents that pass a test are the same as if all documents had been
// looked at, however few or many pass. Method: a brute-force model over what Get returns.
#include "daemon/store/text_search.h"

#include <algorithm>
#include <catch2/catch.hpp>

#include "tests/daemon/index/random.h"
#include "tests/daemon/store/fixture.h"

namespace pannier::store {
namespace {

using index::Random;
using model::FilterOp;

model::Filter Text(FilterOp op, const std::string& text) {
  model::Filter filter;
  filter.op = op;
  filter.text = text;
  return filter;
}

Record RandomRecord(Random& random, uint32_t number) {
  Record record;
  record.id = "id" + std::to_string(number);
  // Whole numbers: equal distances are frequent, and ties have an order too.
  for (int d = 0; d < 3; ++d) record.vector.push_back(static_cast<float>(random.Below(30)));
  if (!random.OneIn(20)) {
    record.document = "words and more words";
    if (random.OneIn(3)) *record.document += " marten";
    if (random.OneIn(100)) *record.document += " ocelot";
    if (random.OneIn(1000)) *record.document += " quokka";
  }
  record.metadata = model::Metadata{{"n", static_cast<int64_t>(random.Below(10))}};
  return record;
}

bool Contains(const Record& record, const std::string& word) {
  return record.document && record.document->find(word) != std::string::npos;
}

// Query()'s answer by brute force.
template <typename Pass>
std::vector<Found> Nearest(const std::vector<Record>& records, const std::vector<float>& query,
                           size_t k, Pass pass) {
  std::vector<Found> found;  // records come in the order of their numbers
  for (const Record& record : records) {
    if (!pass(record)) continue;
    float distance = 0;
    for (size_t d = 0; d < query.size(); ++d) {
      distance += (record.vector[d] - query[d]) * (record.vector[d] - query[d]);
    }
    found.push_back({0, record.id, distance});
  }
  std::stable_sort(found.begin(), found.end(),
                   [](const Found& a, const Found& b) { return a.distance < b.distance; });
  if (found.size() > k) found.resize(k);
  return found;
}

class TextSearchWorld {
 public:
  explicit TextSearchWorld(Random& random) : random_(random), store_(lone_.Open()) {
    id_ = store_->CreateCollection(Collection("c"), Patient()).value()->id;
    std::vector<Record> batch;
    for (uint32_t n = 0; n < 3'000; ++n) batch.push_back(RandomRecord(random_, n));
    Write(*store_, id_, model::WriteKind::kAdd, batch).value();
  }

  // Some new, some changed, some changed in their documents alone.
  void Change() {
    std::vector<Record> batch, documents;
    for (uint32_t n = 0; n < 120; ++n) {
      batch.push_back(RandomRecord(random_, static_cast<uint32_t>(random_.Below(3'200))));
      documents.push_back({"id" + std::to_string(n * 7), {}, "an ocelot", {}, {}});
    }
    std::sort(batch.begin(), batch.end(), [](auto& a, auto& b) { return a.id < b.id; });
    batch.erase(
        std::unique(batch.begin(), batch.end(), [](auto& a, auto& b) { return a.id == b.id; }),
        batch.end());
    Write(*store_, id_, model::WriteKind::kUpsert, batch).value();
    Write(*store_, id_, model::WriteKind::kUpdate, documents).value();
  }

  void Check() {
    model::GetRequest everything;
    everything.include = {true, true, true, true};
    const std::vector<Record> records = Get(*store_, id_, everything).value();
    for (const char* word : {"marten", "ocelot", "quokka", "nowhere", "s"}) {
      for (const uint32_t k : {1u, 10u, 200u}) {
        CAPTURE(word, k);
        CheckOne(records, word, k);
      }
    }
  }

  LoneStore& lone() { return lone_; }

 private:
  void CheckOne(const std::vector<Record>& records, const std::string& word, uint32_t k) {
    const std::vector<float> query = {static_cast<float>(random_.Below(30)), 15, 15};
    const auto ask = [&](model::Filter filter) {
      return Query(*store_, id_, query, k, {std::nullopt, std::move(filter)}).value();
    };
    const auto has = [&](const Record& record) { return Contains(record, word); };
    const auto five = [](const Record& record) {
      return std::get<int64_t>((*record.metadata)[0].second) == 5;
    };
    REQUIRE(ask(Text(FilterOp::kDocumentContains, word)) == Nearest(records, query, k, has));
    REQUIRE(ask(Text(FilterOp::kDocumentRegex, word + "$")) ==
            Nearest(records, query, k, [&](const Record& record) {
              return record.document && record.document->ends_with(word);
            }));
    REQUIRE(ask(Text(FilterOp::kDocumentNotContains, word)) ==
            Nearest(records, query, k, [&](const Record& record) { return !has(record); }));
    model::Filter either;
    either.op = FilterOp::kOr;
    either.children = {Text(FilterOp::kDocumentContains, word),
                       Where("n", FilterOp::kEq, int64_t{5})};
    REQUIRE(ask(either) == Nearest(records, query, k, [&](const Record& record) {
              return has(record) || five(record);
            }));
  }

  Random& random_;
  LoneStore lone_;
  std::shared_ptr<SqliteStore> store_;
  Uuid id_;
};

TEST_CASE("text search: the nearest whose documents pass are those of a model", "[daemon][store]") {
  const uint64_t seed = index::TestSeed();
  CAPTURE(seed);
  Random random(seed);
  TextSearchWorld world(random);
  world.Check();
  for (int round = 0; round < 3; ++round) {
    world.Change();
    world.Check();
  }
}

TEST_CASE("text search: without room for caches the answers are the same", "[daemon][store]") {
  Random random(11);
  TextSearchWorld world(random);
  world.lone().host.room = false;
  world.Check();
}

}  // namespace
}  // namespace pannier::store
