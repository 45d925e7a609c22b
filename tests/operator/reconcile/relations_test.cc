// Goal: what depends on an object is looked at when it changes, and nothing is when the operator
// wrote its own status.
// Method: changes of objects in caches; what is named.
#include <catch2/catch.hpp>
#include <set>

#include "operator/reconcile/relations.h"
#include "tests/operator/reconcile/bench.h"

namespace pannier::test {
namespace {

using namespace control;
using Names = std::set<std::string>;

// "kind name" of all that is to be looked at after `change` was made.
Names After(Bench& bench, const kube::Resource& resource, const std::string& name,
            const std::function<void()>& change) {
  bench.Sync();
  const kube::ObjectPtr before = bench.caches.Of(resource).Find({"team", name});
  change();
  bench.Sync();
  const kube::ObjectPtr after = bench.caches.Of(resource).Find({"team", name});
  Names names;
  for (const LookAt& each : Related(bench.caches, resource, {before, after})) {
    names.insert(std::string(each.resource.kind) + " " + each.key.name);
  }
  return names;
}

Json Succeeded(const char* status, const char* reason) {
  return {{"conditions", {{{"type", "Succeeded"}, {"status", status}, {"reason", reason}}}}};
}

}  // namespace

TEST_CASE("relations: a snapshot that ends wakes its schedule, its VectorStore, and who waits",
          "[operator][reconcile]") {
  Bench bench;
  bench.MakeWorld();
  bench.Create(kSchedules, "nightly", Json::object());
  const Json spec = {{"vectorStoreRef", {{"name", "notes"}}}};
  bench.Create(kSnapshots, "one", spec,
               {{"labels", {{"pannier.dev/schedule", bench.UidOf(kSchedules, "nightly")}}}});
  bench.Create(kSnapshots, "waits", spec);
  bench.Create(kSnapshots, "ended", spec);
  bench.SetStatus(kSnapshots, "ended", Succeeded("True", "Completed"));
  const Names names = After(bench, kSnapshots, "one", [&] {
    bench.SetStatus(kSnapshots, "one", Succeeded("True", "Completed"));
  });
  REQUIRE(names == Names{"StoreSnapshot one", "StoreSnapshot waits",
                         "StoreSnapshotSchedule nightly", "VectorStore notes"});
  // Progress is its own matter.
  REQUIRE(After(bench, kSnapshots, "waits", [&] {
            bench.SetStatus(kSnapshots, "waits", {{"bytes", 7}});
          }) == Names{"StoreSnapshot waits"});
}

TEST_CASE("relations: a status of its own wakes no VectorStore, a new spec does",
          "[operator][reconcile]") {
  Bench bench;
  bench.MakeWorld();
  REQUIRE(After(bench, kVectorStores, "notes", [&] {
            bench.SetStatus(kVectorStores, "notes", {{"lastSnapshotName", "x"}});
          }).empty());
  REQUIRE(After(bench, kVectorStores, "notes", [&] {
            const Json patch =
                Json::array({{{"op", "add"}, {"path", "/spec/suspend"}, {"value", true}}});
            bench.api.PatchJson(kVectorStores, {"team", "notes"}, patch).value();
          }) == Names{"VectorStore notes", "SnapshotRepository backups"});
}

TEST_CASE("relations: a repository that becomes ready wakes who waits for it",
          "[operator][reconcile]") {
  Bench bench;
  bench.MakeWorld();
  bench.Create(kSnapshots, "waits", {{"vectorStoreRef", {{"name", "notes"}}}});
  const Json ready = {{"conditions", {{{"type", "Ready"}, {"status", "False"}, {"reason", "X"}}}}};
  REQUIRE(After(bench, kRepositories, "backups", [&] {
            bench.SetStatus(kRepositories, "backups", ready);
          }) == Names{"StoreSnapshot waits", "VectorStore notes"});
}

TEST_CASE("relations: a pod wakes the VectorStore that it names, also as it leaves",
          "[operator][reconcile]") {
  Bench bench;
  bench.MakeWorld();
  REQUIRE(After(bench, kube::kPods, "notes-0", [&] {
            bench.SetStatus(kube::kPods, "notes-0", {{"podIP", "10.0.0.8"}});
          }) == Names{"VectorStore notes", "SnapshotRepository backups"});
  REQUIRE(After(bench, kube::kPods, "notes-0", [&] {
            bench.SetStatus(kube::kPods, "notes-0", {{"hostIP", "10.0.0.1"}});
          }).empty());
  REQUIRE(After(bench, kube::kPods, "notes-0", [&] {
            REQUIRE(bench.api.Delete(kube::kPods, {"team", "notes-0"}, {}).ok());
          }) == Names{"VectorStore notes", "SnapshotRepository backups"});
}

}  // namespace pannier::test
