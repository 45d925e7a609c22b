#include "operator/reconcile/volume_repository.h"

#include <algorithm>
#include <set>

#include "lib/core/time_text.h"
#include "operator/kube/object.h"

namespace pannier::control {
namespace {

using Json = nlohmann::json;
using kube::TextAt;

constexpr size_t kAskedMax = 3;

const Json& ListAt(const Json& answer, const char* name) {
  static const Json kNone = Json::array();
  const auto found = answer.is_object() ? answer.find(name) : answer.end();
  return answer.is_object() && found != answer.end() && found->is_array() ? *found : kNone;
}

int64_t NumberAt(const Json& object, const char* name) {
  const auto found = object.is_object() ? object.find(name) : object.end();
  return object.is_object() && found != object.end() && found->is_number_integer()
             ? found->get<int64_t>()
             : 0;
}

// What a daemon says of a repository (docs/admin-api.md).
RepositoryProbe ProbeOf(const Json& entry) {
  RepositoryProbe probe;
  const std::string state = TextAt(entry, "/state");
  probe.message = TextAt(entry, "/message");
  if (state == "Ready") {
    probe.identity = TextAt(entry, "/id");
  } else if (state == "NotInitialised") {
    probe.empty = true;
  } else if (state != "Refused") {  // refused: something else is there, which nobody adopts
    probe.fault = ProbeFault::kUnreachable;
    if (probe.message.empty()) probe.message = "the daemon says " + state;
  }
  return probe;
}

}  // namespace

std::vector<DaemonAddress> Answering(const std::vector<DaemonAddress>& daemons,
                                     const std::vector<DaemonView>& views) {
  std::vector<DaemonAddress> answering;
  for (const DaemonAddress& each : daemons) {
    const DaemonView* view = FindDaemon(views, each.pod_uid);
    if (view != nullptr && view->reachable) answering.push_back(each);
  }
  return answering;
}

VolumeLook ProbeVolume(DaemonCalls& calls, const std::vector<DaemonAddress>& daemons,
                       const std::string& repository) {
  VolumeLook look;
  look.probe.fault = ProbeFault::kUnreachable;
  look.probe.message = "no pod with a daemon has it mounted";
  size_t asked = 0;
  for (const DaemonAddress& daemon : daemons) {
    if (asked++ == kAskedMax) break;
    const Result<Json> answer = calls.Repositories(daemon);
    if (!answer.ok()) {
      look.probe.message = "pod " + daemon.pod_name + ": " + answer.error().what;
      continue;
    }
    for (const Json& entry : ListAt(*answer, "repositories")) {
      if (TextAt(entry, "/name") != repository) continue;
      return {ProbeOf(entry), daemon};
    }
  }
  return look;
}

RepositoryListing ListingOf(const Json& answer, WallTime slot) {
  ChoiceToVerify choice(slot);
  RepositoryListing listing;
  listing.snapshots = NumberAt(answer, "total");
  for (const Json& each : ListAt(answer, "snapshots")) {
    listing.bytes += NumberAt(each, "newBytes");
    const std::optional<WallTime> time = ParseTime(TextAt(each, "/time"));
    if (!time) continue;
    choice.Consider(*time, TextAt(each, "/uid"), TextAt(each, "/key"), &listing);
    if (!listing.oldest || *time < *listing.oldest) listing.oldest = time;
    if (listing.newest && *time <= *listing.newest) continue;
    listing.newest = time;
  }
  return listing;
}

RepositoryInventory InventoryOf(const Json& answer, const ClaimRule& rule) {
  std::vector<ListedSnapshot> listed;
  std::set<std::pair<std::string, std::string>> known;  // owner and chain; the newest come first
  for (const Json& each : ListAt(answer, "snapshots")) {
    ListedSnapshot snapshot{TextAt(each, "/owner"),  TextAt(each, "/storeID"), TextAt(each, "/key"),
                            TextAt(each, "/origin"), TextAt(each, "/store"),   WallTime()};
    const std::optional<WallTime> time = ParseTime(TextAt(each, "/time"));
    const bool is_sound = each.is_object() && each.value("verified", Json()) == Json(true);
    if (!time || !is_sound || !known.insert({snapshot.owner, snapshot.chain}).second) continue;
    snapshot.time = *time;
    listed.push_back(std::move(snapshot));
  }
  RepositoryInventory inventory = InventoryOf(listed, rule);
  const int64_t unreadable = NumberAt(answer, "unreadable");
  if (unreadable > 0) inventory.unreadable.push_back(std::to_string(unreadable) + " manifests");
  return inventory;
}

Result<Json> SnapshotsOfVolume(DaemonCalls& calls, const std::vector<DaemonAddress>& daemons,
                               const std::vector<DaemonView>& views,
                               const std::string& repository) {
  Error last = Unavailable("no daemon answers that has it mounted");
  size_t asked = 0;
  for (const DaemonAddress& daemon : Answering(daemons, views)) {
    if (asked++ == kAskedMax) break;
    Result<Json> answer = calls.Snapshots(daemon, repository);
    if (answer.ok()) return answer;
    last = answer.error();
  }
  return last;
}

std::optional<std::map<std::string, std::string>> FindInVolume(
    DaemonCalls& calls, const std::vector<DaemonAddress>& daemons,
    const std::vector<DaemonView>& views, const std::string& repository,
    const std::vector<Uuid>& uids) {
  const Result<Json> answer = SnapshotsOfVolume(calls, daemons, views, repository);
  if (!answer.ok()) return std::nullopt;
  std::set<std::string> wanted;
  for (const Uuid& uid : uids) wanted.insert(uid.ToString());
  std::map<std::string, std::string> found;
  for (const Json& each : ListAt(*answer, "snapshots")) {
    const std::string uid = TextAt(each, "/uid");
    if (wanted.count(uid) != 0) found[uid] = TextAt(each, "/key");
  }
  return found;
}

}  // namespace pannier::control
