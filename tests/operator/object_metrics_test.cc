// Goal: the metrics of an object are there as long as the object is.
// Method: caches filled by hand; the text that a scrape gets.
#include "operator/object_metrics.h"

#include <catch2/catch.hpp>

namespace pannier::control {
namespace {

using Json = nlohmann::json;

Json VectorStoreTree() {
  return {
      {"metadata",
       {{"name", "notes"}, {"namespace", "team"}, {"uid", "u"}, {"resourceVersion", "1"}}},
      {"spec", {{"storage", {{"emptyDir", Json::object()}}}, {"repositoryRef", {{"name", "r"}}}}},
      {"status",
       {{"stores", {{"total", 3}, {"healthy", 2}, {"corrupt", 1}}},
        {"lastSnapshotTime", "2025-01-01T00:00:00Z"}}}};
}

}  // namespace

TEST_CASE("object metrics: series come and go with their objects", "[operator]") {
  Caches caches;
  metrics::Registry registry;
  ObjectMetrics metrics(caches);
  registry.AddCollector([&](metrics::Sink& sink) { metrics.Collect(sink); });
  Json tree = VectorStoreTree();
  std::vector<kube::Cache::Entry> entries;
  entries.push_back(caches.Of(kVectorStores).Prepare(tree).value());
  caches.Of(kVectorStores).Swap(std::move(entries));
  const std::string text = registry.Render();
  const auto has = [&](const std::string& line) { return text.find(line) != std::string::npos; };
  REQUIRE(
      has(R"(pannier_operator_stores{namespace="team",vectorstore="notes",state="corrupt"} 1)"));
  REQUIRE(
      has("pannier_operator_last_snapshot_timestamp_seconds{namespace=\"team\","
          "vectorstore=\"notes\"} 1735689600"));
  REQUIRE(has("pannier_operator_objects{kind=\"VectorStore\"} 1"));
  REQUIRE(text.find("snapshot_freshness") == std::string::npos);
  caches.Of(kVectorStores).Swap({});
  REQUIRE(registry.Render().find("notes") == std::string::npos);
}

TEST_CASE("object metrics: an object that changed, or is another one, is read anew", "[operator]") {
  Caches caches;
  metrics::Registry registry;
  ObjectMetrics metrics(caches);
  registry.AddCollector([&](metrics::Sink& sink) { metrics.Collect(sink); });
  const auto corrupt = [&](const std::string& name, const std::string& uid, int version,
                           int count) {
    Json tree = VectorStoreTree();
    tree["metadata"]["name"] = name;
    tree["metadata"]["uid"] = uid;
    tree["metadata"]["resourceVersion"] = std::to_string(version);
    tree["status"]["stores"]["corrupt"] = count;
    caches.Of(kVectorStores).Put(caches.Of(kVectorStores).Prepare(tree).value());
  };
  const auto shows = [&](const std::string& name, int count) {
    const std::string line = "pannier_operator_stores{namespace=\"team\",vectorstore=\"" + name +
                             "\",state=\"corrupt\"} " + std::to_string(count) + "\n";
    return registry.Render().find(line) != std::string::npos;
  };
  corrupt("a", "1", 1, 1);
  corrupt("c", "3", 3, 3);
  REQUIRE((shows("a", 1) && shows("c", 3)));
  corrupt("b", "2", 2, 2);
  REQUIRE((shows("a", 1) && shows("b", 2) && shows("c", 3)));
  corrupt("b", "2", 4, 5);
  REQUIRE((shows("a", 1) && shows("b", 5) && shows("c", 3)));
  // Made anew under its name, with what happens to be the same version.
  caches.Of(kVectorStores).Remove({"team", "c"}, "3");
  corrupt("c", "4", 3, 7);
  REQUIRE((shows("a", 1) && shows("c", 7)));
}

TEST_CASE("object metrics: of very many objects the first have series, and all are counted",
          "[operator]") {
  Caches caches;
  metrics::Registry registry;
  ObjectMetrics metrics(caches);
  registry.AddCollector([&](metrics::Sink& sink) { metrics.Collect(sink); });
  std::vector<kube::Cache::Entry> entries;
  for (size_t i = 0; i < kSeriesObjectsMax + 5; ++i) {
    Json tree = VectorStoreTree();
    tree["metadata"]["name"] = "s" + std::to_string(10'000 + i);
    tree["metadata"]["uid"] = std::to_string(i);
    // One that nobody can read takes no other's place.
    if (i == 0) tree["spec"]["storage"] = "none";
    entries.push_back(caches.Of(kVectorStores).Prepare(tree).value());
  }
  caches.Of(kVectorStores).Swap(std::move(entries));
  for (int again = 0; again < 2; ++again) {
    const std::string text = registry.Render();
    size_t series = 0;
    for (size_t at = 0;
         (at = text.find("\npannier_operator_store_bytes{", at)) != std::string::npos; ++at) {
      ++series;
    }
    REQUIRE(series == kSeriesObjectsMax);
    REQUIRE(text.find("pannier_operator_objects{kind=\"VectorStore\"} 1005") != std::string::npos);
    REQUIRE(text.find("s10000") == std::string::npos);
  }
}

TEST_CASE("object metrics: what alerts compare is there where an object says so", "[operator]") {
  Caches caches;
  metrics::Registry registry;
  ObjectMetrics metrics(caches);
  registry.AddCollector([&](metrics::Sink& sink) { metrics.Collect(sink); });
  int version = 0;
  const auto put = [&](const kube::Resource& resource, Json tree) {
    tree["metadata"]["resourceVersion"] = std::to_string(++version);
    std::vector<kube::Cache::Entry> entries;
    entries.push_back(caches.Of(resource).Prepare(tree).value());
    caches.Of(resource).Swap(std::move(entries));
    return registry.Render();
  };
  const auto has = [](const std::string& text, const std::string& line) {
    return text.find(line) != std::string::npos;
  };
  Json store = VectorStoreTree();
  store["spec"]["snapshotFreshnessSeconds"] = 3600;
  REQUIRE(has(put(kVectorStores, store),
              "pannier_operator_snapshot_freshness_seconds{namespace=\"team\","
              "vectorstore=\"notes\"} 3600"));

  Json policy = VectorStoreTree();
  policy["spec"] = {{"schedule", "@daily"}, {"rules", {{"sessions", {{"idleSeconds", 300}}}}}};
  policy["status"] = {
      {"conditions", Json::array({{{"type", "LimitReached"},
                                   {"status", "True"},
                                   {"reason", "LimitReached"},
                                   {"message", ""},
                                   {"lastTransitionTime", "2025-01-01T00:00:00Z"}}})}};
  const std::string reached =
      "pannier_operator_cleanup_limit_reached{namespace=\"team\",policy=\"notes\"} ";
  REQUIRE(has(put(kPolicies, policy), reached + "1"));
  policy["status"]["conditions"][0]["status"] = "False";
  REQUIRE(has(put(kPolicies, policy), reached + "0"));

  Json repository = VectorStoreTree();
  repository["spec"] = {{"volume", {{"claimName", "disk"}}}};
  repository["status"] = Json::object();
  REQUIRE_FALSE(has(put(kRepositories, repository), "repository_verified{"));
  const std::string verified =
      "pannier_operator_repository_verified{namespace=\"team\",repository=\"notes\"} ";
  const auto with_result = [&](const char* result) {
    repository["status"]["lastDeepVerify"] = {{"snapshot", "s"}, {"result", result}};
    return put(kRepositories, repository);
  };
  REQUIRE(has(with_result("Sound"), verified + "1"));
  REQUIRE(has(with_result("Unsound"), verified + "0"));
  REQUIRE_FALSE(has(with_result("Unavailable"), "repository_verified{"));
}

}  // namespace pannier::control
