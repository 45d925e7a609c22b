#include "daemon/api/router.h"

#include "lib/core/check.h"
#include "lib/json/writer.h"

namespace pannier::api {
namespace {

// "/a//b" → "a", "", "b". The path begins with a slash.
std::vector<std::string_view> Split(std::string_view path) {
  std::vector<std::string_view> segments;
  while (!path.empty()) {
    path.remove_prefix(1);
    const size_t slash = path.find('/');
    segments.push_back(path.substr(0, slash));
    path.remove_prefix(std::min(slash, path.size()));
  }
  return segments;
}

bool IsParameter(std::string_view segment) { return segment.starts_with('{'); }

// What is no escape stays as it is, as in Chroma.
std::string Decode(std::string_view segment) {
  if (segment.find('%') == std::string_view::npos) return std::string(segment);
  return http::PercentDecode(segment, /*plus_is_space=*/false).value_or(std::string(segment));
}

}  // namespace

struct Router::Node {
  std::map<std::string, std::unique_ptr<Node>, std::less<>> literals;
  std::unique_ptr<Node> parameter;
  std::map<std::string, Route, std::less<>> routes;  // by method
  std::vector<std::string> names;                    // of the parameters on the way here

  bool IsEnd() const { return !routes.empty(); }
};

Router::Router() : root_(std::make_unique<Node>()) {}
Router::~Router() = default;

void Router::Add(Route route) {
  route.label = route.method + " " + route.pattern;
  Node* node = root_.get();
  std::vector<std::string> names;
  for (const std::string_view segment : Split(route.pattern)) {
    if (IsParameter(segment)) names.emplace_back(segment.substr(1, segment.size() - 2));
    std::unique_ptr<Node>& next =
        IsParameter(segment) ? node->parameter : node->literals[std::string(segment)];
    if (!next) next = std::make_unique<Node>();
    node = next.get();
  }
  node->names = std::move(names);
  const std::string method = route.method;
  const auto [added, is_new] = node->routes.emplace(method, std::move(route));
  CHECK(is_new);
  routes_.push_back(&added->second);
}

// Literal segments win; a parameter is tried when they lead nowhere. Patterns are short, so that
// going back is cheap.
const Router::Node* Router::Walk(const Node& node, const std::vector<std::string_view>& segments,
                                 size_t at, std::vector<std::string_view>* taken) {
  if (at == segments.size()) return node.IsEnd() ? &node : nullptr;
  const auto literal = node.literals.find(segments[at]);
  if (literal != node.literals.end()) {
    if (const Node* end = Walk(*literal->second, segments, at + 1, taken)) return end;
  }
  if (!node.parameter || segments[at].empty()) return nullptr;
  taken->push_back(segments[at]);
  const Node* const end = Walk(*node.parameter, segments, at + 1, taken);
  if (end == nullptr) taken->pop_back();
  return end;
}

Result<Router::Match> Router::Find(std::string_view method, std::string_view path) const {
  Match match;
  std::vector<std::string_view> taken;
  if (!path.starts_with('/')) return match;
  const Node* const node = Walk(*root_, Split(path), 0, &taken);
  if (node == nullptr) return match;
  const auto route = node->routes.find(method == "HEAD" ? "GET" : method);
  if (route == node->routes.end()) {
    for (const auto& [known, unused] : node->routes) {
      match.allow += (match.allow.empty() ? "" : ",") + known + (known == "GET" ? ",HEAD" : "");
    }
    return match;
  }
  for (size_t i = 0; i < taken.size(); ++i) {
    match.parameters.push_back(Decode(taken[i]));
    match.names.push_back(node->names[i]);
    if (!json::IsUtf8(match.parameters[i])) {
      return InvalidArgument("Invalid URL: Invalid UTF-8 in `" + node->names[i] + "`");
    }
  }
  match.route = &route->second;
  return match;
}

}  // namespace pannier::api
