#include "operator/kube/watcher.h"

#include <nlohmann/json.hpp>
#include <utility>

#include "lib/core/log.h"

namespace pannier::kube {
namespace {

std::string_view CauseOf(const Status& ended) {
  if (ended.ok()) return "timeout";
  return ended.Is(Errc::kConflict) ? "expired" : "error";
}

}  // namespace

// What a watch says goes into the cache at once.
class Watcher::Sink final : public WatchSink {
 public:
  explicit Sink(Watcher& watcher) : watcher_(watcher) {}

  void OnOpen() override {
    watcher_.machine_.OnWatchOpen(watcher_.clock_.Steady());
    watcher_.Alive();
  }

  void OnEvent(Type type, nlohmann::json& object) override {
    const std::string version = TextAt(object, "/metadata/resourceVersion");
    if (type == Type::kDeleted) {
      const ObjectKey key{TextAt(object, "/metadata/namespace"), TextAt(object, "/metadata/name")};
      watcher_.Report(watcher_.cache_.Remove(key, TextAt(object, "/metadata/uid")));
    } else if (type != Type::kBookmark) {
      Result<Cache::Entry> entry = watcher_.cache_.Prepare(object);
      if (entry.ok()) {
        watcher_.Report(watcher_.cache_.Put(std::move(entry).value()));
      } else {
        watcher_.Failed(entry.error(), "an event was passed over");
      }
    }
    watcher_.machine_.OnVersion(version);
    watcher_.Alive();
  }

 private:
  Watcher& watcher_;
};

Watcher::Watcher(Api& api, Cache& cache, const Clock& clock, Options options,
                 RuntimeMetrics metrics, OnChange on_change)
    : api_(api),
      cache_(cache),
      clock_(clock),
      options_(std::move(options)),
      metrics_(std::move(metrics)),
      on_change_(std::move(on_change)),
      machine_(options_.machine, options_.seed),
      alive_ns_(clock.Steady().time_since_epoch().count()) {}

Watcher::~Watcher() { Stop(); }

void Watcher::Start() {
  thread_ = std::jthread([this](std::stop_token stop) { Run(std::move(stop)); });
}

void Watcher::Stop() {
  if (!thread_.joinable()) return;
  thread_.request_stop();
  stopped_.NotifyAll();
  thread_.join();
}

Watcher::Health Watcher::health() const {
  Health health;
  health.synced = cache_.synced();
  health.age = clock_.Steady() - SteadyTime(std::chrono::nanoseconds(alive_ns_.load()));
  MutexLock lock(mutex_);
  health.error = error_;
  return health;
}

void Watcher::Run(std::stop_token stop) {
  while (!stop.stop_requested()) {
    const WatchMachine::Ask ask = machine_.Next();
    const SteadyTime until = std::chrono::steady_clock::now() + ask.pause;
    {
      MutexLock lock(mutex_);
      // Really waits, whatever clock a test turns; a stop is noticed within a moment.
      while (!stop.stop_requested() && std::chrono::steady_clock::now() < until) {
        stopped_.WaitFor(mutex_, std::chrono::milliseconds(50));
      }
    }
    if (stop.stop_requested()) return;
    if (ask.what == WatchMachine::Ask::What::kList) {
      DoList(ask);
    } else {
      DoWatch(ask, stop);
    }
  }
}

void Watcher::DoList(const WatchMachine::Ask& ask) {
  if (ask.begins_anew) pending_.clear();
  const size_t before = pending_.size();
  Status failed;
  ListRequest request{options_.ns, options_.label_selector, ask.limit, ask.continue_token};
  const Result<ListPage> page = api_.List(options_.resource, request, [&](nlohmann::json& item) {
    Result<Cache::Entry> entry = cache_.Prepare(item);
    if (entry.ok()) {
      pending_.push_back(std::move(entry).value());
    } else {
      failed = entry.error();
    }
  });
  if (page.ok() && failed.ok()) {
    Alive();
    if (machine_.OnPage(*page)) Report(cache_.Swap(std::exchange(pending_, {})));
    return;
  }
  const Error& error = page.ok() ? failed.error() : page.error();
  pending_.resize(before);  // of this page: it comes again
  machine_.OnListError(error, clock_.Steady());
  Failed(error, "cannot list");
}

void Watcher::DoWatch(const WatchMachine::Ask& ask, std::stop_token stop) {
  Sink sink(*this);
  WatchRequest request{options_.ns, options_.label_selector, ask.resource_version,
                       options_.server_timeout};
  const Status ended = api_.Watch(options_.resource, request, sink, stop);
  if (stop.stop_requested()) return;
  machine_.OnWatchEnd(ended, clock_.Steady());
  const std::string kind(options_.resource.kind);
  metrics_.watch_restarts.With({kind, std::string(CauseOf(ended))}).Add();
  if (!ended.ok()) Failed(ended.error(), "a watch broke off");
}

void Watcher::Alive() {
  alive_ns_ = clock_.Steady().time_since_epoch().count();
  MutexLock lock(mutex_);
  error_ = Status();
}

void Watcher::Failed(const Error& error, std::string_view doing) {
  bool is_new = false;
  {
    MutexLock lock(mutex_);
    is_new = error_.ok() || error_.error().what != error.what;
    error_ = error;
  }
  // What stays as it is is said once; health() and metrics go on telling.
  if (!is_new || error.code == Errc::kConflict) return;
  LogWarn(doing)
      .Add("kind", options_.resource.kind)
      .Add("error", error.what)
      .Add("hint", error.hint);
}

void Watcher::Report(const std::vector<Change>& changes) {
  if (!on_change_) return;
  for (const Change& change : changes) on_change_(change);
}

}  // namespace pannier::kube
