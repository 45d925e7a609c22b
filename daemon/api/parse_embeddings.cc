#include "daemon/api/parse_embeddings.h"

#include <bit>
#include <string>

#include "daemon/api/body.h"
#include "lib/json/base64.h"

namespace pannier::api {
namespace {

static_assert(std::endian::native == std::endian::little, "base64 embeddings are little-endian");

// Without a branch per element, so that the compiler makes vector code of it.
bool AllFinite(const std::vector<float>& numbers, size_t begin) {
  constexpr uint32_t kExponent = 0x7F800000;  // all ones: infinity or NaN
  uint32_t bad = 0;
  for (size_t i = begin; i < numbers.size(); ++i) {
    bad |= (std::bit_cast<uint32_t>(numbers[i]) & kExponent) == kExponent;
  }
  return bad == 0;
}

Status AppendBase64(std::string_view text, std::vector<float>* out) {
  const std::optional<size_t> bytes = json::Base64Size(text);
  if (!bytes) return InvalidArgument("Invalid base64 string: Invalid padding");
  const size_t before = out->size();
  // Whole floats only are kept; the decoder may write up to three bytes more.
  out->resize(before + (*bytes + 3) / 4);
  if (!json::DecodeBase64(text, reinterpret_cast<uint8_t*>(out->data() + before))) {
    return InvalidArgument("Invalid base64 string: Invalid symbol, or bits behind the data");
  }
  if (*bytes % 4 != 0) {
    return InvalidArgument("Invalid byte length: " + std::to_string(*bytes) +
                           " bytes cannot be converted to f32 values (must be divisible by 4)");
  }
  return {};
}

class Reader {
 public:
  Reader(EmbeddingForms forms, std::string_view path, const ApiLimits& limits)
      : forms_(forms), path_(path), limits_(limits) {}

  Status Append(const json::Value& element) {
    const size_t before = out_.vectors.size();
    if (element.is_null() && forms_ == EmbeddingForms::kWithNulls) {
      out_.present.push_back(false);
      return {};
    }
    if (element.is_array() && !seen_base64_) {
      seen_array_ = true;
      if (!element.AppendFloats(&out_.vectors)) return Wrong();
    } else if (element.is_string() && !seen_array_) {
      seen_base64_ = true;
      KeepFirst(AppendBase64(element.AsString(), &out_.vectors));
    } else {
      return Wrong();
    }
    KeepFirst(CheckVector(before));
    out_.present.push_back(true);
    return {};
  }

  // Wrong shapes come before wrong values, wherever in the list they stand.
  Result<Embeddings> Finish() {
    TRY(std::move(value_error_));
    return std::move(out_);
  }

 private:
  Error Wrong() const {
    return WrongType(Indexed(path_, out_.present.size()), "an embedding of numbers");
  }

  void KeepFirst(Status status) {
    if (!status.ok() && value_error_.ok()) value_error_ = std::move(status);
  }

  Status CheckVector(size_t before) {
    const size_t dimension = out_.vectors.size() - before;
    if (dimension == 0 && forms_ != EmbeddingForms::kQueries) {
      return InvalidArgument(
          "Validation error: embeddings: Each embedding must have at least 1 dimension");
    }
    if (dimension > limits_.dimension) {
      return InvalidArgument("Embedding has dimension " + std::to_string(dimension) +
                             "; this server allows " + std::to_string(limits_.dimension));
    }
    if (known_dimension_ && out_.dimension != dimension) {
      return InvalidArgument("Inconsistent dimensions in provided embeddings");
    }
    known_dimension_ = true;
    out_.dimension = static_cast<uint32_t>(dimension);
    if (!AllFinite(out_.vectors, before)) {
      return InvalidArgument(
          "Validation error: embeddings: Embeddings must not contain NaN or Infinity values");
    }
    return {};
  }

  const EmbeddingForms forms_;
  const std::string_view path_;
  const ApiLimits& limits_;
  bool seen_array_ = false, seen_base64_ = false, known_dimension_ = false;
  Status value_error_;
  Embeddings out_;
};

}  // namespace

Result<Embeddings> ParseEmbeddings(const json::Value& list, EmbeddingForms forms,
                                   std::string_view path, const ApiLimits& limits) {
  if (!list.is_array()) return WrongType(path, "a list of embeddings");
  Reader reader(forms, path, limits);
  Status status;
  list.ForEachElement([&](json::Value element) {
    status = reader.Append(element);
    return status.ok();
  });
  TRY(std::move(status));
  return reader.Finish();
}

}  // namespace pannier::api
