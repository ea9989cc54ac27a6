# What the scripts of this folder have in common; sourced behind training.sh.
server=$BUILD/bin/tiers_server
served=

# serve DIRECTORY OPTION...: a server of the files there; its address is in $address.
serve() {
  rm -f port
  folder=$1
  shift
  "$server" "$folder" port count bytes.sent "$@" >/dev/null 2>server.err &
  served=$!
  tries=0
  while [ ! -s port ]; do
    tries=$((tries + 1))
    [ "$tries" -lt 100 ] || { echo "the server does not start" >&2; exit 1; }
    sleep 0.05
  done
  address=http://127.0.0.1:$(cat port)
}

# stop_serving: ends it; what it has sent is in bytes.sent.
stop_serving() {
  [ -n "$served" ] || return 0
  kill "$served" 2>/dev/null || true
  wait "$served" 2>/dev/null || true
  served=
}
trap stop_serving EXIT
