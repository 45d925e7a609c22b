// pannier_bench: one measurement of one server of the Chroma API per call, as one JSON object on
// stdout. run_bench.py calls it in turns for the servers it compares.
#include <sys/resource.h>

#include <CLI/CLI.hpp>
#include <cstdio>
#include <memory>
#include <nlohmann/json.hpp>
#include <thread>

#include "tests/bench/chroma_api.h"
#include "tests/bench/connection.h"
#include "tests/bench/dataset.h"
#include "tests/bench/load.h"

namespace pannier::bench {
namespace {

using Json = nlohmann::ordered_json;

struct Settings {
  std::string address, collection = "bench", where;
  int pid = 0, connections = 1, k = 10, queries = 200;
  uint64_t batch = 1, requests = 10'000, first = 0;
  double seconds = 3, rate = 0;
  Dataset::Options data;
};

// Runs `load` and says what the client saw and what the server used.
Json Measure(const Settings& settings, Load load) {
  load.address = settings.address;
  load.connections = settings.connections;
  load.rate = settings.rate;
  load.length = std::chrono::milliseconds(static_cast<int64_t>(settings.seconds * 1000));
  const Usage before = UsageOf(settings.pid);
  const Timing timing = Run(load);
  const Usage after = UsageOf(settings.pid);
  const auto count = static_cast<double>(timing.nanoseconds.size());
  Json result;
  result["requests"] = timing.nanoseconds.size();
  result["refused"] = timing.refused;
  result["seconds"] = timing.seconds;
  result["requests_per_second"] = count / timing.seconds;
  for (const auto& [name, percent] :
       {std::pair{"p50_us", 50.0}, std::pair{"p90_us", 90.0}, std::pair{"p99_us", 99.0},
        std::pair{"p999_us", 99.9}, std::pair{"max_us", 100.0}}) {
    result[name] = timing.PercentileUs(percent);
  }
  result["server_cpu_us_per_request"] = (after.cpu_seconds - before.cpu_seconds) * 1e6 / count;
  result["server_rss_kib"] = after.rss_kib;
  return result;
}

// Fills the collection that queries ask, unless it is full already.
Json Fill(const Settings& settings) {
  constexpr uint64_t kBatch = 500;
  ChromaApi api(settings.address);
  const std::string id = api.Collection(settings.collection);
  const Dataset data(settings.data);
  const auto began = std::chrono::steady_clock::now();
  for (uint64_t i = api.Count(id); i < settings.data.records; i += kBatch) {
    api.Call(ChromaApi::Add(id, data, i, std::min(kBatch, settings.data.records - i)));
  }
  // Index structures are made by now or at the first queries: either way not in a measurement.
  for (int i = 0; i < 20; ++i)
    api.Call(ChromaApi::Query(id, data.QueryVector(1'000'000 + i), 10, ""));
  const Usage usage = UsageOf(settings.pid);
  const std::chrono::duration<double> took = std::chrono::steady_clock::now() - began;
  return Json{
      {"records", api.Count(id)}, {"seconds", took.count()}, {"server_rss_kib", usage.rss_kib}};
}

Json Add(const Settings& settings) {
  ChromaApi api(settings.address);
  const std::string name = settings.collection + "-add";
  const std::string id = api.Collection(name);
  const Dataset data(settings.data);
  Load load;
  for (uint64_t i = 0; i < settings.requests; ++i) {
    load.requests.push_back(
        ChromaApi::Add(id, data, settings.first + i * settings.batch, settings.batch));
  }
  Json result = Measure(settings, std::move(load));
  const uint64_t stored = api.Count(id);
  const uint64_t expected = result["requests"].get<uint64_t>() * settings.batch;
  if (result["refused"] == 0 && stored != expected) {
    Fail("acknowledged " + std::to_string(expected) + " records, found " + std::to_string(stored));
  }
  result["records_per_second"] = static_cast<double>(stored) / result["seconds"].get<double>();
  api.Drop(name);
  return result;
}

Json Query(const Settings& settings) {
  constexpr uint64_t kDistinct = 1'000;
  ChromaApi api(settings.address);
  const std::string id = api.Collection(settings.collection);
  const Dataset data(settings.data);
  Load load;
  load.repeats = true;
  for (uint64_t i = 0; i < kDistinct; ++i) {
    load.requests.push_back(ChromaApi::Query(id, data.QueryVector(i), settings.k, settings.where));
  }
  return Measure(settings, std::move(load));
}

Json Recall(const Settings& settings) {
  ChromaApi api(settings.address);
  const std::string id = api.Collection(settings.collection);
  const Dataset data(settings.data);
  std::vector<Vector> records;
  for (uint64_t i = 0; i < settings.data.records; ++i) records.push_back(data.RecordVector(i));
  std::vector<Vector> queries;
  size_t hits = 0;
  for (int i = 0; i < settings.queries; ++i) {
    queries.push_back(data.QueryVector(static_cast<uint64_t>(i)));
    const std::vector<uint32_t> exact = Nearest(records, queries.back(), settings.k);
    const auto found =
        ChromaApi::RecordsOf(api.Call(ChromaApi::Query(id, queries.back(), settings.k, "")));
    for (const uint32_t record : found) {
      hits += std::find(exact.begin(), exact.end(), record) != exact.end();
    }
  }
  const Difficulty difficulty = MeasureDifficulty(records, queries);
  return Json{{"recall", static_cast<double>(hits) / (settings.k * settings.queries)},
              {"queries", settings.queries},
              {"local_intrinsic_dimension", difficulty.local_dimension},
              {"contrast", difficulty.contrast}};
}

// Opens many connections, uses each once, and watches the server do nothing.
Json Idle(const Settings& settings) {
  rlimit files{};
  getrlimit(RLIMIT_NOFILE, &files);
  files.rlim_cur = files.rlim_max;
  setrlimit(RLIMIT_NOFILE, &files);
  const Usage fresh = UsageOf(settings.pid);
  const std::string request = Connection::Prepare("GET", "/api/v2/heartbeat");
  std::vector<Connection> connections;
  for (int i = 0; i < settings.connections; ++i) {
    connections.emplace_back(settings.address);
    if (connections.back().Exchange(request) != 200) Fail("heartbeat refused");
  }
  const Usage before = UsageOf(settings.pid);
  std::this_thread::sleep_for(std::chrono::duration<double>(settings.seconds));
  const Usage after = UsageOf(settings.pid);
  for (Connection& connection : connections) {
    if (connection.Exchange(request) != 200) Fail("an idle connection was lost");
  }
  return Json{
      {"connections", settings.connections},
      {"server_cpu_percent", (after.cpu_seconds - before.cpu_seconds) * 100 / settings.seconds},
      {"server_threads", after.threads},
      {"server_threads_before", fresh.threads},
      {"server_rss_kib_per_connection",
       (static_cast<double>(after.rss_kib) - static_cast<double>(fresh.rss_kib)) /
           settings.connections},
      {"server_rss_kib", after.rss_kib}};
}

int Main(int argc, char** argv) {
  Settings settings;
  CLI::App app("Measures one server of the Chroma API; prints one JSON object");
  std::string scenario;
  app.add_option("scenario", scenario, "fill, add, query, recall or idle")->required();
  app.add_option("--address", settings.address, "unix:PATH or http://HOST:PORT")->required();
  app.add_option("--pid", settings.pid, "of the server: its CPU, memory and threads are reported");
  app.add_option("--collection", settings.collection);
  app.add_option("--connections", settings.connections);
  app.add_option("--seconds", settings.seconds, "at most, per measurement");
  app.add_option("--rate", settings.rate, "requests per second (open loop); 0: closed loop");
  app.add_option("--requests", settings.requests, "at most, of add");
  app.add_option("--batch", settings.batch, "records per request of add");
  app.add_option("--first", settings.first, "record that add begins with");
  app.add_option("--where", settings.where, "filter of query, JSON");
  app.add_option("--k", settings.k);
  app.add_option("--queries", settings.queries, "of recall");
  app.add_option("--seed", settings.data.seed);
  app.add_option("--records", settings.data.records, "of fill, query and recall");
  app.add_option("--dimension", settings.data.dimension);
  app.add_option("--local-dimensions", settings.data.local_dimensions, "difficulty of the data");
  CLI11_PARSE(app, argc, argv);

  Json result;
  if (scenario == "fill")
    result = Fill(settings);
  else if (scenario == "add")
    result = Add(settings);
  else if (scenario == "query")
    result = Query(settings);
  else if (scenario == "recall")
    result = Recall(settings);
  else if (scenario == "idle")
    result = Idle(settings);
  else
    Fail("no scenario " + scenario);
  std::printf("%s\n", result.dump().c_str());
  return 0;
}

}  // namespace
}  // namespace pannier::bench

int main(int argc, char** argv) { return pannier::bench::Main(argc, argv); }
