#include "lib/http/poller.h"

#include <catch2/catch.hpp>
#include <thread>

namespace pannier::http {
namespace {

// Method: one thread asks to be woken at once, again and again, while another hears the timer ring;
// whatever their order, a wish that comes after is still fulfilled.
TEST_CASE("poller: a timer that rings while it is set can be set again", "[lib][http]") {
  const std::unique_ptr<Poller> poller = Poller::Make().value();
  for (int round = 0; round < 200; ++round) {
    std::jthread asking([&] {
      for (int i = 0; i < 50; ++i) poller->WakeBy(poller->NowMs() - 5);
    });
    Poller::Event event;
    while (poller->Wait(std::chrono::milliseconds(1), &event)) {
      REQUIRE(event.reference == Poller::kTimer);
      poller->TimerRang();
    }
    asking.join();
    poller->WakeBy(poller->NowMs() - 5);
    REQUIRE(poller->Wait(std::chrono::seconds(10), &event));
    poller->TimerRang();
  }
}

}  // namespace
}  // namespace pannier::http
