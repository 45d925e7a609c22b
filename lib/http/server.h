// An HTTP/1.1 server for a sidecar: many mostly idle connections, few threads, hard limits.
//
// An event loop of ours owns the connections and frames requests; cpp-httplib runs a complete one
// and formats the answer. All threads wait on one epoll set. The thread that reads the last byte of
// a request runs its handler itself, so that a lone client pays no hand-over; the last thread that
// is still free never does: it queues requests for the others and goes on watching, so that
// accepts, time-outs, refusals and half-read requests never wait for a handler.
//
// With TLS a connection first shakes hands, within a time-out and without holding a thread; who
// speaks plain HTTP there is told so in plain HTTP (400).
//
// Threads are shared: one peer, and one lane (what requests are about: a store), have only so many
// at a time; beyond, their requests wait and hold none, and among those that wait peers take turns
// (fair_queue.h). So a flood by one leaves threads and places in the queue for others.
//
// Promises: an idle or slow connection holds no thread, and no buffer beyond what it has sent.
// Requests pipelined on one connection are answered in order, one at a time. A client that hung up
// while its request was queued is dropped before the handler runs (of TCP only when the connection
// was reset: a mere end of input may be a client that still listens). Past a limit the client gets
// a status and a JSON body {"error","message"}, and everything else goes on. HEAD reaches the
// handler as GET and the body of the answer is left out. `Expect: 100-continue` is answered here.
//
// A Unix socket appears under its name only once it accepts (bound beside, renamed into place),
// replaces a dead socket of that name, and is removed at Stop() unless another server has taken the
// name.
//
// Threads: Start() spawns two, further ones are spawned on demand and end when idle for a minute.
// They are named "<name>-http-<n>". Handlers run on them, many at a time, and should not throw (a
// 500 is answered then). SIGPIPE is ignored in the whole process (cpp-httplib sees to that).
#pragma once

#include <chrono>
#include <cstdint>
#include <functional>
#include <memory>
#include <string>
#include <vector>

#include "lib/core/result.h"
#include "lib/file/descriptor.h"
#include "lib/http/message.h"
#include "lib/http/peer_list.h"
#include "lib/http/tls.h"

