// pannier-crds: prints the CustomResourceDefinition of a kind, or the names of all of them.
// scripts/crds.sh writes crds/ with it.
#include <cstring>
#include <iostream>

#include "operator/resource/schema.h"

int main(int argc, char** argv) {
  using pannier::control::CrdFile;
  using pannier::control::Kind;
  using pannier::control::Kinds;
  for (const Kind* kind : Kinds()) {
    if (argc == 1) std::cout << kind->singular << "\n";
    if (argc != 2 || std::strcmp(argv[1], kind->singular) != 0) continue;
    std::cout << CrdFile(*kind);
    return 0;
  }
  if (argc == 1) return 0;
  std::cerr << "error: no such kind\ntry: pannier-crds, which lists them\n";
  return 2;
}
