#include "tests/bench/chroma_api.h"

#include <charconv>
#include <cstring>
#include <nlohmann/json.hpp>

namespace pannier::bench {

namespace {

const std::string kCollections =
    "/api/v2/tenants/default_tenant/databases/default_database/collections";

void AppendBase64(const Vector& vector, std::string* out) {
  static constexpr char kDigits[] =
      "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";
  const auto* bytes = reinterpret_cast<const unsigned char*>(vector.data());
  const size_t size = vector.size() * sizeof(float);
  for (size_t i = 0; i < size; i += 3) {
    const size_t left = size - i;
    const uint32_t group = static_cast<uint32_t>(bytes[i]) << 16 |
                           (left > 1 ? static_cast<uint32_t>(bytes[i + 1]) << 8 : 0) |
                           (left > 2 ? bytes[i + 2] : 0);
    out->push_back(kDigits[group >> 18]);
    out->push_back(kDigits[group >> 12 & 63]);
    out->push_back(left > 1 ? kDigits[group >> 6 & 63] : '=');
    out->push_back(left > 2 ? kDigits[group & 63] : '=');
  }
}

// As Python prints floats that came from 32 bits: the digits of a double.
void AppendNumbers(const Vector& vector, std::string* out) {
  char text[32];
  out->push_back('[');
  for (const float x : vector) {
    if (out->back() != '[') out->append(", ");
    const auto printed = std::to_chars(text, text + sizeof text, static_cast<double>(x));
    out->append(text, printed.ptr);
  }
  out->push_back(']');
}

template <typename Each>
std::string Array(uint64_t count, Each each) {
  std::string text = "[";
  for (uint64_t i = 0; i < count; ++i) {
    if (i > 0) text.push_back(',');
    each(i, &text);
  }
  return text + "]";
}

}  // namespace

std::string ChromaApi::Call(const std::string& request) {
  const int status = connection_.Exchange(request);
  if (status < 200 || status > 299) {
    Fail(std::to_string(status) + " for " + request.substr(0, request.find('\r')) + ": " +
         std::string(connection_.body()));
  }
  return std::string(connection_.body());
}

std::string ChromaApi::Collection(const std::string& name) {
  const std::string body = R"({"name":")" + name +
                           R"(","get_or_create":true,"configuration":{"hnsw":{"space":"cosine"}}})";
  const auto answer = nlohmann::json::parse(Call(Connection::Prepare("POST", kCollections, body)));
  return answer.at("id");
}

void ChromaApi::Drop(const std::string& name) {
  Call(Connection::Prepare("DELETE", kCollections + "/" + name));
}

uint64_t ChromaApi::Count(const std::string& id) {
  return std::stoull(Call(Connection::Prepare("GET", kCollections + "/" + id + "/count")));
}

std::string ChromaApi::Add(const std::string& verb, const std::string& id, const Dataset& data,
                           uint64_t first, uint64_t count) {
  std::string body = R"({"ids":)";
  body += Array(count, [&](uint64_t i, std::string* out) {
    out->append("\"").append(Dataset::Id(first + i)).append("\"");
  });
  body += R"(,"embeddings":)" + Array(count, [&](uint64_t i, std::string* out) {
            out->push_back('"');
            AppendBase64(data.RecordVector(first + i), out);
            out->push_back('"');
          });
  body += R"(,"documents":)" +
          Array(count, [&](uint64_t i, std::string* out) { *out += data.Document(first + i); });
  body += R"(,"metadatas":)" +
          Array(count, [&](uint64_t i, std::string* out) { *out += data.Metadata(first + i); });
  return Connection::Prepare("POST", kCollections + "/" + id + "/" + verb, body + "}");
}

std::string ChromaApi::Query(const std::string& id, const Vector& vector, int k,
                             const Filter& filter) {
  std::string body = R"({"query_embeddings":[)";
  AppendNumbers(vector, &body);
  body += R"(],"n_results":)" + std::to_string(k) +
          R"(,"include":["documents","metadatas","distances"])";
  if (!filter.where.empty()) body += R"(,"where":)" + filter.where;
  if (!filter.where_document.empty()) body += R"(,"where_document":)" + filter.where_document;
  return Connection::Prepare("POST", kCollections + "/" + id + "/query", body + "}");
}

}  // namespace pannier::bench
