#include "lib/http/crew.h"

#include <pthread.h>

#include <algorithm>
#include <system_error>
#include <utility>

#include "lib/core/check.h"
#include "lib/core/log.h"

namespace pannier::http {

namespace {
constexpr uint32_t kThreadsAtStart = 2;  // one watches while the other runs a handler
}  // namespace

Crew::Crew(Options options, Life life)
    : options_(std::move(options)), life_(std::move(life)), queue_(options_.queue) {}

Crew::~Crew() {
  MutexLock lock(mutex_);
  CHECK(members_.empty());
}

bool Crew::Start() {
  MutexLock lock(mutex_);
  while (threads_.load() < kThreadsAtStart) {
    if (!Spawn()) return false;
  }
  return true;
}

bool Crew::Spawn() {
  auto member = std::make_unique<Member>();
  const std::string name = (options_.name + "-http").substr(0, 12) + "-" + std::to_string(serial_);
  Member* const self = member.get();
  try {
    member->thread = std::jthread([this, self, name] {
      pthread_setname_np(pthread_self(), name.substr(0, 15).c_str());
      life_();
      self->ended.store(true, std::memory_order_release);
    });
  } catch (const std::system_error& e) {
    static LogLimiter limiter(std::chrono::seconds(10));
    if (int64_t held_back = 0; limiter.Allow(&held_back)) {
      LogWarn("cannot start a thread").Add("server", options_.name).Add("error", e.what());
    }
    return false;
  }
  serial_ = (serial_ + 1) % 100;
  threads_.fetch_add(1);
  watching_.fetch_add(1);
  members_.push_back(std::move(member));
  return true;
}

void Crew::Grow() {
  if (threads_.load(std::memory_order_relaxed) > options_.threads_max) return;
  MutexLock lock(mutex_);
  if (joining_ || threads_.load() > options_.threads_max) return;
  std::erase_if(members_, [](const auto& member) { return member->ended.load(); });  // joins them
  Spawn();
}

bool Crew::BecomeBusy() {
  uint32_t watching = watching_.load(std::memory_order_seq_cst);
  while (watching > 1) {
    if (watching_.compare_exchange_weak(watching, watching - 1, std::memory_order_seq_cst)) {
      return true;
    }
  }
  return false;
}

bool Crew::Retire() {
  uint32_t watching = watching_.load();
  while (watching > kThreadsAtStart) {
    if (watching_.compare_exchange_weak(watching, watching - 1)) {
      threads_.fetch_sub(1);
      return true;
    }
  }
  return false;
}

bool Crew::Begin(const Share& share, SteadyTime now, bool in_a_row) {
  if (in_a_row && ready()) return false;
  MutexLock lock(queue_mutex_);
  return queue_.Begin(share, now);
}

void Crew::End(const Share& share) {
  MutexLock lock(queue_mutex_);
  queue_.End(share);
  if (queue_.size() > 0) ready_.store(true, std::memory_order_seq_cst);
}

FairQueue::Pushed Crew::Enqueue(Connection* connection, bool* busy, bool* may_grow) {
  bool others_wait = false;
  {
    MutexLock lock(queue_mutex_);
    const FairQueue::Pushed pushed = queue_.Push(connection);
    if (pushed != FairQueue::Pushed::kYes) return pushed;
    others_wait = ready_.exchange(true, std::memory_order_seq_cst);
    queued_.store(static_cast<uint32_t>(queue_.size()), std::memory_order_relaxed);
  }
  if (others_wait) Grow();
  *may_grow = threads_.load(std::memory_order_relaxed) <= options_.threads_max;
  // Pairs with TakeOrWatch(): a thread that went back to watching before it could see the queue is
  // seen here instead.
  if (!*busy) *busy = BecomeBusy();
  return FairQueue::Pushed::kYes;
}

bool Crew::GrowIfQueued() {
  if (!ready()) return false;
  Grow();
  return BecomeBusy();
}

Connection* Crew::Pop() {
  Connection* const first = queue_.Pop();
  queued_.store(static_cast<uint32_t>(queue_.size()), std::memory_order_relaxed);
  if (first == nullptr || queue_.size() == 0) ready_.store(false, std::memory_order_seq_cst);
  return first;
}

Connection* Crew::TakeOrWatch() {
  for (;;) {
    if (ready_.load(std::memory_order_seq_cst)) {
      MutexLock lock(queue_mutex_);
      if (Connection* const first = Pop(); first != nullptr) return first;
    }
    watching_.fetch_add(1, std::memory_order_seq_cst);
    if (!ready_.load(std::memory_order_seq_cst) || !BecomeBusy()) return nullptr;
  }
}

FairQueue::Pushed Crew::TakeTurns(Connection* mine, Connection** next) {
  MutexLock lock(queue_mutex_);
  const FairQueue::Pushed pushed = queue_.Push(mine);
  if (pushed != FairQueue::Pushed::kYes) return pushed;
  ready_.store(true, std::memory_order_seq_cst);
  *next = Pop();
  return pushed;
}

void Crew::Join() {
  std::vector<std::unique_ptr<Member>> members;
  {
    MutexLock lock(mutex_);
    joining_ = true;
    members.swap(members_);
  }
  members.clear();  // jthread joins
}

uint32_t Crew::busy() const {
  const uint32_t threads = threads_.load(std::memory_order_relaxed);
  const uint32_t watching = watching_.load(std::memory_order_relaxed);
  return threads > watching ? threads - watching : 0;
}

}  // namespace pannier::http
