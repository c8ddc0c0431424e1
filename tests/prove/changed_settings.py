"""Changes of what the spec says, of bases in the registry, and of the machine."""

import random
import re
from copy import deepcopy
from typing import Any

from tests.prove.kinds import kind, some_target
from tests.prove.projects import AMD, ARM, SLOTS, Project, Target


def _table(target: Target, name: str) -> dict[str, str]:
    found: dict[str, str] = target.settings.setdefault(name, {})
    return found


def _arguments(target: Target) -> list[str]:
    return [name for line in target.lines for name in re.findall(r"^ARG (ARG\d+)", line)]


@kind(4)
def an_argument(chance: random.Random, made: Project) -> bool:
    target = some_target(chance, made)
    if not (names := _arguments(target)):
        return False
    name = chance.choice(names)
    is_path = any(line.startswith(f"ARG {name}=sub") for line in target.lines)
    _table(target, "args")[name] = chance.choice(["sub", "other", "a.txt"]) if is_path else str(chance.randint(1, 9))
    return True


@kind(3)
def an_argument_that_nobody_uses(chance: random.Random, made: Project) -> bool:
    _table(some_target(chance, made), "args")[chance.choice(["UNUSED", "NOWHERE", "GLOBAL"])] = str(
        chance.randrange(10)
    )
    return True


@kind(2)
def an_argument_that_changes_from_run_to_run(chance: random.Random, made: Project) -> bool:
    target = some_target(chance, made)
    if not (names := _arguments(target)):
        return False
    _table(target, "args")[names[0]] = (
        "{{ run }}" if not any(line.startswith(f"ARG {names[0]}=sub") for line in target.lines) else "sub"
    )
    return True


@kind(6)
def what_changes_from_run_to_run(chance: random.Random, made: Project) -> bool:
    made.variables["run"] = str(chance.randrange(1000))
    return True


@kind(2)
def a_variable(chance: random.Random, made: Project) -> bool:
    made.variables["version"] = str(chance.randint(1, 9))
    return True


@kind(2)
def a_label(chance: random.Random, made: Project) -> bool:
    _table(some_target(chance, made), "labels")[chance.choice(["title", "vendor"])] = chance.choice(["one", "two", ""])
    return True


@kind(2)
def an_annotation(chance: random.Random, made: Project) -> bool:
    some_target(chance, made).settings["annotations"] = [f"title={chance.randrange(9)}"]
    return True


@kind(3)
def a_tag_more_or_less(chance: random.Random, made: Project) -> bool:
    name = chance.choice(list(made.targets))
    tags: list[str] = made.targets[name].settings["tags"]
    if len(tags) > 1:
        tags.pop()
    else:
        tags.append(f"{made.repository}/{name}:{chance.randint(2, 5)}")
    return True


@kind(2)
def platforms(chance: random.Random, made: Project) -> bool:
    both = made.targets["lib"].settings.get("platforms")
    if both is None:
        return False
    new = chance.choice([[AMD], [AMD, ARM], [ARM, AMD]])
    for target in made.targets.values():
        if "platforms" in target.settings:
            target.settings["platforms"] = list(new)
    return True


@kind(2)
def the_order_of_all(chance: random.Random, made: Project) -> bool:
    made.targets = dict(chance.sample(sorted(made.targets.items()), len(made.targets)))
    for target in made.targets.values():
        target.settings = dict(chance.sample(sorted(target.settings.items()), len(target.settings)))
    return True


@kind(2)
def the_stage_that_is_built(chance: random.Random, made: Project) -> bool:
    target = some_target(chance, made)
    target.settings["target"] = chance.choice(["final", target.build, "final"])
    return True


@kind(3)
def what_no_image_shows(chance: random.Random, made: Project) -> bool:
    name, value = chance.choice(
        [("description", f"what it is {chance.random()}"), ("retries", 2), ("timeout", "20m"), ("pull", True),
         ("let", {"a": chance.random()}), ("cache-from", [{"type": "local", "src": "nowhere"}])]
    )  # fmt: skip
    some_target(chance, made).settings[name] = value
    return True


