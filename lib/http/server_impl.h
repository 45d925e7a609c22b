// The inside of Server: what its threads share, and the life of a connection.
//
//   event ─► Claim ─► Drive: receive ─► frame ─► dispatch ─► run ─► send ─► (again) ─► park
//                                                  └► queue ─► another thread ┘
//
// Threads: the crew's; Start(), Stop() and stats() of Server from any.
#pragma once

#include <atomic>
#include <functional>
#include <memory>
#include <string>
#include <vector>

#include "lib/core/mutex.h"
#include "lib/http/connection.h"
#include "lib/http/crew.h"
#include "lib/http/httplib_adapter.h"
#include "lib/http/listener.h"
#include "lib/http/poller.h"
#include "lib/http/server.h"

namespace pannier::http {

// Written by one thread, read by any.
class Counter {
 public:
  void Add(uint64_t amount) {
    value_.store(value_.load(std::memory_order_relaxed) + amount, std::memory_order_relaxed);
  }
  uint64_t get() const { return value_.load(std::memory_order_relaxed); }

 private:
  std::atomic<uint64_t> value_{0};
};

struct alignas(64) Counters {
  Counter accepted, refused_connections, refused_requests, timed_out, received, sent;
};

// What one thread has for itself.
struct Worker {
  explicit Worker(Counters* c) : counters(c) {}
  Counters* const counters;
  bool busy = false;            // of the crew's two states
  uint64_t bytes_in_a_row = 0;  // moved for one connection since the last event
  Connection* next = nullptr;   // to run before any other of the queue
  bool too_late = false;        // the request to run has waited beyond its deadline
  bool head_is_fresh = false;   // `head` is of the request at hand, and its bytes have not moved
  Buffer scratch;               // lent to the connection being read, so that idle ones have none
  Head head;
  Request request;
  HttplibAdapter adapter;
};

class Server::Impl {
 public:
  explicit Impl(Options options);
  ~Impl();

  void Add(Listener listener) { listeners_.push_back(std::move(listener)); }
  Status Start();
  void Stop(std::chrono::milliseconds grace);
  std::vector<std::string> addresses() const { return addresses_; }
  bool HangUp(uint64_t number);
  Stats stats() const;

 private:
  // What became of a connection in one step.
  enum class Next {
    kAgain,  // take the next step
    kPark,   // nothing to do until an event or its deadline
    kGone,   // closed, or another's now
  };
  struct Socket {
    const int descriptor;
    const uint32_t listener;
    const bool is_unix;
    const bool is_lent;                // goes on accepting when this server ends
    uint32_t index = 0;                // among all sockets
    std::atomic<bool> stalled{false};  // accepting failed; tried again by the timer
    Socket(int d, uint32_t l, bool unix, bool lent)
        : descriptor(d), listener(l), is_unix(unix), is_lent(lent) {}
  };

  // Set-up and end (server.cc).
  Status BindAll();
  Status WatchAll();
  void RemoveNames();
  void CloseAll();
  Counters* BorrowCounters();
  void ReturnCounters(Counters* counters);

  // Threads and what they hear (server_loop.cc).
  void Live();
  void Hear(Worker& worker, const Poller::Event& event);
  void OnTimer(Worker& worker);
  void LookForDue(Worker& worker);
  void WakeForDeadline(int64_t deadline_ms);
  void Expire(Worker& worker, Connection& connection);
  void EndSoon(Worker& worker, Connection& connection);
  void AcceptAll(Worker& worker, Socket& socket);
  file::Descriptor AcceptOne(Worker& worker, const Socket& socket, int* error);
  int ShedOne(Worker& worker, const Socket& socket) REQUIRES(accept_mutex_);
  void AcceptLater(Socket& socket, int error);
  void Begin(Worker& worker, const Socket& socket, Connection& connection);
  void Admit(Worker& worker, const Socket& socket, file::Descriptor accepted);
  bool Welcomes(Worker& worker, const Socket& socket, int accepted, const Peer& peer);

  // One connection (server_connection.cc). All need its ownership.
  void Drive(Worker& worker, Connection& connection);
  void RunQueued(Worker& worker, Connection& connection);
  Next Step(Worker& worker, Connection& connection);
  Next Handshake(Worker& worker, Connection& connection);
  bool BeginHandshake(Worker& worker, Connection& connection, TlsServer& tls);
  Next AfterHandshake(Worker& worker, Connection& connection);
  ssize_t ReceiveSome(Connection& connection);
  Next Frame(Worker& worker, Connection& connection);
  Next Receive(Worker& worker, Connection& connection);
  Next AwaitMore(Worker& worker, Connection& connection);
  Next Dispatch(Worker& worker, Connection& connection);
  Next Run(Worker& worker, Connection& connection);
  Next Refuse(Worker& worker, Connection& connection, Fault fault, bool closes);
  Next Send(Worker& worker, Connection& connection, Answer answer);
  Next Flush(Worker& worker, Connection& connection);
  Next AfterAnswer(Worker& worker, Connection& connection, bool closes);
  Next BeginDrain(Connection& connection);
  Next Drain(Worker& worker, Connection& connection);
  Next SendContinue(Worker& worker, Connection& connection);
  bool Park(Worker& worker, Connection& connection);
  Next Close(Connection& connection);
  void LendScratch(Worker& worker, Connection& connection);
  void TakeScratchBack(Worker& worker, Connection& connection);
  bool MakeRoom(Connection& connection);
  bool Account(Connection& connection, uint64_t bytes);
  void AccountOutput(Connection& connection, uint64_t bytes);
  bool IsPressed() const;
  bool IsStalled(const Connection& connection) const;
  void NoteWork(Worker& worker, uint64_t bytes);
  void SetShare(Worker& worker, Connection& connection);
  static Fault FaultOf(FairQueue::Pushed refused);
  // worker.head, read from the connection's bytes unless it is of them already.
  const Head& HeadOf(Worker& worker, const Connection& connection);
  void FillRequest(Worker& worker, Connection& connection);
  void FinishRequest(Connection& connection);
  Response RefusalOf(Fault fault, const Request* head) const;
  int64_t DeadlineOf(const Connection& connection) const;

  const Options options_;
  const FramingLimits framing_limits_;
  std::vector<Listener> listeners_;  // constant after Start()
  std::vector<std::string> addresses_;
  std::vector<UnixListener> unix_listeners_;
  std::vector<TcpListener> tcp_listeners_;
  std::vector<std::unique_ptr<Socket>> sockets_;
  bool started_ = false;

  ConnectionTable table_;
  std::unique_ptr<Poller> poller_;
  std::unique_ptr<Crew> crew_;
  std::atomic<bool> stopping_{false};        // no new connections; answers close theirs
  std::atomic<bool> ended_{false};           // threads return
  std::atomic<uint64_t> buffered_bytes_{0};  // of requests and of answers not taken yet
  std::atomic<uint32_t> overflow_{0};        // connections beyond the limit, being told so
  std::atomic<int64_t> stop_began_ms_{0};
  std::atomic<int64_t> next_due_ms_{kNever};  // no deadline of a connection is earlier

  Mutex accept_mutex_;
  file::Descriptor reserve_
      GUARDED_BY(accept_mutex_);  // given up to accept, and refuse, one client

  mutable Mutex mutex_;
  CondVar emptied_;  // the table, while stopping
  bool stopped_ GUARDED_BY(mutex_) = false;
  std::vector<std::unique_ptr<Counters>> counters_ GUARDED_BY(mutex_);
  std::vector<Counters*> spare_counters_ GUARDED_BY(mutex_);
};

}  // namespace pannier::http
