#include "daemon/rescue/id_map.h"

#include <algorithm>
#include <optional>
#include <set>
#include <utility>
#include <vector>

#include "daemon/rescue/little_endian.h"

namespace pannier::rescue {
namespace {

constexpr uint32_t kOpcodesMax = 400'000'000;  // of the largest map that memory could hold

struct Value {
  enum class Kind : uint8_t { kMark, kOther, kInt, kText, kDictionary };
  Kind kind = Kind::kOther;
  int64_t number = 0;     // of kInt; of kDictionary: its place in the machine's list
  std::string_view text;  // of kText; lives in the file
};

using Dictionary = std::vector<std::pair<Value, Value>>;

// A stack machine for the opcodes that Chroma's writers use.
class Machine {
 public:
  explicit Machine(std::string_view bytes) : rest_(bytes) {}

  // Why it ended early; empty when it came to the end.
  std::string Run() {
    for (uint32_t count = 0; count < kOpcodesMax; ++count) {
      if (rest_.empty()) return "it is cut off";
      const auto opcode = static_cast<unsigned char>(Take(1).front());
      if (opcode == '.') return {};
      if (!Step(opcode)) return short_ ? "it is cut off" : "it is not as Chroma writes it";
    }
    return "it is too long";
  }

  // Puts what is still open on the stack into its dictionaries, as if the file had ended well.
  void CloseOpen() {
    while (std::any_of(stack_.begin(), stack_.end(),
                       [](const Value& v) { return v.kind == Value::Kind::kMark; })) {
      const size_t mark = LastMark();
      if ((stack_.size() - mark - 1) % 2 == 1) stack_.pop_back();
      if (!SetItems()) stack_.resize(mark);
    }
  }

  // The dictionary that a dictionary on the stack holds under `key`.
  const Dictionary* Member(std::string_view key) const {
    for (const Value& value : stack_) {
      if (value.kind != Value::Kind::kDictionary) continue;
      for (const auto& [name, member] : DictionaryOf(value)) {
        if (name.kind == Value::Kind::kText && name.text == key &&
            member.kind == Value::Kind::kDictionary) {
          return &DictionaryOf(member);
        }
      }
    }
    return nullptr;
  }

 private:
  std::string_view Take(uint64_t count) {
    if (count > rest_.size()) {
      short_ = true;
      return {};
    }
    const std::string_view taken = rest_.substr(0, count);
    rest_.remove_prefix(count);
    return taken;
  }

  template <typename T>
  std::optional<T> Number() {
    const std::string_view bytes = Take(sizeof(T));
    if (short_) return std::nullopt;
    return ReadLittle<T>(bytes);
  }

  template <typename T>
  bool Skip() {
    return Number<T>().has_value();
  }

  bool Push(Value value) {
    stack_.push_back(value);
    return true;
  }

  bool Pop(size_t count) {
    if (stack_.size() < count) return false;
    stack_.resize(stack_.size() - count);
    return true;
  }

  // Replaces the uppermost `count` by something of which nothing is asked.
  bool Fold(size_t count) { return Pop(count) && Push({}); }

  template <typename T>
  bool PushInt() {
    const auto number = Number<T>();
    return number && Push({Value::Kind::kInt, static_cast<int64_t>(*number), {}});
  }

  bool PushLong() {
    const auto length = Number<uint8_t>();
    if (!length || *length > 8) return false;
    const std::string_view bytes = Take(*length);
    if (short_) return false;
    uint64_t number = !bytes.empty() && (bytes.back() & 0x80) != 0 ? ~uint64_t{0} : 0;
    for (size_t i = bytes.size(); i-- > 0;)
      number = number << 8 | static_cast<unsigned char>(bytes[i]);
    return Push({Value::Kind::kInt, static_cast<int64_t>(number), {}});
  }

  template <typename Length>
  bool PushText() {
    const auto length = Number<Length>();
    if (!length) return false;
    const std::string_view text = Take(*length);
    return !short_ && Push({Value::Kind::kText, 0, text});
  }

  bool PushDictionary() {
    dictionaries_.emplace_back();
    return Push({Value::Kind::kDictionary, static_cast<int64_t>(dictionaries_.size() - 1), {}});
  }

  bool PushGlobal() {  // two lines
    for (int line = 0; line < 2; ++line) {
      const size_t end = rest_.find('\n');
      if (end == std::string_view::npos) {
        short_ = true;
        return false;
      }
      rest_.remove_prefix(end + 1);
    }
    return Push({});
  }

  bool Remember() {
    if (stack_.empty()) return false;
    memo_.push_back(stack_.back());
    return true;
  }

  // Writers number their memo from 0 on.
  template <typename Index>
  bool RememberAt() {
    const auto index = Number<Index>();
    return index && *index == memo_.size() && Remember();
  }

  template <typename Index>
  bool Recall() {
    const auto index = Number<Index>();
    return index && *index < memo_.size() && Push(memo_[*index]);
  }

  size_t LastMark() const {
    size_t at = stack_.size();
    while (at > 0 && stack_[at - 1].kind != Value::Kind::kMark) --at;
    return at - 1;  // wraps when there is none; callers look
  }

