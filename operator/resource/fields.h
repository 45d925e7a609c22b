// What the fields of a custom resource are: one table per struct, visited to read JSON, to write
// it, and to make the schema of its CustomResourceDefinition, so that the three cannot differ. A
// struct takes part by `void Fields(Visitor& v)`, which names its members once, in order. Threads:
// plain values and pure functions.
#pragma once

#include <cstdint>
#include <map>
#include <nlohmann/json.hpp>
#include <optional>
#include <span>
#include <string>
#include <vector>

#include "lib/core/clock.h"
#include "lib/core/result.h"

namespace pannier::control {

// A rule in CEL that the API server checks, also while our webhook is down.
struct Rule {
  std::string cel;
  std::string message;
  std::string path = {};  // of the field to blame, below the object that has the rule: ".endpoint"
  std::string reason = {};  // FieldValueInvalid when empty
};

// What a schema says of a field besides its type. Limits are checked when reading, too.
struct Field {
  const char* name = "";
  const char* help = "";
  bool required = false;
  std::optional<int64_t> min = {}, max = {};  // of a number
  int64_t length_max = 253;                   // of a string, in characters
  int64_t length_min = 0;
  const char* pattern = nullptr;  // of a string; the API server alone checks it
  bool quantity = false;          // a string (or the values of a map) as Kubernetes writes amounts
  int64_t items_max = 16;         // of a list or a map
  int64_t items_min = 0;
  const char* keys = nullptr;  // "podUID,storeName": makes a list a map by these members
  bool ordered = false;        // of a list of strings: order and repetition count
  std::vector<Rule> rules = {};
};

class Visitor {
 public:
  virtual ~Visitor() = default;

  // A string; empty is absent.
  virtual void Text(const Field& field, std::string* value) = 0;
  // A number or flag without optional has a default: what a new struct holds.
  virtual void Number(const Field& field, int64_t* value) = 0;
  virtual void Number(const Field& field, std::optional<int64_t>* value) = 0;
  virtual void Flag(const Field& field, bool* value) = 0;
  virtual void Time(const Field& field, std::optional<WallTime>* value) = 0;
  virtual void Texts(const Field& field, std::vector<std::string>* value) = 0;
  virtual void Map(const Field& field, std::map<std::string, std::string>* value) = 0;
  // Any JSON object, kept as its text; empty is absent.
  virtual void Raw(const Field& field, std::string* value) = 0;
  // Rules of the object whose fields are visited.
  virtual void Rules(const std::vector<Rule>&) {}

  // An enum class whose values count from zero, by their names.
  template <typename Enum>
  void Choice(const Field& field, Enum* value, std::span<const char* const> names) {
    int number = static_cast<int>(*value);
    Pick(field, &number, names);
    *value = static_cast<Enum>(number);
  }
  // An object that is always there in C++; in JSON it may be absent.
  template <typename T>
  void Object(const Field& field, T* value) {
    bool present = true;
    if (!Enter(field, &present)) return;
    value->Fields(*this);
    Leave();
  }
  template <typename T>
  void Object(const Field& field, std::optional<T>* value) {
    bool present = value->has_value();
    if (!Enter(field, &present)) return;
    if (!value->has_value()) value->emplace();
    (*value)->Fields(*this);
    LeaveOptional();
  }
  template <typename T>
  void List(const Field& field, std::vector<T>* list) {
    size_t count = list->size();
    if (!EnterList(field, &count)) return;
    list->resize(count);
    for (size_t i = 0; i < count; ++i) {
      EnterItem(i);
      (*list)[i].Fields(*this);
      LeaveItem();
    }
    LeaveList();
  }

 protected:
  virtual void Pick(const Field& field, int* value, std::span<const char* const> names) = 0;
  // Whether to visit inside; then Leave() follows. `present` says whether there is a value.
  virtual bool Enter(const Field& field, bool* present) = 0;
  virtual void Leave() = 0;
  virtual void LeaveOptional() {
    Leave();
  }  // an empty one is written as {}: that it is there counts
  virtual bool EnterList(const Field& field, size_t* count) = 0;
  virtual void EnterItem(size_t index) = 0;
  virtual void LeaveItem() = 0;
  virtual void LeaveList() = 0;
};

// Fills a struct from an object. Members that it does not know are left alone.
class Reader : public Visitor {
 public:
  // `path` names the object in errors: "spec". Strict ones report the first member that is not as
  // its field says; lenient ones pass over such members.
  enum class Mode { kStrict, kLenient };
  Reader(const nlohmann::json& object, std::string path, Mode mode = Mode::kStrict);
  //   kInvalidArgument  "spec.recovery.maxAttempts: must be at most 10"
  Status status() const { return status_; }

  void Text(const Field& field, std::string* value) override;
  void Number(const Field& field, int64_t* value) override;
  void Number(const Field& field, std::optional<int64_t>* value) override;
  void Flag(const Field& field, bool* value) override;
  void Time(const Field& field, std::optional<WallTime>* value) override;
  void Texts(const Field& field, std::vector<std::string>* value) override;
  void Map(const Field& field, std::map<std::string, std::string>* value) override;
  void Raw(const Field& field, std::string* value) override;

 protected:
  void Pick(const Field& field, int* value, std::span<const char* const> names) override;
  bool Enter(const Field& field, bool* present) override;
  void Leave() override;
  bool EnterList(const Field& field, size_t* count) override;
  void EnterItem(size_t index) override;
  void LeaveItem() override;
  void LeaveList() override;

 private:
  const nlohmann::json* Find(const Field& field);
  void Blame(const Field& field, const std::string& what);
  void Push(const nlohmann::json* place, std::string segment);
  void Pop();

  const Mode mode_;
  std::vector<const nlohmann::json*> places_;
  std::vector<std::string> path_;
  Status status_;
};

// Writes a struct as an object. Absent values are left out.
class Writer : public Visitor {
 public:
  Writer();
  nlohmann::json Take();

  void Text(const Field& field, std::string* value) override;
  void Number(const Field& field, int64_t* value) override;
  void Number(const Field& field, std::optional<int64_t>* value) override;
  void Flag(const Field& field, bool* value) override;
  void Time(const Field& field, std::optional<WallTime>* value) override;
  void Texts(const Field& field, std::vector<std::string>* value) override;
  void Map(const Field& field, std::map<std::string, std::string>* value) override;
  void Raw(const Field& field, std::string* value) override;

 protected:
  void Pick(const Field& field, int* value, std::span<const char* const> names) override;
  bool Enter(const Field& field, bool* present) override;
  void Leave() override;
  void LeaveOptional() override;
  bool EnterList(const Field& field, size_t* count) override;
  void EnterItem(size_t index) override;
  void LeaveItem() override;
  void LeaveList() override;

 private:
  void Put(const char* name, nlohmann::json value);
  std::vector<nlohmann::json> open_;  // objects and lists begun, outermost first
  std::vector<std::string> names_;    // of open_, without the outermost
};

template <typename T>
Result<T> ReadFields(const nlohmann::json& object, const std::string& path,
                     Reader::Mode mode = Reader::Mode::kStrict) {
  T value;
  Reader reader(object, path, mode);
  value.Fields(reader);
  TRY(reader.status());
  return value;
}

// By value: a visit may change what it visits.
template <typename T>
nlohmann::json WriteFields(T value) {
  Writer writer;
  value.Fields(writer);
  return writer.Take();
}

}  // namespace pannier::control
