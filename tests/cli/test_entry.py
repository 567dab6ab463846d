"""The front of the command line: help, exit codes, one line per error."""

import argparse
import os
import subprocess
import sys

import pytest

import car_recog
from car_recog.cli.entry import build_parser
from car_recog.losses.named import OBJECTIVES

CALL = "import sys; from car_recog.cli import main; sys.exit(main(sys.argv[1:]))"


def outside(*argv, **options):
    """Run a command in a process of its own, with a clean TensorFlow environment."""
    environment = {name: value for name, value in os.environ.items() if not name.startswith("TF_")}
    return subprocess.run([sys.executable, "-c", CALL, *argv], capture_output=True, text=True, env=environment, check=False, **options)


def test_the_version_is_printed(run):
    done = run("--version")

    assert done.code == 0
    assert done.out == f"car-recog {car_recog.__version__}\n"


def test_the_help_lists_every_command(run):
    done = run("--help")

    assert done.code == 0
    for command in ("demo", "train", "evaluate", "predict", "verify", "gallery", "data", "backbones", "cache"):
        assert f"\n    {command}" in done.out


def commands_of(parser):
    """All commands below a parser."""
    groups = (action.choices.values() for action in parser._actions if isinstance(action, argparse._SubParsersAction))
    return {command.prog: command for group in groups for below in group for command in [below, *commands_of(below).values()]}


@pytest.mark.parametrize("command", commands_of(build_parser()))
def test_every_command_explains_itself(run, command):
    done = run(*command.split()[1:], "--help")

    assert done.code == 0
    assert done.out.startswith(f"usage: {command} ")


def test_the_help_names_every_objective():
    told = commands_of(build_parser())["car-recog train verifier"].format_help()

    assert all(name in told for name in OBJECTIVES)


def test_flags_may_stand_before_arguments_that_may_be_left_out():
    parser = build_parser()

    assert parser.parse_args(["evaluate", "bundle", "--side", "test", "photos"]).data == "photos"
    assert parser.parse_args(["evaluate", "bundle", "--side", "test"]).data is None
    assert parser.parse_args(["verify", "bundle", "a.jpg", "--json", "b.jpg"]).photos == ["a.jpg", "b.jpg"]


@pytest.mark.parametrize(
    ("argv", "message"),
    [
        ((), "error: the following arguments are required: COMMAND. See `car-recog --help`.\n"),
        (("bake",), "invalid choice: 'bake'"),
        (("predict",), "error: the following arguments are required: BUNDLE, PHOTO. See `car-recog predict --help`.\n"),
        (("backbones", "--colour"), "error: unrecognized arguments: --colour. See `car-recog --help`.\n"),
        (("cache", "build", "x", "--image-size", "big", "8"), "argument --image-size: invalid int value: 'big'"),
        (("train", "parts", "x", "--backbone-options", "alpha"), "expected NAME=VALUE such as alpha=0.25, got 'alpha'"),
        (("cache", "--js"), "unrecognized arguments: --js"),
        (("evaluate", "bundle", "photos", "more"), "unrecognized arguments: more"),
    ],
    ids=str,
)
def test_wrong_flags_are_one_line_and_exit_code_2(run, argv, message):
    done = run(*argv)

    assert done.code == 2
    assert done.out == ""
    assert done.err.startswith("error: ")
    assert message in done.err
    assert done.err.count("\n") == 1


def test_an_error_of_the_library_is_one_message_without_a_traceback(run, tmp_path):
    done = run("cache", "build", tmp_path / "nowhere")

    assert done.code == 2
    assert done.err == f"error: No such folder: '{tmp_path / 'nowhere'}'.\n"


def test_debug_shows_where_an_error_arose(run, tmp_path):
    done = run("cache", "build", tmp_path / "nowhere", "--debug")

    assert done.code == 2
    assert "Traceback" in done.err
    assert "find_photos" in done.err


def test_an_error_of_the_system_names_the_file(run, monkeypatch):
    def refuse():
        raise PermissionError(13, "Permission denied", "/secret")

    monkeypatch.setattr("car_recog.cli.cache.list_cache", refuse)

    done = run("cache")

    assert done.code == 2
    assert done.err == "error: Permission denied: '/secret'\n"


def test_an_unforeseen_error_asks_to_be_reported(run, monkeypatch):
    monkeypatch.setattr("car_recog.cli.cache.list_cache", lambda: 1 / 0)

    done = run("cache")

    assert done.code == 1
    assert done.err.startswith("error: ZeroDivisionError: division by zero\nThis should not happen.")
    assert "Traceback" not in done.err


def test_an_interrupt_ends_quietly(run, monkeypatch):
    def interrupt():
        raise KeyboardInterrupt

    monkeypatch.setattr("car_recog.cli.cache.list_cache", interrupt)

    done = run("cache")

    assert done.code == 130
    assert done.out + done.err == ""


def test_a_reader_that_goes_away_is_no_error():
    with subprocess.Popen([sys.executable, "-c", CALL, "backbones"], stdout=subprocess.PIPE, stderr=subprocess.PIPE) as process:
        process.stdout.close()
        complaint = process.stderr.read()

    assert process.returncode == 1
    assert complaint == b""


def test_light_commands_load_no_keras():
    code = (
        "import sys; from car_recog.cli import main; main(['backbones']); main(['cache']); "
        "print([name for name in ('keras', 'tensorflow', 'matplotlib') if name in sys.modules])"
    )

    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)

    assert done.stdout.splitlines()[-1] == "[]"


@pytest.mark.slow
def test_tensorflow_keeps_quiet_while_it_loads(bundle, photos):
    done = outside("predict", bundle, str(photos / "door" / "car0_a.png"), "--format", "csv")

    assert done.returncode == 0
    assert done.stderr == ""
    assert done.stdout.startswith("source,class_name,probability,rejected,error\n")


def test_what_keras_said_is_shown_when_it_cannot_be_loaded(tmp_path):
    (tmp_path / "keras.py").write_text("import os\nos.write(2, b'no such processor\\n')\nraise ImportError('keras is broken')\n")

    done = outside("predict", "bundle", str(tmp_path / "keras.py"), cwd=tmp_path)

    assert done.returncode == 1
    assert done.stderr.startswith("no such processor\nerror: ImportError: keras is broken\n")
