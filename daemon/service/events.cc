#include "daemon/service/events.h"

#include "lib/core/log.h"

namespace pannier::service {

void Events::Normal(std::string reason, std::string store, std::string message) {
  Add({0, {}, EventType::kNormal, std::move(reason), std::move(store), std::move(message), {}});
}

void Events::Warning(std::string reason, std::string store, std::string message,
                     std::string action) {
  Add({0,
       {},
       EventType::kWarning,
       std::move(reason),
       std::move(store),
       std::move(message),
       std::move(action)});
}

void Events::Add(Event event) {
  event.time = clock_.Now();
  {
    Log line(event.type == EventType::kWarning ? LogLevel::kWarn : LogLevel::kInfo, event.message);
    line.Add("event", event.reason);
    if (!event.store.empty()) line.Add("store", event.store);
    if (!event.action.empty()) line.Add("action", event.action);
  }
  MutexLock lock(mutex_);
  event.number = ++last_;
  if (event.type == EventType::kWarning) ++warnings_;
  if (events_.size() == kKept) events_.pop_front();
  events_.push_back(std::move(event));
}

Events::Page Events::After(uint64_t number) const {
  MutexLock lock(mutex_);
  Page page;
  page.last = last_;
  for (const Event& event : events_) {
    if (event.number > number) page.events.push_back(event);
  }
  return page;
}

uint64_t Events::total(EventType type) const {
  MutexLock lock(mutex_);
  return type == EventType::kWarning ? warnings_ : last_ - warnings_;
}

}  // namespace pannier::service
