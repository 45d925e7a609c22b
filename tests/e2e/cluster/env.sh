# What up.sh and down.sh have in common. Sourced, with DIR set: the folder of one cluster, which
# holds all that it writes (pki/, etcd/, log/, *.pid, ports, admin.kubeconfig).
# shellcheck shell=bash

# A process of ours still runs; one that ended but that nobody waited for has no exe any more.
runs() {
  [[ -e $DIR/$1.pid && -e /proc/$(<"$DIR/$1.pid")/exe ]] &&
    tr '\0' ' ' <"/proc/$(<"$DIR/$1.pid")/cmdline" | grep -qF "$DIR"
}

# launch NAME COMMAND...: in the background and a session of its own, unless it runs already.
launch() {
  local name=$1
  shift
  runs "$name" && return
  setsid nohup "$@" >>"$DIR/log/$name.log" 2>&1 </dev/null &
  echo $! >"$DIR/$name.pid"
}

# halt NAME: asks it to end, and makes it after ten seconds.
halt() {
  runs "$1" || return 0
  local pid
  pid=$(<"$DIR/$1.pid")
  kill "$pid"
  for _ in {1..100}; do
    runs "$1" || break
    sleep 0.1
  done
  ! runs "$1" || kill -9 "$pid"
  rm -f "$DIR/$1.pid"
}
