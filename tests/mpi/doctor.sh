# doctor.sh LIBRARY: `ddla doctor` on several hosts, which processes of this machine play: under the launcher of an MPI
# library (openmpi, mpich), and with --hosts, where a launcher of ours stands for one that reaches other machines. What
# keeps a host away ends in one message that names it.
. "${0%/*}/../end_to_end/training.sh"
library=$1
mpirun="sh $SOURCE/tests/mpi/mpirun.sh $library $BUILD/plugins"
$mpirun -n 1 true || exit $?
tool=$BUILD/bin/end_to_end_tool
samples train 1003 data
cat >job.yaml <<'J'
data: {train: data}
model: {kind: mlp, hidden: [256, 128]}
train: {shards: 8, batch: 200}
J

# host.sh PER WORDS...: runs the words as a rank of host rank / PER, or of the host that $names has in this place.
cat >host.sh <<'H'
per=$1
shift
rank=${OMPI_COMM_WORLD_RANK:-$PMI_RANK}
export DDLA_HOST_NAME="h$((rank / per))"
if [ -n "${names:-}" ]; then DDLA_HOST_NAME=$(echo "$names" | cut -d, -f$((rank + 1))); fi
exec "$@"
H

# launcher [--more WORD] --host|-hosts h0:1,h1:1 -n N [--bind-to none] COMMAND...: hosts of these names are played here.
# `silent` answers nothing, `nowhere` has no name, `bare` has no ddla; `apart` is well by itself only.
cat >launcher <<L
#!/bin/sh
if [ "\$1" = --version ]; then exec mpirun.$library --version; fi
echo "\$*" >>calls
if [ "\$1" = --more ]; then shift 2; fi
names=\$(echo "\$2" | sed 's/:1//g') count=\$4
shift 4
case \$1 in --bind-to) shift 2 ;; esac
export names
case \$names in
silent) exec sleep 600 ;;
nowhere) echo "ssh: Could not resolve hostname nowhere: Name or service not known" >&2; exec sleep 600 ;;
bare) echo "bash: line 1: \$1: No such file or directory" >&2; exit 127 ;;
*,apart*) exec sleep 600 ;;
esac
exec $mpirun -n "\$count" sh "$PWD/host.sh" 1 "\$@"
L
chmod +x launcher

# ended STATUS FILE ARGUMENT...: `ddla doctor ARGUMENT...`; what it prints is in FILE.out and FILE.err.
ended() {
  wanted=$1 file=$2 got=0
  shift 2
  timeout -k 5 120 "$DDLA" doctor "$@" >"$file.out" 2>"$file.err" || got=$?
  [ $got = "$wanted" ] || { cat "$file.out" "$file.err" >&2; fail "doctor $*: exit status $got, not $wanted"; }
}

# refused STATUS WORDS ARGUMENT...: one line, with the words, and nothing else.
refused() {
  status=$1 words=$2
  shift 2
  ended "$status" refused "$@"
  says refused.err "$words"
  [ "$(wc -l <refused.err)" = 1 ] && [ ! -s refused.out ] || { cat refused.out refused.err >&2; fail "doctor $*: says more"; }
}

# of FILE PATH...: a value of the JSON in FILE.
of() { "$tool" json "$@"; }

# Under the launcher: three hosts, one with two processes.
timeout -k 5 120 $mpirun -n 4 sh host.sh 2 "$DDLA" doctor --job job.yaml >two.out 2>two.err ||
  { cat two.out two.err >&2; fail "2 hosts: exit status $?"; }
says two.out "2 hosts under" "latency in us" "bandwidth in MB/s" "exchange of job.yaml" "Training works on these hosts"
[ "$(grep -c '^h[01] .* 2 ' two.out)" = 2 ] || { cat two.out >&2; fail "hosts and their 2 agents are not listed"; }
timeout -k 5 120 $mpirun -n 3 sh host.sh 1 "$DDLA" doctor --json --job job.yaml >three 2>three.err ||
  { cat three three.err >&2; fail "3 hosts: exit status $?"; }
