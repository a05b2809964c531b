"""What is done in the theatre to have a script run: one scene for each, on the parcel of its point; may be played again and again."""

from __future__ import annotations

import http.client
import json
from contextlib import closing, suppress
from datetime import UTC, datetime, timedelta

from tests.faults.theatre import Scene, Theatre, ago
from tests.servers._seventeentrack_shapes import item
from tests.servers.rows import commit, owe, owed, take, unbar
from tests.servers.seventeentrack import event
from tests.servers.smtp import DROP, SILENCE
from tests.web.pushes import sign_17track
from workers.core.seal import SEEN, seal
from workers.tidy import removed


def news(at: Theatre, title: str) -> None:
    """The parcel enters customs, and its people are told."""
    at.enter_customs(title)
    at.look(title)


def forgotten(at: Theatre, title: str) -> None:
    """The same, and the service has forgotten the number: one call more, for which a token is taken."""
    at.track.forget(at.number[title])
    news(at, title)


def unread(at: Theatre, title: str) -> None:
    """The same, after a wording that nobody can read."""
    at.enter_customs(title)
    shown = at.track.parcel(at.number[title])
    odd = event(ago(minutes=40), f"Zorblified {len(shown.events)}", sub_status="", country="ES")
    shown.events.insert(-1, odd)
    at.look(title)


def review(at: Theatre, title: str) -> None:
    news(at, title)
    at.review(title)


def broken(at: Theatre, title: str) -> None:
    """The source fails once; its pause is let pass, and it shows what is new."""
    _mend(at, title)
    at.spare.next_http(500)
    at.look(title)


def sluggish(at: Theatre, title: str) -> None:
    """The source takes so long to answer that the lease on what it is asked for is lengthened."""
    _mend(at, title)
    at.spare.next_stall(16)
    at.look(title)


def _mend(at: Theatre, title: str) -> None:
    at.enter_customs(title)
    at.store.scripts.client.hdel("{cw}:rl:spare", "until")
    for key in at.store.scripts.client.keys("{cw}:br:*"):
        at.store.scripts.client.delete(key)
    at.spare.inject_nothing()


def slow(at: Theatre, title: str) -> None:
    """The mail server says nothing in the middle of a mail, until it is told to hang up."""
    if title not in at.notes:
        at.notes.add(title)
        at.snail.fail("data", SILENCE)
    news(at, title)


def later(at: Theatre, title: str) -> None:
    """The mail server puts the mail off once."""
    if title not in at.notes:
        at.notes.add(title)
        at.snail.fail("data", "451 4.7.1 later")
    news(at, title)


def doubtful(at: Theatre, title: str) -> None:
    """The mail server accepts, and hangs up before it says so: on a channel that sends again, and on one that holds."""
    if title not in at.notes:
        at.notes.add(title)
        at.fog.fail("answer", DROP, times=2)
    news(at, title)


def barred(at: Theatre, title: str) -> None:
    """The mail server does not let us in, and a quarter of an hour later it does."""
    key = "{cw}:bar:locked"
    if at.store.scripts.client.exists(key):
        unbar(at.store, "locked")
        at.ours.bells.ring("notify", "locked")
        return
    if title not in at.notes:
        at.notes.add(title)
        at.locked.fail("auth", "535 5.7.8 not you", times=2)
    news(at, title)


def gone(at: Theatre, title: str) -> None:
    """The mailbox is no more; the owner is told."""
    at.store.take_back("lost", "gone")
    news(at, title)


def buried(at: Theatre, title: str) -> None:
    """The same, and the time has come to tell the owner of what reached nobody."""
    news(at, title)
    dead = [row.id for row in at.rows(title) if row.state == "failed"]
    at.lapse("dead", dead)
    at.ours.bells.ring("announce", "")


def unsaid(at: Theatre, title: str) -> None:
    """A notice waits for the end of the quiet hours, and its order is muted meanwhile: it is taken back."""
    news(at, title)
    waiting = [
        row.id for row in at.rows(title) if row.state == "pending" and row.attempts == 0 and row.waits_for
    ]
    if not waiting:
        at.ours.answers.unmute(at.id(title))
        return
    at.ours.answers.mute(at.id(title))
    at.lapse("ob:mail", waiting)
    at.ours.bells.ring("notify", "mail")


