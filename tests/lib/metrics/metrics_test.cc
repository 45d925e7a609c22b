#include "lib/metrics/metrics.h"

#include <catch2/catch.hpp>
#include <cstdlib>
#include <fstream>
#include <thread>

#include "tests/support/temp_dir.h"

namespace pannier::metrics {
namespace {

bool Has(const std::string& text, const std::string& line) {
  return ("\n" + text).find("\n" + line + "\n") != std::string::npos;
}

TEST_CASE("metrics: what was counted is rendered with type, help and labels", "[lib][metrics]") {
  Registry registry;
  const Counter commits = registry.AddCounter("pannier_test_commits_total", "Commits.");
  const Gauge open = registry.AddGauge("pannier_test_stores", "Stores.", {{"state", "open"}});
  commits.Add();
  commits.Add(2);
  open.Set(5);
  open.Add(-1);
  const std::string text = registry.Render();
  REQUIRE(Has(text, "# HELP pannier_test_commits_total Commits."));
  REQUIRE(Has(text, "# TYPE pannier_test_commits_total counter"));
  REQUIRE(Has(text, "pannier_test_commits_total 3"));
  REQUIRE(Has(text, "# TYPE pannier_test_stores gauge"));
  REQUIRE(Has(text, "pannier_test_stores{state=\"open\"} 4"));
}

TEST_CASE("metrics: ready lines say what single values would", "[lib][metrics]") {
  const std::vector<std::pair<Labels, double>> samples = {
      {{{"name", "a \"b\" \\ \n c"}, {"kind", "x"}}, 1735689600},
      {{{"name", "b"}, {"kind", "y"}}, 0.25},
      {{{"name", "c"}, {"kind", ""}}, -3}};
  const auto render = [&](bool ready) {
    Registry registry;
    registry.AddGauge("pannier_test_a", "Before.").Set(1);
    registry.AddGauge("pannier_test_z", "Behind.").Set(2);
    registry.AddCollector([&](Sink& sink) {
      std::string lines;
      for (const auto& [labels, value] : samples) {
        lines += GaugeLine("pannier_test_m", value, labels);
        if (!ready) sink.Gauge("pannier_test_m", "Many.", value, labels);
      }
      if (ready) sink.GaugeLines("pannier_test_m", "Many.", lines);
    });
    return registry.Render();
  };
  REQUIRE(render(true) == render(false));
  REQUIRE(GaugeLine("pannier_test_m", 100'000, {}) == "pannier_test_m 100000\n");
}

TEST_CASE("metrics: a counter is there from the start, at zero", "[lib][metrics]") {
  Registry registry;
  (void)registry.AddCounter("pannier_test_errors_total", "Errors.");
  REQUIRE(Has(registry.Render(), "pannier_test_errors_total 0"));
}

TEST_CASE("metrics: latencies fall into buckets from 50 microseconds to a minute",
          "[lib][metrics]") {
  Registry registry;
  const Histogram latency =
      registry.AddHistogram("pannier_test_request_seconds", "Requests.", LatencyBuckets());
  for (double seconds : {0.00001, 0.00005, 0.00006, 0.3, 59.0, 61.0}) latency.Observe(seconds);
  const std::string text = registry.Render();
  REQUIRE(Has(text, "pannier_test_request_seconds_bucket{le=\"5e-05\"} 2"));
  REQUIRE(Has(text, "pannier_test_request_seconds_bucket{le=\"0.0001\"} 3"));
  REQUIRE(Has(text, "pannier_test_request_seconds_bucket{le=\"0.5\"} 4"));
  REQUIRE(Has(text, "pannier_test_request_seconds_bucket{le=\"60\"} 5"));
  REQUIRE(Has(text, "pannier_test_request_seconds_bucket{le=\"+Inf\"} 6"));
  REQUIRE(Has(text, "pannier_test_request_seconds_count 6"));
}

TEST_CASE("metrics: past the maximum of label values everything counts as other",
          "[lib][metrics]") {
  Registry registry;
  const CounterFamily requests =
      registry.AddCounters("pannier_test_requests_total", "Requests.", {"route", "code"}, 3);
  for (int i = 0; i < 10; ++i) requests.With({"/r" + std::to_string(i), "200"}).Add();
  requests.With({"/r0", "200"}).Add();
  const std::string text = registry.Render();
  REQUIRE(Has(text, "pannier_test_requests_total{code=\"200\",route=\"/r0\"} 2"));
  REQUIRE(Has(text, "pannier_test_requests_total{code=\"200\",route=\"/r2\"} 1"));
  REQUIRE(Has(text, "pannier_test_requests_total{code=\"other\",route=\"other\"} 7"));
  REQUIRE(text.find("/r3") == std::string::npos);
}

TEST_CASE("metrics: collectors are asked at every rendering", "[lib][metrics]") {
  Registry registry;
  int asked = 0;
  registry.AddCollector([&](Sink& sink) {
    ++asked;
    sink.Gauge("pannier_test_memory_bytes", "Memory.", 1e12 + asked, {{"kind", "index"}});
    sink.Gauge("pannier_test_memory_bytes", "Memory.", 5, {{"kind", "rows"}});
    sink.Counter("pannier_test_received_bytes_total", "Bytes.", 7);
  });
  (void)registry.Render();
  const std::string text = registry.Render();
  REQUIRE(Has(text, "pannier_test_memory_bytes{kind=\"index\"} 1000000000002"));
  REQUIRE(Has(text, "pannier_test_memory_bytes{kind=\"rows\"} 5"));
  REQUIRE(Has(text, "pannier_test_received_bytes_total 7"));
  REQUIRE(text.find("# TYPE pannier_test_memory_bytes gauge") ==
          text.rfind("# TYPE pannier_test_memory_bytes gauge"));
}

TEST_CASE("metrics: handles without a registry count nowhere", "[lib][metrics]") {
  Counter().Add();
  Gauge().Set(1);
  Histogram().Observe(1);
  CounterFamily().With({"any"}).Add();
  Registry registry;
  REQUIRE(registry.Render().empty());
}

TEST_CASE("metrics: threads count without losing anything, while others read", "[lib][metrics]") {
  Registry registry;
  const CounterFamily family = registry.AddCounters("pannier_test_a_total", "A.", {"n"}, 4);
  constexpr int kThreads = 4;
  constexpr int kEach = 1'000;
  {
    std::vector<std::jthread> threads;
    for (int t = 0; t < kThreads; ++t) {
      threads.emplace_back([&family] {
        for (int i = 0; i < kEach; ++i) family.With({std::to_string(i % 4)}).Add();
      });
    }
    for (int i = 0; i < 20; ++i) (void)registry.Render();
  }
  const std::string text = registry.Render();
  for (const char* n : {"0", "1", "2", "3"})
    REQUIRE(Has(text, "pannier_test_a_total{n=\"" + std::string(n) + "\"} 1000"));
}

#ifdef PANNIER_PROMTOOL
TEST_CASE("metrics: promtool has nothing to say about what we render", "[lib][metrics]") {
  Registry registry;
  registry.AddCounter("pannier_test_commits_total", "Commits of \"stores\".").Add();
  registry.AddHistograms("pannier_test_request_seconds", "Requests.", LatencyBuckets(), {"route"})
      .With({"/a \"b\"\n\\"})
      .Observe(0.1);
  registry.AddHistogram("pannier_test_batch_records", "Batches.", SizeBuckets()).Observe(3);
  registry.AddCollector([](Sink& sink) { sink.Gauge("pannier_test_ratio", "Share.", 0.5); });
  const test::TempDir dir;
  std::ofstream(dir / "metrics") << registry.Render();
  const std::string command =
      PANNIER_PROMTOOL " check metrics < " + (dir / "metrics").string() + " >&2";
  REQUIRE(std::system(command.c_str()) == 0);
}
#endif

}  // namespace
}  // namespace pannier::metrics
