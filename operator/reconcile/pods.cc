#include "operator/reconcile/pods.h"

#include "lib/contract/places.h"
#include "lib/inject/sidecar.h"
#include "operator/daemons/admin_certificates.h"
#include "operator/kube/object.h"
#include "operator/resource/names.h"

namespace pannier::control {
namespace {

using Json = nlohmann::json;
using kube::TextAt;

bool HasEnded(const Json& pod) {
  const std::string phase = TextAt(pod, "/status/phase");
  return phase == "Succeeded" || phase == "Failed";
}

PodView ViewOf(const Json& pod) {
  const Meta meta = ReadMeta(pod);
  return {meta.uid, meta.name, meta.Label(inject::kInjectedLabel) == "true", meta.IsDeleting()};
}

std::string UrlOf(const Json& pod, bool honours_annotation) {
  const std::string elsewhere = ReadMeta(pod).Annotation(kAdminAddress);
  if (honours_annotation && !elsewhere.empty()) return "https://" + elsewhere;
  const std::string ip = TextAt(pod, "/status/podIP");
  if (ip.empty()) return "";
  const bool is_v6 = ip.find(':') != std::string::npos;
  return "https://" + (is_v6 ? "[" + ip + "]" : ip) + ":" + std::to_string(contract::kAdminPort);
}

}  // namespace

void TrimPod(Json& pod) {
  const Meta meta = ReadMeta(pod);
  Json metadata = {{"name", meta.name},
                   {"namespace", meta.name_space},
                   {"uid", meta.uid},
                   {"resourceVersion", meta.resource_version}};
  for (const char* label : {kVectorStoreLabel, inject::kInjectedLabel}) {
    if (const std::string value = meta.Label(label); !value.empty()) {
      metadata["labels"][label] = value;
    }
  }
  if (const std::string value = meta.Annotation(kAdminAddress); !value.empty()) {
    metadata["annotations"][kAdminAddress] = value;
  }
  if (meta.IsDeleting()) metadata["deletionTimestamp"] = TextAt(pod, "/metadata/deletionTimestamp");
  Json status = {{"phase", TextAt(pod, "/status/phase")}, {"podIP", TextAt(pod, "/status/podIP")}};
  pod = Json{{"metadata", std::move(metadata)}, {"status", std::move(status)}};
}

std::vector<PodView> ViewsOf(const std::vector<Json>& pods) {
  std::vector<PodView> views;
  for (const Json& pod : pods) {
    if (!HasEnded(pod)) views.push_back(ViewOf(pod));
  }
  return views;
}

std::vector<DaemonAddress> AddressesOf(const std::vector<Json>& pods,
                                       const std::string& vector_store_uid,
                                       bool honours_annotation) {
  std::vector<DaemonAddress> addresses;
  for (const Json& pod : pods) {
    const PodView view = ViewOf(pod);
    if (HasEnded(pod) || !view.injected || view.deleting) continue;
    addresses.push_back(
        {view.uid, view.name, UrlOf(pod, honours_annotation), AdminNameOf(vector_store_uid)});
  }
  return addresses;
}

}  // namespace pannier::control
