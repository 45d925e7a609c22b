#include "lib/http/client.h"

#include <httplib.h>
#include <sys/stat.h>

#include <algorithm>
#include <charconv>
#include <csignal>

#include "lib/http/client_tls.h"
#include "lib/http/text.h"

namespace pannier::http {

namespace {

constexpr std::string_view kUnix = "unix:";
constexpr std::string_view kHttp = "http://";
constexpr std::string_view kHttps = "https://";

// A TLS connection that was idle for longer is made anew: cpp-httplib takes the server's farewell
// for a sign of life.
constexpr std::chrono::seconds kTlsIdleMax{5};

enum class Transport { kUnix, kTcp, kTls };

struct HostPort {
  std::string host;
  int port = 80;
};

bool ParseHostPort(std::string_view text, HostPort* parsed) {
  while (text.ends_with('/')) text.remove_suffix(1);
  const size_t bracket = text.rfind(']');
  const size_t colon = text.rfind(':');
  if (colon != std::string_view::npos && (bracket == std::string_view::npos || colon > bracket)) {
    const std::string_view digits = text.substr(colon + 1);
    const char* const end = digits.data() + digits.size();
    const auto number = std::from_chars(digits.data(), end, parsed->port);
    if (number.ec != std::errc() || number.ptr != end) return false;
    if (parsed->port < 1 || parsed->port > 65535) return false;
    text = text.substr(0, colon);
  }
  if (text.starts_with('[') && text.ends_with(']')) text = text.substr(1, text.size() - 2);
  parsed->host = text;
  return !text.empty() && text.find('/') == std::string_view::npos;
}

std::unique_ptr<httplib::ClientImpl> MakeNative(const HostPort& place, Transport transport) {
  if (transport == Transport::kTls) {
    return std::make_unique<httplib::SSLClient>(place.host, place.port);
  }
  return std::make_unique<httplib::ClientImpl>(place.host, place.port);
}

}  // namespace

class Client::Impl {
 public:
  Impl(std::string address, const HostPort& place, Transport transport, const Options& options)
      : address_(std::move(address)),
        host_(place.host),
        transport_(transport),
        options_(options),
        client_(MakeNative(place, transport)) {
    if (transport == Transport::kUnix) client_->set_address_family(AF_UNIX);
    client_->set_keep_alive(true);
    client_->set_tcp_nodelay(true);
    client_->set_decompress(false);
    client_->set_url_encode(false);
    client_->set_connection_timeout(options.connect_timeout);
    client_->set_read_timeout(options.timeout);
    client_->set_write_timeout(options.timeout);
  }

  Status PrepareTls();
  Result<Response> Send(std::string_view method, std::string_view path, std::string_view body,
                        const Headers& headers);
  Result<Response> Stream(std::string_view method, std::string_view path, const Headers& headers,
                          const Receiver& receiver);
  void SetDeadline(SteadyTime deadline) { deadline_ = deadline; }
  void Stop() { client_->stop(); }

 private:
  // No single wait is to be longer than the time that is left.
  void Hurry(std::chrono::steady_clock::duration left);
  // When a call that begins at `began` is to be over.
  SteadyTime EndOf(SteadyTime began) const;
  httplib::Request MakeRequest(std::string_view method, std::string_view path,
                               const Headers& headers) const;
  // The answer's head; the body went where the request says. Over by `end`, as far as TLS is used.
  Result<Response> Exchange(httplib::Request& request, SteadyTime end = SteadyTime::max());
  Error ErrorOf(httplib::Error error, std::chrono::steady_clock::duration took, bool is_over);

