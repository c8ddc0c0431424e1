#!/usr/bin/env bash
# Run the unit and golden tests with every other Python from 3.11 on that is here: `make pythons` runs it.
#
# Of each version that is python3.N of PATH, or the newest of pyenv's. Each has an environment of its own, .venvs/3.N, which
# is kept. A line says of each whether it was tried; that of .venv is left to `make test`. Where there is no other one,
# nothing is done.
#
# Environment: PYTHONS (all): `newest` tries the newest other one alone, as CI does.
# PYTHONS_SECONDS (900): what the tests of one may take.
set -uo pipefail
cd "$(dirname "${BASH_SOURCE[0]}")/.."
versions=${PYENV_ROOT:-$HOME/.pyenv}/versions
own=$(python -c 'import sys; print(sys.version_info.minor)') || exit 1
newest=$(sed -n 's/.*"Programming Language :: Python :: 3\.\([0-9]*\)".*/\1/p' pyproject.toml | sort -n | tail -n 1)

usable() { # usable PYTHON: a release, and it can make environments (a shim of pyenv may lead to none)
  "$1" -c 'import ensurepip, sys, venv; sys.exit(sys.version_info.releaselevel != "final")' >/dev/null 2>&1
}
find_python() { # find_python N: the program of 3.N
  local candidate
  while read -r candidate; do
    [[ -n $candidate ]] && usable "$candidate" && { echo "$candidate"; return; }
  done < <(type -aP "python3.$1"; compgen -G "$versions/3.$1.*/bin/python3.$1" | sort -rV)
  return 1
}
environment() { # environment FOLDER PYTHON: everything that the tests need, where it is not there already
  [[ $1/ready -nt pyproject.toml ]] && "$1/bin/python" -c '' 2>/dev/null && return
  rm -rf "$1"
  "$2" -m venv "$1" && "$1/bin/python" -m pip install -qq -e '.[dev]' && touch "$1/ready"
}
tests() { # tests FOLDER
  PATH=$PWD/$1/bin:$PATH timeout "${PYTHONS_SECONDS:-900}" "$1/bin/python" -m pytest -p no:cacheprovider -q -n 2 \
    --dist worksteal -m "not contract and not e2e" tests/unit tests/project tests/golden
}
try() { # try N PYTHON
  local folder=.venvs/3.$1 log=.venvs/3.$1.log what
  mkdir -p .venvs
  if ! environment "$folder" "$2" >"$log" 2>&1; then
    what="no environment could be made"
  elif tests "$folder" >"$log" 2>&1; then
    echo "python3.$1: $(tail -n 1 "$log")"
    return
  else
    what=$( (($? == 124)) && echo "took too long" || tail -n 1 "$log")
  fi
  tail -n 100 "$log"
  echo "python3.$1: $what"
  return 1
}

failed=0 others=0
numbers=({11..40})
[[ ${PYTHONS:-all} != newest ]] || numbers=({40..11})
for number in "${numbers[@]}"; do
  if ((number == own)); then
    echo "python3.$number: make test tries it"
  elif python=$(find_python "$number"); then
    others=$((others + 1))
    try "$number" "$python" || failed=1
    [[ ${PYTHONS:-all} != newest ]] || break
  elif ((number <= newest)); then
    echo "python3.$number: not there"
  fi
done
((others)) || echo "no other Python is there: nothing to do"
exit "$failed"
