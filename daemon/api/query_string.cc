#include "daemon/api/query_string.h"

#include <charconv>
#include <string>

#include "lib/http/message.h"

namespace pannier::api {
namespace {

constexpr std::string_view kProblem = "Failed to deserialize query string: ";

std::string Decode(std::string_view text) {
  return http::PercentDecode(text, /*plus_is_space=*/true).value_or(std::string(text));
}

// The decoded value of `name`, which may be given once.
Result<std::optional<std::string>> Find(std::string_view query, std::string_view name) {
  std::optional<std::string> found;
  while (!query.empty()) {
    const std::string_view pair = query.substr(0, query.find('&'));
    query.remove_prefix(std::min(query.size(), pair.size() + 1));
    const size_t equals = pair.find('=');
    if (Decode(pair.substr(0, equals)) != name) continue;
    if (found) {
      return InvalidArgument(std::string(kProblem) + "duplicate field `" + std::string(name) + "`");
    }
    found = equals == std::string_view::npos ? std::string() : Decode(pair.substr(equals + 1));
  }
  return found;
}

Result<std::optional<uint32_t>> FindNumber(std::string_view query, std::string_view name) {
  const std::optional<std::string> text = TRY(Find(query, name));
  if (!text) return std::optional<uint32_t>();
  const auto fail = [&](std::string_view why) {
    return InvalidArgument(std::string(kProblem).append(name).append(": ").append(why));
  };
  if (text->empty()) return fail("cannot parse integer from empty string");
  uint32_t number = 0;
  const char* const begin = text->data() + (text->front() == '+' ? 1 : 0);
  const char* const end = text->data() + text->size();
  const auto read = std::from_chars(begin, end, number);
  if (read.ec == std::errc::result_out_of_range) {
    return fail("number too large to fit in target type");
  }
  if (read.ec != std::errc() || read.ptr != end) return fail("invalid digit found in string");
  return std::optional<uint32_t>(number);
}

}  // namespace

Result<Page> ReadPage(std::string_view query) {
  Page page;
  page.limit = TRY(FindNumber(query, "limit"));
  page.offset = TRY(FindNumber(query, "offset")).value_or(0);
  return page;
}

Status CheckReadLevel(std::string_view query) {
  const std::optional<std::string> level = TRY(Find(query, "read_level"));
  if (!level || *level == "index_and_wal" || *level == "index_only" ||
      *level == "index_and_bounded_wal") {
    return {};
  }
  return InvalidArgument(std::string(kProblem) + "read_level: unknown variant `" + *level +
                         "`, expected one of `index_and_wal`, `index_only`, "
                         "`index_and_bounded_wal`");
}

}  // namespace pannier::api
