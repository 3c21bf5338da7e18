#!/usr/bin/env bash
# One task of a Slurm array: computes one shard, or goes on with it. Submitted by submit.sh and
# status.sh as
#
#   sbatch --array=MIN-MAX:STEP array.sh DIR SHARDS
#
# where the task's place in the array says which of SHARDS (like 0-7 or 2,5,7) is its own. Threads
# are the program's choice: SLURM_CPUS_PER_TASK, SLURM_CPUS_ON_NODE, the processors allowed.
#
# Told to stop (USR1 before the time limit, TERM), it saves, exits 75 and goes back to the queue.
# Slurm signals this shell alone, and only it can do both: so the program is its child.
# Notice of 180 s is at least 120 s, since Slurm may be a minute late.
#SBATCH --signal=B:USR1@180
#SBATCH --requeue
#SBATCH --open-mode=append
# shellcheck disable=SC2154 # variables of the settings
set -euo pipefail
script=array.sh dir=$1 shards=$2 # Slurm runs a copy of another name
# shellcheck source=/dev/null # written by submit.sh
source "$dir/settings"
# shellcheck source=common.sh
source "$scripts/common.sh"

place=$(((SLURM_ARRAY_TASK_ID - SLURM_ARRAY_TASK_MIN) / SLURM_ARRAY_TASK_STEP))
shard=$(expand_shards "$shards" | sed -n "$((place + 1))p")
[ -n "$shard" ] || fail "task $SLURM_ARRAY_TASK_ID has no shard (place $place of $shards) submit" \
  "with slurm/submit.sh"
echo "shard $shard of $tasks on $(hostname), $(date -u +%FT%TZ), start $((${SLURM_RESTART_COUNT:-0} + 1))"
[ -x "$dir/lockstep" ] || fail "no program at $dir/lockstep on $(hostname) (the folder must be" \
  "shared by login and compute nodes) submit from a shared folder"
cmp -s "$study" "$dir/study.ini" || fail "$study is not what was submitted (all shards must be of" \
  "one study) put it back from $dir/study.ini, and then: slurm/status.sh $dir --resubmit"

pid="" told=""
stop() {
  signalled=1 told=1
  if [ -n "$pid" ]; then kill -TERM "$pid" 2> /dev/null || true; fi
}
trap stop TERM USR1
points_of "$dir"
"$dir/lockstep" run "$study" ${options[@]+"${options[@]}"} ${threads[@]+"${threads[@]}"} \
  ${points[@]+"${points[@]}"} --shard "$shard/$tasks" --resume -o "$dir/$(shard_file "$shard")" &
pid=$!
[ -z "$told" ] || stop # it came before there was a program to tell
finish "$pid"
# Told before it could listen, the program just ends.
[ -z "$told" ] || [ "$code" != 143 ] || code=75

if [ "$code" = 75 ]; then
  # SLURM_JOB_ID of one task is the array's, and would mean all of them.
  task=${SLURM_ARRAY_JOB_ID}_$SLURM_ARRAY_TASK_ID
  # Once Slurm ends the job itself (cancelled, preempted, out of time), what follows is its choice.
  state=$(scontrol show job "$task" || true)
  if [[ $state == *JobState=RUNNING* ]]; then
    echo "saved: back to the queue"
    scontrol requeue "$task" || true
  else
    echo "saved: ended by Slurm"
  fi
fi
exit "$code"
