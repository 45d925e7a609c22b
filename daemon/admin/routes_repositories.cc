// What repositories hold: states, snapshots, one snapshot, the difference of two.
#include <map>
#include <nlohmann/json.hpp>
#include <set>

#include "daemon/admin/answers.h"
#include "daemon/admin/routes.h"
#include "daemon/operations/members.h"
#include "lib/core/time_text.h"

namespace pannier::admin {
namespace {

using contract::Manifest;
using nlohmann::json;
using operations::FoundSnapshot;
using operations::Repositories;
using operations::SnapshotFinder;
using repository::Repository;

// A person waits for the answer.
constexpr auto kPatience = std::chrono::seconds(30);
constexpr size_t kListedMax = 5'000;

json VerificationJson(const std::optional<repository::Verification>& found) {
  if (!found) return nullptr;
  return {{"level", found->level == repository::VerifyLevel::kDeep ? "Deep" : "Manifest"},
          {"sound", found->sound},
          {"time", FormatTime(found->time)},
          {"message", found->message}};
}

json SnapshotJson(const FoundSnapshot& found) {
  return {{"uid", found.ref.uid.ToString()},
          {"key", found.ref.key},
          {"store", ToString(found.store)},
          {"storeID", found.ref.store.ToString()},
          {"owner", found.ref.owner.ToString()},
          {"origin", found.origin},
          {"sequence", found.ref.sequence},
          {"time", FormatTime(found.time)},
          {"bytes", found.bytes},
          {"newBytes", found.new_bytes},
          {"records", found.records},
          {"verified", found.sound()},
          {"verification", VerificationJson(found.verification)},
          {"held", found.ref.held}};
}

json CollectionJson(const contract::ManifestCollection& collection) {
  return {{"id", collection.id.ToString()},
          {"name", collection.name},
          {"records", collection.records},
          {"dimension", collection.dimension ? json(*collection.dimension) : json(nullptr)}};
}

// --- differences ---

std::map<std::string_view, uint32_t> ChunksOf(const Manifest& manifest) {
  std::map<std::string_view, uint32_t> chunks;
  for (const contract::ManifestFile& file : manifest.files) {
    for (const contract::Chunk& chunk : file.chunks) chunks.emplace(chunk.sha256, chunk.bytes);
  }
  return chunks;
}

// Those of `a` that `b` lacks: {chunks, bytes}.
json OnlyIn(const std::map<std::string_view, uint32_t>& a,
            const std::map<std::string_view, uint32_t>& b) {
  uint64_t chunks = 0, bytes = 0;
  for (const auto& [sha256, length] : a) {
    if (b.contains(sha256)) continue;
    ++chunks;
    bytes += length;
  }
  return {{"chunks", chunks}, {"bytes", bytes}};
}

json CollectionsDiff(const Manifest& from, const Manifest& to) {
  std::map<Uuid, const contract::ManifestCollection*> before;
  for (const auto& each : from.collections) before.emplace(each.id, &each);
  json added = json::array(), removed = json::array(), changed = json::array();
  for (const auto& each : to.collections) {
    const auto old = before.find(each.id);
    if (old == before.end()) {
      added.push_back(CollectionJson(each));
      continue;
    }
    if (!(*old->second == each)) {
      json change = CollectionJson(each);
      change["recordsBefore"] = old->second->records;
      if (old->second->name != each.name) change["nameBefore"] = old->second->name;
      changed.push_back(std::move(change));
    }
    before.erase(old);
  }
  for (const auto& [id, each] : before) removed.push_back(CollectionJson(*each));
  return {{"added", added}, {"removed", removed}, {"changed", changed}};
}

json DiffJson(const Manifest& from, const Manifest& to) {
  const auto old_chunks = ChunksOf(from), new_chunks = ChunksOf(to);
  const auto side = [](const Manifest& manifest) -> json {
    return {{"uid", manifest.uid.ToString()},
            {"sequence", manifest.sequence},
            {"time", FormatTime(manifest.time)},
            {"records", manifest.records},
            {"bytes", manifest.bytes()}};
  };
  return {{"from", side(from)},
          {"to", side(to)},
          {"added", OnlyIn(new_chunks, old_chunks)},
          {"removed", OnlyIn(old_chunks, new_chunks)},
          {"collections", CollectionsDiff(from, to)}};
}

// --- routes ---

class Routes {
 public:
  Routes(Repositories& repositories, SnapshotFinder& finder, const Clock& clock)
      : repositories_(repositories), finder_(finder), clock_(clock) {}

  Result<http::Response> ListRepositories() const;
  Result<http::Response> ListSnapshots(const Call& call) const;
  Result<http::Response> ShowSnapshot(const Call& call) const;
  Result<http::Response> Diff(const Call& call) const;

