#include "lib/core/log.h"

#include <unistd.h>

#include <cstdio>
#include <ctime>

namespace pannier {
namespace {

std::atomic<LogLevel> g_level{LogLevel::kInfo};

const char* Name(LogLevel level) {
  switch (level) {
    case LogLevel::kDebug:
      return "debug";
    case LogLevel::kInfo:
      return "info";
    case LogLevel::kWarn:
      return "warn";
    case LogLevel::kError:
      return "error";
  }
  return "error";
}

bool NeedsQuotes(std::string_view value) {
  if (value.empty()) return true;
  for (const char c : value) {
    const auto u = static_cast<unsigned char>(c);
    if (u <= ' ' || c == '"' || c == '=' || c == '\\' || u == 0x7f) return true;
  }
  return false;
}

void AppendQuoted(std::string& line, std::string_view value) {
  line += '"';
  for (const char c : value) {
    const auto u = static_cast<unsigned char>(c);
    if (c == '"' || c == '\\') {
      line += '\\';
      line += c;
    } else if (c == '\n') {
      line += "\\n";
    } else if (u < ' ' || u == 0x7f) {
      char escaped[8];
      std::snprintf(escaped, sizeof escaped, "\\x%02x", u);
      line += escaped;
    } else {
      line += c;
    }
  }
  line += '"';
}

void AppendTime(std::string& line) {
  timespec now{};
  clock_gettime(CLOCK_REALTIME, &now);
  std::tm utc{};
  gmtime_r(&now.tv_sec, &utc);
  char text[40];
  const size_t length = std::strftime(text, sizeof text, "%Y-%m-%dT%H:%M:%S", &utc);
  line.append(text, length);
  std::snprintf(text, sizeof text, ".%03ldZ", now.tv_nsec / 1'000'000);
  line += text;
}

}  // namespace

void SetLogLevel(LogLevel level) { g_level.store(level, std::memory_order_relaxed); }
bool LogEnabled(LogLevel level) { return level >= g_level.load(std::memory_order_relaxed); }

Log::Log(LogLevel level, std::string_view message) : enabled_(LogEnabled(level)) {
  if (!enabled_) return;
  line_ = "time=";
  AppendTime(line_);
  line_ += " level=";
  line_ += Name(level);
  Add("msg", message);
}

Log::~Log() {
  if (!enabled_) return;
  line_ += '\n';
  // A full pipe or a closed stderr must not stop the daemon; the line is lost, as with any logger.
  [[maybe_unused]] const ssize_t written = ::write(STDERR_FILENO, line_.data(), line_.size());
}

Log& Log::Add(std::string_view key, std::string_view value) {
  if (!enabled_) return *this;
  line_ += ' ';
  line_ += key;
  line_ += '=';
  if (NeedsQuotes(value)) {
    AppendQuoted(line_, value);
  } else {
    line_ += value;
  }
  return *this;
}

Log& Log::Add(std::string_view key, double value) {
  char text[32];
  const int length = std::snprintf(text, sizeof text, "%.6g", value);
  return Add(key, std::string_view(text, static_cast<size_t>(length)));
}

Log& Log::Add(std::string_view key, std::chrono::milliseconds value) {
  return AddNumber(key, value.count());
}

Log& Log::AddNumber(std::string_view key, int64_t value) { return Add(key, std::to_string(value)); }

bool LogLimiter::Allow(int64_t* held_back) {
  const int64_t now =
      std::chrono::steady_clock::now().time_since_epoch() / std::chrono::nanoseconds(1);
  int64_t next = next_allowed_ns_.load(std::memory_order_relaxed);
  const int64_t later = now + std::chrono::nanoseconds(interval_).count();
  if (now < next || !next_allowed_ns_.compare_exchange_strong(next, later)) {
    held_back_.fetch_add(1, std::memory_order_relaxed);
    return false;
  }
  *held_back = held_back_.exchange(0, std::memory_order_relaxed);
  return true;
}

}  // namespace pannier
