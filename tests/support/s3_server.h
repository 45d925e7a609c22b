// A real S3 server (versitygw) for tests, over a folder of its own, on a Unix socket; what clients
// speak to is a FaultProxy in front of it. Its credentials are made up at each start. When the
// program is not there, or does not start, the test fails and says what to do: nothing is skipped.
// Threads: any may use it; starts and ends where it is constructed. The server dies with the thread
// that started it.
#pragma once

#include <sys/types.h>

#include <memory>
#include <string>

#include "tests/support/fault_proxy.h"
#include "tests/support/temp_dir.h"

namespace pannier::test {

class S3Server {
 public:
  // kTls: on a port of its own, without a proxy, with a certificate for "localhost" by a CA of its
  // own.
  enum class Transport { kProxy, kTls };
  // Throws std::runtime_error with a sentence when it cannot be started.
  explicit S3Server(Transport transport = Transport::kProxy);
  ~S3Server();
  S3Server(const S3Server&) = delete;
  S3Server& operator=(const S3Server&) = delete;

  FaultProxy& proxy() { return *proxy_; }
  const std::string& access_key() const { return access_key_; }
  const std::string& secret_key() const { return secret_key_; }
  // Files that hold just these, as S3Options wants them.
  std::string access_key_file() const { return dir_ / "access-key"; }
  std::string secret_key_file() const { return dir_ / "secret-key"; }
  std::string ca_file() const { return dir_ / "ca.pem"; }                    // of kTls
  std::string tls_endpoint() const { return "https://localhost:" + port_; }  // of kTls
  std::string socket() const { return dir_ / "s"; }
  // Makes an empty bucket with a name of its own and returns it.
  std::string NewBucket();
  // The folder whose files are the bucket's objects.
  std::filesystem::path FolderOf(const std::string& bucket) const {
    return dir_.path() / "buckets" / bucket;
  }

 private:
  void MakeCertificates() const;
  void StartOnFreePort();
  void Start();
  bool AwaitAnswer() const;

  TempDir dir_;
  std::string access_key_, secret_key_;
  const Transport transport_;
  std::string port_;  // of kTls
  pid_t pid_ = -1;
  int buckets_ = 0;
  std::unique_ptr<FaultProxy> proxy_;
};

// One for all tests of a program; started at its first use.
S3Server& SharedS3Server();

}  // namespace pannier::test
