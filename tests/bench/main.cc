// pannier_bench: one measurement of one server of the Chroma API per call, as one JSON object on
// stdout. run_bench.py calls it in turns for the servers it compares.
#include <sys/resource.h>

#include <CLI/CLI.hpp>
#include <cstdio>
#include <map>
#include <memory>
#include <nlohmann/json.hpp>
#include <thread>

#include "tests/bench/chroma_api.h"
#include "tests/bench/connection.h"
#include "tests/bench/generated_data.h"
#include "tests/bench/load.h"
#include "tests/bench/text_data.h"

namespace pannier::bench {
namespace {

using Json = nlohmann::ordered_json;

struct Settings {
  std::string address, collection = "bench", texts;
  ChromaApi::Filter filter;
  int pid = 0, connections = 1, k = 10;
  uint64_t batch = 1, requests = 10'000, first = 0;
  double seconds = 3, rate = 0;
  GeneratedData::Options data;
};

std::unique_ptr<const Dataset> DataOf(const Settings& settings) {
  const GeneratedData::Options& generated = settings.data;
  if (settings.texts.empty()) return std::make_unique<GeneratedData>(generated);
  return std::make_unique<TextData>(settings.texts, generated.records, generated.dimension);
}

std::chrono::milliseconds LengthOf(const Settings& settings) {
  return std::chrono::milliseconds(static_cast<int64_t>(settings.seconds * 1000));
}

// Runs `load` and says what the client saw and what the server used.
Json Measure(const Settings& settings, Load load) {
  load.address = settings.address;
  load.connections = settings.connections;
  load.rate = settings.rate;
  load.length = LengthOf(settings);
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

// Waits until the server has computed nothing to speak of for a second; how long it went on.
double SecondsUntilIdle(int pid) {
  constexpr auto kLook = std::chrono::milliseconds(50);
  constexpr double kQuiet = 1, kMost = 600, kNothing = 0.1;  // seconds; of a core
  const auto began = std::chrono::steady_clock::now();
  const auto since = [began] {
    return std::chrono::duration<double>(std::chrono::steady_clock::now() - began).count();
  };
  double cpu = UsageOf(pid).cpu_seconds, busy_until = 0, looked = 0;
  while (since() - busy_until < kQuiet && since() < kMost) {
    std::this_thread::sleep_for(kLook);
    const double now = since(), used = UsageOf(pid).cpu_seconds;
    if (used - cpu > kNothing * (now - looked)) busy_until = now;
    cpu = used;
    looked = now;
  }
  return busy_until;
}

// Fills the collection that queries ask, `batch` records a request, unless it is full already; then
// waits for what the server does in the background.
Json Fill(const Settings& settings) {
  ChromaApi api(settings.address);
  const std::string id = api.Collection(settings.collection);
  const std::unique_ptr<const Dataset> data = DataOf(settings);
  std::chrono::duration<double> took{0};
  const Usage before = UsageOf(settings.pid);
  for (uint64_t i = api.Count(id); i < settings.data.records; i += settings.batch) {
    const std::string request =
        ChromaApi::Add("add", id, *data, i, std::min(settings.batch, settings.data.records - i));
    const auto began = std::chrono::steady_clock::now();
    api.Call(request);
    took += std::chrono::steady_clock::now() - began;
  }
  const double caught_up = SecondsUntilIdle(settings.pid);
  const Usage after = UsageOf(settings.pid);
  return Json{{"records", api.Count(id)},
              {"seconds", took.count()},
              {"caught_up_seconds", caught_up},
              {"server_cpu_seconds", after.cpu_seconds - before.cpu_seconds},
              {"server_rss_kib", after.rss_kib}};
}

Json Add(const Settings& settings) {
  ChromaApi api(settings.address);
  const std::string name = settings.collection + "-add";
  const std::string id = api.Collection(name);
  const std::unique_ptr<const Dataset> data = DataOf(settings);
  Load load;
  for (uint64_t i = 0; i < settings.requests; ++i) {
    load.requests.push_back(
        ChromaApi::Add("add", id, *data, settings.first + i * settings.batch, settings.batch));
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

Load Queries(const Settings& settings, const std::string& id, const Dataset& data) {
  constexpr uint64_t kDistinct = 1'000;
  Load load;
  load.repeats = true;
  for (uint64_t i = 0; i < kDistinct; ++i) {
    load.requests.push_back(ChromaApi::Query(id, data.QueryVector(i), settings.k, settings.filter));
  }
  return load;
}

// Index structures that a first query makes are made before the time runs.
Json Query(const Settings& settings) {
  constexpr size_t kFirst = 3;
  ChromaApi api(settings.address);
  const std::string id = api.Collection(settings.collection);
  Load load = Queries(settings, id, *DataOf(settings));
  for (size_t i = 0; i < kFirst; ++i) api.Call(load.requests[i]);
  return Measure(settings, std::move(load));
}

// Queries on one connection while another upserts single records that are there.
Json Mixed(const Settings& settings) {
  ChromaApi api(settings.address);
  const std::string id = api.Collection(settings.collection);
  const std::unique_ptr<const Dataset> data = DataOf(settings);
  Load upserts;
  upserts.address = settings.address;
  upserts.repeats = true;
  upserts.length = LengthOf(settings);
  for (uint64_t i = 0; i < settings.data.records; i += 7) {
    upserts.requests.push_back(ChromaApi::Add("upsert", id, *data, i, 1));
  }
  Timing written;
  std::thread writer([&] { written = Run(upserts); });
  Json result = Measure(settings, Queries(settings, id, *data));
  writer.join();
  result["upserts_per_second"] = static_cast<double>(written.nanoseconds.size()) / written.seconds;
  result["upsert_p99_us"] = written.PercentileUs(99);
  result["refused"] = result["refused"].get<uint64_t>() + written.refused;
  return result;
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
  const std::map<std::string, Json (*)(const Settings&)> scenarios = {
      {"fill", Fill}, {"add", Add}, {"query", Query}, {"mixed", Mixed}, {"idle", Idle}};
  Settings settings;
  CLI::App app("Measures one server of the Chroma API; prints one JSON object");
  std::string scenario;
  app.add_option("scenario", scenario, "fill, add, query, mixed or idle")
      ->required()
      ->check(CLI::IsMember(scenarios));
  app.add_option("--address", settings.address, "unix:PATH or http://HOST:PORT")->required();
  app.add_option("--pid", settings.pid, "of the server: its CPU, memory and threads are reported");
  app.add_option("--collection", settings.collection);
  app.add_option("--connections", settings.connections);
  app.add_option("--seconds", settings.seconds, "at most, per measurement");
  app.add_option("--rate", settings.rate, "requests per second (open loop); 0: closed loop");
  app.add_option("--requests", settings.requests, "at most, of add");
  app.add_option("--batch", settings.batch, "records per request of add and fill");
  app.add_option("--first", settings.first, "record that add begins with");
  app.add_option("--where", settings.filter.where, "filter of query, JSON");
  app.add_option("--where-document", settings.filter.where_document, "the same, of documents");
  app.add_option("--k", settings.k);
  app.add_option("--texts", settings.texts, "folder of texts.py; without, records are generated");
  app.add_option("--seed", settings.data.seed);
  app.add_option("--records", settings.data.records, "of fill, query and mixed");
  app.add_option("--dimension", settings.data.dimension);
  app.add_option("--local-dimensions", settings.data.local_dimensions, "difficulty of the data");
  CLI11_PARSE(app, argc, argv);
  std::printf("%s\n", scenarios.at(scenario)(settings).dump().c_str());
  return 0;
}

}  // namespace
}  // namespace pannier::bench

int main(int argc, char** argv) { return pannier::bench::Main(argc, argv); }
