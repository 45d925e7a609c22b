// An Api whose writes are refused once this process does not lead any more: what is between a
// reconciler that was frozen in the middle and the cluster. Reads pass. Threads: as the Api's.
// Lifetime: `api` outlives it.
#pragma once

#include <functional>
#include <nlohmann/json_fwd.hpp>
#include <stop_token>
#include <string_view>
#include <utility>

#include "operator/kube/api.h"

namespace pannier::kube {

class GuardedApi final : public Api {
 public:
  // `may_write` is asked before every write.
  GuardedApi(Api& api, std::function<bool()> may_write)
      : api_(api), may_write_(std::move(may_write)) {}

  Result<nlohmann::json> Get(const Resource& resource, const ObjectKey& key) override;
  Result<ListPage> List(const Resource& resource, const ListRequest& request,
                        const ItemSink& sink) override;
  Status Watch(const Resource& resource, const WatchRequest& request, WatchSink& sink,
               std::stop_token stop) override;
  // Writes, besides their own errors:
  //   kUnavailable  this process does not lead; nothing was sent
  Result<nlohmann::json> Create(const Resource& resource, const nlohmann::json& object) override;
  Result<nlohmann::json> Update(const Resource& resource, const nlohmann::json& object) override;
  Status Delete(const Resource& resource, const ObjectKey& key,
                const Preconditions& preconditions) override;
  Result<nlohmann::json> PatchJson(const Resource& resource, const ObjectKey& key,
                                   const nlohmann::json& operations) override;
  Result<nlohmann::json> Apply(const Resource& resource, const ObjectKey& key,
                               const nlohmann::json& object, bool force) override;
  Result<nlohmann::json> PatchStatus(const Resource& resource, const ObjectKey& key,
                                     std::string_view resource_version,
                                     const nlohmann::json& status) override;
  Result<nlohmann::json> GetPath(std::string_view path) override;

 private:
  Status Check() const;

  Api& api_;
  const std::function<bool()> may_write_;
};

}  // namespace pannier::kube
