"""What each role's process does. Imports are inside: a role loads only what it runs."""

import asyncio
import importlib
import logging
import os
import signal
import socket
import threading
import time
from pathlib import Path
from urllib.parse import urlsplit

from core.config import Settings
from hilink_app.toolchain import frontend
from hilink_app.toolchain.paths import ROOT
from hilink_app.toolchain.preload import loading
from hilink_app.toolchain.preparing import wait_until_prepared

logger = logging.getLogger(__name__)

WEB_BUILD = "HILINK_WEB_BUILD"
TLS_CERT = "HILINK_TLS_CERT"
TLS_KEY = "HILINK_TLS_KEY"


class NotBuiltError(RuntimeError):
    """There is no front-end build for this code."""

    def __init__(self) -> None:
        super().__init__("the pages are not built for this version: run `hilink build` first")


def own_origins(settings: Settings) -> list[str]:
    """Origins a browser may open the app's sockets from: the public address and, if local, its synonyms."""
    parts = urlsplit(settings.public_url)
    origins = [f"{parts.scheme}://{parts.netloc}"]
    if parts.hostname in {"localhost", "127.0.0.1"}:
        port = f":{parts.port}" if parts.port else ""
        origins += [f"{parts.scheme}://{name}{port}" for name in ("localhost", "127.0.0.1", "[::1]")]
    return list(dict.fromkeys(origins))


def web_environment(settings: Settings, build: Path) -> dict[str, str]:
    """What Reflex must find in the environment to serve `build` without compiling.

    The double underscores are Reflex's: its internal variables (0.10.1, reflex_base/environment.py).
    """
    env = {
        "REFLEX_ENV_MODE": "prod",
        "__REFLEX_SKIP_COMPILE": "true",
        "__REFLEX_MOUNT_FRONTEND_COMPILED_APP": "true",
        # Without this, serving would link the components' scripts into the source tree again.
        "REFLEX_BACKEND_ONLY": "true",
        "REFLEX_WEB_WORKDIR": str(build),
        "REFLEX_TELEMETRY_ENABLED": "false",
        "REFLEX_CHECK_LATEST_VERSION": "false",
        "REFLEX_CORS_ALLOWED_ORIGINS": ",".join(own_origins(settings)),
    }
    if settings.redis_url:
        env |= {"REFLEX_REDIS_URL": settings.redis_url, "REFLEX_STATE_MANAGER_MODE": "redis"}
    return env


def web(settings: Settings) -> None:
    """Serve the pages, the API and the room server until SIGTERM. Raises `NotBuiltError`."""
    chosen = os.environ.get(WEB_BUILD)
    build = Path(chosen) if chosen else frontend.find()
    if build is None or not (build / "build" / "client").is_dir():
        raise NotBuiltError
    os.environ.update(web_environment(settings, build))
    os.chdir(ROOT)
    asyncio.run(_serve(settings))


async def _serve(settings: Settings) -> None:
    from granian.constants import HTTPModes, Interfaces
    from granian.server.embed import Server

    logging.getLogger("_granian").setLevel(logging.ERROR)
    with loading():
        app = importlib.import_module("hilink_app.hilink_app").app()
    cert, key = os.environ.get(TLS_CERT), os.environ.get(TLS_KEY)
    server = Server(
        app,
        settings.host,
        settings.port,
        interface=Interfaces.ASGI,
        http=HTTPModes.http1,  # WebSockets need HTTP/1.1
        log_enabled=False,
        ssl_cert=Path(cert) if cert else None,
        ssl_key=Path(key) if key else None,
    )
    loop = asyncio.get_running_loop()
    for number in (signal.SIGTERM, signal.SIGINT):
        loop.add_signal_handler(number, server.stop)
    announced = loop.create_task(_announce_port(settings))
    try:
        await server.serve()
    finally:
        announced.cancel()


async def _announce_port(settings: Settings) -> None:
    host = "127.0.0.1" if settings.host == "0.0.0.0" else settings.host
    while True:
        try:
            _, writer = await asyncio.open_connection(host, settings.port)
        except OSError:
            await asyncio.sleep(0.05)
            continue
        writer.close()
        logger.info("ready")
        return


def media(settings: Settings) -> None:
    """Run a media node until SIGTERM."""
    with loading():
        from rtc.node import main

    control = urlsplit(settings.media_control_url)
    _announce_when_open(control.hostname or "127.0.0.1", control.port or 7881)
    main(settings)


def _announce_when_open(host: str, port: int) -> None:
    def wait() -> None:
        while True:
            with socket.socket() as probe:
                probe.settimeout(1)
                if probe.connect_ex((host, port)) == 0:
                    logger.info("ready")
                    return
            time.sleep(0.05)

    threading.Thread(target=wait, name="announce", daemon=True).start()


def worker(settings: Settings) -> None:
    """Run the durable chain and the clock until SIGTERM. Logs `ready` itself."""
    with loading():
        run = importlib.import_module("hilink_app.worker").main
    wait_until_prepared(settings.data_dir)
    run(settings)


def agents(settings: Settings) -> None:
    """Run the server-side participants until SIGTERM. Logs `ready` itself."""
    with loading():
        run = importlib.import_module("hilink_app.agents").main
    run(settings)


ROLES = {"web": web, "media": media, "worker": worker, "agents": agents}
