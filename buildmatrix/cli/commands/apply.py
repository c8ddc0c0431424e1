"""`buildmatrix apply`."""

import os
import re
import sys
from collections.abc import Iterable
from contextlib import ExitStack
from typing import Annotated, Literal

import typer

from buildmatrix.build.apply import Records
from buildmatrix.build.apply import apply as run_plan
from buildmatrix.build.batches import dry_run
from buildmatrix.cli import options
from buildmatrix.cli.output import is_stream, say, say_wide
from buildmatrix.cli.reporting import report as finish
from buildmatrix.cli.session import Session, refuse_unwritable, request, session
from buildmatrix.cli.showing import logs_of, shown
from buildmatrix.engine.buildx import Probe
from buildmatrix.engine.outcome import Outcome
from buildmatrix.engine.preflight import preflight
from buildmatrix.errors import Diagnostic, UsageError
from buildmatrix.pipeline import plan as make_plan
from buildmatrix.plan.builds import BuildPlan, builds_of
from buildmatrix.plan.entitlements import refuse_unknown
from buildmatrix.plan.policy import ApplyOptions, Policy, seconds_of
from buildmatrix.publish.shrink import replaced
from buildmatrix.publish.staging import first_tags, too_late
from buildmatrix.publish.tags import Tags
from buildmatrix.report.run.files import check_report_names
from buildmatrix.spec.rows.settings import DURATION_PATTERN
from buildmatrix.state.record import ResultFile
from buildmatrix.text import one_line


def register(app: typer.Typer) -> None:
    """Add the command."""
    app.command("apply")(apply)


def apply(
    selectors: options.Selectors = None,
    file: options.File = None,
    platform: options.Platform = None,
    var: options.Var = None,
    var_file: options.VarFile = None,
    set_: options.Set = None,
    push: options.Push = False,
    load: options.Load = False,
    no_output: options.NoOutput = False,
    builder: options.Builder = None,
    no_cache: Annotated[bool, typer.Option("--no-cache", help="Build without the cache.")] = False,
    pull: Annotated[bool, typer.Option("--pull", help="Ask the registry for newer base images.")] = False,
    progress: Annotated[
        Literal["auto", "plain", "tty", "quiet", "rawjson"],
        typer.Option("--progress", help="auto, or one of buildx's own.", envvar="BUILDMATRIX_PROGRESS"),
    ] = "auto",
    jobs: options.Jobs = None,
    keep_going: options.KeepGoing = None,
    fail_fast: options.FailFast = False,
    retries: options.Retries = None,
    timeout: options.Timeout = None,
    publish: options.Publish = None,
    platforms_may_shrink: options.PlatformsMayShrink = None,
    allow: options.Allow = None,
    dry: Annotated[bool, typer.Option("--dry-run", help="Show the command and the bake file; run nothing.")] = False,
    output_format: Annotated[
        Literal["text", "json"], typer.Option("--format", help="The summary: text or json.")
    ] = "text",
    metadata: Annotated[
        str | None,
        typer.Option("--metadata", metavar="FILE", help="Write bake's metadata there (digests, provenance)."),
    ] = None,
    resume: Annotated[
        bool, typer.Option("--resume", help="Build only what the last run did not build, or what changed since.")
    ] = False,
    log_dir: Annotated[
        str | None,
        typer.Option(
            "--log-dir", metavar="DIR", help="Write each target's full log there.", envvar="BUILDMATRIX_LOG_DIR"
        ),
    ] = None,
    report: Annotated[
        list[str] | None,
        typer.Option("--report", metavar="FILE", help="Write a report: .json, .xml, .md or .html; may be repeated."),
    ] = None,
    color: options.Colour = "auto",
) -> None:
    """Build it, with docker buildx bake.

    SELECTOR may also be one file that ends in .json: a plan that was saved with plan --format json.

    \b
    Examples:
      buildmatrix apply
      buildmatrix apply app --push
      buildmatrix apply --no-output --format json
      buildmatrix apply plan.json
      buildmatrix apply --keep-going --retries 2 --report report.html --log-dir logs
      buildmatrix apply --resume
    """
    with session(file, color, unselected=not selectors) as run, ExitStack() as stack:
        probe = None if dry else stack.enter_context(Probe(run.programs, builder))
        asked = request(
            selectors=selectors,
            platform=platform,
            var=var,
            var_file=var_file,
            set_=set_,
            push=push,
            load=load,
            no_output=no_output,
        )
        reports = tuple(report or ())
        if any(selector.endswith(".json") for selector in asked.selectors):
            from buildmatrix.cli.saving import plan_of_file

            files = _written(metadata, reports)
            planned = plan_of_file(run, asked, named=file is not None, log_dir=log_dir, written=files)
        else:
            planned = make_plan(run.name, run.sources, asked, run.git)
        _check_flags(allow or (), both=fail_fast and bool(keep_going))
        chosen = ApplyOptions(
            builder=builder,
            no_cache=no_cache,
            pull=pull,
            progress=progress,
            allow=tuple(allow or ()),
            provenance_in_metadata=metadata is not None,
            jobs=jobs,
            keep_going=keep_going,
            fail_fast=fail_fast,
            retries=retries,
            timeout=_seconds(timeout),
            publish=publish,
            platforms_may_shrink=platforms_may_shrink,
        )
        if probe is None:
            say(dry_run(planned, chosen))
            return
        built = builds_of(planned)
        policy = Policy(plan=built, options=chosen)
        _check_terminal(policy)
        tags = Tags(planned, policy, run.programs, lambda words: say(f"{one_line(words)}\n", err=True))
        named = policy.builder
        if named != builder:
            probe = stack.enter_context(Probe(run.programs, named))  # the file names another one
        check_report_names(reports)
        _refuse_twice([*((path, "--report") for path in reports), *([(metadata, "--metadata")] if metadata else [])])
        root = run.sources.repository.root
        refuse_unwritable(_written(metadata, reports), planned, root, log_dir)
        written = [path for path in (log_dir, metadata, *reports) if path]
        result = ResultFile(built, map(os.path.abspath, written), run.environment)
        records = Records(result=result, logs=logs_of(log_dir, stack, root), resume=resume)
        outcome = _run(run, built, policy, probe, records, tags)
        finish(run, built, outcome, output_format, metadata, reports, tags.holdings.registries)


