#include "lib/repository/s3_location.h"

#include "lib/repository/object_store.h"

namespace pannier::repository {
namespace {

// AWS's rules, and nothing that would mean something else in a URL.
bool IsBucket(std::string_view name) {
  constexpr std::string_view kLetters = "abcdefghijklmnopqrstuvwxyz0123456789.-";
  return name.size() >= 3 && name.size() <= 63 &&
         name.find_first_not_of(kLetters) == std::string_view::npos && name.front() != '.' &&
         name.front() != '-' && name.back() != '.' && name.back() != '-' &&
         name.find("..") == std::string_view::npos;
}

bool IsRegion(std::string_view name) {
  constexpr std::string_view kLetters =
      "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789-_";
  return !name.empty() && name.size() <= 64 &&
         name.find_first_not_of(kLetters) == std::string_view::npos;
}

bool IsHost(std::string_view host) {
  constexpr std::string_view kLetters =
      "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789.-_:[]";
  return !host.empty() && host.find_first_not_of(kLetters) == std::string_view::npos;
}

std::string WithoutDefaultPort(std::string_view host, bool tls) {
  const std::string_view port = tls ? ":443" : ":80";
  if (host.ends_with(port)) host.remove_suffix(port.size());
  std::string lower(host);
  for (char& c : lower) {
    if (c >= 'A' && c <= 'Z') c = static_cast<char>(c - 'A' + 'a');
  }
  return lower;
}

bool IsAws(std::string_view host) {
  return host.ends_with(".amazonaws.com") || host.ends_with(".amazonaws.com.cn");
}

}  // namespace

Result<S3Location> S3Location::Make(std::string bucket, std::string prefix, std::string endpoint,
                                    const std::string& region, Addressing addressing) {
  if (!IsBucket(bucket)) return InvalidArgument("\"" + bucket + "\" is not a bucket's name");
  if (!IsRegion(region)) return InvalidArgument("\"" + region + "\" is not a region");
  if (endpoint.empty()) {
    const std::string top = region.starts_with("cn-") ? ".amazonaws.com.cn" : ".amazonaws.com";
    endpoint = "https://s3." + region + top;
  }
  while (endpoint.ends_with("/")) endpoint.pop_back();
  while (prefix.ends_with("/")) prefix.pop_back();
  if (!prefix.empty() && !IsKey(prefix)) {
    return InvalidArgument("\"" + prefix + "\" is not a prefix",
                           "use letters, digits, '.', '_', '-' and '/' between them");
  }
  const bool tls = endpoint.starts_with("https://");
  const std::string_view host =
      std::string_view(endpoint).substr(std::min<size_t>(endpoint.size(), tls ? 8 : 7));
  if ((!tls && !endpoint.starts_with("http://")) || !IsHost(host)) {
    return InvalidArgument("\"" + endpoint + "\" is not an endpoint",
                           "write it as https://s3.example.com:9000");
  }
  S3Location location;
  location.scheme_ = tls ? "https://" : "http://";
  location.host_ = WithoutDefaultPort(host, tls);
  const bool simple_name = bucket.find('.') == std::string_view::npos;
  location.in_path_ = addressing == Addressing::kPath ||
                      (addressing == Addressing::kAuto && !(IsAws(location.host_) && simple_name));
  if (!location.in_path_) location.host_ = bucket + "." + location.host_;
  location.bucket_ = std::move(bucket);
  location.prefix_ = prefix.empty() ? "" : prefix + "/";
  return location;
}

std::string S3Location::PathOf(const std::string& key) const {
  const std::string below = key.empty() ? "" : prefix_ + key;
  if (!in_path_) return "/" + below;
  return "/" + bucket_ + (below.empty() ? "" : "/" + below);
}

std::string S3Location::UrlOf(const std::string& key, const std::string& query) const {
  return scheme_ + host_ + UriEncode(PathOf(key), /*keep_slash=*/true) +
         (query.empty() ? "" : "?" + query);
}

std::string S3Location::Describe() const {
  return "s3://" + bucket_ + (prefix_.empty() ? "" : "/" + prefix_.substr(0, prefix_.size() - 1));
}

}  // namespace pannier::repository
