// Goal: who may not come in stays outside with a reason, who may is served as over plain TCP, and
// nobody at the door keeps others out.
// Method: a server with certificates made on the spot; our own client, a TLS client of raw records,
// and raw bytes.
#include "lib/http/tls.h"

#include <netinet/in.h>

#include <atomic>
#include <catch2/catch.hpp>
#include <thread>

#include "lib/crypto/pem.h"
#include "lib/file/descriptor.h"
#include "lib/file/file_system.h"
#include "lib/http/client.h"
#include "lib/http/tls_files.h"
#include "tests/lib/http/server_fixture.h"
#include "tests/lib/http/tls_client.h"
#include "tests/support/certificates.h"
#include "tests/support/fake_clock.h"

namespace pannier::test {
namespace {

using namespace std::chrono_literals;
using crypto::KeyedCertificate;
using http::ClientCertificates;

http::TlsMaterial Material(const KeyedCertificate& server, const std::string& client_ca = "") {
  return {server.certificate_pem, server.key_pem, client_ca};
}

http::Response WhoAreYou(const http::Request& request) {
  http::Response response = Echo(request);
  if (request.path == "/who") response.body = request.peer.certificate_name;
  if (request.path == "/encrypted") response.body = request.peer.is_encrypted ? "yes" : "no";
  return response;
}

struct TlsFixture {
  explicit TlsFixture(http::TlsServer::Options options = {}, http::Limits limits = {},
                      bool with_certificate = true)
      : tls(std::make_shared<http::TlsServer>(std::move(options))),
        server({.name = "test", .limits = limits, .refusal = {}}) {
    if (with_certificate) {
      REQUIRE(tls->Use(Material(ServerCertificate(authority), authority.certificate_pem)).ok());
    }
    http::Listener listener = ServerFixture::OnTcp("127.0.0.1:0", WhoAreYou);
    listener.tls = tls;
    server.Add(std::move(listener));
    REQUIRE(server.Start().ok());
    address = server.addresses()[0];
  }

  http::Client::Options As(const KeyedCertificate& who) const {
    http::Client::Options options;
    options.timeout = 10s;
    options.tls = {authority.certificate_pem, who.certificate_pem, who.key_pem, ""};
    return options;
  }
  Result<http::Response> Get(const http::Client::Options& options, const char* path = "/x") const {
    return http::Client::Make(address, options).value().Send("GET", path);
  }

