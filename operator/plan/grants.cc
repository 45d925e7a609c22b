#include "operator/plan/grants.h"

namespace pannier::control {
namespace {

constexpr size_t kGrantsMax = 500;
constexpr const char* kIdentityKey = "repository.json";
constexpr std::string_view kVerdictEnding = ".verified.json";

// "snapshots/…/x.verified.json" → "snapshots/…/x.json"; other keys as they are.
std::string ManifestOf(const std::string& key) {
  if (!key.ends_with(kVerdictEnding)) return key;
  return key.substr(0, key.size() - kVerdictEnding.size()) + ".json";
}

bool MayHave(const WantView& want, const GrantRule& rule) {
  if (want.key.find("..") != std::string::npos) return false;
  const bool reads = want.method == "GET" || want.method == "HEAD";
  const bool writes = want.method == "PUT";
  if (want.key == kIdentityKey) return reads;
  if (want.key.starts_with("chunks/")) return reads || (writes && rule.may_write);
  if (!rule.own_manifests.empty() && want.key.starts_with(rule.own_manifests)) {
    return reads || (writes && rule.may_write);
  }
  if (rule.named_manifests.count(ManifestOf(want.key)) == 0) return false;
  return reads || (writes && rule.may_judge && want.key.ends_with(kVerdictEnding));
}

}  // namespace

std::optional<DaemonGrant> GrantFor(const std::string& pod_uid, const Uuid& uid,
                                    const OperationView& operation, const GrantRule& rule) {
  DaemonGrant grant{pod_uid, uid, {}};
  for (const WantView& want : operation.wants) {
    if (!MayHave(want, rule)) continue;
    if (grant.items.size() == kGrantsMax) break;
    // What a check found is written beside the manifest, also over what an earlier one found.
    const bool is_manifest =
        want.key.starts_with("snapshots/") && !want.key.ends_with(kVerdictEnding);
    grant.items.push_back({want.method, want.key, is_manifest && want.method == "PUT"});
  }
  if (grant.items.empty()) return std::nullopt;
  return grant;
}

void NameRepository(const SnapshotRepository& repository, const std::string& id,
                    nlohmann::json* body) {
  if (!repository.spec.s3) {
    (*body)["repository"] = repository.meta.name;
    return;
  }
  (*body)["grants"] = true;
  (*body)["repositoryID"] = id;
}

}  // namespace pannier::control