 private:
  SteadyTime Deadline() const { return clock_.Steady() + kPatience; }
  Result<Manifest> ManifestOf(Repository& repository, const std::optional<std::string>& uid,
                              std::string_view name, SteadyTime deadline) const;

  Repositories& repositories_;
  SnapshotFinder& finder_;
  const Clock& clock_;
};

Result<http::Response> Routes::ListRepositories() const {
  json list = json::array();
  for (const auto& each : repositories_.List(/*look=*/true, Deadline())) {
    list.push_back({{"name", each.name},
                    {"type", each.type},
                    {"location", each.location},
                    {"state", each.state},
                    {"id", each.id.IsNil() ? json(nullptr) : json(each.id.ToString())},
                    {"message", each.message}});
  }
  return Json(200, {{"repositories", std::move(list)}});
}

Result<http::Response> Routes::ListSnapshots(const Call& call) const {
  const SteadyTime deadline = Deadline();
  const auto repository = TRY(repositories_.Open(call.parameters[0], deadline));
  std::optional<operations::StoreName> store;
  if (const auto name = call.Query("store")) {
    store = operations::ParseStoreName(*name);
    if (!store) return InvalidArgument("the parameter \"store\" must be TENANT/DATABASE");
  }
  SnapshotFinder::Listing listing = TRY(finder_.List(*repository, store, Uuid(), deadline));
  json list = json::array();
  for (FoundSnapshot& each : listing.snapshots) {
    if (list.size() == kListedMax) break;
    TRY(SnapshotFinder::ReadVerification(*repository, each, deadline));
    list.push_back(SnapshotJson(each));
  }
  return Json(200, {{"snapshots", std::move(list)},
                    {"total", listing.snapshots.size()},
                    {"unreadable", listing.unreadable}});
}

Result<http::Response> Routes::ShowSnapshot(const Call& call) const {
  const SteadyTime deadline = Deadline();
  const auto repository = TRY(repositories_.Open(call.parameters[0], deadline));
  FoundSnapshot found;
  found.ref = TRY(finder_.Find(*repository, TRY(ParseUid(call.parameters[1])), deadline));
  const Manifest manifest = TRY(repository->ReadManifest(found.ref.key, deadline));
  found.store = {manifest.tenant, manifest.database};
  found.origin = manifest.origin;
  found.time = manifest.time;
  found.bytes = manifest.bytes();
  found.new_bytes = manifest.new_bytes;
  found.records = manifest.records;
  TRY(SnapshotFinder::ReadVerification(*repository, found, deadline));
  json shown = SnapshotJson(found);
  shown["version"] = manifest.version;
  shown["parent"] = manifest.parent.IsNil() ? json(nullptr) : json(manifest.parent.ToString());
  shown["storedBytes"] = manifest.stored_bytes();
  shown["collections"] = json::array();
  for (const auto& each : manifest.collections)
    shown["collections"].push_back(CollectionJson(each));
  return Json(200, shown);
}

Result<Manifest> Routes::ManifestOf(Repository& repository, const std::optional<std::string>& uid,
                                    std::string_view name, SteadyTime deadline) const {
  if (!uid) return InvalidArgument("the parameter \"" + std::string(name) + "\" is missing");
  const auto ref = TRY(finder_.Find(repository, TRY(ParseUid(*uid)), deadline));
  return repository.ReadManifest(ref.key, deadline);
}

Result<http::Response> Routes::Diff(const Call& call) const {
  const SteadyTime deadline = Deadline();
  const auto repository = TRY(repositories_.Open(call.parameters[0], deadline));
  const Manifest from = TRY(ManifestOf(*repository, call.Query("from"), "from", deadline));
  const Manifest to = TRY(ManifestOf(*repository, call.Query("to"), "to", deadline));
  return Json(200, DiffJson(from, to));
}

}  // namespace

void AddRepositoryRoutes(Router& router, Repositories& repositories, SnapshotFinder& finder,
                         const Clock& clock) {
  const auto routes = std::make_shared<const Routes>(repositories, finder, clock);
  const std::string one = "/admin/v1/repositories/{name}";
  router.Add("GET", "/admin/v1/repositories",
             [routes](const Call&) { return routes->ListRepositories(); });
  router.Add("GET", one + "/snapshots",
             [routes](const Call& call) { return routes->ListSnapshots(call); });
  router.Add("GET", one + "/snapshots/{uid}",
             [routes](const Call& call) { return routes->ShowSnapshot(call); });
  router.Add("GET", one + "/diff", [routes](const Call& call) { return routes->Diff(call); });
}

}  // namespace pannier::admin
