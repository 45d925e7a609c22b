#include "lib/repository/http_transfer.h"

#include <algorithm>
#include <array>
#include <cstdio>
#include <vector>

#include "lib/core/check.h"
#include "lib/core/mutex.h"
#include "lib/repository/curl_library.h"

namespace pannier::repository {
namespace {

constexpr size_t kIdleMax = 8;
constexpr size_t kHeaderBytesMax = 64 << 10;
constexpr uint64_t kErrorBytesMax = 64 << 10;

// What the callbacks of one transfer write to.
struct Answer {
  HttpReply reply;
  uint64_t bytes_max = 0;
  size_t header_bytes = 0;
  bool too_long = false;
};

size_t OnBody(char* data, size_t size, size_t count, void* context) {
  auto& answer = *static_cast<Answer*>(context);
  const size_t bytes = size * count;
  // An error's text may be longer than the object that was expected, also under a 200.
  const uint64_t most = std::max(answer.bytes_max, kErrorBytesMax);
  if (answer.reply.body.size() + bytes > most) {
    answer.too_long = true;
    return 0;
  }
  answer.reply.body.append(data, bytes);
  return bytes;
}

// A line of the head; a new status line (after "100 Continue") begins it anew.
size_t OnHeader(char* data, size_t size, size_t count, void* context) {
  auto& answer = *static_cast<Answer*>(context);
  const std::string_view line(data, size * count);
  answer.header_bytes += line.size();
  if (answer.header_bytes > kHeaderBytesMax) return 0;
  if (line.starts_with("HTTP/")) {
    answer.reply.headers.clear();
    const size_t space = line.find(' ');
    answer.reply.status = 0;
    for (size_t i = space + 1; space != std::string_view::npos && i < line.size() && i < space + 4;
         ++i)
      answer.reply.status = answer.reply.status * 10 + (line[i] - '0');
    return line.size();
  }
  const size_t colon = line.find(':');
  if (colon == std::string_view::npos) return line.size();
  std::string name(line.substr(0, colon));
  for (char& c : name) {
    if (c >= 'A' && c <= 'Z') c = static_cast<char>(c - 'A' + 'a');
  }
  std::string_view value = line.substr(colon + 1);
  const size_t first = std::min(value.find_first_not_of(" \t\r\n"), value.size());
  value.remove_prefix(first);
  value = value.substr(0, value.find_last_not_of(" \t\r\n") + 1);
  answer.reply.headers.emplace_back(std::move(name), std::string(value));
  return line.size();
}

Error AsError(CURLcode code, const Answer& answer, std::string_view details) {
  const std::string text = "HTTP: " + std::string(details);
  switch (code) {
    case CURLE_URL_MALFORMAT:
    case CURLE_UNSUPPORTED_PROTOCOL:
      return InvalidArgument(text, "check the endpoint");
    case CURLE_OPERATION_TIMEDOUT:
      return DeadlineExceeded(text);
    case CURLE_PARTIAL_FILE:
      return Corruption(text);
    case CURLE_PEER_FAILED_VERIFICATION:
    case CURLE_SSL_CACERT_BADFILE:
    case CURLE_SSL_ISSUER_ERROR:
      return PermissionDenied(text,
                              "name the CA of the server's certificate, or check "
                              "that the endpoint is the right one");
    case CURLE_WRITE_ERROR:
      if (answer.too_long) return ResourceExhausted("HTTP: the answer is longer than expected");
      return Unavailable(text);
    default:
      return Unavailable(text, code == CURLE_COULDNT_RESOLVE_HOST || code == CURLE_COULDNT_CONNECT
                                   ? "check the endpoint and the network"
                                   : "");
  }
}

// One easy handle, which keeps its connections.
class Handle {
 public:
  Handle(const CurlLibrary& curl, CURL* handle) : curl_(curl), handle_(handle) {}
  ~Handle() { curl_.easy_cleanup(handle_); }
  Handle(const Handle&) = delete;
  Handle& operator=(const Handle&) = delete;

  Result<HttpReply> Send(const HttpRequest& request, const TransferOptions& options,
                         std::chrono::nanoseconds time_left) {
    std::array<char, CURL_ERROR_SIZE> details{};
    Answer answer;
    answer.bytes_max = request.answer_bytes_max;
    curl_.easy_reset(handle_);
    Set(CURLOPT_ERRORBUFFER, details.data());
    SetConnection(request, options, time_left);
    SetMethod(request);
    Set(CURLOPT_WRITEFUNCTION, &OnBody);
    Set(CURLOPT_WRITEDATA, &answer);
    Set(CURLOPT_HEADERFUNCTION, &OnHeader);
    Set(CURLOPT_HEADERDATA, &answer);
    curl_slist* const headers = ListOf(request.headers);
    Set(CURLOPT_HTTPHEADER, headers);
    const CURLcode code = curl_.easy_perform(handle_);
    curl_.slist_free_all(headers);
    if (code == CURLE_OK) return std::move(answer.reply);
    return AsError(code, answer, details[0] != '\0' ? details.data() : curl_.easy_strerror(code));
  }

 private:
  template <typename T>
  void Set(CURLoption option, T value) {
    CHECK(curl_.easy_setopt(handle_, option, value) == CURLE_OK);
  }

