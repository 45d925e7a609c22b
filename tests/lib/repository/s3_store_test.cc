// Goal: a bucket of a real S3 server is an object store.
// Method: the shared suite against versitygw, which checks signatures; and what only S3 has.
#include "lib/repository/s3_store.h"

#include <algorithm>
#include <catch2/catch.hpp>
#include <fstream>
#include <thread>

#include "tests/lib/repository/s3_fixture.h"
#include "tests/support/temp_dir.h"

using namespace pannier;
using namespace pannier::repository;
using namespace std::chrono_literals;
using test::Later;
using IfPresent = ObjectStore::IfPresent;

namespace {

// The machine's clock, wrong by some time.
class WrongClock final : public Clock {
 public:
  explicit WrongClock(std::chrono::nanoseconds by) : by_(by) {}
  WallTime Now() const override { return SystemClock().Now() + by_; }
  SteadyTime Steady() const override { return SystemClock().Steady(); }

 private:
  const std::chrono::nanoseconds by_;
};

bool Contains(const std::string& text, std::string_view part) {
  return text.find(part) != std::string::npos;
}

}  // namespace

TEST_CASE("s3: does what every object store does", "[repository][s3]") {
  test::S3Fixture fixture;
  S3Options options = fixture.Options();
  SECTION("below a prefix") {}
  SECTION("in a bucket of its own") { options.prefix = ""; }
  test::CheckObjectStore([&] { return fixture.Make(options); });
}

TEST_CASE("s3: a bucket is found by path and by host", "[repository][s3]") {
  test::S3Fixture fixture;
  S3Options options = fixture.Options();
  options.endpoint = "http://localhost:" + std::to_string(fixture.proxy.port());
  options.addressing = Addressing::kVirtual;
  REQUIRE(fixture.Make(options)->Put("a", "x", IfPresent::kFail, Later()).ok());
  REQUIRE(fixture.proxy.requests().back() == "PUT /some/prefix/a");
  REQUIRE(fixture.Make()->Get("a", 1, Later()).value() == "x");
  REQUIRE(fixture.proxy.requests().back() == "GET /" + fixture.bucket + "/some/prefix/a");
}

TEST_CASE("s3: large objects are put in parts", "[repository][s3]") {
  test::S3Fixture fixture;
  const auto store = fixture.Make();
  std::string bytes(12 << 20, 'm');
  for (size_t i = 0; i < bytes.size(); i += 4096) bytes[i] = static_cast<char>(i >> 12);
  REQUIRE(store->Put("big", bytes, IfPresent::kFail, Later()).ok());
  const auto requests = fixture.proxy.requests();
  REQUIRE(std::count_if(requests.begin(), requests.end(), [](const std::string& each) {
            return Contains(each, "partNumber=");
          }) == 3);
  REQUIRE((store->Get("big", 16 << 20, Later()).value() == bytes));
  REQUIRE(store->Stat("big", Later()).value().bytes == bytes.size());
  REQUIRE(store->Put("big", bytes, IfPresent::kFail, Later()).ok());
  bytes[7'000'000] ^= 1;
  REQUIRE(store->Put("big", bytes, IfPresent::kFail, Later()).Is(Errc::kConflict));
  REQUIRE(store->Put("big", bytes, IfPresent::kReplace, Later()).ok());
  REQUIRE((store->Get("big", 16 << 20, Later()).value() == bytes));
  REQUIRE(store->RemoveUnfinished(0s, Later()).value() == 0);  // the refused ones were aborted
}

TEST_CASE("s3: connections are kept", "[repository][s3]") {
  test::S3Fixture fixture;
  const auto store = fixture.Make();
  for (int i = 0; i < 20; ++i) {
    REQUIRE(store->Put("a", std::to_string(i), IfPresent::kReplace, Later()).ok());
    REQUIRE(store->Get("a", 9, Later()).ok());
  }
  REQUIRE(fixture.proxy.connections() == 1);
}

TEST_CASE("s3: wrong credentials are refused, and rotated ones are taken up", "[repository][s3]") {
  test::S3Fixture fixture;
  const test::TempDir dir;
  const auto spill = [&](const char* name, const std::string& text) {
    std::ofstream(dir / name) << text;
  };
  spill("access", fixture.server.access_key());
  spill("secret", "wrong");
  S3Options options = fixture.Options();
  options.credentials = {dir / "access", dir / "secret", ""};
  const auto store = fixture.Make(options);
  const Status refused = store->Put("a", "x", IfPresent::kFail, Later());
  REQUIRE(refused.Is(Errc::kPermissionDenied));
  REQUIRE(Contains(refused.error().hint, "secret key"));
  REQUIRE_FALSE(Contains(refused.error().what, "wrong"));
  REQUIRE(fixture.proxy.requests().size() == 1);
  spill("secret", fixture.server.secret_key());
  REQUIRE(store->Put("a", "x", IfPresent::kFail, Later()).ok());
  spill("access", "nobody");
  std::this_thread::sleep_for(1100ms);  // files are looked at once a second
  const auto unknown = store->Get("a", 1, Later());
  CAPTURE(unknown.ok() ? "ok" : unknown.error().what);
  REQUIRE(unknown.Is(Errc::kPermissionDenied));
  spill("access", fixture.server.access_key());
  REQUIRE(store->Get("a", 1, Later()).ok());
}

