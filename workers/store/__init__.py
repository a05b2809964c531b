"""What we remember: one Store over Redis or Valkey; a change is one Lua script. Decides nothing.

Keys, all under ``{cw}:``, all in one database that holds nothing else (the broker has another one):

======================  ======  =============================================================================
``due:<source>``        zset    parcel → when it is looked at next, or the end of the lease (ms); also as "parcel>number",
                                where it is looked up under a further number of its own
``look:<source>``       hash    parcel → pace, last answer, fingerprint, memo (see prelude.lua)
``hot:<source>``        zset    parcel → as in ``due``: those looked at every two hours or oftener; may lag behind
``mute:<source>``       hash    parcel → since when the source can tell nothing of it (ms)
``rl:<source>``         hash    token bucket; until when it is shut: ``until`` a pause, ``full`` a used-up quota, ``calm`` to
                                all but urgent parcels; ``turn``
``lim:<source>``        hash    what it allows: host, quotas, least interval, how much paces are stretched
``qt:<source>``         hash    calls and new numbers of the window that lasts, and its number
``reg:<source>``        set     parcels whose numbers were told to a service that counts new ones
``use:<source>``        hash    calls ``c``, parcels ``p``, moves ``m`` with the day's number, the last thirty-five
``br:<host>``           hash    failures in a row of a host, and until when it is left alone
``health:<source>``     hash    last answer, failures in a row
``p:<parcel>``          hash    version, stage, snapshot, what was told, decision, pace, review
``reviews``             zset    parcel → when its advice may change by time alone
``n:<notice>``          hash    one notice
``ob:<channel>``        zset    notice → next attempt, or the end of the lease (ms); open ones only
``st:<state>``          zset    notice → when it was made (ms); ``held`` and ``failed`` wait here for a person
``pn:<parcel>``         zset    notice → when it was made (ms)
``att:<notice>``        list    its attempts, the last fifty
``bn:<bundle>``         set     open notices that go out in one message when their time comes
``out:<channel><who>``  zset    message → when it went out (ms), of two days
``dead``                zset    notice that reached nobody → when the owner is told (ms)
``kept``                zset    dead notice → since when somebody knows of it (ms)
``word``                hash    parcel → what a person said of it
``esc``                 zset    urgent notice that was sent → when it is passed on unless somebody acknowledged (ms)
``op:<token>``          string  a commit that was done, for an hour
``sources channels``    set     names met
``beats beat``          zset    living processes, with the hash of their last beats
``unknown``             hash    wordings nobody could read; ``unknown:n``: how often each was met
``stay:<group>``        list    "from until" (ms) of stays that ended, the last two thousand
``open:<group>``        zset    parcel → since when it stands there (ms); ``stays``: the groups met
``aside``               hash    "channel/recipient" → "since (ms) mark error": an address nothing arrives at
``bar:<channel>``       hash    a channel that was refused: since, error, until (ms), and that by account
``count``               hash    event → how often; ``ended``: "state channel" → how often notices came to that
``chores:<source>``     zset    what is owed to a source beside looks → when it is due, or the end of the lease (ms)
``vault:<name>``        hash    a secret that all workers share: value, version, end of the lease of who renews it
``push:<digest>``       string  a push that is being taken in, or was
``ledger``              hash    id, earlier ids (``was:<id>``), and why nothing is sent: hold, since, by
``meta secret fact:…``          schema; the key of notice ids; small facts
======================  ======  =============================================================================
"""

from __future__ import annotations

import redis
from redis.backoff import NoBackoff
from redis.retry import Retry

from workers.core.health import Health as SourceHealth
from workers.store.addresses import Addresses, Aside
from workers.store.archive import Archive
from workers.store.bars import Bar, Bars
from workers.store.chores import Chores
from workers.store.desk import Desk, Unsettled
from workers.store.facts import SCHEMA, Facts
from workers.store.fitness import Fitness
from workers.store.gauges import Gauges, Numbers, SourceGauge
from workers.store.ledger import Ledger
from workers.store.limits import Limits
from workers.store.lua import Scripts, trouble
from workers.store.notices import Notices
from workers.store.parcels import Parcels
from workers.store.rows import (
    STATES,
    Attempt,
    Bells,
    Budget,
    Changed,
    Claim,
    Claimed,
    Commit,
    Heard,
    Looked,
    Lookup,
    Notice,
    NoticeRow,
    Owed,
    Remembered,
    State,
    Usage,
    entry_of,
    notice_id,
    number_of,
    parcel_of,
)
from workers.store.stays import Recollection, Stays
from workers.store.vault import Vault

__all__ = [
    "SCHEMA", "STATES", "Aside", "Attempt", "Bar", "Bells", "Budget", "Changed", "Claim", "Claimed", "Commit", "Gauges", "Heard",
    "Ledger", "Looked", "Lookup", "Notice", "NoticeRow", "Owed", "Recollection", "Remembered", "SourceGauge",
    "SourceHealth", "State", "Store", "Unsettled", "Usage", "Vault", "entry_of", "notice_id", "number_of", "parcel_of",
    "trouble",
]  # fmt: skip


class Store(Parcels, Notices, Facts, Desk, Stays, Addresses, Bars, Numbers, Limits, Fitness, Archive):
    """Everything remembered. Safe to share between threads. Makes no connection before the first call.

    *client* must send each command once (no retries) and not decode answers: ``Store.connect`` makes one.
    """

    def __init__(self, client: redis.Redis) -> None:
        self.scripts = Scripts(client)

    @property
    def chores(self) -> Chores:
        """What is owed to sources beside looks."""
        return Chores(self.scripts)

    @property
    def vault(self) -> Vault:
        """The secrets that change and that all workers share."""
        return Vault(self.scripts)

    @classmethod
    def connect(cls, url: str) -> Store:
        """Return a Store at *url*: ``unix://``, ``redis://`` or ``rediss://``, user and password included."""
        pool = redis.ConnectionPool.from_url(
            url, protocol=2, socket_timeout=10, socket_connect_timeout=10, retry=Retry(NoBackoff(), 0)
        )
        return cls(redis.Redis.from_pool(pool))

    def close(self) -> None:
        """Close all connections."""
        self.scripts.client.close()
