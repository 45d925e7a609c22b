// What a quiet process keeps of memory for nothing. Threads: any.
#pragma once

namespace pannier {

// Gives back to the system what is free in the heap, and lets go of unchanged pages of the program
// and its libraries: most were needed by nothing but the start. What is touched again comes back
// from the page cache. Costs milliseconds, and some hundred soft page faults afterwards: for
// processes that do little, once in a while.
void LetGoOfIdleMemory();

}  // namespace pannier
