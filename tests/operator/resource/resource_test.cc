// Goal: objects of each kind are read with a clear error, and a status is written only when it
// changed in meaning. Method: one full object of each kind; patches applied by nlohmann's own
// merge_patch, also to random pairs.
#include "operator/resource/resource.h"

#include <catch2/catch.hpp>

#include "operator/resource/snapshot_repository.h"
#include "operator/resource/store_cleanup_policy.h"
#include "operator/resource/store_operation.h"
#include "operator/resource/store_snapshot_schedule.h"
#include "operator/resource/vector_store.h"
#include "tests/support/torture.h"

using namespace pannier;
using namespace pannier::control;
using Json = nlohmann::json;

namespace {

template <typename R>
Result<R> Parse(const char* spec) {
  return ParseResource<R>({{"metadata", {{"name", "n"}}}, {"spec", Json::parse(spec)}});
}

Json RandomTree(test::Random& random, int depth) {
  if (depth == 0 || random.OneIn(3)) return random.Below(4);
  Json object = Json::object();
  for (uint64_t i = random.Below(4); i > 0; --i) {
    object[std::string(1, static_cast<char>('a' + random.Below(5)))] =
        RandomTree(random, depth - 1);
  }
  return object;
}

}  // namespace

TEST_CASE("resource: a spec of each kind is read", "[operator][resource]") {
  const auto store = Parse<VectorStore>(R"({"storage": {"emptyDir": {}},
    "daemon": {"config": {"limits": {"stores": 5}}, "resources": {"limits": {"cpu": 2}}},
    "recovery": {"mode": "Automatic", "maxDataLossSeconds": 60}, "repositoryRef": {"name": "r"}})");
  REQUIRE(store.ok());
  REQUIRE(store->spec.storage.empty_dir.has_value());
  REQUIRE(store->spec.daemon.resources.limits.at("cpu") == "2");
  REQUIRE(Json::parse(store->spec.daemon.config)["limits"]["stores"] == 5);
  REQUIRE(store->spec.recovery.mode == RecoveryMode::kAutomatic);
  REQUIRE(store->spec.loopback_port == 8000);

  const auto repository = Parse<SnapshotRepository>(R"({"s3": {"bucket": "b-1", "prefix": "p",
    "credentialsSecretRef": {"name": "s"}, "serverSideEncryption": "KMS", "kmsKeyID": "k"}})");
  REQUIRE(repository->spec.s3->credentials->access_key == "accessKeyID");
  REQUIRE(repository->spec.s3->encryption == Encryption::kKms);

  const auto snapshot = Parse<StoreSnapshot>(R"({"vectorStoreRef": {"name": "v"}, "hold": true})");
  REQUIRE(snapshot->spec.hold);
  REQUIRE(snapshot->spec.verification == Verification::kDeep);

  const auto schedule = Parse<StoreSnapshotSchedule>(R"({"schedule": "H 3 * * *",
    "template": {"spec": {"vectorStoreRef": {"name": "v"}}}, "retention": {"keepDaily": 7}})");
  REQUIRE(schedule->spec.retention->keep_daily == 7);
  REQUIRE(schedule->spec.snapshot.spec.vector_store.name == "v");

  const auto operation = Parse<StoreOperation>(R"({"vectorStoreRef": {"name": "v"},
    "target": {"podName": "p", "storeName": "t/d"}, "action": {"salvage": {}}})");
  REQUIRE(ActionName(operation->spec.action) == "salvage");
  REQUIRE(IsLossy(operation->spec.action));
  REQUIRE(WriteFields(operation->spec)["action"] == Json::parse(R"({"salvage": {}})"));

  const auto policy = Parse<StoreCleanupPolicy>(R"({"schedule": "@daily",
    "rules": {"sessions": {"idleSeconds": 300}}})");
  REQUIRE(policy->spec.mode == CleanupMode::kReport);
  REQUIRE(policy->spec.rules.sessions->idle_seconds == 300);
}

TEST_CASE("resource: a wrong spec is told by its path", "[operator][resource]") {
  REQUIRE(Parse<VectorStore>("{}").error().what == "spec.storage: is required");
  REQUIRE(Parse<StoreSnapshot>(R"({"vectorStoreRef": {"name": "v"}, "backoffLimit": 11})")
              .error()
              .what == "spec.backoffLimit: must be at most 10");
  REQUIRE(ParseResource<StoreSnapshot>(Json::object()).error().what ==
          "spec.vectorStoreRef: is required");
}

TEST_CASE("resource: a status that nobody can read is none", "[operator][resource]") {
  const auto parsed = ParseResource<StoreSnapshot>(
      {{"spec", {{"vectorStoreRef", {{"name", "v"}}}}},
       {"status", {{"conditions", "x"}, {"repositoryName", "r"}, {"items", {1, 2}}}}});
  REQUIRE(parsed->status.conditions.empty());
  REQUIRE(parsed->status.repository_name == "r");
}

TEST_CASE("resource: an unchanged status is not written", "[operator][resource]") {
  const WallTime now(std::chrono::seconds(1'700'000'000));
  StoreSnapshotStatus before;
  Set(&before.conditions, {"Succeeded", Truth::kUnknown, "Queued", ""}, now);
  before.repository_name = "r";
  StoreSnapshotStatus after = before;
  Set(&after.conditions, {"Succeeded", Truth::kUnknown, "Queued", ""}, now + std::chrono::hours(1));
  after.start = std::nullopt;
  REQUIRE_FALSE(StatusPatch(before, after).has_value());
  after.repository_name.clear();
  after.bytes = 5;
  REQUIRE(*StatusPatch(before, after) ==
          Json::parse(R"({"status": {"repositoryName": null, "bytes": 5}})"));
}

TEST_CASE("resource: a merge patch makes the one of the other", "[operator][resource]") {
  CAPTURE(test::Seed());
  test::Random random(test::Seed());
  for (int round = 0; round < test::Rounds(500); ++round) {
    const Json from = RandomTree(random, 3), to = RandomTree(random, 3);
    const std::optional<Json> patch = MergePatch(from, to);
    REQUIRE(patch.has_value() == (from != to));
    Json patched = from;
    if (patch) patched.merge_patch(*patch);
    REQUIRE(patched == to);
  }
}

TEST_CASE("resource: a new object says what it is and who owns it", "[operator][resource]") {
  Meta meta;
  meta.name = "n";
  meta.name_space = "ns";
  meta.labels = {{"a", "b"}};
  meta.owners = {{"v1", "Pod", "p", "u", true}};
  const Json object = NewObject(kStoreSnapshotKind, meta, {{"hold", true}});
  REQUIRE(object["kind"] == "StoreSnapshot");
  REQUIRE(object["apiVersion"] == "pannier.dev/v1alpha1");
  REQUIRE(object["metadata"]["ownerReferences"][0]["uid"] == "u");
  REQUIRE(ReadMeta(object).labels.at("a") == "b");
}
