// The keys of a program's configuration: where each goes, what it may be, what it means.
//
// One table serves three masters: it fills the program's config struct from YAML and from flags, it
// refuses what it does not know (with file, line and the nearest known key), and it writes the
// reference in docs/. The defaults are what the struct holds when the table is made.
//
//   DaemonConfig config;
//   Schema schema;
//   schema.Bytes("memory.budget", &config.memory_budget, {64_MiB, 1_TiB}, "Counted memory of all
//   …"); TRY(schema.Read(TRY(ParseYaml(text, file)), file)); TRY(schema.Set("memory.budget",
//   "1GiB", "--memory"));
//
// Threads: one. Lifetime: the bound fields outlive the Schema.
#pragma once

#include <chrono>
#include <cstdint>
#include <filesystem>
#include <functional>
#include <limits>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "lib/config/value.h"
#include "lib/core/result.h"

namespace pannier::config {

// Inclusive.
struct Range {
  uint64_t min = 0;
  uint64_t max = std::numeric_limits<uint64_t>::max();
};
struct DurationRange {
  std::chrono::milliseconds min{0};
  std::chrono::milliseconds max = std::chrono::hours(24 * 365);
};

class Schema {
 public:
  struct Field {
    std::string path;          // "listen.socket.mode"
    std::string allowed;       // what it may be, for people: "1 … 65536"
    std::string default_text;  // as YAML; empty for none
    std::string description;   // sentences
    // Takes a value of the file into the program's field.
    //   kInvalidArgument  what it must be instead, without file and key
    std::function<Status(const Value&)> read;
  };

  void Text(std::string path, std::string* field, std::string description);
  // A list of texts; from a flag, with commas between them.
  void Texts(std::string path, std::vector<std::string>* field, std::string description);
  void Path(std::string path, std::filesystem::path* field, std::string description);
  void Bool(std::string path, bool* field, std::string description);
  // A whole number.
  template <typename T>
  void Integer(std::string path, T* field, Range range, std::string description) {
    AddInteger(std::move(path), *field, range, std::move(description),
               [field](uint64_t number) { *field = static_cast<T>(number); });
  }
  // A size with its unit, as 64MiB.
  void Bytes(std::string path, uint64_t* field, Range range, std::string description);
  // A time span with its unit, as 30s.
  void Duration(std::string path, std::chrono::milliseconds* field, DurationRange range,
                std::string description);
  // Permissions as octal digits, "0660".
  void Mode(std::string path, unsigned* field, std::string description);
  // One of a few words, each of which stands for a value.
  template <typename T>
  void Choice(std::string path, T* field, std::vector<std::pair<std::string, T>> choices,
              std::string description) {
    std::vector<std::string> words;
    std::string current;
    for (const auto& [word, value] : choices) {
      words.push_back(word);
      if (value == *field) current = word;
    }
    AddChoice(
        std::move(path), std::move(words), std::move(current), std::move(description),
        [field, choices = std::move(choices)](size_t index) { *field = choices[index].second; });
  }
  // A list of maps, each read into a fresh T by a schema of its own: `bind` adds the keys of an
  // item, bound to that item, to the schema it is given.
  template <typename T>
  void Items(std::string path, std::vector<T>* field, std::string description,
             void (*bind)(Schema&, T&)) {
    T sample;
    Schema keys;
    bind(keys, sample);
    for (const Field& key : keys.fields_) {
      item_fields_.push_back(key);
      item_fields_.back().path = path + "[]." + key.path;
      item_fields_.back().read = nullptr;  // it would write into the sample
    }
    AddItems(std::move(path), std::move(description),
             [field, bind](const Value& value, Report at) -> Status {
               T item;
               Schema item_keys;
               bind(item_keys, item);
               TRY(item_keys.ReadMap(value, at));
               field->push_back(std::move(item));
               return {};
             });
  }

  // Takes over what the document says; a key without a value keeps the default.
  //   kInvalidArgument  "pannierd.yaml:3: unknown key "memmory" (did you mean "memory"?)",
  //                     "pannierd.yaml:4: memory.budget: "1 gig" is not a size (such as 64MiB)"
  Status Read(const Value& document, std::string_view file);

  // Sets one key from a flag or the environment; `origin` is how the user spelled it ("--socket").
  //   kInvalidArgument  no such key, or not a value for it
  Status Set(std::string_view path, const std::string& text, std::string_view origin);

  // In the order they were added; keys of list items last, as "repositories[].name", without
  // `read`.
  std::vector<Field> fields() const;

 private:
  std::string SuggestionFor(std::string_view path) const;
  std::string JoinedIn(std::string_view section) const;
  // Where a value stands, for error texts: the file, and the path of the map it lies in.
  struct Report {
    std::string_view file;
    std::string_view prefix;
  };
  using ReadItem = std::function<Status(const Value&, Report)>;

  void AddInteger(std::string path, uint64_t current, Range range, std::string description,
                  std::function<void(uint64_t)> store);
  void AddChoice(std::string path, std::vector<std::string> words, std::string current,
                 std::string description, std::function<void(size_t)> store);
  void AddItems(std::string path, std::string description, ReadItem read_item);

  Status ReadMap(const Value& map, Report at);
  Status ReadMember(const Member& member, Report at);
  Status ReadList(const ReadItem& read_item, const Value& value, Report at);
  const Field* FindField(std::string_view path) const;
  const ReadItem* FindItems(std::string_view path) const;
  bool IsSection(std::string_view path) const;
  // The paths that lie directly in the section `prefix` ("" for the root), without it.
  std::vector<std::string> WordsIn(std::string_view prefix) const;

  std::vector<Field> fields_;
  std::vector<Field> item_fields_;
  std::vector<std::pair<std::string, ReadItem>> items_;
};

// The entry of `words` nearest to `word` by single-letter edits, when it is near enough to be what
// was meant; else empty.
std::string NearestWord(std::string_view word, const std::vector<std::string>& words);

}  // namespace pannier::config
