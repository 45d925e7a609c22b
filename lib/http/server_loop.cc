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

// One timer serves all deadlines: it is set for the earliest, and then all are looked at. As long
// as they are met, that is one scan per time-out, not per tick.
void Server::Impl::OnTimer(Worker& worker) {
  poller_->TimerRang();
  for (const auto& socket : sockets_) {
    if (socket->stalled.exchange(false)) AcceptAll(worker, *socket);
  }
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
  for (Connection* const connection : due) {
    stopping ? EndSoon(worker, *connection) : Expire(worker, *connection);
  }
  if (next != kNever) poller_->WakeBy(std::max(next, now + kTimerGrainMs));
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
      connection.phase == Phase::kDraining) {
    Close(connection);
    return;
  }
  connection.drained = false;
  Drive(worker, connection);
}

void Server::Impl::AcceptAll(Worker& worker, Socket& socket) {
  for (int i = 0; i < kAcceptsInARow; ++i) {
    const int number = accept4(socket.descriptor, nullptr, nullptr, SOCK_NONBLOCK | SOCK_CLOEXEC);
    if (number >= 0) {
      Admit(worker, socket, file::Descriptor(number));
    } else if (!SurviveAcceptError(worker, socket, errno)) {
      return;
    }
  }
  poller_->Rearm(socket.descriptor, Poller::kListener + socket.index);
}

// True when accepting may go on at once.
bool Server::Impl::SurviveAcceptError(Worker& worker, Socket& socket, int error) {
  if (error == EAGAIN || error == EWOULDBLOCK) return false;
  if (stopping_.load(std::memory_order_relaxed)) return false;
  if (error == EINTR || error == ECONNABORTED || error == EPROTO) return true;
  static LogLimiter limiter(std::chrono::seconds(10));
  if (int64_t held_back = 0; limiter.Allow(&held_back)) {
    LogWarn("cannot accept a connection")
        .Add("server", options_.name)
        .Add("error", FromErrno(error, "accept").what)
        .Add("held_back", held_back);
  }
  if ((error == EMFILE || error == ENFILE) && ShedOne(worker, socket.descriptor)) return true;
  socket.stalled.store(true);
  poller_->WakeBy(poller_->NowMs() + kAcceptRetryMs);
  return false;
}

// Out of descriptors: gives up the reserved one to accept a client and tell it so. Otherwise it
// would wait in the backlog, unseen. False when not even that works.
bool Server::Impl::ShedOne(Worker& worker, int socket) {
  MutexLock lock(mutex_);
  if (!reserve_) return false;
  reserve_ = file::Descriptor();
  file::Descriptor accepted(accept4(socket, nullptr, nullptr, SOCK_NONBLOCK | SOCK_CLOEXEC));
  const bool shed = static_cast<bool>(accepted);
  if (shed) {
    worker.counters->refused_connections.Add(1);
    const Answer answer = worker.adapter.Run({"GET", 1, false}, [this] {
      return RefusalOf({503, "Out of file descriptors"}, nullptr);
    });
    const std::string whole = answer.head + answer.body;
    [[maybe_unused]] const ssize_t bytes =
        send(accepted.get(), whole.data(), whole.size(), MSG_NOSIGNAL | MSG_DONTWAIT);
    shutdown(accepted.get(), SHUT_WR);
  }
  accepted = file::Descriptor();
  reserve_ = file::Descriptor(open("/dev/null", O_RDONLY | O_CLOEXEC));
  return shed;
}

void Server::Impl::Admit(Worker& worker, const Socket& socket, file::Descriptor accepted) {
  const int number = accepted.get();
  if (stopping_.load(std::memory_order_relaxed)) return;  // closes it
  Connection* const connection = table_.Open(std::move(accepted));
  if (connection == nullptr) {
    worker.counters->refused_connections.Add(1);
    return;
  }
  connection->listener = socket.listener;
  connection->peer = PeerOf(number, socket.is_unix);
  if (!socket.is_unix) {
    const int on = 1;
    setsockopt(number, IPPROTO_TCP, TCP_NODELAY, &on, sizeof on);
  }
  const Status watched = poller_->Watch(number, connection->reference());
  if (!watched.ok()) {  // the user's limit on watches (fs.epoll.max_user_watches)
    worker.counters->refused_connections.Add(1);
    table_.Close(connection);
    return;
  }
  if (table_.open_count() - overflow_.load(std::memory_order_relaxed) >
      options_.limits.connections_max) {
    connection->overflow = true;
    overflow_.fetch_add(1, std::memory_order_relaxed);
    worker.counters->refused_connections.Add(1);
    if (Refuse(worker, *connection, kTooManyConnections, true) == Next::kGone) return;
  } else {
    worker.counters->accepted.Add(1);
    connection->drained = true;  // if not, an event says so
  }
  Drive(worker, *connection);
}

}  // namespace pannier::http
