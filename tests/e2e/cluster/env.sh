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

# sign NAME SUBJECT NAMES: a key and a certificate of the cluster's authority, in DIR/pki.
sign() {
  local base=$DIR/pki/$1
  openssl req -new -newkey ec -pkeyopt ec_paramgen_curve:P-256 -noenc -subj "$2" \
    -keyout "$base.key" -out "$base.csr" 2>/dev/null
  {
    echo "basicConstraints=critical,CA:FALSE"
    echo "extendedKeyUsage=clientAuth,serverAuth"
    [[ -z $3 ]] || echo "subjectAltName=$3"
  } >"$base.ext"
  openssl x509 -req -in "$base.csr" -CA "$DIR/pki/ca.crt" -CAkey "$DIR/pki/ca.key" -days 30 \
    -out "$base.crt" -extfile "$base.ext" 2>/dev/null
}

# write_kubeconfig USER: DIR/USER.kubeconfig, with the certificate of that name.
write_kubeconfig() {
  local port
  read -r port _ <"$DIR/ports"
  cat >"$DIR/$1.kubeconfig" <<YAML
apiVersion: v1
kind: Config
current-context: test
contexts: [{name: test, context: {cluster: test, user: $1}}]
clusters: [{name: test, cluster: {server: "https://$(<"$DIR/address"):$port", certificate-authority: $DIR/pki/ca.crt}}]
users: [{name: $1, user: {client-certificate: $DIR/pki/$1.crt, client-key: $DIR/pki/$1.key}}]
YAML
}
