"""What a person answers about a parcel: seen, paid, be quiet, write again, stop. Takes an answer from any door, checks none.

An answer is kept in the store, and the parcel is judged anew by whoever judges. Saying the same again changes nothing.
"""

from __future__ import annotations

from collections.abc import Callable
from datetime import datetime

import structlog

from workers import memory
from workers.core.model import Charges, Evidence, Reading, Side, Sighting, Stage, TimeQuality
from workers.core.word import Word
from workers.errors import StoreTrouble
from workers.store import Store

log = structlog.get_logger("customs_watch")

YOU = "you"  # the source of what a person says happened
TRIES = 20
_PAID = Reading(
    stage=Stage.PAYMENT_RECEIVED,
    charges=Charges.PAID,
    side=Side.DESTINATION,
    evidence=(Evidence("context", "said by you", "customs-watch paid", "you", None),),
)


class Answers:
    """The answers people can give. Safe to use from several threads and machines at once."""

    def __init__(
        self, *, store: Store, clock: Callable[[], datetime], hear: Callable[[str, Sighting, Reading], bool]
    ) -> None:
        self._store = store
        self._clock = clock
        self._hear = hear

    def ack(self, parcel: str) -> None:
        """Somebody knows: an urgent notice about *parcel* need not be passed on."""
        self._say(parcel, lambda word: word.saw(self._store.clock()))

    def mute(self, parcel: str, until: datetime | None = None) -> None:
        """Write nothing calm about *parcel*, until then or until ``unmute``."""
        self._say(parcel, lambda word: word.mute(until, seen=self._store.clock()))

    def unmute(self, parcel: str) -> None:
        """Write about *parcel* again, also after ``stop``: what is still worth saying is said."""
        self._say(parcel, lambda word: word.unmute())

    def stop(self, parcel: str) -> None:
        """Write nothing more about *parcel*, and look it up no more."""
        self._say(parcel, lambda word: word.stop(self._store.clock()))

    def paid(self, parcel: str) -> bool:
        """The charges of *parcel* are paid; False where nothing is known of it yet.

        It stands in the timeline as an event that *you* saw. Whoever says so knows it, and nobody is written to for it;
        what the carrier shows afterwards counts as always.
        """
        now = self._clock()
        known = self._store.recall(parcel)
        if known is None or known.snapshot is None:
            return False
        self.ack(parcel)
        if memory.load(known.snapshot).charges is Charges.PAID:
            return True
        return self._hear(parcel, Sighting(YOU, "Charges paid", now, TimeQuality.EXACT), _PAID)

    def word(self, parcel: str) -> Word:
        """Return what was said of *parcel* last."""
        return memory.load_word(self._store.words([parcel]).get(parcel))

    def _say(self, parcel: str, change: Callable[[Word], Word]) -> None:
        for _ in range(TRIES):
            before = self._store.words([parcel]).get(parcel, b"")
            word = memory.dump_word(change(memory.load_word(before)))
            if self._store.say(parcel, before, word):
                log.info("answered", parcel=parcel, word=word.decode())
                return
        raise StoreTrouble("too many people answer about this parcel at the same moment", hint="try again")


def stopped(store: Store) -> frozenset[str]:
    """Return the parcels that somebody had us stop watching."""
    return frozenset(p for p, word in store.all_words().items() if memory.load_word(word).stopped)
