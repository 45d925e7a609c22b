#include "lib/http/httplib_adapter.h"

#include <httplib.h>

#include <cstring>
#include <ctime>
#include <exception>
#include <new>
#include <utility>

#include "lib/core/check.h"
#include "lib/core/log.h"
#include "lib/http/text.h"

namespace pannier::http {

namespace {

// What httplib reads is a string; what it writes is kept.
class MemoryStream : public httplib::Stream {
 public:
  MemoryStream(std::string_view input, std::string* output) : input_(input), output_(output) {}

  bool is_readable() const override { return !input_.empty(); }
  bool is_writable() const override { return true; }
  ssize_t read(char* into, size_t size) override {
    const size_t bytes = std::min(size, input_.size());
    std::memcpy(into, input_.data(), bytes);
    input_.remove_prefix(bytes);
    return static_cast<ssize_t>(bytes);
  }
  ssize_t write(const char* from, size_t size) override {
    output_->append(from, size);
    return static_cast<ssize_t>(size);
  }
  void get_remote_ip_and_port(std::string&, int&) const override {}
  void get_local_ip_and_port(std::string&, int&) const override {}
  socket_t socket() const override { return -1; }

 private:
  std::string_view input_;
  std::string* const output_;
};

// All that httplib gets to see; it would refuse methods that it does not know, which is for the
// handler to do. The answer's body never passes through it, so HEAD makes no difference either.
constexpr std::string_view kHead = "POST / HTTP/1.1\r\n\r\n";

void SetDate(httplib::Response* response) {
  thread_local std::time_t second = 0;
  thread_local std::string text;
  if (const std::time_t now = std::time(nullptr); now != second) {
    std::tm parts{};
    gmtime_r(&now, &parts);
    char buffer[64];
    const size_t size = std::strftime(buffer, sizeof buffer, "%a, %d %b %Y %H:%M:%S GMT", &parts);
    text.assign(buffer, size);
    second = now;
  }
  response->set_header("Date", text);
}

bool HasNoBody(int status) { return status < 200 || status == 204 || status == 304; }

Response Produced(const std::function<Response()>& produce) {
  static LogLimiter limiter(std::chrono::seconds(10));
  const char* what = "unknown exception";
  std::string text;
  try {
    return produce();
  } catch (const std::bad_alloc&) {
    LogError("out of memory; the process ends");
    std::terminate();
  } catch (const std::exception& e) {
    what = (text = e.what()).c_str();
  } catch (...) {
  }
  if (int64_t held_back = 0; limiter.Allow(&held_back)) {
    LogError("an HTTP handler threw").Add("what", what).Add("held_back", held_back);
  }
  return PlainRefusal(500, "Internal error");
}

}  // namespace

Response PlainRefusal(int status, std::string_view message) {
  Response response;
  response.status = status;
  response.body.append(R"({"error":")")
      .append(status == 400   ? "InvalidArgumentError"
              : status == 500 ? "InternalError"
                              : "ChromaError")
      .append(R"(","message":")")
      .append(message)
      .append("\"}");
  return response;
}

class HttplibAdapter::Runner : public httplib::Server {
 public:
  Runner() {
    set_pre_routing_handler([this](const httplib::Request&, httplib::Response& response) {
      Fill(&response);
      return HandlerResponse::Handled;
    });
    set_post_routing_handler(
        [this](const httplib::Request&, httplib::Response& response) { FinishHeaders(&response); });
  }

  Answer Run(const Exchange& exchange, const std::function<Response()>& produce) {
    exchange_ = &exchange;
    produce_ = &produce;
    answer_ = Answer{};
    MemoryStream stream(kHead, &answer_.head);
    bool connection_closed = false;
    answer_.head.reserve(256);
    CHECK(process_request(stream, false, connection_closed, nullptr));
    if (exchange.method == "HEAD") answer_.body.clear();
    return std::move(answer_);
  }

 private:
  // The body stays out of httplib's response: it would be copied into the stream.
  void Fill(httplib::Response* response) {
    Response produced = Produced(*produce_);
    answer_.closes = !exchange_->keeps_alive;
    const bool is_status = produced.status >= 200 && produced.status <= 599;
    response->status = is_status ? produced.status : 500;
    for (const auto& [name, value] : produced.headers) {
      if (IsToken(name)) response->set_header(name, value);  // drops values with line ends
    }
    answer_.body = std::move(produced.body);
    if (HasNoBody(response->status)) {
      answer_.body.clear();
    } else if (!produced.content_type.empty()) {
      response->set_header("Content-Type", produced.content_type);
    }
    response->set_header("Content-Length", std::to_string(answer_.body.size()));
  }

  // Takes back what httplib says of a connection it does not own.
  void FinishHeaders(httplib::Response* response) {
    response->headers.erase("Keep-Alive");
    response->headers.erase("Accept-Ranges");
    response->headers.erase("Connection");
    if (HasNoBody(response->status)) response->headers.erase("Content-Length");
    if (answer_.closes) {
      response->set_header("Connection", "close");
    } else if (exchange_->minor_version == 0) {
      response->set_header("Connection", "keep-alive");
    }
    SetDate(response);
  }

  Answer answer_;
  const Exchange* exchange_ = nullptr;
  const std::function<Response()>* produce_ = nullptr;
};

HttplibAdapter::HttplibAdapter() : runner_(std::make_unique<Runner>()) {}
HttplibAdapter::~HttplibAdapter() = default;

Answer HttplibAdapter::Run(const Exchange& exchange, const std::function<Response()>& produce) {
  return runner_->Run(exchange, produce);
}

}  // namespace pannier::http
