// Goal: pages of SQLite's trees are read as they were written, and any other bytes do no harm.
#include "daemon/salvage/btree_page.h"

#include <catch2/catch.hpp>
#include <cstring>

#include "tests/support/torture.h"

namespace pannier::salvage {
namespace {

std::vector<std::byte> Bytes(std::initializer_list<int> values) {
  std::vector<std::byte> bytes;
  for (const int value : values) bytes.push_back(static_cast<std::byte>(value));
  return bytes;
}

TEST_CASE("btree page: a record's values come out", "[daemon][salvage]") {
  // header of 7: NULL, 1-byte integer, constant 1, 2-byte integer, text of 2, blob of 1
  const auto payload = Bytes({7, 0, 1, 9, 2, 17, 14, 0xfe, 0x01, 0x02, 'h', 'i', 0x55});
  std::vector<Value> values;
  REQUIRE(ParseRecord(payload, &values));
  REQUIRE(values.size() == 6);
  REQUIRE(values[0].IsNull());
  REQUIRE(values[1].integer == -2);
  REQUIRE(values[2].integer == 1);
  REQUIRE(values[3].integer == 0x0102);
  REQUIRE(values[4].text() == "hi");
  REQUIRE(values[5].bytes.size() == 1);
}

TEST_CASE("btree page: a record that does not add up is none", "[daemon][salvage]") {
  std::vector<Value> values;
  REQUIRE_FALSE(ParseRecord({}, &values));
  REQUIRE_FALSE(ParseRecord(Bytes({0}), &values));
  REQUIRE_FALSE(ParseRecord(Bytes({2, 1}), &values));           // its value is missing
  REQUIRE_FALSE(ParseRecord(Bytes({2, 1, 5, 6}), &values));     // a byte too many
  REQUIRE_FALSE(ParseRecord(Bytes({2, 10, 5}), &values));       // no such type
  REQUIRE_FALSE(ParseRecord(Bytes({9, 1, 5}), &values));        // a header past the end
  REQUIRE_FALSE(ParseRecord(Bytes({2, 0xff, 0xff}), &values));  // an endless number
}

TEST_CASE("btree page: a leaf lists its cells", "[daemon][salvage]") {
  std::vector<std::byte> page(512);
  const auto head = Bytes({13, 0, 0, 0, 1, 1, 0xf0, 0, 1, 0xf0});  // one cell, at 0x1f0
  std::memcpy(page.data(), head.data(), head.size());
  const auto cell = Bytes({2, 0x81, 0x00, 2, 8});  // 2 bytes, row 128: a header and a constant 0
  std::memcpy(page.data() + 0x1f0, cell.data(), cell.size());
  const BtreePage leaf(7, page, 504);
  REQUIRE(leaf.type() == PageType::kTableLeaf);
  REQUIRE(leaf.cells() == 1);
  const auto parsed = ParseCell(leaf.type(), page, 504, leaf.OffsetOf(0));
  REQUIRE(parsed.has_value());
  REQUIRE(parsed->rowid == 128);
  REQUIRE(parsed->payload_bytes == 2);
  REQUIRE(parsed->overflow == 0);
  REQUIRE(leaf.OffsetOf(1) == 0);
}

TEST_CASE("btree page: random pages are taken apart without harm", "[daemon][salvage][fault]") {
  test::Random random(test::Seed());
  CAPTURE(test::Seed());
  uint64_t parsed = 0;
  for (int round = 0; round < test::Rounds(3'000); ++round) {
    std::vector<std::byte> page(size_t{512} << random.Below(4));
    for (std::byte& byte : page) byte = static_cast<std::byte>(random.Next());
    constexpr int kTypes[] = {2, 5, 10, 13};
    page[0] = static_cast<std::byte>(random.Of(kTypes));
    const auto usable = static_cast<uint32_t>(page.size() - random.Below(9));
    const BtreePage tree(2, page, usable);
    for (uint32_t i = 0; i < tree.cells(); ++i) {
      const auto cell = ParseCell(tree.type(), page, usable, tree.OffsetOf(i));
      if (!cell) continue;
      REQUIRE(cell->local.size() <= page.size());
      std::vector<Value> values;
      if (ParseRecord(cell->local, &values)) ++parsed;
    }
  }
  REQUIRE(parsed > 0);  // the way into records was tried too
}

}  // namespace
}  // namespace pannier::salvage
