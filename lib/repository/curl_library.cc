#include "lib/repository/curl_library.h"

#include <dlfcn.h>

#include <string>

namespace pannier::repository {
namespace {

constexpr const char* kFile = "libcurl.so.4";

template <typename Function>
bool Find(void* library, const char* name, Function* function) {
  *function = reinterpret_cast<Function>(::dlsym(library, name));
  return *function != nullptr;
}

Result<CurlLibrary> Load() {
  // Local, so that its symbols meet nobody else's; never closed, since OpenSSL keeps state.
  void* library = ::dlopen(kFile, RTLD_NOW | RTLD_LOCAL);
  if (library == nullptr) {
    const char* why = ::dlerror();
    return Unimplemented(std::string("S3 needs libcurl: ") + (why == nullptr ? kFile : why),
                         "install the package libcurl4");
  }
  CurlLibrary curl;
  decltype(&::curl_global_init) global_init = nullptr;
  const bool found = Find(library, "curl_global_init", &global_init) &&
                     Find(library, "curl_easy_init", &curl.easy_init) &&
                     Find(library, "curl_easy_cleanup", &curl.easy_cleanup) &&
                     Find(library, "curl_easy_reset", &curl.easy_reset) &&
                     Find(library, "curl_easy_setopt", &curl.easy_setopt) &&
                     Find(library, "curl_easy_getinfo", &curl.easy_getinfo) &&
                     Find(library, "curl_easy_perform", &curl.easy_perform) &&
                     Find(library, "curl_easy_strerror", &curl.easy_strerror) &&
                     Find(library, "curl_slist_append", &curl.slist_append) &&
                     Find(library, "curl_slist_free_all", &curl.slist_free_all);
  if (!found || global_init(CURL_GLOBAL_DEFAULT) != CURLE_OK) {
    return Unimplemented(std::string(kFile) + " cannot be used", "install the package libcurl4");
  }
  return curl;
}

}  // namespace

Result<const CurlLibrary*> LoadCurl() {
  static const Result<CurlLibrary> loaded = Load();
  if (!loaded.ok()) return loaded.error();
  return &loaded.value();
}

}  // namespace pannier::repository
