// Goal: the plug-in looks for our kinds where the operator's own tables say they are.
#include "cli/cluster/kinds.h"

#include <catch2/catch.hpp>

#include "operator/resource/schema.h"

namespace pannier::cluster {
namespace {

TEST_CASE("kinds: places are those of the operator's kinds", "[cli][cluster]") {
  REQUIRE(std::size(kOurKinds) == control::Kinds().size());
  for (size_t i = 0; i < std::size(kOurKinds); ++i) {
    REQUIRE(kOurKinds[i].kind == control::Kinds()[i]->name);
    REQUIRE(kOurKinds[i].plural == control::Kinds()[i]->plural);
    REQUIRE(kOurKinds[i].ApiVersion() == control::kApiVersion);
  }
}

}  // namespace
}  // namespace pannier::cluster
