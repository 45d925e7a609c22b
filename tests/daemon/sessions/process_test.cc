#include "daemon/sessions/process.h"

#include <sys/wait.h>
#include <unistd.h>

#include <catch2/catch.hpp>

namespace pannier::sessions {
namespace {

TEST_CASE("process: one that runs has a birth, and one that has ended has none",
          "[daemon][sessions]") {
  const auto own = BirthOf(getpid());
  REQUIRE(own.has_value());
  REQUIRE(BirthOf(getpid()) == own);
  int pipe_ends[2];
  REQUIRE(pipe(pipe_ends) == 0);
  const pid_t child = fork();
  REQUIRE(child >= 0);
  if (child == 0) {
    char byte;
    close(pipe_ends[1]);
    const ssize_t end = read(pipe_ends[0], &byte, 1);
    _exit(end == 0 ? 0 : 1);
  }
  const auto birth = BirthOf(child);
  REQUIRE(birth.has_value());
  REQUIRE(*birth >= *own);
  close(pipe_ends[1]);
  siginfo_t info;
  REQUIRE(waitid(P_PID, static_cast<id_t>(child), &info, WEXITED | WNOWAIT) == 0);
  REQUIRE_FALSE(BirthOf(child).has_value());  // nobody has asked how it ended yet
  REQUIRE(waitpid(child, nullptr, 0) == child);
  REQUIRE_FALSE(BirthOf(child).has_value());
  close(pipe_ends[0]);
}

TEST_CASE("process: of one that cannot be seen nothing is known", "[daemon][sessions]") {
  REQUIRE_FALSE(BirthOf(0).has_value());
  REQUIRE_FALSE(BirthOf(-1).has_value());
}

}  // namespace
}  // namespace pannier::sessions
