#include "daemon/api/api.h"

#include <algorithm>
#include <exception>
#include <new>

#include "daemon/api/cors.h"
#include "daemon/api/credentials.h"
#include "daemon/api/errors.h"
#include "daemon/api/routes.h"
#include "lib/core/log.h"
#include "lib/core/uuid.h"
#include "lib/http/text.h"

namespace pannier::api {
namespace {

constexpr std::string_view kUnmatched = "unmatched";

// "application/json", "application/…+json", with or without parameters. Missing is accepted.
bool IsJsonOrMissing(const http::Request& request) {
  const auto header = request.Header("content-type");
  if (!header) return true;
  std::string type(header->substr(0, header->find(';')));
  std::transform(type.begin(), type.end(), type.begin(), http::Lower);
  while (!type.empty() && type.back() == ' ') type.pop_back();
  return type == "application/json" ||
         (type.starts_with("application/") && type.ends_with("+json"));
}

http::Response TooLarge(BodyRule rule) {
  if (rule != BodyRule::kRecords) {
    return ErrorAnswer(413, "ChromaError",
                       "Failed to buffer the request body: length limit exceeded");
  }
  http::Response response = EmptyAnswer(413);
  response.content_type = "text/plain; charset=utf-8";
  response.body = "Payload too large";
  return response;
}

// Defects are errors; what passes by itself is a warning; what we never do is no news.
LogLevel LevelOf(Errc code) {
  if (code == Errc::kUnimplemented) return LogLevel::kDebug;
  const bool defect = code == Errc::kInternal || code == Errc::kCorruption;
  return defect ? LogLevel::kError : LogLevel::kWarn;
}

http::Response Unauthenticated(bool has_token) {
  http::Response response =
      ErrorAnswer(401, "AuthError", has_token ? "Unknown token" : "This server asks for a token");
  response.headers.emplace_back("www-authenticate", "Bearer");
  return response;
}

}  // namespace

class Api::Impl {
 public:
  Impl(store::Stores& stores, const Clock& clock, ApiOptions options, ApiHooks hooks)
      : options_(std::move(options)), hooks_(std::move(hooks)), clock_(clock) {
    const RouteContext context{stores, clock, options_, hooks_};
    AddSystemRoutes(context, &router_);
    AddTenantRoutes(context, &router_);
    AddCollectionRoutes(context, &router_);
    AddRecordRoutes(context, &router_);
    AddRefusedRoutes(context, &router_);
    AddStoreRoutes(context, &router_);
  }

  http::Response Handle(const http::Request& request, const service::Authorizer* authorizer) const {
    const SteadyTime began = clock_.Steady();
    std::string_view label = kUnmatched;
    http::Response response;
    try {
      response = Dispatch(request, authorizer, &label);
    } catch (const std::bad_alloc&) {
      throw;  // lack of memory ends the process
    } catch (const std::exception& defect) {
      response = Fail(Internal(std::string("unexpected: ") + defect.what()));
    }
    Seal(request, &response);
    if (hooks_.on_request) hooks_.on_request(label, response.status, clock_.Steady() - began);
    return response;
  }

 private:
  http::Response Dispatch(const http::Request& request, const service::Authorizer* authorizer,
                          std::string_view* label) const {
    if (!options_.cors_origins.empty() && IsPreflight(request)) return EmptyAnswer(200);
    if (request.path.starts_with("/api/v1/")) {
      return ErrorAnswer(410, "Unimplemented", "The v1 API is deprecated. Please use /v2 apis");
    }
    Result<Router::Match> match = router_.Find(request.method, request.path);
    if (!match.ok()) return Fail(match.error());
    const Route* const route = match->route;
    if (route == nullptr) return NoRoute(*match);
    *label = route->label;
    const Caller caller{authorizer,
                        authorizer != nullptr ? TokenOf(request) : std::optional<std::string>()};
    if (std::optional<http::Response> refused = Authorize(*route, *match, caller)) {
      return *std::move(refused);
    }
    if (route->body != BodyRule::kNone) {
      if (request.body.size() > options_.limits.body_bytes) return TooLarge(route->body);
      if (!IsJsonOrMissing(request)) {
        return ErrorAnswer(415, "ChromaError",
                           "Expected request with `Content-Type: application/json`");
      }
    }
    const Call call{
        request, caller, std::move(match->parameters), {request.deadline, request.stop}};
    Result<http::Response> answer = route->handler(call);
    return answer.ok() ? std::move(answer).value() : Fail(answer.error());
  }

