#!/usr/bin/env bash
# Runs a study as an array of Slurm tasks, a shard each, and merges them when all have ended.
#
#   slurm/submit.sh STUDY.ini --tasks N --time T [--partition P] [any option of sbatch]
#                   [-o FILE.h5] [--set KEY=VALUE] [--trials N] [--seed S] [--threads T] [--dry-run]
#
#   --tasks N      shards, and tasks of the array; or --array MIN-MAX[:STEP][%MOST] with as many ids
#   --time T       limit of each task, as sbatch has it: 2:00:00 is two hours
#   -o FILE.h5     file to write (default: STUDY.h5 in this folder)
#   --set, --trials, --seed, --threads   as lockstep run has them
#   --dry-run      print what would be submitted, and the scripts; submit and write nothing
#
# STUDY.ini stands before sbatch's options. Shards and logs are kept in FILE.slurm beside FILE.h5,
# on a file system that the nodes share. Given again, only what is missing is submitted. LOCKSTEP
# names the program (default: the one on the PATH, in build/ beside this folder, or installed with it).
#
# Exit codes: 0 submitted, or nothing to do; 2 bad input; 1 sbatch refused, and anything else.
set -euo pipefail
scripts=$(cd "$(dirname "$0")" && pwd)
# shellcheck source=common.sh
source "$scripts/common.sh"
# shellcheck source=queue.sh
source "$scripts/queue.sh"

