#include "operator/reconcile/admin_trust.h"

#include <algorithm>
#include <nlohmann/json.hpp>

#include "lib/core/log.h"
#include "operator/reconcile/secrets.h"
#include "operator/resource/schema.h"

namespace pannier::control {
namespace {

using Json = nlohmann::json;

constexpr int kConflictsMax = 5;

Json SecretObject(const kube::ObjectKey& key, const SecretValues& values) {
  return {{"apiVersion", "v1"},
          {"kind", "Secret"},
          {"metadata",
           {{"name", key.name},
            {"namespace", key.ns},
            {"labels", {{"app.kubernetes.io/managed-by", "pannier-operator"}}}}},
          {"type", "Opaque"},
          {"data", EncodeSecret(values)}};
}

// Creates it, or replaces what was read.
Status Write(kube::Api& api, const kube::ObjectKey& key, const Result<Json>& before, Json object) {
  if (!before.ok()) {
    const Result<Json> made = api.Create(kube::kSecrets, object);
    return made.ok() ? Status() : Status(made.error());
  }
  Json changed = *before;
  changed["data"] = object["data"];
  const Result<Json> updated = api.Update(kube::kSecrets, changed);
  if (updated.ok()) LogInfo("a Secret was renewed").Add("key", key.ToString());
  return updated.ok() ? Status() : Status(updated.error());
}

bool IsOwnedBy(const Json& object, const std::string& uid) {
  const std::vector<OwnerReference> owners = ReadMeta(object).owners;
  return std::any_of(owners.begin(), owners.end(),
                     [&](const OwnerReference& each) { return each.uid == uid; });
}

}  // namespace

// As the Secret has it once nothing is due.
Result<AdminAuthority> AdminTrust::Load(WallTime* look_again) {
  for (int attempt = 0; attempt < kConflictsMax; ++attempt) {
    const Result<Json> secret = api_.Get(kube::kSecrets, secret_);
    if (!secret.ok() && !secret.Is(Errc::kNotFound)) return secret.error();
    std::optional<AdminAuthority> before;
    if (secret.ok()) before = AuthorityFromSecret(DecodeSecret(*secret));
    const WallTime now = clock_.Now();
    const std::optional<AdminAuthority> after = TRY(RenewAuthority(before, now, look_again));
    if (!after) return *before;
    const Status written = Write(api_, secret_, secret, SecretObject(secret_, ToSecret(*after)));
    if (written.ok()) return *after;
    if (!written.Is(Errc::kConflict)) return written.error();
  }
  return Conflict("the Secret " + secret_.ToString() + " changes all the time");
}

Result<std::shared_ptr<const AdminAuthority>> AdminTrust::Current() {
  const WallTime now = clock_.Now();
  std::shared_ptr<const AdminAuthority> known;
  {
    MutexLock lock(mutex_);
    known = current_;
    if (known != nullptr && now < look_again_) return known;
  }
  WallTime look_again = now;
  Result<AdminAuthority> loaded = Load(&look_again);
  if (!loaded.ok()) {
    if (known != nullptr) return known;
    return std::move(loaded).error().Context("the admin authority");
  }
  MutexLock lock(mutex_);
  current_ = std::make_shared<const AdminAuthority>(std::move(loaded).value());
  // Somebody may have replaced it.
  look_again_ = std::min(look_again, now + kLookEvery);
  return current_;
}

Status AdminTrust::WriteSecretOf(const VectorStore& store, const AdminAuthority& authority,
                                 WallTime* look_again) {
  const kube::ObjectKey key{store.meta.name_space, AdminSecretOf(store.meta.name)};
  const Result<Json> secret = api_.Get(kube::kSecrets, key);
  if (!secret.ok() && !secret.Is(Errc::kNotFound)) return secret.error();
  if (secret.ok() && !IsOwnedBy(*secret, store.meta.uid)) {
    return PermissionDenied("the Secret " + key.ToString() + " belongs to somebody else",
                            "remove it, or give the VectorStore another name");
  }
  const SecretValues before = secret.ok() ? DecodeSecret(*secret) : SecretValues();
  const std::string name = AdminNameOf(store.meta.uid);
  const auto after = TRY(RenewDaemonSecret(before, authority, name, clock_.Now(), look_again));
  if (!after) return {};
  Json object = SecretObject(key, *after);
  object["metadata"]["ownerReferences"] = {{{"apiVersion", kApiVersion},
                                            {"kind", kVectorStoreKind.name},
                                            {"name", store.meta.name},
                                            {"uid", store.meta.uid}}};
  return Write(api_, key, secret, std::move(object));
}

Status AdminTrust::KeepSecretOf(const VectorStore& store) {
  const WallTime now = clock_.Now();
  {
    MutexLock lock(mutex_);
    const auto found = looked_.find(store.meta.uid);
    // A clock that was put back makes it look again, too.
    if (found != looked_.end() && now < found->second && found->second - now <= kLookEvery) {
      return {};
    }
  }
  const std::shared_ptr<const AdminAuthority> authority = TRY(Current());
  WallTime look_again = now;
  TRY(WriteSecretOf(store, *authority, &look_again));
  MutexLock lock(mutex_);
  if (looked_.size() >= kLookedMax) looked_.clear();
  looked_[store.meta.uid] = std::min(look_again, now + kLookEvery);
  return {};
}

}  // namespace pannier::control
