#include "operator/kube/events.h"

#include <algorithm>
#include <nlohmann/json.hpp>
#include <utility>

#include "lib/core/log.h"
#include "lib/core/uuid.h"
#include "operator/kube/micro_time.h"

namespace pannier::kube {
namespace {

using Json = nlohmann::json;

constexpr size_t kNoteBytesMax = 1'024;      // the API's own limit
constexpr size_t kNamePrefixBytesMax = 200;  // of 253 of a name
constexpr double kBudgetBurst = 25;
constexpr double kBudgetPerSecond = 1.0 / 300;
constexpr size_t kBudgetsMax = 4'096;
constexpr std::chrono::seconds kStopTime{2};

std::string Cut(std::string_view text, size_t bytes_max) {
  size_t end = std::min(text.size(), bytes_max);
  if (end < text.size()) {
    while (end > 0 && (static_cast<unsigned char>(text[end]) & 0xC0) == 0x80) --end;
  }
  return std::string(text.substr(0, end));
}

std::string_view NameOf(EventRecorder::Type type) {
  return type == EventRecorder::Type::kNormal ? "Normal" : "Warning";
}

}  // namespace

Regarding RegardingOf(const Resource& resource, const ObjectKey& key, std::string uid) {
  return {resource.ApiVersion(), std::string(resource.kind), key, std::move(uid)};
}

EventRecorder::EventRecorder(Api& api, const Clock& clock, Options options, RuntimeMetrics metrics)
    : api_(api), clock_(clock), options_(std::move(options)), metrics_(std::move(metrics)) {
  for (const char* result : {"sent", "failed", "dropped"}) metrics_.events.With({result}).Add(0);
}

EventRecorder::~EventRecorder() { Stop(); }

void EventRecorder::Start() {
  thread_ = std::jthread([this](std::stop_token stop) { Run(std::move(stop)); });
}

void EventRecorder::Stop() {
  if (!thread_.joinable()) return;
  thread_.request_stop();
  queued_.NotifyAll();
  thread_.join();
}

void EventRecorder::Run(std::stop_token stop) {
  while (!stop.stop_requested()) {
    if (SendOne()) continue;
    MutexLock lock(mutex_);
    if (queue_.empty()) queued_.WaitFor(mutex_, std::chrono::milliseconds(500));
  }
  const SteadyTime until = clock_.Steady() + kStopTime;
  while (clock_.Steady() < until && SendOne()) continue;
}

void EventRecorder::Say(const Regarding& regarding, Type type, std::string_view reason,
                        std::string_view action, std::string_view note) {
  Entry entry{regarding,   type, std::string(reason), std::string(action), Cut(note, kNoteBytesMax),
              clock_.Now()};
  MutexLock lock(mutex_);
  if (queue_.size() >= options_.queued_max || !WithinBudget(regarding.uid)) {
    lock.Unlock();
    metrics_.events.With({"dropped"}).Add();
    return;
  }
  queue_.push_back(std::move(entry));
  lock.Unlock();
  queued_.NotifyOne();
}

bool EventRecorder::WithinBudget(const std::string& uid) {
  // Objects that have gone are forgotten all at once: they begin anew, no more.
  if (budgets_.size() >= kBudgetsMax && !budgets_.contains(uid)) budgets_.clear();
  auto& budget = budgets_[uid];
  if (!budget) budget = std::make_unique<TokenBucket>(kBudgetPerSecond, kBudgetBurst);
  return budget->Take(clock_.Steady(), std::chrono::nanoseconds(0)).count() >= 0;
}

bool EventRecorder::SendOne() {
  Entry entry;
  {
    MutexLock lock(mutex_);
    if (queue_.empty()) return false;
    entry = std::move(queue_.front());
    queue_.pop_front();
  }
  const Status sent = Send(entry);
  metrics_.events.With({sent.ok() ? "sent" : "failed"}).Add();
  if (!sent.ok()) {
    static LogLimiter limiter(std::chrono::seconds(60));
    int64_t held_back = 0;
    if (limiter.Allow(&held_back)) {
      LogWarn("an event could not be sent")
          .Add("reason", entry.reason)
          .Add("error", sent.error().what)
          .Add("held_back", held_back);
    }
  }
  return true;
}

Status EventRecorder::Send(const Entry& entry) {
  const std::string what = entry.regarding.uid + '\n' + entry.reason + '\n' + entry.action + '\n' +
                           std::string(NameOf(entry.type)) + '\n' + entry.note;
  const SteadyTime now = clock_.Steady();
  const auto known = series_.find(what);
  const bool goes_on = known != series_.end() && now - known->second.last < options_.series_time;
  if (goes_on) {
    known->second.last = now;
    ++known->second.count;
    Status counted = SendAgain(entry, known->second);
    if (!counted.Is(Errc::kNotFound)) return counted;  // else the API has forgotten it
  }
  if (known == series_.end() && series_.size() >= options_.series_max) ForgetOldest();
  Series& series = series_[what];
  series = {};
  series.last = now;
  Status sent = SendFirst(entry, series);
  if (!sent.ok()) series_.erase(what);
  return sent;
}

Status EventRecorder::SendFirst(const Entry& entry, Series& series) {
  const Regarding& about = entry.regarding;
  // Events of what has no namespace lie in "default", as kubectl expects.
  series.key.ns = about.key.ns.empty() ? "default" : about.key.ns;
  series.key.name = Cut(about.key.name, kNamePrefixBytesMax) + "." + RandomHex(8);
  Json regarding = {{"apiVersion", about.api_version},
                    {"kind", about.kind},
                    {"name", about.key.name},
                    {"uid", about.uid}};
  if (!about.key.ns.empty()) regarding["namespace"] = about.key.ns;
  const Json event = {{"apiVersion", kEvents.ApiVersion()},
                      {"kind", kEvents.kind},
                      {"metadata", {{"namespace", series.key.ns}, {"name", series.key.name}}},
                      {"eventTime", MicroTime(entry.said_at)},
                      {"reportingController", options_.controller},
                      {"reportingInstance", options_.instance},
                      {"reason", entry.reason},
                      {"action", entry.action},
                      {"note", entry.note},
                      {"type", NameOf(entry.type)},
                      {"regarding", std::move(regarding)}};
  const Result<Json> created = api_.Create(kEvents, event);
  if (!created.ok()) return created.error();
  return {};
}

Status EventRecorder::SendAgain(const Entry& entry, Series& series) {
  const Json value = {{"count", series.count}, {"lastObservedTime", MicroTime(entry.said_at)}};
  const Json operations = Json::array({{{"op", "add"}, {"path", "/series"}, {"value", value}}});
  const Result<Json> patched = api_.PatchJson(kEvents, series.key, operations);
  if (!patched.ok()) return patched.error();
  return {};
}

void EventRecorder::ForgetOldest() {
  const auto oldest =
      std::min_element(series_.begin(), series_.end(),
                       [](const auto& a, const auto& b) { return a.second.last < b.second.last; });
  if (oldest != series_.end()) series_.erase(oldest);
}

}  // namespace pannier::kube
