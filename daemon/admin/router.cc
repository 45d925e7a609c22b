#include "daemon/admin/router.h"

#include "daemon/admin/answers.h"

namespace pannier::admin {
namespace {

std::vector<std::string> Split(std::string_view text, char separator) {
  std::vector<std::string> parts;
  while (true) {
    const size_t end = text.find(separator);
    parts.emplace_back(text.substr(0, end));
    if (end == std::string_view::npos) return parts;
    text.remove_prefix(end + 1);
  }
}

// The parameters, when the path fits.
std::optional<std::vector<std::string>> Match(const std::vector<std::string>& pattern,
                                              const std::vector<std::string>& path) {
  if (pattern.size() != path.size()) return std::nullopt;
  std::vector<std::string> parameters;
  for (size_t i = 0; i < path.size(); ++i) {
    if (pattern[i].starts_with('{')) {
      auto decoded = http::PercentDecode(path[i], /*plus_is_space=*/false);
      if (!decoded || decoded->empty()) return std::nullopt;
      parameters.push_back(std::move(*decoded));
    } else if (pattern[i] != path[i]) {
      return std::nullopt;
    }
  }
  return parameters;
}

}  // namespace

std::optional<std::string> Call::Query(std::string_view name) const {
  for (const std::string& part : Split(request.query, '&')) {
    const size_t equals = part.find('=');
    if (std::string_view(part).substr(0, equals) != name) continue;
    if (equals == std::string::npos) return std::string();
    return http::PercentDecode(std::string_view(part).substr(equals + 1), /*plus_is_space=*/true);
  }
  return std::nullopt;
}

void Router::Add(std::string method, std::string_view pattern, Handler handler) {
  routes_.push_back({std::move(method), Split(pattern, '/'), std::move(handler)});
}

std::vector<std::string> Router::labels() const {
  std::vector<std::string> labels;
  for (const Route& route : routes_) {
    std::string label = route.method + " ";
    for (size_t i = 0; i < route.segments.size(); ++i)
      label += (i > 0 ? "/" : "") + route.segments[i];
    labels.push_back(std::move(label));
  }
  return labels;
}

std::optional<http::Response> Router::Answer(const http::Request& request) const {
  const std::vector<std::string> path = Split(request.path, '/');
  std::string allow;
  for (const Route& route : routes_) {
    auto parameters = Match(route.segments, path);
    if (!parameters) continue;
    if (route.method != request.method) {
      allow += (allow.empty() ? "" : ", ") + route.method;
      continue;
    }
    Result<http::Response> answer = route.handler({request, std::move(*parameters)});
    return answer.ok() ? std::move(answer).value() : Failure(answer.error());
  }
  if (allow.empty()) return std::nullopt;
  http::Response response = Failure(InvalidArgument("this path answers " + allow));
  response.status = 405;
  response.headers.emplace_back("Allow", allow);
  return response;
}

}  // namespace pannier::admin
