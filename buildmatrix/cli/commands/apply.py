"""`buildmatrix apply`."""

import os
import sys
from contextlib import ExitStack

import typer

from buildmatrix.build.apply import apply as run_plan
from buildmatrix.build.batches import dry_run
from buildmatrix.build.recorder import Records
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
from buildmatrix.plan.model import Plan
from buildmatrix.plan.policy import Policy, refusals
from buildmatrix.publish.shrink import replaced
from buildmatrix.publish.staging import first_tags, too_late
from buildmatrix.publish.tags import Tags
from buildmatrix.report.run.files import check_report_names
from buildmatrix.spec.rows.options import Options
from buildmatrix.state.record import ResultFile
from buildmatrix.template.request import Request
from buildmatrix.text import one_line


def register(app: typer.Typer) -> None:
    """Add the command."""
    app.command("apply")(apply)


@options.expanded("apply")
def apply(
    *,
    selection: options.Selection,
    filters: options.Filters,
    outputs: options.Outputs,
    chosen: Options,
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
    with session(selection.file, color, unselected=not selection.selectors) as run, ExitStack() as stack:
        probe = None if chosen.dry_run else stack.enter_context(Probe(run.programs, chosen.builder))
        asked = request(selection.selectors, filters, outputs)
        planned = _planned(run, asked, chosen, named=selection.file is not None)
        _check_flags(chosen)
        built = builds_of(planned)
        policy = Policy(plan=built, options=chosen)
        if probe is None:
            say(dry_run(policy))
            return
        _check_terminal(policy)
        tags = Tags(planned, policy, run.programs, lambda words: say(f"{one_line(words)}\n", err=True))
        if policy.builder != chosen.builder:
            probe = stack.enter_context(Probe(run.programs, policy.builder))  # the file names another one
        check_report_names(chosen.report)
        _refuse_twice(chosen)
        root = run.sources.repository.root
        refuse_unwritable(_written(chosen), planned, root, chosen.log_dir)
        written = [path for path in (chosen.log_dir, chosen.metadata, *chosen.report) if path]
        result = ResultFile(built, map(os.path.abspath, written), run.environment)
        records = Records(result=result, logs=logs_of(chosen.log_dir, stack, root))
        outcome = _run(run, built, policy, probe, records, tags)
        finish(run, built, outcome, chosen, tags.holdings.registries)


def _planned(run: Session, asked: Request, chosen: Options, *, named: bool) -> Plan:
    if not any(selector.endswith(".json") for selector in asked.selectors):
        return make_plan(run.name, run.sources, asked, run.git)
    from buildmatrix.cli.saving import plan_of_file

    return plan_of_file(run, asked, named=named, log_dir=chosen.log_dir, written=_written(chosen))


def _check_flags(chosen: Options) -> None:
    if chosen.fail_fast and chosen.keep_going:
        message = "--fail-fast and --keep-going exclude each other"
        raise UsageError(Diagnostic(message=message, code="usage", hint="give one of them"))
    refuse_unknown(chosen.allow)
    if refused := list(refusals(chosen)):
        raise UsageError(*refused)


def _check_terminal(policy: Policy) -> None:
    """Refuse buildx's `tty` where there is no terminal; say where it cannot be had."""
    if policy.options.progress != "tty":
        return
    if not sys.stderr.isatty():
        message = "--progress tty needs a terminal, which standard error is not"
        raise UsageError(Diagnostic(message=message, code="usage", hint="use --progress plain"))
    if policy.progress != "tty":
        say("note: several calls cannot share a terminal: --progress plain is used instead of tty\n", err=True)


def _refuse_twice(chosen: Options) -> None:
    """Raise UsageError if two of the files that are written are one, whatever they are called."""
    known: dict[str, str] = {}
    metadata = [chosen.metadata] if chosen.metadata else []
    for path, option in [*((path, "--report") for path in chosen.report), *((path, "--metadata") for path in metadata)]:
        real = os.path.realpath(path)
        if real in known and not is_stream(path):
            message = f"{option} {path} is the file of {known[real]}: the second would be written over the first"
            raise UsageError(Diagnostic(message=message, code="write", hint="name another file"))
        known[real] = f"{option} {path}"


def _written(chosen: Options) -> dict[str, str]:
    """Return the files that are written at the end, each with its option."""
    return dict.fromkeys(chosen.report, "--report") | ({chosen.metadata: "--metadata"} if chosen.metadata else {})


def _run(run: Session, built: BuildPlan, policy: Policy, probe: Probe, records: Records, tags: Tags) -> Outcome:
    planned, chosen = built.of, policy.options
    facts = preflight(planned, allow=chosen.allow, probe=probe, programs=run.programs)
    run.warn([diagnostic for diagnostic in planned.warnings if diagnostic.code != "no-output"] + list(facts.warnings))
    if chosen.resume and not records.result.known():
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
    with shown(run, built, policy, records) as listener:
        outcome = run_plan(built, policy, facts, run.programs, listener, records, tags)
    troubles = [records.result.trouble, records.logs.trouble if records.logs else ""]
    run.warn(Diagnostic(message=text, code="records", severity="warning") for text in troubles if text)
    return outcome
