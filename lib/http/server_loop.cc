// What the threads of a server hear and do about it: see server_impl.h.
#include <fcntl.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <poll.h>
#include <sys/socket.h>

#include <algorithm>
#include <cerrno>

#include "lib/core/log.h"
#include "lib/http/server_impl.h"

namespace pannier::http {

namespace {

constexpr std::chrono::seconds kRetireAfter{60};
constexpr int64_t kTimerGrainMs = 10;    // time-outs may be this late, so that scans are few
constexpr int64_t kAcceptRetryMs = 100;  // when neither descriptors nor memory are left
constexpr int kAcceptsInARow = 64;
constexpr int64_t kLastBytesMs = 500;  // a half-read request may still arrive after Stop() began
constexpr Fault kTooManyConnections{503, "Too many connections"};

// Any file will do that needs nothing but a descriptor.
file::Descriptor MakeReserve() { return file::Descriptor(open("/dev/null", O_RDONLY | O_CLOEXEC)); }

// Servers share the numbers, so that what is told of one cannot be taken for another.
uint64_t NextNumber() {
  static std::atomic<uint64_t> last{0};
  return last.fetch_add(1, std::memory_order_relaxed) + 1;
}

void SendAtOnce(int socket) {
  const int on = 1;
  setsockopt(socket, IPPROTO_TCP, TCP_NODELAY, &on, sizeof on);
}

bool HasInput(int socket) {
  pollfd state{socket, POLLIN, 0};
  return poll(&state, 1, 0) == 1 && (state.revents & POLLIN) != 0;
}

}  // namespace

void Server::Impl::Live() {
  Worker worker(BorrowCounters());
  for (;;) {
    Poller::Event event;
    const bool heard = poller_->Wait(kRetireAfter, &event);
    if (ended_.load(std::memory_order_acquire)) break;
    if (!heard) {
      worker.scratch.Free();
      if (crew_->Retire()) break;
      continue;
    }
    worker.bytes_in_a_row = 0;
    Hear(worker, event);
    while (worker.busy) {
      Connection* const next =
          worker.next != nullptr ? std::exchange(worker.next, nullptr) : crew_->TakeOrWatch();
      worker.busy = next != nullptr;
      if (next != nullptr) RunQueued(worker, *next);
    }
  }
  ReturnCounters(worker.counters);
}

void Server::Impl::Hear(Worker& worker, const Poller::Event& event) {
  if (event.reference == Poller::kBell) return;
  if (event.reference == Poller::kTimer) return OnTimer(worker);
  if (event.reference >= Poller::kListener) {
    return AcceptAll(worker, *sockets_[event.reference - Poller::kListener]);
  }
  uint32_t generation = 0;
  Connection* const connection = table_.Find(event.reference, &generation);
  if (connection == nullptr || !connection->Claim(generation)) return;
  connection->drained = false;
  if (event.hung_up) connection->read_to_end = true;
  Drive(worker, *connection);
}

void Server::Impl::OnTimer(Worker& worker) {
  poller_->TimerRang();
  if (!worker.busy) worker.busy = crew_->GrowIfQueued();
  for (const auto& socket : sockets_) {
    if (socket->stalled.exchange(false)) AcceptAll(worker, *socket);
  }
  if (stopping_.load() || poller_->NowMs() >= next_due_ms_.load()) LookForDue(worker);
  poller_->WakeBy(next_due_ms_.load());
}

// One timer serves all deadlines: it is set for the earliest, and then all are looked at. As long
// as they are met, that is one scan per time-out, not per tick.
void Server::Impl::LookForDue(Worker& worker) {
  next_due_ms_.exchange(kNever);  // before the scan: deadlines set meanwhile count again
  const int64_t now = poller_->NowMs();
  const bool stopping = stopping_.load();
  int64_t next = kNever;
  std::vector<Connection*> due;
  table_.ForEach([&](Connection& connection) {
    const int64_t deadline = connection.deadline_ms.load(std::memory_order_relaxed);
    if (deadline > now && !stopping) {
      next = std::min(next, deadline);
    } else if (connection.ClaimIdle()) {
      due.push_back(&connection);  // else its owner sets a new deadline when it lets go
    }
  });
  if (next != kNever) WakeForDeadline(std::max(next, now + kTimerGrainMs));
  for (Connection* const connection : due) {
    stopping ? EndSoon(worker, *connection) : Expire(worker, *connection);
  }
}

void Server::Impl::WakeForDeadline(int64_t deadline_ms) {
  int64_t next = next_due_ms_.load();
  while (deadline_ms < next && !next_due_ms_.compare_exchange_weak(next, deadline_ms)) {
  }
  poller_->WakeBy(deadline_ms);
}

void Server::Impl::Expire(Worker& worker, Connection& connection) {
  // The scan saw an old deadline if the connection was let go again in between.
  const bool is_due = connection.deadline_ms.load(std::memory_order_relaxed) <= poller_->NowMs();
  const int socket = connection.socket.get();
  switch (is_due ? connection.phase : Connection::Phase::kRunning) {
    case Connection::Phase::kIdle:
      if (!HasInput(socket)) {
        Close(connection);
        return;
      }
      break;
    case Connection::Phase::kReading:
      worker.counters->timed_out.Add(1);
      if (Refuse(worker, connection, {408, "The request did not arrive in time"}, true) ==
          Next::kGone) {
        return;
      }
      break;
    case Connection::Phase::kWriting:
      if (!IsStalled(connection)) break;
      worker.counters->timed_out.Add(1);
      Close(connection);
      return;
    case Connection::Phase::kHandshake:
      worker.counters->timed_out.Add(1);
      Close(connection);
      return;
    case Connection::Phase::kDraining:
      Close(connection);
      return;
    default:
      break;
  }
  connection.drained = false;
  Drive(worker, connection);
}

// While stopping: closes what waits for a request that has not begun to arrive.
void Server::Impl::EndSoon(Worker& worker, Connection& connection) {
  using Phase = Connection::Phase;
  const bool is_late = poller_->NowMs() - stop_began_ms_.load() > kLastBytesMs;
  const bool waits = connection.phase == Phase::kIdle && !HasInput(connection.socket.get());
  if (waits || (is_late && connection.phase == Phase::kReading) ||
      connection.phase == Phase::kHandshake || connection.phase == Phase::kDraining) {
    Close(connection);
    return;
  }
  connection.drained = false;
  Drive(worker, connection);
}

void Server::Impl::AcceptAll(Worker& worker, Socket& socket) {
  for (int i = 0; i < kAcceptsInARow; ++i) {
    // Who waits at a socket that is lent is the next server's.
    if (socket.is_lent && stopping_.load(std::memory_order_relaxed)) return;
    int error = 0;
    file::Descriptor accepted = AcceptOne(worker, socket, &error);
    if (accepted) {
      Admit(worker, socket, std::move(accepted));
    } else if (error == EAGAIN || stopping_.load(std::memory_order_relaxed)) {
      return;
    } else if (error != 0) {
      return AcceptLater(socket, error);
    }
  }
  poller_->Rearm(socket.descriptor, Poller::kListener + socket.index);
}

// One client. Without: `*error` is EAGAIN when none waits, 0 when the next may be tried at once,
// else why none can be accepted.
file::Descriptor Server::Impl::AcceptOne(Worker& worker, const Socket& socket, int* error) {
  // The lock keeps other threads off the number that ShedOne() frees for a moment.
  MutexLock lock(accept_mutex_);
  file::Descriptor accepted(
      accept4(socket.descriptor, nullptr, nullptr, SOCK_NONBLOCK | SOCK_CLOEXEC));
  if (accepted) return accepted;
  *error = errno;
  if (*error == EMFILE || *error == ENFILE) *error = ShedOne(worker, socket);
  if (*error == EINTR || *error == ECONNABORTED || *error == EPROTO) *error = 0;
  return {};
}

// Neither descriptors nor memory are left: the timer tries again.
void Server::Impl::AcceptLater(Socket& socket, int error) {
  static LogLimiter limiter(std::chrono::seconds(10));
  if (int64_t held_back = 0; limiter.Allow(&held_back)) {
    LogWarn("cannot accept a connection")
        .Add("server", options_.name)
        .Add("error", FromErrno(error, "accept").what)
        .Add("held_back", held_back);
  }
  socket.stalled.store(true);
  poller_->WakeBy(poller_->NowMs() + kAcceptRetryMs);
}

// Out of descriptors: gives up the reserved one to accept a client and tell it so. Otherwise it
// would wait in the backlog, unseen. Returns the error of accepting, or 0.
int Server::Impl::ShedOne(Worker& worker, const Socket& socket) {
  if (!reserve_) reserve_ = MakeReserve();
  if (!reserve_) return EMFILE;
  reserve_ = file::Descriptor();
  file::Descriptor accepted(
      accept4(socket.descriptor, nullptr, nullptr, SOCK_NONBLOCK | SOCK_CLOEXEC));
  if (!accepted) {
    const int error = errno;
    reserve_ = MakeReserve();
    return error;
  }
  static LogLimiter limiter(std::chrono::seconds(10));
  if (int64_t held_back = 0; limiter.Allow(&held_back)) {
    LogWarn("out of file descriptors: connections are refused")
        .Add("server", options_.name)
        .Add("held_back", held_back);
  }
  worker.counters->refused_connections.Add(1);
  const Answer answer = worker.adapter.Run({"GET", 1, false}, [this] {
    return RefusalOf({503, "Out of file descriptors"}, nullptr);
  });
  // Before a handshake nothing can be said in TLS.
  const bool is_plain = listeners_[socket.listener].tls == nullptr;
  const std::string whole = is_plain ? answer.head + answer.body : std::string();
  [[maybe_unused]] const ssize_t bytes =
      send(accepted.get(), whole.data(), whole.size(), MSG_NOSIGNAL | MSG_DONTWAIT);
  shutdown(accepted.get(), SHUT_WR);
  // The client's number becomes the reserve in one step, so that nobody takes it in between.
  const int any = poller_->descriptor();
  if (dup3(any, accepted.get(), O_CLOEXEC) >= 0) reserve_ = std::move(accepted);
  return 0;
}

// Whether the listener's list lets the peer in.
bool Server::Impl::Welcomes(Worker& worker, const Socket& socket, int accepted, const Peer& peer) {
  const Listener& listener = listeners_[socket.listener];
  if (listener.peers.Admits(accepted, peer)) return true;
  worker.counters->refused_connections.Add(1);
  static LogLimiter limiter(std::chrono::seconds(1));
  if (int64_t held_back = 0; limiter.Allow(&held_back)) {
    LogWarn("a process that is not on the list was turned away")
        .Add("socket", listener.unix_path)
        .Add("uid", peer.uid)
        .Add("gid", peer.gid)
        .Add("pid", peer.pid)
        .Add("held_back", held_back);
  }
  return false;
}

void Server::Impl::Admit(Worker& worker, const Socket& socket, file::Descriptor accepted) {
  const int number = accepted.get();
  TlsServer* const tls = listeners_[socket.listener].tls.get();
  if (stopping_.load(std::memory_order_relaxed)) return;  // closes it
  Peer peer = PeerOf(number, socket.is_unix);
  if (!Welcomes(worker, socket, number, peer)) return;
  Connection* const connection = table_.Open(std::move(accepted));
  if (connection == nullptr) {
    worker.counters->refused_connections.Add(1);
    return;
  }
  connection->listener = socket.listener;
  connection->number.store(NextNumber(), std::memory_order_relaxed);
  connection->peer = std::move(peer);
  if (!socket.is_unix) SendAtOnce(number);
  const Status watched = poller_->Watch(number, connection->reference());
  if (!watched.ok()) {  // the user's limit on watches (fs.epoll.max_user_watches)
    worker.counters->refused_connections.Add(1);
    table_.Close(connection);
    return;
  }
  if (table_.open_count() - overflow_.load(std::memory_order_relaxed) >
      options_.limits.connections_max) {
    if (tls != nullptr) {  // nothing can be said before the handshake
      worker.counters->refused_connections.Add(1);
      Close(*connection);
      return;
    }
    connection->overflow = true;
    overflow_.fetch_add(1, std::memory_order_relaxed);
    worker.counters->refused_connections.Add(1);
    if (Refuse(worker, *connection, kTooManyConnections, true) == Next::kGone) return;
  } else {
    worker.counters->accepted.Add(1);
    connection->drained = true;  // if not, an event says so
    if (tls != nullptr && !BeginHandshake(worker, *connection, *tls)) return;
  }
  Begin(worker, socket, *connection);
}

// Mostly its first bytes are to come. Where they are here, its handler may run on this thread, and
// take long: whoever watches then accepts the others.
void Server::Impl::Begin(Worker& worker, const Socket& socket, Connection& connection) {
  if (connection.phase == Connection::Phase::kIdle && Park(worker, connection)) return;
  poller_->Rearm(socket.descriptor, Poller::kListener + socket.index);
  Drive(worker, connection);
}

}  // namespace pannier::http
