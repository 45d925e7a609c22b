// How long one request takes through lib/http with a handler that does nothing: the floor under
// every figure of the API. Closed loop; prints requests per second and percentiles per transport
// and number of connections. Usage: http_latency [seconds per run]
#include <arpa/inet.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <unistd.h>

#include <algorithm>
#include <chrono>
#include <cstdio>
#include <cstdlib>
#include <cstring>
#include <string>
#include <thread>
#include <vector>

#include "lib/core/check.h"
#include "lib/http/server.h"

namespace {

using namespace pannier;
using SteadyClock = std::chrono::steady_clock;

int Connect(const std::string& socket_path, int port) {
  if (port == 0) {
    const int fd = socket(AF_UNIX, SOCK_STREAM, 0);
    sockaddr_un address{};
    address.sun_family = AF_UNIX;
    std::strcpy(address.sun_path, socket_path.c_str());
    CHECK(connect(fd, reinterpret_cast<sockaddr*>(&address), sizeof address) == 0);
    return fd;
  }
  const int fd = socket(AF_INET, SOCK_STREAM, 0);
  sockaddr_in address{};
  address.sin_family = AF_INET;
  address.sin_port = htons(static_cast<uint16_t>(port));
  inet_pton(AF_INET, "127.0.0.1", &address.sin_addr);
  CHECK(connect(fd, reinterpret_cast<sockaddr*>(&address), sizeof address) == 0);
  return fd;
}

// One exchange; the answer is known to fit one read.
void Exchange(int fd, const std::string& request) {
  CHECK(send(fd, request.data(), request.size(), MSG_NOSIGNAL) ==
        static_cast<ssize_t>(request.size()));
  char answer[4096];
  const ssize_t bytes = recv(fd, answer, sizeof answer, 0);
  CHECK(bytes > 12 && std::memcmp(answer + 9, "200", 3) == 0);
}

void Run(const char* name, const std::string& path, int port, int connections,
         const std::string& request, std::chrono::milliseconds length) {
  std::vector<std::vector<int64_t>> taken(connections);
  std::vector<std::thread> threads;
  const auto end = SteadyClock::now() + length;
  for (int i = 0; i < connections; ++i) {
    threads.emplace_back([&, i] {
      const int fd = Connect(path, port);
      for (auto before = SteadyClock::now(); before < end;) {
        Exchange(fd, request);
        const auto after = SteadyClock::now();
        taken[i].push_back((after - before).count());
        before = after;
      }
      close(fd);
    });
  }
  for (auto& thread : threads) thread.join();
  std::vector<int64_t> all;
  for (const auto& some : taken) all.insert(all.end(), some.begin(), some.end());
  std::sort(all.begin(), all.end());
  std::printf("%-5s %5zu B x%-3d %9.0f req/s  p50 %6.1f us  p99 %7.1f us\n", name, request.size(),
              connections,
              static_cast<double>(all.size()) * 1000.0 / static_cast<double>(length.count()),
              static_cast<double>(all[all.size() / 2]) / 1e3,
              static_cast<double>(all[all.size() * 99 / 100]) / 1e3);
}

}  // namespace

int main(int argc, char** argv) {
  const auto length =
      std::chrono::milliseconds(static_cast<int>((argc > 1 ? std::atof(argv[1]) : 1.0) * 1000));
  const std::string path = "/tmp/http_latency." + std::to_string(getpid());
  http::Server server({.name = "bench", .limits = {}, .refusal = {}});
  const auto handler = [](const http::Request& request) {
    http::Response response;
    response.body = "{\"bytes\":" + std::to_string(request.body.size()) + "}";
    return response;
  };
  server.Add({.unix_path = path, .tcp_address = {}, .unix_group = {}, .handler = handler});
  server.Add({.unix_path = {}, .tcp_address = "127.0.0.1:0", .unix_group = {}, .handler = handler});
  server.Start().value();
  const std::string tcp = server.addresses()[1];
  const int port = std::atoi(tcp.substr(tcp.rfind(':') + 1).c_str());

  const std::string common =
      "host: localhost\r\naccept: application/json\r\naccept-encoding: gzip\r\n"
      "user-agent: Chroma Python Client v1.5.9\r\ncontent-type: application/json\r\n";
  const std::string get = "GET /api/v2/heartbeat HTTP/1.1\r\n" + common + "\r\n";
  const std::string post = "POST /api/v2/query HTTP/1.1\r\n" + common +
                           "content-length: 9000\r\n\r\n" + std::string(9000, 'x');
  for (const int connections : {1, 4, 16}) {
    Run("unix", path, 0, connections, get, length);
    Run("unix", path, 0, connections, post, length);
    Run("tcp", path, port, connections, get, length);
    Run("tcp", path, port, connections, post, length);
  }
  return 0;
}
