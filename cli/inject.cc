#include "cli/inject.h"

#include <nlohmann/json.hpp>
#include <optional>
#include <vector>

#include "cli/manifest.h"
#include "cli/output.h"
#include "lib/file/file_system.h"
#include "lib/inject/vector_store.h"

namespace pannier::cli {
namespace {

using nlohmann::json;

constexpr uint64_t kFileBytesMax = 16 << 20;

// Where a kind has its pod; nothing for kinds without one.
std::optional<std::string> PodIn(const std::string& kind) {
  if (kind == "Pod") return "";
  if (kind == "CronJob") return "/spec/jobTemplate/spec/template";
  for (const char* workload :
       {"Deployment", "StatefulSet", "DaemonSet", "ReplicaSet", "Job", "ReplicationController"}) {
    if (kind == workload) return "/spec/template";
  }
  return std::nullopt;
}

std::string TextAt(const json& object, const char* path) {
  const json::json_pointer pointer(path);
  if (!object.contains(pointer) || !object.at(pointer).is_string()) return "";
  return object.at(pointer).get<std::string>();
}

// A StatefulSet's pods have volumes that its template does not list.
std::vector<std::string> ClaimTemplatesOf(const json& manifest) {
  std::vector<std::string> names;
  const json::json_pointer path("/spec/volumeClaimTemplates");
  if (!manifest.contains(path) || !manifest.at(path).is_array()) return names;
  for (const json& claim : manifest.at(path)) names.push_back(TextAt(claim, "/metadata/name"));
  return names;
}

Result<json> InjectIntoPod(json pod, const inject::Sidecar& sidecar,
                           const std::vector<std::string>& claims) {
  json& volumes = pod["spec"]["volumes"];
  if (volumes.is_null()) volumes = json::array();
  const size_t own = volumes.size();
  for (const std::string& claim : claims) volumes.push_back({{"name", claim}});
  const json patch = TRY(inject::PatchFor(pod, sidecar));
  pod = pod.patch(patch);
  json& after = pod["spec"]["volumes"];
  for (size_t i = 0; i < claims.size(); ++i) after.erase(own);
  return pod;
}

Result<std::vector<json>> Read(const std::string& file) {
  const std::string text =
      TRY(file::ReadFile(file::RealFileSystem(), file, kFileBytesMax).Context("read the manifest"));
  return ParseManifests(text, file);
}

// The only resource of that kind in a file.
Result<json> ReadOne(const std::string& file, const std::string& kind) {
  for (json& manifest : TRY(Read(file))) {
    if (TextAt(manifest, "/kind") == kind) return std::move(manifest);
  }
  return InvalidArgument(file + ": there is no " + kind + " in it");
}

std::string Written(const std::vector<json>& manifests, Format format) {
  if (format == Format::kJson) {
    if (manifests.size() == 1) return ToJson(manifests.front());
    return ToJson({{"apiVersion", "v1"}, {"kind", "List"}, {"items", manifests}});
  }
  std::string text;
  for (const json& manifest : manifests) text += (text.empty() ? "" : "---\n") + ToYaml(manifest);
  return text;
}

}  // namespace

Result<json> InjectInto(json manifest, const inject::Sidecar& sidecar, int* found) {
  const std::string kind = TextAt(manifest, "/kind");
  if (kind == "List" && manifest["items"].is_array()) {
    for (json& item : manifest["items"]) item = TRY(InjectInto(std::move(item), sidecar, found));
    return manifest;
  }
  const std::optional<std::string> where = PodIn(kind);
  if (!where) return manifest;
  const json::json_pointer path(*where);
  if (!manifest.contains(path)) return manifest;
  json& pod = manifest.at(path);
  if (inject::WantedBy(pod) != sidecar.vector_store) return manifest;
  ++*found;
  const std::string name = kind + " " + TextAt(manifest, "/metadata/name");
  pod = TRY(InjectIntoPod(pod, sidecar, ClaimTemplatesOf(manifest)).Context(name));
  return manifest;
}

Result<std::string> Inject(const Arguments& arguments) {
  const json vector_store = TRY(ReadOne(arguments.vector_store_file, "VectorStore"));
  json repository;
  if (!arguments.repository_file.empty()) {
    repository = TRY(ReadOne(arguments.repository_file, "SnapshotRepository"));
  }
  const inject::Installation installation{arguments.image, "", {}};
  const inject::Sidecar sidecar = TRY(inject::SidecarOf(vector_store, repository, installation)
                                          .Context(arguments.vector_store_file));
  std::vector<json> manifests = TRY(Read(arguments.file));
  int found = 0;
  for (json& manifest : manifests) {
    manifest = TRY(InjectInto(std::move(manifest), sidecar, &found));
  }
  if (found > 0) return Written(manifests, arguments.format);
  return InvalidArgument(
      arguments.file + ": nothing in it waits for VectorStore " + sidecar.vector_store,
      std::string("label the pod template ") + inject::kOptInLabel + ": " + sidecar.vector_store);
}

}  // namespace pannier::cli
