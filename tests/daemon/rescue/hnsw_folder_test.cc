// Goal: vectors come out of an HNSW segment's files exactly, or not at all.
// Method: files laid out as Chroma does, then cut, falsified and taken away.
#include "daemon/rescue/hnsw_folder.h"

#include <catch2/catch.hpp>
#include <cmath>
#include <cstring>
#include <fstream>

#include "tests/support/temp_dir.h"
#include "tests/support/torture.h"

namespace pannier::rescue {
namespace {

constexpr uint64_t kLinks = 132;
constexpr uint32_t kDimension = 3;

template <typename T>
void Append(T value, std::string* out) {
  out->append(reinterpret_cast<const char*>(&value), sizeof value);
}

std::vector<float> VectorOf(uint64_t number) {
  const auto x = static_cast<float>(number);
  return {x, 1 - x, 0.5F};
}

struct Files {
  std::string header, data, lengths;
};

Files Make(uint64_t count, bool cosine) {
  Files files;
  Append<int32_t>(1, &files.header);
  for (const uint64_t word : {uint64_t{0}, count + 7, count, kLinks + 12 + 8, kLinks + 12, kLinks})
    Append(word, &files.header);
  files.header.resize(100, '\0');
  for (uint64_t i = 0; i < count; ++i) {
    std::string links(kLinks, '\0');
    if (i % 5 == 4) links[2] = 1;  // deleted
    files.data += links;
    std::vector<float> vector = VectorOf(i);
    float length = 0;
    for (const float x : vector) length += x * x;
    length = std::sqrt(length);
    for (const float x : vector) Append(cosine ? x / length : x, &files.data);
    Append<uint64_t>(i + 1, &files.data);
    Append(length, &files.lengths);
  }
  return files;
}

void Write(const test::TempDir& dir, const Files& files) {
  const auto put = [&](const char* name, const std::string& bytes) {
    std::ofstream(dir / name, std::ios::binary) << bytes;
  };
  put("header.bin", files.header);
  put("data_level0.bin", files.data);
  put("length.bin", files.lengths);
}

Result<HnswFolder> Open(const test::TempDir& dir, bool cosine) {
  return HnswFolder::Open(file::RealFileSystem(), dir.path(), {kDimension, 16, cosine});
}

TEST_CASE("hnsw folder: labels, deletions and vectors are read", "[daemon][rescue]") {
  const test::TempDir dir;
  Write(dir, Make(10, false));
  const Result<HnswFolder> folder = Open(dir, false);
  REQUIRE(folder.ok());
  REQUIRE(folder->problems().empty());
  uint64_t seen = 0;
  REQUIRE(folder
              ->Scan([&](const HnswFolder::Element& element) {
                REQUIRE(element.number == seen);
                REQUIRE(element.label == ++seen);
                REQUIRE(element.deleted == (seen % 5 == 0));
              })
              .ok());
  REQUIRE(seen == 10);
  std::vector<float> vector;
  REQUIRE(folder->Vector(7, &vector).ok());
  REQUIRE(vector == VectorOf(7));
}

TEST_CASE("hnsw folder: cosine vectors get their length back", "[daemon][rescue]") {
  const test::TempDir dir;
  Files files = Make(10, true);
  Write(dir, files);
  std::vector<float> vector;
  REQUIRE(Open(dir, true)->Vector(7, &vector).ok());
  for (size_t i = 0; i < vector.size(); ++i) REQUIRE(vector[i] == Approx(VectorOf(7)[i]));
  files.lengths.resize(4 * 5);
  Write(dir, files);
  REQUIRE(Open(dir, true)->Vector(4, &vector).ok());
  REQUIRE(Open(dir, true)->Vector(5, &vector).Is(Errc::kCorruption));
  REQUIRE_FALSE(Open(dir, true)->problems().empty());
}

TEST_CASE("hnsw folder: a vector of the wrong length is not one of a cosine index",
          "[daemon][rescue]") {
  const test::TempDir dir;
  Files files = Make(10, true);
  const float wrong = 3;
  std::memcpy(files.data.data() + 2 * (kLinks + 20) + kLinks, &wrong, sizeof wrong);
  Write(dir, files);
  std::vector<float> vector;
  REQUIRE(Open(dir, true)->Vector(2, &vector).Is(Errc::kCorruption));
}

TEST_CASE("hnsw folder: a file that is cut short holds what is whole", "[daemon][rescue]") {
  const test::TempDir dir;
  Files files = Make(10, false);
  files.data.resize(files.data.size() / 2 + 3);
  Write(dir, files);
  const Result<HnswFolder> folder = Open(dir, false);
  REQUIRE(folder->elements() == 5);
  REQUIRE(folder->problems().size() == 1);
}

TEST_CASE("hnsw folder: without a usable header the collection tells the layout",
          "[daemon][rescue]") {
  const test::TempDir dir;
  Files files = Make(10, false);
  files.header = std::string(100, '\xff');
  Write(dir, files);
  REQUIRE(Open(dir, false)->elements() == 10);
  std::vector<float> vector;
  REQUIRE(Open(dir, false)->Vector(9, &vector).ok());
  REQUIRE(vector == VectorOf(9));
  const auto unknown =
      HnswFolder::Open(file::RealFileSystem(), dir.path(), {std::nullopt, 16, false});
  REQUIRE(unknown.Is(Errc::kCorruption));
}

TEST_CASE("hnsw folder: no data, no folder", "[daemon][rescue]") {
  const test::TempDir dir;
  REQUIRE(Open(dir, false).Is(Errc::kNotFound));
}

TEST_CASE("hnsw folder: changed bytes never lead out of the files", "[daemon][rescue]") {
  const uint64_t seed = test::Seed();
  CAPTURE(seed);
  test::Random random(seed);
  for (int run = 0; run < 300; ++run) {
    const test::TempDir dir;
    Files files = Make(20, true);
    for (int change = 0; change < 4; ++change) {
      std::string& bytes = random.OneIn(2) ? files.header : files.data;
      bytes[random.Below(bytes.size())] = static_cast<char>(random.Next());
    }
    if (random.OneIn(3)) files.data.resize(random.Below(files.data.size()));
    Write(dir, files);
    const auto folder =
        HnswFolder::Open(file::RealFileSystem(), dir.path(),
                         {random.OneIn(2) ? std::optional(kDimension) : std::nullopt, 16, true});
    if (!folder.ok()) continue;
    uint64_t seen = 0;
    REQUIRE(folder->Scan([&](const HnswFolder::Element&) { ++seen; }).ok());
    REQUIRE(seen <= 20 * 10);
    std::vector<float> vector;
    for (uint64_t i = 0; i < folder->elements(); ++i) {
      const Status read = folder->Vector(i, &vector);
      REQUIRE((read.ok() || read.Is(Errc::kCorruption)));
    }
  }
}

}  // namespace
}  // namespace pannier::rescue
