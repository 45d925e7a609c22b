// A bucket of the shared S3 server, reached through its proxy of faults; pauses between attempts
// take no time. Threads: one at a time.
#pragma once

#include <filesystem>
#include <memory>
#include <string>

#include "lib/repository/s3_store.h"
#include "tests/lib/repository/object_store_suite.h"
#include "tests/support/recording_sleeper.h"
#include "tests/support/s3_server.h"

namespace pannier::test {

struct S3Fixture {
  S3Server& server = SharedS3Server();
  FaultProxy& proxy = server.proxy();
  const std::string bucket = server.NewBucket();
  RecordingSleeper sleeper;

  S3Fixture() {
    proxy.Heal();
    proxy.Reset();
  }
  ~S3Fixture() { proxy.Heal(); }

  repository::S3Options Options() const {
    repository::S3Options options;
    options.bucket = bucket;
    options.prefix = "some/prefix";
    options.endpoint = proxy.endpoint();
    options.credentials = {server.access_key_file(), server.secret_key_file(), ""};
    options.request_timeout = std::chrono::seconds(60);  // a busy machine is no fault
    options.bytes_per_second_min = 100 << 20;
    options.retry.attempts_max = 4;
    options.part_bytes = 5 << 20;
    return options;
  }
  std::unique_ptr<repository::S3Store> Make(repository::S3Options options,
                                            const Clock& clock = SystemClock()) {
    return repository::S3Store::Make(std::move(options), file::RealFileSystem(), clock, sleeper)
        .value();
  }
  std::unique_ptr<repository::S3Store> Make() { return Make(Options()); }

  // Where the server keeps the object of a key.
  std::filesystem::path FileOf(const std::string& key) const {
    return server.FolderOf(bucket) / "some" / "prefix" / key;
  }
};

}  // namespace pannier::test
