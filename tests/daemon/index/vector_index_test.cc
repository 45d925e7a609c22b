#include "daemon/index/vector_index.h"

#include <algorithm>
#include <catch2/catch.hpp>
#include <cmath>
#include <limits>
#include <map>
#include <set>

#include "tests/daemon/index/random.h"
#include "tests/daemon/index/scratch_folder.h"

namespace pannier::index {
namespace {

using Vectors = std::map<RecordNumber, std::vector<float>>;

VectorIndex::Options OptionsOf(model::Space space, uint32_t dimension,
                               uint32_t graph_threshold = 5'000) {
  VectorIndex::Options options;
  options.hnsw.space = space;
  options.dimension = dimension;
  options.graph_threshold = graph_threshold;
  return options;
}

double ModelDistance(model::Space space, const std::vector<float>& a, const std::vector<float>& b) {
  double l2 = 0, dot = 0, aa = 0, bb = 0;
  for (size_t i = 0; i < a.size(); ++i) {
    const double x = a[i], y = b[i];
    l2 += (x - y) * (x - y);
    dot += x * y;
    aa += x * x;
    bb += y * y;
  }
  if (space == model::Space::kL2) return l2;
  if (space == model::Space::kIp) return 1 - dot;
  return aa == 0 || bb == 0 ? 1 : 1 - dot / std::sqrt(aa * bb);
}

// All candidates, nearest first, ties in insertion order.
std::vector<std::pair<double, RecordNumber>> Ranked(model::Space space, const Vectors& vectors,
                                                    const std::vector<float>& query,
                                                    const RecordSet* allowed) {
  std::vector<std::pair<double, RecordNumber>> ranked;
  for (const auto& [record, vector] : vectors) {
    if (allowed != nullptr && !allowed->Contains(record)) continue;
    ranked.emplace_back(ModelDistance(space, query, vector), record);
  }
  std::sort(ranked.begin(), ranked.end());
  return ranked;
}

std::vector<RecordNumber> Records(const std::vector<Neighbor>& neighbors) {
  std::vector<RecordNumber> records;
  for (const Neighbor& n : neighbors) records.push_back(n.record);
  return records;
}

// What holds for every answer, also of a graph: as many as there are, of the right records, at
// their distances, in order.
void CheckSound(model::Space space, const Vectors& vectors, const SearchRequest& request,
                const std::vector<Neighbor>& found) {
  const std::vector<float> query(request.query.begin(), request.query.end());
  const size_t candidates = Ranked(space, vectors, query, request.allowed).size();
  REQUIRE(found.size() == std::min<size_t>(request.k, candidates));
  std::set<RecordNumber> seen;
  bool sound = true;
  for (size_t i = 0; i < found.size(); ++i) {
    const auto [record, distance] = found[i];
    const auto known = vectors.find(record);
    sound = sound && seen.insert(record).second && known != vectors.end() &&
            (request.allowed == nullptr || request.allowed->Contains(record)) &&
            std::abs(distance - ModelDistance(space, query, known->second)) < 1e-5;
    if (i == 0) continue;
    const Neighbor& before = found[i - 1];
    sound = sound &&
            (before.distance < distance || (before.distance == distance && before.record < record));
  }
  REQUIRE(sound);
}

// Small whole numbers: sums are exact in float, so that ties are ties and order can be compared
// exactly.
std::vector<float> GridVector(Random& random, uint32_t dimension) {
  std::vector<float> vector(dimension);
  for (float& x : vector) x = static_cast<float>(random.Below(5)) - 2;
  return vector;
}

// One random history of an index and of its model.
class History {
 public:
  // `on_file`: most vectors are put aside.
  History(model::Space space, uint32_t dimension, uint64_t seed, bool on_file)
      : space_(space),
        dimension_(dimension),
        random_(seed),
        index_(WithScratch(OptionsOf(space, dimension, 300), on_file)) {}

  void Step() {
    ++at_;
    Vectors next = state_;
    for (uint64_t n = random_.Below(120); n > 0; --n) {
      const bool fresh = random_.OneIn(2);
      const auto record =
          fresh ? ++newest_ : 1 + static_cast<RecordNumber>(random_.Below(newest_ + 1));
      if (random_.OneIn(4)) {
        index_.Remove(at_, record);
        next.erase(record);
      } else {
        next[record] = GridVector(random_, dimension_);
        index_.Put(at_, record, next[record]);
      }
    }
    if (random_.OneIn(6)) {
      index_.Abort(at_);
      return;
    }
    index_.Commit(at_);
    state_ = std::move(next);
    held_.push_back({at_, *index_.At(at_), state_});
    if (held_.size() > 12) held_.erase(held_.begin() + random_.Below(held_.size()));
    if (random_.OneIn(4) && index_.Compact()) ++compactions;
    if (random_.OneIn(12)) REQUIRE(index_.BuildGraph({}).ok());
  }

