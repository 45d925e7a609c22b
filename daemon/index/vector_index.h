// The vectors of one collection, searchable at any recent sequence: exactly, or through a graph.
//
// Design. Vectors live in append-only slots (chunks that never move), each with the sequence it was
// born at and the one it died at. A search at sequence S sees the slots with born <= S < died, so a
// reader needs no lock and no copy, and a writer may apply a commit before it is durable: nobody
// reads at its sequence until SQLite says it is there. An upsert is a dead slot and a fresh one. A
// graph (sealed_graph.h) over the slots below some count is built off to the side and published
// whole by one pointer; slots behind it (the tail) are scanned. Dead slots are dropped by
// Compact(), which makes a new core beside the old one; readers that hold the old core keep it.
//
// Threads: writer calls (Put, Remove, Commit, Abort, Compact) from one thread at a time; everything
// else from any thread at any time. Lifetime: owned by shared_ptr; a View keeps what it needs
// alive.
#pragma once

#include <cstdint>
#include <memory>
#include <optional>
#include <span>
#include <stop_token>
#include <utility>
#include <vector>

#include "daemon/index/byte_stream.h"
#include "daemon/index/planner.h"
#include "daemon/index/record_set.h"
#include "daemon/index/scratch_file.h"
#include "daemon/model/collection.h"
#include "lib/core/result.h"

namespace pannier::index {

class VectorSource;  // vector_source.h

struct Neighbor {
  RecordNumber record;
  float distance;  // Chroma's: squared L2, 1 - cos, 1 - dot; 1.0 to everything for a zero vector
                   // under cosine
};

struct SearchRequest {
  std::span<const float> query;  // `dimension` finite floats
  uint32_t k = 10;
  const RecordSet* allowed = nullptr;  // only these; null: all that live
  uint32_t ef_search = 100;
  VectorSource* floats = nullptr;  // without, a search may miss some (SearchReport)
  // In place of what the planner would choose, where it is possible; for tests and benchmarks.
  std::optional<Plan> plan = std::nullopt;
};

// What was done for one search; for metrics, logs and explain.
struct SearchReport {
  using Plan = index::Plan;
  Plan plan = Plan::kExact;
  uint64_t distances_computed = 0;
  uint64_t candidates = 0;  // that might have been returned
  uint64_t graph_nodes = 0, tail = 0;
  uint32_t ef = 0;             // of the walk
  uint32_t shared_by = 0;      // searches that the scan served; 0: there was none
  bool missed_floats = false;  // some were wanted of `floats`, and there was none
  const char* why = "";
};

class VectorIndex {
 public:
  struct Options {
    model::HnswParameters hnsw;
    uint32_t dimension = 0;            // 1 … 65,536
    uint32_t graph_threshold = 5'000;  // fewer live vectors are always scanned
    // Where the floats of many vectors go, of which searches need a few (float_rows.h). Asked for
    // by whoever writes or fills in.
    Scratch scratch = {};
  };

  // A consistent look at one sequence. Cheap to copy; keeps its slots alive.
  class View {
   public:
    // The k nearest, ascending by (distance, record). Exact when the live or allowed set is small,
    // at most a fiftieth of all is allowed, or no graph exists; else at the graph's recall. Fewer
    // than k only when fewer exist.
    std::vector<Neighbor> Search(const SearchRequest& request, SearchReport* report) const;
    // The same for several queries, one after the other in `queries`, that differ in nothing else
    // (`request.query` is not used): those that come to a scan share it. One report for each.
    std::vector<std::vector<Neighbor>> SearchMany(std::span<const float> queries,
                                                  const SearchRequest& request,
                                                  std::vector<SearchReport>* reports) const;
    uint64_t live() const;  // vectors at this sequence; walks nothing
    // Whether some vectors, drawn evenly, are coded here as `floats` has them. False: this index is
    // of other rows.
    bool IsOf(VectorSource& floats) const;
    // Brings up to `most` vectors of a loaded index into memory. True: there are more. One at a
    // time per index.
    bool FillFloats(VectorSource& floats, uint32_t most) const;

   private:
    friend class VectorIndex;
    struct Pinned;
    explicit View(std::shared_ptr<const Pinned> pinned) : pinned_(std::move(pinned)) {}
    std::shared_ptr<const Pinned> pinned_;
  };

  explicit VectorIndex(Options options);
  ~VectorIndex();

  // --- writer ---
  // `record` has `vector` from sequence `at` on; its older vector, if any, dies then.
  void Put(Sequence at, RecordNumber record, std::span<const float> vector);
  // `record` has no vector from `at` on. Unknown records are ignored.
  void Remove(Sequence at, RecordNumber record);
  // Everything put or removed at `at` is final / never happened. Each sequence ends with exactly
  // one of the two.
  void Commit(Sequence at);
  void Abort(Sequence at);
  // Drops dead slots when they are worth it (a quarter of all, at least 1,024). True when it did.
  // The graph, if any, is kept until a new one is published.
  bool Compact();

  // --- anyone ---
  // A look at `at`, or nothing when `at` is older than the last compaction or newer than the last
  // commit (the caller then takes a newer sequence, or looks again).
  std::optional<View> At(Sequence at) const;

  // True when a graph is wanted: none yet and enough vectors, or the tail or the dead have outgrown
  // it.
  bool WantsGraph() const;
  // Builds a graph of what is committed and publishes it. Long; runs on the builder's thread; stops
  // early when asked. One at a time per index.
  //   kResourceExhausted  memory could not be had; the old graph serves on
  //   kUnavailable        stopped
  Status BuildGraph(std::stop_token stop);

  // When Save() is worth it: how many rows its graph would not cover. That is a graph of these rows
  // serves, or they are so many that one will; nothing: neither.
  std::optional<uint64_t> SavableTail() const;
  // What Load() needs to serve as this does at sequence `at`: codes, records, graph; no floats.
  // Without the graph where that is of the rows before a compaction: all are tail then.
  //   kUnavailable  they are too few for a graph and have none, or `at` is not readable
  //   others        what `sink` failed with
  Status Save(Sequence at, ByteSink& sink) const;
  // A new index with one committed sequence, `at`. Its floats are on disk only until somebody fills
  // them in; until then it does not compact.
  //   kCorruption  it is no index of these options
  //   others       what `source` failed with
  static Result<std::shared_ptr<VectorIndex>> Load(Options options, Sequence at,
                                                   ByteSource& source);
  bool WantsFloats() const;
  // That searches at the last commit, or later, need no `floats`: cheap, and false until
  // WantsFloats() has once found none.
  bool HasFloats() const;
  // Floats cannot be read back from the scratch file: searches take them from `floats`, or miss
  // them, and the index is to be dropped and loaded anew.
  bool IsBroken() const;

  // About what so many vectors will take in memory, with a graph. `aside`: most floats are put
  // aside, by Scratch's defaults.
  static uint64_t EstimateBytes(uint64_t vectors, uint32_t dimension, bool aside);
  // Heap bytes owned, counted not measured: slots, graph, maps.
  uint64_t memory_bytes() const;
  uint64_t tail_size() const;  // committed slots that no graph covers
  uint64_t indexed() const;    // committed live slots that a graph covers

 private:
  class Impl;
  std::unique_ptr<Impl> impl_;
};

}  // namespace pannier::index
