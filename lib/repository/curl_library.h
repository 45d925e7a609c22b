// libcurl, loaded when it is first needed: with its thirty libraries it would add 4.6 MiB to the
// resident memory of a daemon that may never talk to S3 (docs/decisions/0008).
// Threads: any. Once loaded it stays.
#pragma once

#include <curl/curl.h>

#include "lib/core/result.h"

namespace pannier::repository {

// The functions that we use, by their own names.
struct CurlLibrary {
  decltype(&::curl_easy_init) easy_init = nullptr;
  decltype(&::curl_easy_cleanup) easy_cleanup = nullptr;
  decltype(&::curl_easy_reset) easy_reset = nullptr;
  decltype(&::curl_easy_setopt) easy_setopt = nullptr;
  decltype(&::curl_easy_getinfo) easy_getinfo = nullptr;
  decltype(&::curl_easy_perform) easy_perform = nullptr;
  decltype(&::curl_easy_strerror) easy_strerror = nullptr;
  decltype(&::curl_slist_append) slist_append = nullptr;
  decltype(&::curl_slist_free_all) slist_free_all = nullptr;
};

//   kUnimplemented  it is not installed, or too old
Result<const CurlLibrary*> LoadCurl();

}  // namespace pannier::repository
