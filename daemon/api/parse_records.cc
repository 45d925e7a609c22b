#include "daemon/api/parse_records.h"

#include <string>

#include "daemon/api/body.h"
#include "daemon/api/parse_embeddings.h"
#include "daemon/api/parse_metadata.h"

namespace pannier::api {
namespace {

using model::RecordBatch;
using model::WriteKind;

constexpr std::string_view kNames[] = {"ids", "embeddings", "documents", "uris", "metadatas"};
enum FieldIndex { kIds, kEmbeddings, kDocuments, kUris, kMetadatas };

Result<std::vector<std::optional<std::string>>> ReadTexts(const Field& field,
                                                          std::string_view name) {
  std::vector<std::optional<std::string>> texts;
  if (!Given(field)) return texts;
  if (!field->is_array()) return WrongType(name, "a list of strings");
  texts.reserve(field->size());
  bool fits = true;
  field->ForEachElement([&](json::Value element) {
    fits = element.is_string() || element.is_null();
    if (element.is_string()) {
      texts.emplace_back(element.AsString());
    } else if (fits) {
      texts.emplace_back();
    }
    return fits;
  });
  if (!fits) return WrongType(Indexed(name, texts.size()), "a string");
  return texts;
}

// The metadata lists, and where the first bad key stands.
struct Metadatas {
  std::vector<std::optional<model::Metadata>> list;
  std::optional<size_t> bad_key_at;
  std::optional<std::string> sparse;  // the first key with a sparse vector
};

Status AppendMetadata(const json::Value& element, Nulls nulls, Metadatas* out) {
  if (element.is_null()) {
    out->list.emplace_back();
    return {};
  }
  const size_t index = out->list.size();
  ParsedMetadata parsed = TRY(ParseMetadata(element, nulls, Indexed("metadatas", index)));
  if (parsed.sparse && !out->sparse) out->sparse = parsed.sparse;
  bool bad = parsed.bad_key.has_value();
  for (const auto& entry : parsed.values) bad = bad || entry.first.starts_with("chroma:");
  if (bad && !out->bad_key_at) out->bad_key_at = index;
  if (parsed.values.empty()) {
    out->list.emplace_back();  // {} means nothing, as null does
  } else {
    out->list.emplace_back(std::move(parsed.values));
  }
  return {};
}

Result<Metadatas> ReadMetadatas(const Field& field, Nulls nulls) {
  Metadatas metadatas;
  if (!Given(field)) return metadatas;
  if (!field->is_array()) return WrongType("metadatas", "a list of maps");
  metadatas.list.reserve(field->size());
  Status status;
  field->ForEachElement([&](json::Value element) {
    status = AppendMetadata(element, nulls, &metadatas);
    return status.ok();
  });
  TRY(std::move(status));
  return metadatas;
}

EmbeddingForms FormsOf(WriteKind kind) {
  return kind == WriteKind::kUpdate ? EmbeddingForms::kWithNulls : EmbeddingForms::kAllGiven;
}

Status CheckIds(const std::vector<std::string>& ids, const ApiLimits& limits) {
  if (ids.size() > limits.ids) {
    return InvalidArgument("The request has " + std::to_string(ids.size()) +
                           " ids; this server allows " + std::to_string(limits.ids));
  }
  for (const std::string& id : ids) {
    if (id.empty()) return InvalidArgument("Empty ID, ID must have at least one character");
    if (id.size() > limits.id_bytes) {
      return InvalidArgument("An ID has " + std::to_string(id.size()) +
                             " bytes; this server allows " + std::to_string(limits.id_bytes));
    }
  }
  return {};
}

Status CheckTexts(const std::vector<std::optional<std::string>>& texts, std::string_view what,
                  uint64_t limit) {
  for (const auto& text : texts) {
    if (text && text->size() > limit) {
      return InvalidArgument(std::string(what) + " has " + std::to_string(text->size()) +
                             " bytes; this server allows " + std::to_string(limit));
    }
  }
  return {};
}

Status CheckLengths(const RecordBatch& batch, const Field& embeddings, const Field& documents,
                    const Field& uris, const Field& metadatas) {
  const size_t count = batch.ids.size();
  const auto differs = [count](const Field& field, size_t size) {
    return Given(field) && size != count;
  };
  if (differs(embeddings, batch.has_vector.size()) || differs(documents, batch.documents.size()) ||
      differs(uris, batch.uris.size()) || differs(metadatas, batch.metadatas.size())) {
    return InvalidArgument("Inconsistent number of IDs, embeddings, documents, URIs and metadatas");
  }
  return {};
}

Status CheckSizes(const RecordBatch& batch, const ApiLimits& limits) {
  TRY(CheckIds(batch.ids, limits));
  TRY(CheckTexts(batch.documents, "A document", limits.document_bytes));
  TRY(CheckTexts(batch.uris, "A URI", limits.uri_bytes));
  for (const auto& metadata : batch.metadatas) {
    if (metadata) TRY(CheckMetadataSize(*metadata, limits));
  }
  return {};
}

}  // namespace

Result<RecordBatch> ParseRecords(const json::Value& body, WriteKind kind, const ApiLimits& limits) {
  const auto fields = TRY(ReadFields(body, kNames));
  const bool embeddings_due = kind != WriteKind::kUpdate;
  if (!fields[kIds]) return MissingField("ids");
  if (embeddings_due && !fields[kEmbeddings]) return MissingField("embeddings");

  RecordBatch batch;
  batch.ids = TRY(ReadStrings(*fields[kIds], "ids"));
  batch.documents = TRY(ReadTexts(fields[kDocuments], "documents"));
  batch.uris = TRY(ReadTexts(fields[kUris], "uris"));
  const Nulls nulls = kind == WriteKind::kAdd ? Nulls::kRefused : Nulls::kDelete;
  Metadatas metadatas = TRY(ReadMetadatas(fields[kMetadatas], nulls));
  if (embeddings_due || Given(fields[kEmbeddings])) {
    Embeddings embeddings =
        TRY(ParseEmbeddings(*fields[kEmbeddings], FormsOf(kind), "embeddings", limits));
    batch.dimension = embeddings.dimension;
    batch.vectors = std::move(embeddings.vectors);
    batch.has_vector = std::move(embeddings.present);
  }
  batch.metadatas = std::move(metadatas.list);

  TRY(CheckLengths(batch, fields[kEmbeddings], fields[kDocuments], fields[kUris],
                   fields[kMetadatas]));
  if (metadatas.bad_key_at) {
    return InvalidArgument("Validation error: metadatas: Invalid metadata at index " +
                           std::to_string(*metadatas.bad_key_at));
  }
  TRY(CheckSizes(batch, limits));
  if (metadatas.sparse) return SparseUnsupported(*metadatas.sparse);
  if (batch.has_vector.empty()) batch.has_vector.assign(batch.ids.size(), false);
  return batch;
}

}  // namespace pannier::api
