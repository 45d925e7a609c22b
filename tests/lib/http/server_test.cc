// Goal: every request that is whole gets its answer, in order, whatever its connection does before
// and after; stopping loses none that runs. Method: raw bytes over real sockets.
#include "lib/http/server.h"

#include <fcntl.h>
#include <malloc.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <unistd.h>

#include <atomic>
#include <catch2/catch.hpp>
#include <chrono>
#include <map>
#include <mutex>
#include <random>
#include <stdexcept>
#include <thread>

#include "tests/lib/http/server_fixture.h"

namespace pannier::http {
namespace {

using std::chrono::milliseconds;
using test::Await;
using test::Get;
using test::Post;
using test::RawAnswer;
using test::RawClient;
using test::ServerFixture;

TEST_CASE("server: a handler sees what was sent, over both transports", "[lib][http][server]") {
  ServerFixture fixture;
  for (const std::string& address : fixture.server.addresses()) {
    CAPTURE(address);
    RawClient client(address);
    client.Send(Post("/a%20b?x=%41", "body", "X-Y: z\r\n"));
    const RawAnswer answer = client.Read();
    REQUIRE(answer.status == 200);
    REQUIRE(answer.body == "POST /a%20b x=%41 body");
    REQUIRE(answer.headers.at("content-type") == "text/plain");
    REQUIRE(answer.headers.at("content-length") == "22");
    REQUIRE(answer.headers.at("date").ends_with(" GMT"));
    REQUIRE(answer.headers.size() == 3);
    client.Send(Get("/again"));
    REQUIRE(client.Read().body == "GET /again  ");
  }
}

TEST_CASE("server: the handler is told who asks and by when", "[lib][http][server]") {
  Peer peer;
  SteadyTime deadline;
  Limits limits;
  limits.handler_deadline = milliseconds(1500);
  ServerFixture fixture(limits, [&](const Request& request) {
    peer = request.peer;
    deadline = request.deadline;
    return test::Echo(request);
  });
  const SteadyTime before = std::chrono::steady_clock::now();
  RawClient client = fixture.Connect();
  client.Send(Get("/"));
  client.Read();
  REQUIRE(peer.is_unix);
  REQUIRE(peer.pid == getpid());
  REQUIRE(peer.uid == getuid());
  REQUIRE(peer.gid == getgid());
  REQUIRE(deadline >= before + milliseconds(1500));
  REQUIRE(deadline <= std::chrono::steady_clock::now() + milliseconds(1500));

  RawClient tcp(fixture.tcp_address);
  tcp.Send(Get("/"));
  tcp.Read();
  REQUIRE_FALSE(peer.is_unix);
  REQUIRE(peer.address.starts_with("127.0.0.1:"));
}

TEST_CASE("server: the end of a connection is told with its number, and who ended it",
          "[lib][http][server]") {
  std::mutex mutex;
  std::map<uint64_t, bool> closed;
  std::vector<uint64_t> seen;
  Server::Options options;
  options.name = "test";
  options.on_closed = [&](uint64_t connection, bool by_peer) {
    const std::lock_guard lock(mutex);
    closed[connection] = by_peer;
  };
  Server server(options);
  test::TempDir dir;
  const std::string path = (dir / "s.sock").string();
  server.Add({path, "", 0660, "", [&](const Request& request) {
                const std::lock_guard lock(mutex);
                seen.push_back(request.connection);
                return Response();
              }});
  REQUIRE(server.Start().ok());
  const auto ask = [&](RawClient& client) {
    client.Send(Get("/"));
    REQUIRE(client.Read().status == 200);
    const std::lock_guard lock(mutex);
    return seen.back();
  };
  const auto is_closed = [&](uint64_t number) {
    const std::lock_guard lock(mutex);
    return closed.contains(number);
  };
  RawClient stays("unix:" + path);
  const uint64_t kept = ask(stays);
  uint64_t left = 0;
  {
    RawClient leaves("unix:" + path);
    left = ask(leaves);
    REQUIRE(ask(leaves) == left);
  }
  REQUIRE(left != kept);
  REQUIRE(Await([&] { return is_closed(left); }));
  REQUIRE(closed.at(left));
  REQUIRE_FALSE(is_closed(kept));
  REQUIRE_FALSE(server.HangUp(left));
  REQUIRE(server.HangUp(kept));
  REQUIRE(Await([&] { return is_closed(kept); }));
  REQUIRE_FALSE(closed.at(kept));
  REQUIRE(stays.AtEnd());
}

TEST_CASE("server: bytes behind a body may be read", "[lib][http][server]") {
  std::atomic<unsigned> sum{0};
  ServerFixture fixture({}, [&](const Request& request) {
    const char* const end = request.body.data() + request.body.size();
    for (size_t i = 0; i < kBodyPadding; ++i) sum += static_cast<unsigned char>(end[i]);
    Response response;
    response.body = std::to_string(request.body.size());
    return response;
  });
  RawClient client = fixture.Connect();
  // Around the sizes of the buffers inside, whose ends a sanitizer watches.
  for (const size_t size : {0, 1, 100, 4096, 65000, 65400, 65535, 65536, 70000, 300000, 3000000}) {
    client.Send(Post("/", std::string(size, 'a')));
    REQUIRE(client.Read().body == std::to_string(size));
  }
}

TEST_CASE("server: pipelined requests are answered in order", "[lib][http][server]") {
  ServerFixture fixture;
  RawClient client = fixture.Connect();
  std::string requests;
  for (int i = 0; i < 200; ++i) {
    requests += i % 3 == 0 ? Get("/" + std::to_string(i))
                           : Post("/" + std::to_string(i), std::string(i * 7, 'b'));
  }
  std::thread sender([&] { client.Send(requests); });
  for (int i = 0; i < 200; ++i) {
    const RawAnswer answer = client.Read();
    REQUIRE(answer.body == (i % 3 == 0
                                ? "GET /" + std::to_string(i) + "  "
                                : "POST /" + std::to_string(i) + "  " + std::string(i * 7, 'b')));
  }
  sender.join();
  REQUIRE_FALSE(client.HasInput());
}

TEST_CASE("server: chunked bodies arrive plain", "[lib][http][server]") {
  ServerFixture fixture;
  RawClient client = fixture.Connect();
  const std::string head = "POST /c HTTP/1.1\r\nHost: t\r\nTransfer-Encoding: chunked\r\n\r\n";
  client.Send(head + "5\r\nhello\r\n6;x=y\r\n world\r\n0\r\n\r\n" + Get("/next"));
  REQUIRE(client.Read().body == "POST /c  hello world");
  REQUIRE(client.Read().body == "GET /next  ");
  // In pieces, large.
  client.Send(head);
  std::string body;
  for (int i = 0; i < 50; ++i) {
    const std::string chunk(10'000 + i, static_cast<char>('a' + i % 26));
    char size[16];
    snprintf(size, sizeof size, "%zx\r\n", chunk.size());
    client.Send(size + chunk + "\r\n");
    body += chunk;
  }
  client.Send("0\r\n\r\n");
  REQUIRE(client.Read().body == "POST /c  " + body);
}

TEST_CASE("server: HEAD is answered like GET, without the body", "[lib][http][server]") {
  ServerFixture fixture;
  RawClient client = fixture.Connect();
  client.Send("HEAD /h HTTP/1.1\r\nHost: t\r\n\r\n" + Get("/h"));
  const RawAnswer head = client.Read(true);
  const RawAnswer get = client.Read();
  REQUIRE(head.status == 200);
  REQUIRE(get.body == "GET /h  ");
  REQUIRE(head.headers.at("content-length") == get.headers.at("content-length"));
  REQUIRE(head.headers.at("content-type") == get.headers.at("content-type"));
}

TEST_CASE("server: a client that expects 100-continue is told to go on, at once",
          "[lib][http][server]") {
  ServerFixture fixture;
  RawClient client = fixture.Connect();
  const std::string go_on = "HTTP/1.1 100 Continue\r\n\r\n";
  for (int i = 0; i < 3; ++i) {
    client.Send("POST /e HTTP/1.1\r\nHost: t\r\nExpect: 100-continue\r\nContent-Length: 4\r\n\r\n");
    REQUIRE(client.ReadBytes(go_on.size()) == go_on);
    client.Send("bo");
    client.Send("dy");
    REQUIRE(client.Read().body == "POST /e  body");
  }
  // Who did not wait needs no permission.
  client.Send(Post("/e", "body", "Expect: 100-continue\r\n"));
  REQUIRE(client.Read().body == "POST /e  body");
  client.Send("POST /e HTTP/1.1\r\nExpect: 100-continue\r\nTransfer-Encoding: chunked\r\n\r\n");
  REQUIRE(client.ReadBytes(go_on.size()) == go_on);
  client.Send("2\r\nhi\r\n0\r\n\r\n");
  REQUIRE(client.Read().body == "POST /e  hi");
}

TEST_CASE("server: a connection lives as long as its client says", "[lib][http][server]") {
  ServerFixture fixture;
  SECTION("Connection: close") {
    RawClient client = fixture.Connect();
    client.Send(Get("/", "Connection: close\r\n") + Get("/never"));
    const RawAnswer answer = client.Read();
    REQUIRE(answer.headers.at("connection") == "close");
    REQUIRE(client.AtEnd());
  }
  SECTION("HTTP/1.0") {
    RawClient client = fixture.Connect();
    client.Send("GET / HTTP/1.0\r\n\r\n");
    REQUIRE(client.Read().headers.at("connection") == "close");
    REQUIRE(client.AtEnd());
  }
  SECTION("HTTP/1.0 that asks for more") {
    RawClient client = fixture.Connect();
    for (int i = 0; i < 2; ++i) {
      client.Send("GET / HTTP/1.0\r\nConnection: keep-alive\r\n\r\n");
      REQUIRE(client.Read().headers.at("connection") == "keep-alive");
    }
  }
  SECTION("half-closed") {
    for (const std::string& address : fixture.server.addresses()) {
      RawClient client(address);
      client.Send(Get("/1") + Get("/2") + "GET /half");
      client.FinishSending();
      REQUIRE(client.Read().body == "GET /1  ");
      REQUIRE(client.Read().body == "GET /2  ");
      REQUIRE(client.AtEnd());
    }
  }
  SECTION("gone without a word") {
    for (int i = 0; i < 50; ++i) RawClient(fixture.server.addresses()[i % 2]);
    REQUIRE(Await([&] { return fixture.server.stats().connections_accepted == 50; }));
    REQUIRE(Await([&] { return fixture.server.stats().connections_open == 0; }));
  }
}

TEST_CASE("server: a status without a body has none", "[lib][http][server]") {
  ServerFixture fixture({}, [](const Request& request) {
    Response response;
    response.status = std::stoi(std::string(request.path.substr(1)));
    response.content_type = "";
    response.headers = {{"X-One", "1"}, {"X-Bad", "a\r\nX-Smuggled: b"}, {"bad name", "c"}};
    return response;
  });
  RawClient client = fixture.Connect();
  client.Send(Get("/204"));
  RawAnswer answer = client.Read();
  REQUIRE(answer.status == 204);
  REQUIRE(answer.headers.count("content-length") == 0);
  REQUIRE(answer.headers.at("x-one") == "1");
  REQUIRE(answer.headers.size() == 2);
  client.Send(Get("/404"));
  answer = client.Read();
  REQUIRE(answer.status == 404);
  REQUIRE(answer.headers.at("content-length") == "0");
  REQUIRE(answer.headers.count("content-type") == 0);
  client.Send(Get("/7"));  // no status at all
  REQUIRE(client.Read().status == 500);
}

TEST_CASE("server: a handler that throws costs a 500 and nothing else", "[lib][http][server]") {
  ServerFixture fixture({}, [](const Request& request) -> Response {
    if (request.path == "/throw") throw std::runtime_error("secret");
    return test::Echo(request);
  });
  RawClient client = fixture.Connect();
  client.Send(Get("/throw") + Get("/next"));
  const RawAnswer answer = client.Read();
  REQUIRE(answer.status == 500);
  REQUIRE(answer.body == R"({"error":"InternalError","message":"Internal error"})");
  REQUIRE(client.Read().body == "GET /next  ");
}

TEST_CASE("server: a large answer reaches a slow reader whole, and holds no thread",
          "[lib][http][server]") {
  const std::string large(20 << 20, 'l');
  Limits limits;
  limits.threads_max = 1;
  ServerFixture fixture(limits, [&](const Request& request) {
    Response response;
    response.body = request.path == "/large" ? large : "small";
    return response;
  });
  std::vector<RawClient> slow;
  for (const std::string& address : fixture.server.addresses()) {
    slow.emplace_back(address);
    slow.back().Send(Get("/large") + Get("/small"));
  }
  for (const std::string& address : fixture.server.addresses()) {
    RawClient quick(address);
    quick.Send(Get("/"));
    REQUIRE(quick.Read().body == "small");
  }
  for (RawClient& client : slow) {
    REQUIRE(client.Read().body == large);
    REQUIRE(client.Read().body == "small");
  }
}

TEST_CASE("server: many clients at once get each their own answers", "[lib][http][server]") {
  const unsigned seed = std::random_device()();
  CAPTURE(seed);
  Limits limits;
  limits.threads_max = 4;
  ServerFixture fixture(limits);
  std::atomic<int> failures{0};
  const auto run = [&](int number) {
    std::mt19937 random(seed + number);
    RawClient client(fixture.server.addresses()[number % 2]);
    for (int round = 0; round < 40; ++round) {
      const int count = 1 + static_cast<int>(random() % 4);
      std::string bytes;
      std::vector<std::string> expected;
      for (int i = 0; i < count; ++i) {
        const std::string path = "/" + std::to_string(number) + "/" + std::to_string(round);
        const std::string body(random() % 5 == 0 ? random() % 100'000 : random() % 500, 'x');
        bytes += Post(path, body);
        expected.push_back("POST " + path + "  " + body);
      }
      const size_t cut = random() % bytes.size();
      client.Send(bytes.substr(0, cut));
      if (random() % 4 == 0) std::this_thread::yield();
      client.Send(bytes.substr(cut));
      for (const std::string& body : expected) failures += client.Read().body != body;
    }
  };
  std::vector<std::thread> threads;
  for (int i = 0; i < 12; ++i) {
    threads.emplace_back([&, i] {
      try {
        run(i);
      } catch (const std::exception&) {
        ++failures;
      }
    });
  }
  for (auto& thread : threads) thread.join();
  REQUIRE(failures == 0);
  const Stats stats = fixture.server.stats();
  REQUIRE(stats.connections_accepted == 12);
  REQUIRE(stats.requests_refused == 0);
  REQUIRE(stats.bytes_received > 0);
  REQUIRE(stats.bytes_sent > 0);
  REQUIRE(Await([&] { return fixture.server.stats().requests_in_flight == 0; }));
}

TEST_CASE("server: stopping lets running and queued requests end and closes the others",
          "[lib][http][server]") {
  test::Gate gate;
  Limits limits;
  limits.threads_max = 1;
  ServerFixture fixture(limits, [&](const Request& request) {
    if (request.path == "/slow") gate.Pass();
    return test::Echo(request);
  });
  RawClient idle = fixture.Connect();
  RawClient half(fixture.tcp_address);
  RawClient running = fixture.Connect();
  RawClient queued(fixture.tcp_address);
  idle.Send(Get("/"));
  REQUIRE(idle.Read().headers.count("connection") == 0);
  half.Send("POST / HTTP/1.1\r\nContent-Length: 10\r\n\r\nhalf");
  running.Send(Get("/slow"));
  REQUIRE(Await([&] { return gate.waiting() == 1; }));
  queued.Send(Get("/queued"));
  REQUIRE(Await([&] { return fixture.server.stats().requests_queued == 1; }));

  std::jthread stopper([&] { fixture.server.Stop(std::chrono::seconds(30)); });
  REQUIRE(idle.AtEnd());
  REQUIRE(half.AtEnd());
  REQUIRE_FALSE(RawClient::CanConnect(fixture.unix_address));
  REQUIRE_FALSE(RawClient::CanConnect(fixture.tcp_address));
  REQUIRE_FALSE(std::filesystem::exists(fixture.socket_path));
  gate.Open();
  const RawAnswer answer = running.Read();
  REQUIRE(answer.body == "GET /slow  ");
  REQUIRE(answer.headers.at("connection") == "close");
  REQUIRE(queued.Read().body == "GET /queued  ");
  // They may end when they like; the server does not wait for more of them.
  running.Close();
  queued.Close();
  stopper.join();
  fixture.server.Stop(milliseconds(0));
}

TEST_CASE("server: stopping does not wait for more than the grace", "[lib][http][server]") {
  test::Gate gate;
  ServerFixture fixture({}, [&](const Request& request) {
    gate.Pass();
    return test::Echo(request);
  });
  RawClient running = fixture.Connect();
  running.Send(Get("/slow"));
  REQUIRE(Await([&] { return gate.waiting() == 1; }));
  std::jthread stopper([&] { fixture.server.Stop(milliseconds(50)); });
  REQUIRE(running.AtEnd());  // unanswered
  gate.Open();
  stopper.join();
}

TEST_CASE("server: thousands of idle connections cost no thread, little memory and no time",
          "[lib][http][server]") {
  constexpr int kConnections = 2'000;
  rlimit files{};
  REQUIRE(getrlimit(RLIMIT_NOFILE, &files) == 0);
  const rlimit raised{std::min<rlim_t>(files.rlim_max, 2 * kConnections + 200), files.rlim_max};
  REQUIRE(setrlimit(RLIMIT_NOFILE, &raised) == 0);
  {
    ServerFixture fixture;
    const int threads = test::ThreadsOfThisProcess();
    std::vector<RawClient> clients;
    clients.reserve(kConnections);
    const auto heap = [] {
      const struct mallinfo2 info = mallinfo2();  // zeros under a sanitizer
      return info.uordblks + info.hblkhd;
    };
    const size_t heap_before = heap();
    for (int i = 0; i < kConnections; ++i) {
      clients.emplace_back(fixture.server.addresses()[i % 2]);
      clients.back().Send(Get("/"));
      REQUIRE(clients.back().Read().status == 200);
    }
    REQUIRE(fixture.server.stats().connections_open == kConnections);
    REQUIRE(heap() < heap_before + kConnections * size_t{2048});
    // The two threads of the start, and what a moment of overlap may have added.
    REQUIRE(test::ThreadsOfThisProcess() <= threads + 2);

    const auto used = [] {
      timespec time{};
      clock_gettime(CLOCK_PROCESS_CPUTIME_ID, &time);
      return std::chrono::seconds(time.tv_sec) + std::chrono::nanoseconds(time.tv_nsec);
    };
    const auto before = used();
    std::this_thread::sleep_for(std::chrono::seconds(1));  // a measurement, nothing is awaited
    REQUIRE(used() - before < milliseconds(5));            // 0.5 % of a core
    for (RawClient& client : clients) {
      client.Send(Get("/still"));
      REQUIRE(client.Read().body == "GET /still  ");
    }
  }
  REQUIRE(setrlimit(RLIMIT_NOFILE, &files) == 0);
}

}  // namespace
}  // namespace pannier::http
