#!/usr/bin/env bash
# Runs a study as shards in local processes and merges them: the same file as one process writes.
#
#   slurm/local.sh STUDY.ini [--tasks N] [-o FILE.h5] [--set KEY=VALUE] [--trials N] [--seed S]
#                  [--threads T]
#
#   --tasks N     processes, one shard each (default: 4)
#   --threads T   threads of each process (default: the processors shared among the tasks)
#   -o FILE.h5    file to write (default: STUDY.h5 in this folder)
#   --set, --trials, --seed   as lockstep run has them
#
# Stopped (Ctrl-C, TERM, USR1) or killed, it goes on where it was when the same command is given
# again. Until the end the shards stand beside FILE.h5. LOCKSTEP names the program (default: the one
# on the PATH, in build/ beside this folder, or installed with it).
#
# Exit codes: 0 done, 75 stopped, 2 bad input, 1 anything else.
set -euo pipefail

# shellcheck source=common.sh
source "$(dirname "$0")/common.sh"

study="" tasks=4 output="" threads="" options=()
while [ $# -gt 0 ]; do
  case $1 in
    --*=*) set -- "${1%%=*}" "${1#*=}" "${@:2}" ;; # --tasks=4 is --tasks 4
  esac
  case $1 in
    -h | --help) usage; exit 0 ;;
    --tasks | -o | --output | --threads | --set | --trials | --seed)
      [ $# -ge 2 ] || fail "$1 has no value (one is due) see --help"
      case $1 in
        --tasks) tasks=$2 ;;
        -o | --output) output=$2 ;;
        --threads) threads=$2 ;;
        *) options+=("$1" "$2") ;;
      esac
      shift 2 ;;
    --resume | -q | --quiet) shift ;; # both go without saying
    -*) fail "no option $1 (it is not among those of local.sh) see --help" ;;
    *)
      [ -z "$study" ] || fail "too many arguments ($study and $1) give one study"
      study=$1
      shift ;;
  esac
done
[ -n "$study" ] || fail "no study given (usage: slurm/local.sh STUDY.ini [--tasks N]) see --help"
[[ $tasks =~ ^[1-9][0-9]{0,3}$ ]] || fail "--tasks $tasks (a whole number from 1 to 9999 is due)" \
  "leave it out for 4"
[ -n "$output" ] || output=$(basename "${study%.*}").h5
base=${output%.h5}

find_program
if [ -z "$threads" ]; then
  processors=$("$program" run --help | sed -n 's/.*processors at hand: \([0-9]*\).*/\1/p')
  threads=$((processors / tasks))
  [ "$threads" -ge 1 ] || threads=1
fi

scratch=$(mktemp -d)
trap 'rm -rf "$scratch"' EXIT
points=(--points "$scratch/points.h5")
# Planned, and said, here once, not by every shard.
described=$("$program" describe "$study" --no-estimate ${options[@]+"${options[@]}"} "${points[@]}")
refuse_rule "$described"

shards=()
for ((i = 0; i < tasks; i++)); do shards+=("$base.$i-of-$tasks.h5"); done
# The shards of a call that was stopped with another number of tasks would be of no use.
for leftover in "$base".*-of-*.h5 "$base".*-of-*.h5.part; do
  count=${leftover##*-of-} count=${count%%.*}
  if [ -e "$leftover" ] && [[ $count =~ ^[0-9]+$ ]] && [ "$count" != "$tasks" ]; then
    fail "$leftover exists (of a call with --tasks $count) go on with --tasks $count, or remove it"
  fi
done
if output_is_complete; then
  remove_own "${shards[@]}"
  say "$output is complete: nothing to do; -o names another"
  exit 0
fi

pids=() stopped=""
# TERM to every shard; they save and end. A second Ctrl-C does not wait for that.
stop() {
  local signal=TERM
  signalled=1
  [ "$stopped$1" != INTINT ] || signal=KILL
  stopped=$1
  kill -"$signal" ${pids[@]+"${pids[@]}"} 2> /dev/null || true
}
for signal in INT TERM USR1 HUP; do
  # shellcheck disable=SC2064 # the name is meant now
  trap "stop $signal" "$signal"
done
for ((i = 0; i < tasks; i++)); do
  [ -z "$stopped" ] || break
  "$program" run "$study" ${options[@]+"${options[@]}"} "${points[@]}" --shard "$i/$tasks" --resume \
    --quiet --threads "$threads" -o "${shards[i]}" 2> "$scratch/$i" &
  pids+=($!)
done
[ -z "$stopped" ] || kill ${pids[@]+"${pids[@]}"} 2> /dev/null || true # the last one may not know

complete=0 status=0
for i in "${!pids[@]}"; do
  finish "${pids[i]}"
  # Told before it could listen, a shard just ends.
  [ -z "$stopped" ] || [ "$code" != 143 ] || code=75
  case $code in
    0) complete=$((complete + 1)) ;;
    75) [ "$status" != 0 ] || status=75 ;;
    *)
      [ "$code" = 2 ] || code=1
      # One message: what one shard meets the others mostly meet too.
      if [ "$status" = 0 ] || [ "$status" = 75 ]; then
        grep -v '^$' "$scratch/$i" >&2 || say "shard $i was killed"
        status=$code
      fi ;;
  esac
done
if [ "$status" = 0 ] && [ "$complete" -lt "$tasks" ]; then status=75; fi
if [ "$status" != 0 ]; then
  say "$complete of $tasks shards are complete, and what was saved of the others stays; the same" \
    "command goes on"
  exit "$status"
fi
# It refuses what is not of one run.
"$program" merge "${shards[@]}" -o "$output" || { [ -z "$stopped" ] && exit || exit 75; }
rm -f "${shards[@]}"
"$program" summary "$output"
