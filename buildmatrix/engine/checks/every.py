"""The list of checks, in the order in which they are made and told."""

from buildmatrix.engine.checks import around, config, docker, here, plan, registries
from buildmatrix.engine.checks.model import Check
from buildmatrix.errors import RegistryError

CHECKS = (
    Check("docker", docker.docker),
    Check("config", config.config),
    Check("buildx", docker.buildx, of_run=True),
    Check("engine", docker.engine),
    Check("context", docker.context),
    Check("builder", docker.builder, of_run=True),
    Check("builders", docker.declared, of_run=True, of_plan=True),
    Check("buildkit", docker.buildkit),
    Check("environment", around.environment),
    Check("proxy", around.proxy, fails=RegistryError),
    Check("tmpdir", here.tmpdir, of_run=True),
    Check("disk", here.disk),
    Check("clock", here.clock),
    Check("git", around.git),
    Check("secrets", plan.secrets, of_run=True, of_plan=True),
    Check("platforms", plan.platforms, of_run=True, of_plan=True),
    Check("image-store", plan.image_store, of_run=True),
    Check("driver", plan.driver, of_run=True, of_plan=True),
    Check("registries", registries.registries, of_plan=True, fails=RegistryError),
)
"""`doctor` makes all of them, and a run those that are `of_run` before it builds: all errors are told at once."""
