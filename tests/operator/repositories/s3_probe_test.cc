// Goal: a probe tells what is wrong, and changes nothing where it is not at home.
// Method: a real S3 server, spoiled in each way; the planner says what the user will read.
#include "operator/repositories/s3_probe.h"

#include <catch2/catch.hpp>

#include "lib/file/file_system.h"
#include "tests/operator/repositories/bucket.h"

namespace pannier::control {
namespace {

using namespace std::chrono_literals;
using test::Bucket;
using test::Fault;
using test::FaultProxy;
using Data = std::map<std::string, std::string>;

// The reason of Ready that comes of a probe.
std::string ReasonFor(const Bucket& bucket, const RepositoryProbe& probe) {
  RepositoryObserved seen;
  seen.probe = probe;
  const RepositoryPlan plan = PlanRepository(bucket.resource, seen, SystemClock().Now());
  return Find(plan.status.conditions, "Ready")->reason;
}

bool IsPut(const FaultProxy::Request& request) { return request.method == "PUT"; }

TEST_CASE("s3 probe: an empty bucket is empty, stays so, and can become a repository",
          "[operator][s3]") {
  Bucket bucket;
  RepositoryProbe probe = bucket.Probe();
  REQUIRE(probe.message == "");
  REQUIRE(probe.fault == ProbeFault::kNone);
  REQUIRE(probe.empty);
  REQUIRE(!probe.identity);
  REQUIRE(std::chrono::abs(*probe.clock_skew) < 60s);
  REQUIRE(bucket.Requests("PUT") == 0);
  REQUIRE(ReasonFor(bucket, probe) == "Initialising");

  const std::string id = bucket.Initialise();
  REQUIRE(bucket.Initialise() == id);
  probe = bucket.Probe();
  REQUIRE(probe.fault == ProbeFault::kNone);
  REQUIRE(probe.identity == id);
  REQUIRE(!probe.empty);
  REQUIRE(!probe.write_denied);
  REQUIRE(probe.capabilities == std::vector<std::string>{"ConditionalWrites"});
  REQUIRE(ReasonFor(bucket, probe) == "Validated");
  REQUIRE(bucket.Store()->List("probe/", "", test::Later())->objects.empty());
}

TEST_CASE("s3 probe: another's bucket, or another repository, is not written to",
          "[operator][s3]") {
  Bucket bucket;
  bucket.Place("holiday.jpg", "jpg");
  RepositoryProbe probe = bucket.Probe();
  REQUIRE(probe.fault == ProbeFault::kNone);
  REQUIRE(!probe.empty);
  REQUIRE(!probe.identity);
  REQUIRE(probe.message.find("holiday.jpg") != std::string::npos);
  REQUIRE(ReasonFor(bucket, probe) == "IdentityMismatch");
  REQUIRE(bucket.s3->MakeIdentity(bucket.resource, bucket.secrets).Is(Errc::kConflict));
  bucket.Place("repository.json", "{}");
  REQUIRE(ReasonFor(bucket, bucket.Probe()) == "IdentityMismatch");
  REQUIRE(bucket.Requests("PUT") == 0);

  Bucket other;
  other.Initialise();
  other.proxy.Reset();
  other.resource.status.repository_id = Uuid::Random().ToString();
  probe = other.Probe();
  REQUIRE(probe.identity);
  REQUIRE(ReasonFor(other, probe) == "IdentityMismatch");
  REQUIRE(other.Requests("PUT") == 0);
}

TEST_CASE("s3 probe: what is read only is only read", "[operator][s3]") {
  Bucket bucket;
  bucket.Initialise();
  bucket.proxy.Reset();
  bucket.resource.spec.access = AccessMode::kReadOnly;
  REQUIRE(ReasonFor(bucket, bucket.Probe()) == "ReadOnly");
  REQUIRE(bucket.Requests("PUT") + bucket.Requests("DELETE") == 0);
  REQUIRE(bucket.s3->MakeIdentity(bucket.resource, bucket.secrets).Is(Errc::kPermissionDenied));
}

TEST_CASE("s3 probe: wrong keys, no Secret, no bucket and no server are told apart",
          "[operator][s3]") {
  Bucket bucket;
  const RepositorySecrets good = bucket.secrets;
  (*bucket.secrets.credentials)["secretAccessKey"] = "not-the-key";
  RepositoryProbe probe = bucket.Probe();
  REQUIRE(probe.fault == ProbeFault::kAccessDenied);
  REQUIRE(probe.message.find("not-the-key") == std::string::npos);
  REQUIRE(ReasonFor(bucket, probe) == "AccessDenied");
  (*bucket.secrets.credentials)["accessKeyID"] = "nobody";
  REQUIRE(bucket.Probe().fault == ProbeFault::kAccessDenied);
  bucket.secrets.credentials.reset();
  REQUIRE(bucket.Probe().fault == ProbeFault::kSecretMissing);
  bucket.secrets = good;

  bucket.resource.spec.s3->bucket = "no-such-bucket";
  probe = bucket.Probe();
  REQUIRE(probe.fault == ProbeFault::kNotFound);
  REQUIRE(probe.message.find("there is no such bucket") != std::string::npos);
  bucket.resource.spec.s3->bucket = "NOT A NAME";
  REQUIRE(bucket.Probe().fault == ProbeFault::kUnreachable);
  bucket.resource.spec.s3->bucket = "bucket";
  bucket.resource.spec.s3->endpoint = "http://127.0.0.1:1";
  probe = bucket.Probe();
  REQUIRE(probe.fault == ProbeFault::kUnreachable);
  REQUIRE(!probe.clock_skew);
  REQUIRE(probe.message.find(" after ") == std::string::npos);  // nothing that changes each time
  REQUIRE(ReasonFor(bucket, probe) == "Unreachable");
}

TEST_CASE("s3 probe: a wrong clock is told from wrong keys", "[operator][s3]") {
  Bucket bucket;
  bucket.Initialise();
  // The server lets the first pass, and refuses the second.
  for (const auto by : {-10min, 10min, -40min, 40min}) {
    CAPTURE(by.count());
    const test::WrongClock clock(by);
    bucket.s3 = MakeS3Repositories(clock);
    bucket.proxy.Reset();
    const RepositoryProbe probe = bucket.Probe();
    REQUIRE(std::chrono::abs(*probe.clock_skew + by) < 60s);
    REQUIRE(ReasonFor(bucket, probe) == "ClockSkewed");
    REQUIRE(bucket.Requests("PUT") == 0);
  }
  // A server that says so, but whose clock seems right.
  bucket.s3 = MakeS3Repositories(SystemClock());
  bucket.proxy.Spoil(Fault::kSkewed, 1, 100);
  REQUIRE(bucket.Probe().fault == ProbeFault::kAccessDenied);
}

TEST_CASE("s3 probe: over TLS the CA bundle decides whom to trust", "[operator][s3]") {
  test::S3Server server(test::S3Server::Transport::kTls);
  Bucket bucket;
  bucket.resource.spec.s3->endpoint = server.tls_endpoint();
  bucket.resource.spec.s3->bucket = server.NewBucket();
  bucket.secrets.credentials = {{"accessKeyID", server.access_key()},
                                {"secretAccessKey", server.secret_key()}};
  REQUIRE(bucket.Probe().fault == ProbeFault::kTlsInvalid);  // not the system's
  bucket.resource.spec.s3->ca_bundle = CaBundleRef{"authorities", "ca.crt"};
  REQUIRE(bucket.Probe().fault == ProbeFault::kTlsInvalid);  // not there
  bucket.secrets.ca_bundle = Data{{"ca.crt", "no certificate"}};
  REQUIRE(bucket.Probe().fault == ProbeFault::kTlsInvalid);
  bucket.secrets.ca_bundle =
      Data{{"ca.crt", file::ReadFile(file::RealFileSystem(), server.ca_file(), 1 << 20).value()}};
  RepositoryProbe probe = bucket.Probe();
  REQUIRE(probe.message == "");
  REQUIRE(probe.fault == ProbeFault::kNone);
  REQUIRE(probe.empty);
  std::string& endpoint = bucket.resource.spec.s3->endpoint;
  endpoint.replace(endpoint.find("localhost"), 9, "127.0.0.1");  // another name
  REQUIRE(bucket.Probe().fault == ProbeFault::kTlsInvalid);
}

TEST_CASE("s3 probe: where writing is refused, it says so, the same each time", "[operator][s3]") {
  Bucket bucket;
  bucket.Initialise();
  bucket.proxy.Spoil(Fault::kExpired, 1, 1'000, IsPut);
  const RepositoryProbe probe = bucket.Probe();
  REQUIRE(probe.fault == ProbeFault::kNone);
  REQUIRE(probe.write_denied);
  REQUIRE(ReasonFor(bucket, probe) == "ReadOnly");
  REQUIRE(bucket.Probe().message == probe.message);
}

TEST_CASE("s3 probe: what passes by itself does no harm; what lasts is told in bounded time",
          "[operator][s3]") {
  Bucket bucket;
  bucket.Initialise();
  for (const Fault fault : {Fault::kStatus500, Fault::kResetRequest, Fault::kHtml,
                            Fault::kErrorBody, Fault::kTruncate, Fault::kDropReply}) {
    CAPTURE(test::ToString(fault));
    bucket.proxy.Spoil(fault);
    REQUIRE(ReasonFor(bucket, bucket.Probe()) == "Validated");
    bucket.proxy.Spoil(fault, 1, 1'000);
    const RepositoryProbe probe = bucket.Probe();
    REQUIRE(probe.fault == ProbeFault::kUnreachable);
    REQUIRE(!probe.message.empty());
  }
  bucket.proxy.Spoil(Fault::kLostPage, 1, 1'000);  // a gateway's 404 is no missing bucket
  REQUIRE(bucket.Probe().fault == ProbeFault::kUnreachable);

  S3RepositoriesOptions options;
  options.probe_timeout = 1s;
  bucket.s3 = MakeS3Repositories(SystemClock(), options);
  bucket.proxy.Spoil(Fault::kSilence, 1, 1'000);
  const SteadyTime began = SystemClock().Steady();
  REQUIRE(bucket.Probe().fault == ProbeFault::kUnreachable);
  REQUIRE(SystemClock().Steady() - began < 10s);
}

TEST_CASE("s3 probe: what an earlier one left is removed, and nothing else", "[operator][s3]") {
  Bucket bucket;
  bucket.Initialise();
  const std::string old_one = "probe/" + Uuid::Random().ToString();
  const std::string young = "probe/" + Uuid::Random().ToString();
  const std::string foreign = "probe/notes.txt";
  for (const std::string& key : {old_one, young, foreign}) bucket.Place(key, "x");
  const auto long_ago = std::filesystem::file_time_type::clock::now() - 2h;
  std::filesystem::last_write_time(bucket.FileOf(old_one), long_ago);
  std::filesystem::last_write_time(bucket.FileOf(foreign), long_ago);
  REQUIRE(ReasonFor(bucket, bucket.Probe()) == "Validated");
  REQUIRE(!std::filesystem::exists(bucket.FileOf(old_one)));
  REQUIRE(std::filesystem::exists(bucket.FileOf(young)));
  REQUIRE(std::filesystem::exists(bucket.FileOf(foreign)));
}

}  // namespace
}  // namespace pannier::control
