// Holds the namespaces of a pod until it is told to end.
#include <signal.h>
#include <unistd.h>

static void End(int signal) {
  (void)signal;
  _exit(0);
}

int main(void) {
  signal(SIGINT, End);
  signal(SIGTERM, End);
  signal(SIGCHLD, SIG_IGN);  // orphans of the pod are reaped by the kernel
  for (;;) pause();
}
