// Which store a request is about, as a number that the HTTP server tells stores apart by
// (http::Server::Options::lane). Threads: a pure function.
#pragma once

#include <cstdint>
#include <string_view>

namespace pannier::api {

// Of "/api/v2/tenants/{tenant}/databases/{database}…" as sent; 0 of all other paths. Two spellings
// of one name are two lanes, and two stores may share one by chance: it only shares threads out.
uint64_t LaneOf(std::string_view path);

}  // namespace pannier::api
