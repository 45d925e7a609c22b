#include "lib/json/reader.h"

#include <simdjson.h>

#include <atomic>
#include <cstring>
#include <string>
#include <utility>

#include "lib/core/check.h"
#include "lib/json/widen.h"

namespace pannier::json {

namespace dom = simdjson::dom;

static_assert(kPadding >= simdjson::SIMDJSON_PADDING);
static_assert(sizeof(dom::element) == 16 && alignof(dom::element) <= 8);
static_assert(std::is_trivially_copyable_v<dom::element>);

// Moves elements in and out of Value's bytes.
struct ValueAccess {
  static dom::element Get(const Value& value) {
    dom::element element;
    std::memcpy(static_cast<void*>(&element), value.node_, sizeof(element));
    return element;
  }
  static Value Make(const dom::element& element) {
    Value value;
    std::memcpy(value.node_, static_cast<const void*>(&element), sizeof(element));
    return value;
  }
};

namespace {

// simdjson asks of memory, per byte of text: a tape entry of 8, a structural index of 4, and up to
// 5/3 for strings.
constexpr size_t kMemoryPerByte = 14;
constexpr size_t kMemoryKeptMax = 1 << 20;
constexpr size_t kCapacityKeptMax = kMemoryKeptMax / kMemoryPerByte;
constexpr size_t kDocumentsKeptMax = 2;  // per thread

template <typename T>
T Take(simdjson::simdjson_result<T> result) {
  T value;
  const simdjson::error_code error = std::move(result).get(value);
  CHECK(error == simdjson::SUCCESS);
  return value;
}

// simdjson's counts saturate here.
constexpr size_t kCountMax = 0xFFFFFF;

template <typename Container>
size_t Count(const Container& container) {
  const size_t count = container.size();
  if (count < kCountMax) return count;
  size_t counted = 0;
  for ([[maybe_unused]] auto child : container) ++counted;
  return counted;
}

bool NarrowNumber(const dom::element& element, float* out) {
  switch (element.type()) {
    case dom::element_type::DOUBLE:
      *out = static_cast<float>(Take(element.get_double()));
      return true;
    case dom::element_type::INT64:
      *out = static_cast<float>(Take(element.get_int64()));
      return true;
    case dom::element_type::UINT64:
      *out = static_cast<float>(Take(element.get_uint64()));
      return true;
    default:
      return false;
  }
}

}  // namespace

Kind Value::kind() const {
  switch (ValueAccess::Get(*this).type()) {
    case dom::element_type::ARRAY:
      return Kind::kArray;
    case dom::element_type::OBJECT:
      return Kind::kObject;
    case dom::element_type::INT64:
      return Kind::kInt;
    case dom::element_type::UINT64:  // only what does not fit int64
    case dom::element_type::DOUBLE:
      return Kind::kDouble;
    case dom::element_type::STRING:
      return Kind::kString;
    case dom::element_type::BOOL:
      return Kind::kBool;
    case dom::element_type::NULL_VALUE:
      return Kind::kNull;
  }
  return Kind::kNull;
}

bool Value::AsBool() const { return Take(ValueAccess::Get(*this).get_bool()); }
int64_t Value::AsInt() const { return Take(ValueAccess::Get(*this).get_int64()); }
double Value::AsDouble() const { return Take(ValueAccess::Get(*this).get_double()); }
std::optional<uint64_t> Value::AsUnsigned() const {
  const dom::element element = ValueAccess::Get(*this);
  if (!element.is_uint64()) return std::nullopt;
  return Take(element.get_uint64());
}
std::string_view Value::AsString() const { return Take(ValueAccess::Get(*this).get_string()); }

size_t Value::size() const {
  const dom::element element = ValueAccess::Get(*this);
  return element.is_object() ? Count(Take(element.get_object())) : Count(Take(element.get_array()));
}

void Value::VisitElements(ElementVisitor visit, void* context) const {
  for (const dom::element element : Take(ValueAccess::Get(*this).get_array())) {
    if (!visit(context, ValueAccess::Make(element))) return;
  }
}

void Value::VisitMembers(MemberVisitor visit, void* context) const {
  for (const dom::key_value_pair member : Take(ValueAccess::Get(*this).get_object())) {
    if (!visit(context, member.key, ValueAccess::Make(member.value))) return;
  }
}

std::optional<Value> Value::Find(std::string_view key) const {
  std::optional<Value> found;
  ForEachMember([&](std::string_view name, Value member) {
    if (name == key) found = member;
    return true;
  });
  return found;
}

bool Value::AppendFloats(std::vector<float>* out) const {
  const dom::array array = Take(ValueAccess::Get(*this).get_array());
  const size_t before = out->size();
  for (const dom::element element : array) {
    float number = 0;
    if (!NarrowNumber(element, &number)) {
      out->resize(before);
      return false;
    }
    out->push_back(number);
  }
  return true;
}

namespace {
std::atomic<size_t> depth_max{kDepthMax};
}  // namespace

void SetDepthMax(int depth) { depth_max = static_cast<size_t>(depth); }

class Document::Impl {
 public:
  explicit Impl(size_t depth_max) : depth_max_(depth_max) { Reset(); }

