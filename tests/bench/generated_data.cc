#include "tests/bench/generated_data.h"

#include <algorithm>
#include <cmath>
#include <cstddef>
#include <numeric>

namespace pannier::bench {

namespace {

constexpr uint32_t kTopics = 32;
constexpr uint32_t kClusterSize = 400;
constexpr double kOffset = 0.6;
constexpr double kClusterSpread = 0.6;
constexpr double kSpectrum = 0.45, kSpectrumFall = 0.35;
constexpr double kNoise = 0.18;

// splitmix64, with uniform and normal numbers on top of it that are the same everywhere.
class Random {
 public:
  explicit Random(uint64_t seed) : state_(seed) {}
  uint64_t Next() {
    uint64_t z = (state_ += 0x9e3779b97f4a7c15);
    z = (z ^ (z >> 30)) * 0xbf58476d1ce4e5b9;
    z = (z ^ (z >> 27)) * 0x94d049bb133111eb;
    return z ^ (z >> 31);
  }
  double Uniform() { return static_cast<double>(Next() >> 11) * 0x1p-53; }
  // The sum of twelve uniform numbers: near enough to normal, and free of library functions whose
  // last digit differs between machines.
  double Normal() {
    double sum = -6;
    for (int i = 0; i < 3; ++i) {
      const uint64_t bits = Next();
      for (int part = 0; part < 4; ++part) {
        sum += static_cast<double>((bits >> (16 * part)) & 0xffff) * 0x1p-16 + 0x1p-17;
      }
    }
    return sum;
  }

 private:
  uint64_t state_;
};

uint64_t SeedOf(uint64_t seed, uint64_t stream, uint64_t item) {
  Random random(seed * 1'000'003 + stream);
  return random.Next() ^ (item * 0xd1342543de82ef95 + 1);
}

void Normalise(Vector* vector) {
  double sum = 0;
  for (const float x : *vector) sum += static_cast<double>(x) * x;
  const auto scale = static_cast<float>(1.0 / std::sqrt(sum));
  for (float& x : *vector) x *= scale;
}

Vector RandomUnit(uint64_t seed, uint32_t dimension) {
  Random random(seed);
  Vector vector(dimension);
  for (float& x : vector) x = static_cast<float>(random.Normal());
  Normalise(&vector);
  return vector;
}

void AddScaled(const Vector& what, float scale, Vector* to) {
  for (size_t i = 0; i < to->size(); ++i) (*to)[i] += scale * what[i];
}

}  // namespace

GeneratedData::GeneratedData(const Options& options) : options_(options) {
  const uint32_t dimension = options.dimension;
  const uint32_t words = 4 * options.local_dimensions;
  for (uint32_t i = 0; i < words; ++i) {
    dictionary_.push_back(RandomUnit(SeedOf(options.seed, 10, i), dimension));
  }
  const Vector offset = RandomUnit(SeedOf(options.seed, 11, 0), dimension);
  const uint32_t clusters = std::max(options.records / kClusterSize, 1u);
  double total = 0;
  for (uint32_t i = 0; i < clusters; ++i) {
    Random random(SeedOf(options.seed, 12, i));
    Vector centre = RandomUnit(SeedOf(options.seed, 13, random.Next() % kTopics), dimension);
    AddScaled(RandomUnit(random.Next(), dimension), kClusterSpread, &centre);
    AddScaled(offset, kOffset, &centre);
    centres_.push_back(std::move(centre));
    std::vector<uint32_t> own(words);
    std::iota(own.begin(), own.end(), 0);
    for (uint32_t l = 0; l < options.local_dimensions; ++l) {
      std::swap(own[l], own[l + random.Next() % (words - l)]);
    }
    own.resize(options.local_dimensions);
    directions_.push_back(std::move(own));
    total += 1 / std::sqrt(i + 1.0);  // Zipf, exponent 0.5
    cumulative_.push_back(total);
  }
  for (double& share : cumulative_) share /= total;
}

uint32_t GeneratedData::ClusterOf(uint64_t item, uint64_t stream) const {
  const double at = Random(SeedOf(options_.seed, 20 + stream, item)).Uniform();
  const auto found = std::lower_bound(cumulative_.begin(), cumulative_.end() - 1, at);
  return static_cast<uint32_t>(found - cumulative_.begin());
}

Vector GeneratedData::Make(uint64_t item, uint64_t stream) const {
  const uint32_t cluster = ClusterOf(item, stream);
  Random random(SeedOf(options_.seed, 30 + stream, item));
  Vector vector = centres_[cluster];
  for (uint32_t l = 0; l < options_.local_dimensions; ++l) {
    const double weight = kSpectrum * std::pow(l + 1.0, -kSpectrumFall) * random.Normal();
    AddScaled(dictionary_[directions_[cluster][l]], static_cast<float>(weight), &vector);
  }
  const double noise = kNoise / std::sqrt(static_cast<double>(options_.dimension));
  for (float& x : vector) x += static_cast<float>(noise * random.Normal());
  Normalise(&vector);
  return vector;
}

std::string GeneratedData::Document(uint64_t record) const {
  static constexpr const char* kWords[] = {
      "vector",  "store", "worker", "answer",  "socket", "index",   "record", "question",
      "context", "model", "search", "cluster", "recall", "passage", "source", "evidence"};
  Random random(SeedOf(options_.seed, 40, record));
  std::string text = "Document " + std::to_string(record) + ".";
  while (text.size() < options_.document_bytes) text.append(" ").append(kWords[random.Next() % 16]);
  text.resize(options_.document_bytes);
  return "\"" + text + "\"";
}

std::string GeneratedData::Metadata(uint64_t record) const {
  Random random(SeedOf(options_.seed, 41, record));
  const uint64_t uniform = random.Next() % 1000;
  return "{\"uniform\":" + std::to_string(uniform) +
         ",\"cluster\":" + std::to_string(ClusterOf(record, 1)) +
         ",\"language\":\"en\",\"score\":0." + std::to_string(100 + random.Next() % 900) + "}";
}

}  // namespace pannier::bench
