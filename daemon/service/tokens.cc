#include "daemon/service/tokens.h"

#include <algorithm>
#include <array>

#include "lib/core/log.h"
#include "lib/core/units.h"
#include "lib/http/message.h"

namespace pannier::service {
namespace {

constexpr uint64_t kFileBytesMax = 1_MiB;
constexpr std::chrono::seconds kLookInterval{1};
constexpr std::array<std::pair<std::string_view, Scope>, 3> kScopes = {
    {{"read", Scope::kRead}, {"write", Scope::kWrite}, {"admin", Scope::kAdmin}}};

std::string_view TakeWord(std::string_view* line) {
  constexpr std::string_view kSpace = " \t\r";
  line->remove_prefix(std::min(line->find_first_not_of(kSpace), line->size()));
  const std::string_view word = line->substr(0, line->find_first_of(kSpace));
  line->remove_prefix(word.size());
  return word;
}

int HexDigit(char c) {
  if (c >= '0' && c <= '9') return c - '0';
  if (c >= 'a' && c <= 'f') return c - 'a' + 10;
  if (c >= 'A' && c <= 'F') return c - 'A' + 10;
  return -1;
}

Result<crypto::Digest> ReadDigest(std::string_view word) {
  crypto::Digest digest;
  if (word.size() != 2 * digest.size()) {
    return InvalidArgument("the digest is not 64 hexadecimal digits");
  }
  for (size_t i = 0; i < digest.size(); ++i) {
    const int high = HexDigit(word[2 * i]), low = HexDigit(word[2 * i + 1]);
    if (high < 0 || low < 0) return InvalidArgument("the digest is not 64 hexadecimal digits");
    digest[i] = static_cast<uint8_t>(high * 16 + low);
  }
  return digest;
}

Result<Scope> ReadScope(std::string_view word) {
  for (const auto& [name, scope] : kScopes) {
    if (word == name) return scope;
  }
  return InvalidArgument("the scope is none of read, write, admin");
}

Result<std::string> ReadPattern(std::string_view word) {
  const auto decoded = http::PercentDecode(word, /*plus_is_space=*/false);
  if (!decoded || decoded->empty()) {
    return InvalidArgument("the place is not <tenant>/<database>, each a name or a pattern");
  }
  return *decoded;
}

// `digest scope tenant/database [user]`
Result<Grant> ParseLine(std::string_view line) {
  Grant grant;
  grant.digest = TRY(ReadDigest(TakeWord(&line)));
  grant.scope = TRY(ReadScope(TakeWord(&line)));
  const std::string_view place = TakeWord(&line);
  const size_t slash = std::min(place.find('/'), place.size());
  grant.tenant = TRY(ReadPattern(place.substr(0, slash)));
  grant.database = TRY(ReadPattern(place.substr(std::min(slash + 1, place.size()))));
  grant.user = TakeWord(&line);
  if (!TakeWord(&line).empty()) return InvalidArgument("there are more than four words");
  return grant;
}

// Looks at all bytes, whatever the first ones say, so that time tells nothing.
bool EqualDigests(const crypto::Digest& a, const crypto::Digest& b) {
  uint8_t different = 0;
  for (size_t i = 0; i < a.size(); ++i) different |= a[i] ^ b[i];
  return different == 0;
}

bool Covers(const Grant& grant, const Place& place) {
  if (!place.tenant) return grant.tenant == "*" && grant.database == "*";
  return MatchesPattern(grant.tenant, *place.tenant) &&
         (!place.database || MatchesPattern(grant.database, *place.database));
}

}  // namespace

bool MatchesPattern(std::string_view pattern, std::string_view text) {
  size_t star = std::string_view::npos, resume = 0, p = 0, t = 0;
  while (t < text.size()) {
    if (p < pattern.size() && pattern[p] == '*') {
      star = p++;
      resume = t;
    } else if (p < pattern.size() && pattern[p] == text[t]) {
      ++p;
      ++t;
    } else if (star != std::string_view::npos) {
      p = star + 1;  // let the last star take one character more
      t = ++resume;
    } else {
      return false;
    }
  }
  return pattern.find_first_not_of('*', p) == std::string_view::npos;
}

Result<std::vector<Grant>> ParseTokens(std::string_view text) {
  std::vector<Grant> grants;
  for (int number = 1; !text.empty(); ++number) {
    const std::string_view line = text.substr(0, text.find('\n'));
    text.remove_prefix(std::min(line.size() + 1, text.size()));
    std::string_view rest = line;
    const std::string_view first = TakeWord(&rest);
    if (first.empty() || first.starts_with('#')) continue;
    grants.push_back(TRY(ParseLine(line).Context("line " + std::to_string(number))));
  }
  return grants;
}

Result<std::unique_ptr<TokenFile>> TokenFile::Open(const std::filesystem::path& path,
                                                   file::FileSystem& files, const Clock& clock) {
  std::string content =
      TRY(file::ReadFile(files, path, kFileBytesMax).Context("read the token file"));
  Result<Grants> grants = ParseTokens(content).Context("token file " + path.string());
  if (!grants.ok()) {
    Error error = std::move(grants).error();
    error.hint = "see docs/formats/tokens.md for the form of a line";
    return error;
  }
  return std::unique_ptr<TokenFile>(
      new TokenFile(path, files, clock, std::move(content), std::move(grants).value()));
}

TokenFile::TokenFile(std::filesystem::path path, file::FileSystem& files, const Clock& clock,
                     std::string content, Grants grants)
    : path_(std::move(path)),
      files_(files),
      clock_(clock),
      grants_(std::make_shared<const Grants>(std::move(grants))),
      content_(std::move(content)),
      looked_(clock.Steady()) {}

std::shared_ptr<const TokenFile::Grants> TokenFile::Current() const {
  MutexLock lock(mutex_);
  if (clock_.Steady() - looked_ >= kLookInterval) LookAgain();
  return grants_;
}

void TokenFile::LookAgain() const {
  looked_ = clock_.Steady();
  Result<std::string> content = file::ReadFile(files_, path_, kFileBytesMax);
  if (content.ok() && *content == content_) {
    warned_ = false;
    return;
  }
  Result<Grants> grants = content.ok() ? ParseTokens(*content) : Result<Grants>(content.error());
  if (grants.ok()) {
    LogInfo("tokens read").Add("path", path_.string()).Add("grants", grants->size());
    grants_ = std::make_shared<const Grants>(std::move(grants).value());
    content_ = std::move(content).value();
    warned_ = false;
  } else if (!warned_) {
    LogWarn("the token file is wrong; the tokens read before stay valid")
        .Add("path", path_.string())
        .Add("error", grants.error().what);
    warned_ = true;
  }
}

Verdict TokenFile::Check(std::string_view token, Scope scope, const Place& place) const {
  const std::shared_ptr<const Grants> grants = Current();
  const crypto::Digest digest = crypto::Sha256(token);
  bool known = false, allowed = false;
  for (const Grant& grant : *grants) {
    const bool same = EqualDigests(grant.digest, digest);
    known |= same;
    allowed |= same && grant.scope >= scope && Covers(grant, place);
  }
  if (allowed) return Verdict::kAllowed;
  return known ? Verdict::kForbidden : Verdict::kUnknownToken;
}

std::optional<Identity> TokenFile::Identify(std::string_view token) const {
  const std::shared_ptr<const Grants> grants = Current();
  const crypto::Digest digest = crypto::Sha256(token);
  std::optional<Identity> identity;
  for (const Grant& grant : *grants) {
    if (!EqualDigests(grant.digest, digest)) continue;
    if (!identity) identity = Identity{grant.user, grant.tenant, {}};
    const bool bound = grant.tenant.find('*') == std::string::npos;
    if (identity->tenant != grant.tenant || !bound) identity->tenant = "*";
    const bool one = grant.database.find('*') == std::string::npos;
    identity->databases.push_back(one ? grant.database : "*");
  }
  if (!identity) return identity;
  auto& databases = identity->databases;
  std::sort(databases.begin(), databases.end());
  databases.erase(std::unique(databases.begin(), databases.end()), databases.end());
  return identity;
}

}  // namespace pannier::service