TEST_CASE("s3: a clock that is wrong is named", "[repository][s3]") {
  test::S3Fixture fixture;
  for (const auto by : {-1h, 1h}) {
    const WrongClock clock(by);
    const Status refused = fixture.Make(fixture.Options(), clock)
                               ->Put("a", "x", IfPresent::kFail, clock.Steady() + 1h);
    REQUIRE(refused.Is(Errc::kPermissionDenied));
    REQUIRE(Contains(refused.error().hint, "clock"));
  }
  REQUIRE(fixture.proxy.requests().size() == 2);
}

TEST_CASE("s3: a bucket that is not there is no empty one", "[repository][s3]") {
  test::S3Fixture fixture;
  S3Options options = fixture.Options();
  options.bucket = "no-such-bucket";
  const auto store = fixture.Make(options);
  const auto check = [](const auto& result) {
    REQUIRE(result.Is(Errc::kUnavailable));
    REQUIRE(Contains(result.error().hint, "no such bucket"));
  };
  check(store->Put("a", "x", IfPresent::kFail, Later()));
  check(store->Put("a", "x", IfPresent::kReplace, Later()));
  check(store->Put("a", std::string(6 << 20, 'x'), IfPresent::kReplace, Later()));
  check(store->Get("a", 1, Later()));
  check(store->Stat("a", Later()));
  check(store->Delete("a", Later()));
  check(store->List("", "", Later()));
  REQUIRE(fixture.sleeper.pauses().empty());
}

TEST_CASE("s3: nobody at the endpoint is unavailable, after bounded attempts", "[repository][s3]") {
  test::S3Fixture fixture;
  S3Options options = fixture.Options();
  {
    test::FaultProxy gone("/nowhere");
    options.endpoint = gone.endpoint();
  }
  const auto result = fixture.Make(options)->Get("a", 1, Later());
  REQUIRE(result.Is(Errc::kUnavailable));
  REQUIRE(Contains(result.error().hint, "endpoint"));
  REQUIRE(fixture.sleeper.pauses().size() == 3);
}

TEST_CASE("s3: bytes that rotted on the server are noticed", "[repository][s3]") {
  test::S3Fixture fixture;
  const auto store = fixture.Make();
  REQUIRE(store->Put("a", "good bytes", IfPresent::kFail, Later()).ok());
  std::ofstream(fixture.FileOf("a"), std::ios::in) << "b";
  REQUIRE(store->Get("a", 100, Later()).Is(Errc::kCorruption));
  S3Options options = fixture.Options();
  options.etag_is_md5 = false;
  REQUIRE(fixture.Make(options)->Get("a", 100, Later()).value() == "bood bytes");
}

TEST_CASE("s3: encryption is asked for on objects and uploads, not on parts or reads",
          "[repository][s3]") {
  test::S3Fixture fixture;
  std::vector<std::pair<std::string, std::string>> seen;
  fixture.proxy.SpoilBy([&](const test::FaultProxy::Request& request, int) {
    const size_t at = request.headers.find("x-amz-server-side-encryption");
    if (at != std::string::npos) {
      seen.emplace_back(request.method + " " + request.target,
                        request.headers.substr(at, request.headers.find("\r\n\r\n", at) - at));
    }
    return test::Fault::kStatus500;  // this server has no keys
  });
  S3Options options = fixture.Options();
  options.retry.attempts_max = 1;
  options.encryption = S3Options::Encryption::kAes256;
  (void)fixture.Make(options)->Put("a", "x", IfPresent::kFail, Later());
  options.encryption = S3Options::Encryption::kKms;
  options.kms_key_id = "arn:aws:kms:eu-west-1:1:key/2";
  (void)fixture.Make(options)->Put("b", std::string(6 << 20, 'x'), IfPresent::kFail, Later());
  (void)fixture.Make(options)->Get("a", 1, Later());
  REQUIRE(seen.size() == 2);
  REQUIRE(seen[0].second.find("AES256") != std::string::npos);
  REQUIRE(seen[1].first == "POST /" + fixture.bucket + "/some/prefix/b?uploads=");
  REQUIRE(seen[1].second.find("aws:kms") != std::string::npos);
  REQUIRE(seen[1].second.find("x-amz-server-side-encryption-aws-kms-key-id: "
                              "arn:aws:kms:eu-west-1:1:key/2") != std::string::npos);
}

