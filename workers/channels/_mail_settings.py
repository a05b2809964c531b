"""The options of everything that writes mails: subjects, what is enclosed, and where a reader says that it is enough."""

from __future__ import annotations

from typing import Literal

from pydantic import BaseModel, ConfigDict, Field, field_validator

from workers.channels import Encloses, _clean
from workers.channels._mime import Sender


class MailSettings(BaseModel):
    """What a mail looks like, whoever carries it."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    stable_subject: bool = Field(
        False, description="one subject for a whole thread, for Gmail; the news then stands in the first line"
    )
    attach: list[Literal["dates", "evidence"]] = Field(
        ["dates"],
        description="dates: the deadline as .ics; evidence: the pack, with what asks you to open a dispute",
    )
    schema_org: bool = Field(
        False,
        description="put a ParcelDelivery of schema.org into the HTML: it names the goods and the country",
    )
    unsubscribe: str = Field(
        "", description="address for readers who want no more; default: reply_to, else from; no: none"
    )

    @field_validator("attach")
    @classmethod
    def _are_different(cls, value: list[str]) -> list[str]:
        if len(set(value)) < len(value):
            raise ValueError("something stands twice")
        return value

    @field_validator("unsubscribe")
    @classmethod
    def _is_an_address_or_no(cls, value: str) -> str:
        return value if value in ("", "no") else _clean.address(value)

    @property
    def encloses(self) -> frozenset[Encloses]:
        """What the channel takes beside the words."""
        return frozenset((*self.attach, "schema") if self.schema_org else self.attach)

    def sender_of(self, written: str, *, reply_to: str = "", domain: str = "") -> Sender:
        """Return who writes; the addresses were checked."""
        name, address = _clean.named_address(written)
        answers = _clean.named_address(reply_to)[1] if reply_to else ""
        leave = "" if self.unsubscribe == "no" else self.unsubscribe or answers or address
        return Sender(address, name, answers, domain, unsubscribe=leave, steady=self.stable_subject)
