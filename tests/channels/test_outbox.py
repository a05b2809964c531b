"""The outbox keeps every notice as a file, once."""

from __future__ import annotations

import os
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from datetime import UTC, datetime
from email import message_from_bytes, policy
from pathlib import Path

import pytest

from workers.channels import Envelope, load
from workers.channels.outbox import Outbox
from workers.core.model import Message
from workers.errors import Permanent, Temporary

MESSAGE = Message(
    subject="Released", text="It is free.", html="<p>It is free.</p>", short="It is free - ok", lang="en"
)
NOTICE = "0123456789abcdef0123456789abcdef"


def at(minute: int = 0) -> Callable[[], datetime]:
    return lambda: datetime(2026, 11, 24, 5, minute, tzinfo=UTC)


def outbox(folder: Path, form: str = "mail", clock: Callable[[], datetime] | None = None) -> Outbox:
    module = load("outbox")
    made: Outbox = module.open(
        module.Settings(folder=str(folder), form=form), name="out", clock=clock or at()
    )
    return made


def files(folder: Path) -> list[str]:
    return sorted(p.name for p in folder.iterdir() if p.is_file())


def test_a_mail_becomes_an_eml_file_that_a_mail_program_reads(tmp_path: Path) -> None:
    receipt = outbox(tmp_path).send(Envelope(NOTICE, "anna@example.org", "o1/LP001"), MESSAGE)
    assert (
        files(tmp_path) == [receipt.reference] == ["20261124T050000Z-anna-example-org-o1-lp001-01234567.eml"]
    )
    mail = message_from_bytes((tmp_path / receipt.reference).read_bytes(), policy=policy.default)
    assert mail["Subject"] == "Released"
    assert mail["X-Customs-Watch-Notice"] == NOTICE
    assert [part.get_content_type() for part in mail.iter_parts()] == ["text/plain", "text/html"]


def test_the_same_notice_again_writes_nothing_and_returns_the_same_receipt(tmp_path: Path) -> None:
    envelope = Envelope(NOTICE, "anna@example.org", "o1/LP001")
    first = outbox(tmp_path).send(envelope, MESSAGE)
    before = (tmp_path / first.reference).read_bytes()
    again = outbox(tmp_path, clock=at(7)).send(envelope, Message("Other", "other", "<p>other</p>", "other"))
    assert again == first
    assert files(tmp_path) == [first.reference]
    assert (tmp_path / first.reference).read_bytes() == before
    other = outbox(tmp_path, clock=at(7)).send(Envelope("f" * 32, "anna@example.org", "o1/LP001"), MESSAGE)
    assert other != first  # the control: another notice is another file
    assert len(files(tmp_path)) == 2


def test_many_at_once_write_one_file_for_one_notice_and_one_for_each_other(tmp_path: Path) -> None:
    with ThreadPoolExecutor(16) as pool:
        same = list(
            pool.map(
                lambda n: outbox(tmp_path, clock=at(n)).send(Envelope(NOTICE, "a@b.c", "t"), MESSAGE),
                range(32),
            )
        )
        assert len({r.reference for r in same}) == len(files(tmp_path)) == 1
        names = [f"notice-{n}" for n in range(32)]  # ids with a common beginning must not fall together
        list(pool.map(lambda n: outbox(tmp_path).send(Envelope(n, "a@b.c", "t"), MESSAGE), names))
    assert len(files(tmp_path)) == 33


def test_a_crash_between_choosing_the_name_and_writing_is_made_good_by_the_next_attempt(
    tmp_path: Path,
) -> None:
    envelope = Envelope(NOTICE, "anna@example.org", "o1/LP001")
    receipt = outbox(tmp_path).send(envelope, MESSAGE)
    (tmp_path / receipt.reference).unlink()  # what a kill -9 between the two steps leaves
    assert outbox(tmp_path, clock=at(9)).send(envelope, MESSAGE) == receipt
    assert files(tmp_path) == [receipt.reference]


def test_short_and_both_write_the_text_message_with_its_cost(tmp_path: Path) -> None:
    short = outbox(tmp_path / "short", "short")
    assert short.form == "short"
    receipt = short.send(Envelope(NOTICE, "+4915112345678", "t"), MESSAGE)
    content = (tmp_path / "short" / receipt.reference).read_text()
    assert content == f"To: +4915112345678\nNotice: {NOTICE}\nParts: 1 (GSM-7)\n\nIt is free - ok\n"
    both = outbox(tmp_path / "both", "both")
    assert both.form == "mail"
    both.send(Envelope(NOTICE, "anna@example.org", "t"), MESSAGE)
    assert [name.partition(".")[2] for name in files(tmp_path / "both")] == ["eml", "sms.txt"]


def test_nobody_else_may_read_the_files_and_nothing_half_written_stays(tmp_path: Path) -> None:
    receipt = outbox(tmp_path).send(Envelope(NOTICE, "anna@example.org", "t"), MESSAGE)
    assert (tmp_path / receipt.reference).stat().st_mode & 0o777 == 0o600
    assert list(tmp_path.rglob("*.tmp")) == []


def test_a_recipient_of_the_wrong_form_is_refused_and_not_repeated(tmp_path: Path) -> None:
    with pytest.raises(Permanent) as told:
        outbox(tmp_path).send(Envelope(NOTICE, "+4915112345678", "t"), MESSAGE)
    assert "4915" not in str(told.value)
    with pytest.raises(Permanent):
        outbox(tmp_path, "short").send(Envelope(NOTICE, "anna@example.org", "t"), MESSAGE)
    assert list(tmp_path.iterdir()) == []


def test_a_parcel_id_cannot_lead_out_of_the_folder(tmp_path: Path) -> None:
    folder = tmp_path / "in"
    outbox(folder).send(Envelope("../../evil", "anna@example.org", "../../../etc/x"), MESSAGE)
    assert [p.name for p in tmp_path.iterdir()] == ["in"]
    assert len(files(folder)) == 1


def test_a_folder_that_cannot_be_written_is_a_temporary_trouble_with_a_hint(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("in the way")
    with pytest.raises(Temporary, match="cannot write into the outbox"):
        outbox(tmp_path / "file").send(Envelope(NOTICE, "anna@example.org", "t"), MESSAGE)


def test_opening_touches_no_file(tmp_path: Path) -> None:
    outbox(tmp_path / "none").close()
    assert os.listdir(tmp_path) == []  # noqa: PTH208  # the plain listing is the point