def renewal(at: Theatre, title: str) -> None:
    """The shop ends the token: a new pair is fetched and kept for all workers."""
    at.ae.refresh_tokens |= {f"test-refresh-{n}" for n in range(at.ae.given + 1)}
    at.ae.end_access()
    for key in ("{cw}:rl:ae", "{cw}:br:" + at.ae.origin.partition("//")[2]):
        at.store.scripts.client.delete(key)
    at.store.scripts.client.hset("{cw}:vault:ae", "lease", 0) if at.store.scripts.client.exists(
        "{cw}:vault:ae"
    ) else None
    news(at, title)


def untidy(at: Theatre, title: str) -> None:
    """The service is to be told that a number is looked up no more."""
    at.store.chores.add("track", removed([f"stray/LP99{title[1:]}"]))
    at.ours.bells.ring("tidy", "track")


def newborn(at: Theatre, title: str) -> None:
    """A worker starts."""
    if title not in at.notes or at.crew.ready("worker-1"):  # else it is on its way
        at.notes.add(title)
        at.crew.kill("worker-1")


def reboot(at: Theatre, title: str) -> None:
    """A scheduler starts, and finds what is to be done at its ticks: strays, old rows, a source that fails for good."""
    client = at.store.scripts.client
    at.store.enrol("track", ["stray/LP990000000001"], spread=timedelta(0))
    old = commit("old/LP990000000002")
    if at.store.recall(old.parcel) is None:
        at.store.commit(old)
    client.hset("{cw}:p:old/LP990000000002", "at", 1)
    client.hdel("{cw}:health:shade", "told")
    at.store.source_news("shade", ok=False, error=f"refused {datetime.now(UTC)}", permanent=True)
    client.hset("{cw}:health:shade", "since", int(datetime.now(UTC).timestamp() * 1000))
    if title not in at.notes or at.crew.ready("scheduler"):
        at.notes.add(title)
        at.crew.kill("scheduler")


# -- through the web server --------------------------------------------------------------------------------------


def ask(at: Theatre, method: str, path: str, body: bytes = b"", **headers: str) -> tuple[int, str]:
    with closing(http.client.HTTPConnection("127.0.0.1", at.web_port, timeout=10)) as talk:
        talk.request(method, path, body, headers)
        answer = talk.getresponse()
        return answer.status, answer.read().decode()


def pushed(at: Theatre, title: str) -> None:
    """The service pushes the news, again and again until it hears 200, as it does."""
    at.enter_customs(title)
    shown = at.track.parcel(at.number[title])
    one = item(shown, shown.carrier, tick=1)
    said = {"event": "TRACKING_UPDATED", "data": one}
    body = json.dumps(said).encode()
    with suppress(OSError, http.client.HTTPException):
        status, _ = ask(at, "POST", "/push/track", body, **sign_17track(body, "canary-17track-key"))
        assert status in (200, 503), status


def scraped(at: Theatre, title: str) -> None:
    for path in ("/metrics", "/readyz"):
        with suppress(OSError, http.client.HTTPException):
            ask(at, "GET", path)


def noted(at: Theatre, title: str) -> None:
    """A reader says by the link in a mail that they know."""
    sent = [row.id for row in at.store.notices(at.id(title), states=("sent",))]
    news(at, title)
    for notice in sent[:1]:
        word = seal(at.store.secret(), SEEN, notice, datetime.now(UTC) + timedelta(days=1))
        with suppress(OSError, http.client.HTTPException):
            ask(at, "POST", f"/seen/{word}")


# -- by a command ------------------------------------------------------------------------------------------------


def said(*words: str) -> Scene:
    def run(at: Theatre, title: str) -> None:
        file, notice = at.folder / f"{title}.backup", f"{title[1:]:0>32}"
        file.unlink(missing_ok=True)
        if (
            "NOTICE" in words and at.store.notice(notice) is None
        ):  # one that failed, on a way that nobody uses
            owe(at.store, owed(notice, channel="void"), parcel=f"old/LP98{title[1:]}")
            at.store.fail(notice, take(at.store, "void").token, error="made to fail")
        known = {
            "NUMBER": at.number[title],
            "OLD": f"old/LP98{title[1:]}",
            "FILE": str(file),
            "NOTICE": notice,
        }
        at.crew.command(*[known.get(word, word) for word in words]).wait(60)

    return run


def held(at: Theatre, title: str) -> None:
    """Sending is stopped by a command, and goes on by the test's own hand."""
    said("hold", "--on", "a point is struck at")(at, title)
    if at.store.ledger().hold:
        at.store.lift_hold()


def over(at: Theatre, title: str) -> None:
    """A parcel that left the file long ago is forgotten by name."""
    old = commit(f"old/LP98{title[1:]}")
    if at.store.recall(old.parcel) is None:
        at.store.commit(old)
    said("forget", "OLD", "--yes")(at, title)
