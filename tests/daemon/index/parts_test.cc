#include <catch2/catch.hpp>
#include <map>
#include <set>
#include <string>
#include <thread>

#include "daemon/index/chunked_array.h"
#include "daemon/index/planner.h"
#include "daemon/index/record_map.h"
#include "daemon/index/record_set.h"
#include "daemon/index/string_dictionary.h"
#include "daemon/index/versioned_rows.h"
#include "tests/daemon/index/random.h"

namespace pannier::index {
namespace {

TEST_CASE("chunked array: rows keep their place and value while it grows", "[daemon][index]") {
  ChunkedArray<uint32_t> array(3);
  REQUIRE(array.bytes() == 0);
  std::vector<const uint32_t*> places;
  for (uint32_t row = 0; row < 5'000; ++row) {
    array.Extend(row + 1);
    REQUIRE(array[row][0] == 0);
    array[row][0] = row;
    array[row][2] = row * 7;
    places.push_back(array[row]);
  }
  for (uint32_t row = 0; row < 5'000; ++row) {
    REQUIRE(array[row] == places[row]);
    REQUIRE(places[row][0] == row);
    REQUIRE(places[row][2] == row * 7);
  }
}

TEST_CASE("chunked array: memory is that of the rows written, small while there are few",
          "[daemon][index]") {
  ChunkedArray<float> array(4);
  array.Extend(1);
  REQUIRE(array.bytes() == 8 * 16);
  array.Extend(9);
  REQUIRE(array.bytes() == 16 * 16);
  ChunkedArray<float> wide(65'536);
  wide.Extend(3);
  REQUIRE(wide.bytes() == 3 * 65'536 * sizeof(float));
}

TEST_CASE("record map: what was set is found, the rest is not, up to the largest number",
          "[daemon][index]") {
  RecordMap map;
  REQUIRE(map.bytes() == 0);
  REQUIRE(map.Get(1) == kNoRow);
  std::map<RecordNumber, uint32_t> model;
  Random random(7);
  for (const RecordNumber record : {0u, 1u, 63u, 64u, 65u, 4'095u, 4'096u, 1'000'000u, 99'999u}) {
    map.Set(record, record * 3);
    model[record] = record * 3;
  }
  for (int i = 0; i < 20'000; ++i) {
    const auto record = static_cast<RecordNumber>(random.Below(100'000));
    map.Set(record, static_cast<uint32_t>(i));
    model[record] = static_cast<uint32_t>(i);
  }
  for (RecordNumber record = 0; record < 100'500; ++record) {
    const auto known = model.find(record);
    REQUIRE(map.Get(record) == (known == model.end() ? kNoRow : known->second));
  }
  REQUIRE(map.Get(UINT32_MAX) == kNoRow);
}

TEST_CASE("record set: it is a set of numbers in ascending order", "[daemon][index]") {
  RecordSet a = RecordSet::Of({5, 1, 70'000, 4'294'967'295u});
  REQUIRE(a.Count() == 4);
  REQUIRE(a.ToVector() == std::vector<RecordNumber>{1, 5, 70'000, 4'294'967'295u});
  REQUIRE(a.Contains(5));
  REQUIRE(!a.Contains(6));
  RecordSet b = a;
  b.Add(6);
  REQUIRE(!(a == b));
  b.IntersectWith(a);
  REQUIRE(a == b);
  b.Subtract(RecordSet::Of({5}));
  b.UniteWith(RecordSet::Of({2}));
  REQUIRE(b.ToVector() == std::vector<RecordNumber>{1, 2, 70'000, 4'294'967'295u});
  std::vector<RecordNumber> first_two;
  b.ForEach([&](RecordNumber record) {
    first_two.push_back(record);
    return first_two.size() < 2;
  });
  REQUIRE(first_two == std::vector<RecordNumber>{1, 2});
  const RecordSet taken = std::move(b);
  REQUIRE(taken.Count() == 4);
  REQUIRE(b.empty());  // NOLINT: a moved-from set is empty, by promise
  REQUIRE(RecordSet().empty());
}

TEST_CASE("string dictionary: equal strings are one entry, others are not found",
          "[daemon][index]") {
  StringDictionary dictionary;
  REQUIRE(dictionary.Find("a") == nullptr);
  REQUIRE(dictionary.bytes() == 0);
  std::map<std::string, const StringDictionary::Entry*> entries;
  for (int i = 0; i < 5'000; ++i) {
    const std::string text = "value " + std::to_string(i % 3'000);
    const auto* entry = dictionary.Intern(text);
    const auto [known, fresh] = entries.emplace(text, entry);
    REQUIRE(known->second == entry);
    REQUIRE(entry->text() == text);
    if (fresh) REQUIRE(entry->number == entries.size() - 1);
  }
  for (const auto& [text, entry] : entries) REQUIRE(dictionary.Find(text) == entry);
  REQUIRE(dictionary.Find("value") == nullptr);
  const std::string with_nul("a\0b", 3);
  REQUIRE(dictionary.Intern(with_nul) != dictionary.Intern("a"));
  REQUIRE(dictionary.Intern("")->text().empty());
}

TEST_CASE("string dictionary: a reader finds strings while the writer adds others",
          "[daemon][index]") {
  StringDictionary dictionary;
  std::atomic<int> written{0};
  std::jthread writer([&] {
    for (int i = 0; i < 5'000; ++i) {
      dictionary.Intern(std::to_string(i));
      written.store(i + 1, std::memory_order_release);
    }
  });
  bool all_found = true;
  for (int known = 0; known < 5'000;) {
    known = written.load(std::memory_order_acquire);
    for (int i = std::max(0, known - 20); i < known; ++i) {
      all_found = all_found && dictionary.Find(std::to_string(i)) != nullptr;
    }
  }
  REQUIRE(all_found);
}

TEST_CASE("versioned rows: nothing can be read before the first commit or after the last",
          "[daemon][index]") {
  VersionedRows rows;
  REQUIRE(!rows.At(0));
  rows.Append(5, 1);
  REQUIRE(!rows.At(5));
  rows.Commit(5);
  REQUIRE(!rows.At(4));
  REQUIRE(rows.At(5)->live == 1);
  REQUIRE(!rows.At(6));
  rows.Commit(9);  // nothing changed, but 9 may be read now
  REQUIRE(rows.At(9)->live == 1);
  REQUIRE(rows.At(7)->live == 1);
}

TEST_CASE("versioned rows: an aborted sequence leaves no trace and its number may be used again",
          "[daemon][index]") {
  VersionedRows rows;
  rows.Append(1, 10);
  rows.Append(1, 11);
  rows.Commit(1);
  rows.Append(2, 10);
  rows.Append(2, 10);
  rows.Append(2, 12);
  rows.Kill(2, 11);
  rows.Kill(2, 12);
  rows.Abort(2);
  REQUIRE(!rows.At(2));
  rows.Append(2, 12);
  rows.Commit(2);
  const auto look = *rows.At(2);
  REQUIRE(look.live == 3);
  REQUIRE(rows.Find(look, 10) == 0);
  REQUIRE(rows.Find(look, 11) == 1);
  REQUIRE(rows.RecordOf(rows.Find(look, 12)) == 12);
  REQUIRE(rows.CountVisible(look, 0) == 3);
}

// Goal: any sequence since the first commit can be read, long after the ring of remembered commits
// forgot it.
TEST_CASE("versioned rows: a random history reads the same at every past sequence",
          "[daemon][index]") {
  const uint64_t seed = TestSeed();
  CAPTURE(seed);
  Random random(seed);
  VersionedRows rows;
  std::map<Sequence, std::map<RecordNumber, uint32_t>> states;
  std::map<RecordNumber, uint32_t> state;
  for (Sequence at = 1; at <= 200; ++at) {
    auto next = state;
    for (uint64_t n = random.Below(6); n > 0; --n) {
      const auto record = static_cast<RecordNumber>(random.Below(40));
      if (random.OneIn(3)) {
        rows.Kill(at, record);
        next.erase(record);
      } else {
        next[record] = rows.Append(at, record);
      }
    }
    if (random.OneIn(5)) {
      rows.Abort(at);
      continue;
    }
    rows.Commit(at);
    states[at] = state = next;
    for (int look_back = 0; look_back < 3; ++look_back) {
      auto past = states.lower_bound(1 + random.Below(at));
      if (past == states.end()) past = std::prev(past);
      const auto look = rows.At(past->first);
      REQUIRE(look);
      REQUIRE(look->live == past->second.size());
      REQUIRE(rows.CountVisible(*look, 0) == past->second.size());
      for (RecordNumber record = 0; record < 40; ++record) {
        const auto known = past->second.find(record);
        REQUIRE(rows.Find(*look, record) == (known == past->second.end() ? kNoRow : known->second));
      }
    }
  }
}

TEST_CASE("planner: a graph is used only when it is valid and cheaper than looking at all",
          "[daemon][index]") {
  const PlanInput large{.live = 100'000,
                        .candidates = 100'000,
                        .has_graph = true,
                        .graph_nodes = 100'000,
                        .tail = 0,
                        .k = 10,
                        .ef_search = 100,
                        .graph_threshold = 5'000};
  REQUIRE(ChoosePlan(large).plan == Plan::kGraph);
  REQUIRE(ChoosePlan(large).ef == 100);
  const auto without = [&](auto change) {
    PlanInput input = large;
    change(input);
    return ChoosePlan(input).plan == Plan::kExact;
  };
  REQUIRE(without([](PlanInput& in) { in.has_graph = false; }));
  REQUIRE(without([](PlanInput& in) { in.candidates = 0; }));
  REQUIRE(without([](PlanInput& in) { in.candidates = 5'000; }));
  REQUIRE(without([](PlanInput& in) { in.k = 0; }));
  REQUIRE(without([](PlanInput& in) { in.k = 100'000; }));
  REQUIRE(without([](PlanInput& in) { in.k = 50'000; }));
  REQUIRE(without([](PlanInput& in) { in.ef_search = 1'000'000'000; }));
  REQUIRE(without([](PlanInput& in) { in.tail = 99'000; }));
  PlanInput half = large;
  half.live = half.candidates = 75'000;
  REQUIRE(ChoosePlan(half).plan == Plan::kGraph);
  REQUIRE(ChoosePlan(half).ef == 150);  // a quarter of what is found is dead
  PlanInput wide = large;
  wide.k = 500;
  REQUIRE(ChoosePlan(wide).ef == 500);
}

TEST_CASE(
    "planner: the more a filter rules out, the more the walk is one among what passes, and at last "
    "none",
    "[daemon][index]") {
  const auto plan = [](uint64_t live, uint64_t candidates, uint32_t k = 10, uint32_t ef = 100) {
    return ChoosePlan({.live = live,
                       .candidates = candidates,
                       .filtered = true,
                       .has_graph = true,
                       .graph_nodes = live,
                       .tail = 0,
                       .k = k,
                       .ef_search = ef,
                       .graph_threshold = 5'000});
  };
  REQUIRE(plan(1'000'000, 500'000).plan == Plan::kGraph);
  REQUIRE(plan(1'000'000, 500'000).ef == 160);
  REQUIRE(plan(1'000'000, 200'000).plan == Plan::kGraph);
  REQUIRE(plan(1'000'000, 200'000).ef == 400);
  const PlanChoice few = plan(1'000'000, 50'000);
  REQUIRE(few.plan == Plan::kFilteredWalk);
  REQUIRE(few.ef == 141);
  REQUIRE(few.share == Approx(0.05));
  REQUIRE(few.budget == 12'500);
  REQUIRE(plan(1'000'000, 20'000).plan == Plan::kExact);  // 2 %: all of them, whatever it costs
  REQUIRE(plan(50'000'000, 1'000'000).plan == Plan::kExact);
  REQUIRE(plan(60'000, 6'000, 200).plan == Plan::kExact);  // many are wanted of few
  REQUIRE(plan(1'000'000, 500'000, 100'000).plan == Plan::kExact);
  REQUIRE(plan(1'000'000, 500'000, 10, 1'000).ef == 1'600);
}

}  // namespace
}  // namespace pannier::index