  const KeyedCertificate authority = TestAuthority();
  const std::shared_ptr<http::TlsServer> tls;
  http::Server server;
  std::string address;
};

http::TlsServer::Options Requiring(std::vector<std::string> names = {}) {
  http::TlsServer::Options options;
  options.clients = ClientCertificates::kRequired;
  options.allowed_names = std::move(names);
  return options;
}

TEST_CASE("tls: a request over TLS is served, and its handler knows", "[lib][http][tls]") {
  const TlsFixture fixture;
  REQUIRE(fixture.address.starts_with("https://127.0.0.1:"));
  REQUIRE(fixture.Get(fixture.As({}))->body == "GET /x  ");
  REQUIRE(fixture.Get(fixture.As({}), "/encrypted")->body == "yes");
  REQUIRE(fixture.Get(fixture.As({}), "/who")->body.empty());
}

TEST_CASE("tls: one connection carries many requests, and large ones", "[lib][http][tls]") {
  const TlsFixture fixture;
  http::Client client = http::Client::Make(fixture.address, fixture.As({})).value();
  for (int i = 0; i < 20; ++i) REQUIRE(client.Send("GET", "/a")->status == 200);
  REQUIRE(fixture.server.stats().connections_accepted == 1);
  std::string body;
  for (int i = 0; body.size() < (8u << 20); ++i) body += std::to_string(i) + ",";
  const auto answer = client.Send("POST", "/b", body);
  REQUIRE(answer.ok());
  REQUIRE((answer->body == "POST /b  " + body));
}

TEST_CASE("tls: requests in one record or a byte each are all answered", "[lib][http][tls]") {
  const TlsFixture fixture;
  bool said = false;
  TlsClient together(fixture.address);
  REQUIRE(together.Send(Get("/1") + Get("/2") + Get("/3", "Connection: close\r\n")));
  const std::string answers = together.ReadToGoodbye(&said);
  REQUIRE(said);
  for (const char* text : {"GET /1", "GET /2", "GET /3"}) {
    REQUIRE(answers.find(text) != std::string::npos);
  }
  TlsClient apart(fixture.address);
  for (const char c : Get("/slow", "Connection: close\r\n")) {
    REQUIRE(apart.Send(std::string_view(&c, 1)));
  }
  REQUIRE(apart.ReadToGoodbye(&said).find("GET /slow") != std::string::npos);
  REQUIRE(said);
}

TEST_CASE("tls: versions before 1.2 are refused, 1.2 and 1.3 served", "[lib][http][tls]") {
  const TlsFixture fixture;
  REQUIRE_FALSE(TlsClient(fixture.address, TLS1_1_VERSION).connected());
  const TlsClient older(fixture.address, TLS1_2_VERSION), newer(fixture.address, TLS1_3_VERSION);
  REQUIRE((older.connected() && newer.connected()));
  REQUIRE(older.protocol() == "TLSv1.2");
  REQUIRE(newer.protocol() == "TLSv1.3");
}

TEST_CASE("tls: a client refuses a server of another authority", "[lib][http][tls]") {
  const TlsFixture fixture;
  http::Client::Options options = fixture.As({});
  options.tls.ca_pem = TestAuthority().certificate_pem;
  const auto answer = fixture.Get(options);
  REQUIRE(answer.Is(Errc::kPermissionDenied));
  REQUIRE(answer.error().what.find("not to be trusted") != std::string::npos);
}

TEST_CASE("tls: a server is known by the name asked for, whatever is dialled", "[lib][http][tls]") {
  const TlsFixture fixture;
  http::Client::Options options = fixture.As({});
  options.tls.server_name = "server.test";
  REQUIRE(fixture.Get(options).ok());
  options.tls.server_name = "other.test";
  const auto answer = fixture.Get(options);
  REQUIRE(answer.Is(Errc::kPermissionDenied));
  REQUIRE(answer.error().what.find("mismatch") != std::string::npos);
}

TEST_CASE("tls: a server whose certificate has expired is refused", "[lib][http][tls]") {
  const TlsFixture fixture;
  REQUIRE(fixture.tls->Use(Material(ServerCertificate(fixture.authority, "s", LongOver()))).ok());
  const auto answer = fixture.Get(fixture.As({}));
  REQUIRE(answer.Is(Errc::kPermissionDenied));
  REQUIRE(answer.error().what.find("expired") != std::string::npos);
}

TEST_CASE("tls: where one is required, a client without a sound certificate stays outside",
          "[lib][http][tls]") {
  const TlsFixture fixture(Requiring());
  REQUIRE(fixture.Get(fixture.As(ClientCertificate(fixture.authority)), "/who")->body ==
          "client.test");
  REQUIRE(fixture.Get(fixture.As({})).Is(Errc::kPermissionDenied));
  REQUIRE(fixture.Get(fixture.As(ClientCertificate(TestAuthority()))).Is(Errc::kPermissionDenied));
  const auto expired =
      fixture.Get(fixture.As(ClientCertificate(fixture.authority, "c", LongOver())));
  REQUIRE(expired.Is(Errc::kPermissionDenied));
  REQUIRE(expired.error().what.find("expired") != std::string::npos);
  // A server's certificate is not a client's.
  REQUIRE(
      fixture.Get(fixture.As(ServerCertificate(fixture.authority))).Is(Errc::kPermissionDenied));
  REQUIRE(fixture.server.stats().requests_refused == 0);
}

TEST_CASE("tls: an optional client certificate may be missing, but not wrong", "[lib][http][tls]") {
  http::TlsServer::Options options;
  options.clients = ClientCertificates::kOptional;
  const TlsFixture fixture(options);
  REQUIRE(fixture.Get(fixture.As({}), "/who")->body.empty());
  REQUIRE(fixture.Get(fixture.As(ClientCertificate(fixture.authority)), "/who")->body ==
          "client.test");
  REQUIRE(fixture.Get(fixture.As(ClientCertificate(TestAuthority()))).Is(Errc::kPermissionDenied));
}

TEST_CASE("tls: a client of another name than those allowed gets 403", "[lib][http][tls]") {
  const TlsFixture fixture(Requiring({"operator.test"}));
  REQUIRE(fixture.Get(fixture.As(ClientCertificate(fixture.authority, "operator.test")))->status ==
          200);
  const auto other = fixture.Get(fixture.As(ClientCertificate(fixture.authority, "mallory.test")));
  REQUIRE(other->status == 403);
  REQUIRE(other->body.find("certificate") != std::string::npos);
  // The common name does not count beside other names.
  crypto::LeafRequest request;
  request.common_name = "operator.test";
  request.dns_names = {"mallory.test"};
  request.for_clients = true;
  request.validity = AroundNow();
  const auto sly = fixture.Get(fixture.As(crypto::MakeLeaf(fixture.authority, request).value()));
  REQUIRE(sly->status == 403);
  request.dns_names.clear();
  const auto bare = fixture.Get(fixture.As(crypto::MakeLeaf(fixture.authority, request).value()));
  REQUIRE(bare->status == 200);
}

TEST_CASE("tls: certificates change under load without a failed request", "[lib][http][tls]") {
  TlsFixture fixture;
  const KeyedCertificate next = TestAuthority("next");
  http::Client::Options both = fixture.As({});
  both.tls.ca_pem += next.certificate_pem;
  std::atomic<bool> stop{false};
  std::atomic<int> served{0}, failed{0};
  std::vector<std::jthread> clients;
  for (int i = 0; i < 3; ++i) {
    clients.emplace_back([&] {
      while (!stop) (fixture.Get(both).ok() ? served : failed)++;
    });
  }
  REQUIRE(Await([&] { return served > 10; }));
  for (int i = 0; i < 20; ++i) {
    const KeyedCertificate& signer = i % 2 == 0 ? next : fixture.authority;
    REQUIRE(fixture.tls->Use(Material(ServerCertificate(signer))).ok());
    const int before = served;
    REQUIRE(Await([&] { return served > before + 2; }));
  }
  REQUIRE(fixture.tls->Use(Material(ServerCertificate(next))).ok());
  stop = true;
  clients.clear();
  REQUIRE(failed == 0);
  http::Client::Options newest = fixture.As({});
  newest.tls.ca_pem = next.certificate_pem;
  REQUIRE(fixture.Get(newest).ok());
  REQUIRE(fixture.Get(fixture.As({})).Is(Errc::kPermissionDenied));
}

TEST_CASE("tls: handshakes that never end hold no thread and are closed in time",
          "[lib][http][tls]") {
  http::Limits limits;
  limits.threads_max = 1;
  limits.handshake_timeout = 300ms;
  const TlsFixture fixture({}, limits);
  const std::string plain_address = "http" + fixture.address.substr(5);
  std::vector<RawClient> slow;
  for (int i = 0; i < 100; ++i) {
    slow.emplace_back(plain_address);
    if (i % 2 == 0) slow.back().Send(std::string("\x16\x03\x01\x02\x00\x01", 6));
  }
  for (int i = 0; i < 5; ++i) REQUIRE(fixture.Get(fixture.As({}))->status == 200);
  for (RawClient& client : slow) REQUIRE(client.AtEnd());
  REQUIRE(fixture.server.stats().requests_timed_out == 100);
}

TEST_CASE("tls: a server stops at once while clients shake hands", "[lib][http][tls]") {
  TlsFixture fixture;
  RawClient slow("http" + fixture.address.substr(5));
  REQUIRE(Await([&] { return fixture.server.stats().connections_open == 1; }));
  const auto began = std::chrono::steady_clock::now();
  fixture.server.Stop(9s);
  REQUIRE(std::chrono::steady_clock::now() - began < 5s);
}

TEST_CASE("tls: plain HTTP on a TLS port is told so", "[lib][http][tls]") {
  const TlsFixture fixture;
  RawClient client("http" + fixture.address.substr(5));
  client.Send(Get("/"));
  const RawAnswer answer = client.Read();
  REQUIRE(answer.status == 400);
  REQUIRE(answer.body.find("TLS") != std::string::npos);
  REQUIRE(client.AtEnd());
}

TEST_CASE("tls: garbage and giant handshakes are cut off, and others are served",
          "[lib][http][tls]") {
  const TlsFixture fixture;
  const std::string plain_address = "http" + fixture.address.substr(5);
  RawClient garbage(plain_address);
  garbage.TrySend(std::string(1000, '\x7f'));
  garbage.ReadToEnd();
  // Records of a ClientHello that announces 16 MiB.
  RawClient giant(plain_address);
  std::string record = std::string("\x16\x03\x01\x40\x00", 5) + std::string("\x01\xff\xff\xff", 4);
  record.resize(5 + 0x4000, 'x');
  for (int i = 0; i < 1000 && giant.TrySend(record); ++i) {
    record.replace(5, 4, "xxxx");
  }
  giant.ReadToEnd();
  REQUIRE(fixture.Get(fixture.As({}))->status == 200);
  REQUIRE(Await([&] { return fixture.server.stats().connections_open == 0; }));
}

TEST_CASE("tls: without a certificate connections are closed, and served once there is one",
          "[lib][http][tls]") {
  const TlsFixture fixture({}, {}, false);
  REQUIRE_FALSE(fixture.tls->IsReady());
  REQUIRE_FALSE(fixture.tls->ValidUntil());
  REQUIRE(fixture.Get(fixture.As({})).Is(Errc::kUnavailable));
  REQUIRE(fixture.tls->Use(Material(ServerCertificate(fixture.authority))).ok());
  REQUIRE(fixture.tls->IsReady());
  REQUIRE(fixture.Get(fixture.As({})).ok());
}

TEST_CASE("tls: what cannot be used leaves what there was", "[lib][http][tls]") {
  const TlsFixture fixture(Requiring());
  const KeyedCertificate good = ServerCertificate(fixture.authority);
  const std::string ca = fixture.authority.certificate_pem;
  const KeyedCertificate other = ServerCertificate(fixture.authority);
  REQUIRE(fixture.tls->Use({good.certificate_pem, other.key_pem, ca}).Is(Errc::kInvalidArgument));
  REQUIRE(fixture.tls->Use({"", good.key_pem, ca}).Is(Errc::kInvalidArgument));
  REQUIRE(fixture.tls->Use({good.certificate_pem, good.key_pem, ""}).Is(Errc::kInvalidArgument));
  REQUIRE(fixture.Get(fixture.As(ClientCertificate(fixture.authority)))->status == 200);
}

TEST_CASE("tls: connections beyond the limit are closed", "[lib][http][tls]") {
  http::Limits limits;
  limits.connections_max = 1;
  const TlsFixture fixture({}, limits);
  http::Client first = http::Client::Make(fixture.address, fixture.As({})).value();
  REQUIRE(first.Send("GET", "/").ok());
  REQUIRE(fixture.Get(fixture.As({})).Is(Errc::kUnavailable));
  REQUIRE(first.Send("GET", "/").ok());
}

// Sends a byte every few milliseconds for ever: of its handshake, or of the head of its answer.
class TricklingServer {
 public:
  TricklingServer(const KeyedCertificate& certificate, bool in_handshake)
      : context_(SSL_CTX_new(TLS_server_method()), SSL_CTX_free) {
    const auto parsed = crypto::ParseCertificate(certificate.certificate_pem).value();
    const auto key = crypto::ParseKey(certificate.key_pem).value();
    REQUIRE(SSL_CTX_use_certificate(context_.get(), parsed.get()) == 1);
    REQUIRE(SSL_CTX_use_PrivateKey(context_.get(), key.get()) == 1);
    sockaddr_in place{};
    place.sin_family = AF_INET;
    place.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
    socklen_t size = sizeof place;
    REQUIRE(bind(door_.get(), reinterpret_cast<sockaddr*>(&place), size) == 0);
    REQUIRE(listen(door_.get(), 4) == 0);
    REQUIRE(getsockname(door_.get(), reinterpret_cast<sockaddr*>(&place), &size) == 0);
    address = "https://127.0.0.1:" + std::to_string(ntohs(place.sin_port));
    thread_ = std::jthread([this, in_handshake] { Serve(in_handshake); });
  }
  ~TricklingServer() { shutdown(door_.get(), SHUT_RDWR); }

