#include "operator/plan/inventory.h"

#include <map>

#include "operator/resource/names.h"

namespace pannier::control {
namespace {

std::string PrefixOf(const Meta& vector_store) {
  return vector_store.name_space + "/" + vector_store.name + "/";
}

}  // namespace

std::string OriginOf(const Meta& vector_store, const std::string& pod_name) {
  return PrefixOf(vector_store) + pod_name;
}

Claim ClaimRule::Of(const std::string& owner, const std::string& origin) const {
  if (owners.contains(owner) || origin.starts_with(prefix)) return Claim::kOurs;
  return origin.empty() ? Claim::kUnknown : Claim::kForeign;
}

ClaimRule ClaimRuleOf(const Meta& vector_store) {
  ClaimRule rule{PrefixOf(vector_store), {vector_store.uid}};
  const std::string named = vector_store.Annotation(kBootstrapOwner);
  if (!named.empty()) rule.owners.insert(named);
  return rule;
}

RepositoryInventory InventoryOf(const std::vector<ListedSnapshot>& listed, const ClaimRule& rule) {
  std::map<std::string, Claim> claims;
  for (const ListedSnapshot& each : listed) {
    Claim& claim = claims.emplace(each.owner, Claim::kUnknown).first->second;
    if (claim == Claim::kUnknown) claim = rule.Of(each.owner, each.origin);
  }
  RepositoryInventory inventory;
  for (const auto& [owner, claim] : claims) {
    if (claim == Claim::kUnknown) inventory.unclaimed.push_back(owner);
  }
  for (const ListedSnapshot& each : listed) {
    if (claims[each.owner] != Claim::kOurs) continue;
    const size_t slash = each.origin.rfind('/');
    const std::string pod = slash == std::string::npos ? "" : each.origin.substr(slash + 1);
    inventory.snapshots.push_back({each.key, pod, each.store_name, each.time});
  }
  return inventory;
}

}  // namespace pannier::control
