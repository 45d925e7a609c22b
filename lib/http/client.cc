#include "lib/http/client.h"

#include <httplib.h>
#include <sys/stat.h>

#include <charconv>

#include "lib/http/text.h"

namespace pannier::http {

namespace {

constexpr std::string_view kUnix = "unix:";
constexpr std::string_view kHttp = "http://";

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

}  // namespace

class Client::Impl {
 public:
  Impl(std::string address, const HostPort& place, bool is_unix, const Options& options)
      : address_(std::move(address)),
        socket_path_(is_unix ? place.host : ""),
        options_(options),
        client_(place.host, place.port) {
    if (is_unix) client_.set_address_family(AF_UNIX);
    client_.set_keep_alive(true);
    client_.set_tcp_nodelay(true);
    client_.set_decompress(false);
    client_.set_url_encode(false);
    client_.set_connection_timeout(options.connect_timeout);
    client_.set_read_timeout(options.timeout);
    client_.set_write_timeout(options.timeout);
  }

  Result<Response> Send(std::string_view method, std::string_view path, std::string_view body,
                        const Headers& headers);

 private:
  Error ErrorOf(httplib::Error error, std::chrono::steady_clock::duration took) const;

  const std::string address_;
  const std::string socket_path_;
  const Options options_;
  httplib::Client client_;
};

Result<Response> Client::Impl::Send(std::string_view method, std::string_view path,
                                    std::string_view body, const Headers& headers) {
  httplib::Request request;
  request.method = method;
  request.path = path;
  request.body = body;
  // A Unix socket's path would be an odd name for a host.
  if (!socket_path_.empty()) request.set_header("Host", "localhost");
  for (const auto& [name, value] : headers) request.set_header(name, value);
  if (!body.empty() && !request.has_header("Content-Type")) {
    request.set_header("Content-Type", "application/json");
  }
  std::string received;
  bool is_too_large = false;
  request.content_receiver = [&](const char* data, size_t size, uint64_t, uint64_t) {
    is_too_large = size > options_.response_bytes_max - received.size();
    if (!is_too_large) received.append(data, size);
    return !is_too_large;
  };

  httplib::Response answer;
  httplib::Error error = httplib::Error::Success;
  const auto began = std::chrono::steady_clock::now();
  if (!client_.send(request, answer, error)) {
    if (is_too_large) {
      return ResourceExhausted("answer of " + address_ + ": more than " +
                               std::to_string(options_.response_bytes_max) + " bytes");
    }
    return ErrorOf(error, std::chrono::steady_clock::now() - began);
  }
  Response response;
  response.status = answer.status;
  response.content_type = answer.get_header_value("Content-Type");
  response.body = std::move(received);
  for (auto& [name, value] : answer.headers) response.headers.emplace_back(name, value);
  return response;
}

Error Client::Impl::ErrorOf(httplib::Error error, std::chrono::steady_clock::duration took) const {
  struct stat info {};
  if (error == httplib::Error::Connection && !socket_path_.empty() &&
      stat(socket_path_.c_str(), &info) != 0) {
    return NotFound("no socket at " + socket_path_, "start the daemon, or name its socket");
  }
  const bool is_slow = error == httplib::Error::ConnectionTimeout ||
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
  return Unavailable(address_ + ": " + httplib::to_string(error));
}

Result<Client> Client::Make(std::string_view address, Options options) {
  HostPort place;
  const bool is_unix = address.starts_with(kUnix);
  if (is_unix) place.host = address.substr(kUnix.size());
  const bool is_sound =
      is_unix ? !place.host.empty()
              : address.starts_with(kHttp) && ParseHostPort(address.substr(kHttp.size()), &place);
  if (!is_sound) {
    return InvalidArgument("\"" + std::string(address) + "\" is no address",
                           "write unix:/path/of/socket or http://host:port");
  }
  return Client(std::make_unique<Impl>(std::string(address), place, is_unix, options));
}

Client::Client(std::unique_ptr<Impl> impl) : impl_(std::move(impl)) {}
Client::Client(Client&&) noexcept = default;
Client& Client::operator=(Client&&) noexcept = default;
Client::~Client() = default;

Result<Response> Client::Send(std::string_view method, std::string_view path, std::string_view body,
                              const Headers& headers) {
  return impl_->Send(method, path, body, headers);
}

}  // namespace pannier::http