namespace pannier::http {

using Handler = std::function<Response(const Request&)>;

struct Limits {
  // Handlers at a time; one thread more watches.
  uint32_t threads_max = 32;
  // Complete requests waiting for a thread; past it 503 with Retry-After: 1.
  uint32_t requests_queued_max = 256;
  // Of one peer: a process behind a Unix socket, an address of TCP; 0: no limit. Of threads a third
  // while other peers ask as well. Past the latter 429 with Retry-After: 1.
  uint32_t threads_per_peer_max = 0;
  uint32_t requests_queued_per_peer_max = 0;
  // Threads of one peer for requests that compute (Options::computes) while others ask. 0: no
  // limit.
  uint32_t computing_in_company_max = 0;
  // Of one lane (Options::lane); further ones wait, and hold no thread. 0: no limit.
  uint32_t threads_per_lane_max = 0;
  // Past it new ones are accepted, answered 503 and closed.
  uint32_t connections_max = 4096;
  // Request line and headers; past it 431. A request target beyond 8 KiB gets 414.
  uint32_t header_bytes_max = 64 << 10;
  // Of one body, plain; past it 413.
  uint64_t body_bytes_max = 40ull << 20;
  // All requests that are half read, waiting or running, and all answers that clients have not
  // taken yet, together; past it requests get 503, and a client that takes no 64 KiB of its answer
  // in two seconds is closed.
  uint64_t buffered_bytes_max = 512ull << 20;
  // First to last byte of a request; past it 408 and closed.
  std::chrono::milliseconds request_timeout{60'000};
  // From accepting to the end of the TLS handshake; past it closed.
  std::chrono::milliseconds handshake_timeout{10'000};
  // A connection without a request is closed.
  std::chrono::milliseconds idle_timeout{600'000};
  // The client takes less than 64 KiB of the answer, and not its end, in so long: closed.
  std::chrono::milliseconds write_timeout{60'000};
  // Request::deadline is when the request was complete, and this. One that is still queued then
  // gets 503.
  std::chrono::milliseconds handler_deadline{60'000};
};

struct Listener {
  // Exactly one of the two.
  std::string unix_path;    // at most 107 bytes
  std::string tcp_address;  // "127.0.0.1:8000", "[::1]:0", "localhost:8000" (both families); port
                            // 0: any
  unsigned unix_mode = 0660;
  std::string unix_group;  // name or number; empty: as created
  Handler handler;
  std::shared_ptr<TlsServer> tls = nullptr;  // of a TCP address; null: plain
  // Of a Unix socket. Who is not named gets nothing: its connection is closed as it comes, and what
  // it sent is not read.
  PeerList peers = {};
  // Of a Unix socket: accepts under unix_path already (UnixListener::Adopt); mode and group are its
  // own. None: it is bound at the start.
  file::Descriptor lent = {};
};

// Counted since Start(); read for metrics.
struct Stats {
  uint64_t connections_open, connections_accepted, connections_refused;
  uint64_t requests_in_flight, requests_queued, requests_refused, requests_timed_out;
  uint64_t requests_queued_max;  // Limits, beside what it limits
  uint64_t bytes_received, bytes_sent;
};

class Server {
 public:
  struct Options {
    std::string name;  // of threads and log lines: "data", "admin"
    Limits limits;
    // Makes the answer for a refusal that the server itself decides (400, 408, 413, 414, 417, 429,
    // 431, 501, 503, 505). `head` is the request without its body where its head was understood,
    // else null. Default: {"error","message"} as JSON. 429, 503 get Retry-After here.
    std::function<Response(int status, std::string_view message, const Request* head)> refusal;
    // What a request is about, by its path: those of one lane share threads_per_lane_max. 0: of
    // none. Default: none.
    std::function<uint64_t(std::string_view path)> lane = nullptr;
    // Whether a request, by its path, keeps a processor busy all the time it runs. Default: none.
    std::function<bool(std::string_view path)> computes = nullptr;
    // Told of the end of each connection (Request::connection), from the thread that sees it; must
    // return at once. `by_peer`, of a Unix socket: the other end is closed, so that nobody holds
    // it any more. May be empty.
    std::function<void(uint64_t connection, bool by_peer)> on_closed = {};
  };

  explicit Server(Options options);
  ~Server();  // Stop()s at once

  // Adds a listener; before Start().
  void Add(Listener listener);

  // Binds all listeners, all or none, and serves. Once.
  //   kInvalidArgument   an address does not parse, a socket path is too long
  //   kConflict          another process serves there; Error::what names the address (and for a
  //                      Unix socket the pid)
  //   kPermissionDenied, kNotFound  the folder cannot be written, does not exist; hint says what
  //                      to try
  //   kUnavailable       no thread can be started
  Status Start();

  // What clients connect to after Start(), with real ports, in the order of Add():
  // "unix:/run/pannier/pannier.sock", "http://127.0.0.1:8000", "https://…". Client::Make takes
  // them.
  std::vector<std::string> addresses() const;

  // Stops accepting and closes idle connections at once, lets running and queued requests end
  // within `grace` (half-read ones within half a second of it), then closes. A handler that runs
  // longer sees Request::stop, and is waited for, but its answer is not sent. Idempotent.
  void Stop(std::chrono::milliseconds grace);

  // Ends a connection (Request::connection) once what has arrived of it is answered. False: it is
  // gone. Takes a look at all of them: not for often.
  bool HangUp(uint64_t connection);

  Stats stats() const;

 private:
  class Impl;
  std::unique_ptr<Impl> impl_;
};

}  // namespace pannier::http
