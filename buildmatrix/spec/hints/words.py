"""Words of other tools, and what this one has for them: keys, values, and what to write where there is no such key."""

OTHER_WORDS = {
    "build-args": "args", "build_args": "args", "buildargs": "args", "build-arg": "args", "arg": "args",
    "build-contexts": "contexts", "build-context": "contexts", "additional_contexts": "contexts",
    "additional-contexts": "contexts", "depends-on": "needs", "depends_on": "needs", "dependencies": "needs",
    "depends": "needs", "file": "dockerfile", "image": "tags", "images": "tags", "tag": "tags", "platform": "platforms",
    "outputs": "output", "secrets": "secret", "extends": "inherits", "inherit": "inherits", "axes": "matrix",
    "strategy": "matrix", "stage": "target", "targets": "target", "groups": "group", "variables": "variable",
    "vars": "variable", "overrides": "override", "default": "defaults", "path": "context",
    "includes": "include", "privileges": "entitlements", "cap-add": "entitlements",
    "hosts": "extra-hosts", "add-host": "extra-hosts", "add-hosts": "extra-hosts",
    "dockerfile-contents": "dockerfile-inline",
    "annotation": "annotations", "label": "labels", "ulimit": "ulimits", "parallel": "jobs", "parallelism": "jobs",
    "max-parallel": "jobs", "retry": "retries",
}  # fmt: skip
"""Keys of other tools, for keys that are called otherwise here."""

OF_A_TARGET = {
    "push": 'write output = [{ type = "registry" }], or give --push',
    "load": 'write output = [{ type = "docker" }], or give --load',
    "no-output": "give --no-output",
    "attests": 'write attest = [{ type = "provenance" }, { type = "sbom" }]',
    "env": 'a build has arguments: write args = { NAME = "value" }, and ENV in the Dockerfile',
    "environment": 'a build has arguments: write args = { NAME = "value" }, and ENV in the Dockerfile',
    "cache": 'write cache-from = [{ type = "registry", ref = "…" }], and cache-to likewise',
    "build": 'what stands under it in a compose file stands in the target itself: context = ".", dockerfile = "…"',
    "version": "write it once, as the first line of the file",
    "fail-fast": "give --fail-fast to apply",
    "max-parallel": "write jobs = N under [apply], or give --jobs",
    "from": 'FROM stands in the Dockerfile; to build on another target: contexts.NAME = "target:NAME"',
    "base": 'FROM stands in the Dockerfile; to build on another target: contexts.NAME = "target:NAME"',
    "registry": "tags name the registry, and `docker login` logs in",
    "username": "`docker login` logs in: a file holds no credentials",
    "password": "`docker login` logs in: a file holds no credentials",
    "with": "a step's inputs stand in the target itself",
    "uses": "this is not a workflow: a workflow runs `buildmatrix apply`",
    "steps": "this is not a workflow: a workflow runs `buildmatrix apply`",
    "runs-on": "this is not a workflow: a workflow runs `buildmatrix apply`",
    "squash": "BuildKit has no such thing: build from a last stage that copies what is needed",
    "rm": "BuildKit keeps no containers: leave it out",
    "iidfile": "give --metadata to apply",
    "metadata-file": "give --metadata to apply",
    "exclude": "write it under the matrix: matrix.exclude = [{ … }]",
    "include": "write it under the matrix: matrix.include = [{ … }]",
    "when": "an [[override]] with select holds for some cells",
    "if": 'a template decides: "{% if … %}…{% endif %}"; an [[override]] with select holds for some cells',
    "variable": "variables stand under [variable], for all targets",
    "policy": "buildx reads DOCKERFILE.rego beside the Dockerfile by itself",
}  # fmt: skip
"""What to write for keys that no target has."""

OF_A_MATRIX = {
    "max-parallel": "write jobs = N under [apply], or give --jobs",
    "fail-fast": "write keep-going = true under [apply] to go on after a failure, or give --keep-going; "
    "--fail-fast ends what is running",
}
"""What to write for keys of a workflow's strategy, which no matrix has."""

OF_OUTPUT = {
    "push": 'what is pushed has type = "registry"; leave push out',
    "load": 'what is loaded has type = "docker"; leave load out',
}
"""What to write for keys that an output of this kind has not."""

