// A program with verbs of all tempers, for child_test.cc.
#include <unistd.h>

#include <cerrno>
#include <csignal>
#include <cstdio>
#include <string>
#include <vector>

#include "daemon/process/child.h"

namespace {

using pannier::Result;
using pannier::daemon::ChildProgress;
using pannier::daemon::ChildVerb;

Result<std::string> Echo(std::string_view arguments, const ChildProgress& progress) {
  progress(3, 9);
  return std::string(arguments);
}

Result<std::string> Refuse(std::string_view, const ChildProgress&) {
  return pannier::NotFound("no file \"x\"", "make one");
}

Result<std::string> Crash(std::string_view, const ChildProgress&) {
  ::signal(SIGSEGV, SIG_DFL);  // a sanitizer's handler would turn the signal into an exit
  ::raise(SIGSEGV);
  return std::string("{}");
}

Result<std::string> Hang(std::string_view, const ChildProgress&) {
  for (;;) ::pause();
}

Result<std::string> Chatter(std::string_view, const ChildProgress&) {
  for (int i = 0; i < 1'000'000; ++i) std::puts("not a line of JSON at all");
  return std::string("{}");
}

Result<std::string> Eat(std::string_view, const ChildProgress&) {
  std::vector<std::string> eaten;
  try {
    for (;;) eaten.emplace_back(16 << 20, 'x');
  } catch (const std::bad_alloc&) {
    return pannier::ResourceExhausted("no memory");
  }
}

// How many descriptors it was left beyond the three of every program, and what it inherited.
Result<std::string> Descriptors(std::string_view, const ChildProgress&) {
  int open = 0;
  for (int i = 3; i < 1024; ++i) open += ::lseek(i, 0, SEEK_CUR) >= 0 || errno != EBADF ? 1 : 0;
  return std::to_string(open);
}

Result<std::string> Vanish(std::string_view, const ChildProgress&) { ::_exit(7); }

}  // namespace

int main(int argc, char** argv) {
  const ChildVerb verbs[] = {
      {"echo", Echo}, {"refuse", Refuse},   {"crash", Crash},   {"hang", Hang},
      {"eat", Eat},   {"chatter", Chatter}, {"vanish", Vanish}, {"descriptors", Descriptors}};
  if (!pannier::daemon::IsChild(argc, argv)) return 3;
  return pannier::daemon::ServeChild(verbs, argc, argv);
}
