#include "operator/reconcile/carry_out.h"

#include <algorithm>

#include "lib/core/log.h"
#include "operator/kube/json_patch.h"

namespace pannier::control {
namespace {

using Json = nlohmann::json;
using kube::TextAt;

// A due time this far off is looked at sooner, in case the clock is put forward.
constexpr std::chrono::minutes kLookMax{15};
// The cache learns of our own write first, which wakes the object sooner than this; who looks
// before it writes in vain.
constexpr std::chrono::milliseconds kLookMin{300};

Result<kube::Resource> ResourceNamed(const std::string& plural) {
  if (plural == kube::kClaims.plural) return kube::kClaims;
  for (const kube::Resource& each : kOurKinds) {
    if (plural == each.plural) return each;
  }
  return Internal("a plan names objects of an unknown kind: " + plural);
}

Result<kube::Resource> ResourceOfKind(const std::string& kind) {
  for (const kube::Resource& each : kOurKinds) {
    if (kind == each.kind) return each;
  }
  return Internal("a plan creates an object of an unknown kind: " + kind);
}

}  // namespace

kube::Action LookAgain(const std::optional<WallTime>& when, WallTime now) {
  if (!when) return kube::Action::AwaitChange();
  return kube::Action::After(std::clamp<std::chrono::nanoseconds>(*when - now, kLookMin, kLookMax));
}

Steps::Steps(Context& context, const Pass& pass)
    : context_(context),
      pass_(pass),
      key_{TextAt(pass.tree, "/metadata/namespace"), TextAt(pass.tree, "/metadata/name")},
      version_(TextAt(pass.tree, "/metadata/resourceVersion")) {}

Status Steps::AddFinalizer() {
  version_ = TRY(kube::AddFinalizer(context_.api, pass_.resource, pass_.tree, kSnapshotFinalizer));
  return {};
}

Status Steps::Create(const Json& object) {
  const kube::Resource resource = TRY(ResourceOfKind(TextAt(object, "/kind")));
  TRY(context_.api.Create(resource, object));
  return {};
}

Status Steps::Resume(const ObjectRef& operation) {
  const kube::Resource resource = TRY(ResourceNamed(operation.resource));
  Json operations = kube::PatchOf(operation.uid, operation.resource_version);
  operations.push_back(kube::PatchOperation("add", "/spec/suspend", false));
  return kube::AsConflict(context_.api.PatchJson(resource, {key_.ns, operation.name}, operations));
}

Status Steps::Annotate(const Annotation& annotation) {
  const ObjectRef& object = annotation.object;
  const kube::Resource resource = TRY(ResourceNamed(object.resource));
  const kube::ObjectKey key{key_.ns, object.name};
  const Json tree = TRY(context_.api.Get(resource, key));
  const bool has_any = tree.contains("/metadata/annotations"_json_pointer);
  const std::string path = kube::PointerTo("/metadata/annotations", annotation.key);
  Json operations = kube::PatchOf(object.uid, object.resource_version);
  if (annotation.value) {
    if (!has_any)
      operations.push_back(kube::PatchOperation("add", "/metadata/annotations", Json::object()));
    operations.push_back(kube::PatchOperation("add", path, *annotation.value));
  } else {
    if (!has_any || !tree["metadata"]["annotations"].contains(annotation.key)) return {};
    operations.push_back({{"op", "remove"}, {"path", path}});
  }
  return kube::AsConflict(context_.api.PatchJson(resource, key, operations));
}

Result<const DaemonAddress*> Steps::Daemon(const std::string& pod_uid) const {
  const auto found =
      std::find_if(pass_.daemons.begin(), pass_.daemons.end(),
                   [&](const DaemonAddress& each) { return each.pod_uid == pod_uid; });
  if (found == pass_.daemons.end()) return NotFound("the pod " + pod_uid + " is gone");
  return &*found;
}

Status Steps::Start(const DaemonStart& start) {
  const DaemonAddress* daemon = TRY(Daemon(start.pod_uid));
  const int64_t epoch = TRY(context_.Epoch());
  return context_.daemons.Start(*daemon, start.uid, start.body, epoch)
      .Context("pod " + daemon->pod_name);
}

Result<RepositorySecrets> Steps::SecretsOfRepository() {
  if (!pass_.repository || !pass_.repository->spec.s3) {
    return Internal("a plan asks S3 for what is not in S3");
  }
  return context_.secrets.Of(*pass_.repository);
}

Status Steps::Grant(const DaemonGrant& grant) {
  const DaemonAddress* daemon = TRY(Daemon(grant.pod_uid));
  const RepositorySecrets secrets = TRY(SecretsOfRepository());
  const std::vector<GrantedUrl> urls =
      TRY(context_.s3.Presign(*pass_.repository, secrets, grant.items, kGrantedFor));
  const int64_t epoch = TRY(context_.Epoch());
  return context_.daemons.Grant(*daemon, grant.uid, urls, epoch).Context("pod " + daemon->pod_name);
}

// Of a pod that is gone, or does not answer, nothing is left to cancel: it is never waited for.
Status Steps::Cancel(const DaemonCancel& cancel) {
  const Result<const DaemonAddress*> daemon = Daemon(cancel.pod_uid);
  if (!daemon.ok()) return {};
  const int64_t epoch = TRY(context_.Epoch());
  const Status cancelled = context_.daemons.Cancel(**daemon, cancel.uid, epoch);
  const bool is_silent = cancelled.Is(Errc::kUnavailable) || cancelled.Is(Errc::kDeadlineExceeded);
  if (is_silent) return {};
  return Status(cancelled).Context("pod " + (*daemon)->pod_name);
}

Status Steps::DeleteManifest(const ManifestRef& manifest) {
  TRY(context_.Epoch());
  if (!pass_.complete) return Unavailable("not everything could be read: nothing is deleted");
  const RepositorySecrets secrets = TRY(SecretsOfRepository());
  return context_.s3.DeleteManifest(*pass_.repository, secrets, manifest);
}

Status Steps::WriteStatus(const std::optional<Json>& patch) {
  if (!patch) return {};
  const Json written =
      TRY(context_.api.PatchStatus(pass_.resource, key_, version_, patch->at("status")));
  version_ = TextAt(written, "/metadata/resourceVersion");
  return {};
}

Status Steps::Remove(const ObjectRef& object) {
  const kube::Resource resource = TRY(ResourceNamed(object.resource));
  if (!pass_.complete) {
    Tell({true, "NotRemoved", object.name + " stays: not everything could be read"});
    return {};
  }
  if (!context_.definitions.AreComplete()) {
    Tell({true, "NotRemoved", object.name + " stays: a CustomResourceDefinition is outdated"});
    return {};
  }
  if (resource.plural == kube::kClaims.plural && !context_.allow_claim_deletion) {
    Tell({true, "NotAllowed", "the operator may not delete claims; " + object.name + " stays"});
    return {};
  }
  if (object.uid.empty()) return Internal("a plan removes " + object.name + " without its uid");
  // Its own status may have been written in this pass.
  const bool is_itself = object.uid == TextAt(pass_.tree, "/metadata/uid");
  const std::string version = is_itself ? version_ : object.resource_version;
  LogInfo("an object is removed")
      .Add("kind", resource.kind)
      .Add("key", kube::ObjectKey{key_.ns, object.name}.ToString())
      .Add("why", object.why);
  return kube::DeleteIfPresent(context_.api, resource, {key_.ns, object.name},
                               {object.uid, version});
}

Status Steps::Release() {
  return kube::RemoveFinalizer(context_.api, pass_.resource, pass_.tree, kSnapshotFinalizer);
}

void Steps::Tell(const PlanEvent& event) {
  context_.tell(kube::RegardingOf(pass_.resource, key_, TextAt(pass_.tree, "/metadata/uid")),
                event);
}

}  // namespace pannier::control
