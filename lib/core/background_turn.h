// Who is waited for comes before long work.
//
// Nice threads alone do not see to it: whoever wakes up on a core that computes waits for the end
// of a time slice, some milliseconds, and where containers share a machine the niceness of a thread
// says nothing to another container's. So while requests come in, long work asks for its turn
// before it computes, which leaves a core free, and rests often, which leaves the other most of the
// time. Where nobody asks nothing is held back. Threads: any. The whole process has one, as it has
// its cores.
#pragma once

namespace pannier {

// Somebody waits for an answer of this process: for a second, background work holds back.
void NoteRequest();
bool AreRequestsComing();

// Called by background work as it computes, best every 50 microseconds (64 KiB of hashing): while
// requests come in, a thread that has computed for 100 rests as long. Else it costs two looks at
// the clock.
void LetRequestsPass();

// Held while computing in the background: for milliseconds, not while waiting for anything. The
// constructor waits for its turn. Not to be nested.
class BackgroundTurn {
 public:
  BackgroundTurn();
  ~BackgroundTurn();
  BackgroundTurn(const BackgroundTurn&) = delete;
  BackgroundTurn& operator=(const BackgroundTurn&) = delete;
};

}  // namespace pannier