[ "$(of three works)" = true ] || fail "works is not true: $(cat three)"
for host in 0 1 2; do [ "$(of three hosts $host name)" = h$host ] || fail "host $host has another name"; done
for link in 0 1 2 3 4 5; do
  awk "BEGIN { exit !($(of three links $link bytes_per_second) > 1e6 && $(of three links $link latency_seconds) < 0.1) }" ||
    fail "link $link: $(cat three)"
done
awk "BEGIN { exit !($(of three hosts 2 clock_seconds) ^ 2 < 0.01) }" || fail "one machine has two clocks: $(cat three)"
timeout -k 5 60 $mpirun -n 1 "$DDLA" doctor >alone.out 2>&1 || { cat alone.out >&2; fail "1 host: exit status $?"; }
says alone.out "1 host under" "Training works on this host"
got=0
timeout -k 5 60 $mpirun -n 2 sh host.sh 1 "$DDLA" doctor --job none.yaml >none.out 2>&1 || got=$?
[ $got != 0 ] && [ $got != 124 ] || fail "a job that is not there: exit status $got"
[ "$(grep -c 'cannot open none.yaml' none.out)" = 1 ] || { cat none.out >&2; fail "not told once"; }

# By --hosts: each host by itself, then all.
printf 'h0 slots=2 # first\nh1:1\n' >hosts
ended 0 good --hosts hosts --launcher "$PWD/launcher --more 'a b'" --job job.yaml
says good.out "2 hosts under" "exchange of "
[ "$(wc -l <calls)" = 3 ] || fail "the launcher is called $(wc -l <calls) times: $(cat calls)"
says calls "--more a b"
grep -q '^h0 .* 2 .*' good.out || fail "slots are not the host's agents: $(cat good.out)"
ended 0 json --hosts hosts --launcher "$PWD/launcher" --json
[ "$(of json.out hosts 1 name)" = h1 ] || fail "--json: $(cat json.out)"

printf 'h0\nnowhere\n' >one
refused 2 "nowhere: no host of this name is known here" --hosts one --launcher ./launcher
printf 'h0\nbare\n' >one
refused 2 "bare: there is no program $DDLA" --hosts one --launcher ./launcher
printf 'silent\nnowhere\nbare\n' >one
refused 2 "silent: no answer for 5 s" --hosts one --launcher ./launcher --timeout 5
says refused.err "; nowhere: no host" "; bare: there is no program"
printf 'h0\napart\n' >one
refused 8 "every host answers by itself" --hosts one --launcher ./launcher --timeout 8

# By the library's own launcher, on this machine.
echo localhost >here
export OMPI_ALLOW_RUN_AS_ROOT=1 OMPI_ALLOW_RUN_AS_ROOT_CONFIRM=1
ended 0 here --hosts here --launcher "mpirun.$library"
says here.out "1 host under"
refused 2 "localhost: there is no program /none/ddla" --hosts here --launcher "mpirun.$library" --program /none/ddla

# What is wrong before anything is started.
printf 'h0\nh1 slts=2\n' >one
refused 2 "one:2: 'slts' is not understood" --hosts one --launcher ./launcher
refused 2 "cannot open nofile" --hosts nofile
refused 2 "'ls' is not there or is no launcher" --hosts hosts --launcher ls
refused 2 "a quote is not closed" --hosts hosts --launcher "mpirun 'a"
refused 2 "did you mean train.batch?" --hosts hosts --job job.yaml --set train.bach=3
refused 2 "from 1 to 3600" --hosts hosts --timeout 0
refused 2 "are for --hosts FILE" --launcher mpirun
refused 2 "need hosts" --job job.yaml
got=0
PATH=/nowhere "$DDLA" doctor --hosts hosts >none.out 2>&1 || got=$?
[ $got = 2 ] || fail "without a launcher: exit status $got"
says none.out "apt-get install openmpi-bin or mpich"
! ps -eo args | grep -F "$PWD/" | grep -v -e grep -e "$0" || fail "something is left"
