// The states of one watch, without threads, sockets or clocks: what to ask next, how long to wait
// before, and what an answer means.
//
//   kEmpty ──first page──► kInitPage ──last page──► kInitListed ──watch opens──► kWatching
//     ▲  ╰──────── the only page ─────────────────────►│                          │   ╰─ ends,
//     fails: ╰─────────────────── 410: the version or the continue token is too old ──────╯ resumes
//
// A failed page is asked for again, a failed watch resumes at the last version seen: events that
// came before are not asked for twice, none is missed. Only 410 (Errc::kConflict), or an event too
// long for us, leads back to kEmpty: then the next list is the whole truth, and what it lacks was
// deleted. Threads: one at a time.
#pragma once

#include <chrono>
#include <cstdint>
#include <string>

#include "operator/kube/api.h"
#include "operator/kube/backoff.h"

namespace pannier::kube {

class WatchMachine {
 public:
  enum class State { kEmpty, kInitPage, kInitListed, kWatching };
  struct Options {
    uint32_t page_items = 200;
    BackoffOptions backoff;
    // A watch that ends sooner than this, without an event, counts as failed: no hot loop.
    std::chrono::milliseconds short_watch{1'000};
  };
  struct Ask {
    enum class What { kList, kWatch };
    What what = What::kList;
    std::string resource_version;  // of a watch
    std::string continue_token;    // of a list
    uint32_t limit = 0;            // of a list
    // Items of earlier pages are of another list: drop them before this one comes.
    bool begins_anew = false;
    std::chrono::nanoseconds pause{0};  // before asking
  };

  WatchMachine(Options options, uint64_t seed);

  State state() const { return state_; }
  const std::string& resource_version() const { return version_; }
  // What to do now. Does not change anything: call it again and it says the same.
  Ask Next() const;

  // A page came. True when it was the last: all pages since `begins_anew` together are what there
  // is, to be swapped in as a whole.
  bool OnPage(const ListPage& page);
  // A list failed. A page that is too long (kResourceExhausted) is asked for again with half the
  // items.
  void OnListError(const Error& error, SteadyTime now);
  void OnWatchOpen(SteadyTime now);
  // An event or a bookmark carried this version.
  void OnVersion(const std::string& version);
  // A watch ended, in good order or not; also one that never opened.
  void OnWatchEnd(const Status& ended, SteadyTime now);

 private:
  void BeginAnew();

  const Options options_;
  Backoff backoff_;
  State state_ = State::kEmpty;
  std::string version_;
  std::string continue_token_;
  uint32_t limit_;
  std::chrono::nanoseconds pause_{0};
  bool is_open_ = false;
  SteadyTime opened_at_{};
  bool saw_version_ = false;  // since the watch was opened
};

}  // namespace pannier::kube
