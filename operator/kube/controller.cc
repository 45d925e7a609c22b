#include "operator/kube/controller.h"

#include <algorithm>
#include <utility>

#include "lib/core/log.h"

namespace pannier::kube {
namespace {

constexpr std::chrono::milliseconds kLook{500};  // how soon a stop is seen without a notice

}  // namespace

Controller::Controller(Options options, const Clock& clock, RuntimeMetrics metrics, Keys keys,
                       Reconcile reconcile)
    : options_(std::move(options)),
      clock_(clock),
      keys_(std::move(keys)),
      reconcile_(std::move(reconcile)),
      metrics_(std::move(metrics)),
      queue_(options_.seed, options_.backoff),
      jitter_(options_.seed) {
  // All are there from the start, at zero, so that rates see the first.
  for (const char* result : {"success", "requeue_after", "error"}) {
    metrics_.reconciles.With({options_.name, result}).Add(0);
  }
  metrics_.reconcile_errors.With({options_.name}).Add(0);
  metrics_.queue_retries.With({options_.name}).Add(0);
}

Controller::~Controller() { Stop(); }

void Controller::Start() {
  {
    MutexLock lock(mutex_);
    running_ = true;  // first: what comes up while we ask what there is must not be missed
  }
  const std::vector<ObjectKey> keys = keys_();
  {
    MutexLock lock(mutex_);
    const SteadyTime now = clock_.Steady();
    for (const ObjectKey& key : keys) queue_.Add(key, now);
    resync_at_ = now + options_.resync;
  }
  for (int i = 0; i < options_.workers; ++i) {
    workers_.emplace_back([this](std::stop_token stop) { Work(std::move(stop)); });
  }
}

void Controller::Stop() {
  for (std::jthread& worker : workers_) worker.request_stop();
  due_.NotifyAll();
  workers_.clear();  // joins
  MutexLock lock(mutex_);
  running_ = false;
  queue_.Clear();
  metrics_.queue_depth.With({options_.name}).Set(0);
}

void Controller::Enqueue(const ObjectKey& key, std::chrono::nanoseconds delay) {
  bool is_added = false;
  {
    MutexLock lock(mutex_);
    if (!running_) return;
    is_added = queue_.Add(key, clock_.Steady() + delay);
  }
  if (!is_added) return;
  metrics_.queue_adds.With({options_.name}).Add();
  due_.NotifyOne();
}

void Controller::Work(std::stop_token stop) {
  while (!stop.stop_requested()) {
    if (const std::optional<ObjectKey> key = Await()) RunOne(*key);
  }
}

std::optional<ObjectKey> Controller::Await() {
  ResyncWhenDue();
  MutexLock lock(mutex_);
  const SteadyTime now = clock_.Steady();
  std::optional<ObjectKey> key = queue_.Take(now);
  CountDue(now);
  if (key) return key;
  std::chrono::nanoseconds wait = kLook;
  if (const auto next = queue_.NextDue())
    wait = std::min<std::chrono::nanoseconds>(wait, *next - now);
  due_.WaitFor(mutex_, std::max<std::chrono::nanoseconds>(wait, std::chrono::milliseconds(1)));
  return std::nullopt;
}

// Counting is linear: not for every one of ten thousand keys that are due at once.
void Controller::CountDue(SteadyTime now) {
  if (now - counted_at_ < kLook) return;
  counted_at_ = now;
  metrics_.queue_depth.With({options_.name}).Set(static_cast<double>(queue_.DueAt(now)));
}

void Controller::ResyncWhenDue() {
  {
    MutexLock lock(mutex_);
    const SteadyTime now = clock_.Steady();
    if (now < resync_at_) return;
    resync_at_ = now + options_.resync;
  }
  // Outside of the lock: the cache has its own, and calls us while it holds none.
  const std::vector<ObjectKey> keys = keys_();
  MutexLock lock(mutex_);
  const SteadyTime now = clock_.Steady();
  for (const ObjectKey& key : keys) queue_.Add(key, now + jitter_.UpTo(options_.resync / 10));
}

void Controller::RunOne(const ObjectKey& key) {
  const metrics::Gauge active = metrics_.active_workers.With({options_.name});
  active.Add(1);
  const SteadyTime began = clock_.Steady();
  const Result<Action> result = reconcile_(key);
  const std::chrono::duration<double> took = clock_.Steady() - began;
  active.Add(-1);
  metrics_.reconcile_time.With({options_.name}).Observe(took.count());
  Finish(key, result);
}

void Controller::Finish(const ObjectKey& key, const Result<Action>& result) {
  const SteadyTime now = clock_.Steady();
  if (result.ok()) {
    const char* const label = result->after() ? "requeue_after" : "success";
    metrics_.reconciles.With({options_.name, label}).Add();
    MutexLock lock(mutex_);
    queue_.Done(key, *result, now);
    return;
  }
  metrics_.reconciles.With({options_.name, "error"}).Add();
  metrics_.reconcile_errors.With({options_.name}).Add();
  metrics_.queue_retries.With({options_.name}).Add();
  std::chrono::nanoseconds pause{0};
  {
    MutexLock lock(mutex_);
    pause = queue_.Failed(key, now);
  }
  const Error& error = result.error();
  // A cache that lags behind is everyday life.
  const LogLevel level = error.code == Errc::kInternal   ? LogLevel::kError
                         : error.code == Errc::kConflict ? LogLevel::kDebug
                                                         : LogLevel::kWarn;
  Log(level, "a reconciliation failed")
      .Add("controller", options_.name)
      .Add("key", key.ToString())
      .Add("error", error.what)
      .Add("hint", error.hint)
      .Add("again_in_ms", std::chrono::duration_cast<std::chrono::milliseconds>(pause));
}

}  // namespace pannier::kube
