#!/usr/bin/env bash
# Says how far a run on Slurm is: which shards are done, running, waiting and missing, and why.
#
#   slurm/status.sh DIR [--resubmit]
#
#   DIR          the folder that slurm/submit.sh made: FILE.slurm beside FILE.h5
#   --resubmit   submits the missing shards again, and a merge
#
# A shard is missing where neither its file nor a task for it is there: that task failed, or was
# cancelled. What it had saved is not computed again.
#
# Exit codes: 0 done or under way, 1 shards are missing (and --resubmit was not given, or refused),
# 2 bad input.
set -euo pipefail
here=$(cd "$(dirname "$0")" && pwd)
# shellcheck source=common.sh
source "$here/common.sh"
# shellcheck source=queue.sh
source "$here/queue.sh"

dir="" resubmit=""
while [ $# -gt 0 ]; do
  case $1 in
    -h | --help) usage; exit 0 ;;
    --resubmit) resubmit=1 ;;
    -*) fail "no option $1 (it is not among those of status.sh) see --help" ;;
    *)
      [ -z "$dir" ] || fail "too many arguments ($dir and $1) give one folder"
      dir=$1 ;;
  esac
  shift
done
[ -n "$dir" ] || fail "no folder given (usage: slurm/status.sh DIR) see --help"
[ -e "$dir" ] || fail "$dir does not exist (the folder of a run is due) give the FILE.slurm that" \
  "slurm/submit.sh made"
[ -f "$dir/settings" ] || fail "$dir is not the folder of a run (it has no settings) give the" \
  "FILE.slurm that slurm/submit.sh made"
dir=$(realpath "$dir")
# shellcheck source=/dev/null # written by submit.sh
source "$dir/settings"

# "running  2: 3,6"
show() {
  local what=$1
  shift
  printf '%-8s %s' "$what" $#
  [ $# = 0 ] || printf ': %s' "$(compress_shards "$@")"
  echo
}

look_at_run
if [ -e "$output" ]; then
  echo "$output is there: $tasks shards were merged"
  exit 0
fi
echo "$tasks shards of $output"
show "done" ${shards_done[@]+"${shards_done[@]}"}
show running ${shards_running[@]+"${shards_running[@]}"}
show waiting ${shards_waiting[@]+"${shards_waiting[@]}"}
show missing ${shards_missing[@]+"${shards_missing[@]}"}
named=0
for shard in ${shards_missing[@]+"${shards_missing[@]}"}; do
  if [ "$named" = 5 ]; then
    echo "  and $((${#shards_missing[@]} - named)) more"
    break
  fi
  log=${last_log[$shard]:-}
  echo "  shard $shard: ${log:-never submitted}"
  [ ! -s "$log" ] || tail -n 1 "$log" | sed 's/^/    /'
  named=$((named + 1))
done
echo "merge    ${alive_merges[*]:-none in the queue}"

if [ -n "$resubmit" ]; then
  if [ ${#shards_missing[@]} -gt 0 ] || [ ${#alive_merges[@]} = 0 ]; then
    submit_missing
  else
    echo "nothing to submit"
  fi
elif [ ${#shards_missing[@]} -gt 0 ]; then
  exit 1
fi
