// Goal: a daemon without credentials works with URLs that are granted one by one.
// Method: a granter that presigns with the credentials of a real S3 server, which checks them.
#include "lib/repository/granted_store.h"

#include <algorithm>
#include <catch2/catch.hpp>
#include <mutex>
#include <thread>

#include "tests/lib/repository/s3_fixture.h"

using namespace pannier;
using namespace pannier::repository;
using namespace std::chrono_literals;
using test::Fault;
using test::Later;
using IfPresent = ObjectStore::IfPresent;

namespace {

// What the operator does: signs whatever is wanted, from a thread of its own.
class Granter {
 public:
  Granter(S3Store& signer, const std::string& once) : signer_(signer), once_(once) {}
  void Serve(GrantedStore& store) {
    thread_ = std::jthread([this, &store](const std::stop_token& stop) {
      while (!stop.stop_requested()) {
        for (const Want& want : store.wants()) Grant(store, want);
        std::this_thread::sleep_for(1ms);
      }
    });
  }
  void Grant(GrantedStore& store, const Want& want) {
    ++grants;  // before the one who waits goes on
    const auto present = want.key == once_ ? IfPresent::kFail : IfPresent::kReplace;
    const std::string url = signer_.Presign(want.method, want.key, present, 10min).value();
    // Catch2 counts assertions of one thread only.
    store.Grant(want.method, want.key, url, SystemClock().Now() + 10min).value();
  }
  std::atomic<int> grants{0};

 private:
  S3Store& signer_;
  const std::string once_;
  std::jthread thread_;
};

struct Fixture {
  test::S3Fixture s3;
  std::unique_ptr<S3Store> signer = s3.Make();
  GrantedStore store{Options(), nullptr, SystemClock(), s3.sleeper};
  Granter granter{*signer, "manifest"};

  static GrantedStore::Options Options() {
    GrantedStore::Options options;
    options.request_timeout = 60s;
    options.retry.attempts_max = 4;
    return options;
  }
};

}  // namespace

// Encryption and a CA of its own are the repository's: a daemon has neither in its configuration.
TEST_CASE("granted: a URL comes with the headers it was signed with, and with whom to trust",
          "[repository][s3]") {
  test::S3Server server(test::S3Server::Transport::kTls);
  test::RecordingSleeper sleeper;
  S3Options options;
  options.bucket = server.NewBucket();
  options.endpoint = server.tls_endpoint();
  options.encryption = S3Options::Encryption::kAes256;
  options.ca_pem = file::ReadFile(file::RealFileSystem(), server.ca_file(), 1 << 20).value();
  const auto signer =
      S3Store::Make(options, {server.access_key(), server.secret_key(), ""}, SystemClock()).value();
  REQUIRE(signer->PutHeaders().size() == 1);
  const GrantTerms terms{signer->PutHeaders(), std::make_shared<std::string>(options.ca_pem)};
  const std::string url = signer->Presign("PUT", "a", IfPresent::kReplace, 10min).value();
  const auto put_with = [&](const GrantTerms& with) {
    auto patience = Fixture::Options();
    patience.grant_timeout = 100ms;
    GrantedStore store(patience, nullptr, SystemClock(), sleeper);
    store.Grant("PUT", "a", url, SystemClock().Now() + 10min, with).value();
    return store.Put("a", "x", IfPresent::kReplace, Later());
  };
  REQUIRE(put_with({terms.headers, nullptr}).Is(Errc::kPermissionDenied));  // whom to trust?
  REQUIRE_FALSE(put_with({{}, terms.ca_pem}).ok());  // refused, and nobody grants anew
  REQUIRE(put_with(terms).ok());
  REQUIRE(signer->Get("a", 1, Later()).value() == "x");
}

