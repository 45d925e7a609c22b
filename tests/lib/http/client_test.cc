// Goal: an answer is an answer whatever its status, and each way to fail has its own code.
#include "lib/http/client.h"

#include <poll.h>
#include <sys/socket.h>
#include <atomic>
#include <catch2/catch.hpp>
#include <chrono>
#include <thread>

#include "lib/http/listener.h"
#include "tests/lib/http/server_fixture.h"

namespace pannier::http {
namespace {

using test::ServerFixture;

TEST_CASE("client: requests and answers pass over both transports", "[lib][http][client]") {
  ServerFixture fixture({}, [](const Request& request) {
    Response response = test::Echo(request);
    response.status = request.path == "/missing" ? 404 : 200;
    response.headers.emplace_back("X-Seen", std::string(request.Header("x-sent").value_or("-")));
    return response;
  });
  for (const std::string& address : fixture.server.addresses()) {
    CAPTURE(address);
    Client client = std::move(Client::Make(address)).value();
    const Response got = client.Send("GET", "/a%20b?c=d").value();
    REQUIRE(got.status == 200);
    REQUIRE(got.body == "GET /a%20b c=d ");
    REQUIRE(got.content_type == "text/plain");
    const Response posted =
        client.Send("POST", "/p", std::string(100'000, 'p'), {{"X-Sent", "1"}}).value();
    REQUIRE(posted.body == "POST /p  " + std::string(100'000, 'p'));
    bool seen = false;
    for (const auto& [name, value] : posted.headers) seen |= name == "X-Seen" && value == "1";
    REQUIRE(seen);
    REQUIRE(client.Send("GET", "/missing").value().status == 404);
    REQUIRE(client.Send("DELETE", "/d").value().body == "DELETE /d  ");
    REQUIRE(client.Send("HEAD", "/h").value().body.empty());
  }
  REQUIRE(fixture.server.stats().connections_accepted == 2);  // kept alive
}

TEST_CASE("client: a connection that was closed idle is opened again", "[lib][http][client]") {
  Limits limits;
  limits.idle_timeout = std::chrono::milliseconds(50);
  ServerFixture fixture(limits);
  Client client = std::move(Client::Make(fixture.unix_address)).value();
  for (int i = 0; i < 3; ++i) {
    REQUIRE(client.Send("GET", "/").value().status == 200);
    REQUIRE(test::Await([&] { return fixture.server.stats().connections_open == 0; }));
  }
  REQUIRE(fixture.server.stats().connections_accepted == 3);
}

TEST_CASE("client: a daemon that hangs up without an answer may be at its limit",
          "[lib][http][client]") {
  test::TempDir dir;
  const std::string path = dir / "s";
  const auto listener = UnixListener::Bind(path, 0660, "");
  std::jthread closing([&] {
    pollfd waiting{listener->descriptor(), POLLIN, 0};
    poll(&waiting, 1, -1);
    const file::Descriptor accepted(accept(listener->descriptor(), nullptr, nullptr));
  });
  Client client = std::move(Client::Make("unix:" + path)).value();
  const auto failed = client.Send("GET", "/");
  REQUIRE(failed.Is(Errc::kUnavailable));
  REQUIRE(failed.error().what.find("closed the connection") != std::string::npos);
  REQUIRE(failed.error().hint.find("connection limit") != std::string::npos);
}

TEST_CASE("client: each failure says what it is", "[lib][http][client]") {
  for (const char* bad : {"", "unix:", "http://", "ftp://a", "http://a:0", "http://a:99999",
                          "http://a:b", "http://a/b", "/path"}) {
    CAPTURE(bad);
    REQUIRE(Client::Make(bad).Is(Errc::kInvalidArgument));
  }
  test::TempDir dir;
  const std::string path = dir / "s";
  Client nobody = std::move(Client::Make("unix:" + path)).value();
  REQUIRE(nobody.Send("GET", "/").Is(Errc::kNotFound));
  { const auto bound = UnixListener::Bind(path, 0660, ""); }  // leaves a dead socket
  REQUIRE(nobody.Send("GET", "/").Is(Errc::kUnavailable));

  test::Gate gate;
  ServerFixture fixture({}, [&](const Request& request) {
    if (request.path == "/slow") gate.Pass();
    return test::Echo(request);
  });
  Client::Options hasty;
  hasty.timeout = std::chrono::milliseconds(50);
  hasty.response_bytes_max = 100;
  Client client = std::move(Client::Make(fixture.tcp_address, hasty)).value();
  REQUIRE(client.Send("GET", "/slow").Is(Errc::kDeadlineExceeded));
  gate.Open();
  REQUIRE(client.Send("GET", "/" + std::string(100, 'l')).Is(Errc::kResourceExhausted));
  REQUIRE(client.Send("GET", "/").value().status == 200);
  fixture.server.Stop(std::chrono::seconds(0));
  REQUIRE(client.Send("GET", "/").Is(Errc::kUnavailable));
}

TEST_CASE("client: a streamed answer is handed over, not kept, and can be refused half-way",
          "[lib][http][client]") {
  ServerFixture fixture({}, [](const Request&) {
    Response response;
    response.status = 418;
    response.body.assign(300'000, 's');
    return response;
  });
  Client client = std::move(Client::Make(fixture.tcp_address)).value();
  size_t seen = 0;
  int status = 0;
  Client::Receiver receiver;
  receiver.on_head = [&](const Response& head) {
    status = head.status;
    return true;
  };
  receiver.on_bytes = [&](std::string_view bytes) {
    seen += bytes.size();
    return true;
  };
  const Response whole = client.Stream("GET", "/", {}, receiver).value();
  REQUIRE(whole.status == 418);
  REQUIRE(whole.body.empty());
  REQUIRE(status == 418);
  REQUIRE(seen == 300'000);

  receiver.on_bytes = [](std::string_view) { return false; };
  REQUIRE(client.Stream("GET", "/", {}, receiver).Is(Errc::kUnavailable));
  receiver.on_head = [](const Response&) { return false; };
  REQUIRE(client.Stream("GET", "/", {}, receiver).Is(Errc::kUnavailable));
}

TEST_CASE("client: a call that waits for its answer ends at once when it is stopped",
          "[lib][http][client]") {
  test::TempDir dir;
  const std::string path = dir / "s";
  const auto listener = UnixListener::Bind(path, 0660, "");
  REQUIRE(listener.ok());
  Client client = std::move(Client::Make("unix:" + path)).value();
  std::atomic<bool> has_ended{false};
  const auto began = std::chrono::steady_clock::now();
  std::thread caller([&] {
    REQUIRE(client.Send("GET", "/never").Is(Errc::kUnavailable));
    has_ended = true;
  });
  while (!has_ended) {
    client.Stop();
    std::this_thread::yield();
  }
  caller.join();
  REQUIRE(std::chrono::steady_clock::now() - began < std::chrono::seconds(20));
}

TEST_CASE("client: what TLS cannot use is refused before anybody is called",
          "[lib][http][client]") {
  Client::Options options;
  options.tls.ca_pem = "no certificate";
  REQUIRE(Client::Make("https://127.0.0.1:1", options).Is(Errc::kInvalidArgument));
  options.tls = {};
  options.tls.certificate_pem = "no certificate";
  REQUIRE(Client::Make("https://127.0.0.1:1", options).Is(Errc::kInvalidArgument));
}

}  // namespace
}  // namespace pannier::http
