"""Whether the server is fit to keep promises, in sentences that say what to change. Changes nothing itself."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import UTC, datetime, timedelta
from typing import Any

from redis.exceptions import RedisError

from workers.store.lua import Scripts, spoken

_OLDEST_SERVER = (7, 0)
_WAITS = (
    7,
    2,
)  # WAITAOF; Valkey says here which Redis it is compatible with (7.2.4), whatever its own version
_FULL = 0.9  # of maxmemory
SKEW = timedelta(seconds=30)


class Fitness:
    """Questions about the server. Every method raises StoreTrouble where it does not answer."""

    scripts: Scripts

    def readiness(self) -> tuple[str, ...]:
        """Return what makes this server unfit to keep promises, in sentences; () if nothing does."""
        with spoken():
            info = self.scripts.client.info()
        wrong = _of_its_kind(info)
        wrong += _of_its_disk(info, self._syncs())
        policy = info.get("maxmemory_policy")
        if policy != "noeviction":
            wrong.append(
                f"the server drops rows when memory is short: maxmemory-policy is {policy}, not noeviction"
            )
        most, used = int(info.get("maxmemory", 0)), int(info.get("used_memory", 0))
        if most and used > _FULL * most:
            wrong.append(f"the server's memory is {100 * used // most} % full: raise maxmemory")
        return tuple(wrong)

    def clock(self) -> datetime:
        """Return the server's time."""
        with spoken():
            seconds, micros = self.scripts.client.time()
        return datetime.fromtimestamp(seconds, UTC) + timedelta(microseconds=micros)

    def _syncs(self) -> str:
        """Return when the server brings what it wrote to the disk; "" where its user may not ask."""
        try:
            found = self.scripts.client.config_get("appendfsync")
        except RedisError:  # an ACL that allows no CONFIG; the ordinary commands tell whether it is away
            return ""
        return str(found.get("appendfsync") or "")


def _version(info: Mapping[str, Any]) -> tuple[int, ...]:
    return tuple(int(part) for part in str(info.get("redis_version", "0")).split(".")[:2] if part.isdigit())


def _of_its_kind(info: Mapping[str, Any]) -> list[str]:
    wrong = []
    if _version(info) < _OLDEST_SERVER:
        wrong.append(f"the server is Redis {info.get('redis_version')}; 7.0 or newer is needed")
    if info.get("role") not in ("master", "primary", None):
        wrong.append("the server is a replica, which takes no writes: point CW_REDIS_URL at the primary")
    if int(info.get("cluster_enabled", 0)):
        wrong.append("the server is a cluster, which the queue of doorbells cannot use: take a single server")
    return wrong


def _of_its_disk(info: Mapping[str, Any], syncs: str) -> list[str]:
    wrong = []
    if info.get("aof_enabled") != 1:
        return ["the server does not write what it is told to disk: set appendonly yes"]
    if info.get("aof_last_write_status") != "ok":
        wrong.append("the server's last write to disk failed: look at its log and at the free space")
    elif info.get("aof_last_bgrewrite_status") != "ok":
        wrong.append(
            "the server could not rewrite its append-only file: look at its log and at the free space"
        )
    if info.get("rdb_last_bgsave_status") != "ok":
        wrong.append(
            "the server could not save a snapshot, and may refuse to write: look at its log and at the free space"
        )
    if syncs == "no":
        wrong.append(
            "the server leaves it to the system when to write to disk: set appendfsync always, or everysec"
        )
    elif syncs != "always" and _version(info) < _WAITS:
        wrong.append(
            "the server syncs every second and is too old to be waited for: set appendfsync always, or a notice may be sent "
            "twice after a power cut"
        )
    return wrong
