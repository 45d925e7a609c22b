#include "lib/repository/sigv4.h"

#include <algorithm>
#include <cstdio>
#include <map>

#include "lib/crypto/sha256.h"

namespace pannier::repository {
namespace {

constexpr std::string_view kAlgorithm = "AWS4-HMAC-SHA256";

// Lower-case names with their values trimmed, inner runs of blanks as one; equal names joined.
std::map<std::string, std::string> CanonicalHeaders(const Pairs& headers) {
  std::map<std::string, std::string> canonical;
  for (const auto& [name, value] : headers) {
    std::string lower = name;
    for (char& c : lower) {
      if (c >= 'A' && c <= 'Z') c = static_cast<char>(c - 'A' + 'a');
    }
    std::string trimmed;
    for (const char c : value) {
      if (c == ' ' && (trimmed.empty() || trimmed.back() == ' ')) continue;
      trimmed += c;
    }
    if (!trimmed.empty() && trimmed.back() == ' ') trimmed.pop_back();
    const auto [place, added] = canonical.emplace(lower, trimmed);
    if (!added) place->second += "," + trimmed;
  }
  return canonical;
}

std::string SignedNames(const std::map<std::string, std::string>& headers) {
  std::string names;
  for (const auto& [name, value] : headers) names += (names.empty() ? "" : ";") + name;
  return names;
}

std::string CanonicalRequest(const RequestToSign& request,
                             const std::map<std::string, std::string>& headers,
                             std::string_view payload) {
  std::string text = request.method + "\n" + UriEncode(request.path, /*keep_slash=*/true) + "\n" +
                     CanonicalQuery(request.query) + "\n";
  for (const auto& [name, value] : headers) text += name + ":" + value + "\n";
  return text + "\n" + SignedNames(headers) + "\n" + std::string(payload);
}

std::string ScopeText(const SigningScope& scope) {
  return SigningTime(scope.time).substr(0, 8) + "/" + scope.region + "/" + scope.service +
         "/aws4_request";
}

std::string_view AsText(const crypto::Digest& digest) {
  return {reinterpret_cast<const char*>(digest.data()), digest.size()};
}

std::string Signature(std::string_view canonical_request, const Credentials& by,
                      const SigningScope& scope) {
  const std::string text = std::string(kAlgorithm) + "\n" + SigningTime(scope.time) + "\n" +
                           ScopeText(scope) + "\n" +
                           crypto::ToHex(crypto::Sha256(canonical_request));
  crypto::Digest key =
      crypto::HmacSha256("AWS4" + by.secret_key, SigningTime(scope.time).substr(0, 8));
  for (const std::string_view part :
       {std::string_view(scope.region), std::string_view(scope.service),
        std::string_view("aws4_request")}) {
    key = crypto::HmacSha256(AsText(key), part);
  }
  return crypto::ToHex(crypto::HmacSha256(AsText(key), text));
}

}  // namespace

std::string UriEncode(std::string_view text, bool keep_slash) {
  constexpr std::string_view kPlain =
      "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-._~";
  constexpr std::string_view kDigits = "0123456789ABCDEF";
  std::string out;
  for (const char c : text) {
    if (kPlain.find(c) != std::string_view::npos || (keep_slash && c == '/')) {
      out += c;
    } else {
      out += '%';
      out += kDigits[static_cast<unsigned char>(c) >> 4];
      out += kDigits[static_cast<unsigned char>(c) & 15];
    }
  }
  return out;
}

std::string CanonicalQuery(const Pairs& query) {
  Pairs encoded;
  for (const auto& [name, value] : query)
    encoded.emplace_back(UriEncode(name, false), UriEncode(value, false));
  std::sort(encoded.begin(), encoded.end());
  std::string text;
  for (const auto& [name, value] : encoded)
    text.append(text.empty() ? "" : "&").append(name).append("=").append(value);
  return text;
}

std::string SigningTime(WallTime time) {
  const auto days = std::chrono::floor<std::chrono::days>(time);
  const std::chrono::year_month_day date(days);
  const std::chrono::hh_mm_ss clock(std::chrono::floor<std::chrono::seconds>(time - days));
  char text[48];
  std::snprintf(text, sizeof text, "%04d%02u%02uT%02d%02d%02dZ", static_cast<int>(date.year()),
                static_cast<unsigned>(date.month()), static_cast<unsigned>(date.day()),
                static_cast<int>(clock.hours().count()), static_cast<int>(clock.minutes().count()),
                static_cast<int>(clock.seconds().count()));
  return text;
}

Pairs SignHeaders(const RequestToSign& request, std::string_view payload, const Credentials& by,
                  const SigningScope& scope) {
  Pairs added = {{"X-Amz-Date", SigningTime(scope.time)}};
  if (!by.session_token.empty()) added.emplace_back("X-Amz-Security-Token", by.session_token);
  Pairs all = request.headers;
  all.insert(all.end(), added.begin(), added.end());
  const auto headers = CanonicalHeaders(all);
  const std::string signature = Signature(CanonicalRequest(request, headers, payload), by, scope);
  added.emplace_back("Authorization", std::string(kAlgorithm) + " Credential=" + by.access_key +
                                          "/" + ScopeText(scope) + ", SignedHeaders=" +
                                          SignedNames(headers) + ", Signature=" + signature);
  return added;
}

std::string PresignQuery(const RequestToSign& request, std::chrono::seconds valid,
                         const Credentials& by, const SigningScope& scope) {
  const auto headers = CanonicalHeaders(request.headers);
  RequestToSign complete = request;
  complete.query.emplace_back("X-Amz-Algorithm", kAlgorithm);
  complete.query.emplace_back("X-Amz-Credential", by.access_key + "/" + ScopeText(scope));
  complete.query.emplace_back("X-Amz-Date", SigningTime(scope.time));
  complete.query.emplace_back("X-Amz-Expires", std::to_string(valid.count()));
  complete.query.emplace_back("X-Amz-SignedHeaders", SignedNames(headers));
  if (!by.session_token.empty())
    complete.query.emplace_back("X-Amz-Security-Token", by.session_token);
  const std::string signature =
      Signature(CanonicalRequest(complete, headers, kUnsignedPayload), by, scope);
  return CanonicalQuery(complete.query) + "&X-Amz-Signature=" + signature;
}

}  // namespace pannier::repository
