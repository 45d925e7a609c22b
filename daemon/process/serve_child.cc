// The child's side of child.h.
#include <sys/prctl.h>
#include <sys/resource.h>
#include <unistd.h>

#include <chrono>
#include <csignal>
#include <cstdio>
#include <cstring>
#include <nlohmann/json.hpp>

#include "daemon/process/child.h"
#include "lib/json/cold.h"

#if defined(__has_feature)
#if __has_feature(address_sanitizer) || __has_feature(thread_sanitizer)
#define PANNIER_SANITIZED
#endif
#endif
#if defined(__SANITIZE_ADDRESS__) || defined(__SANITIZE_THREAD__)
#define PANNIER_SANITIZED
#endif

namespace pannier::daemon {
namespace {

using nlohmann::json;

constexpr int kArguments = 5;  // program, "child", verb, arguments, limits
constexpr std::chrono::milliseconds kSpeakEvery{100};

// The hard limit lies a little above, so that its kill does not come before the soft one's signal.
bool Limit(__rlimit_resource what, uint64_t most, uint64_t more = 0) {
  const rlimit limit{most, most + more};
  return setrlimit(what, &limit) == 0;
}

// False when the parent is gone already, or the limits are not to be had.
bool TakeLimits(const char* text) {
  const Result<json> limits = pannier::json::ParseCold(text);
  if (!limits.ok() || !limits->is_object()) return false;
  if (prctl(PR_SET_PDEATHSIG, SIGKILL) != 0) return false;
  if (getppid() != limits->value("parent", 0)) return false;
#ifndef PANNIER_SANITIZED  // sanitizers map terabytes that they never use
  if (!Limit(RLIMIT_AS, limits->value("memoryBytes", uint64_t{0}))) return false;
#endif
  return Limit(RLIMIT_CPU, limits->value("seconds", uint64_t{0}), 5) && Limit(RLIMIT_CORE, 0);
}

bool Say(const json& line) {
  const std::string text = pannier::json::Dump(line) + "\n";
  return std::fwrite(text.data(), 1, text.size(), stdout) == text.size() &&
         std::fflush(stdout) == 0;
}

// Passes some of the steps on, so that fast work does not drown in them.
class Speaker {
 public:
  bool operator()(uint64_t done, uint64_t total) {
    const auto now = std::chrono::steady_clock::now();
    if (now < next_) return true;
    next_ = now + kSpeakEvery;
    return Say({{"done", done}, {"total", total}});
  }

 private:
  std::chrono::steady_clock::time_point next_;
};

Result<std::string> Run(std::span<const ChildVerb> verbs, const char* name, const char* arguments) {
  for (const ChildVerb& verb : verbs) {
    if (verb.name == name) return verb.run(arguments, Speaker());
  }
  return Internal("no such verb for a child: " + std::string(name));
}

}  // namespace

bool IsChild(int argc, const char* const* argv) {
  return argc >= 2 && std::strcmp(argv[1], "child") == 0;
}

int ServeChild(std::span<const ChildVerb> verbs, int argc, const char* const* argv) {
  if (argc != kArguments || !TakeLimits(argv[4])) {
    std::fputs("error: `child` is for the daemon itself\n", stderr);
    return 2;
  }
  const Result<std::string> result = Run(verbs, argv[2], argv[3]);
  bool said = false;
  if (result.ok()) {
    const std::string line = "{\"result\":" + *result + "}\n";
    said =
        std::fwrite(line.data(), 1, line.size(), stdout) == line.size() && std::fflush(stdout) == 0;
  } else {
    const Error& error = result.error();
    said = Say(
        {{"error",
          {{"code", static_cast<int>(error.code)}, {"what", error.what}, {"hint", error.hint}}}});
  }
  return result.ok() && said ? 0 : 1;
}

}  // namespace pannier::daemon
