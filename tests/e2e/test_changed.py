"""`apply --changed-since` builds what a change touches, and nothing else."""

from pathlib import Path

from tests.e2e.tools import Project, Run, digest, statuses
from tests.repositories import committed, write


def test_only_what_changed_is_built(project: Project, run: Run, repository: str, tmp_path: Path) -> None:
    one = 'tags = ["{0}/{1}:1"]\noutput = ["type=registry"]\n'
    project(
        '[target.base]\ndockerfile-inline = "FROM scratch\\nCOPY base /base"\n'
        + one.format(repository, "base")
        + '[target.app]\ncontexts.base = "target:base"\ndockerfile-inline = "FROM base\\nCOPY app /app"\n'
        + one.format(repository, "app")
        + '[target.other]\ndockerfile-inline = "FROM scratch\\nCOPY other /other"\n'
        + one.format(repository, "other"),
        {"base": "1", "app": "1", "other": "1"},
    )
    committed(tmp_path)
    assert set(statuses(run("apply", "--format", "json"))) == {"base", "app", "other"}
    before = {name: digest(f"{repository}/{name}:1") for name in ("base", "app", "other")}

    done = run("apply", "--changed-since", "HEAD", "--format", "json")
    assert (done.returncode, statuses(done)) == (0, {})
    assert "nothing that is selected changed since HEAD" in done.stderr

    write(tmp_path, {"base": "2"})
    assert set(statuses(run("apply", "--changed-since", "HEAD", "--format", "json"))) == {"base", "app"}
    after = {name: digest(f"{repository}/{name}:1") for name in before}
    assert {name for name in before if before[name] != after[name]} == {"base", "app"}

    (tmp_path / "list").write_text("other\n")
    assert set(statuses(run("apply", "--changed-files", "list", "--format", "json"))) == {"other"}
