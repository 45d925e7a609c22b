// The life of one connection: see server_impl.h. Whoever calls these owns the connection.
#include <poll.h>
#include <sys/socket.h>
#include <sys/uio.h>

#include <algorithm>
#include <cerrno>

#include "lib/core/check.h"
#include "lib/http/server_impl.h"

namespace pannier::http {

namespace {

constexpr size_t kScratchBytes = 64 << 10;       // a thread's; what most requests fit in
constexpr size_t kScratchKeptBytes = 256 << 10;  // a thread keeps no larger one
constexpr size_t kRoomMin = 4 << 10;             // worth a call of recv
constexpr uint64_t kTrustedBytes = 1 << 20;      // reserved at once when a head announces it
constexpr uint64_t kLongWorkBytes = 1 << 20;     // moved in a row: no longer just watching
constexpr int64_t kGrowAfterMs = 1;
constexpr int64_t kDrainMs = 2'000;
constexpr uint64_t kDrainBytesMax = 64ull << 20;

// A client that takes less than this per write time-out does not read its answer.
constexpr size_t kProgressBytes = 64 << 10;
// The write time-out while answers that wait for their readers hold too much memory.
constexpr int64_t kPressedWriteMs = 2'000;

constexpr Fault kTooManyBytes{503, "Too many bytes of unfinished requests and answers"};

bool PeerIsGone(int socket) {
  pollfd state{socket, 0, 0};
  return poll(&state, 1, 0) == 1 && (state.revents & (POLLHUP | POLLERR)) != 0;
}

// Sends as much as the socket takes of what is behind `sent`. Returns 0 for "not now", negative for
// "never".
ssize_t SendSome(const Connection& connection, const Answer& answer, size_t sent) {
  if (connection.tls) return connection.tls->Write(answer, sent);
  iovec parts[2];
  size_t count = 0;
  if (sent < answer.head.size()) {
    parts[count++] = {const_cast<char*>(answer.head.data()) + sent, answer.head.size() - sent};
  }
  const size_t body_sent = sent > answer.head.size() ? sent - answer.head.size() : 0;
  if (body_sent < answer.body.size()) {
    parts[count++] = {const_cast<char*>(answer.body.data()) + body_sent,
                      answer.body.size() - body_sent};
  }
  msghdr message{};
  message.msg_iov = parts;
  message.msg_iovlen = count;
  for (;;) {
    const ssize_t bytes = sendmsg(connection.socket.get(), &message, MSG_NOSIGNAL | MSG_DONTWAIT);
    if (bytes >= 0) return bytes;
    if (errno == EINTR) continue;
    return errno == EAGAIN || errno == EWOULDBLOCK ? 0 : -1;
  }
}

}  // namespace

void Server::Impl::Drive(Worker& worker, Connection& connection) {
  for (;;) {
    const Next next = Step(worker, connection);
    if (next == Next::kGone) return;
    if (next == Next::kPark && Park(worker, connection)) return;
  }
}

Server::Impl::Next Server::Impl::Step(Worker& worker, Connection& connection) {
  switch (connection.phase) {
    case Connection::Phase::kHandshake:
      return Handshake(worker, connection);
    case Connection::Phase::kWriting:
      return Flush(worker, connection);
    case Connection::Phase::kDraining:
      return Drain(worker, connection);
    case Connection::Phase::kRunning:
      return Run(worker, connection);
    default:
      return connection.input.empty() ? Receive(worker, connection) : Frame(worker, connection);
  }
}

Server::Impl::Next Server::Impl::Frame(Worker& worker, Connection& connection) {
  if (connection.phase == Connection::Phase::kIdle) {
    connection.phase = Connection::Phase::kReading;
    connection.request_began_ms = poller_->NowMs();
  }
  Framing& framing = connection.framing;
  const bool head_was_here = framing.head_bytes() > 0;
  switch (framing.Advance(&connection.input, framing_limits_, &worker.head)) {
    case Framing::State::kRefused:
      return Refuse(worker, connection, framing.fault(), true);
    case Framing::State::kComplete:
      worker.head_is_fresh = !head_was_here;
      return Dispatch(worker, connection);
    default:
      break;
  }
  if (framing.WantsContinue(connection.input)) return SendContinue(worker, connection);
  return Receive(worker, connection);
}

Server::Impl::Next Server::Impl::SendContinue(Worker& worker, Connection& connection) {
  connection.framing.SetContinued();
  const Answer interim{"HTTP/1.1 100 Continue\r\n\r\n", "", false};
  // All earlier answers have left, so there is room for these few bytes unless the client's own
  // system is out of memory.
  const ssize_t bytes = SendSome(connection, interim, 0);
  if (bytes != static_cast<ssize_t>(interim.head.size())) return Close(connection);
  worker.counters->sent.Add(interim.head.size());
  return Next::kAgain;
}

Server::Impl::Next Server::Impl::Receive(Worker& worker, Connection& connection) {
  if (connection.drained && !connection.read_to_end) return AwaitMore(worker, connection);
  LendScratch(worker, connection);
  if (!MakeRoom(connection)) {
    return Refuse(worker, connection, kTooManyBytes, true);
  }
  Buffer& input = connection.input;
  const ssize_t bytes = ReceiveSome(connection);
  if (bytes > 0) {
    // Of TLS a read ends with a record: more may be here already.
    connection.drained = !connection.tls && static_cast<size_t>(bytes) < input.room();
    input.Extend(static_cast<size_t>(bytes));
    worker.counters->received.Add(static_cast<uint64_t>(bytes));
    NoteWork(worker, static_cast<uint64_t>(bytes));
    return Next::kAgain;
  }
  if (bytes == 0) return Close(connection);  // all that could be answered was
  if (errno == EINTR) return Next::kAgain;
  if (errno != EAGAIN && errno != EWOULDBLOCK) return Close(connection);
  connection.drained = true;
  connection.read_to_end = false;
  return AwaitMore(worker, connection);
}

Server::Impl::Next Server::Impl::AwaitMore(Worker& worker, Connection& connection) {
  if (Account(connection, connection.input.size())) return Next::kPark;
  return Refuse(worker, connection, kTooManyBytes, true);
}

// Runs the complete request here, or has another thread do so.
Server::Impl::Next Server::Impl::Dispatch(Worker& worker, Connection& connection) {
  connection.complete_at = std::chrono::steady_clock::now();
  connection.deadline_ms.store(kNever, std::memory_order_relaxed);
  SetShare(worker, connection);
  const bool in_a_row = worker.busy;
  if (!worker.busy && crew_->BecomeBusy()) worker.busy = true;
  if (worker.busy && crew_->Begin(connection.share, connection.complete_at, in_a_row)) {
    connection.phase = Connection::Phase::kRunning;
    worker.too_late = false;
    return Run(worker, connection);
  }
  if (!Account(connection, connection.input.size())) {
    return Refuse(worker, connection, kTooManyBytes, false);
  }
  connection.phase = Connection::Phase::kQueued;
  bool may_grow = false;
  const FairQueue::Pushed pushed = crew_->Enqueue(&connection, &worker.busy, &may_grow);
  if (pushed != FairQueue::Pushed::kYes) return Refuse(worker, connection, FaultOf(pushed), false);
  if (may_grow && !worker.busy) poller_->WakeBy(poller_->NowMs() + kGrowAfterMs);
  return Next::kGone;
}

Fault Server::Impl::FaultOf(FairQueue::Pushed refused) {
  if (refused == FairQueue::Pushed::kPeerFull) {
    return {429, "Too many requests at once from this client"};
  }
  return {503, "Too many requests at once"};
}

void Server::Impl::SetShare(Worker& worker, Connection& connection) {
  const Peer& peer = connection.peer;
  const std::string& address = peer.address;
  connection.share.peer =
      peer.is_unix
          ? static_cast<uint64_t>(peer.pid)
          : std::hash<std::string_view>()(std::string_view(address).substr(0, address.rfind(':')));
  const std::string_view path = HeadOf(worker, connection).path;
  connection.share.lane = options_.lane ? options_.lane(path) : 0;
  connection.share.computes = options_.computes && options_.computes(path);
}

void Server::Impl::RunQueued(Worker& worker, Connection& connection) {
  connection.phase = Connection::Phase::kRunning;
  worker.head_is_fresh = false;
  worker.too_late =
      std::chrono::steady_clock::now() > connection.complete_at + options_.limits.handler_deadline;
  if (PeerIsGone(connection.socket.get())) {
    crew_->End(connection.share);
    Close(connection);
    return;
  }
  Drive(worker, connection);
}

const Head& Server::Impl::HeadOf(Worker& worker, const Connection& connection) {
  if (!worker.head_is_fresh) {
    const std::string_view bytes = connection.input.view();
    const Fault fault = ParseHead(bytes.substr(0, connection.framing.head_bytes()), &worker.head);
    CHECK(!fault);
    worker.head_is_fresh = true;
  }
  return worker.head;
}

void Server::Impl::FillRequest(Worker& worker, Connection& connection) {
  const Framing& framing = connection.framing;
  const std::string_view bytes = connection.input.view();
  Request& request = worker.request;
  const Head& head = HeadOf(worker, connection);
  request.method = head.method == "HEAD" ? std::string_view("GET") : head.method;
  request.path = head.path;
  request.query = head.query;
  request.headers = head.headers;
  request.peer = connection.peer;
  request.connection = connection.number.load(std::memory_order_relaxed);
  request.stop = &ended_;
  request.body = {};
  if (framing.state() == Framing::State::kComplete) {
    request.body = bytes.substr(framing.head_bytes(), framing.body_bytes());
    request.deadline = connection.complete_at + options_.limits.handler_deadline;
  }
}

Server::Impl::Next Server::Impl::Run(Worker& worker, Connection& connection) {
  FillRequest(worker, connection);
  const Head& head = worker.head;
  HttplibAdapter::Exchange exchange{head.method, head.minor_version, head.keeps_alive};
  const Handler& handler = listeners_[connection.listener].handler;
  Answer answer = worker.adapter.Run(exchange, [&]() -> Response {
    if (worker.too_late) {
      worker.counters->refused_requests.Add(1);
      return RefusalOf({503, "The request waited too long for its turn"}, &worker.request);
    }
    if (IsPressed()) {  // another answer would only add to what nobody takes
      worker.counters->refused_requests.Add(1);
      return RefusalOf(kTooManyBytes, &worker.request);
    }
    Response response = handler(worker.request);
    if (stopping_.load(std::memory_order_relaxed)) exchange.keeps_alive = false;
    return response;
  });
  crew_->End(connection.share);
  FinishRequest(connection);
  return Send(worker, connection, std::move(answer));
}

// Forgets the request at the front; what the client sent behind it stays.
void Server::Impl::FinishRequest(Connection& connection) {
  connection.input.DropFront(connection.framing.request_bytes());
  connection.framing = Framing();
  Account(connection, 0);
}

Response Server::Impl::RefusalOf(Fault fault, const Request* head) const {
  Response response = options_.refusal ? options_.refusal(fault.status, fault.message, head)
                                       : PlainRefusal(fault.status, fault.message);
  if (fault.status == 503 || fault.status == 429) response.headers.emplace_back("Retry-After", "1");
  return response;
}

// Answers in the place of a handler. With `closes` the connection ends, because nobody knows where
// in its bytes the next request would begin.
Server::Impl::Next Server::Impl::Refuse(Worker& worker, Connection& connection, Fault fault,
                                        bool closes) {
  worker.counters->refused_requests.Add(1);
  const bool has_head = connection.framing.head_bytes() > 0;
  worker.head_is_fresh = false;
  if (has_head) FillRequest(worker, connection);
  HttplibAdapter::Exchange exchange;
  if (has_head) exchange = {worker.head.method, worker.head.minor_version, worker.head.keeps_alive};
  exchange.keeps_alive = exchange.keeps_alive && !closes;
  Answer answer = worker.adapter.Run(
      exchange, [&] { return RefusalOf(fault, has_head ? &worker.request : nullptr); });
  if (closes) {
    connection.input.Clear();
    connection.framing = Framing();
    Account(connection, 0);
  } else {
    FinishRequest(connection);
  }
  return Send(worker, connection, std::move(answer));
}

Server::Impl::Next Server::Impl::Send(Worker& worker, Connection& connection, Answer answer) {
  const size_t size = answer.head.size() + answer.body.size();
  const ssize_t bytes = SendSome(connection, answer, 0);
  if (bytes < 0) return Close(connection);
  worker.counters->sent.Add(static_cast<uint64_t>(bytes));
  if (static_cast<size_t>(bytes) == size) return AfterAnswer(worker, connection, answer.closes);

  connection.output = std::make_unique<PendingOutput>();
  connection.output->answer = std::move(answer);
  connection.output->sent = connection.output->progress_sent = static_cast<size_t>(bytes);
  connection.output->progress_ms = poller_->NowMs();
  connection.phase = Connection::Phase::kWriting;
  AccountOutput(connection, size);
  poller_->WatchOutput(connection.socket.get(), connection.reference(), true);
  return Next::kAgain;
}

Server::Impl::Next Server::Impl::Flush(Worker& worker, Connection& connection) {
  PendingOutput& output = *connection.output;
  while (output.left() > 0) {
    const ssize_t bytes = SendSome(connection, output.answer, output.sent);
    if (bytes < 0) return Close(connection);
    if (bytes == 0) return Next::kPark;
    output.sent += static_cast<size_t>(bytes);
    worker.counters->sent.Add(static_cast<uint64_t>(bytes));
    NoteWork(worker, static_cast<uint64_t>(bytes));
    if (output.sent - output.progress_sent >= kProgressBytes) {
      output.progress_sent = output.sent;
      output.progress_ms = poller_->NowMs();
    }
  }
  const bool closes = output.answer.closes;
  connection.output.reset();
  AccountOutput(connection, 0);
  poller_->WatchOutput(connection.socket.get(), connection.reference(), false);
  return AfterAnswer(worker, connection, closes);
}

Server::Impl::Next Server::Impl::AfterAnswer(Worker& worker, Connection& connection, bool closes) {
  if (closes) return BeginDrain(connection);
  const bool more = !connection.input.empty();
  connection.phase = more ? Connection::Phase::kReading : Connection::Phase::kIdle;
  if (!more) return Next::kAgain;
  connection.request_began_ms = poller_->NowMs();
  if (!worker.busy || !crew_->ready()) return Next::kAgain;
  // Others wait: a client that sends many requests at once takes its turn among them.
  const Framing::State state =
      connection.framing.Advance(&connection.input, framing_limits_, &worker.head);
  if (state != Framing::State::kComplete) return Next::kAgain;
  connection.complete_at = std::chrono::steady_clock::now();
  worker.head_is_fresh = false;
  SetShare(worker, connection);
  connection.phase = Connection::Phase::kQueued;
  const FairQueue::Pushed pushed = crew_->TakeTurns(&connection, &worker.next);
  return pushed == FairQueue::Pushed::kYes ? Next::kGone
                                           : Refuse(worker, connection, FaultOf(pushed), false);
}

// A client that is still sending would lose the answer if the socket were closed under it: the
// kernel resets such connections. So it is told that nothing more comes, and what it sends is
// thrown away for a moment.
Server::Impl::Next Server::Impl::BeginDrain(Connection& connection) {
  if (connection.tls) connection.tls->SayClosing();
  shutdown(connection.socket.get(), SHUT_WR);
  connection.input.Free();
  connection.phase = Connection::Phase::kDraining;
  connection.deadline_ms.store(poller_->NowMs() + kDrainMs, std::memory_order_relaxed);
  return Next::kAgain;
}

Server::Impl::Next Server::Impl::Drain(Worker& worker, Connection& connection) {
  LendScratch(worker, connection);
  connection.input.Clear();
  const ssize_t bytes = recv(connection.socket.get(), connection.input.data(),
                             connection.input.capacity(), MSG_DONTWAIT);
  if (bytes < 0 && errno == EINTR) return Next::kAgain;
  if (bytes < 0 && (errno == EAGAIN || errno == EWOULDBLOCK)) return Next::kPark;
  if (bytes <= 0) return Close(connection);
  connection.drained_bytes += static_cast<uint64_t>(bytes);
  NoteWork(worker, static_cast<uint64_t>(bytes));
  return connection.drained_bytes > kDrainBytesMax ? Close(connection) : Next::kAgain;
}

int64_t Server::Impl::DeadlineOf(const Connection& connection) const {
  switch (connection.phase) {
    case Connection::Phase::kHandshake:
      return connection.request_began_ms + options_.limits.handshake_timeout.count();
    case Connection::Phase::kIdle:
      return poller_->NowMs() + options_.limits.idle_timeout.count();
    case Connection::Phase::kReading:
      return connection.request_began_ms + options_.limits.request_timeout.count();
    case Connection::Phase::kWriting: {
      // Looked at more often than it may last, because others may come to need the memory.
      const int64_t timeout = options_.limits.write_timeout.count();
      const int64_t end = connection.output->progress_ms + timeout;
      return timeout <= kPressedWriteMs ? end : std::min(end, poller_->NowMs() + kPressedWriteMs);
    }
    default:  // kDraining has set its own
      return connection.deadline_ms.load(std::memory_order_relaxed);
  }
}

// Lets go of the connection until something happens. False when something has: then it is still
// the caller's.
bool Server::Impl::Park(Worker& worker, Connection& connection) {
  if (connection.phase == Connection::Phase::kIdle && stopping_.load(std::memory_order_relaxed)) {
    Close(connection);
    return true;
  }
  TakeScratchBack(worker, connection);
  const int64_t deadline = DeadlineOf(connection);
  connection.deadline_ms.store(deadline, std::memory_order_relaxed);
  if (connection.Release()) {
    // Behind the release, so that whoever looks when the timer rings finds it free.
    WakeForDeadline(deadline);
    return true;
  }
  connection.drained = false;
  connection.read_to_end = true;
  return false;
}

Server::Impl::Next Server::Impl::Close(Connection& connection) {
  Account(connection, 0);
  AccountOutput(connection, 0);
  if (connection.overflow) overflow_.fetch_sub(1, std::memory_order_relaxed);
  const uint64_t number = connection.number.load(std::memory_order_relaxed);
  const bool by_peer = options_.on_closed && PeerIsGone(connection.socket.get());
  poller_->Forget(connection.socket.get());
  table_.Close(&connection);
  if (options_.on_closed) options_.on_closed(number, by_peer);
  if (stopping_.load(std::memory_order_relaxed) && table_.open_count() == 0) {
    MutexLock lock(mutex_);
    emptied_.NotifyAll();
  }
  return Next::kGone;
}

void Server::Impl::LendScratch(Worker& worker, Connection& connection) {
  if (connection.input.capacity() > 0) return;
  connection.input = std::move(worker.scratch);
  connection.input.Reserve(kScratchBytes);
}

// An idle connection keeps no buffer; a half-read request one that fits it.
void Server::Impl::TakeScratchBack(Worker& worker, Connection& connection) {
  Buffer& input = connection.input;
  if (input.capacity() == 0) return;
  if (connection.phase == Connection::Phase::kDraining) input.Clear();
  if (!input.empty()) {
    if (input.capacity() != kScratchBytes || worker.scratch.capacity() > 0) return;
    Buffer fitting;
    fitting.Reserve(input.size() + kRoomMin);
    fitting.Append(input.view());
    worker.scratch = std::move(input);
    worker.scratch.Clear();
    input = std::move(fitting);
  } else if (worker.scratch.capacity() == 0 && input.capacity() <= kScratchKeptBytes) {
    worker.scratch = std::move(input);
  } else {
    input.Free();
  }
}

// False when all connections together hold too much already.
bool Server::Impl::MakeRoom(Connection& connection) {
  Buffer& input = connection.input;
  if (input.room() >= kRoomMin) return true;
  // What a head merely announces is believed up to a point; beyond, the buffer follows what came.
  const uint64_t announced =
      std::min<uint64_t>(connection.framing.bytes_announced(), kTrustedBytes);
  const uint64_t wanted = std::max<uint64_t>({announced, input.size() + kRoomMin,
                                              std::min<uint64_t>(input.size() * 2, kTrustedBytes),
                                              input.size() + input.size() / 2});
  if (!Account(connection, input.size())) return false;
  input.Reserve(wanted);
  return true;
}

// Has the connection count with `bytes` in the sum of buffered ones. False when the sum would pass
// its limit; nothing changed then.
bool Server::Impl::Account(Connection& connection, uint64_t bytes) {
  const uint64_t before = connection.accounted_bytes;
  if (bytes == before) return true;
  if (bytes < before) {
    buffered_bytes_.fetch_sub(before - bytes, std::memory_order_relaxed);
  } else {
    const uint64_t more = bytes - before;
    const uint64_t sum = buffered_bytes_.fetch_add(more, std::memory_order_relaxed) + more;
    if (sum > options_.limits.buffered_bytes_max) {
      buffered_bytes_.fetch_sub(more, std::memory_order_relaxed);
      return false;
    }
  }
  connection.accounted_bytes = bytes;
  return true;
}

// The same for an answer that its client has not taken. It is there, so there is no refusing it:
// what passes the limit shortens the patience with clients that do not read, and keeps new requests
// from being worked on.
void Server::Impl::AccountOutput(Connection& connection, uint64_t bytes) {
  buffered_bytes_.fetch_add(bytes - connection.output_bytes, std::memory_order_relaxed);
  connection.output_bytes = bytes;
}

bool Server::Impl::IsPressed() const {
  return buffered_bytes_.load(std::memory_order_relaxed) > options_.limits.buffered_bytes_max;
}

// Whether a client has taken too little of its answer for too long.
bool Server::Impl::IsStalled(const Connection& connection) const {
  const int64_t timeout = options_.limits.write_timeout.count();
  const int64_t patience = IsPressed() ? std::min(timeout, kPressedWriteMs) : timeout;
  return poller_->NowMs() - connection.output->progress_ms >= patience;
}

// A thread that moves many bytes is not one that watches.
void Server::Impl::NoteWork(Worker& worker, uint64_t bytes) {
  worker.bytes_in_a_row += bytes;
  if (worker.busy || worker.bytes_in_a_row < kLongWorkBytes) return;
  worker.bytes_in_a_row = 0;
  worker.busy = crew_->BecomeBusy();
  if (!worker.busy) crew_->Grow();
}

}  // namespace pannier::http
