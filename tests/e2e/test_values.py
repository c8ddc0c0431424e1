"""What images hold of the values that templates give, or do not give."""

import json
import subprocess
from typing import Any

from tests.e2e.tools import Project, Run, succeeded

SPEC = """
[variable]
go = {{ env = "GO_OF_A_TEST", optional = true }}
more = "{{\\"one\\": \\"1\\"}}"
org = "org.example"
[defaults]
output = ["type=registry"]

[target._labels]
labels = "{{{{ more | from_json }}}}"

[target._image]
inherits = ["_labels"]
name = "{{{{ target }}}}-{{{{ base | slug }}}}"
tags = ["{repository}:{{{{ name }}}}", "{{{{ '{repository}:go' ~ go if go else omit }}}}"]
let.distro = "{{{{ base.split('-')[0] }}}}"
args.GO = "{{{{ go }}}}"
args.DISTRO = "{{{{ distro }}}}"
labels."{{{{ org }}}}.day" = "{{{{ now | date('%Y-%m-%d') }}}}"
dockerfile-inline = '''
FROM busybox
ARG GO=of-the-Dockerfile DISTRO
RUN echo "$GO $DISTRO" > /values
LABEL values="$GO $DISTRO"
'''
[target._image.matrix]
base = ["debian-12", "alpine-3.20"]
[[target._image.override]]
select = {{ base = "alpine-*" }}
labels.libc = "musl"

[target.app]
inherits = ["_image"]

[target.other]
inherits = ["app[base=alpine-3.20]"]
labels.two = "2"

[target.upon]
inherits = ["_image"]
contexts.base = "target:app[=]"
dockerfile-inline = "FROM base"
"""


def labels(reference: str) -> dict[str, str]:
    """Return the labels of an image that is pulled."""
    subprocess.run(["docker", "pull", "-q", reference], check=True, capture_output=True)
    shown = subprocess.run(["docker", "image", "inspect", reference], check=True, capture_output=True, text=True)
    found: dict[str, Any] = json.loads(shown.stdout)[0]["Config"]["Labels"]
    return found


def test_images_have_the_values_of_their_cells(project: Project, run: Run, repository: str) -> None:
    project(SPEC.format(repository=repository))
    common = {"one": "1", "org.example.day": "2001-09-09"}
    alpine = {**common, "libc": "musl", "values": "of-the-Dockerfile alpine"}
    # some bring one layer at once: where both cores are busy, the registry may lose it for one of them
    succeeded(run("apply", "--retries", "3", "--format", "json", SOURCE_DATE_EPOCH="1000000000"))
    assert labels(f"{repository}:app-debian-12") == {**common, "values": "of-the-Dockerfile debian"}
    assert labels(f"{repository}:app-alpine-3-20") == alpine
    assert labels(f"{repository}:other") == {**alpine, "two": "2"}
    assert labels(f"{repository}:upon-alpine-3-20") == alpine
    succeeded(run("apply", "other", "--format", "json", SOURCE_DATE_EPOCH="1000000000", GO_OF_A_TEST="1.22"))
    assert labels(f"{repository}:go1.22") == {**alpine, "two": "2", "values": "1.22 alpine"}
