"""Commands that say what was meant, and names that the shell completes."""

from __future__ import annotations

from difflib import get_close_matches
from pathlib import Path
from typing import TYPE_CHECKING

import click

if TYPE_CHECKING:
    from click.shell_completion import CompletionItem


class SuggestingGroup(click.Group):
    """A group that answers a mistyped command with those that were meant."""

    def resolve_command(
        self, ctx: click.Context, args: list[str]
    ) -> tuple[str | None, click.Command | None, list[str]]:
        """Find a command; a usage error that names similar ones where there is none."""
        known = self.list_commands(ctx)
        if args[0] in known or args[0].startswith("-") or ctx.resilient_parsing:
            return super().resolve_command(ctx, args)
        close = " or ".join(map(repr, get_close_matches(args[0], known, 3)))
        meant = f" Did you mean {close}?" if close else f" There are {', '.join(known)}."
        raise click.UsageError(f"No such command {args[0]!r}.{meant}", ctx)


def complete_denoisers(
    ctx: click.Context, param: click.Parameter, incomplete: str
) -> list[CompletionItem]:
    """Complete the name of a denoiser."""
    from click.shell_completion import CompletionItem

    from fp.denoisers import registry

    found = registry.available().items()
    return [CompletionItem(name, help=line) for name, line in found if name.startswith(incomplete)]


def complete_fingerprints(
    ctx: click.Context, param: click.Parameter, incomplete: str
) -> list[CompletionItem]:
    """Complete the name of a fingerprint of the bank that the command names."""
    from click.shell_completion import CompletionItem

    from fp.fingerprint.store.lazy import LazyBank
    from fp.system.errors import FpError

    # An option that still waits for its value leaves the arguments before it unread.
    given = [ctx.params.get("bank"), *ctx.args]
    bank = next((Path(place) for place in given if place is not None), None)
    if bank is None:
        return []
    try:
        members = LazyBank(bank).members
    except FpError:  # the shell has no place for a sentence
        return []
    return [
        CompletionItem(member.name, help=member.method)
        for member in members
        if member.name.startswith(incomplete)
    ]
