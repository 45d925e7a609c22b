#include "lib/config/value.h"

#include <yaml-cpp/eventhandler.h>
#include <yaml-cpp/yaml.h>

#include <algorithm>
#include <exception>
#include <map>
#include <optional>
#include <sstream>

namespace pannier::config {
namespace {

Error At(std::string_view file, int line, const std::string& what) {
  return InvalidArgument(std::string(file) + ":" + std::to_string(line) + ": " + what);
}

int LineOf(const YAML::Mark& mark) { return mark.line + 1; }

// Builds our tree from the parser's events. Not over YAML::LoadAll: it never returns from a text
// that begins with a comma, and it expands aliases without limit. After the first error the rest of
// the events is ignored.
class Builder final : public YAML::EventHandler {
 public:
  explicit Builder(std::string_view file) : file_(file) {}

  Result<Value> Take() {
    if (!status_.ok()) return std::move(status_).error();
    return std::move(root_);
  }

  void OnDocumentStart(const YAML::Mark&) override {}
  void OnDocumentEnd() override {}
  void OnNull(const YAML::Mark& mark, YAML::anchor_t anchor) override {
    Add(Start(mark, Value::Kind::kNull), anchor);
  }
  void OnScalar(const YAML::Mark& mark, const std::string& tag, YAML::anchor_t anchor,
                const std::string& text) override {
    Value value = Start(mark, Value::Kind::kScalar);
    value.scalar = text;
    value.quoted = tag == "!";
    Add(std::move(value), anchor);
  }
  void OnAlias(const YAML::Mark& mark, YAML::anchor_t anchor) override {
    const auto found = anchors_.find(anchor);
    if (found == anchors_.end()) return Refuse(LineOf(mark), "an alias inside of what it names");
    Value copy = found->second;
    copy.line = LineOf(mark);
    if (!status_.ok() || !Count(copy)) return;
    Add(std::move(copy), 0);
  }
  void OnSequenceStart(const YAML::Mark& mark, const std::string&, YAML::anchor_t anchor,
                       YAML::EmitterStyle::value) override {
    Open(Start(mark, Value::Kind::kList), anchor);
  }
  void OnMapStart(const YAML::Mark& mark, const std::string&, YAML::anchor_t anchor,
                  YAML::EmitterStyle::value) override {
    Open(Start(mark, Value::Kind::kMap), anchor);
  }
  void OnSequenceEnd() override { Close(); }
  void OnMapEnd() override { Close(); }

 private:
  struct Frame {
    Value value;
    YAML::anchor_t anchor = 0;
    std::optional<Member> key;  // of a map: read, and its value is still to come
  };

  void Refuse(int line, const std::string& what) {
    if (status_.ok()) status_ = At(file_, line, what);
  }

  static Value Start(const YAML::Mark& mark, Value::Kind kind) {
    Value value;
    value.kind = kind;
    value.line = LineOf(mark);
    return value;
  }

  // Counts `value` and all below it; false past the limit.
  bool Count(const Value& value) {
    if (++values_ > kYamlValuesMax) Refuse(value.line, "too many values");
    for (const Value& item : value.items) {
      if (!status_.ok() || !Count(item)) return false;
    }
    for (const Member& member : value.members) {
      if (!status_.ok() || !Count(member.value)) return false;
    }
    return status_.ok();
  }

  void Open(Value value, YAML::anchor_t anchor) {
    if (open_.size() >= kYamlDepthMax) Refuse(value.line, "nested too deeply");
    if (status_.ok()) open_.push_back({std::move(value), anchor, std::nullopt});
  }

  void Close() {
    if (!status_.ok()) return;
    Frame frame = std::move(open_.back());
    open_.pop_back();
    Add(std::move(frame.value), frame.anchor);
  }

  // Puts a whole value where it belongs.
  void Add(Value value, YAML::anchor_t anchor) {
    if (!status_.ok()) return;
    if (++values_ > kYamlValuesMax) return Refuse(value.line, "too many values");
    if (anchor != 0) anchors_[anchor] = value;
    if (open_.empty()) {
      root_ = std::move(value);
    } else if (open_.back().value.kind == Value::Kind::kList) {
      open_.back().value.items.push_back(std::move(value));
    } else {
      AddToMap(open_.back(), std::move(value));
    }
  }

  void AddToMap(Frame& map, Value value) {
    if (map.key) {
      map.key->value = std::move(value);
      map.value.members.push_back(*std::move(map.key));
      map.key.reset();
    } else if (value.kind != Value::Kind::kScalar) {
      Refuse(value.line, "a key must be a plain word");
    } else if (map.value.Find(value.scalar) != nullptr) {
      Refuse(value.line, "the key \"" + value.scalar + "\" is there twice");
    } else {
      map.key = Member{std::move(value.scalar), value.line, {}};
    }
  }

  const std::string_view file_;
  Status status_;
  size_t values_ = 0;
  Value root_;
  std::vector<Frame> open_;  // outermost first
  std::map<YAML::anchor_t, Value> anchors_;
};

void Emit(YAML::Emitter& out, const Value& value) {
  switch (value.kind) {
    case Value::Kind::kNull:
      out << YAML::Null;
      break;
    case Value::Kind::kScalar:
      if (value.quoted || value.scalar.empty()) out << YAML::DoubleQuoted;
      out << value.scalar;
      break;
    case Value::Kind::kList:
      if (value.items.empty()) out << YAML::Flow;
      out << YAML::BeginSeq;
      for (const Value& item : value.items) Emit(out, item);
      out << YAML::EndSeq;
      break;
    case Value::Kind::kMap:
      if (value.members.empty()) out << YAML::Flow;
      out << YAML::BeginMap;
      for (const Member& member : value.members) {
        out << YAML::Key << member.key << YAML::Value;
        Emit(out, member.value);
      }
      out << YAML::EndMap;
      break;
  }
}

}  // namespace

const Value* Value::Find(std::string_view key) const {
  const auto found = std::find_if(members.begin(), members.end(),
                                  [&](const Member& member) { return member.key == key; });
  return found == members.end() ? nullptr : &found->value;
}

namespace {
// YAML allows no control characters but tab and line ends, and yaml-cpp 0.7 can loop for ever on
// some that it is given all the same.
Status CheckCharacters(std::string_view text, std::string_view file) {
  int line = 1;
  for (const char c : text) {
    if (c == '\n') ++line;
    const auto byte = static_cast<unsigned char>(c);
    const bool allowed = byte >= 0x20 ? byte != 0x7F : c == '\n' || c == '\r' || c == '\t';
    if (!allowed) return At(file, line, "a control character; is this a text file?");
  }
  return {};
}
}  // namespace

Result<Value> ParseYaml(std::string_view text, std::string_view file) {
  TRY(CheckCharacters(text, file));
  Builder first(file);
  try {
    std::istringstream stream{std::string(text)};
    YAML::Parser parser(stream);
    if (!parser.HandleNextDocument(first)) return Value{};
    Builder second(file);
    const bool is_alone = !parser.HandleNextDocument(second);
    Value root = TRY(first.Take());
    if (is_alone) return root;
    return At(file, TRY(second.Take()).line, "only one document is expected");
  } catch (const YAML::Exception& error) {
    TRY(first.Take());  // what we found first says more: the parser's own depth has an end, too
    return At(file, LineOf(error.mark), error.msg);
  } catch (const std::exception& error) {
    return At(file, 1, error.what());
  }
}

std::string WriteYaml(const Value& value) {
  YAML::Emitter out;
  Emit(out, value);
  return std::string(out.c_str()) + "\n";
}

}  // namespace pannier::config