  // Searches a view held since some past sequence, and one taken now for it if that can still be
  // had.
  void Check() {
    if (held_.empty()) return;
    const Held& held = held_[random_.Below(held_.size())];
    CheckView(held.view, held.state);
    if (const auto again = index_.At(held.at)) CheckView(*again, held.state);
    REQUIRE(!index_.At(at_ + 1));
  }

  int compactions = 0;
  int graph_searches = 0;

 private:
  struct Held {
    Sequence at;
    VectorIndex::View view;
    Vectors state;
  };

  VectorIndex::Options WithScratch(VectorIndex::Options options, bool on_file) {
    if (on_file) options.scratch = folder_.Of(1 << 10, 256);
    return options;
  }

  void CheckView(const VectorIndex::View& view, const Vectors& state) {
    REQUIRE(view.live() == state.size());
    const std::vector<float> query = GridVector(random_, dimension_);
    RecordSet allowed;
    for (RecordNumber record = 1; record <= newest_; ++record) {
      if (random_.OneIn(3)) allowed.Add(record);
    }
    SearchRequest request;
    request.query = query;
    request.k = static_cast<uint32_t>(random_.OneIn(4) ? 100'000 : random_.Below(20));
    request.ef_search = 4;
    request.allowed = random_.OneIn(3) ? &allowed : nullptr;
    SearchReport report;
    const std::vector<Neighbor> found = view.Search(request, &report);
    CheckSound(space_, state, request, found);
    if (report.plan == SearchReport::Plan::kGraph) {
      ++graph_searches;
    } else if (space_ != model::Space::kCosine) {
      auto expected = Ranked(space_, state, query, request.allowed);
      expected.resize(found.size());
      std::vector<RecordNumber> records;
      for (const auto& [distance, record] : expected) records.push_back(record);
      REQUIRE((Records(found) == records));
    }
  }

  const model::Space space_;
  const uint32_t dimension_;
  Random random_;
  ScratchFolder folder_;
  VectorIndex index_;
  Sequence at_ = 0;
  RecordNumber newest_ = 0;
  Vectors state_;
  std::vector<Held> held_;
};

// Goal: whatever the history of puts, removals, commits, aborts, compactions and graph builds,
// every readable sequence and every view kept from an older one answers as the model does.
TEST_CASE("vectors: a random history answers as the model at every sequence", "[daemon][index]") {
  const uint64_t seed = TestSeed();
  CAPTURE(seed);
  Random random(seed);
  int compactions = 0, graph_searches = 0;
  for (const model::Space space : {model::Space::kL2, model::Space::kCosine, model::Space::kIp}) {
    const bool on_file = random.OneIn(2);
    History history(space, 1 + static_cast<uint32_t>(random.Below(12)), random.Next(), on_file);
    for (int step = 0; step < (kThreadSanitizer ? 30 : 120); ++step) {
      CAPTURE(static_cast<int>(space), on_file, step);
      history.Step();
      history.Check();
      history.Check();
    }
    compactions += history.compactions;
    graph_searches += history.graph_searches;
  }
  REQUIRE((kThreadSanitizer || (compactions > 0 && graph_searches > 0)));
}

TEST_CASE("vectors: ties are answered in insertion order, also at the edge of k",
          "[daemon][index]") {
  VectorIndex index(OptionsOf(model::Space::kL2, 2));
  const std::vector<float> same = {1, 1}, nearer = {0, 0};
  for (RecordNumber record = 9; record >= 1; --record) index.Put(1, record, same);
  index.Put(1, 10, nearer);
  index.Commit(1);
  const std::vector<float> query = {0, 0};
  SearchRequest request;
  request.query = query;
  request.k = 4;
  REQUIRE(Records(index.At(1)->Search(request, nullptr)) == std::vector<RecordNumber>{10, 1, 2, 3});
}

TEST_CASE("vectors: results beyond float's range sort last, in insertion order",
          "[daemon][index]") {
  VectorIndex index(OptionsOf(model::Space::kL2, 1));
  for (RecordNumber record = 1; record <= 6; ++record) {
    index.Put(1, record, std::vector<float>{record % 2 == 0 ? 1e30f : static_cast<float>(record)});
  }
  index.Commit(1);
  const std::vector<float> query = {0};
  SearchRequest request;
  request.query = query;
  const auto found = index.At(1)->Search(request, nullptr);
  REQUIRE(Records(found) == std::vector<RecordNumber>{1, 3, 5, 2, 4, 6});
  REQUIRE(std::isinf(found.back().distance));
}

TEST_CASE("vectors: k of zero, of one and of more than there are", "[daemon][index]") {
  VectorIndex index(OptionsOf(model::Space::kIp, 1));
  const std::vector<float> query = {1};
  SearchRequest request;
  request.query = query;
  REQUIRE(!index.At(1));
  index.Commit(1);
  REQUIRE(index.At(1)->Search(request, nullptr).empty());
  index.Put(2, 1, query);
  index.Commit(2);
  request.k = 0;
  REQUIRE(index.At(2)->Search(request, nullptr).empty());
  request.k = UINT32_MAX;
  REQUIRE(index.At(2)->Search(request, nullptr).size() == 1);
  const RecordSet nothing;
  request.allowed = &nothing;
  REQUIRE(index.At(2)->Search(request, nullptr).empty());
}

TEST_CASE("vectors: the widest dimension works and an empty index is small", "[daemon][index]") {
  VectorIndex empty(OptionsOf(model::Space::kCosine, 65'536));
  REQUIRE(empty.memory_bytes() < 4'096);
  VectorIndex index(OptionsOf(model::Space::kCosine, 65'536));
  Random random(1);
  for (RecordNumber record = 1; record <= 20; ++record) {
    index.Put(1, record, random.Vector(65'536));
  }
  const std::vector<float> wanted = random.Vector(65'536);
  index.Put(1, 21, wanted);
  index.Commit(1);
  SearchRequest request;
  request.query = wanted;
  request.k = 1;
  const auto found = index.At(1)->Search(request, nullptr);
  REQUIRE(found.at(0).record == 21);
  REQUIRE(found.at(0).distance == Approx(0).margin(1e-6));
  REQUIRE(index.memory_bytes() < 21 * 65'536 * (sizeof(float) + 1) + 64'000);
}

TEST_CASE("vectors: memory counts floats, codes, versions and the graph", "[daemon][index]") {
  VectorIndex index(OptionsOf(model::Space::kCosine, 64));
  Random random(4);
  for (RecordNumber record = 1; record <= 4'096; ++record) index.Put(1, record, random.Vector(64));
  index.Commit(1);
  // Per row: 256 bytes of floats, 64 of code and 16 with it, 4 of norm, 24 of versions, a little
  // over 4 of map.
  REQUIRE(index.memory_bytes() >= 4'096 * 368);
  REQUIRE(index.memory_bytes() < 4'096 * 376);
  const uint64_t without = index.memory_bytes();
  REQUIRE(index.BuildGraph({}).ok());
  REQUIRE(index.memory_bytes() >= without + 4'096 * 132);
}

TEST_CASE("vectors: a hundred small collections fit in a megabyte", "[daemon][index]") {
  uint64_t bytes = 0;
  Random random(2);
  for (int i = 0; i < 100; ++i) {
    VectorIndex index(OptionsOf(model::Space::kL2, 16));
    for (RecordNumber record = 1; record <= 30; ++record) index.Put(1, record, random.Vector(16));
    index.Commit(1);
    bytes += index.memory_bytes();
  }
  REQUIRE(bytes < 1 << 20);
}

// Vectors around a few centres: what embeddings look like, roughly.
class Clusters {
 public:
  Clusters(uint32_t dimension, int count, uint64_t seed) : random_(seed) {
    for (int i = 0; i < count; ++i) centres_.push_back(random_.Vector(dimension));
  }
  std::vector<float> Draw() {
    std::vector<float> v = centres_[random_.Below(centres_.size())];
    for (float& x : v) x += 0.5f * random_.Normal();
    return v;
  }

 private:
  Random random_;
  std::vector<std::vector<float>> centres_;
};

double Recall(const VectorIndex& index, Sequence at, model::Space space, const Vectors& vectors,
              Clusters& clusters, const RecordSet* allowed, uint64_t* graph_answers) {
  constexpr int kQueries = 25;
  double hits = 0;
  const auto view = *index.At(at);
  for (int i = 0; i < kQueries; ++i) {
    const std::vector<float> query = clusters.Draw();
    SearchRequest request;
    request.query = query;
    request.allowed = allowed;
    SearchReport report;
    const auto found = Records(view.Search(request, &report));
    if (report.plan == SearchReport::Plan::kGraph) ++*graph_answers;
    const std::set<RecordNumber> got(found.begin(), found.end());
    const auto ranked = Ranked(space, vectors, query, allowed);
    for (size_t j = 0; j < 10; ++j) hits += static_cast<double>(got.count(ranked[j].second));
  }
  return hits / (10 * kQueries);
}

TEST_CASE("vectors: recall stays high through builds, churn, compaction and filters",
          "[daemon][index][recall]") {
  if (kThreadSanitizer) return;
  const uint64_t seed = TestSeed();
  CAPTURE(seed);
  const model::Space space = model::Space::kCosine;
  Clusters clusters(64, 50, seed);
  Random random(seed + 1);
  VectorIndex index(OptionsOf(space, 64));
  Vectors vectors;
  constexpr RecordNumber kCount = 20'000;
  Sequence at = 1;
  for (RecordNumber record = 1; record <= kCount; ++record) {
    index.Put(at, record, vectors[record] = clusters.Draw());
  }
  index.Commit(at);
  REQUIRE(index.WantsGraph());
  REQUIRE(index.tail_size() == kCount);
  REQUIRE(index.indexed() == 0);
  REQUIRE(index.BuildGraph({}).ok());
  REQUIRE(!index.WantsGraph());
  REQUIRE(index.tail_size() == 0);
  REQUIRE(index.indexed() == kCount);
  uint64_t graph_answers = 0;
  REQUIRE(Recall(index, at, space, vectors, clusters, nullptr, &graph_answers) >= 0.95);
  REQUIRE(graph_answers == 25);

  // Half of the records pass: still the graph's business. One in a hundred: an exact scan.
  RecordSet half, few;
  for (RecordNumber record = 1; record <= kCount; ++record) {
    if (random.OneIn(2)) half.Add(record);
    if (random.OneIn(100)) few.Add(record);
  }
  REQUIRE(Recall(index, at, space, vectors, clusters, &half, &graph_answers) >= 0.95);
  REQUIRE(Recall(index, at, space, vectors, clusters, &few, &graph_answers) == 1.0);

  ++at;
  for (int i = 0; i < 8'000; ++i) {
    const auto record = static_cast<RecordNumber>(1 + random.Below(kCount));
    if (random.OneIn(4)) {
      index.Remove(at, record);
      vectors.erase(record);
    } else {
      index.Put(at, record, vectors[record] = clusters.Draw());
    }
  }
  index.Commit(at);
  REQUIRE(index.WantsGraph());
  graph_answers = 0;
  REQUIRE(Recall(index, at, space, vectors, clusters, nullptr, &graph_answers) >= 0.95);
  REQUIRE(index.Compact());  // the graph stays, renumbered
  REQUIRE(index.indexed() + index.tail_size() == vectors.size());
  REQUIRE(Recall(index, at, space, vectors, clusters, nullptr, &graph_answers) >= 0.95);
  REQUIRE(index.BuildGraph({}).ok());
  REQUIRE(index.indexed() == vectors.size());
  REQUIRE(index.tail_size() == 0);
  REQUIRE(Recall(index, at, space, vectors, clusters, nullptr, &graph_answers) >= 0.95);
  REQUIRE(graph_answers == 75);
}

// Filters that go with the vectors are where a walk that filters afterwards loses what it looks
// for.
TEST_CASE("vectors: recall stays high when the filter is of whole clusters, near or far",
          "[daemon][index][recall]") {
  if (kThreadSanitizer) return;
  const uint64_t seed = TestSeed();
  CAPTURE(seed);
  Random random(seed);
  constexpr RecordNumber kCount = 12'000;
  std::vector<std::vector<float>> centres;
  for (int i = 0; i < 20; ++i) centres.push_back(random.Vector(32));
  const auto draw = [&](size_t cluster) {
    std::vector<float> v = centres[cluster];
    for (float& x : v) x += 0.4f * random.Normal();
    return v;
  };
  VectorIndex index(OptionsOf(model::Space::kL2, 32, 1'000));
  Vectors vectors;
  std::vector<RecordSet> of_cluster(20);
  for (RecordNumber record = 1; record <= kCount; ++record) {
    index.Put(1, record, vectors[record] = draw(record % 20));
    of_cluster[record % 20].Add(record);
  }
  index.Commit(1);
  REQUIRE(index.BuildGraph({}).ok());
  const auto view = *index.At(1);
  double hits = 0;
  int graph_answers = 0;
  for (int i = 0; i < 60; ++i) {
    RecordSet allowed;  // 11 of 20 clusters, never the query's own in every second round
    for (size_t c = 0; c < 20; ++c) {
      if ((c + i) % 20 < 11) allowed.UniteWith(of_cluster[c]);
    }
    const size_t own = i % 2 == 0 ? (20 - i % 20) % 20 : (35 - i % 20) % 20;
    const std::vector<float> query = draw(own);
    SearchRequest request;
    request.query = query;
    request.allowed = &allowed;
    request.ef_search = 40;
    SearchReport report;
    const auto found = Records(view.Search(request, &report));
    if (report.plan == SearchReport::Plan::kGraph) ++graph_answers;
    const auto ranked = Ranked(model::Space::kL2, vectors, query, &allowed);
    for (size_t j = 0; j < 10; ++j)
      hits += std::count(found.begin(), found.end(), ranked[j].second);
  }
  REQUIRE(graph_answers > 0);
  REQUIRE(graph_answers < 60);
  REQUIRE(hits / 600 >= 0.95);
}

TEST_CASE("vectors: a build that is stopped says so and leaves the old graph serving",
          "[daemon][index]") {
  VectorIndex index(OptionsOf(model::Space::kL2, 8, 100));
  Random random(3);
  for (RecordNumber record = 1; record <= 500; ++record) index.Put(1, record, random.Vector(8));
  index.Commit(1);
  REQUIRE(index.BuildGraph({}).ok());
  std::stop_source source;
  source.request_stop();
  REQUIRE(index.BuildGraph(source.get_token()).Is(Errc::kUnavailable));
  REQUIRE(index.indexed() == 500);
}

TEST_CASE("vectors: a graph of nothing, of duplicates and of odd parameters answers",
          "[daemon][index]") {
  for (const uint32_t links : {0u, 1u, 16u, 1'000'000u}) {
    CAPTURE(links);
    auto options = OptionsOf(model::Space::kCosine, 4, 10);
    options.hnsw.max_neighbors = links;
    options.hnsw.ef_construction = links == 16 ? 0 : 40;
    VectorIndex index(options);
    index.Commit(1);
    REQUIRE(index.BuildGraph({}).ok());
    const std::vector<float> same = {1, 2, 3, 4}, zero = {0, 0, 0, 0}, huge = {1e30f, 0, 0, -1e30f};
    for (RecordNumber record = 1; record <= (links > 100 ? 300 : 1'000); ++record) {
      index.Put(2, record, record % 3 == 0 ? same : (record % 3 == 1 ? zero : huge));
    }
    index.Commit(2);
    REQUIRE(index.BuildGraph({}).ok());
    SearchRequest request;
    request.query = same;
    request.ef_search = 1;
    request.k = 5;
    SearchReport report;
    const auto found = index.At(2)->Search(request, &report);
    REQUIRE(found.size() == 5);
    for (const Neighbor& n : found) REQUIRE(n.distance == Approx(0).margin(1e-6));
  }
}

// A record that is gone now but lived at an older sequence is not in a graph built now.
TEST_CASE("vectors: a reader at a sequence older than the graph still finds what lived then",
          "[daemon][index]") {
  VectorIndex index(OptionsOf(model::Space::kL2, 4, 100));
  Random random(5);
  for (RecordNumber record = 1; record <= 2'000; ++record) index.Put(1, record, random.Vector(4));
  const std::vector<float> query = {9, 9, 9, 9};
  index.Put(1, 2'001, query);
  index.Commit(1);
  index.Remove(2, 2'001);
  index.Commit(2);
  REQUIRE(index.BuildGraph({}).ok());
  SearchRequest request;
  request.query = query;
  request.k = 1;
  request.ef_search = 10;
  REQUIRE(index.At(1)->Search(request, nullptr).at(0).record == 2'001);
  REQUIRE(index.At(2)->Search(request, nullptr).at(0).record != 2'001);
}

}  // namespace
}  // namespace pannier::index
