#include "operator/reconcile/secrets.h"

#include <nlohmann/json.hpp>

#include "lib/json/base64.h"

namespace pannier::control {

using Json = nlohmann::json;

SecretValues DecodeSecret(const Json& secret) {
  SecretValues values;
  const auto data = secret.find("data");
  if (data == secret.end() || !data->is_object()) return values;
  for (const auto& [key, value] : data->items()) {
    if (!value.is_string()) continue;
    const std::string text = value.get<std::string>();
    const std::optional<size_t> size = json::Base64Size(text);
    if (!size) continue;
    std::string bytes(*size, '\0');
    if (json::DecodeBase64(text, reinterpret_cast<uint8_t*>(bytes.data()))) values[key] = bytes;
  }
  return values;
}

Json EncodeSecret(const SecretValues& values) {
  Json data = Json::object();
  for (const auto& [key, value] : values) {
    std::string text;
    json::AppendBase64(value, &text);
    data[key] = std::move(text);
  }
  return data;
}

Result<std::optional<SecretValues>> Secrets::Read(const kube::ObjectKey& key) {
  {
    MutexLock lock(mutex_);
    const auto found = entries_.find(key);
    if (found != entries_.end() && clock_.Steady() - found->second.read_at < kGoodFor) {
      return found->second.values;
    }
  }
  const Result<Json> secret = api_.Get(kube::kSecrets, key);
  if (!secret.ok() && !secret.Is(Errc::kNotFound)) return secret.error();
  std::optional<SecretValues> values;
  if (secret.ok()) values = DecodeSecret(*secret);
  MutexLock lock(mutex_);
  if (entries_.size() >= kEntriesMax) entries_.clear();
  // What is missing is looked for each time: somebody is about to create it.
  if (values) {
    entries_[key] = {values, clock_.Steady()};
  } else {
    entries_.erase(key);
  }
  return values;
}

Result<RepositorySecrets> Secrets::Of(const SnapshotRepository& repository) {
  RepositorySecrets secrets;
  if (!repository.spec.s3) return secrets;
  const S3Spec& s3 = *repository.spec.s3;
  const std::string& ns = repository.meta.name_space;
  if (s3.credentials) secrets.credentials = TRY(Read({ns, s3.credentials->name}));
  if (s3.ca_bundle) secrets.ca_bundle = TRY(Read({ns, s3.ca_bundle->name}));
  return secrets;
}

void Secrets::Forget(const std::string& ns, const std::string& name) {
  MutexLock lock(mutex_);
  entries_.erase({ns, name});
}

}  // namespace pannier::control
