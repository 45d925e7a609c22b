// A SnapshotRepository resource for a bucket of the shared S3 server, reached through its proxy of
// faults. Threads: one at a time.
#pragma once

#include <filesystem>
#include <fstream>
#include <memory>
#include <string>

#include "lib/repository/repository.h"
#include "lib/repository/s3_store.h"
#include "operator/repositories/s3_repositories.h"
#include "tests/support/s3_server.h"

namespace pannier::test {

// The machine's clock, wrong by some time.
class WrongClock final : public Clock {
 public:
  explicit WrongClock(std::chrono::nanoseconds by) : by_(by) {}
  WallTime Now() const override { return SystemClock().Now() + by_; }
  SteadyTime Steady() const override { return SystemClock().Steady(); }

 private:
  const std::chrono::nanoseconds by_;
};

struct Bucket {
  S3Server& server = SharedS3Server();
  FaultProxy& proxy = server.proxy();
  control::SnapshotRepository resource;
  control::RepositorySecrets secrets;
  std::unique_ptr<control::S3Repositories> s3 = control::MakeS3Repositories(SystemClock());

  Bucket() {
    proxy.Heal();
    proxy.Reset();
    resource.meta.name = "main";
    control::S3Spec spec;
    spec.bucket = server.NewBucket();
    spec.prefix = "some/prefix";
    spec.endpoint = proxy.endpoint();
    spec.credentials = control::S3CredentialsRef{"keys", "accessKeyID", "secretAccessKey", ""};
    resource.spec.s3 = spec;
    secrets.credentials = {{"accessKeyID", server.access_key() + "\n"},
                           {"secretAccessKey", server.secret_key()}};
  }
  ~Bucket() { proxy.Heal(); }

  // Makes it a repository, and notes whose.
  std::string Initialise() {
    resource.status.repository_id = s3->MakeIdentity(resource, secrets).value();
    return resource.status.repository_id;
  }
  control::RepositoryProbe Probe() { return s3->Probe(resource, secrets); }

  std::unique_ptr<repository::S3Store> Store() const {
    repository::S3Options options;
    options.bucket = resource.spec.s3->bucket;
    options.prefix = resource.spec.s3->prefix;
    options.endpoint = resource.spec.s3->endpoint;
    return repository::S3Store::Make(options, {server.access_key(), server.secret_key(), ""},
                                     SystemClock())
        .value();
  }

  // Where the server keeps the object of a key.
  std::filesystem::path FileOf(const std::string& key) const {
    return server.FolderOf(resource.spec.s3->bucket) / "some" / "prefix" / key;
  }
  void Place(const std::string& key, const std::string& text) const {
    std::filesystem::create_directories(FileOf(key).parent_path());
    std::ofstream(FileOf(key)) << text;
  }
  // Requests that began with `start` since the last Reset() of the proxy.
  int Requests(std::string_view start) const {
    int count = 0;
    for (const std::string& each : proxy.requests()) count += each.starts_with(start) ? 1 : 0;
    return count;
  }
};

inline SteadyTime Later() { return SystemClock().Steady() + std::chrono::minutes(1); }

}  // namespace pannier::test