study="" tasks="" output="" ids="" limit="" duration="" cores="" notice=""
options=() threads=() sbatch_options=()
while [ $# -gt 0 ]; do
  case $1 in
    --tasks=* | --output=* | --set=* | --trials=* | --seed=* | --threads=* | --array=* | --time=* | \
      --cpus-per-task=*) set -- "${1%%=*}" "${1#*=}" "${@:2}" ;;
    -[oatc]?*) set -- "${1:0:2}" "${1:2}" "${@:2}" ;;
  esac
  case $1 in
    -h | --help) usage; exit 0 ;;
    --dry-run) dry_run=1; shift ;;
    --resume | -q | --quiet) shift ;; # both go without saying
    --tasks | -o | --output | --set | --trials | --seed | --threads | -a | --array | -t | --time | \
      -c | --cpus-per-task)
      [ $# -ge 2 ] || fail "$1 has no value (one is due) see --help"
      case $1 in
        --tasks) tasks=$2 ;;
        -o | --output) output=$2 ;;
        --threads) threads=(--threads "$2") ;;
        -a | --array) ids=$2 ;;
        -t | --time) duration=$2 ;;
        -c | --cpus-per-task) cores=$2 ;;
        *) options+=("$1" "$2") ;;
      esac
      shift 2 ;;
    -*) # one of sbatch's, and the word that follows is its value
      # Slurm's own notice is a minute.
      [[ "$1 ${2-}" =~ ^--signal[=\ ][^@\ ]*(@([0-9]+))?(\ |$) ]] && notice=${BASH_REMATCH[2]:-60}
      sbatch_options+=("$1")
      if [[ $1 != *=* && $# -ge 2 && $2 != -* ]]; then
        sbatch_options+=("$2")
        shift
      fi
      shift ;;
    *)
      [ -z "$study" ] || fail "too many arguments ($study and $1) give one study"
      study=$1
      shift ;;
  esac
done

# Seconds of MINUTES, M:S, H:M:S, D-H, D-H:M or D-H:M:S, as sbatch reads them.
seconds_of() {
  local days=0 fields
  [[ $1 =~ ^([0-9]+-)?[0-9]+(:[0-9]+){0,2}$ ]] || return 1
  IFS=: read -ra fields <<< "${1#*-}"
  if [[ $1 = *-* ]]; then
    days=${1%%-*}
  elif [ ${#fields[@]} -lt 3 ]; then
    fields=(0 "${fields[@]}")
  fi
  echo $((((10#$days * 24 + 10#${fields[0]}) * 60 + 10#${fields[1]:-0}) * 60 + 10#${fields[2]:-0}))
}

[ -n "$study" ] || fail "no study given (usage: slurm/submit.sh STUDY.ini --tasks N --time T; the" \
  "study stands first) see --help"
if [ -n "$ids" ]; then
  [[ $ids =~ ^(0|[1-9][0-9]*)-(0|[1-9][0-9]*)(:([1-9][0-9]*))?(%[1-9][0-9]*)?$ &&
    ${BASH_REMATCH[2]:-0} -ge ${BASH_REMATCH[1]:-1} ]] || fail "--array $ids (MIN-MAX or" \
    "MIN-MAX:STEP, and perhaps %MOST, is due) give --tasks N instead"
  step=${BASH_REMATCH[4]:-1} limit=${BASH_REMATCH[5]}
  ids=${BASH_REMATCH[1]}-${BASH_REMATCH[2]}:$step
  count=$(((BASH_REMATCH[2] - BASH_REMATCH[1]) / step + 1))
  [ "${tasks:-$count}" = "$count" ] || fail "--array $ids is for $count tasks (--tasks says $tasks)" \
    "give one of them"
  tasks=$count
fi
[[ $tasks =~ ^[1-9][0-9]{0,5}$ ]] || fail "--tasks ${tasks:-is not given} (a whole number from 1 to" \
  "999999 is due) slurm/README.md says how to choose it"
[ -n "$duration" ] || fail "--time is not given (the limit of each task is due) for example" \
  "--time 2:00:00 for two hours"
seconds=$(seconds_of "$duration") || fail "--time $duration (minutes, M:S, H:M:S or D-H is due) for" \
  "example 2:00:00 for two hours"
[ -n "$notice" ] || [ "$seconds" -ge 300 ] || fail "--time $duration is $seconds s (a task is told to" \
  "stop 3 min before the end) give 5 min or more: H:M:S"
[[ ${threads[1]-1} =~ ^[1-9][0-9]{0,3}$ ]] || fail "--threads ${threads[1]} (a whole number from 1 is" \
  "due) leave it out for what Slurm gives"
[[ ${cores:-1} =~ ^[1-9][0-9]{0,3}$ ]] || fail "--cpus-per-task $cores (a whole number from 1 is due)" \
  "leave it out for the site's default"
[ -n "$dry_run" ] || command -v sbatch > /dev/null || fail "no sbatch here (a login node of a Slurm" \
  "cluster is due) slurm/local.sh runs a study without Slurm"
sbatch_options+=("--time=$duration" ${cores:+"--cpus-per-task=$cores"})

[ -n "$output" ] || output=$(basename "${study%.*}").h5
[ -d "$(dirname "$output")" ] || fail "there is no folder $(dirname "$output") (for $output) make it," \
  "or choose another -o"
output=$(realpath "$output")
dir=${output%.h5}.slurm
[[ $dir$study != *[\\$'\n']* ]] || fail "a backslash or line break in $dir or $study (Slurm cannot" \
  "have it) choose other names"
scratch=""
if [ -f "$dir/settings" ]; then
  program=$dir/lockstep
else
  find_program
  scratch=$(mktemp -d)
  trap 'rm -rf "$scratch"' EXIT
  points=(--points "$scratch/points.h5") # which describe writes
fi

if ! described=$(SLURM_CPUS_PER_TASK=${threads[1]:-${cores:-${SLURM_CPUS_PER_TASK:-}}} \
  "$program" describe "$study" --tasks "$tasks" ${options[@]+"${options[@]}"} \
  ${points[@]+"${points[@]}"}); then
  say "$study does not check (see above): nothing is submitted"
  exit 2
fi
refuse_rule "$described"
study=$(realpath "$study")
study_id=$(sed -n 's/^study_id //p' <<< "$described")
if output_is_complete; then
  say "$output is complete: nothing to do; -o names another"
  exit 0
fi

# A task that is told to stop gives up the blocks under way: one that is longer would never be saved.
read -r trials block <<< "$(sed -n \
  's/^A block of \([0-9]*\) trials* takes about \([0-9]* [a-z]* (\)*\([0-9]*\) s[); ].*/\1 \3/p' \
  <<< "$described")"
available=$((seconds - ${notice:-180}))
if [ "${block:-0}" -ge "$available" ] && [ "${block:-0}" -gt 0 ]; then
  enough=$(((2 * block + ${notice:-180} + 59) / 60)) fewer=$((trials * available / (2 * block)))
  advice="--time $((enough / 60)):$(printf %02d $((enough % 60))):00"
  [ "$fewer" -lt 1 ] || advice+=", or --set sampling.block=$fewer"
  fail "a block takes about $block s (--time $duration leaves $available s until the task is told to" \
    "stop, and what is under way then is lost) set $advice"
fi

# What makes a run, a line each; other options of sbatch may come later.
run_of() {
  printf '%s\n' "study $study" "--tasks $tasks" "options ${options[*]:-(none)}" "study_id $study_id"
}
if [ -f "$dir/settings" ]; then
  # shellcheck source=/dev/null # written below
  mapfile -t before < <(source "$dir/settings" && run_of)
  mapfile -t now < <(run_of)
  for i in "${!now[@]}"; do
    [ "${before[i]}" = "${now[i]}" ] || fail "$dir is of another run (of ${before[i]}, here it is" \
      "${now[i]}) give what it began with, another -o, or remove it"
  done
  cmp -s "$study" "$dir/study.ini" || fail "$dir is of another run (its study.ini is not $study of" \
    "today) put it back, or give another -o"
fi
if [ -z "$dry_run" ]; then
  mkdir -p "$dir/log"
  [ -f "$dir/settings" ] || cp "$program" "$dir/lockstep"
  [ -z "$scratch" ] || cp "$scratch/points.h5" "$dir/points.h5"
  cp "$study" "$dir/study.ini"
  declare -p study tasks output options threads study_id ids limit sbatch_options scripts \
    > "$dir/settings.tmp"
  mv "$dir/settings.tmp" "$dir/settings"
fi

grep -E '^(Warning: |[0-9]+ design points? |Run time |A block )' <<< "$described"
look_at_run
if [ ${#shards_missing[@]} = 0 ] && [ ${#alive_merges[@]} -gt 0 ]; then
  echo "Nothing is missing: jobs ${alive_arrays[*]} ${alive_merges[*]} are in the queue."
else
  submit_missing
  [ -z "$dry_run" ] || tail -n +1 "$scripts/array.sh" "$scripts/merge.sh"
fi
echo "shards and logs: $dir"
echo "result: $output"
printf 'watch: %q %q\n' "$scripts/status.sh" "$dir"