  void SetConnection(const HttpRequest& request, const TransferOptions& options,
                     std::chrono::nanoseconds time_left) {
    using std::chrono::milliseconds;
    const uint64_t bytes = request.body.size() + request.answer_bytes_max;
    const milliseconds slowest =
        options.request_timeout + milliseconds(bytes * 1000 / options.bytes_per_second_min);
    const auto limit =
        std::clamp(std::chrono::duration_cast<milliseconds>(time_left), milliseconds(1), slowest);
    Set(CURLOPT_URL, request.url.c_str());
    Set(CURLOPT_PATH_AS_IS, 1L);
    Set(CURLOPT_PROTOCOLS_STR, "http,https");
    Set(CURLOPT_HTTP_VERSION, static_cast<long>(CURL_HTTP_VERSION_1_1));
    Set(CURLOPT_NOSIGNAL, 1L);
    Set(CURLOPT_TIMEOUT_MS, static_cast<long>(limit.count()));
    Set(CURLOPT_CONNECTTIMEOUT_MS, static_cast<long>(options.connect_timeout.count()));
    // A transfer that stands still does not have to wait for what a slow one may take.
    Set(CURLOPT_LOW_SPEED_LIMIT, 1L);
    Set(CURLOPT_LOW_SPEED_TIME, static_cast<long>(options.request_timeout.count() / 1000 + 1));
    if (!options.ca_file.empty()) Set(CURLOPT_CAINFO, options.ca_file.c_str());
    if (!request.ca_pem.empty()) {
      curl_blob pem{const_cast<char*>(request.ca_pem.data()), request.ca_pem.size(),
                    CURL_BLOB_NOCOPY};
      Set(CURLOPT_CAINFO_BLOB, &pem);
    }
  }

  void SetMethod(const HttpRequest& request) {
    if (request.method == "HEAD") {
      Set(CURLOPT_NOBODY, 1L);
      return;
    }
    if (request.method == "PUT" || request.method == "POST") {
      Set(CURLOPT_POSTFIELDSIZE_LARGE, static_cast<curl_off_t>(request.body.size()));
      Set(CURLOPT_POSTFIELDS, request.body.empty() ? "" : request.body.data());
    }
    Set(CURLOPT_CUSTOMREQUEST, request.method.c_str());
  }

  curl_slist* ListOf(const Pairs& headers) {
    // What libcurl would add by itself: waiting for "100 Continue", and a type of forms.
    curl_slist* list = curl_.slist_append(nullptr, "Expect:");
    list = curl_.slist_append(list, "Content-Type:");
    for (const auto& [name, value] : headers)
      list = curl_.slist_append(list, (name + ": " + value).c_str());
    CHECK(list != nullptr);
    return list;
  }

  const CurlLibrary& curl_;
  CURL* const handle_;
};

}  // namespace

std::string_view HttpReply::Header(std::string_view name) const {
  std::string_view found;
  for (const auto& [each, value] : headers) {
    if (each == name) found = value;
  }
  return found;
}

class HttpTransfer::Handles {
 public:
  Result<std::unique_ptr<Handle>> Take() {
    {
      MutexLock lock(mutex_);
      if (!idle_.empty()) {
        std::unique_ptr<Handle> handle = std::move(idle_.back());
        idle_.pop_back();
        return handle;
      }
    }
    const CurlLibrary* const curl = TRY(LoadCurl());
    CURL* const handle = curl->easy_init();
    CHECK(handle != nullptr);
    return std::make_unique<Handle>(*curl, handle);
  }
  void Return(std::unique_ptr<Handle> handle) {
    MutexLock lock(mutex_);
    if (idle_.size() < kIdleMax) idle_.push_back(std::move(handle));
  }

 private:
  Mutex mutex_;
  std::vector<std::unique_ptr<Handle>> idle_ GUARDED_BY(mutex_);
};

HttpTransfer::HttpTransfer(TransferOptions options)
    : options_(std::move(options)), handles_(std::make_unique<Handles>()) {}
HttpTransfer::~HttpTransfer() = default;

Result<HttpReply> HttpTransfer::Send(const HttpRequest& request,
                                     std::chrono::nanoseconds time_left) {
  if (time_left <= std::chrono::nanoseconds(0)) return DeadlineExceeded("HTTP: no time is left");
  std::unique_ptr<Handle> handle = TRY(handles_->Take());
  Result<HttpReply> reply = handle->Send(request, options_, time_left);
  handles_->Return(std::move(handle));
  return reply;
}

std::optional<WallTime> ParseHttpDate(std::string_view text) {
  static constexpr std::array<std::string_view, 12> kMonths = {
      "Jan", "Feb", "Mar", "Apr", "May", "Jun", "Jul", "Aug", "Sep", "Oct", "Nov", "Dec"};
  const std::string copy(text);
  std::array<char, 4> name{};
  int day = 0, year = 0, hour = 0, minute = 0, second = 0, end = 0;
  const int read = std::sscanf(copy.c_str(), "%*3[A-Za-z], %2d %3[A-Za-z] %4d %2d:%2d:%2d GMT%n",
                               &day, name.data(), &year, &hour, &minute, &second, &end);
  if (read != 6 || static_cast<size_t>(end) != copy.size()) return std::nullopt;
  const auto* const month = std::find(kMonths.begin(), kMonths.end(), name.data());
  if (month == kMonths.end() || year < 1970 || year > 2261) return std::nullopt;
  const std::chrono::year_month_day date(
      std::chrono::year{year},
      std::chrono::month{static_cast<unsigned>(month - kMonths.begin()) + 1},
      std::chrono::day{static_cast<unsigned>(day)});
  const bool clock_ok =
      hour >= 0 && hour < 24 && minute >= 0 && minute < 60 && second >= 0 && second <= 60;
  if (!date.ok() || !clock_ok) return std::nullopt;
  return WallTime(std::chrono::sys_days(date).time_since_epoch() + std::chrono::hours(hour) +
                  std::chrono::minutes(minute) + std::chrono::seconds(second));
}

}  // namespace pannier::repository
