// Collections: create, list, count, get by name or id, update, delete.
// On one path position GET and DELETE take a name, PUT takes an id: so does Chroma.
#include "daemon/api/body.h"
#include "daemon/api/errors.h"
#include "daemon/api/parse_metadata.h"
#include "daemon/api/query_string.h"
#include "daemon/api/routes.h"
#include "daemon/api/target.h"
#include "daemon/model/configuration.h"
#include "daemon/model/names.h"
#include "lib/json/cold.h"
#include "lib/json/writer.h"

namespace pannier::api {
namespace {

void AppendCollection(const model::Collection& collection, const Call& call, std::string* out) {
  const auto put = [out](std::string_view name, auto append) {
    out->append(out->back() == '{' ? "\"" : ",\"").append(name).append("\":");
    append();
  };
  const auto put_text = [&](std::string_view name, std::string_view text) {
    put(name, [&] { json::AppendString(text, out); });
  };
  const auto put_json = [&](std::string_view name, std::string_view json) {
    put(name, [&] { out->append(json); });
  };
  const bool has_metadata = collection.metadata && *collection.metadata != "{}";
  out->push_back('{');
  put_text("id", collection.id.ToString());
  put_text("name", collection.name);
  put_json("configuration_json", collection.configuration);
  put_json("schema", collection.schema);
  put_json("metadata", has_metadata ? *collection.metadata : "null");
  put_json("dimension", collection.dimension ? std::to_string(*collection.dimension) : "null");
  put_text("tenant", call.tenant());
  put_text("database", call.database());
  out->append(",\"log_position\":0,\"version\":0}");
}

http::Response CollectionAnswer(const model::Collection& collection, const Call& call) {
  std::string body;
  AppendCollection(collection, call, &body);
  return JsonAnswer(std::move(body));
}

Error NoSuchName(const Call& call) {
  return NotFound("Collection [" + call.collection() + "] does not exist");
}

bool IsWrongShape(const Error& error) {
  return error.code == Errc::kMalformed || error.code == Errc::kUnimplemented;
}

// The first error of the wrong shape, else the first error: shapes are judged before values.
Status FirstError(std::initializer_list<const Status*> statuses) {
  for (const Status* status : statuses) {
    if (!status->ok() && IsWrongShape(status->error())) return *status;
  }
  for (const Status* status : statuses) {
    if (!status->ok()) return *status;
  }
  return {};
}

template <typename T>
Status StatusOf(const Result<T>& result) {
  return result.ok() ? Status() : Status(result.error());
}

Result<bool> ReadGetOrCreate(const Field& field) {
  if (!field) return false;
  if (field->kind() != json::Kind::kBool) return WrongType("get_or_create", "a boolean");
  return field->AsBool();
}

nlohmann::json ColdOf(const Field& field) {
  return Given(field) ? json::ToCold(*field) : nlohmann::json();
}

// Nothing when the field is absent.
Result<std::optional<model::Metadata>> ReadMetadata(const Field& field, Nulls nulls,
                                                    std::string_view name,
                                                    const ApiLimits& limits) {
  if (!Given(field)) return std::optional<model::Metadata>();
  return std::optional(TRY(ParseCollectionMetadata(*field, nulls, name, limits)));
}

Result<store::NewCollection> ParseCreate(const json::Value& body, const ApiLimits& limits) {
  static constexpr std::string_view kNames[] = {"name", "metadata", "configuration", "schema",
                                                "get_or_create"};
  const auto [name, metadata, configuration, schema, get_or_create] = TRY(ReadFields(body, kNames));
  if (!name) return MissingField("name");
  store::NewCollection wanted;
  wanted.name = TRY(ReadString(*name, "name"));
  wanted.get_or_create = TRY(ReadGetOrCreate(get_or_create));

  const auto own = ReadMetadata(metadata, Nulls::kRefused, "metadata", limits);
  const bool has_metadata = own.ok() && own->has_value();
  const nlohmann::json cold_configuration = ColdOf(configuration), cold_schema = ColdOf(schema);
  Result<model::IndexDescription> index =
      model::DescribeIndex(&cold_configuration, &cold_schema, has_metadata ? &**own : nullptr);
  const Status name_status = model::CheckName(wanted.name, "Validation error: name: ");
  const Status metadata_status = StatusOf(own), index_status = StatusOf(index);
  TRY(FirstError({&name_status, &metadata_status, &index_status}));

  wanted.index = std::move(index).value();
  if (has_metadata) wanted.metadata = model::ToJson(**own);
  return wanted;
}

// The shape of `new_configuration` can be judged without knowing the collection.
Status CheckNewConfiguration(const nlohmann::json& given) {
  const model::IndexDescription any = TRY(model::DescribeIndex(nullptr, nullptr, nullptr));
  return StatusOf(model::UpdateIndex(any, given));
}

Result<store::CollectionChange> ParseUpdate(const json::Value& body, const ApiLimits& limits) {
  static constexpr std::string_view kNames[] = {"new_name", "new_metadata", "new_configuration"};
  const auto [name, metadata, configuration] = TRY(ReadFields(body, kNames));
  store::CollectionChange change;
  Status name_status;
  if (Given(name)) {
    change.name = TRY(ReadString(*name, "new_name"));
    name_status = model::CheckName(*change.name, "Validation error: new_name: ");
  }
  const auto own = ReadMetadata(metadata, Nulls::kDelete, "new_metadata", limits);
  const nlohmann::json cold = ColdOf(configuration);
  const Status metadata_status = StatusOf(own), index_status = CheckNewConfiguration(cold);
  TRY(FirstError({&name_status, &metadata_status, &index_status}));
  if (own->has_value()) change.metadata = model::ToJson(**own);  // "{}": nothing remains
  if (!cold.is_null()) change.configuration = json::Dump(cold);
  return change;
}

class CollectionRoutes {
 public:
  explicit CollectionRoutes(const RouteContext& context)
      : stores_(context.stores), limits_(context.options.limits) {}

