#!/usr/bin/env bash
# Plan and build examples/chain for two platforms, then look at what came out: `make demo` runs it.
#
# Where a registry answers ($ENGINE_REGISTRY) the images are pushed there; else they are written as OCI archives.
set -euo pipefail
cd "$(dirname "${BASH_SOURCE[0]}")/../examples/chain"
registry=${ENGINE_REGISTRY:-}
out=$(mktemp -d); trap 'rm -rf "$out"' EXIT

show() { printf '\n$ %s\n' "$*"; "$@"; }
fail() { echo "demo: $*" >&2; exit 1; }
targets() { # targets: "NAME TAG" of each target that has a tag
  buildmatrix render "${variables[@]}" 2>/dev/null | python -c '
import json, sys
for name, target in json.load(sys.stdin)["target"].items():
    print(*[f"{name} {tag}" for tag in target.get("tags", [])[:1]], sep="\n")' | grep .
}
platforms_in_registry() { # platforms_in_registry TAG
  docker buildx imagetools inspect "$1" --format \
    '{{range .Manifest.Manifests}}{{if ne .Platform.OS "unknown"}}{{.Platform.OS}}/{{.Platform.Architecture}} {{end}}{{end}}'
}
platforms_in_archive() { # platforms_in_archive FILE
  python - "$1" <<'P'
import json, sys, tarfile
with tarfile.open(sys.argv[1]) as archive:
    read = lambda name: json.load(archive.extractfile(name))
    index = read("index.json")["manifests"][0]["digest"].replace(":", "/")
    platforms = [row["platform"] for row in read(f"blobs/{index}")["manifests"]]
print(*[f"{p['os']}/{p['architecture']}" for p in platforms if p["os"] != "unknown"])
P
}
has_both() { [[ " $1 " == *" linux/amd64 "* && " $1 " == *" linux/arm64 "* ]]; }

variables=(--var "registry=${registry:-localhost:5000}")
show buildmatrix plan "${variables[@]}"
if [[ -n $registry ]]; then
  show buildmatrix apply "${variables[@]}"
else
  echo "no registry answers: writing OCI archives instead"
  archives=()
  while read -r name _; do archives+=(--set "$name.output=type=oci,dest=$out/$name.tar"); done < <(targets)
  show buildmatrix apply "${variables[@]}" "${archives[@]}" --allow "fs.write=$out"
fi

printf '\n%s\n' "What came out:"
while read -r name tag; do
  if [[ -n $registry ]]; then found=$(platforms_in_registry "$tag"); else found=$(platforms_in_archive "$out/$name.tar"); fi
  has_both "$found" || fail "$tag holds ${found:-nothing}, not linux/amd64 and linux/arm64"
  echo "  $tag  $found"
done < <(targets)
