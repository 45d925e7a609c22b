#include "daemon/process/child.h"

#include <fcntl.h>
#include <poll.h>
#include <spawn.h>
#include <sys/prctl.h>
#include <sys/wait.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <cerrno>
#include <csignal>
#include <cstring>
#include <nlohmann/json.hpp>
#include <optional>
#include <utility>

#include "lib/file/descriptor.h"
#include "lib/json/cold.h"

namespace pannier::daemon {
namespace {

using nlohmann::json;
using std::chrono::steady_clock;

constexpr std::chrono::milliseconds kAskEvery{100};
constexpr size_t kReadBytes = 64 << 10;

std::string LimitsText(const ChildLimits& limits) {
  return pannier::json::Dump(json{{"memoryBytes", limits.memory_bytes},
                                  {"seconds", limits.time.count()},
                                  {"parent", ::getpid()}});
}

// The file actions and attributes of one posix_spawn.
class SpawnPlan {
 public:
  explicit SpawnPlan(int output) {
    posix_spawn_file_actions_init(&actions_);
    posix_spawnattr_init(&attributes_);
    posix_spawn_file_actions_addopen(&actions_, STDIN_FILENO, "/dev/null", O_RDONLY, 0);
    posix_spawn_file_actions_adddup2(&actions_, output, STDOUT_FILENO);
    posix_spawn_file_actions_addclosefrom_np(&actions_, STDERR_FILENO + 1);
    sigset_t signals;
    sigemptyset(&signals);
    posix_spawnattr_setsigmask(&attributes_, &signals);  // ours are blocked for sigwait
    sigfillset(&signals);
    posix_spawnattr_setsigdefault(&attributes_, &signals);
    posix_spawnattr_setflags(&attributes_, POSIX_SPAWN_SETSIGMASK | POSIX_SPAWN_SETSIGDEF);
  }
  SpawnPlan(const SpawnPlan&) = delete;
  SpawnPlan& operator=(const SpawnPlan&) = delete;
  ~SpawnPlan() {
    posix_spawn_file_actions_destroy(&actions_);
    posix_spawnattr_destroy(&attributes_);
  }

  Result<pid_t> Start(const std::string& program, std::array<std::string, 5> words) {
    std::array<char*, words.size() + 1> argv{};
    std::transform(words.begin(), words.end(), argv.begin(),
                   [](std::string& word) { return word.data(); });
    pid_t pid = 0;
    const int failed =
        ::posix_spawn(&pid, program.c_str(), &actions_, &attributes_, argv.data(), environ);
    if (failed == ENOMEM || failed == EAGAIN)
      return ResourceExhausted("start a child process: " + std::string(std::strerror(failed)));
    if (failed != 0) return FromErrno(failed, "start a child process of " + program);
    return pid;
  }

 private:
  posix_spawn_file_actions_t actions_;
  posix_spawnattr_t attributes_;
};

// A started child: killed and waited for, at the latest, when this goes away.
class Running {
 public:
  explicit Running(pid_t pid) : pid_(pid) {}
  Running(const Running&) = delete;
  Running& operator=(const Running&) = delete;
  ~Running() {
    if (pid_ <= 0) return;
    ::kill(pid_, SIGKILL);
    Wait();
  }
  // Its status, as waitpid(2) tells it.
  int Wait() {
    int status = 0;
    while (::waitpid(pid_, &status, 0) < 0 && errno == EINTR) {
    }
    pid_ = 0;
    return status;
  }

 private:
  pid_t pid_;
};

// Takes the child's output apart as it comes.
class Reader {
 public:
  explicit Reader(uint64_t bytes_max) : bytes_max_(bytes_max) {}

  Status Take(std::string_view bytes) {
    bytes_ += bytes.size();
    if (bytes_ > bytes_max_) {
      return ResourceExhausted("a child process wrote more than " + std::to_string(bytes_max_) +
                               " bytes");
    }
    line_ += bytes;
    for (size_t end = line_.find('\n'); end != std::string::npos; end = line_.find('\n')) {
      TakeLine(std::string_view(line_).substr(0, end));
      line_.erase(0, end + 1);
    }
    return {};
  }

  uint64_t done() const { return done_; }
  uint64_t total() const { return total_; }
  // What it said at its end, if it did.
  std::optional<Result<std::string>> TakeResult() { return std::move(result_); }