  static http::Response NoRoute(const Router::Match& match) {
    if (match.allow.empty()) return EmptyAnswer(404);
    http::Response response = EmptyAnswer(405);
    response.headers.emplace_back("allow", match.allow);
    return response;
  }

  // The answer to a caller that may not; nothing to one that may.
  static std::optional<http::Response> Authorize(const Route& route, const Router::Match& match,
                                                 const Caller& caller) {
    if (caller.authorizer == nullptr || !route.scope) return std::nullopt;
    if (!caller.token) return Unauthenticated(false);
    service::Place place;
    for (size_t i = 0; i < match.names.size(); ++i) {
      if (match.names[i] == "tenant") place.tenant = match.parameters[i];
      if (match.names[i] == "database") place.database = match.parameters[i];
    }
    switch (caller.authorizer->Check(*caller.token, *route.scope, place)) {
      case service::Verdict::kAllowed:
        return std::nullopt;
      case service::Verdict::kUnknownToken:
        return Unauthenticated(true);
      case service::Verdict::kForbidden:
        return ErrorAnswer(403, "AuthError", "This token does not allow that here");
    }
    return std::nullopt;
  }

  http::Response Fail(const Error& error) const {
    if (hooks_.on_error) hooks_.on_error(ToString(error.code));
    http::Response response = ErrorAnswer(error);
    if (response.status >= 500 || error.code == Errc::kPermissionDenied) {
      response.headers.emplace_back("chroma-trace-id", RandomHex(16));
      Log(LevelOf(error.code), "request failed")
          .Add("trace_id", response.headers.back().second)
          .Add("status", response.status)
          .Add("error", error.what)
          .Add("hint", error.hint);
    }
    return response;
  }

  // What every answer gets.
  void Seal(const http::Request& request, http::Response* response) const {
    auto& headers = response->headers;
    const bool has_id = std::any_of(headers.begin(), headers.end(), [](const auto& header) {
      return header.first == "chroma-trace-id";
    });
    if (response->status >= 400 && !has_id) {
      headers.emplace_back("chroma-trace-id", RandomHex(16));
    }
    if (hooks_.health) {
      const std::string mode = hooks_.health().mode;
      if (mode != "normal") headers.emplace_back("pannier-mode", mode);
    }
    if (!options_.cors_origins.empty()) {
      AddCorsHeaders(request, options_.cors_origins, response);
    }
    if (request.method == "HEAD") response->body.clear();
  }

  const ApiOptions options_;
  const ApiHooks hooks_;
  const Clock& clock_;
  Router router_;
};

Api::Api(store::Stores& stores, const Clock& clock, ApiOptions options, ApiHooks hooks)
    : impl_(std::make_unique<const Impl>(stores, clock, std::move(options), std::move(hooks))) {}
Api::~Api() = default;

http::Response Api::Handle(const http::Request& request,
                           const service::Authorizer* authorizer) const {
  return impl_->Handle(request, authorizer);
}

http::Response Api::Refuse(int status, std::string_view message, const http::Request* head) {
  const auto ends_like_a_record_route = [](std::string_view path) {
    return path.ends_with("/add") || path.ends_with("/update") || path.ends_with("/upsert") ||
           path.ends_with("/query") || path.ends_with("/search");
  };
  http::Response response;
  if (status == 413) {
    response = TooLarge(head != nullptr && ends_like_a_record_route(head->path) ? BodyRule::kRecords
                                                                                : BodyRule::kJson);
  } else {
    const bool bad = status == 400;
    response = ErrorAnswer(status, bad ? "InvalidArgumentError" : "ChromaError", message);
  }
  response.headers.emplace_back("chroma-trace-id", RandomHex(16));
  if (status == 503 || status == 429) response.headers.emplace_back("retry-after", "1");
  return response;
}

}  // namespace pannier::api
