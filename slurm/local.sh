#!/usr/bin/env bash
# Runs a study as shards in local processes and merges them: the same file as one process writes.
#
#   slurm/local.sh STUDY.ini [--tasks N] [-o FILE.h5] [options of lockstep run]
#
# Interrupted, it goes on where it was when called again. LOCKSTEP names the program (default: the
# one on the PATH, or build/lockstep beside this folder).
set -euo pipefail

usage() { sed -n '2,8s/^# \{0,1\}//p' "$0"; }
fail() { echo "local.sh: $*" >&2; exit 2; }

study="" tasks=4 output="" options=()
while [ $# -gt 0 ]; do
  case $1 in
    -h | --help) usage; exit 0 ;;
    --tasks) tasks=${2:?--tasks needs a number}; shift 2 ;;
    -o | --output) output=${2:?-o needs a file}; shift 2 ;;
    *) if [ -z "$study" ]; then study=$1; else options+=("$1"); fi; shift ;;
  esac
done
[ -n "$study" ] || fail "no study given (usage: slurm/local.sh STUDY.ini [--tasks N]) see --help"
case $tasks in '' | *[!0-9]* | 0) fail "--tasks $tasks (a number from 1 on is due)" ;; esac
[ -n "$output" ] || output=$(basename "${study%.*}").h5
[ ! -e "$output" ] || fail "$output exists (it would be overwritten) move it or choose another -o"

here=$(cd "$(dirname "$0")/.." && pwd)
program=${LOCKSTEP:-$(command -v lockstep || echo "$here/build/lockstep")}
[ -x "$program" ] || fail "no program at $program (build it first, or set LOCKSTEP)"
threads=$(($(nproc) / tasks))
[ "$threads" -ge 1 ] || threads=1

# Said here once, not by every shard.
"$program" describe "$study" ${options[@]+"${options[@]}"} > /dev/null

shards=() pids=()
stop() { kill -TERM "${pids[@]}" 2> /dev/null || true; }
trap stop INT TERM
for ((i = 0; i < tasks; i++)); do
  shard="${output%.h5}.$i-of-$tasks.h5"
  shards+=("$shard")
  "$program" run "$study" --shard "$i/$tasks" --resume --quiet --threads "$threads" -o "$shard" \
    ${options[@]+"${options[@]}"} &
  pids+=($!)
done
status=0
for pid in "${pids[@]}"; do
  code=0
  wait "$pid" || code=$?
  [ "$code" -le "$status" ] || status=$code
done
if [ "$status" != 0 ]; then
  echo "local.sh: a shard ended with exit code $status; call again to go on" >&2
  exit "$status"
fi
"$program" merge "${shards[@]}" -o "$output"
rm -f "${shards[@]}"
