// Vectors that are about as hard to search as embeddings of text: clusters of unequal size, each in
// a few directions of its own out of a shared dictionary, with falling spread, noise all round, and
// a mean common to all. Unit length. The same on every machine.
#pragma once

#include <cmath>
#include <cstdint>
#include <vector>

#include "tests/daemon/index/random.h"

namespace pannier::index {

class GeneratedVectors {
 public:
  // `directions` sets the intrinsic dimension: 24 is easy, 96 like text, 192 hard.
  GeneratedVectors(uint32_t dimension, uint32_t count, uint32_t directions = 96, uint64_t seed = 42)
      : dimension_(dimension), random_(seed) {
    for (uint32_t i = 0; i < 4 * directions; ++i) dictionary_.push_back(UnitVector(1.0f));
    mean_ = UnitVector(0.6f);
    std::vector<std::vector<float>> topics;
    for (int i = 0; i < 32; ++i) topics.push_back(UnitVector(0.7f));
    const uint32_t clusters = count / 400 + 1;
    double weight = 0;
    for (uint32_t c = 0; c < clusters; ++c) {
      Cluster cluster;
      cluster.centre = UnitVector(0.5f);
      const auto& topic = topics[random_.Below(topics.size())];
      for (uint32_t d = 0; d < dimension_; ++d) cluster.centre[d] += topic[d] + mean_[d];
      for (uint32_t l = 0; l < directions; ++l) {
        cluster.directions.push_back(static_cast<uint32_t>(random_.Below(dictionary_.size())));
      }
      weight += 1 / std::sqrt(c + 1.0);
      cluster.weight_until = weight;
      clusters_.push_back(std::move(cluster));
    }
  }

  std::vector<float> Draw() {
    const double at = random_.Unit() * clusters_.back().weight_until;
    size_t c = 0;
    while (clusters_[c].weight_until < at) ++c;
    const Cluster& cluster = clusters_[c];
    std::vector<float> vector = cluster.centre;
    for (size_t l = 0; l < cluster.directions.size(); ++l) {
      const float spread = 0.45f * std::pow(static_cast<float>(l) + 1, -0.35f) * random_.Normal();
      const std::vector<float>& direction = dictionary_[cluster.directions[l]];
      for (uint32_t d = 0; d < dimension_; ++d) vector[d] += spread * direction[d];
    }
    const float noise = 0.18f / std::sqrt(static_cast<float>(dimension_));
    for (float& x : vector) x += noise * random_.Normal();
    return Scaled(std::move(vector), 1.0f);
  }

 private:
  struct Cluster {
    std::vector<float> centre;
    std::vector<uint32_t> directions;
    double weight_until = 0;
  };
  static std::vector<float> Scaled(std::vector<float> vector, float length) {
    double sum = 0;
    for (const float x : vector) sum += static_cast<double>(x) * x;
    const auto scale = static_cast<float>(length / std::sqrt(sum));
    for (float& x : vector) x *= scale;
    return vector;
  }
  std::vector<float> UnitVector(float length) { return Scaled(random_.Vector(dimension_), length); }

  const uint32_t dimension_;
  Random random_;
  std::vector<std::vector<float>> dictionary_;
  std::vector<float> mean_;
  std::vector<Cluster> clusters_;
};

}  // namespace pannier::index
