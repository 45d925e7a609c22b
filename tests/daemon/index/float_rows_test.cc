// Goal: every row is read back as it was written, wherever it lies by then, by any number of
// readers; what does not come back as it was written is told, never served.
#include "daemon/index/float_rows.h"

#include <catch2/catch.hpp>
#include <thread>
#include <vector>

#include "tests/daemon/index/random.h"
#include "tests/daemon/index/scratch_folder.h"

namespace pannier::index {
namespace {

constexpr uint32_t kDimension = 1'024;  // a page each
constexpr uint64_t kRowBytes = kDimension * sizeof(float);
constexpr uint32_t kKept = 20, kMoved = 8;  // rows in memory at first; rows moved at a time

std::vector<float> VectorOf(uint32_t row) {
  return std::vector<float>(kDimension, static_cast<float>(row) + 0.5f);
}

struct Aside {
  FloatRows Rows() {
    return FloatRows(kDimension, folder.Of(kKept * kRowBytes, kMoved * kRowBytes));
  }
  ScratchFolder folder;
};

void AppendUpTo(FloatRows& rows, uint32_t begin, uint32_t end) {
  for (uint32_t row = begin; row < end; ++row) rows.Append(VectorOf(row));
}

// Rows of `count` that do not read as they were written.
int Wrong(const FloatRows& rows, uint32_t count) {
  int wrong = 0;
  std::vector<float> vector(kDimension);
  for (uint32_t row = 0; row < count; ++row) {
    wrong += rows.Has(row) && rows.Read(row, vector) && vector == VectorOf(row) ? 0 : 1;
  }
  return wrong;
}

TEST_CASE("float rows: few stay in memory, of many the newest", "[daemon][index]") {
  Aside aside;
  FloatRows rows = aside.Rows();
  AppendUpTo(rows, 0, kKept);
  REQUIRE(aside.folder.made == 0);
  REQUIRE(rows.InMemory(0) != nullptr);
  AppendUpTo(rows, kKept, 303);
  REQUIRE(aside.folder.made == 1);
  REQUIRE(rows.InMemory(0) == nullptr);
  REQUIRE(rows.InMemory(302) != nullptr);
  REQUIRE(Wrong(rows, 303) == 0);
  // Chunks of rows do not begin where pages do.
  REQUIRE(rows.bytes() < 303 * kRowBytes / 2);
  REQUIRE_FALSE(rows.broken());
}

TEST_CASE("float rows: without a file all stay in memory", "[daemon][index]") {
  FloatRows rows(kDimension, {});
  AppendUpTo(rows, 0, 100);
  REQUIRE(rows.InMemory(0) != nullptr);
  REQUIRE(rows.IsStillInMemory(0));
  REQUIRE(Wrong(rows, 100) == 0);
  REQUIRE(rows.bytes() >= 100 * kRowBytes);
}

TEST_CASE("float rows: on a full disk they stay in memory until there is room", "[daemon][index]") {
  Aside aside;
  const bool no_file = GENERATE(true, false);
  (no_file ? aside.folder.makes : aside.folder.writes) = false;
  FloatRows rows = aside.Rows();
  AppendUpTo(rows, 0, 100);
  REQUIRE(rows.InMemory(0) != nullptr);
  REQUIRE(Wrong(rows, 100) == 0);
  aside.folder.makes = aside.folder.writes = true;
  AppendUpTo(rows, 100, 110);
  REQUIRE(rows.InMemory(0) == nullptr);
  REQUIRE(Wrong(rows, 110) == 0);
}

TEST_CASE("float rows: what cannot be read as it was written breaks them", "[daemon][index]") {
  using Reads = ScratchFolder::Reads;
  Aside aside;
  FloatRows rows = aside.Rows();
  AppendUpTo(rows, 0, 60);
  std::vector<float> vector(kDimension);
  REQUIRE(rows.Read(3, vector));
  aside.folder.reads = GENERATE(Reads::kFlipped, Reads::kShort, Reads::kFailing);
  REQUIRE_FALSE(rows.Read(3, vector));
  aside.folder.reads = Reads::kGood;
  REQUIRE(rows.broken());
  REQUIRE(rows.Read(59, vector));  // in memory
}

TEST_CASE("float rows: absent ones are filled in, into the file or into memory",
          "[daemon][index]") {
  const bool in_file = GENERATE(true, false);
  CAPTURE(in_file);
  Aside aside;
  FloatRows rows = in_file ? aside.Rows() : FloatRows(kDimension, {});
  rows.AppendAbsent(50);
  REQUIRE_FALSE(rows.Has(49));
  REQUIRE((!in_file || rows.bytes() < kRowBytes));
  aside.folder.writes = false;
  REQUIRE(rows.Fill(49, VectorOf(49)) != in_file);
  REQUIRE(rows.Has(49) != in_file);
  aside.folder.writes = true;
  AppendUpTo(rows, 50, 100);
  for (uint32_t row = 0; row < 50; ++row) REQUIRE(rows.Fill(row, VectorOf(row)));
  REQUIRE(Wrong(rows, 100) == 0);
}

TEST_CASE("float rows: absent ones are filled in while others are appended and move",
          "[daemon][index]") {
  constexpr uint32_t kAbsent = kKept - 1, kRows = 100;  // few enough to be filled into memory
  for (int round = 0; round < 20; ++round) {
    Aside aside;
    FloatRows rows = aside.Rows();
    rows.AppendAbsent(kAbsent);
    int refused = 0;
    std::jthread fill([&] {
      for (uint32_t row = 0; row < kAbsent; ++row) refused += rows.Fill(row, VectorOf(row)) ? 0 : 1;
    });
    AppendUpTo(rows, kAbsent, kRows);
    fill.join();
    REQUIRE(refused == 0);
    REQUIRE(Wrong(rows, kRows) == 0);
  }
}

TEST_CASE("float rows: readers meet rows that leave memory under their eyes", "[daemon][index]") {
  constexpr uint32_t kRows = 4'000;
  Aside aside;
  FloatRows rows = aside.Rows();
  std::atomic<uint32_t> written{0};
  std::atomic<int> wrong{0};
  std::vector<std::jthread> readers;
  for (uint64_t seed = 1; seed <= 2; ++seed) {
    readers.emplace_back([&, seed] {
      Random random(seed);
      std::vector<float> vector(kDimension);
      for (uint32_t count = 0; count < kRows;) {
        count = written.load(std::memory_order_acquire);
        if (count == 0) continue;
        // Mostly the newest: they are about to leave.
        const uint32_t back = static_cast<uint32_t>(random.Below(std::min(count, 40u)));
        const uint32_t row = count - 1 - back;
        if (!rows.Read(row, vector) || vector.front() != VectorOf(row).front() ||
            vector.back() != VectorOf(row).back()) {
          ++wrong;
        }
      }
    });
  }
  for (uint32_t row = 0; row < kRows; ++row) {
    rows.Append(VectorOf(row));
    written.store(row + 1, std::memory_order_release);
  }
  readers.clear();
  REQUIRE(wrong == 0);
  REQUIRE(Wrong(rows, kRows) == 0);
}

}  // namespace
}  // namespace pannier::index
