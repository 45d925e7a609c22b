#include "lib/config/schema.h"

#include <algorithm>
#include <charconv>
#include <numeric>
#include <optional>
#include <sstream>

#include "lib/core/units.h"

namespace pannier::config {
namespace {

std::string Quoted(std::string_view text) { return "\"" + std::string(text) + "\""; }

// The text of a scalar, or what was expected instead.
Result<std::string> ScalarText(const Value& value, std::string_view expected) {
  if (value.kind == Value::Kind::kScalar) return value.scalar;
  const bool is_list = value.kind == Value::Kind::kList;
  return InvalidArgument("a " + std::string(is_list ? "list" : "map") + " is not " +
                         std::string(expected));
}

Error NotA(std::string_view text, std::string_view expected) {
  return InvalidArgument(Quoted(text) + " is not " + std::string(expected));
}

std::optional<uint64_t> ParseNumber(std::string_view text, int base) {
  uint64_t number = 0;
  const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), number, base);
  if (error != std::errc() || end != text.data() + text.size() || text.empty()) return std::nullopt;
  return number;
}

// The largest unit that says it without a remainder, in the form that is read back.
std::string BytesText(uint64_t bytes) {
  constexpr std::pair<uint64_t, const char*> kUnits[] = {
      {1_GiB << 10, "TiB"}, {1_GiB, "GiB"}, {1_MiB, "MiB"}, {1_KiB, "KiB"}};
  for (const auto& [unit, name] : kUnits) {
    if (bytes != 0 && bytes % unit == 0) return std::to_string(bytes / unit) + name;
  }
  return std::to_string(bytes) + "B";
}

std::string DurationText(std::chrono::milliseconds duration) {
  constexpr std::pair<int64_t, const char*> kUnits[] = {
      {86'400'000, "d"}, {3'600'000, "h"}, {60'000, "m"}, {1'000, "s"}};
  for (const auto& [unit, name] : kUnits) {
    if (duration.count() != 0 && duration.count() % unit == 0)
      return std::to_string(duration.count() / unit) + name;
  }
  return std::to_string(duration.count()) + (duration.count() == 0 ? "s" : "ms");
}

std::string ModeText(unsigned mode) {
  std::string digits = "0000";
  for (size_t i = 4; i-- > 0; mode >>= 3) digits[i] = static_cast<char>('0' + (mode & 7));
  return digits;
}

std::string Joined(const std::vector<std::string>& words) {
  std::string text;
  for (const std::string& word : words) text += (text.empty() ? "" : ", ") + word;
  return text;
}

size_t EditDistance(std::string_view a, std::string_view b) {
  std::vector<size_t> row(b.size() + 1);
  std::iota(row.begin(), row.end(), size_t{0});
  for (size_t i = 1; i <= a.size(); ++i) {
    size_t diagonal = row[0];
    row[0] = i;
    for (size_t j = 1; j <= b.size(); ++j) {
      const size_t substituted = diagonal + (a[i - 1] == b[j - 1] ? 0 : 1);
      diagonal = row[j];
      row[j] = std::min({row[j] + 1, row[j - 1] + 1, substituted});
    }
  }
  return row[b.size()];
}

std::string Suggestion(std::string_view word, const std::vector<std::string>& words) {
  const std::string nearest = NearestWord(word, words);
  if (!nearest.empty()) return " (did you mean " + Quoted(nearest) + "?)";
  return " (known: " + Joined(words) + ")";
}

std::string Join(std::string_view prefix, std::string_view key) {
  return prefix.empty() ? std::string(key) : std::string(prefix) + "." + std::string(key);
}

Error At(std::string_view file, int line, const std::string& what) {
  return InvalidArgument(std::string(file) + ":" + std::to_string(line) + ": " + what);
}

}  // namespace

std::string NearestWord(std::string_view word, const std::vector<std::string>& words) {
  std::string nearest;
  size_t nearest_distance = std::max<size_t>(2, word.size() / 3) + 1;
  for (const std::string& candidate : words) {
    const size_t distance = EditDistance(word, candidate);
    if (distance < nearest_distance && distance < candidate.size()) {
      nearest_distance = distance;
      nearest = candidate;
    }
  }
  return nearest;
}

void Schema::Text(std::string path, std::string* field, std::string description) {
  fields_.push_back({std::move(path), "text", *field, std::move(description),
                     [field](const Value& value) -> Status {
                       *field = TRY(ScalarText(value, "text"));
                       return {};
                     }});
}

void Schema::Texts(std::string path, std::vector<std::string>* field, std::string description) {
  fields_.push_back({std::move(path), "list of texts", "", std::move(description),
                     [field](const Value& value) -> Status {
                       std::vector<std::string> texts;
                       if (value.kind == Value::Kind::kList) {
                         for (const Value& item : value.items) {
                           texts.push_back(TRY(ScalarText(item, "text")));
                         }
                       } else {
                         std::istringstream words(TRY(ScalarText(value, "a list of texts")));
                         for (std::string word; std::getline(words, word, ',');) {
                           texts.push_back(word);
                         }
                       }
                       *field = std::move(texts);
                       return {};
                     }});
}