  Result<http::Response> Create(const Call& call) const {
    json::BorrowedDocument document;
    const store::NewCollection wanted =
        TRY(ParseCreate(TRY(ParseBody(call.request, *document)), limits_));
    Result<store::StoreRef> store = AcquireStore(stores_, call);
    if (store.Is(Errc::kNotFound)) {
      return InvalidArgument("Database [" + call.database() + "] does not exist");
    }
    const store::StoreRef held = TRY(std::move(store));
    return CollectionAnswer(*TRY(held->CreateCollection(wanted, call.context)), call);
  }

  Result<http::Response> List(const Call& call) const {
    const Page page = TRY(ReadPage(call.request.query));
    std::string body = "[";
    if (const store::StoreRef store = TRY(AcquireIfKnown(call))) {
      for (const auto& collection : store->ListCollections(page.limit, page.offset)) {
        if (body.size() > 1) body.push_back(',');
        AppendCollection(*collection, call, &body);
      }
    }
    body.push_back(']');
    return JsonAnswer(std::move(body));
  }

  Result<http::Response> Count(const Call& call) const {
    const store::StoreRef store = TRY(AcquireIfKnown(call));
    return JsonAnswer(std::to_string(store ? store->CountCollections() : 0));
  }

  Result<http::Response> GetByName(const Call& call) const {
    const store::StoreRef store = TRY(AcquireIfKnown(call));
    const store::CollectionPtr found = store ? store->FindCollection(call.collection()) : nullptr;
    if (!found) return NoSuchName(call);
    return CollectionAnswer(*found, call);
  }

  Result<http::Response> GetById(const Call& call) const {
    TRY(CheckDatabase(call));
    const std::optional<Uuid> id = Uuid::Parse(call.collection());
    if (!id) {
      return InvalidArgument(
          "Validation error: collection_id: Invalid collection ID format, expected UUID");
    }
    const store::StoreRef store = TRY(AcquireIfKnown(call));
    const store::CollectionPtr found = store ? store->FindCollection(*id) : nullptr;
    if (!found) return NotFound("Collection [" + id->ToString() + "] does not exist");
    return CollectionAnswer(*found, call);
  }

  Result<http::Response> Update(const Call& call) const {
    json::BorrowedDocument document;
    const json::Value body = TRY(ParseBody(call.request, *document));
    const store::CollectionChange change =
        TRY(AfterTarget(stores_, call, ParseUpdate(body, limits_)));
    const Target target = TRY(FindTarget(stores_, call));
    if (change.name || change.metadata || change.configuration) {
      TRY(target.store->UpdateCollection(target.id, change, call.context));
    }
    return JsonAnswer("{}");
  }

  Result<http::Response> Delete(const Call& call) const {
    const store::StoreRef store = TRY(AcquireIfKnown(call));
    if (!store) return NoSuchName(call);
    TRY(store->DeleteCollection(call.collection(), call.context));
    return JsonAnswer("{}");
  }

 private:
  // Null when there is no such database: most routes answer as if it were empty.
  Result<store::StoreRef> AcquireIfKnown(const Call& call) const {
    Result<store::StoreRef> store = AcquireStore(stores_, call);
    if (store.Is(Errc::kNotFound)) return store::StoreRef();
    return store;
  }

  store::Stores& stores_;
  const ApiLimits& limits_;
};

// A resource name is tenant_resource:database:collection, and no single node resolves one.
Result<http::Response> GetByResourceName(const Call& call) {
  const std::string& name = call.parameters[0];
  const size_t first = name.find(':');
  const size_t second = first == std::string::npos ? first : name.find(':', first + 1);
  const bool well_formed = second != std::string::npos && first > 0 && second > first + 1 &&
                           second + 1 < name.size() &&
                           name.find(':', second + 1) == std::string::npos;
  if (!well_formed) {
    return InvalidArgument(
        "Validation error: crn: CRN must be in the format "
        "<tenant_resource_name>:<database_name>:<collection_name> with non-empty parts");
  }
  return Unimplemented("Resource names are unsupported for local chroma");
}

}  // namespace

void AddCollectionRoutes(const RouteContext& context, Router* router) {
  using service::Scope;
  const CollectionRoutes routes(context);
  const std::string base = kDatabasePath;
  router->Add({"POST", base + "/collections", BodyRule::kJson, Scope::kWrite,
               [routes](const Call& call) { return routes.Create(call); }});
  router->Add({"GET", base + "/collections", BodyRule::kNone, Scope::kRead,
               [routes](const Call& call) { return routes.List(call); }});
  router->Add({"GET", base + "/collections_count", BodyRule::kNone, Scope::kRead,
               [routes](const Call& call) { return routes.Count(call); }});
  router->Add({"GET", base + "/collections/by-id/{collection}", BodyRule::kNone, Scope::kRead,
               [routes](const Call& call) { return routes.GetById(call); }});
  const std::string one = base + "/collections/{collection}";
  router->Add({"GET", one, BodyRule::kNone, Scope::kRead,
               [routes](const Call& call) { return routes.GetByName(call); }});
  router->Add({"PUT", one, BodyRule::kJson, Scope::kWrite,
               [routes](const Call& call) { return routes.Update(call); }});
  router->Add({"DELETE", one, BodyRule::kNone, Scope::kWrite,
               [routes](const Call& call) { return routes.Delete(call); }});
  router->Add(
      {"GET", "/api/v2/collections/{crn}", BodyRule::kNone, Scope::kRead, GetByResourceName});
}

}  // namespace pannier::api
