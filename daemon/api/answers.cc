#include "daemon/api/answers.h"

#include "lib/json/writer.h"

namespace pannier::api {
namespace {

constexpr size_t kFrameBytes = 256;  // names and punctuation of the whole answer

void AppendText(const std::optional<std::string_view>& text, std::string* out) {
  if (text) {
    json::AppendString(*text, out);
  } else {
    out->append("null");
  }
}

}  // namespace

std::string* Column::Next() {
  if (text_.back() != '[') text_.push_back(',');
  return &text_;
}

void Column::Close() {
  if (wanted_) text_.push_back(']');
}

void Column::MoveTo(std::string* out) {
  out->append(wanted_ ? std::string_view(text_) : "null");
  text_ = std::string();
}

AnswerWriter::AnswerWriter(const model::Include& include, std::vector<std::string> echoed,
                           std::optional<uint32_t> query_count, uint64_t bytes_max)
    : echoed_(std::move(echoed)),
      query_count_(query_count),
      bytes_max_(bytes_max),
      ids_(true),
      embeddings_(include.embeddings),
      documents_(include.documents),
      uris_(include.uris),
      metadatas_(include.metadatas),
      distances_(include.distances && query_count.has_value()) {
  ForEachColumn(&Column::Open);
}

void AnswerWriter::ForEachColumn(void (Column::*step)()) {
  for (Column* column : {&ids_, &embeddings_, &documents_, &uris_, &metadatas_, &distances_}) {
    (column->*step)();
  }
}

// Opens the lists of all queries up to this one; those in between found nothing.
void AnswerWriter::OpenUpTo(uint32_t query) {
  for (; opened_ <= query; ++opened_) {
    if (opened_ > 0) ForEachColumn(&Column::Close);
    for (Column* column : {&ids_, &embeddings_, &documents_, &uris_, &metadatas_, &distances_}) {
      if (column->wanted()) column->Next()->push_back('[');
    }
  }
}

uint64_t AnswerWriter::Bytes() const {
  return ids_.size() + embeddings_.size() + documents_.size() + uris_.size() + metadatas_.size() +
         distances_.size();
}

Status AnswerWriter::Add(uint32_t query, const model::RecordView& record, float distance) {
  if (query_count_) OpenUpTo(query);
  json::AppendString(record.id, ids_.Next());
  if (embeddings_.wanted()) json::AppendFloats(record.vector, embeddings_.Next());
  if (documents_.wanted()) AppendText(record.document, documents_.Next());
  if (uris_.wanted()) AppendText(record.uri, uris_.Next());
  if (metadatas_.wanted()) {
    const bool has = record.metadata && *record.metadata != "{}";
    metadatas_.Next()->append(has ? *record.metadata : "null");  // canonical JSON already
  }
  if (distances_.wanted()) json::AppendFloat(distance, distances_.Next());
  return CheckSize();
}

Status AnswerWriter::CheckSize() const {
  if (Bytes() <= bytes_max_) return {};
  return InvalidArgument("The answer would be larger than " + std::to_string(bytes_max_) +
                         " bytes (limits.answerBytes); read it in parts with limit and offset");
}

Result<std::string> AnswerWriter::Take() {
  if (query_count_ && *query_count_ > 0) {
    OpenUpTo(*query_count_ - 1);
    ForEachColumn(&Column::Close);
  }
  ForEachColumn(&Column::Close);
  TRY(CheckSize());
  // Room for all of it is asked for at once, but of what is large the system gives a page only when
  // it is written: by then as much was freed of the columns.
  std::string body;
  body.reserve(Bytes() + kFrameBytes);
  const auto put = [&body](std::string_view name, Column& column) {
    body.append(body.empty() ? "{\"" : ",\"").append(name).append("\":");
    column.MoveTo(&body);
  };
  put("ids", ids_);
  put("embeddings", embeddings_);
  put("documents", documents_);
  put("uris", uris_);
  put("metadatas", metadatas_);
  if (query_count_) put("distances", distances_);
  body.append(",\"include\":[");
  for (size_t i = 0; i < echoed_.size(); ++i) {
    if (i > 0) body.push_back(',');
    json::AppendString(echoed_[i], &body);
  }
  body.append("]}");
  return body;
}

}  // namespace pannier::api