def _check_flags(allow: Iterable[str], *, both: bool) -> None:
    if both:
        message = "--fail-fast and --keep-going exclude each other"
        raise UsageError(Diagnostic(message=message, code="usage", hint="give one of them"))
    refuse_unknown(allow)


def _check_terminal(policy: Policy) -> None:
    """Refuse buildx's `tty` where there is no terminal; say where it cannot be had."""
    if policy.options.progress != "tty":
        return
    if not sys.stderr.isatty():
        message = "--progress tty needs a terminal, which standard error is not"
        raise UsageError(Diagnostic(message=message, code="usage", hint="use --progress plain"))
    if policy.progress != "tty":
        say("note: several calls cannot share a terminal: --progress plain is used instead of tty\n", err=True)


def _refuse_twice(written: Iterable[tuple[str, str]]) -> None:
    """Raise UsageError if two of the files, each with its option, are one, whatever they are called."""
    known: dict[str, str] = {}
    for path, option in written:
        real = os.path.realpath(path)
        if real in known and not is_stream(path):
            message = f"{option} {path} is the file of {known[real]}: the second would be written over the first"
            raise UsageError(Diagnostic(message=message, code="write", hint="name another file"))
        known[real] = f"{option} {path}"


def _written(metadata: str | None, reports: tuple[str, ...]) -> dict[str, str]:
    """Return the files that are written at the end, each with its option."""
    return dict.fromkeys(reports, "--report") | ({metadata: "--metadata"} if metadata else {})


def _seconds(timeout: str | None) -> int | None:
    if timeout is None:
        return None
    if re.fullmatch(DURATION_PATTERN, timeout) is None:
        message = f"--timeout {timeout} is no duration"
        raise UsageError(Diagnostic(message=message, code="usage", hint="write 90s, 20m or 1h30m"))
    return seconds_of(timeout)


def _run(run: Session, built: BuildPlan, policy: Policy, probe: Probe, records: Records, tags: Tags) -> Outcome:
    planned, chosen = built.of, policy.options
    facts = preflight(planned, allow=chosen.allow, probe=probe, programs=run.programs)
    run.warn([diagnostic for diagnostic in planned.warnings if diagnostic.code != "no-output"] + list(facts.warnings))
    if records.resume and not records.result.known():
        say("note: there is no last result to go on from (.buildmatrix/result.json): everything is built\n", err=True)
    tags.settle(facts)
    run.warn([*too_late(planned, policy), *replaced(planned, tags)])
    style = run.style(error=True)
    nodes = f"{len(facts.builder.nodes)} node{'s' if len(facts.builder.nodes) != 1 else ''}"
    count = f"{len(planned.targets)} target{'s' if len(planned.targets) != 1 else ''}"
    jobs = policy.jobs
    at_once = f" · {jobs} at a time" if jobs else ""
    head = f'{style.name("buildmatrix apply")} · {count} · builder "{one_line(facts.builder.name)}" ({nodes}){at_once}'
    first = first_tags(built, policy, facts.builder)
    say(f"{head}\n", err=True)
    if first:
        say_wide(one_line(first), style.quiet)
    with shown(run, built, chosen, records) as listener:
        outcome = run_plan(built, chosen, facts, run.programs, listener, records, tags)
    troubles = [records.result.trouble, records.logs.trouble if records.logs else ""]
    run.warn(Diagnostic(message=text, code="records", severity="warning") for text in troubles if text)
    return outcome
