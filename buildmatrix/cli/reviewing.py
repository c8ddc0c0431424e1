"""`plan --against`: what changes, in the form that was asked for."""

from buildmatrix.cli.changed import here_of
from buildmatrix.cli.output import say, width
from buildmatrix.cli.session import Session
from buildmatrix.errors import Diagnostic, UsageError
from buildmatrix.pipeline.bases import Asking
from buildmatrix.plan.model import Plan
from buildmatrix.template.request import Request


def refuse_at_odds(*, more: bool) -> None:
    """Raise UsageError where there is more asked than what changes of all that is selected."""
    if more:
        message = "--against shows what changes of all that is selected, and not what would be built"
        hint = "leave --out, --preflight, --incremental, --changed-since and --changed-files out"
        raise UsageError(Diagnostic(message=message, code="usage", hint=hint))


def say_changes(
    run: Session, asked: Request, planned: Plan, asking: Asking, reference: str, output_format: str, *, every: bool
) -> bool:
    """Write what a plan changes against a revision or a saved plan; tell whether anything changes.

    `asking` is what the plan was made with.
    """
    from buildmatrix.pipeline.against import against

    changes = against(here_of(run, asked, planned, asking), reference)
    if output_format == "json":
        from buildmatrix.report.review.json import review_json

        say(review_json(changes))
    elif output_format == "markdown":
        from buildmatrix.report.review.markdown import review_markdown

        say(review_markdown(changes))
    elif output_format == "short":
        from buildmatrix.report.review.text import review_short

        say(review_short(changes, run.style(), width=width()))
    else:
        from buildmatrix.report.review.text import review_text

        say(review_text(changes, run.style(), every=every, width=width()))
    return not changes.is_nothing
