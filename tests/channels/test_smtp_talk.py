"""The talk with a mail server, answer by answer, where a real connection leaves the order to chance."""

from __future__ import annotations

import smtplib
import socket
from contextlib import closing

import pytest

from workers.channels import _smtp
from workers.errors import Permanent, Temporary


class Prompt:
    """A socket whose other end answers each thing sent before the next can be."""

    def __init__(self, answers: list[bytes]) -> None:
        self.near, self.far = socket.socketpair()
        self.answers = answers
        self.sent: list[bytes] = []

    def sendall(self, data: bytes) -> None:
        self.sent.append(data)
        self.far.sendall(self.answers.pop(0))

    def settimeout(self, seconds: float) -> None:
        self.near.settimeout(seconds)

    def fileno(self) -> int:
        return self.near.fileno()

    def close(self) -> None:
        self.near.close()
        self.far.close()


@pytest.mark.parametrize(("early", "kind"), [(b"552 too big\r\n", Permanent), (b"452 full\r\n", Temporary)])
def test_a_refusal_before_the_final_dot_is_heard_and_the_dot_is_not_sent(
    early: bytes, kind: type[Exception]
) -> None:
    server = _smtp.Server("h", 25, "none", None, "", "", "me", 5, 5)
    for answer in (early, b""):
        prompt = Prompt([b"250 ok\r\n", b"250 ok\r\n", b"354 go\r\n", answer, b"250 ok\r\n"])
        smtp = smtplib.SMTP()
        smtp.sock, smtp.file = prompt, prompt.near.makefile("rb")  # type: ignore[assignment]  # a double
        with closing(smtp):
            if answer:
                with pytest.raises(kind):
                    _smtp.deliver(smtp, server, "a@b.c", "d@e.f", b"x\r\n")
            else:  # the control: silence after the mail, then the dot is sent and answered
                assert _smtp.deliver(smtp, server, "a@b.c", "d@e.f", b"x\r\n") == "ok"
        assert prompt.sent[3:] == ([b"x\r\n"] if answer else [b"x\r\n", b".\r\n"])
