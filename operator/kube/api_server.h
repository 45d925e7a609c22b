// The real API server over HTTPS. Keeps a few connections open and uses them again; paces itself
// (TokenBucket); waits when the server says 429; reads a token file again as kubelet renews it.
// Threads: any; as many calls at once as there are callers. Lifetime: clock outlives it.
#pragma once

#include <chrono>
#include <memory>
#include <nlohmann/json_fwd.hpp>
#include <stop_token>
#include <string>
#include <string_view>

#include "lib/core/clock.h"
#include "operator/kube/access.h"
#include "operator/kube/api.h"
#include "operator/kube/metrics.h"

namespace pannier::kube {

class Transport;

class ApiServer final : public Api {
 public:
  struct Options {
    std::string field_manager = "pannier-operator";
    std::string user_agent = "pannier-operator";
    std::chrono::milliseconds connect_timeout{5'000};
    std::chrono::milliseconds timeout{30'000};  // of a call, its waits included
    double calls_per_second = 50;               // 0: no limit
    double calls_burst = 100;
    uint64_t answer_bytes_max = 32ull << 20;  // of anything but a watch
    uint64_t event_bytes_max = 4ull << 20;  // of one line of a watch; etcd keeps objects of 1.5 MiB
  };

  //   kInvalidArgument  the address, certificates or key are none
  static Result<std::unique_ptr<ApiServer>> Make(Access access, Options options, const Clock& clock,
                                                 RuntimeMetrics metrics);
  ~ApiServer() override;

  Result<nlohmann::json> Get(const Resource& resource, const ObjectKey& key) override;
  Result<ListPage> List(const Resource& resource, const ListRequest& request,
                        const ItemSink& sink) override;
  Status Watch(const Resource& resource, const WatchRequest& request, WatchSink& sink,
               std::stop_token stop) override;
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
  ApiServer(std::unique_ptr<Transport> transport, Options options);
  // The JSON of a 2xx answer.
  Result<nlohmann::json> Ask(std::string_view method, std::string path, const std::string& body,
                             std::string_view content_type, std::string_view doing);

  const Options options_;
  const std::unique_ptr<Transport> transport_;
};

}  // namespace pannier::kube