  const std::string address_;
  const std::string host_;  // or the path of the socket
  const Transport transport_;
  const Options options_;
  ClientTlsContext tls_;  // outlives the client
  const std::unique_ptr<httplib::ClientImpl> client_;
  SteadyTime used_;
  SteadyTime deadline_ = SteadyTime::max();
};

namespace {

Response HeadOf(const httplib::Response& answer) {
  Response response;
  response.status = answer.status;
  response.content_type = answer.get_header_value("Content-Type");
  for (const auto& [name, value] : answer.headers) response.headers.emplace_back(name, value);
  return response;
}

}  // namespace

Status Client::Impl::PrepareTls() {
  if (transport_ != Transport::kTls) return {};
  // OpenSSL writes without MSG_NOSIGNAL: a peer that has gone would end the process.
  std::signal(SIGPIPE, SIG_IGN);
  auto& client = static_cast<httplib::SSLClient&>(*client_);
  client.enable_server_certificate_verification(false);  // ours is stricter, and in the handshake
  return tls_.Prepare(client.ssl_context(), options_.tls, host_);
}

httplib::Request Client::Impl::MakeRequest(std::string_view method, std::string_view path,
                                           const Headers& headers) const {
  httplib::Request request;
  request.method = method;
  request.path = path;
  // A Unix socket's path would be an odd name for a host.
  if (transport_ == Transport::kUnix) request.set_header("Host", "localhost");
  for (const auto& [name, value] : headers) request.set_header(name, value);
  return request;
}

SteadyTime Client::Impl::EndOf(SteadyTime began) const {
  if (options_.whole_timeout.count() == 0) return deadline_;
  return std::min(deadline_, began + options_.whole_timeout);
}

void Client::Impl::Hurry(std::chrono::steady_clock::duration left) {
  const auto within = [left](std::chrono::milliseconds limit) {
    return std::min<std::chrono::steady_clock::duration>(limit, left);
  };
  client_->set_connection_timeout(within(options_.connect_timeout));
  client_->set_read_timeout(within(options_.timeout));
  client_->set_write_timeout(within(options_.timeout));
}

Result<Response> Client::Impl::Exchange(httplib::Request& request, SteadyTime end) {
  httplib::Response answer;
  httplib::Error error = httplib::Error::Success;
  const SteadyTime began = std::chrono::steady_clock::now();
  if (transport_ == Transport::kTls) {
    if (began - used_ > kTlsIdleMax) client_->stop();
    tls_.Begin(end);
  }
  const bool sent = client_->send(request, answer, error);
  used_ = std::chrono::steady_clock::now();
  if (!sent) {
    return ErrorOf(error, used_ - began, used_ >= end);
  }
  return HeadOf(answer);
}

Result<Response> Client::Impl::Send(std::string_view method, std::string_view path,
                                    std::string_view body, const Headers& headers) {
  httplib::Request request = MakeRequest(method, path, headers);
  request.body = body;
  if (!body.empty() && !request.has_header("Content-Type")) {
    request.set_header("Content-Type", "application/json");
  }
  std::string received;
  bool is_too_large = false, is_too_late = false;
  const SteadyTime began = std::chrono::steady_clock::now(), end = EndOf(began);
  if (began >= end) return DeadlineExceeded(address_ + ": no time is left to ask it");
  Hurry(end - began);
  request.content_receiver = [&](const char* data, size_t size, uint64_t, uint64_t) {
    is_too_large = size > options_.response_bytes_max - received.size();
    is_too_late = std::chrono::steady_clock::now() > end;
    if (is_too_large || is_too_late) return false;
    received.append(data, size);
    return true;
  };
  Result<Response> response = Exchange(request, end);
  if (is_too_large) {
    return ResourceExhausted("answer of " + address_ + ": more than " +
                             std::to_string(options_.response_bytes_max) + " bytes");
  }
  if (is_too_late) return DeadlineExceeded(address_ + " takes too long to send its answer");
  if (response.ok()) response->body = std::move(received);
  return response;
}

Result<Response> Client::Impl::Stream(std::string_view method, std::string_view path,
                                      const Headers& headers, const Receiver& receiver) {
  Hurry(std::chrono::steady_clock::duration::max());
  httplib::Request request = MakeRequest(method, path, headers);
  request.response_handler = [&](const httplib::Response& answer) {
    return receiver.on_head(HeadOf(answer));
  };
  request.content_receiver = [&](const char* data, size_t size, uint64_t, uint64_t) {
    return receiver.on_bytes({data, size});
  };
  return Exchange(request);
}

Error Client::Impl::ErrorOf(httplib::Error error, std::chrono::steady_clock::duration took,
                            bool is_over) {
  if (std::string refusal = tls_.TakeRefusal(); !refusal.empty()) {
    return PermissionDenied(address_ + " is not to be trusted: " + refusal,
                            "check the address, and the authority that is to have signed it");
  }
  if (std::string alert = tls_.TakeAlert(); !alert.empty()) {
    return PermissionDenied(address_ + " refuses us: " + alert,
                            "it may want a client certificate, one of another CA, or a newer one");
  }
  struct stat info {};
  if (error == httplib::Error::Connection && transport_ == Transport::kUnix &&
      stat(host_.c_str(), &info) != 0) {
    return NotFound("no socket at " + host_, "start the daemon, or name its socket");
  }
  const bool is_slow = is_over || error == httplib::Error::ConnectionTimeout ||
                       (error == httplib::Error::Read && took >= options_.timeout) ||
                       (error == httplib::Error::Write && took >= options_.timeout);
  if (is_slow) return DeadlineExceeded(address_ + " did not answer in time");
  if (error == httplib::Error::Connection) {
    return Unavailable("nobody accepts at " + address_, "start the daemon, or name its address");
  }
  if (error == httplib::Error::Read || error == httplib::Error::Write) {
    return Unavailable(address_ + " closed the connection before it answered",
                       "it may be at its connection limit, or stopping; try again in a second");
  }
  if (error == httplib::Error::SSLConnection) {
    return Unavailable(address_ + " does not answer in TLS", "does that port speak TLS?");
  }
  return Unavailable(address_ + ": " + httplib::to_string(error));
}

Result<Client> Client::Make(std::string_view address, Options options) {
  HostPort place;
  Transport transport = Transport::kUnix;
  bool is_sound = false;
  if (address.starts_with(kUnix)) {
    place.host = address.substr(kUnix.size());
    is_sound = !place.host.empty();
  } else if (address.starts_with(kHttp)) {
    transport = Transport::kTcp;
    is_sound = ParseHostPort(address.substr(kHttp.size()), &place);
  } else if (address.starts_with(kHttps)) {
    transport = Transport::kTls;
    place.port = 443;
    is_sound = ParseHostPort(address.substr(kHttps.size()), &place);
  }
  if (!is_sound) {
    return InvalidArgument("\"" + std::string(address) + "\" is no address",
                           "write unix:/path/of/socket, http://host:port or https://host:port");
  }
  auto impl = std::make_unique<Impl>(std::string(address), place, transport, options);
  TRY(impl->PrepareTls().Context("TLS of " + std::string(address)));
  return Client(std::move(impl));
}

Client::Client(std::unique_ptr<Impl> impl) : impl_(std::move(impl)) {}
Client::Client(Client&&) noexcept = default;
Client& Client::operator=(Client&&) noexcept = default;
Client::~Client() = default;

Result<Response> Client::Send(std::string_view method, std::string_view path, std::string_view body,
                              const Headers& headers) {
  return impl_->Send(method, path, body, headers);
}

Result<Response> Client::Stream(std::string_view method, std::string_view path,
                                const Headers& headers, const Receiver& receiver) {
  return impl_->Stream(method, path, headers, receiver);
}

void Client::SetDeadline(SteadyTime deadline) { impl_->SetDeadline(deadline); }

void Client::Stop() { impl_->Stop(); }

}  // namespace pannier::http
