"""Stripe's errors. https://docs.stripe.com/api/errors"""

from __future__ import annotations

from typing import Any

from .cards import DECLINES

PLAIN_IN_ERRORS = {"message", "type", "code", "param", "decline_code", "doc_url"}


class SandboxError(Exception):
    """An error answer, as `Engine.handle` sends it and `Engine.call` raises it."""

    def __init__(
        self,
        message: str,
        *,
        status: int = 400,
        type: str = "invalid_request_error",
        code: str = "",
        param: str = "",
        decline_code: str = "",
        details: dict[str, Any] | None = None,
    ) -> None:
        super().__init__(message)
        self.status = status
        self.type = type
        self.code = code
        self.param = param
        self.decline_code = decline_code
        self.details = details or {}
        """More of the error's fields: `charge`, `payment_intent`, …"""

    @classmethod
    def of_body(cls, data: dict[str, Any], *, status: int) -> SandboxError:
        """The error that an answer states."""
        error = data["error"]
        return cls(
            error["message"],
            status=status,
            type=error["type"],
            code=error.get("code", ""),
            param=error.get("param", ""),
            decline_code=error.get("decline_code", ""),
            details={name: error[name] for name in error.keys() - PLAIN_IN_ERRORS},
        )

    def body(self) -> dict[str, Any]:
        error: dict[str, Any] = {"message": str(self), "type": self.type}
        for name in ("code", "param", "decline_code"):
            if getattr(self, name):
                error[name] = getattr(self, name)
        if self.code:
            error["doc_url"] = "https://stripe.com/docs/error-codes/" + self.code.replace("_", "-")
        return {"error": error | self.details}


class InvalidParameterError(SandboxError):
    """The request was refused before it began: an idempotency key does not remember it."""


def missing(kind: str, value: str, *, param: str = "id", status: int = 404) -> SandboxError:
    """The object does not exist: 404 in the path, 400 where a parameter names it."""
    return SandboxError(
        f"No such {kind}: '{value}'", status=status, code="resource_missing", param=param
    )


def missing_parameter(name: str) -> SandboxError:
    """A request can't do without this parameter."""
    return SandboxError(f"Missing required param: {name}.", code="parameter_missing", param=name)


def declined(decline_code: str = "generic_decline") -> SandboxError:
    """The card was declined."""
    code, message = DECLINES[decline_code]
    return SandboxError(
        message, status=402, type="card_error", code=code, decline_code=decline_code
    )