OF_APPLY = {
    "build": "what is built is said on the command line (buildmatrix apply NAME), or by group.default",
    "fail-fast": "give --fail-fast to apply",
    "push": 'a target says what is pushed: output = [{ type = "registry" }]; or give --push',
    "load": 'a target says what is loaded: output = [{ type = "docker" }]; or give --load',
    "allow": "give --allow: a file cannot allow itself anything",
    "platform": "give --platform: a target says what it is built for",
    "platforms": "a target says what it is built for; for all of them it stands under [defaults]",
}  # fmt: skip
"""What to write for keys that [apply] has not; those of a target are told to stand there."""

OF_THE_FILE = {
    "build": "write [target.NAME] for each image, with context and dockerfile in it",
    "services": "write [target.NAME] for each service that is built",
    **dict.fromkeys(
        ("function", "functions"),
        "templates have filters instead, such as {{ name | replace('.', '-') }}, lower, slug or default('x')",
    ),
    "matrix": "a matrix belongs to a target: [target.NAME.matrix]",
    "jobs": "write it under [apply]; a target is [target.NAME]",
    "args": "write it under [target.NAME], or under [defaults] for all targets",
    "x-common": 'write [target._common], and inherits = ["_common"] where it is to hold',
    "env": 'write [variable], and NAME = { env = "NAME" } below it',
    "environment": 'write [variable], and NAME = { env = "NAME" } below it',
    "locals": "write [variable]: its values may be templates",
    "name": "a file has no name: leave it out",
    "on": "this is not a workflow: a workflow runs `buildmatrix apply`",
}  # fmt: skip
"""What to write for keys that no file has."""

OF_A_VARIABLE = {
    "value": "default", "values": "choices", "enum": "choices", "options": "choices", "regex": "pattern",
    "match": "pattern", "environment": "env", "environment-variable": "env", "from-env": "env", "from": "env",
    "path": "file", "help": "description", "doc": "description",
}  # fmt: skip

OF_TABLES: dict[str, dict[str, str]] = {
    "variable": OF_A_VARIABLE,
    "secret": {"source": "src", "file": "src", "path": "src", "name": "id", "target": "id",
               "environment": "env", "variable": "env"},
    "ssh": {"path": "paths", "key": "paths", "keys": "paths", "src": "paths", "name": "id"},
    "output": {"path": "dest", "destination": "dest", "file": "dest", "src": "dest", "ref": "name",
               "tag": "name", "kind": "type"},
    "cache-to": {"image": "ref", "tag": "ref", "path": "dest", "src": "dest", "name": "ref", "kind": "type"},
    "cache-from": {"image": "ref", "tag": "ref", "path": "src", "dest": "src", "name": "ref", "kind": "type"},
}  # fmt: skip
"""Keys of the tables within lists, and of variables, for keys that are called otherwise here."""

OF_A_VARIABLE_CURES = {
    "required": "a variable without a default has to be given: leave this out",
    "nullable": 'a default of "" is empty: leave this out',
    "sensitive": "what a credential is made of is hidden by itself: leave this out",
    "validation": "write pattern = '…', or choices = […]",
    "condition": "write pattern = '…', or choices = […]",
}  # fmt: skip

OTHER_VALUES = {
    "driver": {
        "docker": "docker-container", "container": "docker-container", "docker_container": "docker-container",
        "k8s": "kubernetes", "kube": "kubernetes", "tcp": "remote", "ssh": "remote", "build-cloud": "cloud",
    },
    "type": {
        "bool": "boolean", "str": "string", "text": "string", "int": "integer", "float": "number", "array": "list",
        "strings": "list", "list(string)": "list", "push": "registry", "dir": "local", "directory": "local",
        "folder": "local", "file": "tar", "none": "cacheonly", "cache": "cacheonly", "dockerhub": "registry",
        "github": "gha", "actions": "gha", "environment": "env", "load": "docker", "archive": "oci", "spdx": "sbom",
        "slsa": "provenance",
    },
    "network": {"bridge": "default", "true": "default", "false": "none", "off": "none"},
    "call": {"lint": "check", "true": "build", "validate": "check"},
    "mode": {"minimum": "min", "maximum": "max", "full": "max", "all": "max"},
}  # fmt: skip
"""Values of other tools, by key, for values that are called otherwise here."""

