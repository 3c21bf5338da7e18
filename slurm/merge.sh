#!/usr/bin/env bash
# Merges the shards of a run into its file, if they are all there; otherwise says which are not, and
# fails. Submitted by submit.sh and status.sh as
#
#   sbatch --dependency=afterany:ARRAYS merge.sh DIR
#
# afterany, not afterok: a task that failed must not leave this pending for ever.
#SBATCH --requeue
#SBATCH --open-mode=append
# shellcheck disable=SC2154 # variables of the settings
set -euo pipefail
script=merge.sh dir=$1 # Slurm runs a copy of another name
# shellcheck source=/dev/null # written by submit.sh
source "$dir/settings"
# shellcheck source=common.sh
source "$scripts/common.sh"
program=$dir/lockstep
points_of "$dir"

cd "$dir"
ls > /dev/null # NFS then asks anew which files there are
files=() missing=()
for ((shard = 0; shard < tasks; shard++)); do
  files+=("$(shard_file "$shard")")
  [ -e "${files[shard]}" ] || missing+=("$shard")
done
if output_is_complete; then
  remove_own "${files[@]}"
  say "$output is complete: nothing to do"
elif [ ${#missing[@]} -gt 0 ]; then
  say "${#missing[@]} of $tasks shards are missing ($(compress_shards "${missing[@]}"); their logs" \
    "are in $dir/log) submit them again: $(printf '%q ' "$scripts/status.sh" "$dir")--resubmit"
  exit 1
else
  "$program" merge "${files[@]}" -o "$output" # which refuses what is not of one run
  output_is_complete # the run of this folder
  rm -f "${files[@]}"
  "$program" summary "$output"
fi