 private:
  void TakeLine(std::string_view line) {
    const Result<json> tree = pannier::json::ParseCold(line);
    if (!tree.ok() || !tree->is_object()) return;  // a library's chatter
    if (const auto result = tree->find("result"); result != tree->end()) {
      result_ = pannier::json::Dump(*result);
    } else if (const auto error = tree->find("error"); error != tree->end()) {
      result_ = ReadError(*error);
    } else if (tree->contains("done")) {
      done_ = Number(*tree, "done");
      total_ = Number(*tree, "total");
    }
  }

  static uint64_t Number(const json& object, const char* member) {
    const auto found = object.find(member);
    return found != object.end() && found->is_number_unsigned() ? found->get<uint64_t>()
           : found != object.end() && found->is_number_integer()
               ? static_cast<uint64_t>(std::max<int64_t>(0, found->get<int64_t>()))
               : 0;
  }

  static Error ReadError(const json& error) {
    const auto text = [&](const char* member) {
      const auto found = error.is_object() ? error.find(member) : error.end();
      return found != error.end() && found->is_string() ? found->get<std::string>() : std::string();
    };
    const uint64_t code = error.is_object() ? Number(error, "code") : 0;
    const bool known = code <= static_cast<uint64_t>(Errc::kInternal);
    return {known ? static_cast<Errc>(code) : Errc::kInternal, text("what"), text("hint")};
  }

  const uint64_t bytes_max_;
  uint64_t bytes_ = 0, done_ = 0, total_ = 0;
  std::string line_;
  std::optional<Result<std::string>> result_;
};

// Reads until the child closes its end.
Status ReadAll(int from, const ChildLimits& limits, const ChildProgress& progress, Reader& reader) {
  const auto deadline = steady_clock::now() + limits.time;
  std::string buffer(kReadBytes, '\0');
  for (;;) {
    if (steady_clock::now() >= deadline) return DeadlineExceeded("a child process took too long");
    if (progress && !progress(reader.done(), reader.total()))
      return DeadlineExceeded("a child process was stopped");
    pollfd wait{from, POLLIN, 0};
    const int ready = ::poll(&wait, 1, static_cast<int>(kAskEvery.count()));
    if (ready <= 0) continue;
    const ssize_t got = ::read(from, buffer.data(), buffer.size());
    if (got < 0 && errno == EINTR) continue;
    if (got < 0) return FromErrno(errno, "read from a child process");
    if (got == 0) return {};
    TRY(reader.Take(std::string_view(buffer).substr(0, static_cast<size_t>(got))));
  }
}

std::string NameOf(int signal) {
  const char* name = sigabbrev_np(signal);
  return name != nullptr ? std::string("SIG") + name : "signal " + std::to_string(signal);
}

Result<std::string> Conclude(int status, Reader& reader) {
  if (WIFSIGNALED(status)) {
    switch (WTERMSIG(status)) {
      case SIGXCPU:
        return DeadlineExceeded("a child process used up its time");
      case SIGKILL:  // not by us, who are still waiting
        return ResourceExhausted("a child process was killed, perhaps for want of memory");
      default:
        return Corruption("a child process died of " + NameOf(WTERMSIG(status)),
                          "what it read has made it crash; the daemon itself is unharmed");
    }
  }
  if (auto result = reader.TakeResult()) return *std::move(result);
  return Internal("a child process ended without a result (exit code " +
                  std::to_string(WEXITSTATUS(status)) + ")");
}

}  // namespace

Result<std::string> RunChild(const std::string& verb, const std::string& arguments,
                             const ChildLimits& limits, const ChildProgress& progress) {
  int ends[2];
  if (::pipe2(ends, O_CLOEXEC) != 0) return FromErrno(errno, "make a pipe");
  const file::Descriptor from(ends[0]);
  file::Descriptor to(ends[1]);
  SpawnPlan plan(to.get());
  Running child(
      TRY(plan.Start(limits.program, {"pannierd", "child", verb, arguments, LimitsText(limits)})));
  to = file::Descriptor();
  Reader reader(limits.output_bytes);
  TRY(ReadAll(from.get(), limits, progress, reader));
  return Conclude(child.Wait(), reader);
}

}  // namespace pannier::daemon
