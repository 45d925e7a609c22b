#include "daemon/api/api.h"

#include <algorithm>
#include <exception>
#include <new>

#include "daemon/api/cors.h"
#include "daemon/api/credentials.h"
#include "daemon/api/errors.h"
#include "daemon/api/routes.h"
#include "daemon/api/session_of_request.h"
#include "daemon/service/audit.h"
#include "lib/core/background_turn.h"
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
  Impl(store::Stores& stores, const Clock& clock, ApiOptions options, ApiHooks hooks,
       sessions::Registry* sessions)
      : options_(std::move(options)), hooks_(std::move(hooks)), clock_(clock), sessions_(sessions) {
    const RouteContext context{stores, clock, options_, hooks_, sessions};
    AddSystemRoutes(context, &router_);
    AddTenantRoutes(context, &router_);
    AddCollectionRoutes(context, &router_);
    AddRecordRoutes(context, &router_);
    AddRefusedRoutes(context, &router_);
    AddStoreRoutes(context, &router_);
    if (sessions != nullptr) AddSessionRoutes(context, &router_);
  }

  const std::vector<const Route*>& routes() const { return router_.routes(); }

  http::Response Handle(const http::Request& request, const service::Authorizer* authorizer,
                        bool is_admin) const {
    NoteRequest();
    const SteadyTime began = clock_.Steady();
    const Route* route = nullptr;
    http::Response response;
    try {
      response = Dispatch(request, authorizer, &route);
    } catch (const std::bad_alloc&) {
      throw;  // lack of memory ends the process
    } catch (const std::exception& defect) {
      response = Fail(Internal(std::string("unexpected: ") + defect.what()));
    }
    Seal(request, &response);
    if (route != nullptr && (authorizer != nullptr || is_admin)) {
      Audit(request, response, *route, authorizer);
    }
    const std::string_view label = route != nullptr ? std::string_view(route->label) : kUnmatched;
    if (hooks_.on_request) hooks_.on_request(label, response.status, clock_.Steady() - began);
    return response;
  }

 private:
  http::Response Dispatch(const http::Request& request, const service::Authorizer* authorizer,
                          const Route** found) const {
    if (!options_.cors_origins.empty() && IsPreflight(request)) return EmptyAnswer(200);
    if (request.path.starts_with("/api/v1/")) {
      return ErrorAnswer(410, "Unimplemented", "The v1 API is deprecated. Please use /v2 apis");
    }
    Result<Router::Match> match = router_.Find(request.method, request.path);
    if (!match.ok()) return Fail(match.error());
    const Route* const route = match->route;
    if (route == nullptr) return NoRoute(*match);
    *found = route;
    const Caller caller{authorizer,
                        authorizer != nullptr ? TokenOf(request) : std::optional<std::string>()};
    // Views of the parameters' texts, which stay where they are when `call` takes the list.
    const service::Place place = PlaceOf(*match);
    if (std::optional<http::Response> refused = Authorize(*route, place, caller)) {
      return *std::move(refused);
    }
    if (route->body != BodyRule::kNone) {
      if (request.body.size() > options_.limits.body_bytes) return TooLarge(route->body);
      if (!IsJsonOrMissing(request)) {
        return ErrorAnswer(415, "ChromaError",
                           "Expected request with `Content-Type: application/json`");
      }
    }
    const SessionOfRequest session(sessions_, request, caller);
    const Call call{
        request, caller, std::move(match->parameters), {request.deadline, request.stop}};
    Result<http::Response> answer = route->handler(call);
    session.NoteDone(answer.ok() ? place : service::Place());
    return answer.ok() ? std::move(answer).value() : Fail(answer.error());
  }

  static void Audit(const http::Request& request, const http::Response& response,
                    const Route& route, const service::Authorizer* authorizer) {
    const bool turned_away = response.status == 401 || response.status == 403;
    const bool is_upkeep = route.scope == service::Scope::kAdmin;
    if (!turned_away && !is_upkeep) return;
    std::string user;
    if (authorizer != nullptr) {
      const auto token = TokenOf(request);
      const auto identity = token ? authorizer->Identify(*token) : std::nullopt;
      if (identity) user = identity->user;
    }
    if (turned_away) return service::AuditRefusal(request, response, user);
    service::AuditAdminCall(request, response, user);
  }

  static http::Response NoRoute(const Router::Match& match) {
    if (match.allow.empty()) return EmptyAnswer(404);
    http::Response response = EmptyAnswer(405);
    response.headers.emplace_back("allow", match.allow);
    return response;
  }

  static service::Place PlaceOf(const Router::Match& match) {
    service::Place place;
    for (size_t i = 0; i < match.names.size(); ++i) {
      if (match.names[i] == "tenant") place.tenant = match.parameters[i];
      if (match.names[i] == "database") place.database = match.parameters[i];
    }
    return place;
  }

  // The answer to a caller that may not; nothing to one that may.
  static std::optional<http::Response> Authorize(const Route& route, const service::Place& place,
                                                 const Caller& caller) {
    if (caller.authorizer == nullptr || !route.scope) return std::nullopt;
    if (!caller.token) return Unauthenticated(false);
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
  sessions::Registry* const sessions_;
  Router router_;
};

Api::Api(store::Stores& stores, const Clock& clock, ApiOptions options, ApiHooks hooks,
         sessions::Registry* sessions)
    : impl_(std::make_unique<const Impl>(stores, clock, std::move(options), std::move(hooks),
                                         sessions)) {}
Api::~Api() = default;

http::Response Api::Handle(const http::Request& request, const service::Authorizer* authorizer,
                           bool is_admin) const {
  return impl_->Handle(request, authorizer, is_admin);
}

const std::vector<const Route*>& Api::routes() const { return impl_->routes(); }

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
  return response;
}

}  // namespace pannier::api
