#include "lib/inject/sidecar.h"

#include <set>

#include "lib/inject/container.h"
#include "lib/inject/patch.h"

namespace pannier::inject {
namespace {

using nlohmann::json;

constexpr const char* kInitContainers = "/spec/initContainers";
constexpr const char* kContainers = "/spec/containers";
constexpr const char* kVolumes = "/spec/volumes";
constexpr size_t kNone = static_cast<size_t>(-1);
constexpr int kVolumeGroup = 65532;

std::string TextOf(const json& object, const char* member) {
  const auto found = object.is_object() ? object.find(member) : object.end();
  return found != object.end() && found->is_string() ? found->get<std::string>() : std::string();
}

// The entry of a list of objects that has this name.
size_t IndexOf(const json& list, const std::string& name) {
  for (size_t i = 0; i < list.size(); ++i) {
    if (TextOf(list[i], "name") == name) return i;
  }
  return kNone;
}

// A list of objects, or absent.
Status CheckList(const json& spec, const char* member) {
  const auto found = spec.find(member);
  if (found == spec.end() || found->is_null()) return {};
  const Error bad = Malformed(std::string("spec.") + member + " is no list of objects");
  if (!found->is_array()) return bad;
  for (const json& entry : *found) {
    if (!entry.is_object()) return bad;
    for (const char* list : {"env", "volumeMounts"}) {
      const auto inner = entry.find(list);
      if (inner != entry.end() && !inner->is_null() && !inner->is_array()) return bad;
    }
  }
  return {};
}

// What the rest of the code may take for granted.
Status CheckShape(const json& pod) {
  const auto spec = pod.is_object() ? pod.find("spec") : pod.end();
  const auto metadata = pod.is_object() ? pod.find("metadata") : pod.end();
  if (spec == pod.end() || !spec->is_object()) return Malformed("a pod has an object spec");
  if (metadata == pod.end() || !metadata->is_object()) {
    return Malformed("a pod has an object metadata");
  }
  for (const char* list : {"containers", "initContainers", "volumes"}) TRY(CheckList(*spec, list));
  for (const char* map : {"labels", "annotations"}) {
    const auto found = metadata->find(map);
    if (found != metadata->end() && !found->is_null() && !found->is_object()) {
      return Malformed(std::string("metadata.") + map + " is no object");
    }
  }
  const auto context = spec->find("securityContext");
  if (context != spec->end() && !context->is_null() && !context->is_object()) {
    return Malformed("spec.securityContext is no object");
  }
  const size_t count = spec->value("containers", json::array()).size() +
                       spec->value("initContainers", json::array()).size();
  if (count > kContainersMax) {
    return ResourceExhausted("the pod has " + std::to_string(count) +
                             " containers; a sidecar is injected into those with at most " +
                             std::to_string(kContainersMax));
  }
  return {};
}

bool IsInjected(const json& pod) {
  return !TextOf(pod["metadata"].value("labels", json()), kInjectedLabel).empty();
}

// What is in the way of a sidecar.
Status CheckConflicts(const json& pod, const Sidecar& sidecar) {
  const json& spec = pod["spec"];
  const std::string name = kContainerName;
  const bool is_taken =
      IndexOf(spec.value("containers", json::array()), name) != kNone ||
      (!IsInjected(pod) && IndexOf(spec.value("initContainers", json::array()), name) != kNone);
  if (is_taken) {
    return InvalidArgument("the pod has a container named pannierd of its own",
                           "rename it: that is the sidecar's name");
  }
  if (sidecar.loopback_port != 0 && spec.value("hostNetwork", json()) == json(true)) {
    return InvalidArgument(
        "the pod uses the node's network, whose loopback is open to the whole node",
        "set spec.loopbackPort of the VectorStore to 0, or hostNetwork to false");
  }
  const Storage& storage = sidecar.storage;
  if (storage.kind == Storage::Kind::kExistingVolume &&
      IndexOf(spec.value("volumes", json::array()), storage.volume) == kNone) {
    return InvalidArgument("the pod has no volume named \"" + storage.volume +
                               "\", in which VectorStore " + sidecar.vector_store +
                               " keeps its data",
                           "add it to the pod, or to the StatefulSet's volumeClaimTemplates");
  }
  return {};
}

// Whether everything `wanted` says stands in `present`, which the API server may have filled with
// defaults since.
bool Covers(const json& present, const json& wanted) {
  if (wanted.is_object()) {
    if (!present.is_object()) return false;
    for (const auto& [key, value] : wanted.items()) {
      const auto found = present.find(key);
      if (found == present.end() || !Covers(*found, value)) return false;
    }
    return true;
  }
  if (!wanted.is_array()) return present == wanted;
  if (!present.is_array() || present.size() < wanted.size()) return false;
  for (size_t i = 0; i < wanted.size(); ++i) {
    if (!Covers(present[i], wanted[i])) return false;
  }
  return true;
}

void PutVolumes(Patch& patch, const Sidecar& sidecar) {
  patch.Ensure(kVolumes, json::array());
  for (const json& volume : VolumesOf(sidecar)) {
    const size_t at = IndexOf(patch.At(kVolumes), TextOf(volume, "name"));
    if (at == kNone) {
      patch.Append(kVolumes, volume);
    } else if (!Covers(patch.At(kVolumes)[at], volume)) {
      patch.Replace(kVolumes, at, volume);
    }
  }
}

bool RunsAsRoot(const Patch& patch) {
  return patch.At("/spec/securityContext/runAsUser") == json(0);
}

// First of all, so that it serves before any other init container runs.
void PutContainer(Patch& patch, const Sidecar& sidecar) {
  const json container = ContainerOf(sidecar, RunsAsRoot(patch));
  patch.Ensure(kInitContainers, json::array());
  const size_t at = IndexOf(patch.At(kInitContainers), kContainerName);
  if (at == 0) {
    if (!Covers(patch.At(kInitContainers)[0], container)) {
      patch.Replace(kInitContainers, 0, container);
    }
    return;
  }
  if (at != kNone) patch.Remove(kInitContainers, at);
  patch.Prepend(kInitContainers, container);
}

void AddVariable(Patch& patch, const std::string& container, const char* name,
                 const std::string& value) {
  patch.Ensure(container + "/env", json::array());
  patch.Append(container + "/env", {{"name", name}, {"value", value}});
}

// Variables that the container sets itself stay as they are; of host and port it is both or none.
void PutVariables(Patch& patch, const std::string& container, const Sidecar& sidecar) {
  std::set<std::string> present;
  for (const json& variable : patch.At(container).value("env", json::array())) {
    present.insert(TextOf(variable, "name"));
  }
  if (!present.contains("PANNIER_SOCKET")) {
    AddVariable(patch, container, "PANNIER_SOCKET", SocketOf(sidecar));
  }
  if (sidecar.loopback_port == 0) return;
  if (present.contains("CHROMA_HOST") || present.contains("CHROMA_PORT")) return;
  AddVariable(patch, container, "CHROMA_HOST", "127.0.0.1");
  AddVariable(patch, container, "CHROMA_PORT", std::to_string(sidecar.loopback_port));
}

Status PutMount(Patch& patch, const std::string& container, const Sidecar& sidecar) {
  const std::string path = container + "/volumeMounts";
  for (const json& mount : patch.At(container).value("volumeMounts", json::array())) {
    if (TextOf(mount, "name") == kSocketVolume) return {};
    if (TextOf(mount, "mountPath") == sidecar.socket_mount_path) {
      return InvalidArgument("container " + TextOf(patch.At(container), "name") +
                                 " has something else mounted at " + sidecar.socket_mount_path,
                             "choose another spec.socketMountPath of the VectorStore");
    }
  }
  patch.Ensure(path, json::array());
  patch.Append(path, {{"name", kSocketVolume}, {"mountPath", sidecar.socket_mount_path}});
  return {};
}

Status PutIntoWorkers(Patch& patch, const Sidecar& sidecar) {
  const size_t count = patch.At(kContainers).size();
  for (size_t i = 0; i < count; ++i) {
    const std::string container = std::string(kContainers) + "/" + std::to_string(i);
    TRY(PutMount(patch, container, sidecar));
    PutVariables(patch, container, sidecar);
  }
  return {};
}

// A claim belongs to root unless a group is named, and then a daemon that is not root could not
// write.
void PutGroup(Patch& patch, const Sidecar& sidecar) {
  if (sidecar.storage.kind == Storage::Kind::kEmptyDir && sidecar.repositories.empty()) return;
  patch.Ensure("/spec/securityContext", json::object());
  if (patch.At("/spec/securityContext").contains("fsGroup")) return;
  patch.Set("/spec/securityContext/fsGroup", kVolumeGroup);
  patch.Ensure("/spec/securityContext/fsGroupChangePolicy", "OnRootMismatch");
}

void PutMetadata(Patch& patch, const Sidecar& sidecar) {
  patch.Ensure("/metadata/labels", json::object());
  patch.Set("/metadata/labels/" + PathPart(kInjectedLabel), "true");
  patch.Ensure("/metadata/annotations", json::object());
  patch.Set("/metadata/annotations/" + PathPart(kConfigAnnotation), ConfigOf(sidecar));
}

}  // namespace

Status CheckConfig(const json& config) {
  if (!config.is_object()) return InvalidArgument("it must be an object");
  for (const char* key : {"/dataDir", "/listen/socket", "/listen/admin", "/listen/tcp"}) {
    if (!config.contains(json::json_pointer(key))) continue;
    return InvalidArgument(std::string(key + 1) + " is set by the injection",
                           "leave it out; storage, socketMountPath and loopbackPort decide it");
  }
  if (config.contains("repositories") && !config["repositories"].is_array()) {
    return InvalidArgument("repositories must be a list");
  }
  return {};
}

Result<json> PatchFor(const json& pod, const Sidecar& sidecar) {
  TRY(CheckShape(pod));
  TRY(CheckConflicts(pod, sidecar));
  Patch patch(pod);
  PutVolumes(patch, sidecar);
  PutContainer(patch, sidecar);
  TRY(PutIntoWorkers(patch, sidecar));
  PutGroup(patch, sidecar);
  PutMetadata(patch, sidecar);
  return patch.steps();
}

std::optional<std::string> WantedBy(const json& pod) {
  if (!pod.is_object()) return std::nullopt;
  const auto metadata = pod.find("metadata");
  if (metadata == pod.end() || !metadata->is_object()) return std::nullopt;
  const auto labels = metadata->find("labels");
  if (labels == metadata->end()) return std::nullopt;
  std::string name = TextOf(*labels, kOptInLabel);
  return name.empty() ? std::nullopt : std::optional(std::move(name));
}

}  // namespace pannier::inject
