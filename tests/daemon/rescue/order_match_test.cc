#include "daemon/rescue/order_match.h"

#include <catch2/catch.hpp>
#include <random>

#include "tests/support/torture.h"

namespace pannier::rescue {
namespace {

using Pairs = std::vector<std::pair<std::string, uint64_t>>;

Pairs Match(const OrderedSides& sides) {
  Pairs pairs;
  for (const OrderedMatch& match : MatchByOrder(sides)) pairs.emplace_back(match.id, match.element);
  return pairs;
}

OrderedSides Sides(std::vector<std::string> elements, std::vector<std::string> records,
                   uint64_t without_record = 0) {
  OrderedSides sides;
  for (const std::string& id : elements) sides.elements.push_back({sides.elements.size(), id});
  for (const std::string& id : records) sides.records.push_back({id, RecordAge::kBefore});
  sides.without_record = without_record;
  return sides;
}

TEST_CASE("order match: equal numbers on both sides belong together", "[daemon][rescue]") {
  REQUIRE(Match(Sides({"", "", ""}, {"a", "b", "c"})) == Pairs{{"a", 0}, {"b", 1}, {"c", 2}});
  REQUIRE(Match(Sides({"", "b", ""}, {"a", "b", "c"})) == Pairs{{"a", 0}, {"c", 2}});
}

TEST_CASE("order match: a gap with the element of a deleted record stays open",
          "[daemon][rescue]") {
  REQUIRE(Match(Sides({"", "", "b", ""}, {"a", "b", "c"}, 1)) == Pairs{{"c", 3}});
  // An element more than is accounted for: something is missing, so nothing is sure.
  REQUIRE(Match(Sides({"", "", "b", ""}, {"a", "b", "c"}, 0)).empty());
}

TEST_CASE("order match: a missing element on one side leaves all open", "[daemon][rescue]") {
  REQUIRE(Match(Sides({"", "b"}, {"a", "b", "c"})).empty());
  REQUIRE(Match(Sides({"", ""}, {"a", "b", "c"})).empty());
}

TEST_CASE("order match: pairs that cross contradict", "[daemon][rescue]") {
  REQUIRE(Match(Sides({"c", "", "a"}, {"a", "b", "c"})).empty());
}

TEST_CASE("order match: records that came later have no element", "[daemon][rescue]") {
  OrderedSides sides = Sides({"", ""}, {"a", "b"});
  sides.records.push_back({"c", RecordAge::kUnknown});
  sides.records.push_back({"d", RecordAge::kAfter});
  REQUIRE(Match(sides) == Pairs{{"a", 0}, {"b", 1}});
  sides.elements.push_back({2, ""});
  REQUIRE(Match(sides) == Pairs{{"a", 0}, {"b", 1}, {"c", 2}});
  sides.elements.push_back({3, ""});
  REQUIRE(Match(sides).empty());
}

// Goal: whatever is matched is right.
// Method: histories of adds, deletes before and after the index was written, and random knowledge.
TEST_CASE("order match: no match is ever wrong", "[daemon][rescue]") {
  const uint64_t seed = test::Seed();
  CAPTURE(seed);
  std::mt19937_64 random(seed);
  uint64_t matched = 0;
  for (int run = 0; run < 2'000; ++run) {
    OrderedSides sides;
    const int records = 1 + static_cast<int>(random() % 30);
    for (int i = 0; i < records; ++i) {
      const std::string id = std::to_string(i);
      const bool indexed = i < records - run % 4;
      const bool known = indexed && random() % 4 == 0;
      const bool deleted = random() % 6 == 0;
      if (indexed) sides.elements.push_back({static_cast<uint64_t>(i), known ? id : ""});
      if (deleted) {
        sides.without_record += indexed && !known ? 1 : 0;
      } else {
        const RecordAge sure = indexed ? RecordAge::kBefore : RecordAge::kAfter;
        sides.records.push_back({id, random() % 3 == 0 ? RecordAge::kUnknown : sure});
      }
    }
    for (const OrderedMatch& match : MatchByOrder(sides)) {
      REQUIRE(match.id == std::to_string(match.element));
      ++matched;
    }
  }
  REQUIRE(matched > 1'000);
}

}  // namespace
}  // namespace pannier::rescue
