# Certificates of an origin: one that is not accepted is refused at once, with the host, the reason and what to do; an
# authority of one's own is named by SSL_CERT_FILE. OpenSSL's server answers no ranges, so that no run ends well here.
. "$SOURCE/tests/end_to_end/training.sh"
command -v openssl >/dev/null || exit 77
unset SSL_CERT_FILE SSL_CERT_DIR

openssl req -x509 -newkey rsa:2048 -nodes -keyout ca.key -out ca.pem -days 2 -subj "/CN=an authority" 2>/dev/null

# certify NAME HOST: NAME.pem and NAME.key, for that host.
certify() {
  openssl req -newkey rsa:2048 -nodes -keyout "$1.key" -out "$1.csr" -subj "/CN=$2" 2>/dev/null
  echo "subjectAltName=DNS:$2" >"$1.ext"
  openssl x509 -req -in "$1.csr" -CA ca.pem -CAkey ca.key -CAcreateserial -out "$1.pem" -days 2 -extfile "$1.ext" 2>/dev/null
}

served=
# serve NAME: a server with that certificate; its address is in $address.
serve() {
  stop_serving
  openssl s_server -accept 127.0.0.1:0 -cert "$1.pem" -key "$1.key" -WWW >server.out 2>server.err &
  served=$!
  tries=0
  while ! grep -q '^ACCEPT 127' server.out; do
    tries=$((tries + 1))
    [ "$tries" -lt 100 ] || fail "the server does not start: $(cat server.err)"
    sleep 0.05
  done
  address=https://localhost:$(sed -n 's/^ACCEPT 127.0.0.1://p' server.out | head -n 1)
}

stop_serving() {
  [ -n "$served" ] || return 0
  kill "$served" 2>/dev/null || true
  wait "$served" 2>/dev/null || true
  served=
}
trap stop_serving EXIT

cat >job.yaml <<'J'
data: {train: none}
model: {kind: mlp, hidden: [32]}
share: {mode: tiered}
J

certify good localhost
certify other other.example
serve good
train 2 unknown job.yaml --set data.train="$address"
says unknown.err "cannot read $address/" "the certificate of localhost is not accepted" "issuer" "set SSL_CERT_FILE"
SSL_CERT_FILE=$PWD/missing.pem
export SSL_CERT_FILE
train 2 missing job.yaml --set data.train="$address"
says missing.err "cannot read $address/" "missing.pem" "set SSL_CERT_FILE to a file"
SSL_CERT_FILE=$PWD/ca.pem
# The server is believed, and waited for.
timeout 5 "$DDLA" train job.yaml --set data.train="$address" --out accepted >accepted.out 2>accepted.err || true
! grep -q "certificate" accepted.err || { cat accepted.err >&2; fail "an authority that is named is not believed"; }
serve other
train 2 wrong-name job.yaml --set data.train="$address"
says wrong-name.err "the certificate of localhost is not accepted" "localhost" "use the name"