@kind(1)
def how_a_step_runs(chance: random.Random, made: Project) -> bool:
    name, value = chance.choice([("network", "none"), ("shm-size", "64m"), ("ulimits", ["nofile=1024:1024"])])
    some_target(chance, made).settings[name] = value
    return True


@kind(1)
def a_rebuild_by_hand(chance: random.Random, made: Project) -> bool:
    some_target(chance, made).settings["rebuild"] = str(chance.random())
    return True


@kind(2)
def the_value_of_a_secret(chance: random.Random, made: Project) -> bool:
    made.secret = str(chance.random())
    return any("secret" in target.settings for target in made.targets.values())


@kind(2)
def how_layers_are_packed(chance: random.Random, made: Project) -> bool:
    output: dict[str, Any] = some_target(chance, made).settings["output"][0]
    if output.pop("compression", "") == "":
        output |= {"compression": "uncompressed", "force-compression": True}
    else:
        output.pop("force-compression")
    return True


@kind(1)
def what_is_attested(chance: random.Random, made: Project) -> bool:
    modes: list[dict[str, Any]] = [{"mode": "max"}, {"mode": "min"}, {"disabled": True}]
    some_target(chance, made).settings["attest"] = [{"type": "provenance", **chance.choice(modes)}]
    return True


@kind(2)
def the_directory_of_a_context(chance: random.Random, made: Project) -> bool:
    """It is called otherwise; whatever leads there goes along."""
    old = chance.choice(sorted({target.context for target in made.targets.values()}))
    new = f"images/dir{chance.randrange(1000)}"
    made.files = {_moved(path, old, new): node for path, node in made.files.items()}
    for target in made.targets.values():
        target.context = new if target.context == old else target.context
    return True


def _moved(path: str, old: str, new: str) -> str:
    return new + path.removeprefix(old) if path.startswith(f"{old}/") else path


@kind(2)
def where_a_named_context_is(chance: random.Random, made: Project) -> bool:
    """It is a copy of the directory."""
    users = [target for target in made.targets.values() if "extra" in target.settings.get("contexts", {})]
    if not users:
        return False
    target, new = chance.choice(users), f"extra/copy{chance.randrange(1000)}"
    old = target.settings["contexts"]["extra"]
    made.files |= {
        _moved(path, old, new): deepcopy(made.files[path]) for path in list(made.files) if path.startswith(f"{old}/")
    }
    target.settings["contexts"]["extra"] = new
    return True


@kind(1)
def the_name_of_a_parent(chance: random.Random, made: Project) -> bool:
    children = [target for target in made.targets.values() if "up" in target.settings.get("contexts", {})]
    if not children:
        return False
    target, new = chance.choice(children), f"up{chance.randrange(100)}"
    target.settings["contexts"][new] = target.settings["contexts"].pop("up")
    target.lines = [re.sub(r"^(FROM|FROM --platform=\S+) up\b", rf"\1 {new}", line) for line in target.lines]
    return True


# --- the registry and the machine -------------------------------------------------------------------------------------


@kind(5)
def a_base_that_moves(chance: random.Random, made: Project) -> bool:
    slot = chance.choice(["plain", "plain", "onbuild", "env"])
    made.bases[slot] = chance.choice(SLOTS[slot])
    return True


@kind(1)
def a_base_of_the_same_images(_: random.Random, made: Project) -> bool:
    made.bases["plain"] = {"plain0": "plain0b", "plain0b": "plain0"}.get(made.bases["plain"], made.bases["plain"])
    return True


@kind(2)
def the_umask(chance: random.Random, made: Project) -> bool:
    made.umask = chance.choice([0o022, 0o002, 0o077, 0o027])
    return True


@kind(1)
def the_epoch(chance: random.Random, made: Project) -> bool:
    made.epoch = chance.choice(["", "1", "1700000000"])
    return True
