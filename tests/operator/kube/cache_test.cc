// Goal: the cache is what the API last told, swaps are whole, deletions are never missed, indexes
// agree with the objects.
#include "operator/kube/cache.h"

#include <catch2/catch.hpp>
#include <nlohmann/json.hpp>

#include "tests/support/torture.h"

namespace pannier::kube {
namespace {

using Json = nlohmann::json;

Json Thing(const std::string& name, const std::string& uid, int version,
           const std::string& ref = "r") {
  return {{"metadata",
           {{"namespace", "ns"},
            {"name", name},
            {"uid", uid},
            {"resourceVersion", std::to_string(version)},
            {"managedFields", Json::array({1, 2, 3})},
            {"labels", {{"l", ref}}}}},
          {"spec", {{"ref", ref}, {"large", std::string(100, 'x')}}}};
}

Cache MakeCache() {
  return Cache([](Json& tree) { tree["spec"].erase("large"); },
               {{"ref", [](const Json& tree) {
                   return std::vector<std::string>{TextAt(tree, "/spec/ref")};
                 }}});
}

std::vector<Change> Put(Cache& cache, Json thing) {
  return cache.Put(cache.Prepare(thing).value());
}

std::vector<Change> Swap(Cache& cache, std::vector<Json> things) {
  std::vector<Cache::Entry> entries;
  for (Json& thing : things) entries.push_back(cache.Prepare(thing).value());
  return cache.Swap(std::move(entries));
}

TEST_CASE("cache: objects are trimmed and found by key, namespace and index", "[operator][kube]") {
  Cache cache = MakeCache();
  REQUIRE(!cache.synced());
  REQUIRE(Swap(cache, {Thing("a", "1", 1, "x"), Thing("b", "2", 1, "y")}).size() == 2);
  REQUIRE(cache.synced());
  const ObjectPtr a = cache.Find({"ns", "a"});
  REQUIRE(a->uid == "1");
  REQUIRE(a->labels.at("l") == "x");
  REQUIRE(!a->deleting);
  REQUIRE(a->Tree()["spec"] == Json{{"ref", "x"}});
  REQUIRE(!a->Tree()["metadata"].contains("managedFields"));
  REQUIRE(cache.By("ref", "y").size() == 1);
  REQUIRE(cache.By("ref", "y")[0]->key.name == "b");
  REQUIRE(cache.By("ref", "z").empty());
  REQUIRE(cache.All("ns").size() == 2);
  REQUIRE(cache.All("n").empty());
  REQUIRE(cache.Find({"ns", "c"}) == nullptr);
  Put(cache, Thing("b", "2", 2, "x"));
  REQUIRE(cache.By("ref", "x").size() == 2);
  REQUIRE(cache.By("ref", "y").empty());
}

TEST_CASE("cache: a swap tells what has gone first, then what differs", "[operator][kube]") {
  Cache cache = MakeCache();
  Swap(cache, {Thing("a", "1", 1), Thing("b", "2", 1), Thing("c", "3", 1)});
  const ObjectPtr kept = cache.Find({"ns", "c"});
  const auto changes = Swap(cache, {Thing("b", "2", 5), Thing("c", "3", 1), Thing("d", "4", 2)});
  REQUIRE(changes.size() == 3);
  REQUIRE(changes[0].before->key.name == "a");
  REQUIRE(changes[0].after == nullptr);
  REQUIRE(changes[1].after->resource_version == "5");
  REQUIRE(changes[1].before != nullptr);
  REQUIRE(changes[2].before == nullptr);
  REQUIRE(cache.Find({"ns", "c"}) == kept);  // not a copy of what was there
}

TEST_CASE("cache: another object of the same name is a deletion and a creation",
          "[operator][kube]") {
  Cache cache = MakeCache();
  Swap(cache, {Thing("a", "1", 1)});
  const auto changes = Put(cache, Thing("a", "2", 9));
  REQUIRE(changes.size() == 2);
  REQUIRE(changes[0].before->uid == "1");
  REQUIRE(changes[0].after == nullptr);
  REQUIRE(changes[1].after->uid == "2");
  REQUIRE(Put(cache, Thing("a", "2", 9)).empty());
  // A deletion of the old one that comes late does no harm.
  REQUIRE(cache.Remove({"ns", "a"}, "1").empty());
  REQUIRE(cache.Remove({"ns", "a"}, "2").size() == 1);
  REQUIRE(cache.size() == 0);
}

TEST_CASE("cache: an object without identity is refused", "[operator][kube]") {
  const Cache cache;
  Json thing = Thing("a", "1", 1);
  thing["metadata"].erase("uid");
  REQUIRE(cache.Prepare(thing).Is(Errc::kInvalidArgument));
  Json none = Json::array();
  REQUIRE(cache.Prepare(none).Is(Errc::kInvalidArgument));
}

TEST_CASE("cache: changes told add up to the content, under random lists and events",
          "[operator][kube]") {
  CAPTURE(test::Seed());
  test::Random random(test::Seed());
  Cache cache = MakeCache();
  std::map<std::string, Json> truth;         // what the API has
  std::map<std::string, std::string> heard;  // name to version, by the changes alone
  int version = 1;
  const auto hear = [&](const std::vector<Change>& changes) {
    for (const Change& change : changes) {
      if (change.after) heard[change.after->key.name] = change.after->resource_version;
      if (!change.after) REQUIRE(heard.erase(change.before->key.name) == 1);
    }
  };
  uint64_t bytes = 0;
  for (int step = 0; step < test::Rounds(3'000); ++step) {
    const std::string name = std::to_string(random.Below(20));
    const bool misses_events = random.OneIn(3);
    if (random.OneIn(3) && truth.contains(name)) {
      const std::string uid = TextAt(truth[name], "/metadata/uid");
      truth.erase(name);
      if (!misses_events) hear(cache.Remove({"ns", name}, uid));
    } else {
      const bool is_new = !truth.contains(name) || random.OneIn(4);
      const std::string uid =
          is_new ? std::to_string(random.Next()) : TextAt(truth[name], "/metadata/uid");
      truth[name] = Thing(name, uid, ++version, std::to_string(random.Below(3)));
      if (!misses_events) hear(Put(cache, truth[name]));
    }
    if (!random.OneIn(10)) continue;
    std::vector<Json> all;
    for (const auto& [each, thing] : truth) all.push_back(thing);
    hear(Swap(cache, all));
    REQUIRE(cache.size() == truth.size());
    REQUIRE(heard.size() == truth.size());
    bytes = 0;
    size_t indexed = 0;
    for (const auto& [each, thing] : truth) {
      const ObjectPtr object = cache.Find({"ns", each});
      REQUIRE(object->resource_version == TextAt(thing, "/metadata/resourceVersion"));
      REQUIRE(heard[each] == object->resource_version);
      bytes += object->json.size();
    }
    for (const char* ref : {"0", "1", "2"}) {
      for (const ObjectPtr& object : cache.By("ref", ref)) {
        REQUIRE(object->labels.at("l") == ref);
        ++indexed;
      }
    }
    REQUIRE(indexed == truth.size());
    REQUIRE(cache.bytes() == bytes);
  }
}

}  // namespace
}  // namespace pannier::kube
