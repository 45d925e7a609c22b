// One event is one line on stderr: `time=… level=info msg="snapshot written" store=s1 took_ms=12`.
// Keys are constant words in snake_case; values are quoted when they need it. Never log vectors,
// documents, metadata, tokens or credentials. A message that could repeat in a loop goes through
// LogLimiter. Threads: any; a line is written by one write(2), so lines never interleave.
#pragma once

#include <atomic>
#include <chrono>
#include <concepts>
#include <cstdint>
#include <string>
#include <string_view>

namespace pannier {

enum class LogLevel { kDebug, kInfo, kWarn, kError };

// Lines below `level` are dropped. Default kInfo.
void SetLogLevel(LogLevel level);
bool LogEnabled(LogLevel level);

// Builds one line and writes it when it goes out of scope: `Log(LogLevel::kInfo,
// "ready").Add("pid", pid);`.
class Log {
 public:
  Log(LogLevel level, std::string_view message);
  ~Log();
  Log(const Log&) = delete;
  Log& operator=(const Log&) = delete;

  Log& Add(std::string_view key, std::string_view value);
  Log& Add(std::string_view key, const char* value) { return Add(key, std::string_view(value)); }
  Log& Add(std::string_view key, double value);
  Log& Add(std::string_view key, std::chrono::milliseconds value);  // printed as a number of ms
  template <std::integral T>
  Log& Add(std::string_view key, T value) {
    return AddNumber(key, static_cast<int64_t>(value));
  }

 private:
  Log& AddNumber(std::string_view key, int64_t value);
  const bool enabled_;
  std::string line_;
};

inline Log LogInfo(std::string_view message) { return Log(LogLevel::kInfo, message); }
inline Log LogWarn(std::string_view message) { return Log(LogLevel::kWarn, message); }
inline Log LogError(std::string_view message) { return Log(LogLevel::kError, message); }

// Lets one event through per interval and counts what it held back. One static instance per place
// that logs.
class LogLimiter {
 public:
  explicit LogLimiter(std::chrono::seconds interval) : interval_(interval) {}
  // True when the caller may log now; `held_back` is then the number of calls refused since the
  // last time.
  bool Allow(int64_t* held_back);

 private:
  const std::chrono::seconds interval_;
  std::atomic<int64_t> next_allowed_ns_{0};
  std::atomic<int64_t> held_back_{0};
};

}  // namespace pannier
