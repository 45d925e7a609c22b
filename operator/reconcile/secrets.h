// Secrets that SnapshotRepositories name, read one by one: they are neither listed nor watched. One
// that was read is good for half a minute, as a snapshot in progress asks for it every few seconds.
// Threads: any. Lifetime: api and clock outlive it.
#pragma once

#include <chrono>
#include <map>
#include <optional>
#include <string>

#include "lib/core/clock.h"
#include "lib/core/mutex.h"
#include "operator/kube/api.h"
#include "operator/repositories/s3_repositories.h"

namespace pannier::control {

using SecretValues = std::map<std::string, std::string>;

// The data of a Secret, decoded; what is no base64 is left out.
SecretValues DecodeSecret(const nlohmann::json& secret);
// data: of a Secret that holds these.
nlohmann::json EncodeSecret(const SecretValues& values);

class Secrets {
 public:
  Secrets(kube::Api& api, const Clock& clock) : api_(api), clock_(clock) {}

  // What a repository in S3 names. A Secret that is not there is nothing.
  //   as Api::Get, but for kNotFound
  Result<RepositorySecrets> Of(const SnapshotRepository& repository);
  // After a refusal: the Secret may have changed since.
  void Forget(const std::string& ns, const std::string& name);

 private:
  struct Entry {
    std::optional<SecretValues> values;
    SteadyTime read_at;
  };
  Result<std::optional<SecretValues>> Read(const kube::ObjectKey& key);

  static constexpr std::chrono::seconds kGoodFor{30};
  static constexpr size_t kEntriesMax = 256;

  kube::Api& api_;
  const Clock& clock_;
  Mutex mutex_;
  std::map<kube::ObjectKey, Entry> entries_ GUARDED_BY(mutex_);
};

}  // namespace pannier::control