  void Reset() {
    parser_ = std::make_unique<dom::parser>();
    // The depth can only be given together with a capacity; later growth keeps it.
    depth_set_ = parser_->allocate(64, depth_max_) == simdjson::SUCCESS;
  }

  size_t capacity() const { return parser_->capacity(); }

  Result<Value> Parse(std::string_view text) {
    if (!depth_set_) return ResourceExhausted("no memory to read JSON");
    dom::element root;
    simdjson::error_code error = ParsePadded(text, &root);
    if (error == simdjson::NUMBER_ERROR) {
      std::string widened;
      if (WidenIntegers(text, &widened)) {
        widened.reserve(widened.size() + kPadding);
        error = ParsePadded(widened, &root);
      }
    }
    if (error == simdjson::SUCCESS) return ValueAccess::Make(root);
    if (error == simdjson::MEMALLOC || error == simdjson::CAPACITY) {
      return ResourceExhausted("no memory to read JSON of " + std::to_string(text.size()) +
                               " bytes");
    }
    return InvalidArgument(simdjson::error_message(error));
  }

 private:
  simdjson::error_code ParsePadded(std::string_view text, dom::element* root) {
    return parser_->parse(text.data(), text.size(), /*realloc_if_needed=*/false).get(*root);
  }

  const size_t depth_max_;
  std::unique_ptr<dom::parser> parser_;
  bool depth_set_ = false;
};

Document::Document() : impl_(std::make_unique<Impl>(depth_max)) {}
Document::Document(int depth) : impl_(std::make_unique<Impl>(static_cast<size_t>(depth))) {}
Document::~Document() = default;

Result<Value> Document::Parse(std::string_view text) { return impl_->Parse(text); }

Result<Value> Document::ParseCopy(std::string_view text) {
  std::string padded;
  padded.reserve(text.size() + kPadding);
  padded.append(text);
  return impl_->Parse(padded);
}

size_t Document::MemoryKept() const { return impl_->capacity() * kMemoryPerByte; }

void Document::Trim() {
  if (impl_->capacity() > kCapacityKeptMax) impl_->Reset();
}

namespace {
thread_local std::vector<std::unique_ptr<Document>> idle_documents;
}

BorrowedDocument::BorrowedDocument() {
  if (idle_documents.empty()) {
    document_ = std::make_unique<Document>();
  } else {
    document_ = std::move(idle_documents.back());
    idle_documents.pop_back();
  }
}

BorrowedDocument::~BorrowedDocument() {
  if (idle_documents.size() >= kDocumentsKeptMax) return;
  document_->Trim();
  idle_documents.push_back(std::move(document_));
}

}  // namespace pannier::json
