#include "operator/webhook/admission_server.h"

#include "lib/core/log.h"

namespace pannier::control {
namespace {

// The API server gives up after its own time-out (10 s by default, 30 s at most).
http::Limits LimitsOfWebhook() {
  http::Limits limits;
  limits.threads_max = 8;
  limits.requests_queued_max = 64;
  limits.connections_max = 512;
  limits.body_bytes_max = 8 << 20;  // an object has at most 3 MiB, and may come twice
  limits.buffered_bytes_max = 64 << 20;
  limits.request_timeout = std::chrono::seconds(10);
  limits.write_timeout = std::chrono::seconds(10);
  limits.handler_deadline = std::chrono::seconds(10);
  return limits;
}

http::Response Text(int status, std::string text) {
  http::Response response;
  response.status = status;
  response.content_type = "text/plain";
  response.body = std::move(text);
  return response;
}

}  // namespace

AdmissionServer::AdmissionServer(std::string address, const Admission& admission)
    : admission_(admission),
      tls_(std::make_shared<http::TlsServer>(http::TlsServer::Options())),
      server_({.name = "webhook", .limits = LimitsOfWebhook(), .refusal = {}}) {
  http::Listener listener;
  listener.tcp_address = std::move(address);
  listener.handler = [this](const http::Request& request) { return Answer(request); };
  listener.tls = tls_;
  server_.Add(std::move(listener));
}

Status AdmissionServer::Start() { return server_.Start(); }

void AdmissionServer::Stop(std::chrono::milliseconds grace) { server_.Stop(grace); }

http::Response AdmissionServer::Answer(const http::Request& request) const {
  const bool asks = request.path == "/healthz" || request.path == "/readyz";
  if (asks) return Text(request.method == "GET" ? 200 : 405, "ok\n");
  const bool mutates = request.path == "/mutate";
  if (!mutates && request.path != "/validate") return Text(404, "there is /mutate and /validate\n");
  if (request.method != "POST") return Text(405, "only POST is answered here\n");
  const Result<std::string> answer =
      mutates ? admission_.Mutate(request.body) : admission_.Validate(request.body);
  if (!answer.ok()) {
    LogWarn("a review cannot be understood").Add("error", answer.error().what);
    return Text(400, answer.error().what + "\n");
  }
  http::Response response;
  response.body = *answer;
  return response;
}

}  // namespace pannier::control
