#include "operator/reconcile/live.h"

namespace pannier::control {
namespace {

constexpr int kPagesMax = 100;

}  // namespace

Result<std::vector<nlohmann::json>> ListLive(kube::Api& api, const kube::Resource& resource,
                                             const std::string& ns, const std::string& label) {
  std::vector<nlohmann::json> all;
  kube::ListRequest request;
  request.ns = ns;
  request.label_selector = label;
  for (int page = 0; page < kPagesMax; ++page) {
    const kube::ListPage listed = TRY(
        api.List(resource, request, [&](nlohmann::json& item) { all.push_back(std::move(item)); }));
    if (listed.continue_token.empty()) return all;
    request.continue_token = listed.continue_token;
  }
  return ResourceExhausted("there are too many " + std::string(resource.plural));
}

}  // namespace pannier::control
