"""`car-recog serve`: the web page and its JSON API on saved recognisers."""

import argparse
import asyncio
import os
import signal
import socket
import sys
from importlib.util import find_spec
from ipaddress import ip_address
from pathlib import Path
from typing import TYPE_CHECKING, Any

from car_recog.cli.options import finish_command
from car_recog.cli.output import FINE, note, show_lines
from car_recog.cli.startup import load_keras
from car_recog.errors import OptionError

if TYPE_CHECKING:
    from fastapi import FastAPI

_NEEDED = ("fastapi", "uvicorn", "python_multipart")
_DEMO = Path("demo-output")
_DESCRIPTION = (
    "Serve a web page and a JSON API on saved recognisers, any of them. The address is printed when it is ready; Ctrl+C or SIGTERM stops "
    "it when what it has accepted is answered. Nothing that is sent is kept."
)


def add_parser(commands: "argparse._SubParsersAction[Any]") -> None:
    """Add the command."""
    parser = commands.add_parser("serve", help="show it to people: a web page and its API", description=_DESCRIPTION)
    served = parser.add_argument_group("what is served")
    served.add_argument("--parts", type=Path, metavar="BUNDLE", help="a saved part classifier")
    served.add_argument("--models", type=Path, metavar="BUNDLE", help="a saved classifier of makes or models")
    served.add_argument("--verifier", type=Path, metavar="BUNDLE", help="a saved verifier")
    served.add_argument("--gallery", type=Path, metavar="GALLERY", help="a gallery that was made with the verifier")
    served.add_argument(
        "--demo", type=Path, nargs="?", const=_DEMO, metavar="FOLDER", help=f"the bundles that `car-recog demo` has left there ({_DEMO})"
    )
    parser.add_argument("--host", default="127.0.0.1", help="the address to listen at; other than this machine itself: 0.0.0.0 (127.0.0.1)")
    parser.add_argument("--port", type=int, default=8000, help="the port; 0 takes a free one (8000)")
    parser.add_argument("--contact-url", metavar="URL", help="a link under the car found; {class_name} in it becomes its name")
    parser.add_argument("--max-queue", type=int, default=128, metavar="N", help="photos that may wait; more are turned away (128)")
    finish_command(parser, run=run)


def run(args: argparse.Namespace) -> int:
    """Load the recognisers and serve them until stopped."""
    if missing := [name for name in _NEEDED if find_spec(name) is None]:
        raise OptionError(f"The web page needs {', '.join(missing)}. Install the extra: pip install 'car-recog[web]'.")
    _check(args)
    with _bound(args.host, args.port) as listener:
        note("loading Keras")
        load_keras()
        from car_recog.web.app import create_app
        from car_recog.web.guards import LOOPBACK
        from car_recog.web.recognisers import load_recognisers
        from car_recog.web.uploads import Limits

        host, port = listener.getsockname()[:2]
        recognisers = load_recognisers(args.parts, args.models, verifier=args.verifier, gallery=args.gallery)
        hosts = LOOPBACK if ip_address(host).is_loopback else None
        app = create_app(recognisers, Limits(max_queue=args.max_queue), contact_url=args.contact_url, hosts=hosts)
        names = ", ".join(info.name for info in recognisers.describe())
        place = f"[{host}]" if ":" in host else host
        asyncio.run(_serve(app, listener, f"Serving {names} on http://{place}:{port}"))
    return FINE


def _check(args: argparse.Namespace) -> None:
    """Take in what a demo has left, and raise for flags that make no sense."""
    if args.demo is not None:
        found = {"parts": args.demo / "bundle", "verifier": args.demo / "verifier" / "bundle"}
        if not any(folder.is_dir() for folder in found.values()):
            raise OptionError(f"'{args.demo}' holds no demo. Run `car-recog demo --folder {args.demo}` first.")
        for name, folder in found.items():
            if getattr(args, name) is None and folder.is_dir():
                setattr(args, name, folder)
    if args.gallery is not None and args.verifier is None:
        raise OptionError("A gallery is searched by the verifier that it was made with. Give that with --verifier.")
    if args.parts is None and args.models is None and args.verifier is None:
        raise OptionError(
            "There is nothing to serve. Train a recogniser and name its bundle: `car-recog train parts PHOTOS`, then "
            "`car-recog serve --parts RUN/bundle`. To see it without photos of your own: `car-recog demo`, then `car-recog serve --demo`."
        )
    if not 0 <= args.port <= 65535:
        raise OptionError(f"--port is a number from 0 to 65535; got {args.port}.")
    if args.max_queue < 2:
        raise OptionError(f"--max-queue must be at least 2, the photos of one comparison; got {args.max_queue}.")
    if args.contact_url is not None and not args.contact_url.startswith(("https://", "http://", "mailto:", "tel:")):
        raise OptionError(f"--contact-url starts with https://, http://, mailto: or tel:; got '{args.contact_url}'.")


def _bound(host: str, port: int) -> socket.socket:
    """Take the port, before anything slow; nobody can connect until the server listens."""
    listener = socket.socket(socket.AF_INET6 if ":" in host else socket.AF_INET)
    if os.name == "posix":  # elsewhere it would let two servers share a port
        listener.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
    try:
        listener.bind((host, port))
    except OSError as error:
        listener.close()
        advice = "Choose another with --port; 0 takes a free one."
        raise OptionError(f"Cannot listen at {host}, port {port}: {error.strerror or error}. {advice}") from error
    # Connections inherit it. asyncio sets it for sockets of its own only; without it each answer waits 40 ms for an acknowledgement.
    listener.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
    return listener


async def _serve(app: "FastAPI", listener: socket.socket, line: str) -> None:
    """Serve until a signal comes, then until all that was accepted is answered."""
    import uvicorn

    desk = app.state.desk
    config = uvicorn.Config(
        app,
        log_level="error",
        access_log=False,
        proxy_headers=False,
        server_header=False,
        date_header=False,
        ws="none",
        timeout_graceful_shutdown=int(desk.limits.answer_seconds) + 5,
    )

    class Server(uvicorn.Server):
        async def shutdown(self, sockets: list[socket.socket] | None = None) -> None:
            app.state.intake.stop()
            await super().shutdown(sockets)

    server = Server(config)
    signal.signal(signal.SIGTERM, lambda *_: None)  # uvicorn raises it again when all is done; it is no failure
    serving = asyncio.create_task(server.serve([listener]))
    while not (server.started or serving.done()):
        await asyncio.sleep(0.01)
    if not serving.done():
        note("warming up")
        await asyncio.wait((serving, app.state.warming), return_when=asyncio.FIRST_COMPLETED)
        if desk.is_ready:
            show_lines(line)
            sys.stdout.flush()  # whoever started it waits for the line
        else:
            server.should_exit = True
    await serving
    if app.state.warming.done() and not app.state.warming.cancelled():
        app.state.warming.result()  # raises what kept a network from answering