void Schema::Path(std::string path, std::filesystem::path* field, std::string description) {
  fields_.push_back({std::move(path), "path", field->string(), std::move(description),
                     [field](const Value& value) -> Status {
                       *field = TRY(ScalarText(value, "a path"));
                       return {};
                     }});
}

void Schema::Bool(std::string path, bool* field, std::string description) {
  fields_.push_back({std::move(path), "true, false", *field ? "true" : "false",
                     std::move(description), [field](const Value& value) -> Status {
                       const std::string text = TRY(ScalarText(value, "true or false"));
                       if (text != "true" && text != "false") return NotA(text, "true or false");
                       *field = text == "true";
                       return {};
                     }});
}

void Schema::AddInteger(std::string path, uint64_t current, Range range, std::string description,
                        std::function<void(uint64_t)> store) {
  const std::string allowed = std::to_string(range.min) + " … " + std::to_string(range.max);
  fields_.push_back({std::move(path), allowed, std::to_string(current), std::move(description),
                     [range, allowed, store = std::move(store)](const Value& value) -> Status {
                       const std::string text = TRY(ScalarText(value, "a whole number"));
                       const std::optional<uint64_t> number = ParseNumber(text, 10);
                       if (!number) return NotA(text, "a whole number");
                       if (*number < range.min || *number > range.max)
                         return InvalidArgument(text + " is outside of " + allowed);
                       store(*number);
                       return {};
                     }});
}

void Schema::Bytes(std::string path, uint64_t* field, Range range, std::string description) {
  const std::string allowed = BytesText(range.min) + " … " + BytesText(range.max);
  fields_.push_back({std::move(path), allowed, BytesText(*field), std::move(description),
                     [field, range, allowed](const Value& value) -> Status {
                       const std::string text = TRY(ScalarText(value, "a size (such as 64MiB)"));
                       const Result<uint64_t> bytes = ParseBytes(text);
                       if (!bytes.ok()) return NotA(text, "a size (such as 64MiB)");
                       if (*bytes < range.min || *bytes > range.max)
                         return InvalidArgument(text + " is outside of " + allowed);
                       *field = *bytes;
                       return {};
                     }});
}

void Schema::Duration(std::string path, std::chrono::milliseconds* field, DurationRange range,
                      std::string description) {
  const std::string allowed = DurationText(range.min) + " … " + DurationText(range.max);
  fields_.push_back({std::move(path), allowed, DurationText(*field), std::move(description),
                     [field, range, allowed](const Value& value) -> Status {
                       const std::string text = TRY(ScalarText(value, "a time span (such as 30s)"));
                       const Result<std::chrono::milliseconds> span = ParseDuration(text);
                       if (!span.ok()) return NotA(text, "a time span (such as 30s)");
                       if (*span < range.min || *span > range.max)
                         return InvalidArgument(text + " is outside of " + allowed);
                       *field = *span;
                       return {};
                     }});
}

void Schema::Mode(std::string path, unsigned* field, std::string description) {
  fields_.push_back({std::move(path), "\"0000\" … \"0777\"", "\"" + ModeText(*field) + "\"",
                     std::move(description), [field](const Value& value) -> Status {
                       constexpr std::string_view kExpected = "permissions (such as \"0660\")";
                       const std::string text = TRY(ScalarText(value, kExpected));
                       const std::optional<uint64_t> mode = ParseNumber(text, 8);
                       if (!mode || *mode > 0777 || text.size() < 3) return NotA(text, kExpected);
                       *field = static_cast<unsigned>(*mode);
                       return {};
                     }});
}

void Schema::AddChoice(std::string path, std::vector<std::string> words, std::string current,
                       std::string description, std::function<void(size_t)> store) {
  const std::string allowed = Joined(words);
  fields_.push_back(
      {std::move(path), allowed, std::move(current), std::move(description),
       [words = std::move(words), allowed, store = std::move(store)](const Value& value) -> Status {
         const std::string text = TRY(ScalarText(value, "one of " + allowed));
         const auto found = std::find(words.begin(), words.end(), text);
         if (found == words.end()) return NotA(text, "one of " + allowed);
         store(static_cast<size_t>(found - words.begin()));
         return {};
       }});
}

void Schema::AddItems(std::string path, std::string description, ReadItem read_item) {
  items_.emplace_back(path, std::move(read_item));
  fields_.push_back({std::move(path), "list", "[]", std::move(description), nullptr});
}

const Schema::Field* Schema::FindField(std::string_view path) const {
  const auto found = std::find_if(fields_.begin(), fields_.end(),
                                  [&](const Field& field) { return field.path == path; });
  return found == fields_.end() ? nullptr : &*found;
}

