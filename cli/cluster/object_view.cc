#include "cli/cluster/object_view.h"

#include <algorithm>
#include <nlohmann/json.hpp>

#include "lib/core/time_text.h"
#include "operator/kube/pannier_kinds.h"

namespace pannier::cluster {

using nlohmann::json;

ConditionView ConditionOf(const json& object, std::string_view type) {
  const json& found = kube::ConditionAt(object, type);
  return {kube::TextAt(found, "/status"), kube::TextAt(found, "/reason"),
          kube::TextAt(found, "/message")};
}

bool HasEnded(const ConditionView& condition) {
  return condition.status == "True" || condition.status == "False";
}

std::optional<int64_t> NumberAt(const json& tree, std::string_view path) {
  const json& found = kube::At(tree, path);
  if (!found.is_number_integer()) return std::nullopt;
  return found.get<int64_t>();
}

std::string AgeAt(const json& tree, std::string_view path, WallTime now) {
  const std::optional<WallTime> time = ParseTime(kube::TextAt(tree, path));
  if (!time) return "-";
  const int64_t seconds =
      std::max<int64_t>(0, std::chrono::floor<std::chrono::seconds>(now - *time).count());
  if (seconds < 120) return std::to_string(seconds) + "s";
  if (seconds < 120 * 60) return std::to_string(seconds / 60) + "m";
  if (seconds < 48 * 3600) return std::to_string(seconds / 3600) + "h";
  return std::to_string(seconds / 86400) + "d";
}

Result<std::vector<json>> ListAll(kube::Api& api, const kube::Resource& resource,
                                  const std::string& ns, const std::string& label_selector) {
  std::vector<json> objects;
  kube::ListRequest request;
  request.ns = ns;
  request.label_selector = label_selector;
  do {
    const Result<kube::ListPage> page = api.List(resource, request, [&](json& item) {
      kube::TrimCommon(item);
      objects.push_back(std::move(item));
    });
    if (page.Is(Errc::kNotFound) && resource.group == kube::kPannierGroup) {
      return NotFound("the API server does not know " + std::string(resource.plural) + "." +
                          std::string(kube::kPannierGroup),
                      "install the operator with its custom resources (charts/pannier), or choose "
                      "another --context");
    }
    request.continue_token = TRY(page).continue_token;
    if (objects.size() > kObjectsMax) {
      return ResourceExhausted(
          "more than " + std::to_string(kObjectsMax) + " " + std::string(resource.plural),
          "choose one namespace");
    }
  } while (!request.continue_token.empty());
  std::sort(objects.begin(), objects.end(), [](const json& a, const json& b) {
    const auto key = [](const json& object) {
      return std::pair(kube::TextAt(object, "/metadata/namespace"),
                       kube::TextAt(object, "/metadata/name"));
    };
    return key(a) < key(b);
  });
  return objects;
}

}  // namespace pannier::cluster
