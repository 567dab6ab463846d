"""What is printed: tables that fit, numbers, warnings."""

import re
import warnings

import pytest

from car_recog.cli.output import printable, show_table, watched_warnings
from car_recog.data.pipeline import SkippedPhotosWarning

ROWS = [("resnet50", 1234, 0.5, "He et al., CVPR 2016"), ("vgg16", 7, 0.25, "Simonyan and Zisserman")]
COLUMNS = ("name", "photos", "share", "source")


@pytest.fixture
def terminal(monkeypatch):
    """Pretend that the output is a terminal of so many columns."""

    def resize(width):
        monkeypatch.setenv("TTY_COMPATIBLE", "1")
        monkeypatch.setenv("COLUMNS", str(width))
        monkeypatch.setenv("TERM", "xterm")

    return resize


def lines_of(text):
    return [line.rstrip() for line in re.sub(r"\x1b\[[0-9;]*m", "", text).splitlines()]


def test_a_file_gets_every_column_on_one_line(capsys):
    show_table(COLUMNS, ROWS)

    head, _, first, second = lines_of(capsys.readouterr().out)
    assert head.split() == list(COLUMNS)
    assert first.split() == ["resnet50", "1,234", "0.500", "He", "et", "al.,", "CVPR", "2016"]
    assert second.endswith("Simonyan and Zisserman")


def test_numbers_stand_right_under_their_heading(capsys):
    show_table(("name", "photos"), [("a", 5), ("b", 12345)])

    head, _, first, second = lines_of(capsys.readouterr().out)
    assert len({len(head), len(first), len(second)}) == 1


def test_a_wide_terminal_gets_every_column(capsys, terminal):
    terminal(80)

    show_table(COLUMNS, ROWS)

    out, err = capsys.readouterr()
    assert lines_of(out)[2].endswith("He et al., CVPR 2016")
    assert err == ""


def test_a_narrow_terminal_gets_the_columns_that_fit_and_is_told_of_the_others(capsys, terminal):
    terminal(30)

    show_table(COLUMNS, ROWS)

    out, err = capsys.readouterr()
    assert [line.split() for line in lines_of(out)[2:]] == [["resnet50", "1,234", "0.500"], ["vgg16", "7", "0.250"]]
    assert max(map(len, lines_of(out))) <= 30
    assert err == "The terminal is too narrow for: source. --json shows all.\n"


def test_a_terminal_narrower_than_the_first_column_still_shows_all_of_it(capsys, terminal):
    terminal(6)

    show_table(("name",), [("resnet50",)])

    assert "".join(lines_of(capsys.readouterr().out)[2:]) == "resnet50"


def test_names_that_look_like_markup_are_printed_as_they_are(capsys):
    show_table(("name",), [("[red]:car:[/red]",)])

    assert "[red]:car:[/red]" in capsys.readouterr().out


@pytest.mark.parametrize("letter", ["\x1b", "\n", "\r", "\x07", "\u202e"])
def test_letters_that_move_the_cursor_are_not_printed(letter):
    assert printable(f"a{letter}b") == "a?b"


def test_warnings_of_this_library_are_printed_and_kept_those_of_others_dropped(capsys):
    with watched_warnings() as messages:
        warnings.warn("2 photos are broken", SkippedPhotosWarning, stacklevel=1)
        warnings.warn("numpy is old", DeprecationWarning, stacklevel=1)

    assert messages == ["2 photos are broken"]
    assert capsys.readouterr().err == "warning: 2 photos are broken\n"
