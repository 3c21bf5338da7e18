# What the scripts of this folder share. Sourced, never run: bash, with `set -euo pipefail`.
# shellcheck shell=bash disable=SC2034,SC2154 # variables of the scripts that source this

usage() { sed -n '2,/^set /s/^# \{0,1\}//p' "$0"; }
say() { echo "${script:-$(basename "$0")}: $*" >&2; }
fail() {
  say "$*"
  exit 2
}

# The program: LOCKSTEP, the one on the PATH, build/lockstep beside this folder, or the one that was
# installed with it: PREFIX/bin/lockstep beside PREFIX/share/lockstep/slurm.
find_program() {
  local built
  built=$(cd "$(dirname "${BASH_SOURCE[0]}")/.." && pwd)/build/lockstep
  [ -x "$built" ] || built=${built/%\/share\/lockstep\/build\/lockstep//bin/lockstep}
  program=${LOCKSTEP:-$(command -v lockstep || echo "$built")}
  program=$(command -v "$program") || fail "no program at ${LOCKSTEP:-$built} (LOCKSTEP, the PATH" \
    "and build/ were tried) build it, or set LOCKSTEP"
}

# What `describe` found of the design points, as options of a run: that in folder $1, if it is there.
points=()
points_of() { if [ -f "$1/points.h5" ]; then points=(--points "$1/points.h5"); fi; }

# Ends where $1, what `describe` prints, says that a rule ends the sampling: no shard can judge it.
refuse_rule() {
  [[ $'\n'$1 != *$'\n'"Trials are run until "* ]] || fail "$study has sampling.until (it judges the" \
    "trials of all tasks together) use lockstep run, or --set sampling.until=none --trials N"
}

# Whether $output is there already: then it is the complete file of this very study, or refused by
# name.
output_is_complete() {
  [ -e "$output" ] || return 1
  "$program" run "$study" ${options[@]+"${options[@]}"} ${points[@]+"${points[@]}"} \
    --resume --quiet -o "$output" || exit
}

# Removes those of the shard files $@, in their order, that are complete and of this very run: what
# is left where a merge was cut short. Others of such a name stay.
remove_own() {
  local file shard=0
  for file in "$@"; do
    if [ -f "$file" ] && "$program" run "$study" ${options[@]+"${options[@]}"} \
      ${points[@]+"${points[@]}"} --resume --quiet --shard "$shard/$tasks" -o "$file" 2> /dev/null; then
      rm -f "$file"
    fi
    shard=$((shard + 1))
  done
}

# Waits for process $1 and leaves its exit code in `code`. A trapped signal ends a wait early: traps
# set `signalled`.
finish() {
  while :; do
    signalled="" code=0
    wait "$1" || code=$?
    [ -n "$signalled" ] || break
  done
}

# The file of shard $1, within the folder of a run.
shard_file() { echo "shard.$1-of-$tasks.h5"; }

# A list like 0-2,7 as lines 0 1 2 7; and numbers in rising order as such a list.
expand_shards() {
  local range
  for range in ${1//,/ }; do seq "${range%-*}" "${range#*-}"; done
}
compress_shards() {
  local list="" first="" last="" shard
  for shard in "$@" ""; do
    if [ -n "$shard" ] && [ -n "$last" ] && [ "$shard" = $((last + 1)) ]; then
      last=$shard
      continue
    fi
    if [ "$first" = "$last" ]; then list+="${first:+,$first}"; else list+=",$first-$last"; fi
    first=$shard last=$shard
  done
  echo "${list#,}"
}
