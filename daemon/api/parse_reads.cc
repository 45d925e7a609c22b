#include "daemon/api/parse_reads.h"

#include "daemon/api/body.h"
#include "daemon/api/parse_embeddings.h"
#include "daemon/api/parse_filter.h"

namespace pannier::api {
namespace {

struct IncludeName {
  std::string_view name;
  bool model::Include::*member;
};
constexpr IncludeName kIncludeNames[] = {{"distances", &model::Include::distances},
                                         {"documents", &model::Include::documents},
                                         {"embeddings", &model::Include::embeddings},
                                         {"metadatas", &model::Include::metadatas},
                                         {"uris", &model::Include::uris}};

Result<std::vector<std::string>> ReadIncludeNames(const json::Value& list) {
  if (!list.is_array()) return WrongType("include", "a list of strings");
  std::vector<std::string> names;
  Status status;
  list.ForEachElement([&](json::Value element) {
    const std::string path = Indexed("include", names.size());
    if (element.is_object()) status = WrongType(path, "a string");
    if (!element.is_string() && status.ok()) status = NoWord(path);
    if (status.ok()) names.emplace_back(element.AsString());
    return status.ok();
  });
  TRY(std::move(status));
  return names;
}

Status SetInclude(std::string_view name, size_t index, model::Include* include) {
  for (const IncludeName& known : kIncludeNames) {
    if (known.name != name) continue;
    include->*known.member = true;
    return {};
  }
  return Malformed(Indexed("include", index) + ": unknown variant `" + std::string(name) +
                   "`, expected one of `distances`, `documents`, `embeddings`, `metadatas`, "
                   "`uris`");
}

// Of an absent field the default; null is of the wrong shape here.
Status ReadInclude(const Field& field, std::vector<std::string> by_default,
                   std::vector<std::string>* names, model::Include* include) {
  *names = field ? TRY(ReadIncludeNames(*field)) : std::move(by_default);
  for (size_t i = 0; i < names->size(); ++i) TRY(SetInclude((*names)[i], i, include));
  return {};
}

Result<std::optional<uint32_t>> ReadNumber(const Field& field, std::string_view name) {
  if (!Given(field)) return std::optional<uint32_t>();
  return std::optional<uint32_t>(TRY(ReadUint32(*field, name)));
}

Result<std::optional<std::vector<std::string>>> ReadIds(const Field& field,
                                                        const ApiLimits& limits) {
  if (!Given(field)) return std::optional<std::vector<std::string>>();
  std::vector<std::string> ids = TRY(ReadStrings(*field, "ids"));
  if (ids.size() > limits.ids) {
    return InvalidArgument("The request has " + std::to_string(ids.size()) +
                           " ids; this server allows " + std::to_string(limits.ids));
  }
  return std::optional(std::move(ids));
}

}  // namespace

Result<WithInclude<model::GetRequest>> ParseGet(const json::Value& body, const ApiLimits& limits) {
  static constexpr std::string_view kNames[] = {"ids",   "where",  "where_document",
                                                "limit", "offset", "include"};
  const auto [ids, where, where_document, limit, offset, include] = TRY(ReadFields(body, kNames));
  WithInclude<model::GetRequest> parsed;
  model::GetRequest& request = parsed.request;
  request.selection.ids = TRY(ReadIds(ids, limits));
  request.limit = TRY(ReadNumber(limit, "limit"));
  request.offset = TRY(ReadNumber(offset, "offset")).value_or(0);
  TRY(ReadInclude(include, {"documents", "metadatas"}, &parsed.include, &request.include));
  request.selection.filter = TRY(ParseFilter(where, where_document, limits));
  return parsed;
}

Result<WithInclude<model::QueryRequest>> ParseQuery(const json::Value& body,
                                                    const ApiLimits& limits) {
  static constexpr std::string_view kNames[] = {"query_embeddings", "n_results", "ids", "where",
                                                "where_document",   "include"};
  const auto [embeddings, n_results, ids, where, where_document, include] =
      TRY(ReadFields(body, kNames));
  if (!embeddings) return MissingField("query_embeddings");
  WithInclude<model::QueryRequest> parsed;
  model::QueryRequest& request = parsed.request;
  request.n_results = TRY(ReadNumber(n_results, "n_results")).value_or(10);
  request.selection.ids = TRY(ReadIds(ids, limits));
  TRY(ReadInclude(include, {"documents", "metadatas", "distances"}, &parsed.include,
                  &request.include));
  Embeddings queries =
      TRY(ParseEmbeddings(*embeddings, EmbeddingForms::kQueries, "query_embeddings", limits));
  if (queries.present.size() > limits.query_vectors) {
    return InvalidArgument("The query has " + std::to_string(queries.present.size()) +
                           " embeddings; this server allows " +
                           std::to_string(limits.query_vectors));
  }
  request.dimension = queries.dimension;
  request.vectors = std::move(queries.vectors);
  request.count = static_cast<uint32_t>(queries.present.size());
  request.selection.filter = TRY(ParseFilter(where, where_document, limits));
  return parsed;
}

Result<DeleteRequest> ParseDelete(const json::Value& body, const ApiLimits& limits) {
  static constexpr std::string_view kNames[] = {"ids", "where", "where_document", "limit"};
  const auto [ids, where, where_document, limit] = TRY(ReadFields(body, kNames));
  DeleteRequest request;
  request.selection.ids = TRY(ReadIds(ids, limits));
  request.limit = TRY(ReadNumber(limit, "limit"));
  request.selection.filter = TRY(ParseFilter(where, where_document, limits));
  const bool has_filter = request.selection.filter.has_value();
  if (request.limit && !has_filter) {
    return InvalidArgument(
        "Validation error: limit, where: limit can only be specified when a where clause is "
        "provided");
  }
  if (request.selection.ids && request.selection.ids->empty() && !has_filter) {
    return InvalidArgument("Validation error: ids, where: Either ids or where must be specified");
  }
  request.nothing = !request.selection.ids && !has_filter;
  return request;
}

}  // namespace pannier::api
