// Goal: whatever a child does, its parent gets a result or an error, and no process stays behind.
// Method: a program of verbs that answer, refuse, crash, hang, chatter and eat memory.
#include "daemon/process/child.h"

#include <fcntl.h>
#include <sys/wait.h>

#include <catch2/catch.hpp>
#include <cerrno>

#include "lib/file/descriptor.h"

namespace pannier::daemon {
namespace {

ChildLimits Limits() {
  ChildLimits limits;
  limits.program = CHILD_PROGRAM;
  return limits;
}

bool GoOn(uint64_t, uint64_t) { return true; }

bool NoChildLeft() { return ::waitpid(-1, nullptr, WNOHANG) == -1 && errno == ECHILD; }

TEST_CASE("child: its result comes back as it was written, and its progress is passed on",
          "[daemon][process]") {
  uint64_t done = 0, total = 0;
  const auto note = [&](uint64_t d, uint64_t t) {
    done = d;
    total = t;
    return true;
  };
  const auto result = RunChild("echo", R"({"path":"a \"b\"\n","n":[1,2.5,null]})", Limits(), note);
  REQUIRE(result.ok());
  REQUIRE(*result == R"({"n":[1,2.5,null],"path":"a \"b\"\n"})");
  REQUIRE(done == 3);
  REQUIRE(total == 9);
  REQUIRE(NoChildLeft());
}

TEST_CASE("child: an error comes back with code, text and hint", "[daemon][process]") {
  const auto result = RunChild("refuse", "{}", Limits(), GoOn);
  REQUIRE(result.Is(Errc::kNotFound));
  REQUIRE(result.error().what == "no file \"x\"");
  REQUIRE(result.error().hint == "make one");
}

TEST_CASE("child: a crash is damage in what it read, named by its signal", "[daemon][process]") {
  const auto result = RunChild("crash", "{}", Limits(), GoOn);
  REQUIRE(result.Is(Errc::kCorruption));
  REQUIRE(result.error().what.find("SIGSEGV") != std::string::npos);
  REQUIRE(NoChildLeft());
}

TEST_CASE("child: one that hangs ends when its time is over or it is told to stop",
          "[daemon][process]") {
  ChildLimits limits = Limits();
  limits.time = std::chrono::seconds(1);
  REQUIRE(RunChild("hang", "{}", limits, GoOn).Is(Errc::kDeadlineExceeded));
  REQUIRE(NoChildLeft());
  int asked = 0;
  const auto stop = [&](uint64_t, uint64_t) { return ++asked < 3; };
  REQUIRE(RunChild("hang", "{}", Limits(), stop).Is(Errc::kDeadlineExceeded));
  REQUIRE(asked == 3);
  REQUIRE(NoChildLeft());
}

TEST_CASE("child: output and memory are bounded", "[daemon][process]") {
  ChildLimits limits = Limits();
  limits.output_bytes = 100'000;
  REQUIRE(RunChild("chatter", "{}", limits, GoOn).Is(Errc::kResourceExhausted));
#if !defined(__SANITIZE_ADDRESS__) && !defined(__SANITIZE_THREAD__)
  limits = Limits();
  limits.memory_bytes = 256ull << 20;
  REQUIRE(RunChild("eat", "{}", limits, GoOn).Is(Errc::kResourceExhausted));
#endif
  REQUIRE(NoChildLeft());
}

TEST_CASE("child: it inherits no descriptor", "[daemon][process]") {
  const file::Descriptor open(::open("/dev/null", O_RDONLY));  // without O_CLOEXEC
  REQUIRE(open);
  const auto result = RunChild("descriptors", "{}", Limits(), GoOn);
  REQUIRE(result.ok());
  REQUIRE(*result == "0");
}

TEST_CASE("child: an end without a result, an unknown verb and a missing program are errors",
          "[daemon][process]") {
  REQUIRE(RunChild("vanish", "{}", Limits(), GoOn).Is(Errc::kInternal));
  REQUIRE(RunChild("no such verb", "{}", Limits(), GoOn).Is(Errc::kInternal));
  ChildLimits limits = Limits();
  limits.program = "/nonexistent/program";
  REQUIRE(RunChild("echo", "{}", limits, GoOn).Is(Errc::kNotFound));
}

}  // namespace
}  // namespace pannier::daemon