TEST_CASE("granted: objects go and come by URLs alone", "[repository][s3]") {
  Fixture fixture;
  fixture.granter.Serve(fixture.store);
  GrantedStore& store = fixture.store;
  const std::string bytes(200'000, 'g');
  REQUIRE(store.Put("chunks/ab/c", bytes, IfPresent::kReplace, Later()).ok());
  REQUIRE(store.Put("chunks/ab/c", bytes, IfPresent::kReplace, Later()).ok());
  REQUIRE((store.Get("chunks/ab/c", 1 << 20, Later()).value() == bytes));
  REQUIRE(store.Stat("chunks/ab/c", Later()).value().bytes == bytes.size());
  REQUIRE(fixture.granter.grants == 2);  // one PUT, one GET
  REQUIRE((fixture.signer->Get("chunks/ab/c", 1 << 20, Later()).value() == bytes));
  REQUIRE(store.Get("absent", 1, Later()).Is(Errc::kNotFound));
  REQUIRE(store.Stat("absent", Later()).Is(Errc::kNotFound));
  REQUIRE(store.Get("a b", 1, Later()).Is(Errc::kInvalidArgument));
  REQUIRE(store.Delete("chunks/ab/c", Later()).Is(Errc::kUnimplemented));
  REQUIRE(store.List("", "", Later()).Is(Errc::kUnimplemented));
  REQUIRE(store.RemoveUnfinished(1h, Later()).Is(Errc::kUnimplemented));
}

TEST_CASE("granted: a manifest is put once", "[repository][s3]") {
  Fixture fixture;
  fixture.granter.Serve(fixture.store);
  REQUIRE(fixture.store.Put("manifest", "one", IfPresent::kFail, Later()).ok());
  REQUIRE(fixture.store.Put("manifest", "one", IfPresent::kFail, Later()).ok());
  REQUIRE(fixture.store.Put("manifest", "two", IfPresent::kFail, Later()).Is(Errc::kConflict));
  REQUIRE(fixture.store.Get("manifest", 9, Later()).value() == "one");
  // Who has the URL cannot drop the condition: it is signed.
  REQUIRE(fixture.store.Put("manifest", "two", IfPresent::kReplace, Later())
              .Is(Errc::kPermissionDenied));
  REQUIRE(fixture.signer->Get("manifest", 9, Later()).value() == "one");
}

TEST_CASE("granted: a lost answer of the commit is found out", "[repository][s3][fault]") {
  Fixture fixture;
  fixture.granter.Serve(fixture.store);
  fixture.s3.proxy.Spoil(Fault::kDropReply);
  REQUIRE(fixture.store.Put("manifest", "one", IfPresent::kFail, Later()).ok());
  REQUIRE(fixture.s3.proxy.spoiled() == 1);
  REQUIRE(fixture.signer->Get("manifest", 9, Later()).value() == "one");
}

TEST_CASE("granted: a URL that has expired is asked for again, once", "[repository][s3][fault]") {
  Fixture fixture;
  fixture.granter.Serve(fixture.store);
  REQUIRE(fixture.store.Put("a", "x", IfPresent::kReplace, Later()).ok());
  fixture.s3.proxy.Spoil(Fault::kExpired);
  REQUIRE(fixture.store.Put("a", "y", IfPresent::kReplace, Later()).ok());
  REQUIRE(fixture.granter.grants == 2);
  fixture.s3.proxy.Spoil(Fault::kExpired, 1, 1'000'000);
  REQUIRE(fixture.store.Put("a", "z", IfPresent::kReplace, Later()).Is(Errc::kPermissionDenied));
  REQUIRE(fixture.granter.grants == 3);
  fixture.s3.proxy.Heal();
  REQUIRE(fixture.store.Get("a", 1, Later()).value() == "y");
}

TEST_CASE("granted: a URL whose time is over is not used", "[repository][s3]") {
  Fixture fixture;
  const std::string url = fixture.signer->Presign("PUT", "a", IfPresent::kReplace, 10min).value();
  REQUIRE(fixture.store.Grant("PUT", "a", url, SystemClock().Now() - 1s).ok());
  fixture.granter.Serve(fixture.store);
  REQUIRE(fixture.store.Put("a", "x", IfPresent::kReplace, Later()).ok());
  REQUIRE(fixture.granter.grants == 1);
}

TEST_CASE("granted: a URL that was over when it came is asked for still", "[repository][s3]") {
  Fixture fixture;
  const std::vector<Want> wants = {{"PUT", "a"}};
  fixture.store.Expect(wants);
  const std::string url = fixture.signer->Presign("PUT", "a", IfPresent::kReplace, 10min).value();
  REQUIRE(fixture.store.Grant("PUT", "a", url, SystemClock().Now() - 1s).ok());
  REQUIRE(fixture.store.wants() == wants);
  REQUIRE(fixture.store.Grant("PUT", "a", url, SystemClock().Now() + 10min).ok());
  REQUIRE(fixture.store.wants().empty());
}

TEST_CASE("granted: passing faults are got over", "[repository][s3][fault]") {
  for (const Fault fault :
       {Fault::kStatus500, Fault::kSlowDown, Fault::kResetRequest, Fault::kResetReply,
        Fault::kTruncate, Fault::kErrorBody, Fault::kWrongEtag, Fault::kDropReply}) {
    CAPTURE(test::ToString(fault));
    Fixture fixture;
    fixture.granter.Serve(fixture.store);
    fixture.s3.proxy.Spoil(fault);
    REQUIRE(fixture.store.Put("a", "bytes", IfPresent::kReplace, Later()).ok());
    fixture.s3.proxy.Spoil(fault);
    REQUIRE(fixture.store.Get("a", 9, Later()).value() == "bytes");
    fixture.s3.proxy.Spoil(fault);
    REQUIRE(fixture.store.Stat("a", Later()).value().bytes == 5);
  }
}

TEST_CASE("granted: wants are told, expected ones together, and waiting is bounded",
          "[repository][s3]") {
  test::S3Fixture s3;
  const auto signer = s3.Make();
  GrantedStore::Options options = Fixture::Options();
  options.grant_timeout = 100ms;
  std::mutex mutex;
  std::vector<std::vector<Want>> told;
  GrantedStore store(
      options,
      [&](const std::vector<Want>& wants) {
        const std::lock_guard lock(mutex);
        told.push_back(wants);
      },
      SystemClock(), s3.sleeper);
  store.Expect({{"PUT", "b"}, {"PUT", "a"}});
  REQUIRE(told.back() == std::vector<Want>{{"PUT", "a"}, {"PUT", "b"}});
  REQUIRE(store.wants() == told.back());
  Granter granter(*signer, "");
  granter.Grant(store, {"PUT", "a"});
  REQUIRE(told.back() == std::vector<Want>{{"PUT", "b"}});
  store.Expect({{"PUT", "a"}});  // it is there
  REQUIRE(store.wants().size() == 1);
  REQUIRE(store.Put("a", "x", IfPresent::kReplace, Later()).ok());
  const Status late = store.Put("b", "x", IfPresent::kReplace, Later());
  REQUIRE(late.Is(Errc::kDeadlineExceeded));
  const auto soon = SystemClock().Steady() + 10ms;
  REQUIRE(store.Get("c", 1, soon).Is(Errc::kDeadlineExceeded));
}

TEST_CASE("granted: cancelling ends who waits", "[repository][s3]") {
  Fixture fixture;
  Status result;
  {
    std::jthread waiting(
        [&] { result = fixture.store.Put("a", "x", IfPresent::kReplace, Later()); });
    while (fixture.store.wants().empty()) std::this_thread::yield();
    fixture.store.Cancel();
  }
  REQUIRE(result.Is(Errc::kUnavailable));
}

TEST_CASE("granted: what is no grant is refused, and no error tells a URL", "[repository][s3]") {
  Fixture fixture;
  const WallTime later = SystemClock().Now() + 1h;
  GrantedStore& store = fixture.store;
  REQUIRE(store.Grant("DELETE", "a", "http://h/a", later).Is(Errc::kInvalidArgument));
  REQUIRE(store.Grant("PUT", "../a", "http://h/a", later).Is(Errc::kInvalidArgument));
  REQUIRE(store.Grant("PUT", "a", "file:///etc/passwd", later).Is(Errc::kInvalidArgument));
  REQUIRE(store.Grant("PUT", "a", "http://h/a\r\nX: y", later).Is(Errc::kInvalidArgument));
  REQUIRE(store.Grant("PUT", "a", "http://h/a", later, {{{"X", "y\r\nZ: 1"}}, nullptr})
              .Is(Errc::kInvalidArgument));
  REQUIRE(
      store.Grant("GET", "a", fixture.s3.proxy.endpoint() + "/b/a?X-Amz-Signature=secret", later)
          .ok());
  fixture.s3.proxy.Spoil(Fault::kStatus500, 1, 1'000);
  const auto failed = store.Get("a", 1, Later());
  REQUIRE(failed.Is(Errc::kUnavailable));
  REQUIRE(failed.error().what.find("secret") == std::string::npos);
}
