"""Real builds: what each target of each state of a project is, built by plain bake in one call, as OCI layouts."""

import json
import os
import shutil
import subprocess
from collections.abc import Iterator, Mapping, Sequence
from functools import cache
from pathlib import Path
from typing import Any, NamedTuple

from tests.prove.deciding import Said
from tests.prove.images import Image, Layout, Store
from tests.prove.projects import Project

HIDDEN = frozenset({"run"})
"""Labels that change from run to run: an image may differ in them and be the same."""

Images = dict[tuple[str, str], Image]
"""By target and platform."""


class State(NamedTuple):
    """A project at one moment: its directory, and what was said of it."""

    number: int
    kind: str
    made: Project
    folder: Path
    said: Said


def built(states: Sequence[State], digests: Mapping[str, str], builder: str, store: Store) -> dict[int, Images] | None:
    """Build all targets of some states in one call; None where the engine cannot build all of them."""
    results = states[0].folder.parent / f"built{states[0].number}"
    blocks = {
        _name(state, name): _block(state, name, digests, results) for state in states for name in state.made.targets
    }
    spec = json.dumps({"group": {"default": {"targets": list(blocks)}}, "target": blocks})
    command = [*_buildx(), "bake", "--file=-", "--builder", builder, "--progress=plain", "--allow=fs=*"]
    done = subprocess.run(command, input=spec, capture_output=True, text=True, check=False)
    if done.returncode:
        (states[0].folder / "error.txt").write_text(done.stderr)
        return None
    images = {state.number: dict(_images(state, results, store)) for state in states}
    shutil.rmtree(results)
    return images


@cache
def _buildx() -> tuple[str, ...]:
    """Docker's plugin, started without docker where it can be found: that is quicker."""
    plugin = Path(os.environ.get("DOCKER_CONFIG", "/nowhere"), "cli-plugins", "docker-buildx")
    return (str(plugin),) if plugin.exists() else ("docker", "buildx")


def _images(state: State, results: Path, store: Store) -> Iterator[tuple[tuple[str, str], Image]]:
    for name in state.made.targets:
        layout = Layout(results / _name(state, name))
        images = store.images(layout.top, layout.blob, HIDDEN, timed=bool(state.made.epoch))
        yield from (((name, platform), image) for platform, image in images.items())


def _name(state: State, name: str) -> str:
    return f"s{state.number}-{name}"


def _block(state: State, name: str, digests: Mapping[str, str], results: Path) -> dict[str, Any]:
    """Return the definition of a target: bases by their digests, parents as they are in the same state."""
    made = state.made
    block = {key: value for key, value in state.said.blocks[name].items() if key not in {"tags", "cache-from", "pull"}}
    contexts = {key: _place(state, value) for key, value in block.get("contexts", {}).items()}
    for slot, variant in made.bases.items():
        contexts[made.tag_of(slot)] = f"docker-image://{made.base.rpartition(':')[0]}@{digests[variant]}"
    for need in made.targets[name].settings.get("needs", ()):
        contexts[made.tag(need)] = f"target:{_name(state, need)}"
    output = made.targets[name].settings["output"][0]
    packed = ",compression=uncompressed,force-compression=true" if "compression" in output else ""
    epoch = {"SOURCE_DATE_EPOCH": made.epoch} if made.epoch else {}
    secret = {"secret": [f"id=token,src={state.folder / 'token'}"]} if "secret" in block else {}
    return {
        "attest": ["type=provenance,mode=min"],  # what buildx adds by itself to what is pushed
        **block,
        **secret,
        "context": str(state.folder / block["context"]),
        "contexts": contexts,
        "args": {**block.get("args", {}), **epoch},
        "output": [f"type=oci,tar=false,dest={results / _name(state, name)}{packed}"],
    }


def _place(state: State, value: str) -> str:
    if value.startswith("target:"):
        return f"target:{_name(state, value.removeprefix('target:'))}"
    return str(state.folder / value)
