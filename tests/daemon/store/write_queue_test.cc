// Goal: writes share commits and keep their order; every caller gets its own result; waiting is
// bounded.
// Method: a commit function that blocks on a gate, so that the test says who waits when.
#include "daemon/store/write_queue.h"

#include <catch2/catch.hpp>
#include <future>
#include <semaphore>
#include <thread>

namespace pannier::store {
namespace {

using Write = WriteQueue::Write;
using Company = WriteQueue::Company;
using namespace std::chrono_literals;

SteadyTime Later() { return SystemClock().Steady() + 60s; }

// Records what was committed together; blocks while the gate is shut.
class Recorder {
 public:
  explicit Recorder(WriteQueue::Options options = {})
      : queue(options, [this](const std::vector<Write*>& writes) { Commit(writes); }) {}

  void Commit(const std::vector<Write*>& writes) {
    if (running.fetch_add(1) != 0) overlapped = true;
    entered.release();
    if (shut) gate.acquire();
    std::vector<Company> companies;
    for (Write* write : writes) {
      companies.push_back(write->company);
      write->result = write->apply();
    }
    batches.push_back(companies);
    running.fetch_sub(1);
  }

  std::future<Status> Start(std::function<Status()> apply, Company company = Company::kShared,
                            uint64_t bytes = 0) {
    const uint64_t before = queue.waiting();
    auto result = std::async(std::launch::async, [this, apply, company, bytes] {
      Write write;
      write.apply = apply;
      write.company = company;
      write.bytes = bytes;
      return queue.Run(write, Later());
    });
    if (shut && started++ > 0) {
      while (queue.waiting() == before) std::this_thread::yield();
    } else {
      entered.acquire();
    }
    return result;
  }