const Schema::ReadItem* Schema::FindItems(std::string_view path) const {
  for (const auto& [items_path, read_item] : items_) {
    if (items_path == path) return &read_item;
  }
  return nullptr;
}

bool Schema::IsSection(std::string_view path) const {
  const std::string start = std::string(path) + ".";
  return std::any_of(fields_.begin(), fields_.end(),
                     [&](const Field& field) { return field.path.starts_with(start); });
}

std::vector<std::string> Schema::WordsIn(std::string_view prefix) const {
  const std::string start = prefix.empty() ? "" : std::string(prefix) + ".";
  std::vector<std::string> words;
  for (const Field& field : fields_) {
    if (!field.path.starts_with(start)) continue;
    std::string word = field.path.substr(start.size());
    word = word.substr(0, word.find('.'));
    if (std::find(words.begin(), words.end(), word) == words.end()) words.push_back(word);
  }
  return words;
}

Status Schema::Read(const Value& document, std::string_view file) {
  return ReadMap(document, {file, ""});
}

Status Schema::ReadMap(const Value& map, Report at) {
  if (map.kind == Value::Kind::kNull) return {};
  if (map.kind != Value::Kind::kMap) {
    const std::string where = at.prefix.empty() ? "" : std::string(at.prefix) + ": ";
    return At(at.file, map.line, where + "expected keys and values");
  }
  for (const Member& member : map.members) TRY(ReadMember(member, at));
  return {};
}

Status Schema::ReadMember(const Member& member, Report at) {
  const std::string path = Join(at.prefix, member.key);
  if (member.key.find('.') != std::string::npos && (FindField(path) || IsSection(path))) {
    const size_t dot = member.key.find('.');
    return At(at.file, member.line,
              "the key " + Quoted(member.key) +
                  " must be written as levels: " + Quoted(member.key.substr(dot + 1)) + " below " +
                  Quoted(member.key.substr(0, dot)));
  }
  if (const ReadItem* read_item = FindItems(path); read_item != nullptr)
    return ReadList(*read_item, member.value, {at.file, path});
  if (const Field* field = FindField(path); field != nullptr) {
    if (member.value.kind == Value::Kind::kNull) return {};
    const Status read = field->read(member.value);
    if (read.ok()) return {};
    return At(at.file, member.line, path + ": " + read.error().what);
  }
  if (IsSection(path)) return ReadMap(member.value, {at.file, path});
  const std::string inside = at.prefix.empty() ? "" : " in " + std::string(at.prefix);
  return At(
      at.file, member.line,
      "unknown key " + Quoted(member.key) + inside + Suggestion(member.key, WordsIn(at.prefix)));
}

Status Schema::ReadList(const ReadItem& read_item, const Value& value, Report at) {
  if (value.kind == Value::Kind::kNull) return {};
  if (value.kind != Value::Kind::kList)
    return At(at.file, value.line, std::string(at.prefix) + ": expected a list");
  // Items have a schema of their own, whose paths start afresh.
  for (const Value& item : value.items) TRY(read_item(item, {at.file, ""}));
  return {};
}

// The nearest known path, or what there is in the section that `path` does name.
std::string Schema::SuggestionFor(std::string_view path) const {
  std::vector<std::string> paths;
  for (const Field& known : fields_) paths.push_back(known.path);
  const std::string nearest = NearestWord(path, paths);
  if (!nearest.empty()) return " (did you mean " + Quoted(nearest) + "?)";
  if (IsSection(path)) return " (known: " + JoinedIn(path) + ")";
  const size_t dot = path.rfind('.');
  const std::string_view section = dot == std::string_view::npos ? "" : path.substr(0, dot);
  return " (known: " + JoinedIn(IsSection(section) ? section : "") + ")";
}

std::string Schema::JoinedIn(std::string_view section) const {
  std::vector<std::string> paths;
  for (const std::string& word : WordsIn(section)) paths.push_back(Join(section, word));
  return Joined(paths);
}

Status Schema::Set(std::string_view path, const std::string& text, std::string_view origin) {
  const Field* field = FindField(path);
  const std::string where = std::string(origin) + ": ";
  if (field == nullptr) {
    return InvalidArgument(where + "unknown key " + Quoted(path) + SuggestionFor(path));
  }
  if (!field->read) return InvalidArgument(where + "a list can only be given in the file");
  Value value;
  value.kind = Value::Kind::kScalar;
  value.scalar = text;
  const Status read = field->read(value);
  if (!read.ok()) return InvalidArgument(where + read.error().what);
  return {};
}

std::vector<Schema::Field> Schema::fields() const {
  std::vector<Field> all = fields_;
  all.insert(all.end(), item_fields_.begin(), item_fields_.end());
  return all;
}

}  // namespace pannier::config
