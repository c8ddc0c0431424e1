"""Write what is generated from the code: the schemas and the reference. `--check` only tells what is out of date."""

import json
import sys
from pathlib import Path

from buildmatrix.report.documents import schemas
from buildmatrix.report.reference import reference_markdown
from buildmatrix.spec.rows.schema import published_schema

ROOT = Path(__file__).parent.parent


def generated() -> dict[str, str]:
    """Return each generated file's text by its path."""
    made = {"buildmatrix": published_schema(), **schemas()}
    texts = {name: json.dumps(schema, indent=2, ensure_ascii=False) + "\n" for name, schema in made.items()}
    return {
        **{f"schemas/{name}.schema.json": text for name, text in texts.items()},
        "docs/reference.md": reference_markdown(),
    }


def main() -> None:
    """Write the files, or with `--check` exit 1 if one is out of date."""
    stale = []
    for name, text in generated().items():
        path = ROOT / name
        if path.is_file() and path.read_text(encoding="utf-8") == text:
            continue
        stale.append(name)
        if "--check" not in sys.argv:
            path.parent.mkdir(exist_ok=True)
            path.write_text(text, encoding="utf-8")
    print(
        "\n".join(f"out of date: {name}" if "--check" in sys.argv else f"wrote {name}" for name in stale)
        or "up to date"
    )
    raise SystemExit(bool(stale) and "--check" in sys.argv)


if __name__ == "__main__":
    main()