  std::atomic<int> running{0};
  std::atomic<bool> overlapped{false};
  bool shut = false;
  int started = 0;
  std::counting_semaphore<> gate{0};
  std::counting_semaphore<> entered{0};
  std::vector<std::vector<Company>> batches;
  WriteQueue queue;
};

Status Nothing() { return {}; }

TEST_CASE("write queue: writes that queue up behind a commit share the next one",
          "[daemon][store]") {
  Recorder recorder;
  recorder.shut = true;
  std::vector<std::future<Status>> results;
  for (int i = 0; i < 5; ++i) results.push_back(recorder.Start(Nothing));
  recorder.gate.release(2);
  for (auto& result : results) REQUIRE(result.get().ok());
  REQUIRE(recorder.batches.size() == 2);
  REQUIRE(recorder.batches[0].size() == 1);
  REQUIRE(recorder.batches[1].size() == 4);
}

TEST_CASE("write queue: everybody gets the result of his own write", "[daemon][store]") {
  Recorder recorder;
  recorder.shut = true;
  auto first = recorder.Start(Nothing);
  auto good = recorder.Start(Nothing);
  auto bad = recorder.Start([]() -> Status { return InvalidArgument("mine"); });
  recorder.gate.release(2);
  REQUIRE(first.get().ok());
  REQUIRE(good.get().ok());
  REQUIRE(bad.get().Is(Errc::kInvalidArgument));
}

TEST_CASE("write queue: one that wants to be alone never shares, and order holds",
          "[daemon][store]") {
  const Company company = GENERATE(Company::kAlone, Company::kBare);
  Recorder recorder;
  recorder.shut = true;
  std::vector<int> order;
  const auto note = [&](int n) {
    return [&order, n]() -> Status { return order.push_back(n), Status(); };
  };
  std::vector<std::future<Status>> results;
  results.push_back(recorder.Start(note(0)));
  results.push_back(recorder.Start(note(1)));
  results.push_back(recorder.Start(note(2), company));
  results.push_back(recorder.Start(note(3)));
  results.push_back(recorder.Start(note(4)));
  recorder.gate.release(4);
  for (auto& result : results) REQUIRE(result.get().ok());
  REQUIRE(order == std::vector<int>{0, 1, 2, 3, 4});
  REQUIRE(recorder.batches.size() == 4);
  REQUIRE(recorder.batches[2] == std::vector<Company>{company});
  REQUIRE(recorder.batches[3].size() == 2);
}

TEST_CASE("write queue: a commit takes no more bytes than it may, but always one write",
          "[daemon][store]") {
  Recorder recorder({.writes_max = 100, .commit_bytes_max = 100});
  recorder.shut = true;
  std::vector<std::future<Status>> results;
  for (const uint64_t bytes : {1, 60, 40, 60, 500}) {
    results.push_back(recorder.Start(Nothing, Company::kShared, bytes));
  }
  recorder.gate.release(4);
  for (auto& result : results) REQUIRE(result.get().ok());
  std::vector<size_t> sizes;
  for (const auto& batch : recorder.batches) sizes.push_back(batch.size());
  REQUIRE(sizes == std::vector<size_t>{1, 2, 1, 1});
}

TEST_CASE("write queue: a full queue refuses, and goes on when it has drained", "[daemon][store]") {
  Recorder recorder({.writes_max = 2});
  recorder.shut = true;
  std::vector<std::future<Status>> results;
  for (int i = 0; i < 3; ++i) results.push_back(recorder.Start(Nothing));
  Write refused;
  refused.apply = Nothing;
  REQUIRE(recorder.queue.Run(refused, Later()).Is(Errc::kResourceExhausted));
  recorder.gate.release(2);
  for (auto& result : results) REQUIRE(result.get().ok());
  recorder.shut = false;
  Write accepted;
  accepted.apply = Nothing;
  REQUIRE(recorder.queue.Run(accepted, Later()).ok());
  REQUIRE(recorder.queue.waiting() == 0);
}

TEST_CASE("write queue: a deadline that passes while waiting drops the write undone",
          "[daemon][store]") {
  Recorder recorder;
  recorder.shut = true;
  auto first = recorder.Start(Nothing);
  bool applied = false;
  Write late;
  late.apply = [&]() -> Status { return applied = true, Status(); };
  REQUIRE(recorder.queue.Run(late, SystemClock().Steady() + 20ms).Is(Errc::kDeadlineExceeded));
  auto next = recorder.Start(Nothing);
  recorder.gate.release(2);
  REQUIRE(first.get().ok());
  REQUIRE(next.get().ok());
  REQUIRE_FALSE(applied);
}

TEST_CASE("write queue: a deadline already past does nothing, even with nobody in line",
          "[daemon][store]") {
  Recorder recorder;
  bool applied = false;
  Write late;
  late.apply = [&]() -> Status { return applied = true, Status(); };
  REQUIRE(recorder.queue.Run(late, SystemClock().Steady()).Is(Errc::kDeadlineExceeded));
  REQUIRE_FALSE(applied);
}

TEST_CASE("write queue: many threads, one commit at a time, nothing lost", "[daemon][store]") {
  constexpr int kThreads = 8;
  constexpr int kWrites = 500;
  uint64_t applied = 0;  // unguarded: commits never overlap
  uint64_t largest = 0;
  std::atomic<uint64_t> failed{0};
  WriteQueue queue({}, [&](const std::vector<Write*>& writes) {
    largest = std::max<uint64_t>(largest, writes.size());
    for (Write* write : writes) write->result = write->apply();
  });
  {
    std::vector<std::jthread> threads;
    for (int t = 0; t < kThreads; ++t) {
      threads.emplace_back([&, t] {
        for (int i = 0; i < kWrites; ++i) {
          Write write;
          write.apply = [&]() -> Status { return ++applied, Status(); };
          write.company = (t + i) % 7 == 0 ? Company::kAlone : Company::kShared;
          if (!queue.Run(write, Later()).ok()) ++failed;
        }
      });
    }
  }
  REQUIRE(failed == 0);
  REQUIRE(applied == kThreads * kWrites);
  REQUIRE(largest <= kThreads);
}

}  // namespace
}  // namespace pannier::store
