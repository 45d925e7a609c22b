#include "lib/http/server.h"

#include <fcntl.h>
#include <sys/socket.h>
#include <unistd.h>

#include <algorithm>

#include "lib/core/check.h"
#include "lib/http/server_impl.h"

namespace pannier::http {

namespace {

// Refused connections that are being told so, beyond the limit of served ones.
constexpr uint32_t kOverflowMax = 64;
constexpr std::chrono::milliseconds kStopLook{20};

Result<UnixListener> ListenOnPath(Listener& listener) {
  if (listener.lent) return UnixListener::Adopt(std::move(listener.lent), listener.unix_path);
  return UnixListener::Bind(listener.unix_path, listener.unix_mode, listener.unix_group);
}

}  // namespace

Server::Impl::Impl(Options options)
    : options_(std::move(options)),
      framing_limits_{options_.limits.header_bytes_max, options_.limits.body_bytes_max},
      table_(options_.limits.connections_max + kOverflowMax) {}

Server::Impl::~Impl() { Stop(std::chrono::milliseconds(0)); }

Status Server::Impl::Start() {
  CHECK(!started_);
  poller_ = TRY(Poller::Make());
  Status bound = BindAll();
  if (!bound.ok()) {
    RemoveNames();
    unix_listeners_.clear();
    tcp_listeners_.clear();
    sockets_.clear();
    addresses_.clear();
    return bound;
  }
  {
    MutexLock lock(accept_mutex_);
    reserve_ = file::Descriptor(open("/dev/null", O_RDONLY | O_CLOEXEC));
  }
  crew_ = std::make_unique<Crew>(
      Crew::Options{
          options_.name,
          std::max(options_.limits.threads_max, 1u),
          {options_.limits.requests_queued_max, options_.limits.requests_queued_per_peer_max,
           options_.limits.threads_per_peer_max, (options_.limits.threads_per_peer_max + 2) / 3,
           options_.limits.computing_in_company_max, options_.limits.threads_per_lane_max}},
      [this] { Live(); });
  started_ = true;
  if (!crew_->Start()) {
    Stop(std::chrono::milliseconds(0));
    return Unavailable("the system gives no threads to server " + options_.name,
                       "raise the limit of processes (ulimit -u, pids.max) or of memory");
  }
  return WatchAll();
}

Status Server::Impl::BindAll() {
  for (uint32_t i = 0; i < listeners_.size(); ++i) {
    Listener& listener = listeners_[i];
    CHECK(listener.unix_path.empty() != listener.tcp_address.empty());
    if (!listener.unix_path.empty()) {
      unix_listeners_.push_back(TRY(ListenOnPath(listener)));
      const UnixListener& bound = unix_listeners_.back();
      sockets_.push_back(std::make_unique<Socket>(bound.descriptor(), i, true, bound.is_lent()));
      addresses_.push_back("unix:" + listener.unix_path);
    } else {
      tcp_listeners_.push_back(TRY(TcpListener::Bind(listener.tcp_address)));
      for (const file::Descriptor& socket : tcp_listeners_.back().sockets) {
        sockets_.push_back(std::make_unique<Socket>(socket.get(), i, false, false));
      }
      addresses_.push_back((listener.tls ? "https://" : "http://") + tcp_listeners_.back().address);
    }
  }
  for (uint32_t i = 0; i < sockets_.size(); ++i) sockets_[i]->index = i;
  return {};
}

Status Server::Impl::WatchAll() {
  for (const auto& socket : sockets_) {
    TRY(poller_->Watch(socket->descriptor, Poller::kListener + socket->index));
  }
  return {};
}

void Server::Impl::RemoveNames() {
  for (UnixListener& listener : unix_listeners_) listener.RemoveName();
}

void Server::Impl::Stop(std::chrono::milliseconds grace) {
  if (!started_) return;
  {
    MutexLock lock(mutex_);
    if (stopped_) return;
    stopped_ = true;
  }
  RemoveNames();
  stop_began_ms_.store(poller_->NowMs());
  stopping_.store(true);
  for (const auto& socket : sockets_) {
    // Who comes from here on to one that is lent waits for the next server.
    if (!socket->is_lent) shutdown(socket->descriptor, SHUT_RDWR);
  }

  while (table_.open_count() > 0 && poller_->NowMs() - stop_began_ms_.load() < grace.count()) {
    poller_->WakeBy(poller_->NowMs());  // OnTimer() closes what is idle
    MutexLock lock(mutex_);
    if (table_.open_count() > 0) emptied_.WaitFor(mutex_, kStopLook);
  }
  ended_.store(true, std::memory_order_release);
  // Nothing is sent from here on, and what is queued finds its client gone.
  table_.ForEach([](Connection& connection) { shutdown(connection.socket.get(), SHUT_RDWR); });
  poller_->RingForEver();
  crew_->Join();
  CloseAll();
}

// No thread is left that could own one.
void Server::Impl::CloseAll() {
  std::vector<Connection*> open;
  table_.ForEach([&](Connection& connection) { open.push_back(&connection); });
  for (Connection* const connection : open) Close(*connection);
  sockets_.clear();
  unix_listeners_.clear();
  tcp_listeners_.clear();
}

Counters* Server::Impl::BorrowCounters() {
  MutexLock lock(mutex_);
  if (!spare_counters_.empty()) {
    Counters* const counters = spare_counters_.back();
    spare_counters_.pop_back();
    return counters;
  }
  counters_.push_back(std::make_unique<Counters>());
  return counters_.back().get();
}

void Server::Impl::ReturnCounters(Counters* counters) {
  MutexLock lock(mutex_);
  spare_counters_.push_back(counters);
}

// Its owner finds the end of its input, and closes it, as if the client had.
bool Server::Impl::HangUp(uint64_t number) {
  bool found = false;
  table_.ForEach([&](Connection& connection) {
    if (connection.number.load(std::memory_order_relaxed) != number) return;
    found = shutdown(connection.socket.get(), SHUT_RD) == 0;
  });
  return found;
}

Stats Server::Impl::stats() const {
  Stats stats{};
  if (crew_ == nullptr) return stats;
  stats.connections_open = table_.open_count() - overflow_.load(std::memory_order_relaxed);
  stats.requests_in_flight = crew_->busy();
  stats.requests_queued = crew_->queued();
  stats.requests_queued_max = options_.limits.requests_queued_max;
  MutexLock lock(mutex_);
  for (const auto& counters : counters_) {
    stats.connections_accepted += counters->accepted.get();
    stats.connections_refused += counters->refused_connections.get();
    stats.requests_refused += counters->refused_requests.get();
    stats.requests_timed_out += counters->timed_out.get();
    stats.bytes_received += counters->received.get();
    stats.bytes_sent += counters->sent.get();
  }
  return stats;
}

Server::Server(Options options) : impl_(std::make_unique<Impl>(std::move(options))) {}
Server::~Server() = default;
void Server::Add(Listener listener) { impl_->Add(std::move(listener)); }
Status Server::Start() { return impl_->Start(); }
std::vector<std::string> Server::addresses() const { return impl_->addresses(); }
void Server::Stop(std::chrono::milliseconds grace) { impl_->Stop(grace); }
bool Server::HangUp(uint64_t connection) { return impl_->HangUp(connection); }
Stats Server::stats() const { return impl_->stats(); }

}  // namespace pannier::http