TEST_CASE("s3: uploads that nobody ended go when they are old", "[repository][s3]") {
  test::S3Fixture fixture;
  const auto store = fixture.Make();
  fixture.proxy.SpoilBy([](const test::FaultProxy::Request& request, int) {
    const bool ends = request.method == "DELETE" || Contains(request.target, "partNumber=2");
    return ends ? test::Fault::kStatus500 : test::Fault::kNone;
  });
  REQUIRE(store->Put("big", std::string(6 << 20, 'x'), IfPresent::kFail, Later())
              .Is(Errc::kUnavailable));
  fixture.proxy.Heal();
  REQUIRE(store->Stat("big", Later()).Is(Errc::kNotFound));
  REQUIRE(store->RemoveUnfinished(1h, Later()).value() == 0);
  REQUIRE(store->RemoveUnfinished(-1h, Later()).value() == 1);
  REQUIRE(store->RemoveUnfinished(-1h, Later()).value() == 0);
}

TEST_CASE("s3: options that make no sense are refused", "[repository][s3]") {
  test::S3Fixture fixture;
  const auto refused = [&](auto change) {
    S3Options options = fixture.Options();
    change(options);
    return S3Store::Make(options, file::RealFileSystem(), SystemClock()).Is(Errc::kInvalidArgument);
  };
  REQUIRE_FALSE(refused([](S3Options&) {}));
  REQUIRE(refused([](S3Options& options) { options.bucket = "No_Bucket"; }));
  REQUIRE(refused([](S3Options& options) { options.endpoint = "nowhere"; }));
  REQUIRE(refused([](S3Options& options) { options.prefix = "a b"; }));
  REQUIRE(refused([](S3Options& options) { options.part_bytes = 1 << 20; }));
  REQUIRE(refused([](S3Options& options) { options.retry.attempts_max = 0; }));
  REQUIRE(refused([](S3Options& options) { options.kms_key_id = "k"; }));
  REQUIRE(refused([](S3Options& options) { options.credentials.secret_key.clear(); }));
}

TEST_CASE("s3: who fights for a key in parts gets it whole or not at all", "[repository][s3]") {
  test::S3Fixture fixture;
  std::vector<Status> results(3);
  {
    std::vector<std::jthread> threads;
    for (size_t i = 0; i < results.size(); ++i) {
      threads.emplace_back([&, i] {
        const std::string mine(6 << 20, static_cast<char>('a' + i));
        results[i] = fixture.Make()->Put("big", mine, IfPresent::kFail, Later());
      });
    }
  }
  const std::string there = fixture.Make()->Get("big", 8 << 20, Later()).value();
  int winners = 0;
  for (size_t i = 0; i < results.size(); ++i) {
    CAPTURE(i, results[i].ok() ? "ok" : results[i].error().what);
    REQUIRE((results[i].ok() || results[i].Is(Errc::kConflict)));
    winners += results[i].ok() ? 1 : 0;
    if (results[i].ok()) REQUIRE((there == std::string(6 << 20, static_cast<char>('a' + i))));
  }
  REQUIRE(winners == 1);
}

TEST_CASE("s3: over TLS only a certificate of a known CA is trusted", "[repository][s3]") {
  test::S3Server server(test::S3Server::Transport::kTls);
  test::RecordingSleeper sleeper;
  S3Options options;
  options.bucket = server.NewBucket();
  options.endpoint = server.tls_endpoint();
  options.credentials = {server.access_key_file(), server.secret_key_file(), ""};
  options.ca_file = server.ca_file();
  const auto make = [&] {
    return S3Store::Make(options, file::RealFileSystem(), SystemClock(), sleeper).value();
  };
  REQUIRE(make()->Put("a", "x", IfPresent::kFail, Later()).ok());
  REQUIRE(make()->Get("a", 1, Later()).value() == "x");
  options.ca_file = "";
  const auto unknown = make()->Get("a", 1, Later());
  REQUIRE(unknown.Is(Errc::kPermissionDenied));
  REQUIRE(Contains(unknown.error().hint, "CA"));
  REQUIRE(sleeper.pauses().empty());
  options.ca_file = "/no/such/file";
  REQUIRE(make()->Get("a", 1, Later()).Is(Errc::kPermissionDenied));
  options.ca_file = server.ca_file();
  options.endpoint.replace(options.endpoint.find("localhost"), 9, "127.0.0.1");  // another name
  REQUIRE(make()->Get("a", 1, Later()).Is(Errc::kPermissionDenied));
}
