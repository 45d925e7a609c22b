#include "daemon/index/codes.h"

#include <algorithm>
#include <catch2/catch.hpp>
#include <cmath>
#include <numeric>
#include <string>

#include "daemon/index/exact_scan.h"
#include "tests/daemon/index/random.h"

namespace pannier::index {
namespace {

TEST_CASE("codes: all integer kernels give the same sum, at the extremes too", "[daemon][index]") {
  const uint64_t seed = TestSeed();
  CAPTURE(seed);
  Random random(seed);
  for (const CodeKernels& kernels : SupportedCodeKernels()) {
    const std::string name(kernels.name);
    CAPTURE(name);
    for (const size_t padded : {32u, 64u, 96u, 128u, 160u, 384u, 416u, 1536u, 65'536u}) {
      CAPTURE(padded);
      std::vector<uint8_t> code(padded);
      std::vector<int8_t> other(padded);
      for (const int extreme : {0, 1, 2}) {
        int64_t expected = 0;
        for (size_t i = 0; i < padded; ++i) {
          code[i] = extreme == 0 ? static_cast<uint8_t>(random.Below(256)) : 255;
          other[i] = static_cast<int8_t>(extreme == 0 ? static_cast<int>(random.Below(255)) - 127
                                                      : (extreme == 1 ? 127 : -127));
          expected += int64_t{code[i]} * other[i];
        }
        REQUIRE(kernels.dot(code.data(), other.data(), padded) == expected);
        const std::vector<const uint8_t*> codes(7, code.data());
        std::vector<int32_t> sums(7);
        kernels.dot_many(codes.data(), 7, other.data(), padded, sums.data());
        REQUIRE(sums == std::vector<int32_t>(7, static_cast<int32_t>(expected)));
      }
    }
  }
}

// Vectors of every unpleasant sort.
std::vector<float> OddVector(Random& random, uint32_t dimension) {
  std::vector<float> vector = random.Vector(dimension);
  static const float kSizes[] = {1, 1, 1, 1e-3f, 1e3f, 1e-14f, 1e14f, 1e-30f, 1e30f, 0};
  const float size = kSizes[random.Below(std::size(kSizes))];
  for (float& x : vector) x *= size;
  if (random.OneIn(4))
    vector[random.Below(dimension)] *= 300;  // one dimension outweighs the others
  if (random.OneIn(8)) std::fill(vector.begin(), vector.end(), size);
  return vector;
}

std::vector<float> Bounds(const VectorRows& rows, const QueryDistance& distance, uint32_t count) {
  std::vector<uint32_t> numbers(count);
  std::iota(numbers.begin(), numbers.end(), 0);
  std::vector<float> bounds(count);
  rows.codes()->LowerBounds(distance.coded(), numbers, bounds.data());
  return bounds;
}

// Goal: the bound is never above the distance that the float path gives; else a scan could lose a
// nearest neighbour.
TEST_CASE("codes: the lower bound holds for vectors of every sort", "[daemon][index]") {
  const uint64_t seed = TestSeed();
  CAPTURE(seed);
  Random random(seed);
  for (const model::Space space : {model::Space::kL2, model::Space::kCosine, model::Space::kIp}) {
    for (const uint32_t dimension : {1u, 2u, 3u, 31u, 33u, 100u, 384u, 2'000u}) {
      CAPTURE(static_cast<int>(space), dimension);
      VectorRows rows(space, dimension);
      std::vector<std::vector<float>> vectors;
      for (RecordNumber record = 1; record <= 60; ++record) {
        rows.Put(1, record, vectors.emplace_back(OddVector(random, dimension)));
      }
      rows.versions().Commit(1);
      for (int i = 0; i < 30; ++i) {
        const std::vector<float> query =
            random.OneIn(3) ? vectors[7] : OddVector(random, dimension);
        const QueryDistance distance(rows, query);
        const std::vector<float> bounds = Bounds(rows, distance, 60);
        bool holds = true;
        for (uint32_t row = 0; row < 60; ++row) holds = holds && bounds[row] <= distance(row);
        REQUIRE(holds);
      }
    }
  }
}

TEST_CASE("codes: the bound is tight enough to be of use", "[daemon][index]") {
  Random random(11);
  VectorRows rows(model::Space::kCosine, 384);
  for (RecordNumber record = 1; record <= 200; ++record) rows.Put(1, record, random.Vector(384));
  rows.versions().Commit(1);
  const std::vector<float> query = random.Vector(384);
  const QueryDistance distance(rows, query);
  const std::vector<float> bounds = Bounds(rows, distance, 200);
  for (uint32_t row = 0; row < 200; ++row) {
    REQUIRE(distance(row) - bounds[row] < 0.04f);
    REQUIRE(std::abs(distance(row) - rows.codes()->Distance(distance.coded(), row)) < 0.004f);
  }
}

TEST_CASE("codes: a row used as a query is the vector it codes", "[daemon][index]") {
  Random random(12);
  for (const model::Space space : {model::Space::kL2, model::Space::kCosine, model::Space::kIp}) {
    VectorRows rows(space, 70);
    std::vector<std::vector<float>> vectors;
    for (RecordNumber record = 1; record <= 20; ++record) {
      rows.Put(1, record, vectors.emplace_back(random.Vector(70)));
    }
    rows.versions().Commit(1);
    CodedQuery query;
    for (uint32_t row = 0; row < 20; ++row) {
      rows.codes()->Decode(row, &query);
      const QueryDistance distance(rows, vectors[row]);
      for (uint32_t other = 0; other < 20; ++other) {
        const float scale = space == model::Space::kCosine ? 1.0f : 70.0f;
        REQUIRE(std::abs(rows.codes()->Distance(query, other) - distance(other)) < 0.03f * scale);
      }
    }
  }
}

// Goal: a scan by codes answers exactly as one that computes every float distance.
TEST_CASE("codes: a scan through codes equals the scan of all floats", "[daemon][index]") {
  const uint64_t seed = TestSeed();
  CAPTURE(seed);
  Random random(seed);
  for (const model::Space space : {model::Space::kL2, model::Space::kCosine, model::Space::kIp}) {
    for (const bool odd : {false, true}) {
      CAPTURE(static_cast<int>(space), odd);
      const auto dimension = 1 + static_cast<uint32_t>(random.Below(200));
      VectorRows rows(space, dimension);
      for (RecordNumber record = 1; record <= 1'500; ++record) {
        rows.Put(1, record, odd ? OddVector(random, dimension) : random.Vector(dimension));
      }
      rows.versions().Commit(1);
      const auto look = *rows.versions().At(1);
      for (int i = 0; i < 20; ++i) {
        const std::vector<float> query =
            odd ? OddVector(random, dimension) : random.Vector(dimension);
        const QueryDistance distance(rows, query);
        const auto k = static_cast<uint32_t>(random.OneIn(5) ? 2'000 : 1 + random.Below(30));
        TopK by_codes(k), by_floats(k);
        uint64_t computed = 0;
        const ScanTarget target{&distance, &by_codes, &computed};
        ScanRows(rows, look, 0, nullptr, {&target, 1});
        REQUIRE(computed >= look.end);
        for (uint32_t row = 0; row < look.end; ++row) {
          by_floats.Offer({rows.versions().RecordOf(row), distance(row)});
        }
        const auto a = by_codes.Take(), b = by_floats.Take();
        const bool same = std::equal(a.begin(), a.end(), b.begin(), b.end(),
                                     [](const Neighbor& x, const Neighbor& y) {
                                       return x.record == y.record && x.distance == y.distance;
                                     });
        REQUIRE(same);
      }
    }
  }
}

}  // namespace
}  // namespace pannier::index
