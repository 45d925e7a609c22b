#include "operator/kube/watch_lines.h"

#include <nlohmann/json.hpp>
#include <utility>

#include "lib/json/cold.h"
#include "operator/kube/api_error.h"
#include "operator/kube/object.h"

namespace pannier::kube {
namespace {

using Json = nlohmann::json;

constexpr size_t kKeptBytesMax = 64 << 10;  // what a rare long line leaves behind

int CodeOf(const Json& status) {
  const auto code = status.find("code");
  return code != status.end() && code->is_number_integer() ? code->get<int>() : 500;
}

}  // namespace

bool WatchLines::Take(std::string_view bytes) {
  while (status_.ok() && !bytes.empty()) {
    const size_t end = bytes.find('\n');
    const std::string_view piece = bytes.substr(0, end);
    if (line_.size() + piece.size() > line_bytes_max_) {
      status_ = ResourceExhausted(doing_ + ": an event of more than " +
                                  std::to_string(line_bytes_max_) + " bytes");
      break;
    }
    if (end == std::string_view::npos) {
      line_.append(piece);
      break;
    }
    if (line_.empty()) {
      status_ = TakeLine(piece);
    } else {
      line_.append(piece);
      status_ = TakeLine(line_);
      line_.clear();
      if (line_.capacity() > kKeptBytesMax) line_.shrink_to_fit();
    }
    bytes.remove_prefix(end + 1);
  }
  return status_.ok();
}

Status WatchLines::TakeLine(std::string_view line) {
  if (line.empty()) return {};
  Result<Json> event = json::ParseCold(line);
  if (!event.ok() || !event->is_object()) return Internal(doing_ + ": a line that is no event");
  const std::string type = TextAt(*event, "/type");
  const auto object = event->find("object");
  if (object == event->end()) return Internal(doing_ + ": an event without an object");
  if (type == "ERROR") return ApiError(CodeOf(*object), *object, doing_);
  static const std::pair<std::string_view, WatchSink::Type> kTypes[] = {
      {"ADDED", WatchSink::Type::kAdded},
      {"MODIFIED", WatchSink::Type::kModified},
      {"DELETED", WatchSink::Type::kDeleted},
      {"BOOKMARK", WatchSink::Type::kBookmark}};
  for (const auto& [name, value] : kTypes) {
    if (type != name) continue;
    sink_.OnEvent(value, *object);
    return {};
  }
  return Internal(doing_ + ": an event of unknown type");
}

}  // namespace pannier::kube
