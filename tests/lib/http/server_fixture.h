// A server with one Unix and one TCP listener that echoes what it is asked, for the tests of
// lib/http. Threads: as Server.
#pragma once

#include <catch2/catch.hpp>
#include <functional>
#include <string>

#include "lib/http/server.h"
#include "tests/lib/http/raw_client.h"
#include "tests/support/temp_dir.h"

namespace pannier::test {

// "METHOD path query body", so that a test sees what the handler saw.
inline http::Response Echo(const http::Request& request) {
  http::Response response;
  response.content_type = "text/plain";
  response.body.append(request.method).append(" ").append(request.path).append(" ");
  response.body.append(request.query).append(" ").append(request.body);
  return response;
}

struct ServerFixture {
  explicit ServerFixture(http::Limits limits = {}, http::Handler handler = Echo,
                         std::function<uint64_t(std::string_view path)> lane = nullptr)
      : server({.name = "test",
                .limits = limits,
                .refusal = {},
                .lane = std::move(lane),
                .computes = {}}) {
    socket_path = dir / "s";
    server.Add(OnSocket(socket_path, handler));
    server.Add(OnTcp("127.0.0.1:0", handler));
    const Status started = server.Start();
    INFO((started.ok() ? "" : started.error().what));
    REQUIRE(started.ok());
    unix_address = server.addresses()[0];
    tcp_address = server.addresses()[1];
  }

  static http::Listener OnSocket(const std::string& path, http::Handler handler) {
    http::Listener listener;
    listener.unix_path = path;
    listener.handler = std::move(handler);
    return listener;
  }
  static http::Listener OnTcp(const std::string& address, http::Handler handler) {
    http::Listener listener;
    listener.tcp_address = address;
    listener.handler = std::move(handler);
    return listener;
  }

  RawClient Connect() const { return RawClient(unix_address); }

  TempDir dir;
  http::Server server;
  std::string socket_path, unix_address, tcp_address;
};

inline std::string Get(const std::string& path, const std::string& headers = "") {
  return "GET " + path + " HTTP/1.1\r\nHost: t\r\n" + headers + "\r\n";
}

inline std::string Post(const std::string& path, const std::string& body,
                        const std::string& headers = "") {
  return "POST " + path + " HTTP/1.1\r\nHost: t\r\n" + headers +
         "Content-Length: " + std::to_string(body.size()) + "\r\n\r\n" + body;
}

}  // namespace pannier::test
