// Goal: whoever passes a limit, is slow, hostile or gone gets a clear answer or the end of its
// connection, holds no thread meanwhile, and everybody else is served. Method: one request too
// many, of each kind, over real sockets; always followed by one that must be answered.
#include <fcntl.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <unistd.h>

#include <atomic>
#include <catch2/catch.hpp>
#include <chrono>
#include <thread>

#include "lib/http/server.h"
#include "tests/lib/http/server_fixture.h"

namespace pannier::http {
namespace {

using std::chrono::milliseconds;
using test::Await;
using test::Gate;
using test::Get;
using test::Post;
using test::RawAnswer;
using test::RawClient;
using test::ServerFixture;

void RequireServes(const ServerFixture& fixture) {
  RawClient client = fixture.Connect();
  client.Send(Get("/works"));
  REQUIRE(client.Read().status == 200);
}

// Outlives the server that uses it.
struct SlowHandler {
  Response operator()(const Request& request) {
    const int call = ++calls;
    if (request.path == "/modest") modest_call = call;
    if (request.path == "/slow") gate.Pass();
    return test::Echo(request);
  }
  Gate gate;
  std::atomic<int> calls{0};
  std::atomic<int> modest_call{0};
};

// Keeps the handler of "/slow" until its gate opens.
struct SlowFixture : SlowHandler, ServerFixture {
  explicit SlowFixture(Limits limits)
      : ServerFixture(limits, [this](const Request& request) {
          return static_cast<SlowHandler&>(*this)(request);
        }) {}
  ~SlowFixture() { gate.Open(); }

