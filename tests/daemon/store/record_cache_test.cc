#include "daemon/store/record_cache.h"

#include <catch2/catch.hpp>
#include <map>
#include <random>
#include <string>

#include "tests/support/torture.h"

namespace pannier::store {
namespace {

constexpr uint64_t kPlenty = 1 << 20;

Row Of(RecordNumber number, std::string_view id, std::string_view document) {
  Row row;
  row.number = number;
  row.id = id;
  row.document = document;
  return row;
}

TEST_CASE("record cache: a record comes back as it was kept, nulls and empty texts apart",
          "[daemon][store]") {
  RecordCache cache;
  Row row = Of(7, "seven", "");
  row.metadata = R"({"a":1})";
  cache.Keep(row, 3, kPlenty);
  const RecordCache::Record found = cache.Find(7, 3);
  REQUIRE(found);
  REQUIRE(found.row().number == 7);
  REQUIRE(found.row().id == "seven");
  REQUIRE(found.row().metadata == R"({"a":1})");
  REQUIRE_FALSE(found.row().uri.has_value());
  REQUIRE(found.row().document == "");
  REQUIRE(found.row().vector.empty());
  REQUIRE_FALSE(cache.Find(8, 3));
}

TEST_CASE(
    "record cache: what a commit changes is gone before it is visible, and nothing older returns",
    "[daemon][store]") {
  RecordCache cache;
  cache.Keep(Of(1, "a", "old"), 5, kPlenty);
  cache.Keep(Of(2, "b", "same"), 5, kPlenty);
  const RecordCache::Record held = cache.Find(1, 5);
  cache.NoteChange(1, 6);
  REQUIRE_FALSE(cache.Find(1, 5));
  REQUIRE(held.row().document == "old");  // whoever holds it keeps it
  REQUIRE(cache.Find(2, 6).row().document == "same");

  cache.Keep(Of(1, "a", "old"), 5, kPlenty);  // a reader that began before
  REQUIRE_FALSE(cache.Find(1, 6));
  cache.Keep(Of(1, "a", "new"), 6, kPlenty);
  REQUIRE(cache.Find(1, 6).row().document == "new");
  REQUIRE_FALSE(cache.Find(1, 5));  // to that reader it is still the old one
}

TEST_CASE("record cache: entries take no more than they may, and the least recently found go first",
          "[daemon][store]") {
  RecordCache cache;
  const std::string text(1'000, 'x');
  for (RecordNumber i = 1; i <= 10; ++i) cache.Keep(Of(i, "id", text), 1, kPlenty);
  const uint64_t ten = cache.memory_bytes();
  REQUIRE(ten > 10'000);
  REQUIRE(cache.Find(1, 1));
  for (RecordNumber i = 11; i <= 19; ++i) cache.Keep(Of(i, "id", text), 1, ten);
  REQUIRE(cache.memory_bytes() == ten);
  REQUIRE(cache.Find(1, 1));
  REQUIRE_FALSE(cache.Find(2, 1));
  REQUIRE(cache.Find(19, 1));

  const std::string large(RecordCache::kRecordBytesMax, 'x');
  cache.Keep(Of(50, "id", large), 1, 100 * large.size());
  REQUIRE_FALSE(cache.Find(50, 1));
  cache.Clear();
  REQUIRE(cache.memory_bytes() == 0);
  REQUIRE_FALSE(cache.Find(1, 1));
}

// Goal: at every sequence a record is found as it was then, or not at all.
// Method: a history of every record's versions; random changes, reads at random recent sequences,
// and little room.
TEST_CASE("record cache: random histories", "[daemon][store][property]") {
  std::mt19937_64 random(test::Seed());
  CAPTURE(test::Seed());
  RecordCache cache;
  std::map<RecordNumber, std::map<index::Sequence, std::string>> history;
  for (RecordNumber i = 0; i < 30; ++i) history[i][1] = "0";
  const auto as_of = [&](RecordNumber number, index::Sequence at) {
    return std::prev(history[number].upper_bound(at))->second;
  };
  uint64_t found = 0;
  for (index::Sequence now = 1; now < 3'000; ++now) {
    for (int reads = 0; reads < 20; ++reads) {
      const RecordNumber number = random() % 30;
      const index::Sequence at = now - std::min<index::Sequence>(random() % 4, now - 1);
      const RecordCache::Record kept = cache.Find(number, at);
      if (kept) {
        ++found;
        REQUIRE(kept.row().document == as_of(number, at));
      } else {
        cache.Keep(Of(number, "id", as_of(number, at)), at, 2'000);
      }
    }
    const RecordNumber changed = random() % 30;
    if (random() % 3 != 0) continue;  // a commit of other records
    cache.NoteChange(changed, now + 1);
    if (random() % 5 == 0) continue;  // rolled back
    history[changed][now + 1] = std::to_string(now);
  }
  REQUIRE(found > 1'000);
}

}  // namespace
}  // namespace pannier::store
