#include "operator/kube/guarded_api.h"

#include <nlohmann/json.hpp>

namespace pannier::kube {

using Json = nlohmann::json;

Status GuardedApi::Check() const {
  if (may_write_()) return {};
  return Unavailable("this operator does not lead any more; nothing was written");
}

Result<Json> GuardedApi::Get(const Resource& resource, const ObjectKey& key) {
  return api_.Get(resource, key);
}

Result<ListPage> GuardedApi::List(const Resource& resource, const ListRequest& request,
                                  const ItemSink& sink) {
  return api_.List(resource, request, sink);
}

Status GuardedApi::Watch(const Resource& resource, const WatchRequest& request, WatchSink& sink,
                         std::stop_token stop) {
  return api_.Watch(resource, request, sink, std::move(stop));
}

Result<Json> GuardedApi::Create(const Resource& resource, const Json& object) {
  TRY(Check());
  return api_.Create(resource, object);
}

Result<Json> GuardedApi::Update(const Resource& resource, const Json& object) {
  TRY(Check());
  return api_.Update(resource, object);
}

Status GuardedApi::Delete(const Resource& resource, const ObjectKey& key,
                          const Preconditions& preconditions) {
  TRY(Check());
  return api_.Delete(resource, key, preconditions);
}

Result<Json> GuardedApi::PatchJson(const Resource& resource, const ObjectKey& key,
                                   const Json& operations) {
  TRY(Check());
  return api_.PatchJson(resource, key, operations);
}

Result<Json> GuardedApi::Apply(const Resource& resource, const ObjectKey& key, const Json& object,
                               bool force) {
  TRY(Check());
  return api_.Apply(resource, key, object, force);
}

Result<Json> GuardedApi::PatchStatus(const Resource& resource, const ObjectKey& key,
                                     std::string_view resource_version, const Json& status) {
  TRY(Check());
  return api_.PatchStatus(resource, key, resource_version, status);
}

Result<Json> GuardedApi::GetPath(std::string_view path) { return api_.GetPath(path); }

}  // namespace pannier::kube
