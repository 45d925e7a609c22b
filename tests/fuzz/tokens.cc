// A token file may be anything: it is read or refused with a line, and a pattern says the same as
// the plainest way to say it.
#include <cstdint>
#include <string_view>

#include "daemon/service/tokens.h"
#include "lib/core/check.h"

namespace {

// By trying every length for every star.
bool Matches(std::string_view pattern, std::string_view text) {
  if (pattern.empty()) return text.empty();
  if (pattern.front() != '*') {
    return !text.empty() && text.front() == pattern.front() &&
           Matches(pattern.substr(1), text.substr(1));
  }
  for (size_t taken = 0; taken <= text.size(); ++taken) {
    if (Matches(pattern.substr(1), text.substr(taken))) return true;
  }
  return false;
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
  using namespace pannier;  // NOLINT: a fuzzer has one function
  const std::string_view text(reinterpret_cast<const char*>(data), size);
  const auto grants = service::ParseTokens(text);
  if (grants.ok()) {
    for (const service::Grant& grant : *grants) {
      CHECK(!grant.tenant.empty() && !grant.database.empty());
    }
  } else {
    CHECK(grants.Is(Errc::kInvalidArgument));
    CHECK(grants.error().what.starts_with("line "));
  }
  // The plain way takes exponential time: short ones only.
  const size_t half = text.size() / 2;
  if (size <= 24) {
    CHECK(service::MatchesPattern(text.substr(0, half), text.substr(half)) ==
          Matches(text.substr(0, half), text.substr(half)));
  }
  return 0;
}
