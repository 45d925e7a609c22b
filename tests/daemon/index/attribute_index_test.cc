#include "daemon/index/attribute_index.h"

#include <catch2/catch.hpp>
#include <map>
#include <string>
#include <thread>

#include "tests/daemon/index/random.h"

namespace pannier::index {
namespace {

using model::Filter;
using model::FilterOp;
using model::Metadata;

class NoDocuments final : public DocumentSource {
  Status Visit(const RecordSet&, const Visitor&) override { return Internal("not asked for"); }
};

Filter Is(const std::string& key, model::Scalar value) {
  Filter filter;
  filter.op = FilterOp::kEq;
  filter.key = key;
  filter.operand = std::move(value);
  return filter;
}

std::vector<RecordNumber> Matches(const AttributeIndex::View& view, const Filter& filter) {
  NoDocuments none;
  return view.Match(filter, none).value().ToVector();
}

TEST_CASE("attributes: a record without metadata lives and matches only negations",
          "[daemon][index]") {
  AttributeIndex index;
  index.Put(1, 1, nullptr);
  const Metadata empty;
  index.Put(1, 2, &empty);
  index.Commit(1);
  const auto view = *index.At(1);
  REQUIRE(view.Live().ToVector() == std::vector<RecordNumber>{1, 2});
  REQUIRE(view.live() == 2);
  REQUIRE(Matches(view, Is("k", int64_t{1})).empty());
  Filter is_not = Is("k", int64_t{1});
  is_not.op = FilterOp::kNe;
  REQUIRE(Matches(view, is_not).size() == 2);
}

// Goal: at any readable sequence the filter sees exactly that sequence's records, through commits,
// aborts and compactions.
TEST_CASE("attributes: a random history matches the model at every readable sequence",
          "[daemon][index]") {
  const uint64_t seed = TestSeed();
  CAPTURE(seed);
  Random random(seed);
  AttributeIndex index;
  std::map<RecordNumber, int64_t> state;
  std::map<Sequence, std::map<RecordNumber, int64_t>> states;
  std::vector<std::pair<Sequence, AttributeIndex::View>> held;
  int compactions = 0;
  for (Sequence at = 1; at <= 150; ++at) {
    auto next = state;
    for (int n = 0; n < 60; ++n) {
      const auto record = static_cast<RecordNumber>(1 + random.Below(400));
      if (random.OneIn(4)) {
        index.Remove(at, record);
        next.erase(record);
      } else {
        const auto value = static_cast<int64_t>(random.Below(5));
        const Metadata metadata = {{"n", value}, {"s", "value " + std::to_string(value)}};
        index.Put(at, record, &metadata);
        next[record] = value;
      }
    }
    if (random.OneIn(6)) {
      index.Abort(at);
      continue;
    }
    index.Commit(at);
    state = next;
    states[at] = state;
    held.emplace_back(at, *index.At(at));
    if (index.Compact()) {
      ++compactions;
      REQUIRE(!index.At(at - 1));
      REQUIRE(index.At(at));
    }
    const auto& [then, view] = held[random.Below(held.size())];
    const auto& model = states[then];
    REQUIRE(view.live() == model.size());
    for (int64_t value = 0; value < 5; ++value) {
      std::vector<RecordNumber> expected;
      for (const auto& [record, v] : model) {
        if (v == value) expected.push_back(record);
      }
      REQUIRE(Matches(view, Is("n", value)) == expected);
      REQUIRE(Matches(view, Is("s", "value " + std::to_string(value))) == expected);
    }
  }
  REQUIRE(compactions >= 2);
}

TEST_CASE("attributes: compaction drops the strings that only dead rows had", "[daemon][index]") {
  AttributeIndex index;
  const auto put_all = [&](Sequence at, const std::string& prefix) {
    for (RecordNumber record = 1; record <= 2'000; ++record) {
      const Metadata metadata = {{"s", prefix + std::to_string(record) + std::string(100, '.')}};
      index.Put(at, record, &metadata);
    }
    index.Commit(at);
    index.Compact();
  };
  put_all(1, "first");
  const uint64_t once = index.memory_bytes();
  for (Sequence at = 2; at <= 10; ++at) put_all(at, std::to_string(at));
  REQUIRE(index.memory_bytes() < once * 3 / 2);
  const auto view = *index.At(10);
  REQUIRE(Matches(view, Is("s", "first1" + std::string(100, '.'))).empty());
  REQUIRE(Matches(view, Is("s", "107" + std::string(100, '.'))) == std::vector<RecordNumber>{7});
}

TEST_CASE("attributes: an empty index is small", "[daemon][index]") {
  REQUIRE(AttributeIndex().memory_bytes() < 4'096);
}

// Goal: readers see whole commits while a writer writes. Every commit writes one value into all
// records.
TEST_CASE("attributes: readers see whole commits while one writer writes", "[daemon][index]") {
  AttributeIndex index;
  constexpr RecordNumber kRecords = 50;
  std::atomic<Sequence> last{0};
  const auto write = [&](Sequence at) {
    for (RecordNumber record = 1; record <= kRecords; ++record) {
      const Metadata metadata = {{"at", static_cast<int64_t>(at)}, {"s", std::to_string(at)}};
      index.Put(at, record, &metadata);
    }
    if (at % 7 == 0) {
      index.Abort(at);
      return;
    }
    index.Commit(at);
    last.store(at);
    if (at % 20 == 0) index.Compact();
  };
  write(1);
  std::jthread writer([&] {
    for (Sequence at = 2; at <= 300; ++at) write(at);
  });
  bool whole = true;
  for (Sequence at = 0; at < 300 && whole;) {
    at = last.load();
    const auto view = index.At(at);
    if (!view) continue;  // compacted between the two lines
    whole = view->live() == kRecords &&
            Matches(*view, Is("at", static_cast<int64_t>(at))).size() == kRecords &&
            Matches(*view, Is("s", std::to_string(at))).size() == kRecords &&
            view->Live().Count() == kRecords;
  }
  REQUIRE(whole);
}

}  // namespace
}  // namespace pannier::index