TRUES = frozenset({"True", "TRUE", "yes", "Yes", "YES", "on", "On", "ON", "y"})
FALSES = frozenset({"False", "FALSE", "no", "No", "NO", "off", "Off", "OFF", "n"})
NOTHINGS = frozenset({"null", "Null", "NULL", "None", "nil", "~", "undefined", "none"})

COMMANDS = {
    "build": "apply", "bake": "apply", "run": "apply", "up": "apply", "push": "apply", "make": "apply",
    "deploy": "apply", "check": "validate", "lint": "validate", "test": "validate", "config": "validate",
    "verify": "validate", "show": "plan", "diff": "plan", "print": "plan", "dry-run": "plan", "preview": "plan",
    "ls": "list", "targets": "list", "ps": "list", "export": "render", "convert": "render", "generate": "render",
    "builders": "builder", "buildx": "builder", "hcl": "render", "tree": "graph", "deps": "graph", "dot": "graph",
}  # fmt: skip
"""Commands of other tools, for those that are called otherwise here."""

OPTIONS = {
    "--build-arg": "write --set 'TARGET.args.NAME=VALUE'",
    "--arg": "write --set 'TARGET.args.NAME=VALUE'",
    "-t": "write --set 'TARGET.tags=IMAGE:TAG'",
    "--tag": "write --set 'TARGET.tags=IMAGE:TAG'",
    "--label": "write --set 'TARGET.labels.NAME=VALUE'",
    "--target": "name the target without an option: buildmatrix apply TARGET",
    "-o": "write --set 'TARGET.output=type=local,dest=out'",
    "--output": "write --set 'TARGET.output=type=local,dest=out'",
    "--cache-from": "write --set 'TARGET.cache-from=type=registry,ref=IMAGE:cache'",
    "--cache-to": "write --set 'TARGET.cache-to=type=registry,ref=IMAGE:cache'",
    "--secret": "write --set 'TARGET.secret=id=NAME,env=VARIABLE'",
    "--ssh": "write --set 'TARGET.ssh=default'",
    "--provenance": "write --set '*.attest=type=provenance,mode=max'",
    "--sbom": "write --set '*.attest=type=sbom'",
    "--attest": "write --set '*.attest=type=sbom'",
    "--check": "write --set '*.call=check'",
    "--call": "write --set '*.call=check'",
    "--print": "`buildmatrix render` prints the bake file, `buildmatrix plan` the plan",
    "--dry-run": "`buildmatrix plan` shows what would be built",
    "--metadata-file": "write --metadata FILE",
    "--iidfile": "write --metadata FILE",
    "--parallel": "write --jobs N",
    "--max-parallel": "write --jobs N",
    "-p": "write --platform PLATFORM",
    "--env": "a variable is given with --var NAME=VALUE",
    "-e": "a variable is given with --var NAME=VALUE",
    "--env-file": "variables are given with --var-file FILE, in TOML or JSON",
    "--out": "write --set 'TARGET.output=type=local,dest=out'",
    "--json": "write --format json",
    "--list": "`buildmatrix list targets` lists them",
    "--quiet": "write --progress quiet",
    "-q": "write --progress quiet",
    "--verbose": "write --progress plain",
    "-v": "write --version, or --progress plain",
}  # fmt: skip
"""Options of `docker build`, bake and compose, for those who look for them here."""

ARCHITECTURES = {
    "x64": "amd64", "x86": "386", "i686": "386", "i586": "386", "armv5": "arm/v5", "armv6": "arm/v6",
    "armv7": "arm/v7", "armv7l": "arm/v7", "armv6l": "arm/v6", "armv8": "arm64", "arm32": "arm/v7", "arm32v7": "arm/v7",
    "arm32v6": "arm/v6", "arm64v8": "arm64", "m1": "arm64", "apple": "arm64", "intel": "amd64", "ppc64el": "ppc64le",
    "ppc": "ppc64le", "riscv": "riscv64", "s390": "s390x", "rpi": "arm/v7", "win64": "amd64",
}  # fmt: skip
"""Architectures by names that not even the engine takes."""

SYSTEMS = {"win": "windows", "win32": "windows", "osx": "darwin", "mac": "darwin", "ubuntu": "linux", "debian": "linux",
           "alpine": "linux", "docker": "linux"}  # fmt: skip
