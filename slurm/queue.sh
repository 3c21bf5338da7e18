# The folder of a run and its jobs: what submit.sh and status.sh share. Sourced after common.sh.
#
# A run that writes FILE.h5 has a folder FILE.slurm beside it:
#   settings              the variables of submit.sh that the rest needs, as bash reads them
#   jobs                  a line for each job: array ID MIN STEP SHARDS, or: merge ID
#   lockstep, study.ini   program and study as they were submitted
#   points.h5             what describe found of the design points, which no task needs to find again
#   log/                  what the jobs said
#   shard.I-of-N.h5       until they are merged
# shellcheck shell=bash disable=SC2034,SC2154 # dir, last_log and the settings are the scripts'

# Lines "ID TASK STATE" of those of the jobs $@ that wait or run. Slurm forgets ended jobs, and calls
# a single one of them an error.
list_jobs() {
  local rows
  [ $# -gt 0 ] || return 0
  if ! rows=$(IFS=, && squeue --noheader --array --jobs="$*" --format='%F %K %T' 2>&1); then
    [[ $rows == *"Invalid job id"* ]] || fail "squeue says: $rows (what runs must be known) try again"
    return 0
  fi
  echo "$rows"
}

# Sorts the shards into shards_done, _running, _waiting, _missing; last_log[SHARD] is the log of the
# last task that had it. alive_arrays and alive_merges are the jobs of this run that wait or run.
look_at_run() {
  local kind id first step list shard task state rows
  local -A shard_of=() state_of=() is_merge=() is_alive=()
  shards_done=() shards_running=() shards_waiting=() shards_missing=() last_log=()
  alive_arrays=() alive_merges=() known_jobs=()
  while read -r kind id first step list; do
    known_jobs+=("$id")
    if [ "$kind" = merge ]; then
      is_merge[$id]=1
      continue
    fi
    task=$first
    while read -r shard; do
      shard_of[${id}_$task]=$shard last_log[shard]=$dir/log/${id}_$task.log
      task=$((task + step))
    done < <(expand_shards "$list")
  done < <(cat "$dir/jobs" 2> /dev/null)
  rows=$(list_jobs ${known_jobs[@]+"${known_jobs[@]}"}) || exit
  while read -r id task state; do
    if [ -z "$id" ]; then
      continue
    elif [ -n "${is_merge[$id]:-}" ]; then
      alive_merges+=("$id")
    else
      [ -n "${is_alive[$id]:-}" ] || alive_arrays+=("$id")
      is_alive[$id]=1 state_of[${shard_of[${id}_$task]}]=$state
    fi
  done <<< "$rows"
  for ((shard = 0; shard < tasks; shard++)); do
    if [ -e "$dir/$(shard_file "$shard")" ]; then
      shards_done+=("$shard")
      continue
    fi
    case ${state_of[$shard]:-} in
      "") shards_missing+=("$shard") ;;
      PENDING) shards_waiting+=("$shard") ;;
      *) shards_running+=("$shard") ;;
    esac
  done
}

# sbatch with the user's options before $2...; a line "$1 ID ..." goes to the jobs, and job_id is
# set. A refusal takes back what this call submitted.
submitted=() dry_run=""
submit_job() {
  local record=$1 command=(sbatch --parsable "$2" ${sbatch_options[@]+"${sbatch_options[@]}"} "${@:3}")
  if [ -n "$dry_run" ]; then
    job_id=JOB$((${#submitted[@]} + 1))
    printf '%q ' "${command[@]}" && echo
  else
    if ! job_id=$("${command[@]}") || [[ ! ${job_id%%;*} =~ ^[0-9]+$ ]]; then
      [ ${#submitted[@]} = 0 ] || scancel "${submitted[@]}"
      say "sbatch refused (it says why above) nothing is left in the queue by this call"
      exit 1
    fi
    job_id=${job_id%%;*} # with the cluster's name where there are several
    echo "${record/ID/$job_id}" >> "$dir/jobs"
  fi
  submitted+=("$job_id")
}

# Submits the missing shards, in as many arrays as the site's MaxArraySize asks for, and a merge
# after them and those still at work.
submit_missing() {
  local most place part=() list array_ids name output_of arrays waits count after=()
  most=$(scontrol show config 2> /dev/null | sed -n 's/^MaxArraySize *= *//p') || true
  [[ $most =~ ^[1-9][0-9]*$ ]] || most=1001 # Slurm's default
  name=$(basename "${output%.h5}")
  output_of=${dir//%/%%}/log # Slurm replaces %
  for ((place = 0; place < ${#shards_missing[@]}; place += most)); do
    part=("${shards_missing[@]:place:most}")
    list=$(compress_shards "${part[@]}")
    array_ids=0-$((${#part[@]} - 1)):1
    [ -z "$ids" ] || [ ${#part[@]} -lt "$tasks" ] || array_ids=$ids
    submit_job "array ID ${array_ids%%-*} ${array_ids##*:} $list" --job-name="lockstep $name" \
      --array="$array_ids$limit" --output="$output_of/%A_%a.log" "$scripts/array.sh" "$dir" "$list"
  done
  arrays=${submitted[*]}
  waits=(${alive_arrays[@]+"${alive_arrays[@]}"} ${submitted[@]+"${submitted[@]}"})
  [ ${#waits[@]} = 0 ] || after=("--dependency=afterany:$(IFS=: && echo "${waits[*]}")")
  submit_job "merge ID" --job-name="lockstep merge $name" ${after[@]+"${after[@]}"} \
    --cpus-per-task=1 --output="$output_of/merge_%j.log" "$scripts/merge.sh" "$dir"
  # One that came before would find shards missing.
  if [ ${#alive_merges[@]} -gt 0 ] && [ -z "$dry_run" ]; then scancel "${alive_merges[@]}"; fi
  count=${#shards_missing[@]}
  echo "${dry_run:+not }submitted: $count task$([ "$count" = 1 ] || echo s)${arrays:+ as job $arrays}, their merge" \
    "as job $job_id"
}
