// How the HTTP server is to share its threads out to a request: which store it is about, as a
// number to tell stores apart by (http::Server::Options::lane), and whether it only computes.
// Threads: pure functions.
#pragma once

#include <cstdint>
#include <string_view>

namespace pannier::api {

// Of "/api/v2/tenants/{tenant}/databases/{database}…" as sent; 0 of all other paths. Two spellings
// of one name are two lanes, and two stores may share one by chance: it only shares threads out.
uint64_t LaneOf(std::string_view path);

// Whether it asks for records, which takes a processor and hardly waits for a disk.
bool Computes(std::string_view path);

}  // namespace pannier::api