  bool SetItems() {
    const size_t mark = LastMark();
    if (mark >= stack_.size() || mark == 0) return false;
    if (stack_[mark - 1].kind != Value::Kind::kDictionary) return false;
    if ((stack_.size() - mark - 1) % 2 != 0) return false;
    Dictionary& into = dictionaries_[static_cast<size_t>(stack_[mark - 1].number)];
    for (size_t i = mark + 1; i < stack_.size(); i += 2)
      into.emplace_back(stack_[i], stack_[i + 1]);
    stack_.resize(mark);
    return true;
  }

  bool SetItem() {
    if (stack_.size() < 3 || stack_[stack_.size() - 3].kind != Value::Kind::kDictionary)
      return false;
    const size_t at = stack_.size() - 3;
    dictionaries_[static_cast<size_t>(stack_[at].number)].emplace_back(stack_[at + 1],
                                                                       stack_[at + 2]);
    return Pop(2);
  }

  bool Tuple() {
    const size_t mark = LastMark();
    return mark < stack_.size() && Fold(stack_.size() - mark);
  }

  // An object's state stands for the object.
  bool Build() {
    if (stack_.size() < 2) return false;
    const Value state = stack_.back();
    return Pop(2) && Push(state);
  }

  bool Step(unsigned char opcode);
  bool StepMemo(unsigned char opcode);

  const Dictionary& DictionaryOf(const Value& value) const {
    return dictionaries_[static_cast<size_t>(value.number)];
  }

  std::string_view rest_;
  bool short_ = false;
  std::vector<Value> stack_, memo_;
  std::vector<Dictionary> dictionaries_;
};

bool Machine::Step(unsigned char opcode) {
  switch (opcode) {
    case 0x80:  // PROTO
      return Skip<uint8_t>();
    case 0x95:  // FRAME
      return Skip<uint64_t>();
    case '(':  // MARK
      return Push({Value::Kind::kMark, 0, {}});
    case 'N':   // NONE
    case 0x88:  // NEWTRUE
    case 0x89:  // NEWFALSE
    case ')':   // EMPTY_TUPLE
      return Push({});
    case 'J':  // BININT
      return PushInt<int32_t>();
    case 'K':  // BININT1
      return PushInt<uint8_t>();
    case 'M':  // BININT2
      return PushInt<uint16_t>();
    case 0x8a:  // LONG1
      return PushLong();
    case 'G':  // BINFLOAT
      return Skip<uint64_t>() && Push({});
    case 0x8c:  // SHORT_BINUNICODE
      return PushText<uint8_t>();
    case 'X':  // BINUNICODE
      return PushText<uint32_t>();
    case 0x8d:  // BINUNICODE8
      return PushText<uint64_t>();
    case '}':  // EMPTY_DICT
      return PushDictionary();
    case 's':
      return SetItem();
    case 'u':
      return SetItems();
    default:
      return StepMemo(opcode);
  }
}

bool Machine::StepMemo(unsigned char opcode) {
  switch (opcode) {
    case 0x94:  // MEMOIZE
      return Remember();
    case 'q':  // BINPUT
      return RememberAt<uint8_t>();
    case 'r':  // LONG_BINPUT
      return RememberAt<uint32_t>();
    case 'h':  // BINGET
      return Recall<uint8_t>();
    case 'j':  // LONG_BINGET
      return Recall<uint32_t>();
    case 'c':  // GLOBAL
      return PushGlobal();
    case 0x85:  // TUPLE1
      return Fold(1);
    case 't':
      return Tuple();
    case 0x86:  // TUPLE2
    case 0x93:  // STACK_GLOBAL
    case 0x81:  // NEWOBJ
    case 'R':   // REDUCE
      return Fold(2);
    case 'b':
      return Build();
    default:
      return false;
  }
}

// Adds what one of the two dictionaries says; labels of which it says something else are doubtful.
void Add(const Dictionary& entries, bool label_first, IdMap* map, std::set<uint64_t>* doubtful) {
  for (const auto& [key, value] : entries) {
    const Value& label = label_first ? key : value;
    const Value& id = label_first ? value : key;
    if (label.kind != Value::Kind::kInt || id.kind != Value::Kind::kText || label.number < 0)
      continue;
    const auto at = static_cast<uint64_t>(label.number);
    const auto [place, added] = map->ids.emplace(at, id.text);
    if (!added && place->second != id.text) doubtful->insert(at);
  }
}

}  // namespace

IdMap ReadIdMap(std::string_view pickle) {
  IdMap map;
  Machine machine(pickle);
  map.problem = machine.Run();
  machine.CloseOpen();
  std::set<uint64_t> doubtful;
  const Dictionary* by_id = machine.Member("id_to_label");
  const Dictionary* by_label = machine.Member("label_to_id");
  if (by_id != nullptr) Add(*by_id, false, &map, &doubtful);
  if (by_label != nullptr) Add(*by_label, true, &map, &doubtful);
  for (const uint64_t label : doubtful) map.ids.erase(label);
  if (!map.whole()) return map;
  if (by_id == nullptr || by_label == nullptr) map.problem = "it has no ids";
  if (!doubtful.empty()) map.problem = "it contradicts itself";
  return map;
}

}  // namespace pannier::rescue
