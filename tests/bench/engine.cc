// The index alone, on one thread, with vectors and queries from files: build rate, recall and time
// per query at each effort, and what a second core adds, as one JSON object. For the comparison
// with other libraries; nothing here is durable, and there are neither documents nor filters.
#include <pthread.h>
#include <sched.h>

#include <CLI/CLI.hpp>
#include <algorithm>
#include <chrono>
#include <cstdio>
#include <limits>
#include <nlohmann/json.hpp>
#include <numeric>
#include <thread>
#include <vector>

#include "daemon/index/vector_index.h"
#include "daemon/index/vector_view.h"
#include "tests/bench/text_data.h"
#include "tests/support/cpu_time.h"

namespace pannier::bench {
namespace {

using Json = nlohmann::ordered_json;

constexpr std::chrono::milliseconds kTurn(500);
constexpr uint32_t kUsualEffort = 32;

void PinTo(unsigned core) {
  cpu_set_t cores;
  CPU_ZERO(&cores);
  CPU_SET(core, &cores);
  // Where that is not allowed, threads are where the scheduler puts them.
  [[maybe_unused]] const int refused = pthread_setaffinity_np(pthread_self(), sizeof cores, &cores);
}

struct Settings {
  std::string texts;
  uint32_t records = 10'000, dimension = 384, k = 10, queries = 300;
  int rounds = 5;
  bool two_cores = false;
  std::vector<uint32_t> efforts = {10, 16, 24, 32, 48, 64, 80, 96, 128, 192, 256};
};

class Engine {
 public:
  Engine(const Settings& settings, const Dataset& data)
      : settings_(settings), index_(OptionsOf(settings)) {
    const double began = test::ThreadCpuSeconds();
    for (uint32_t i = 0; i < settings.records; ++i) index_.Put(1, i, data.RecordVector(i));
    index_.Commit(1);
    put_seconds_ = test::ThreadCpuSeconds() - began;
    for (uint32_t i = 0; i < settings.queries; ++i) queries_.push_back(data.QueryVector(i));
    for (const Vector& query : queries_) truth_.push_back(Search(query, 0, index::Plan::kExact));
  }

  Json Measure() {
    const double began = test::ThreadCpuSeconds();
    const Status built = index_.BuildGraph({});
    const double seconds = test::ThreadCpuSeconds() - began;
    Json efforts = Json::array();
    for (const uint32_t effort : settings_.efforts) efforts.push_back(MeasureAt(effort));
    Json found = {{"records", settings_.records},
                  {"built", built.ok()},
                  {"put_per_second", settings_.records / put_seconds_},
                  {"build_per_second", settings_.records / seconds},
                  {"bytes", index_.memory_bytes()},
                  {"efforts", std::move(efforts)}};
    if (settings_.two_cores) found["two_cores_over_one"] = TwoCoresOverOne();
    return found;
  }

 private:
  static index::VectorIndex::Options OptionsOf(const Settings& settings) {
    index::VectorIndex::Options options;
    options.hnsw.space = model::Space::kCosine;
    options.dimension = settings.dimension;
    options.graph_threshold = 1'000;
    return options;
  }

  std::vector<index::Neighbor> Search(const Vector& query, uint32_t effort,
                                      index::Plan plan) const {
    index::SearchRequest request;
    request.query = query;
    request.k = settings_.k;
    request.ef_search = effort;
    request.plan = plan;
    return index_.At(1)->Search(request, nullptr);
  }

  // Seconds are CPU time of the thread, the best of some rounds.
  Json MeasureAt(uint32_t effort) const {
    double best = std::numeric_limits<double>::infinity();
    size_t hits = 0;
    for (int round = 0; round < settings_.rounds; ++round) {
      hits = 0;
      const double began = test::ThreadCpuSeconds();
      for (size_t i = 0; i < queries_.size(); ++i) {
        for (const index::Neighbor& found : Search(queries_[i], effort, index::Plan::kGraph)) {
          hits += std::any_of(truth_[i].begin(), truth_[i].end(),
                              [&](const auto& each) { return each.record == found.record; });
        }
      }
      best = std::min(best, test::ThreadCpuSeconds() - began);
    }
    const auto count = static_cast<double>(queries_.size());
    return {{"effort", effort},
            {"recall", static_cast<double>(hits) / (count * settings_.k)},
            {"us_per_query", best / count * 1e6}};
  }

  // Queries that `threads` of them, each on a core of its own, answer in one turn.
  uint64_t AnsweredBy(unsigned threads) const {
    std::vector<uint64_t> answered(threads);
    {
      const auto until = std::chrono::steady_clock::now() + kTurn;
      std::vector<std::jthread> running;
      for (unsigned core = 0; core < threads; ++core) {
        running.emplace_back([this, core, until, &count = answered[core]] {
          PinTo(core);
          for (; std::chrono::steady_clock::now() < until; ++count) {
            Search(queries_[(core + count) % queries_.size()], kUsualEffort, index::Plan::kGraph);
          }
        });
      }
    }
    return std::accumulate(answered.begin(), answered.end(), uint64_t{0});
  }

  // The median of turns that alternate.
  double TwoCoresOverOne() const {
    std::vector<double> ratios;
    for (int round = 0; round < settings_.rounds; ++round) {
      const auto one = static_cast<double>(AnsweredBy(1));
      ratios.push_back(static_cast<double>(AnsweredBy(2)) / one);
    }
    std::sort(ratios.begin(), ratios.end());
    return ratios[ratios.size() / 2];
  }

  const Settings& settings_;
  index::VectorIndex index_;
  double put_seconds_ = 0;
  std::vector<Vector> queries_;
  std::vector<std::vector<index::Neighbor>> truth_;
};

int Main(int argc, char** argv) {
  Settings settings;
  CLI::App app("Measures the index alone; prints one JSON object");
  app.add_option("--texts", settings.texts, "folder of texts.py")->required();
  app.add_option("--records", settings.records);
  app.add_option("--dimension", settings.dimension);
  app.add_option("--k", settings.k);
  app.add_option("--queries", settings.queries);
  app.add_option("--rounds", settings.rounds);
  app.add_option("--efforts", settings.efforts);
  app.add_flag("--two-cores", settings.two_cores, "what a second core adds, too");
  CLI11_PARSE(app, argc, argv);
  const TextData data(settings.texts, settings.records, settings.dimension);
  Engine engine(settings, data);
  std::printf("%s\n", engine.Measure().dump().c_str());
  return 0;
}

}  // namespace
}  // namespace pannier::bench

int main(int argc, char** argv) { return pannier::bench::Main(argc, argv); }