  std::string address;

 private:
  void Serve(bool in_handshake) {
    const file::Descriptor guest(accept(door_.get(), nullptr, nullptr));
    const std::unique_ptr<SSL, decltype(&SSL_free)> ssl(SSL_new(context_.get()), SSL_free);
    SSL_set_fd(ssl.get(), guest.get());
    // A record of a handshake that is longer than anybody waits for.
    std::string bytes = {0x16, 0x03, 0x03, 0x40, 0x00};
    if (!in_handshake) {
      if (SSL_accept(ssl.get()) != 1) return;
      bytes = "HTTP/1.1 200 OK\r\nX-Long: ";
    }
    bytes.resize(4'000, 'a');
    for (const char& byte : bytes) {
      const auto sent =
          in_handshake ? send(guest.get(), &byte, 1, MSG_NOSIGNAL) : SSL_write(ssl.get(), &byte, 1);
      if (sent <= 0) return;
      std::this_thread::sleep_for(10ms);
    }
  }

  const file::Descriptor door_{socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0)};
  const std::unique_ptr<SSL_CTX, decltype(&SSL_CTX_free)> context_;
  std::jthread thread_;  // ends before the rest
};

TEST_CASE("tls: a server that sends a byte now and then holds a client no longer than it waits",
          "[lib][http][tls]") {
  const KeyedCertificate authority = TestAuthority();
  for (const bool in_handshake : {false, true}) {
    CAPTURE(in_handshake);
    TricklingServer server(ServerCertificate(authority), in_handshake);
    http::Client::Options options;
    options.timeout = 20s;
    options.tls.ca_pem = authority.certificate_pem;
    if (in_handshake) options.whole_timeout = 500ms;
    http::Client client = http::Client::Make(server.address, options).value();
    const auto began = std::chrono::steady_clock::now();
    if (!in_handshake) client.SetDeadline(began + 500ms);
    REQUIRE(client.Send("GET", "/").Is(Errc::kDeadlineExceeded));
    REQUIRE(std::chrono::steady_clock::now() - began < 15s);
    if (!in_handshake) REQUIRE(client.Send("GET", "/").Is(Errc::kDeadlineExceeded));
  }
}

TEST_CASE("tls: files that were replaced are read again, and half replaced ones are not used",
          "[lib][http][tls]") {
  TempDir dir;
  FakeClock clock;
  file::FileSystem& files = file::RealFileSystem();
  const KeyedCertificate authority = TestAuthority();
  const KeyedCertificate one = ServerCertificate(authority, "one.test");
  const KeyedCertificate two = ServerCertificate(authority, "two.test");
  const http::TlsFiles paths{dir / "crt", dir / "key", {}};
  REQUIRE(file::ReplaceFile(files, paths.certificate, one.certificate_pem).ok());
  REQUIRE(http::TlsServerOfFiles(paths, {}, files, clock).Is(Errc::kNotFound));
  REQUIRE(file::ReplaceFile(files, paths.key, one.key_pem).ok());
  http::Server server({.name = "test", .limits = {}, .refusal = {}});
  http::Listener listener = ServerFixture::OnTcp("127.0.0.1:0", Echo);
  listener.tls = http::TlsServerOfFiles(paths, {}, files, clock).value();
  server.Add(std::move(listener));
  REQUIRE(server.Start().ok());
  const auto is_called = [&](const std::string& name) {
    http::Client::Options options;
    options.tls = {authority.certificate_pem, "", "", name};
    return http::Client::Make(server.addresses()[0], options).value().Send("GET", "/").ok();
  };
  REQUIRE(is_called("one.test"));
  REQUIRE(file::ReplaceFile(files, paths.certificate, two.certificate_pem).ok());
  REQUIRE(is_called("one.test"));
  clock.Advance(2s);
  REQUIRE(is_called("one.test"));  // the key is still the other's
  REQUIRE(file::ReplaceFile(files, paths.key, two.key_pem).ok());
  clock.Advance(2s);
  REQUIRE(is_called("two.test"));
  REQUIRE(files.Remove(paths.key).ok());
  clock.Advance(2s);
  REQUIRE(is_called("two.test"));
}

TEST_CASE("tls: when a certificate is over is told of the renewed one at once",
          "[lib][http][tls]") {
  TempDir dir;
  FakeClock clock;
  file::FileSystem& files = file::RealFileSystem();
  const KeyedCertificate authority = TestAuthority();
  const http::TlsFiles paths{dir / "crt", dir / "key", {}};
  const auto put = [&](const crypto::Validity& validity) {
    const KeyedCertificate pair = ServerCertificate(authority, "one.test", validity);
    REQUIRE(file::ReplaceFile(files, paths.certificate, pair.certificate_pem).ok());
    REQUIRE(file::ReplaceFile(files, paths.key, pair.key_pem).ok());
    return std::chrono::floor<std::chrono::seconds>(validity.until);
  };
  const WallTime first = put(LongOver());
  const auto tls = http::TlsServerOfFiles(paths, {}, files, clock).value();
  REQUIRE(tls->ValidUntil() == first);
  const WallTime second = put(AroundNow());
  clock.Advance(2s);
  REQUIRE(tls->ValidUntil() == second);  // though nobody has connected
}

}  // namespace
}  // namespace pannier::test
