"""From arguments to a command, and from whatever it raises to one line and an exit code."""

import argparse
import os
import sys
import traceback
from collections.abc import Sequence
from typing import Any, NoReturn

from car_recog._version import __version__
from car_recog.cli import backbones, cache, calibrate, compare, data, demo, evaluate, explain, gallery, predict, serve, train, verify
from car_recog.cli.output import BAD_USE, FOUND_PROBLEMS, show_error
from car_recog.errors import CarRecogError

INTERRUPTED = 130
_EPILOG = "Exit codes: 0 all is well, 1 problems were found (such as broken photos) or `verify` sees two cars, 2 bad use, 130 interrupted."


class Parser(argparse.ArgumentParser):
    """A parser that words bad use as all other errors are worded, and lets flags stand before arguments that may be left out."""

    _is_mixing = False

    def __init__(self, **options: Any) -> None:
        super().__init__(allow_abbrev=False, **options)

    def parse_known_args(self, args: Any = None, namespace: Any = None) -> Any:
        """Parse; argparse alone takes an optional argument as left out once a flag stands before it."""
        if self._is_mixing or not any(action.nargs in ("?", "*") for action in self._get_positional_actions()):
            return super().parse_known_args(args, namespace)
        self._is_mixing = True
        try:
            return self.parse_known_intermixed_args(args, namespace)
        finally:
            self._is_mixing = False

    def error(self, message: str) -> NoReturn:
        show_error(f"{message}. See `{self.prog} --help`.")
        raise SystemExit(BAD_USE)


def build_parser() -> Parser:
    """Build the parser of the whole command line."""
    parser = Parser(prog="car-recog", description="Recognise cars in photos.", epilog=_EPILOG)
    parser.set_defaults(json=False, debug=False)
    parser.add_argument("--version", action="version", version=f"car-recog {__version__}")
    commands = parser.add_subparsers(title="commands", metavar="COMMAND", required=True)
    for command in (demo, train, evaluate, calibrate, compare, predict, verify, explain, gallery, serve, data, backbones, cache):
        command.add_parser(commands)
    return parser


def main(argv: Sequence[str] | None = None) -> int:
    """Run one command.

    Args:
        argv: The arguments behind the name of the program. None takes those of the process.

    Returns:
        The exit code: 0, 1 where problems were found or two photos show two cars, 2 for bad use, 130 when interrupted.

    Example:
        >>> main(["backbones", "tiny*"])
        name       size    smallest   weights   offered by   normalization   licence   source
        ────────────────────────────────────────────────────────────────────────────────────────
        tiny_cnn   96x96   16x16      none      car-recog    to [-1, 1]      MIT       car-recog
        0
    """
    for stream in (sys.stdout, sys.stderr):
        if reconfigure := getattr(stream, "reconfigure", None):
            reconfigure(errors="backslashreplace")  # file names may hold what the terminal cannot show
    args = build_parser().parse_args(argv)
    try:
        code: int = args.run(args)
        sys.stdout.flush()
    except KeyboardInterrupt:
        return INTERRUPTED
    except BrokenPipeError:
        # The reader has seen enough; Python would complain when it flushes at the end.
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        return FOUND_PROBLEMS
    except Exception as error:  # a door: whatever happens inside becomes one line
        return _report(error, is_debugging=args.debug)
    return code


def _report(error: Exception, *, is_debugging: bool) -> int:
    if is_debugging:
        traceback.print_exc()
    if isinstance(error, CarRecogError):
        show_error(str(error))
        return BAD_USE
    if isinstance(error, OSError):
        place = f": '{error.filename}'" if error.filename else ""
        show_error(f"{error.strerror or error}{place}")
        return BAD_USE
    show_error(f"{type(error).__name__}: {error}\nThis should not happen. Please report it with what --debug prints.")
    return FOUND_PROBLEMS
