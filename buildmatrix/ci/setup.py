"""What the jobs of a workflow have to bring along for a plan: registries, emulation, secrets, GitHub's cache."""

from collections.abc import Iterable, Iterator

from buildmatrix.ci.jobs import Labels, default_runner
from buildmatrix.ci.waves import waves_of
from buildmatrix.oci.reference import parse
from buildmatrix.patterns import regex
from buildmatrix.plan.access.reach import key_paths, privileges, secret_file, secret_variable
from buildmatrix.plan.builds import Build, BuildPlan
from buildmatrix.plan.model import PlannedTarget
from buildmatrix.plan.publishing import caches_by_tag, pushed_repositories
from buildmatrix.records import dataclass
from buildmatrix.spec.rows.caches import GhaCacheFrom, GhaCacheTo
from buildmatrix.spec.rows.settings import Secret, Ssh

_LOCAL = regex(r"(?:localhost|127\.[0-9.]+|\[::1\])(?::[0-9]+)?")
_NAME = regex("[A-Za-z_][A-Za-z0-9_]*")
_FAMILIES = {"386": "amd64", "arm": "arm64"}
"""Processors that run what is made for another one."""


@dataclass(frozen=True, kw_only=True)
class Setup:
    """What a workflow is written by.

    `path` is where it is committed, and `file` the root file if its name alone would not find it, both from the
    repository's root. `runner` is that of jobs that build nothing. `registries` are those that are written to and want
    to know who pushes. `variables` are the environment variables that hold secrets of builds, `optional` those without
    which some build can do, `values` those that give the plan its values. `install` is how buildmatrix comes to a job,
    in the words of its system; "" for the usual way.
    """

    path: str
    file: str
    waves: int
    runner: Labels
    registries: tuple[str, ...]
    emulates: bool
    caches_in_github: bool
    variables: tuple[str, ...]
    optional: tuple[str, ...]
    values: tuple[str, ...] = ()
    install: str = ""

    @property
    def secrets(self) -> tuple[str, ...]:
        """All variables that hold secrets of builds, each once."""
        return tuple(dict.fromkeys((*self.variables, *self.optional)))

    def told(self, name: str) -> str:
        """Return a variable that holds a secret as people are told of it."""
        return name if name in self.variables else f"{name} (optional)"


def setup_of(plan: BuildPlan, path: str, file: str, waves: int = 0) -> Setup:
    """Return what a workflow for all of a plan has to bring along; with room for so many waves at least."""
    return Setup(
        path=path,
        file=file,
        waves=max(1, waves, len(waves_of(plan))),
        runner=default_runner(plan),
        registries=registries_of(plan.targets),
        emulates=any(_emulates(build, default_runner(plan)) for build in plan.targets),
        caches_in_github=any(map(_caches_in_github, plan.targets)),
        variables=_sorted(name for build in plan.targets for name in variables_of(build, optional=False)),
        optional=_sorted(name for build in plan.targets for name in variables_of(build, optional=True)),
    )


def _sorted(found: Iterator[str]) -> tuple[str, ...]:
    return tuple(sorted(set(found)))


def registries_of(builds: Iterable[PlannedTarget]) -> tuple[str, ...]:
    """Return the registries that builds write to: by tags, by digest alone, and caches; none of this machine."""
    names = (name for build in builds for name in (*pushed_repositories(build), *caches_by_tag(build)))
    return _sorted(host for host in (parse(name).host for name in names) if not _LOCAL.fullmatch(host))


def _emulates(build: Build, default: Labels) -> bool:
    """Tell whether a machine runs steps for another kind of processor than its own, as far as labels tell.

    A machine that is named for a platform has its processor, the default one has amd64's.
    """
    kinds = {
        _FAMILIES.get(name, name)
        for name in (platform.split("/")[1] for platform in build.platforms if "/" in platform)
    }
    return len(kinds) > 1 or (build.runner == default and bool(kinds - {"amd64"}))


def _caches_in_github(build: Build) -> bool:
    caches = (*(build.settings.cache_from or ()), *(build.settings.cache_to or ()))
    return any(isinstance(cache, GhaCacheFrom | GhaCacheTo) for cache in caches)


def variables_of(build: PlannedTarget, *, optional: bool) -> Iterator[str]:
    """Yield the environment variables that hold secrets of a build: those without which it can do, or the others."""
    every = (secret for secret in build.settings.secret or () if isinstance(secret, Secret))
    wanted = (secret for secret in every if bool(secret.optional) == optional and secret_file(secret) is None)
    names = map(secret_variable, wanted)
    return (name for name in names if _NAME.fullmatch(name))


def files_of(build: PlannedTarget) -> Iterator[str]:
    """Yield the files that a build reads as secrets and as keys: `.npmrc`, `.netrc (optional)`."""
    for secret in build.settings.secret or ():
        if isinstance(secret, Secret) and (path := secret_file(secret)):
            yield f"{path} (optional)" if secret.optional else path
    for table in build.settings.ssh or ():
        yield from key_paths(table) if isinstance(table, Ssh) else ()


def looks_for_files(build: PlannedTarget) -> bool:
    """Tell whether a build has a file as a secret without which it can do: the plan depends on whether it is there."""
    return any(isinstance(one, Secret) and one.optional and secret_file(one) for one in build.settings.secret or ())


def asks_agent(build: PlannedTarget) -> bool:
    """Tell whether a build asks the ssh agent of its machine."""
    return any(value == "ssh" for value, _ in privileges(build.settings))
