"""What keeps a catalog from being pushed or mirrored, each with its mend."""

from __future__ import annotations

from collections.abc import Sequence

from ..exceptions import BillingError


class _ProblemsError(BillingError):
    """Several problems at once, one a line."""

    def __init__(self, problems: Sequence[str]) -> None:
        super().__init__("\n".join(problems))
        self.problems = list(problems)


class PlanFileError(_ProblemsError):
    """The plans file can't be used; `problems` names file, table, key and mend of each."""


class CatalogConflictError(_ProblemsError):
    """Stripe holds something that the file would have to take from somebody else."""


class ForeignCatalogError(BillingError):
    """None of the stored products is in this Stripe account: most likely the key is another's."""
