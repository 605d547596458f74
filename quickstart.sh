#!/usr/bin/env bash
# Builds SkillScale, starts it on this machine and shows three skills at work.
# ./quickstart.sh --help says more.
set -euo pipefail
cd "$(dirname "${BASH_SOURCE[0]}")"
source cmake/debian-packages.sh

usage() {
  cat <<'END'
Usage: ./quickstart.sh [OPTIONS]

Installs the Debian packages that are missing (as root or through sudo, without
asking), builds, starts the proxy and two skill servers on 127.0.0.1, sends three
intents, prints the replies and stays up until Ctrl-C.

  --once              stop after the replies; exit status 0 when all three succeeded
  --xsub-port PORT    where agents and servers publish (default 5444)
  --xpub-port PORT    where they subscribe (default 5555)
  --metrics-port PORT HTTP port of the proxy (default 9100)
  --data-port PORT    HTTP port of the server for TOPIC_DATA_PROCESSING (default 9101)
  --code-port PORT    HTTP port of the server for TOPIC_CODE_ANALYSIS (default 9102)
  --free-ports        take any free ports instead
  --bin-dir DIR       use the programs of this folder; install and build nothing
  --help              this text

Exit status: 0 success; 1 a step failed, or a port is taken; 2 wrong usage;
130 or 143 when stopped by Ctrl-C or SIGTERM.
END
}

usage_error() {
  echo "quickstart.sh: $1 (see --help)" >&2
  exit 2
}

say() { printf '\n==> %s\n' "$*"; }

once=false
free_ports=false
bin_dir=
declare -A port=([xsub]=5444 [xpub]=5555 [metrics]=9100 [data]=9101 [code]=9102)

