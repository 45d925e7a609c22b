#include "tests/operator/plan/snapshots_in_s3.h"

#include "lib/core/time_text.h"
#include "operator/plan/snapshot_states.h"
#include "operator/resource/names.h"

namespace pannier::test {

using namespace control;
using namespace std::chrono_literals;

WallTime SomeNoon() { return *ParseTime("2025-06-15T12:00:30Z"); }

std::string ManifestKey(int number) {
  const std::string uid = "22222222-2222-4222-8222-00000000000" + std::to_string(number);
  return kManifestFolder + ("33333333-3333-4333-8333-333333333333/0000000000000000000" +
                            std::to_string(number) + "-" + uid + ".json");
}

StoreSnapshot TakenSnapshot(int number, const std::string& pod, const std::string& store) {
  StoreSnapshot snapshot;
  snapshot.meta.name = "s" + std::to_string(number);
  snapshot.meta.uid = snapshot.meta.name;
  snapshot.status.start = SomeNoon() - 100h + std::chrono::hours(number);
  snapshot.status.repository_id = "repository";
  SnapshotItem item;
  item.pod_name = pod;
  item.store_name = store;
  item.state = ItemState::kSucceeded;
  item.verified = true;
  item.manifest_key = ManifestKey(number);
  item.snapshot_uid = "22222222-2222-4222-8222-00000000000" + std::to_string(number);
  snapshot.status.items = {item};
  Set(&snapshot.status.conditions, {"Succeeded", Truth::kTrue, kCompleted, ""}, SomeNoon());
  Set(&snapshot.status.conditions, {"Verified", Truth::kTrue, "Sound", ""}, SomeNoon());
  return snapshot;
}

SnapshotRepository InS3() {
  SnapshotRepository repository;
  repository.meta.name = "backups";
  repository.spec.s3.emplace();
  repository.status.repository_id = "repository";
  Set(&repository.status.conditions, {"Ready", Truth::kTrue, "Validated", ""}, SomeNoon());
  return repository;
}

}  // namespace pannier::test
