"""`car-recog serve`: what it refuses before it loads anything; what it serves is in tests/web."""

import socket

import pytest

from car_recog.cli import serve
from car_recog.errors import OptionError


def test_without_a_recogniser_it_says_what_to_train_first(run):
    done = run("serve")

    assert done.code == 2
    assert "There is nothing to serve. Train a recogniser" in done.err
    assert "`car-recog demo`, then `car-recog serve --demo`" in done.err


def test_without_the_extra_it_says_how_to_install_it(run, monkeypatch):
    monkeypatch.setattr(serve, "find_spec", lambda name: None if name == "uvicorn" else object())

    done = run("serve", "--parts", "bundle")

    assert done.code == 2
    assert done.err == "error: The web page needs uvicorn. Install the extra: pip install 'car-recog[web]'.\n"


@pytest.mark.parametrize(
    ("flags", "message"),
    [
        (("--demo", "nowhere"), "'nowhere' holds no demo. Run `car-recog demo --folder nowhere` first."),
        (("--parts", "b", "--port", "70000"), "--port is a number from 0 to 65535; got 70000."),
        (("--parts", "b", "--max-queue", "1"), "--max-queue must be at least 2"),
        (("--parts", "b", "--contact-url", "javascript:alert(1)"), "--contact-url starts with https://"),
        (("--gallery", "g"), "A gallery is searched by the verifier that it was made with."),
    ],
)
def test_flags_that_make_no_sense_are_refused(run, flags, message):
    done = run("serve", *flags)

    assert done.code == 2
    assert message in done.err


def test_a_port_that_is_taken_is_told():
    with serve._bound("127.0.0.1", 0) as taken:
        taken.listen()
        port = taken.getsockname()[1]

        with pytest.raises(OptionError, match=f"Cannot listen at 127.0.0.1, port {port}: .*Choose another with --port"):
            serve._bound("127.0.0.1", port)


def test_answers_do_not_wait_for_acknowledgements():
    with serve._bound("127.0.0.1", 0) as listener:
        listener.listen()
        with socket.create_connection(listener.getsockname()), listener.accept()[0] as connection:
            assert connection.getsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY)


def test_a_demo_brings_what_it_left_and_flags_come_first(tmp_path):
    (tmp_path / "bundle").mkdir()
    (tmp_path / "verifier" / "bundle").mkdir(parents=True)
    args = _args("--demo", tmp_path, "--parts", "mine")

    serve._check(args)

    assert str(args.parts) == "mine"
    assert args.verifier == tmp_path / "verifier" / "bundle"


def _args(*flags):
    from car_recog.cli.entry import build_parser

    return build_parser().parse_args(["serve", *map(str, flags)])