  RawClient Occupy() {
    RawClient client = Connect();
    const int before = gate.waiting();
    client.Send(Get("/slow"));
    REQUIRE(Await([&] { return gate.waiting() == before + 1; }));
    return client;
  }
};

TEST_CASE("limits: broken HTTP is answered and the connection closed", "[lib][http][limits]") {
  ServerFixture fixture;
  const std::string chunked = "POST / HTTP/1.1\r\nTransfer-Encoding: chunked\r\n\r\n";
  const std::vector<std::pair<std::string, int>> table = {
      {"nonsense\r\n\r\n", 400},
      {"\x16\x03\x01\x02", 400},
      {"GET / HTTP/1.1\nHost: t\n\n", 400},
      {"POST / HTTP/1.1\r\nContent-Length: 1\r\nTransfer-Encoding: chunked\r\n\r\n", 400},
      {chunked + "zz\r\n", 400},
      {"GET / HTTP/3.0\r\n\r\n", 505},
      {"POST / HTTP/1.1\r\nTransfer-Encoding: gzip\r\n\r\n", 501},
      {"GET / HTTP/1.1\r\nExpect: more\r\n\r\n", 417},
      {"GET /" + std::string(9000, 'a') + " HTTP/1.1\r\n\r\n", 414},
      {"GET / HTTP/1.1\r\nX: " + std::string(70'000, 'a') + "\r\n\r\n", 431},
  };
  uint64_t refused = 0;
  for (const auto& [bytes, status] : table) {
    for (const std::string& address : fixture.server.addresses()) {
      CAPTURE(bytes.substr(0, 100), address);
      RawClient client(address);
      client.Send(Get("/first") + bytes);
      REQUIRE(client.Read().body == "GET /first  ");
      const RawAnswer answer = client.Read();
      REQUIRE(answer.status == status);
      REQUIRE(answer.headers.at("connection") == "close");
      REQUIRE(answer.headers.at("content-type") == "application/json");
      REQUIRE(answer.body.starts_with(R"({"error":")"));
      REQUIRE(client.AtEnd());
      ++refused;
    }
  }
  REQUIRE(fixture.server.stats().requests_refused == refused);
  RequireServes(fixture);
}

TEST_CASE("limits: a body too large is refused before it is read, and the refusal arrives",
          "[lib][http][limits]") {
  Limits limits;
  limits.body_bytes_max = 100'000;
  ServerFixture fixture(limits);
  for (const std::string& address : fixture.server.addresses()) {
    CAPTURE(address);
    RawClient exact(address);
    exact.Send(Post("/", std::string(100'000, 'a')));
    REQUIRE(exact.Read().status == 200);

    // The client sends on after the refusal, as real ones do, and must still see it.
    RawClient client(address);
    client.TrySend(Post("/", std::string(5'000'000, 'a')));
    REQUIRE(client.Read().status == 413);
    client.FinishSending();
    REQUIRE(client.AtEnd());

    RawClient chunked(address);
    chunked.Send("POST / HTTP/1.1\r\nTransfer-Encoding: chunked\r\n\r\n186a1\r\n");
    REQUIRE(chunked.Read().status == 413);

    RawClient careful(address);
    careful.Send("POST / HTTP/1.1\r\nExpect: 100-continue\r\nContent-Length: 100001\r\n\r\n");
    REQUIRE(careful.Read().status == 413);  // and no "100 Continue" before it
  }
  RequireServes(fixture);
}

TEST_CASE("limits: refusals are made by whoever owns the server", "[lib][http][limits]") {
  Limits limits;
  limits.body_bytes_max = 10;
  std::string path_seen, message_seen;
  Server server({.name = "test",
                 .limits = limits,
                 .refusal = [&](int status, std::string_view message, const Request* head) {
                   Response response;
                   response.status = status;
                   response.content_type = "text/plain";
                   path_seen = head == nullptr ? "" : std::string(head->path);
                   message_seen = message;
                   response.body = "mine";
                   return response;
                 }});
  test::TempDir dir;
  server.Add(ServerFixture::OnSocket(dir / "s", test::Echo));
  REQUIRE(server.Start().ok());
  RawClient client(server.addresses()[0]);
  client.Send("HEAD /too-large HTTP/1.1\r\nContent-Length: 11\r\n\r\n");
  const RawAnswer answer = client.Read(true);
  REQUIRE(answer.status == 413);
  REQUIRE(answer.headers.at("content-type") == "text/plain");
  REQUIRE(answer.headers.at("content-length") == "4");
  REQUIRE(client.AtEnd());
  REQUIRE(path_seen == "/too-large");
  REQUIRE(message_seen == "Payload too large");
  RawClient broken(server.addresses()[0]);
  broken.Send("nonsense\r\n\r\n");
  REQUIRE(broken.Read().body == "mine");
  REQUIRE(path_seen.empty());
}

TEST_CASE("limits: half-sent requests hold no thread", "[lib][http][limits]") {
  Limits limits;
  limits.threads_max = 1;
  ServerFixture fixture(limits);
  const int threads = test::ThreadsOfThisProcess();
  const std::string whole = Post("/drip", std::string(20, 'd'));
  std::vector<RawClient> slow;
  for (int i = 0; i < 100; ++i) slow.emplace_back(fixture.server.addresses()[i % 2]);
  for (size_t at = 0; at < whole.size(); ++at) {
    for (RawClient& client : slow) client.Send(whole.substr(at, 1));
    if (at % 10 == 0 && at + 1 < whole.size()) RequireServes(fixture);
  }
  for (RawClient& client : slow) {
    REQUIRE(client.Read().body == "POST /drip  " + std::string(20, 'd'));
  }
  REQUIRE(test::ThreadsOfThisProcess() <= threads);
}

TEST_CASE("limits: a request that does not arrive in time gets 408", "[lib][http][limits]") {
  Limits limits;
  limits.request_timeout = milliseconds(150);
  ServerFixture fixture(limits);
  const auto began = std::chrono::steady_clock::now();
  RawClient head(fixture.unix_address);
  RawClient body(fixture.tcp_address);
  head.Send("GET / HT");
  body.Send("POST / HTTP/1.1\r\nContent-Length: 9\r\n\r\nhalf");
  REQUIRE(head.Read().status == 408);
  REQUIRE(body.Read().status == 408);
  REQUIRE(head.AtEnd());
  REQUIRE(body.AtEnd());
  REQUIRE(std::chrono::steady_clock::now() - began >= milliseconds(150));
  REQUIRE(fixture.server.stats().requests_timed_out == 2);
  // The clock starts with a request, not with its connection or the one before.
  RawClient patient = fixture.Connect();
  std::this_thread::sleep_for(milliseconds(200));  // longer than a request may take
  patient.Send(Get("/"));
  REQUIRE(patient.Read().status == 200);
  std::this_thread::sleep_for(milliseconds(200));
  patient.Send(Get("/"));
  REQUIRE(patient.Read().status == 200);
}

TEST_CASE("limits: an idle connection is closed after its time, a busy one is not",
          "[lib][http][limits]") {
  Limits limits;
  limits.idle_timeout = milliseconds(150);
  SlowFixture fixture(limits);
  RawClient running = fixture.Occupy();
  RawClient fresh = fixture.Connect();
  RawClient used(fixture.tcp_address);
  used.Send(Get("/"));
  REQUIRE(used.Read().status == 200);
  REQUIRE(fresh.AtEnd());
  REQUIRE(used.AtEnd());
  REQUIRE_FALSE(running.HasInput());
  fixture.gate.Open();
  REQUIRE(running.Read().status == 200);
  REQUIRE(running.AtEnd());
}

TEST_CASE("limits: a client that does not take its answer is given up", "[lib][http][limits]") {
  Limits limits;
  limits.write_timeout = milliseconds(150);
  const std::string large(30 << 20, 'l');
  ServerFixture fixture(limits, [&](const Request&) {
    Response response;
    response.body = large;
    return response;
  });
  uint64_t given_up = 0;
  for (const std::string& address : fixture.server.addresses()) {
    RawClient client(address);
    client.Send(Get("/"));
    ++given_up;
    REQUIRE(Await([&] { return fixture.server.stats().requests_timed_out == given_up; }));
    REQUIRE(Await([&] { return fixture.server.stats().connections_open == 0; }));
    REQUIRE(client.ReadToEnd() < large.size());
  }
}

TEST_CASE("limits: a client that takes its answer in drops is given up as well",
          "[lib][http][limits]") {
  Limits limits;
  limits.write_timeout = milliseconds(200);
  ServerFixture fixture(limits, [](const Request&) {
    Response response;
    response.body = std::string(4 << 20, 'l');
    return response;
  });
  RawClient client = fixture.Connect();
  client.Send(Get("/"));
  client.ReadBytes(1);
  // Never a whole time-out without a byte taken.
  const auto sip = [&] {
    char byte = 0;
    [[maybe_unused]] const ssize_t bytes = recv(client.descriptor(), &byte, 1, MSG_DONTWAIT);
    return fixture.server.stats().requests_timed_out == 1;
  };
  REQUIRE(Await(sip));
}

// Method: one client asks for much more than all may hold, and reads nothing. While its answer is
// in the way, others are told to come back; soon it is given up, and they are served.
TEST_CASE("limits: answers that nobody takes share the budget of memory", "[lib][http][limits]") {
  Limits limits;
  limits.buffered_bytes_max = 1 << 20;
  ServerFixture fixture(limits, [](const Request& request) {
    Response response;
    response.body = std::string(request.path == "/large" ? 8 << 20 : 1, 'l');
    return response;
  });
  RawClient greedy = fixture.Connect();
  greedy.Send(Get("/large"));
  const auto status = [&] {
    RawClient client = fixture.Connect();
    client.Send(Get("/"));
    return client.Read().status;
  };
  REQUIRE(Await([&] { return status() == 503; }));
  REQUIRE(Await([&] { return fixture.server.stats().requests_timed_out == 1; }));
  REQUIRE(Await([&] { return status() == 200; }));
  REQUIRE(greedy.ReadToEnd() < 8 << 20);
  // Who reads gets all of it, and the sum comes back to nothing.
  for (int i = 0; i < 5; ++i) {
    RawClient reader = fixture.Connect();
    reader.Send(Get("/large"));
    REQUIRE(reader.Read().body.size() == 8 << 20);
    REQUIRE(Await([&] { return status() == 200; }));
  }
}

TEST_CASE("limits: a handler that looks at its stop flag does not hold up the end",
          "[lib][http][limits]") {
  std::atomic<int> running{0};
  ServerFixture fixture({}, [&](const Request& request) {
    ++running;
    while (!request.stop->load()) std::this_thread::yield();
    return Response();
  });
  RawClient client = fixture.Connect();
  client.Send(Get("/"));
  REQUIRE(Await([&] { return running == 1; }));
  fixture.server.Stop(milliseconds(50));
  REQUIRE(client.AtEnd());
}

TEST_CASE("limits: requests past the queue get 503 and their connection goes on",
          "[lib][http][limits]") {
  Limits limits;
  limits.threads_max = 1;
  limits.requests_queued_max = 2;
  SlowFixture fixture(limits);
  RawClient running = fixture.Occupy();
  RawClient first = fixture.Connect();
  RawClient second(fixture.tcp_address);
  first.Send(Get("/first"));
  second.Send(Get("/second"));
  REQUIRE(Await([&] { return fixture.server.stats().requests_queued == 2; }));
  REQUIRE(fixture.server.stats().requests_in_flight == 1);

  RawClient refused = fixture.Connect();
  for (int i = 0; i < 3; ++i) {
    refused.Send(Post("/refused", std::string(100'000, 'r')));
    const RawAnswer answer = refused.Read();
    REQUIRE(answer.status == 503);
    REQUIRE(answer.headers.at("retry-after") == "1");
    REQUIRE(answer.body == R"({"error":"ChromaError","message":"Too many requests at once"})");
  }
  REQUIRE(fixture.calls == 1);
  fixture.gate.Open();
  REQUIRE(running.Read().body == "GET /slow  ");
  REQUIRE(first.Read().body == "GET /first  ");
  REQUIRE(second.Read().body == "GET /second  ");
  refused.Send(Get("/later"));
  REQUIRE(refused.Read().status == 200);
}

TEST_CASE("limits: threads are started as handlers need them, up to the maximum",
          "[lib][http][limits]") {
  Limits limits;
  limits.threads_max = 5;
  SlowFixture fixture(limits);
  const int before = test::ThreadsOfThisProcess();
  std::vector<RawClient> running;
  for (int i = 0; i < 5; ++i) running.push_back(fixture.Occupy());
  REQUIRE(test::ThreadsOfThisProcess() == before + 4);  // six: five busy, one watching
  REQUIRE(fixture.server.stats().requests_in_flight == 5);
  RawClient queued = fixture.Connect();
  queued.Send(Get("/queued"));
  REQUIRE(Await([&] { return fixture.server.stats().requests_queued == 1; }));
  REQUIRE(test::ThreadsOfThisProcess() == before + 4);
}

TEST_CASE("limits: a client gone while its request is queued is dropped before the handler",
          "[lib][http][limits]") {
  Limits limits;
  limits.threads_max = 1;
  SlowFixture fixture(limits);
  RawClient running = fixture.Occupy();
  RawClient gone = fixture.Connect();
  RawClient reset(fixture.tcp_address);
  RawClient half_closed(fixture.tcp_address);
  gone.Send(Get("/gone"));
  reset.Send(Get("/reset"));
  half_closed.Send(Get("/half-closed"));
  REQUIRE(Await([&] { return fixture.server.stats().requests_queued == 3; }));
  gone.Close();
  reset.Reset();
  half_closed.FinishSending();
  fixture.gate.Open();
  REQUIRE(running.Read().status == 200);
  REQUIRE(half_closed.Read().body == "GET /half-closed  ");
  REQUIRE(Await([&] { return fixture.server.stats().connections_open == 1; }));
  REQUIRE(fixture.calls == 2);
}

TEST_CASE("limits: a request that waited past its deadline is not run", "[lib][http][limits]") {
  Limits limits;
  limits.threads_max = 1;
  limits.handler_deadline = milliseconds(50);
  SlowFixture fixture(limits);
  RawClient running = fixture.Occupy();
  RawClient late = fixture.Connect();
  late.Send(Get("/late"));
  REQUIRE(Await([&] { return fixture.server.stats().requests_queued == 1; }));
  std::this_thread::sleep_for(milliseconds(60));  // beyond the deadline
  fixture.gate.Open();
  const RawAnswer answer = late.Read();
  REQUIRE(answer.status == 503);
  REQUIRE(answer.headers.count("retry-after") == 1);
  REQUIRE(fixture.calls == 1);
}

TEST_CASE("limits: connections past the maximum are told so", "[lib][http][limits]") {
  Limits limits;
  limits.connections_max = 3;
  ServerFixture fixture(limits);
  std::vector<RawClient> served;
  for (int i = 0; i < 3; ++i) {
    served.push_back(fixture.Connect());
    served.back().Send(Get("/"));
    REQUIRE(served.back().Read().status == 200);
  }
  for (const std::string& address : fixture.server.addresses()) {
    RawClient refused(address);
    refused.TrySend(Get("/"));
    const RawAnswer answer = refused.Read();
    REQUIRE(answer.status == 503);
    REQUIRE(answer.headers.at("retry-after") == "1");
    REQUIRE(refused.AtEnd());
  }
  REQUIRE(fixture.server.stats().connections_refused == 2);
  REQUIRE(Await([&] { return fixture.server.stats().connections_open == 3; }));
  served[0].Send(Get("/"));
  REQUIRE(served[0].Read().status == 200);
  served.pop_back();
  REQUIRE(Await([&] { return fixture.server.stats().connections_open == 2; }));
  RequireServes(fixture);
}

TEST_CASE("limits: half-read bodies share a budget of memory", "[lib][http][limits]") {
  Limits limits;
  limits.buffered_bytes_max = 1'000'000;
  ServerFixture fixture(limits);
  const std::string head = "POST / HTTP/1.1\r\nContent-Length: 900000\r\n\r\n";
  RawClient first = fixture.Connect();
  first.Send(head + std::string(800'000, 'a'));
  // The head alone counts for nothing, whatever it announces.
  RawClient second = fixture.Connect();
  second.Send(head);
  RequireServes(fixture);
  second.TrySend(std::string(800'000, 'b'));
  const auto refused_one = [&] { return first.HasInput() || second.HasInput(); };
  REQUIRE(Await(refused_one));
  RawClient& refused = first.HasInput() ? first : second;
  RawClient& other = first.HasInput() ? second : first;
  REQUIRE(refused.Read().status == 503);
  other.Send(std::string(900'000 - 800'000, 'a'));
  REQUIRE(other.Read().status == 200);
  // What was counted is given back: a moment after a client has read its answer to the end.
  const auto serves_another = [&] {
    RawClient again = fixture.Connect();
    again.TrySend(head + std::string(900'000, 'c'));
    return again.Read().status == 200;
  };
  for (int i = 0; i < 5; ++i) REQUIRE(Await(serves_another));
}

// Sees to it that the process cannot open another descriptor, for as long as it lives.
class NoMoreDescriptors {
 public:
  NoMoreDescriptors() {
    getrlimit(RLIMIT_NOFILE, &before_);
    const int next = dup(0);
    close(next);
    const rlimit tight{static_cast<rlim_t>(next), before_.rlim_max};
    setrlimit(RLIMIT_NOFILE, &tight);
  }
  ~NoMoreDescriptors() { setrlimit(RLIMIT_NOFILE, &before_); }

 private:
  rlimit before_{};
};

TEST_CASE("limits: out of descriptors, clients are told so and nothing spins",
          "[lib][http][limits]") {
  ServerFixture fixture;
  RawClient before = fixture.Connect();
  before.Send(Get("/"));
  REQUIRE(before.Read().status == 200);
  std::vector<file::Descriptor> sockets;
  for (int i = 0; i < 10; ++i) {
    sockets.push_back(RawClient::MakeSocket(fixture.server.addresses()[i % 2]));
  }
  // No assertion while the descriptors are gone: sanitizers need some for theirs.
  int told = 0;
  bool others_served = false;
  int64_t used_ns = 0;
  {
    const NoMoreDescriptors none;
    std::vector<RawClient> clients;  // kept: each that closes would make room for the next
    for (int i = 0; i < 10; ++i) {
      clients.emplace_back(std::move(sockets[i]), fixture.server.addresses()[i % 2]);
      told += clients.back().Read().status == 503 && clients.back().AtEnd();
    }
    before.Send(Get("/"));
    others_served = before.Read().status == 200;
    timespec used{}, later{};
    clock_gettime(CLOCK_PROCESS_CPUTIME_ID, &used);
    std::this_thread::sleep_for(milliseconds(200));  // a measurement, nothing is awaited
    clock_gettime(CLOCK_PROCESS_CPUTIME_ID, &later);
    used_ns = (later.tv_sec - used.tv_sec) * 1'000'000'000 + later.tv_nsec - used.tv_nsec;
  }
  REQUIRE(told == 10);
  REQUIRE(others_served);
  REQUIRE(used_ns < 20'000'000);
  REQUIRE(fixture.server.stats().connections_refused == 10);
  RequireServes(fixture);
}

TEST_CASE("limits: who sends many requests at once takes turns with the others",
          "[lib][http][limits]") {
  Limits limits;
  limits.threads_max = 1;
  SlowFixture fixture(limits);
  RawClient running = fixture.Occupy();
  RawClient greedy = fixture.Connect();
  RawClient modest = fixture.Connect();
  std::string many;
  for (int i = 0; i < 500; ++i) many += Get("/greedy");
  greedy.Send(many);
  REQUIRE(Await([&] { return fixture.server.stats().requests_queued == 1; }));
  modest.Send(Get("/modest"));
  REQUIRE(Await([&] { return fixture.server.stats().requests_queued == 2; }));
  fixture.gate.Open();
  REQUIRE(modest.Read().status == 200);
  REQUIRE(fixture.modest_call <= 3);  // behind the first one and one of the greedy client
  REQUIRE(running.Read().status == 200);
  for (int i = 0; i < 500; ++i) REQUIRE(greedy.Read().status == 200);
  REQUIRE(fixture.calls == 502);
}

}  // namespace
}  // namespace pannier::http
