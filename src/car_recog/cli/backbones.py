"""`car-recog backbones`: what can be asked for by name."""

import argparse
from typing import Any

from car_recog.backbones import backbone_owner, get_backbone, list_backbones
from car_recog.cli.options import finish_command
from car_recog.cli.output import FINE, FOUND_PROBLEMS, note, show_json, show_table
from car_recog.errors import PluginError, UnknownNameError, suggestion

_TOLD = ("image_size", "min_image_size", "is_size_flexible", "weights", "normalization", "normalizations", "licence", "source")
_COLUMNS = ("name", "size", "smallest", "weights", "offered by", "normalization", "licence", "source")


def add_parser(commands: "argparse._SubParsersAction[Any]") -> None:
    """Add the command."""
    parser = commands.add_parser("backbones", help="list all backbones, plug-ins included")
    parser.add_argument("pattern", metavar="PATTERN", nargs="?", default="*", help="shell-style pattern such as 'mobilenet*' (all)")
    finish_command(parser, run=run)


def run(args: argparse.Namespace) -> int:
    """List them; a broken plug-in is a row that says so."""
    names = list_backbones(args.pattern)
    if not names:
        raise UnknownNameError(f"No backbone matches '{args.pattern}'.{suggestion(args.pattern, list_backbones())}")
    facts = [_facts(name) for name in names]
    broken = [fact for fact in facts if fact["error"]]
    if args.json:
        show_json(facts)
    else:
        show_table(_COLUMNS, [_row(fact) for fact in facts])
    for fact in broken:
        note(f"warning: {fact['error']}")
    return FOUND_PROBLEMS if broken else FINE


def _facts(name: str) -> dict[str, Any]:
    """Gather what the registry knows of a backbone; `error` is None where it can be used."""
    facts: dict[str, Any] = {"name": name, "owner": backbone_owner(name), "error": None}
    try:
        spec = get_backbone(name)
    except PluginError as error:
        return {**facts, "error": str(error)}
    return facts | {key: getattr(spec, key) for key in _TOLD}


def _row(fact: dict[str, Any]) -> tuple[str, ...]:
    if fact["error"]:
        return (fact["name"], "broken", "", "", fact["owner"], "", "", "")
    sizes = ("x".join(map(str, fact[key])) for key in ("image_size", "min_image_size"))
    weights = ", ".join(fact["weights"]) or "none"
    return (fact["name"], *sizes, weights, fact["owner"], fact["normalization"], fact["licence"], fact["source"])
