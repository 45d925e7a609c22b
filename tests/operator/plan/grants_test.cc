// Goal: a daemon gets URLs for what its operation needs, and for nothing else of the repository;
// the snapshots that it restores are chosen by the operator, who knows them.
// Method: wants against rules; planners with few observations.
#include "operator/plan/grants.h"

#include <catch2/catch.hpp>

#include "operator/plan/operation_request.h"
#include "operator/plan/store_operation_plan.h"
#include "tests/operator/plan/snapshots_in_s3.h"

using namespace pannier;
using namespace pannier::control;
using namespace pannier::test;
using namespace std::chrono_literals;

namespace {

const WallTime kNow = SomeNoon();

// Which of these a rule lets through.
std::vector<std::string> Granted(const std::vector<WantView>& wants, const GrantRule& rule) {
  OperationView operation;
  operation.wants = wants;
  std::vector<std::string> keys;
  if (const auto grant = GrantFor("pod", Uuid(), operation, rule)) {
    for (const GrantItem& each : grant->items) keys.push_back(each.method + " " + each.key);
  }
  return keys;
}

}  // namespace

TEST_CASE("grants: a snapshot makes chunks and its own manifests, and touches no others",
          "[operator][plan]") {
  GrantRule rule;
  rule.own_manifests = kManifestFolder;
  rule.may_write = true;
  const std::string own = ManifestKey(1);
  REQUIRE(Granted({{"GET", "repository.json"},
                   {"PUT", "repository.json"},
                   {"PUT", "chunks/ab/cd"},
                   {"PUT", own},
                   {"PUT", "snapshots/other/x.json"},
                   {"GET", "snapshots/other/x.json"},
                   {"DELETE", own},
                   {"GET", std::string(kManifestFolder) + "../other/x.json"},
                   {"GET", "probe/x"}},
                  rule) ==
          std::vector<std::string>{"GET repository.json", "PUT chunks/ab/cd", "PUT " + own});
}

TEST_CASE("grants: a restore reads what it was given, and may write down only what a check found",
          "[operator][plan]") {
  GrantRule rule;
  rule.named_manifests = {ManifestKey(1)};
  std::string verdict = ManifestKey(1);
  verdict.replace(verdict.size() - 5, 5, ".verified.json");
  const std::vector<WantView> wants = {{"GET", ManifestKey(1)}, {"GET", verdict},
                                       {"PUT", verdict},        {"PUT", ManifestKey(1)},
                                       {"GET", ManifestKey(2)}, {"GET", "chunks/ab/cd"},
                                       {"PUT", "chunks/ab/cd"}};
  REQUIRE(Granted(wants, rule) ==
          std::vector<std::string>{"GET " + ManifestKey(1), "GET " + verdict, "GET chunks/ab/cd"});
  rule.may_judge = true;
  REQUIRE(Granted(wants, rule) == std::vector<std::string>{"GET " + ManifestKey(1),
                                                           "GET " + verdict, "PUT " + verdict,
                                                           "GET chunks/ab/cd"});
}

TEST_CASE("operation request: what is restored from S3 is named, the pod's own and the newest",
          "[operator][plan]") {
  StoreOperation operation;
  operation.spec.target = {"notes-0", "t/a"};
  operation.spec.action.restore.emplace();
  operation.spec.action.restore->latest.emplace();
  OperationObserved seen;
  seen.repository = InS3();
  seen.snapshots = {TakenSnapshot(1, "notes-0", "t/a"), TakenSnapshot(2, "notes-0", "t/a"),
                    TakenSnapshot(3, "notes-0", "t/b")};
  REQUIRE(ManifestsFor(operation, seen) == std::vector<std::string>{ManifestKey(2)});
  operation.spec.action.restore->latest->not_after = *seen.snapshots[0].status.start;
  REQUIRE(ManifestsFor(operation, seen) == std::vector<std::string>{ManifestKey(1)});
  const nlohmann::json body = RequestOf(operation, seen, false);
  REQUIRE(body["grants"] == true);
  REQUIRE(body["repositoryID"] == "repository");
  REQUIRE(body["snapshot"] == seen.snapshots[0].status.items[0].snapshot_uid);
  REQUIRE_FALSE(body.contains("repository"));
  // Another repository than the one that it is in, and one that is being deleted.
  seen.snapshots[0].status.repository_id = "other";
  REQUIRE(ManifestsFor(operation, seen).empty());
}

TEST_CASE("operation grants: what was the newest at the request may be read when another one is",
          "[operator][plan]") {
  StoreOperation operation;
  operation.spec.target = {"notes-0", "t/a"};
  operation.spec.action.restore.emplace();
  OperationObserved seen;
  seen.repository = InS3();
  seen.snapshots = {TakenSnapshot(1, "notes-0", "t/a"), TakenSnapshot(2, "notes-0", "t/a"),
                    TakenSnapshot(3, "notes-0", "t/b")};
  SECTION("the latest") {
    operation.spec.action.restore->latest.emplace();
    REQUIRE(RuleFor(operation, seen).named_manifests ==
            std::set<std::string>{ManifestKey(1), ManifestKey(2)});
  }
  SECTION("a manifest that is named, and no other") {
    operation.spec.action.restore->manifest = ManifestSource{{"backups"}, ManifestKey(1), ""};
    REQUIRE(RuleFor(operation, seen).named_manifests == std::set<std::string>{ManifestKey(1)});
  }
}
