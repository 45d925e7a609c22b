// Goal: readers see whole commits and nothing else, whatever the writer and the builder do
// meanwhile. Method: every commit gives all records one vector, whose value is the sequence; so a
// view at S must find each record exactly once, at the distance that S says. Run under
// ThreadSanitizer as well.
#include <atomic>
#include <catch2/catch.hpp>
#include <set>
#include <string>
#include <thread>

#include "daemon/index/vector_index.h"
#include "tests/daemon/index/random.h"
#include "tests/daemon/index/scratch_folder.h"

namespace pannier::index {
namespace {

constexpr RecordNumber kRecords = 300;
constexpr Sequence kCommits = 500;

std::vector<float> VectorAt(Sequence at, RecordNumber record) {
  return {static_cast<float>(at), static_cast<float>(record)};
}

// What is wrong with the answer of a view at `at`, or nothing.
const char* Fault(const VectorIndex::View& view, Sequence at, uint32_t k) {
  if (view.live() != kRecords) return "live";
  const std::vector<float> query = {static_cast<float>(at), 0};
  SearchRequest request;
  request.query = query;
  request.k = k;
  request.ef_search = 2;
  const auto found = view.Search(request, nullptr);
  if (found.size() != std::min<size_t>(k, kRecords)) return "count";
  std::set<RecordNumber> seen;
  for (const Neighbor& n : found) {
    if (!seen.insert(n.record).second) return "twice";
    // Another commit's vector would add at least 1 and so leave the squares of whole numbers.
    const auto expected = static_cast<float>(n.record) * static_cast<float>(n.record);
    if (n.distance != expected) return "another commit's vector";
  }
  return nullptr;
}

TEST_CASE("vectors: readers see whole commits while one thread writes and another builds graphs",
          "[daemon][index]") {
  VectorIndex::Options options;
  options.dimension = 2;
  options.graph_threshold = 50;
  ScratchFolder folder;
  if (GENERATE(false, true)) options.scratch = folder.Of(kRecords * sizeof(float), 256);
  VectorIndex index(options);
  std::atomic<Sequence> last{0};
  const auto write = [&](Sequence at) {
    for (RecordNumber record = 1; record <= kRecords; ++record) {
      index.Put(at, record, VectorAt(at, record));
    }
    if (at % 5 == 0) {
      index.Abort(at);
      return;
    }
    index.Commit(at);
    last.store(at);
    index.Compact();
  };
  write(1);

  std::jthread builder([&](std::stop_token stop) {
    while (!stop.stop_requested()) {
      const Status built = index.BuildGraph(stop);
      if (!built.ok()) break;
    }
  });
  std::atomic<const char*> fault{nullptr};
  std::atomic<uint64_t> reads{0};
  std::vector<std::jthread> readers;
  for (uint64_t reader = 0; reader < 2; ++reader) {
    readers.emplace_back([&, reader](std::stop_token stop) {
      Random random(reader);
      while (!stop.stop_requested()) {
        const Sequence at = last.load() - random.Below(std::min<Sequence>(last.load(), 3));
        const auto view = index.At(at);
        if (!view || at % 5 == 0)
          continue;  // compacted meanwhile; or aborted, so its neighbours' state
        const char* wrong = Fault(*view, at, random.OneIn(2) ? 3 : 1'000);
        if (wrong != nullptr) fault.store(wrong);
        index.tail_size();
        index.indexed();
        index.memory_bytes();
        index.WantsGraph();
        reads.fetch_add(1);
      }
    });
  }
  for (Sequence at = 2; at <= kCommits && fault.load() == nullptr; ++at) write(at);
  while (reads.load() < 500 && fault.load() == nullptr) std::this_thread::yield();
  readers.clear();
  const std::string wrong = fault.load() == nullptr ? "" : fault.load();
  REQUIRE(wrong.empty());
}

}  // namespace
}  // namespace pannier::index
