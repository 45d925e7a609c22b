#include "operator/kube/watch_machine.h"

#include <algorithm>

namespace pannier::kube {
namespace {

// Eight objects of the largest size fit into any answer that we read.
constexpr uint32_t kLimitMin = 8;

}  // namespace

WatchMachine::WatchMachine(Options options, uint64_t seed)
    : options_(options), backoff_(options.backoff, seed), limit_(options.page_items) {}

WatchMachine::Ask WatchMachine::Next() const {
  Ask ask;
  ask.pause = pause_;
  if (state_ == State::kEmpty || state_ == State::kInitPage) {
    ask.what = Ask::What::kList;
    ask.continue_token = continue_token_;
    ask.limit = limit_;
    ask.begins_anew = state_ == State::kEmpty;
  } else {
    ask.what = Ask::What::kWatch;
    ask.resource_version = version_;
  }
  return ask;
}

bool WatchMachine::OnPage(const ListPage& page) {
  pause_ = {};
  continue_token_ = page.continue_token;
  if (!continue_token_.empty()) {
    state_ = State::kInitPage;
    return false;
  }
  version_ = page.resource_version;
  state_ = State::kInitListed;
  return true;
}

void WatchMachine::OnListError(const Error& error, SteadyTime now) {
  pause_ = backoff_.Next(now);
  if (error.code == Errc::kConflict) BeginAnew();
  if (error.code == Errc::kResourceExhausted) limit_ = std::max(kLimitMin, limit_ / 2);
}

void WatchMachine::OnWatchOpen(SteadyTime now) {
  state_ = State::kWatching;
  opened_at_ = now;
  is_open_ = true;
  saw_version_ = false;
}

void WatchMachine::OnVersion(const std::string& version) {
  if (version.empty()) return;
  version_ = version;
  saw_version_ = true;
}

void WatchMachine::OnWatchEnd(const Status& ended, SteadyTime now) {
  const bool was_useful = is_open_ && (saw_version_ || now - opened_at_ >= options_.short_watch);
  is_open_ = false;
  if (ended.ok() && was_useful) {
    pause_ = {};
    return;
  }
  pause_ = backoff_.Next(now);
  if (ended.Is(Errc::kConflict) || ended.Is(Errc::kResourceExhausted)) BeginAnew();
}

void WatchMachine::BeginAnew() {
  state_ = State::kEmpty;
  version_.clear();
  continue_token_.clear();
}

}  // namespace pannier::kube