while [[ $# -gt 0 ]]; do
  case $1 in
    --once) once=true ;;
    --free-ports) free_ports=true ;;
    --xsub-port | --xpub-port | --metrics-port | --data-port | --code-port)
      [[ $# -ge 2 ]] || usage_error "$1 needs a port"
      if [[ ! $2 =~ ^[0-9]{1,5}$ ]] || ((10#$2 < 1 || 10#$2 > 65535)); then
        usage_error "$1 must be 1 to 65535, not '$2'"
      fi
      name=${1#--}
      port[${name%-port}]=$((10#$2))
      shift
      ;;
    --bin-dir)
      [[ $# -ge 2 ]] || usage_error "--bin-dir needs a folder"
      bin_dir=$2
      shift
      ;;
    -h | --help)
      usage
      exit 0
      ;;
    *) usage_error "unknown option '$1'" ;;
  esac
  shift
done

# Free ports of 127.0.0.1 in one line; all are open at once, so no two are the same.
pick_free_ports() {
  python3 - "$1" <<'END'
import socket, sys
sockets = [socket.create_server(("127.0.0.1", 0)) for _ in range(int(sys.argv[1]))]
print(*(s.getsockname()[1] for s in sockets))
END
}

is_listening() { (: <"/dev/tcp/127.0.0.1/$1") 2>/dev/null; }

check_ports() {
  local name taken=false
  local -A seen=()
  for name in xsub xpub metrics data code; do
    [[ -z ${seen[${port[$name]}]:-} ]] || usage_error "--$name-port and --${seen[${port[$name]}]}-port are both ${port[$name]}"
    seen[${port[$name]}]=$name
    if is_listening "${port[$name]}"; then
      echo "Port ${port[$name]} is in use by another program; choose another with --$name-port PORT." >&2
      taken=true
    fi
  done
  if $taken; then
    echo "Or let --free-ports choose all of them." >&2
    exit 1
  fi
}

build() {
  say "Looking for missing packages"
  install_debian_packages build
  if [[ ! -e build/release/build.ninja ]]; then
    say "Configuring in build/release"
    cmake --preset release -DSKILLSCALE_TESTS=OFF </dev/null >/dev/null
  fi
  say "Building (the first time takes minutes)"
  cmake --build --preset release --target skillscale_proxy skillscale_skill_server skillscale </dev/null
  bin_dir=build/release/bin
}

run_dir=
pids=()

# Stops the daemons, servers first so that the proxy still takes their last replies.
stop_all() {
  local index
  trap '' INT TERM
  for ((index = ${#pids[@]} - 1; index >= 0; index--)); do
    kill -TERM "${pids[index]}" 2>/dev/null || true
    wait "${pids[index]}" 2>/dev/null || true
  done
  pids=()
}

finish() {
  local status=$?
  stop_all
  if [[ -z $run_dir ]]; then
    return
  elif [[ $status -eq 1 ]]; then
    echo "The logs are kept in $run_dir" >&2
  else
    rm -rf "$run_dir"
  fi
}

# start NAME COMMAND...: in the background, its output in NAME.log.
start() {
  local name=$1
  shift
  "$@" </dev/null >"$run_dir/$name.log" 2>&1 &
  pids+=($!)
}

is_ready() {
  local status=
  {
    exec 3<>"/dev/tcp/127.0.0.1/$1"
    printf 'GET /readyz HTTP/1.0\r\n\r\n' >&3
    read -r -t 2 _ status _ <&3
    exec 3>&-
  } 2>/dev/null
  [[ $status == 200 ]]
}

# wait_ready NAME PORT PID: until /readyz says so, the process ends, or 20 s have passed.
wait_ready() {
  local deadline=$((SECONDS + 20))
  until (is_ready "$2"); do
    if ! kill -0 "$3" 2>/dev/null || ((SECONDS >= deadline)); then
      echo "$1 did not start. Its last words:" >&2
      tail -n 5 "$run_dir/$1.log" >&2
      exit 1
    fi
    sleep 0.05
  done
}

# show TITLE ARGUMENTS...: publishes one intent and prints the reply.
show() {
  printf '\n──── %s\n\n' "$1"
  shift
  "$bin_dir/skillscale" publish "$@" </dev/null || {
    echo "This intent failed." >&2
    exit 1
  }
}

start_daemons() {
  say "Starting the proxy and two skill servers on 127.0.0.1"
  start proxy "$bin_dir/skillscale_proxy" --xsub-bind 127.0.0.1 --xpub-bind 127.0.0.1 --metrics-bind 127.0.0.1 \
    --xsub-port "${port[xsub]}" --xpub-port "${port[xpub]}" --metrics-port "${port[metrics]}"
  # A machine whose kernel has less than the standard sandbox needs is told so in the log, and can try SkillScale all the same.
  start data-processing "$bin_dir/skillscale_skill_server" --topic TOPIC_DATA_PROCESSING --sandbox-missing degrade \
    --skills-dir skills/data-processing --metrics-bind 127.0.0.1 --metrics-port "${port[data]}"
  start code-analysis "$bin_dir/skillscale_skill_server" --topic TOPIC_CODE_ANALYSIS --sandbox-missing degrade \
    --skills-dir skills/code-analysis --metrics-bind 127.0.0.1 --metrics-port "${port[code]}"
  wait_ready proxy "${port[metrics]}" "${pids[0]}"
  wait_ready data-processing "${port[data]}" "${pids[1]}"
  wait_ready code-analysis "${port[code]}" "${pids[2]}"
}

send_intents() {
  say "Sending three intents"
  show "text-summarizer: README.md of this repository" \
    TOPIC_DATA_PROCESSING --skill text-summarizer --file README.md
  show "csv-analyzer: the sample sales.csv" \
    TOPIC_DATA_PROCESSING --skill csv-analyzer --file skills/data-processing/csv-analyzer/assets/sales.csv
  show "code-complexity: the sample sample.py" \
    TOPIC_CODE_ANALYSIS --skill code-complexity --file skills/code-analysis/code-complexity/assets/sample.py
}

# Until a signal comes, or one of the daemons ends by itself.
stay_up() {
  cat <<END

==> It stays up. Publish your own from another terminal:

  export SKILLSCALE_PROXY_XSUB=$SKILLSCALE_PROXY_XSUB SKILLSCALE_PROXY_XPUB=$SKILLSCALE_PROXY_XPUB
  $bin_dir/skillscale publish TOPIC_DATA_PROCESSING --skill csv-analyzer --file yours.csv
  $bin_dir/skillscale publish TOPIC_CODE_ANALYSIS "how complex is this code?" --file yours.py
  $bin_dir/skillscale shell --admin http://127.0.0.1:${port[metrics]}

Metrics: http://127.0.0.1:${port[metrics]}/metrics   Load: http://127.0.0.1:${port[metrics]}/v1/topics
Logs:    $run_dir
Ctrl-C stops everything.
END

  wait -n "${pids[@]}" || true
  echo "One of the daemons has ended; its log says why:" >&2
  tail -n 3 "$run_dir"/*.log >&2
  return 1
}

main() {
  trap finish EXIT
  trap 'exit 130' INT
  trap 'exit 143' TERM
  if [[ -z $bin_dir ]]; then
    build
  fi
  if $free_ports; then
    # By assignment, not by a pipe: the ports must be closed again before they are used.
    local free
    free=$(pick_free_ports 5)
    read -r 'port[xsub]' 'port[xpub]' 'port[metrics]' 'port[data]' 'port[code]' <<<"$free"
  fi
  check_ports
  export SKILLSCALE_PROXY_XSUB=tcp://127.0.0.1:${port[xsub]} SKILLSCALE_PROXY_XPUB=tcp://127.0.0.1:${port[xpub]}
  run_dir=$(mktemp -d "${TMPDIR:-/tmp}/skillscale-quickstart.XXXXXX")
  start_daemons
  send_intents
  if $once; then
    say "Three replies, all well. Stopping."
    return 0
  fi
  stay_up
}

main
