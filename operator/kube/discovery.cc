#include "operator/kube/discovery.h"

#include <algorithm>
#include <nlohmann/json.hpp>

namespace pannier::kube {
namespace {

using Json = nlohmann::json;

// The members of a list of objects; an empty one when it is none.
const Json& ListAt(const Json& tree, const char* name) {
  static const Json kNone = Json::array();
  const auto found = tree.find(name);
  return found != tree.end() && found->is_array() ? *found : kNone;
}

void Collect(const Json& list, const std::string& version, std::vector<ServedKind>* kinds) {
  for (const Json& each : ListAt(list, "resources")) {
    const std::string name = TextAt(each, "/name");
    const size_t slash = name.find('/');
    const std::string plural = name.substr(0, slash);
    if (slash == std::string::npos) {
      const auto namespaced = each.find("namespaced");
      const bool is_namespaced = namespaced != each.end() && *namespaced == true;
      kinds->push_back({version, plural, TextAt(each, "/kind"), is_namespaced, false});
    } else if (name.substr(slash + 1) == "status") {
      for (ServedKind& kind : *kinds) {
        if (kind.plural == plural && kind.version == version) kind.has_status = true;
      }
    }
  }
}

std::string VersionsOf(const std::vector<ServedKind>& kinds, std::string_view plural) {
  std::string versions;
  for (const ServedKind& kind : kinds) {
    if (kind.plural != plural) continue;
    versions += (versions.empty() ? "" : ", ") + kind.version;
  }
  return versions.empty() ? "none" : versions;
}

}  // namespace

Result<std::vector<ServedKind>> Discover(Api& api, std::string_view group) {
  const std::string base = "/apis/" + std::string(group);
  const Json versions = TRY(api.GetPath(base));
  std::vector<ServedKind> kinds;
  for (const Json& each : ListAt(versions, "versions")) {
    const std::string version = TextAt(each, "/version");
    const Json list = TRY(api.GetPath(base + "/" + version));
    Collect(list, version, &kinds);
  }
  return kinds;
}

Status CheckServed(Api& api, std::span<const Resource> wanted) {
  static constexpr std::string_view kHint =
      "install or upgrade the CustomResourceDefinitions that belong to this operator's version";
  std::vector<ServedKind> served;
  std::string_view group;
  for (const Resource& each : wanted) {
    if (each.group != group || served.empty()) {
      Result<std::vector<ServedKind>> found = Discover(api, each.group);
      if (!found.ok() && !found.Is(Errc::kNotFound)) return std::move(found).error();
      served = found.ok() ? std::move(found).value() : std::vector<ServedKind>();
      group = each.group;
    }
    const bool is_served = std::any_of(served.begin(), served.end(), [&](const ServedKind& kind) {
      return kind.plural == each.plural && kind.version == each.version;
    });
    if (is_served) continue;
    return NotFound("the API server does not serve " + std::string(each.plural) + "." +
                        std::string(each.group) + "/" + std::string(each.version) +
                        " (versions it has: " + VersionsOf(served, each.plural) + ")",
                    std::string(kHint));
  }
  return {};
}

}  // namespace pannier::kube
