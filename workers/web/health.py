"""GET /healthz and /readyz: whether this process lives, and whether the installation works. Tells reasons, no secrets."""

from __future__ import annotations

from anyio import CapacityLimiter, to_thread
from starlette.requests import Request
from starlette.responses import JSONResponse, PlainTextResponse, Response
from starlette.routing import Route

from workers.app import App, now
from workers.errors import Misconfigured, StoreTrouble
from workers.readiness import concerns

OLD = "the file as it is now is not right, and the last good one is in use: customs-watch validate tells why"
PARTS = ("scheduler", "worker")  # whose beats are wanted; a beat lasts a minute


def routes(app: App) -> list[Route]:
    """Return the addresses of health."""
    room = CapacityLimiter(2)

    async def healthz(_: Request) -> Response:
        return PlainTextResponse("ok\n")

    async def readyz(_: Request) -> Response:
        checks = await to_thread.run_sync(readiness, app, limiter=room)
        ready = all(said == "ok" for said in checks.values())
        notes = [OLD] if app.house.refused() else []
        return JSONResponse({"ready": ready, "checks": checks, "notes": notes}, 200 if ready else 503)

    return [Route("/healthz", healthz), Route("/readyz", readyz)]


def readiness(app: App) -> dict[str, str]:
    """Return "ok" or a sentence for each part that the installation needs. Blocks."""
    checks = {}
    try:
        parcels = len(app.house().settings.parcels)
        checks["file"] = "ok" if parcels else "the file watches no parcel"
    except Misconfigured:
        checks["file"] = "the file cannot be used"
    try:
        house = app.house()
        wrong = concerns(app.store, house.settings.data, now=now())
        held = app.store.ledger().hold
        alive = {name.partition(":")[0] for name in app.store.beats()}
    except StoreTrouble:  # its words may name a host
        away = "the store does not answer"
        return {**checks, "store": away, **dict.fromkeys(PARTS, f"not known: {away}")}
    checks["store"] = "; ".join(wrong) or "ok"
    checks["sending"] = f"held: {held}" if held else "ok"
    return checks | {
        part: "ok" if part in alive else f"no {part} has given a sign of life for a minute" for part in PARTS
    }
