// Goal: one slot per key, the earlier due time wins, no key runs twice at once, failures back off.
// Method: small cases; then a random history against a naive model.
#include "operator/kube/queue.h"

#include <algorithm>
#include <catch2/catch.hpp>

#include "tests/support/torture.h"

namespace pannier::kube {
namespace {

using std::chrono::milliseconds;
using std::chrono::seconds;

constexpr SteadyTime kNow{seconds(1'000)};
const ObjectKey kA{"ns", "a"}, kB{"ns", "b"};

TEST_CASE("queue: many additions of a key are one run, at the earliest", "[operator][kube]") {
  Queue queue(1);
  REQUIRE(queue.Add(kA, kNow + seconds(5)));
  REQUIRE(!queue.Add(kA, kNow + seconds(9)));
  REQUIRE(queue.Add(kA, kNow + seconds(2)));
  REQUIRE(queue.NextDue() == kNow + seconds(2));
  REQUIRE(!queue.Take(kNow + seconds(1)));
  REQUIRE(queue.Take(kNow + seconds(2)) == kA);
  queue.Done(kA, Action::AwaitChange(), kNow + seconds(2));
  REQUIRE(!queue.Take(kNow + seconds(60)));
  REQUIRE(queue.size() == 0);
}

TEST_CASE("queue: what comes while a key runs is run after it", "[operator][kube]") {
  Queue queue(1);
  queue.Add(kA, kNow);
  REQUIRE(queue.Take(kNow) == kA);
  REQUIRE(queue.Add(kA, kNow));
  REQUIRE(!queue.Take(kNow));
  queue.Done(kA, Action::After(seconds(60)), kNow);
  REQUIRE(queue.Take(kNow) == kA);  // the change, not the minute
  queue.Done(kA, Action::After(seconds(60)), kNow);
  REQUIRE(queue.NextDue() == kNow + seconds(60));
}

TEST_CASE("queue: a failing key waits longer and longer, until it succeeds", "[operator][kube]") {
  Queue queue(1);
  SteadyTime now = kNow;
  queue.Add(kA, now);
  std::chrono::nanoseconds last{0};
  for (int i = 0; i < 20; ++i) {
    REQUIRE(queue.Take(now) == kA);
    queue.Add(kA, now);  // a change does not cut the pause short
    last = queue.Failed(kA, now);
    REQUIRE(last <= std::chrono::minutes(5));
    REQUIRE(queue.NextDue() == now + last);
    now += last;
  }
  REQUIRE(last >= std::chrono::minutes(2));
  REQUIRE(queue.Take(now) == kA);
  queue.Done(kA, Action::AwaitChange(), now);
  queue.Add(kA, now);
  REQUIRE(queue.Take(now) == kA);
  REQUIRE(queue.Failed(kA, now) <= milliseconds(200));
}

TEST_CASE("queue: cleared, it forgets all but what runs", "[operator][kube]") {
  Queue queue(1);
  queue.Add(kA, kNow);
  REQUIRE(queue.Take(kNow) == kA);
  queue.Add(kA, kNow);
  queue.Add(kB, kNow);
  queue.Clear();
  REQUIRE(queue.size() == 1);
  REQUIRE(!queue.Take(kNow));
  queue.Done(kA, Action::AwaitChange(), kNow);
  REQUIRE(queue.size() == 0);
}

// What a queue is, without any cleverness.
struct Model {
  struct Slot {
    std::optional<SteadyTime> due;
    bool running = false;
  };
  std::map<ObjectKey, Slot> slots;
  void Add(const ObjectKey& key, SteadyTime due) {
    Slot& slot = slots[key];
    slot.due = slot.due ? std::min(*slot.due, due) : due;
  }
  std::optional<SteadyTime> NextDue() const {
    std::optional<SteadyTime> next;
    for (const auto& [key, slot] : slots) {
      if (!slot.running && slot.due) next = next ? std::min(*next, *slot.due) : *slot.due;
    }
    return next;
  }
};

TEST_CASE("queue: a random history is that of the model", "[operator][kube]") {
  CAPTURE(test::Seed());
  test::Random random(test::Seed());
  for (int round = 0; round < test::Rounds(50); ++round) {
    Queue queue(random.Next());
    Model model;
    std::vector<ObjectKey> running;
    SteadyTime now = kNow;
    for (int step = 0; step < 400; ++step) {
      now += milliseconds(random.Below(2'000));
      if (random.OneIn(2)) {
        const ObjectKey key{"ns", std::to_string(random.Below(12))};
        const SteadyTime due = now + milliseconds(random.Below(5'000));
        queue.Add(key, due);
        model.Add(key, due);
      } else if (random.OneIn(2) || running.empty()) {
        const auto next = model.NextDue();
        const auto key = queue.Take(now);
        REQUIRE(key.has_value() == (next && *next <= now));
        if (!key) continue;
        Model::Slot& slot = model.slots.at(*key);
        REQUIRE(!slot.running);
        REQUIRE(slot.due == next);
        slot = {std::nullopt, true};
        running.push_back(*key);
      } else {
        const size_t which = random.Below(running.size());
        const ObjectKey key = running[which];
        running.erase(running.begin() + static_cast<ptrdiff_t>(which));
        Model::Slot& slot = model.slots.at(key);
        slot.running = false;
        if (random.OneIn(3)) {
          slot.due = now + queue.Failed(key, now);
        } else if (random.OneIn(2)) {
          queue.Done(key, Action::After(seconds(1)), now);
          model.Add(key, now + seconds(1));
        } else {
          queue.Done(key, Action::AwaitChange(), now);
        }
      }
      REQUIRE(queue.NextDue() == model.NextDue());
    }
  }
}

}  // namespace
}  // namespace pannier::kube
