// An HTTP/1.1 server for a sidecar: many mostly idle connections, few threads, hard limits.
//
// An event loop of ours owns the connections; cpp-httplib parses a complete request and formats the answer. All threads
// wait on one epoll set (one-shot per connection). The thread that reads the last byte of a request runs its handler
// itself, so that a lone client pays no hand-over; the last thread that is still free never does: it queues requests
// for the others and goes on watching, so that accepts, time-outs, refusals and half-read requests never wait for a handler.
//
// Promises: an idle or slow connection holds no thread. Requests pipelined on one connection are answered in order, one
// at a time. Past a limit the client gets a status and a JSON body {"error","message"} (or the connection is not
// accepted), and everything else goes on. A Unix socket appears under its name only once it accepts (bound beside,
// renamed into place), replaces a dead socket of that name, and is removed at Stop().
// Threads: Start() spawns up to `threads_max`, on demand. Handlers run on them, many at a time, and must not throw.
#pragma once

#include <chrono>
#include <cstdint>
#include <functional>
#include <memory>
#include <string>
#include <vector>

#include "lib/core/result.h"
#include "lib/http/message.h"

namespace pannier::http {

using Handler = std::function<Response(const Request&)>;

struct Limits {
  uint32_t threads_max = 32;             // handlers at a time, plus the one that watches
  uint32_t requests_queued_max = 256;    // complete requests waiting for a thread; past it 503 with Retry-After: 1
  uint32_t connections_max = 4096;       // past it new ones are accepted and closed with 503
  uint32_t header_bytes_max = 64 << 10;  // request line and headers; past it 431
  uint64_t body_bytes_max = 40ull << 20; // past it 413 (see Options::body_too_large)
  uint64_t buffered_bytes_max = 512ull << 20;  // all half-read bodies together; past it 503
  std::chrono::milliseconds request_timeout{60'000};   // first to last byte of a request; past it 408 and closed
  std::chrono::milliseconds idle_timeout{600'000};     // a connection without a request is closed
  std::chrono::milliseconds write_timeout{60'000};     // the client takes no byte of the answer for so long: closed
  std::chrono::milliseconds handler_deadline{60'000};  // Request::deadline = when complete + this
};

struct Listener {
  // Exactly one of the two.
  std::string unix_path;                 // at most 107 bytes
  std::string tcp_address;               // "127.0.0.1:8000", "[::1]:0", "localhost:8000" (both families); port 0 = any
  unsigned unix_mode = 0660;
  std::string unix_group;                // name or number; empty: as created
  Handler handler;
};

// Counted since Start(); read for metrics.
struct Stats {
  uint64_t connections_open, connections_accepted, connections_refused;
  uint64_t requests_in_flight, requests_queued, requests_refused, requests_timed_out;
  uint64_t bytes_received, bytes_sent;
};

class Server {
 public:
  struct Options {
    std::string name;                    // of threads and log lines: "data", "admin"
    Limits limits;
    // Makes the body for a refusal that the server itself decides (408, 413, 431, 503, 400 for broken HTTP).
    // Default: {"error":"ChromaError","message":…} as JSON.
    std::function<Response(int status, std::string_view message, const Request* head)> refusal;
  };

  explicit Server(Options options);
  ~Server();  // Stop()s at once

  // Adds a listener; before Start().
  void Add(Listener listener);

  // Binds all listeners, all or none, and serves.
  //   kInvalidArgument   an address does not parse, a socket path is too long
  //   kConflict          another process serves there; Error::what names the address (and for a Unix socket the pid)
  //   kPermissionDenied, kNotFound  the folder cannot be written, does not exist; hint says what to try
  Status Start();

  // The addresses in use after Start(), with real ports, in the order of Add().
  std::vector<std::string> addresses() const;

  // Stops accepting and idle connections at once, lets running requests end within `grace`, then closes. Idempotent.
  void Stop(std::chrono::milliseconds grace);

  Stats stats() const;

 private:
  class Impl;
  std::unique_ptr<Impl> impl_;
};

}  // namespace pannier::http
