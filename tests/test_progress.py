import io

import pytest
from rich.console import Console

from car_recog import progress


def test_lines_go_to_the_error_output_as_they_are(capsys: pytest.CaptureFixture[str]) -> None:
    progress.say("epoch 1/3  [bold]loss[/bold] 0.5 " + "x" * 200)

    captured = capsys.readouterr()
    assert captured.out == ""
    assert captured.err == "epoch 1/3  [bold]loss[/bold] 0.5 " + "x" * 200 + "\n"


def test_no_bar_is_drawn_where_there_is_no_terminal(capsys: pytest.CaptureFixture[str]) -> None:
    with progress.progress_bar("decoding", 10) as advance:
        advance(10)

    assert capsys.readouterr().err == ""


@pytest.mark.parametrize("is_shown", [True, False])
def test_a_terminal_gets_a_bar_unless_it_is_unwanted(is_shown: bool, monkeypatch: pytest.MonkeyPatch) -> None:
    screen = io.StringIO()
    monkeypatch.setattr(progress, "_CONSOLE", Console(file=screen, force_terminal=True, width=80))

    with progress.progress_bar("decoding", 10, is_shown=is_shown) as advance:
        advance(10)

    assert ("decoding" in screen.getvalue()) == is_shown
    assert ("100 %" in screen.getvalue()) == is_shown
