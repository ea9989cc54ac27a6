# What the scripts that make labs have in common; sourced.
netlab=$SOURCE/tools/netlab/netlab
links=$(ip -o link 2>/dev/null || true) # of the machine, which a lab leaves alone

# made N SETTINGS...: a lab of this script. Ends the test with 77 where there can be none.
made() {
  got=0
  "$netlab" up "$@" || got=$?
  [ $got = 0 ] || exit $got
}

# spaces OWNER: the network namespaces of the head and the hosts of a lab.
spaces() {
  for process in $(cat "/run/ddla-netlab/$1/head"); do
    readlink "/proc/$process/ns/net"
    for host in $(cat "/proc/$process/task/$process/children"); do readlink "/proc/$host/ns/net"; done
  done
}

in_use() { # NAMESPACES: a process is in one of them
  for one in $1; do
    for process in /proc/[0-9]*; do
      [ "$(readlink "$process/ns/net" 2>/dev/null)" != "$one" ] || { echo "$process is in $one"; return 0; }
    done
  done
  return 1
}

# gone OWNER NAMESPACES: nothing of the lab is left within 10 s.
gone() {
  tries=0
  while in_use "$2" >left || [ -e "/run/ddla-netlab/$1" ]; do
    tries=$((tries + 1))
    [ $tries -lt 100 ] || { cat left >&2; fail "the lab of process $1 is left"; }
    sleep 0.1
  done
  [ "$(ip -o link)" = "$links" ] || fail "links are left: $(ip -o link)"
}
