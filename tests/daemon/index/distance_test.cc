#include "daemon/index/distance.h"

#include <algorithm>
#include <catch2/catch.hpp>
#include <cmath>
#include <limits>
#include <string>

#include "daemon/index/vector_rows.h"
#include "tests/daemon/index/random.h"

namespace pannier::index {
namespace {

// Goal: every kernel this machine runs computes what double precision does, at any length and
// alignment.
TEST_CASE("distance: all kernels agree with double precision at every length", "[daemon][index]") {
  const uint64_t seed = TestSeed();
  CAPTURE(seed);
  Random random(seed);
  std::vector<uint32_t> lengths;
  for (uint32_t n = 1; n <= 140; ++n) lengths.push_back(n);
  for (const uint32_t n : {384u, 767u, 1536u, 65'536u}) lengths.push_back(n);
  for (const Kernels& kernels : SupportedKernels()) {
    const std::string name(kernels.name);
    CAPTURE(name);
    for (const uint32_t n : lengths) {
      CAPTURE(n);
      const std::vector<float> a = random.Vector(n + 3), b = random.Vector(n + 3);
      const float* x = a.data() + n % 4;  // not aligned
      const float* y = b.data() + n % 3;
      const double l2 = PreciseL2(x, y, n), dot = PreciseDot(x, y, n);
      // Rounding grows with the magnitudes that are summed, not with the sum.
      const double scale = PreciseDot(x, x, n) + PreciseDot(y, y, n);
      const double tolerance = 1e-6 * std::max(1.0, n / 1'000.0) * scale;
      REQUIRE(std::abs(kernels.l2(x, y, n) - l2) <= tolerance);
      REQUIRE(std::abs(kernels.dot(x, y, n) - dot) <= tolerance);
    }
  }
}

TEST_CASE("distance: the slowest kernel is always there as the model", "[daemon][index]") {
  REQUIRE(SupportedKernels().back().name == "scalar");
  REQUIRE(BestKernels().name == SupportedKernels().front().name);
}

float DistanceOf(model::Space space, const std::vector<float>& query,
                 const std::vector<float>& vector) {
  VectorRows rows(space, static_cast<uint32_t>(vector.size()));
  rows.Put(1, 1, vector);
  rows.versions().Commit(1);
  return QueryDistance(rows, query)(0);
}

TEST_CASE("distance: the three spaces are Chroma's", "[daemon][index]") {
  REQUIRE(DistanceOf(model::Space::kL2, {1, 2}, {4, 6}) == 25.0f);
  REQUIRE(DistanceOf(model::Space::kIp, {3, 4}, {1, 2}) == -10.0f);
  REQUIRE(DistanceOf(model::Space::kCosine, {1, 0}, {0, 5}) == Approx(1.0f));
  REQUIRE(DistanceOf(model::Space::kCosine, {1, 2}, {-2, -4}) == Approx(2.0f));
  REQUIRE(DistanceOf(model::Space::kCosine, {1, 2}, {3, 6}) == Approx(0.0f).margin(1e-6));
}

TEST_CASE("distance: a zero vector is at cosine distance 1 to everything", "[daemon][index]") {
  REQUIRE(DistanceOf(model::Space::kCosine, {0, 0}, {3, 4}) == 1.0f);
  REQUIRE(DistanceOf(model::Space::kCosine, {3, 4}, {0, 0}) == 1.0f);
  REQUIRE(DistanceOf(model::Space::kCosine, {0, 0}, {0, 0}) == 1.0f);
  REQUIRE(DistanceOf(model::Space::kCosine, {0, 0}, {1e30f, 1e30f}) == 1.0f);
}

TEST_CASE("distance: magnitudes beyond float products keep their angle, and never give NaN",
          "[daemon][index]") {
  for (const float size : {1e30f, 3e38f, 1e-30f, 1e-42f}) {
    CAPTURE(size);
    REQUIRE(DistanceOf(model::Space::kCosine, {size, 0}, {size, size}) ==
            Approx(1 - std::sqrt(0.5)).margin(1e-6));
    REQUIRE(DistanceOf(model::Space::kCosine, {1, 0}, {size, size}) ==
            Approx(1 - std::sqrt(0.5)).margin(1e-6));
  }
  const float infinity = std::numeric_limits<float>::infinity();
  REQUIRE(DistanceOf(model::Space::kL2, {1e30f, 0}, {-1e30f, 0}) == infinity);
  REQUIRE(DistanceOf(model::Space::kIp, {1e30f, 1e30f}, {1e30f, -1e30f}) == 1.0f);  // inf - inf
  REQUIRE(DistanceOf(model::Space::kIp, {1e30f, 0}, {1e30f, 0}) == infinity);       // sorts last
}

}  // namespace
}  // namespace pannier::index
