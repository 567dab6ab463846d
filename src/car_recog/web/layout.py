"""The page: what is served, what it knows, and the form to ask it."""

from collections.abc import Mapping, Sequence
from datetime import date
from html import escape

import attrs

from car_recog.data.images import FORMATS
from car_recog.web.schemas import Accuracy, RecogniserInfo
from car_recog.web.uploads import READABLE
from car_recog.web.wording import shown

_ACCEPTED = ",".join(f"image/{name.lower()}" for name in FORMATS)  # named one by one, so that iPhones send JPEG for their HEIC
_TITLES = {"parts": "Parts of cars", "models": "Makes and models"}


@attrs.frozen(kw_only=True)
class Task:
    """A question that the page lets one ask.

    Args:
        name: As in the address, and as the API calls it.
        title: The question, on the tab, over the form and on its button.
        photos: Names of the fields for the photos, and what each is called in its drop area.
        example: What the link says that asks about drawn photos.
        served: What answers, one or several to choose from.
    """

    name: str
    title: str
    photos: Mapping[str, str]
    example: str
    served: Sequence[RecogniserInfo]

    @property
    def examples(self) -> list[str]:
        """The names of its drawn photos: one for each recogniser, or one for each side of a pair."""
        return [one.name for one in self.served] if len(self.photos) == 1 else list(self.photos)


def tasks_of(served: Sequence[RecogniserInfo]) -> list[Task]:
    """Tell which questions can be asked of what is served."""
    named = {one.name: one for one in served}
    one_photo = {"photo": "a photo"}
    kinds = [
        ("classify", "What is this?", one_photo, "Try a drawn photo", ("parts", "models")),
        ("verify", "Same car?", {"a": "one photo", "b": "the other photo"}, "Try two drawn photos", ("verifier",)),
        ("search", "In my gallery?", one_photo, "Try a drawn photo", ("gallery",)),
    ]
    tasks = [
        Task(name=name, title=title, photos=photos, example=example, served=[named[one] for one in names if one in named])
        for name, title, photos, example, names in kinds
    ]
    return [task for task in tasks if task.served]


def page(
    served: Sequence[RecogniserInfo], *, version: str, static: str, max_bytes: int, opened: str | None = None, answer: str = ""
) -> str:
    """Make the page.

    Args:
        served: What is served.
        version: Of car-recog.
        static: The address below which style, script and icon lie.
        max_bytes: The largest photo that is taken.
        opened: The name of the task that stands open; None: the first.
        answer: The HTML of the answer that was asked for there.
    """
    tasks = tasks_of(served)
    opened = opened or tasks[0].name
    tabs = "".join(
        f'<li><a href="#{task.name}"{_if(task.name == opened, "aria-current", "true")}>{task.title}</a></li>' for task in tasks
    )
    sections = "\n".join(
        _section(task, max_bytes=max_bytes, is_open=task.name == opened, answer=answer if task.name == opened else "") for task in tasks
    )
    return f"""<!DOCTYPE html>
<html lang="en">
<head>
<meta charset="utf-8">
<meta name="viewport" content="width=device-width, initial-scale=1">
<meta name="color-scheme" content="light dark">
<title>car-recog</title>
<link rel="icon" href="{static}/icon.svg" type="image/svg+xml">
<link rel="stylesheet" href="{static}/app.css">
<script type="module" src="{static}/app.js"></script>
</head>
<body>
<a class="skip" href="#main">To the question</a>
<header>
<h1><img src="{static}/icon.svg" alt="" width="32" height="32">car-recog</h1>
{f'<nav aria-label="Questions"><ul>{tabs}</ul></nav>' if len(tasks) > 1 else ""}
</header>
<main id="main" tabindex="-1">
{sections}
</main>
<footer>
<p>Photos are sent to the server that shows this page, looked at once, and not kept.</p>
<p>car-recog {escape(version)} · <a href="/v1/openapi.json">JSON API</a></p>
</footer>
</body>
</html>
"""


def _section(task: Task, *, max_bytes: int, is_open: bool, answer: str) -> str:
    name, megabytes = task.name, max_bytes // 2**20
    drops = "\n".join(_drop(task, field, words, max_bytes=max_bytes) for field, words in task.photos.items())
    facts = "\n".join(f'<dl class="facts of-{one.name}">{_facts(one)}</dl>' for one in task.served)
    return f"""<section class="task{" open" if is_open else ""}{" answered" if answer else ""}" id="{name}" aria-labelledby="{name}-title">
<h2 id="{name}-title">{task.title}</h2>
{_choice(task)}
{facts}
<div class="work">
<form id="{name}-form" method="post" action="/{name}#{name}" enctype="multipart/form-data">
<div class="drops">
{drops}
</div>
<p class="hint" id="{name}-hint">{READABLE}, up to {megabytes} MB.</p>
{_explaining(task)}
<p class="actions">
<button type="submit" class="primary">{task.title}</button>
<a class="button example" href="/{name}?example#{name}">{_thumbnails(task)}{task.example}</a>
</p>
<div class="progress" hidden><progress max="1" aria-label="Sending"></progress></div>
<p class="status" role="status"></p>
</form>
<div class="answer">{answer}</div>
</div>
</section>"""


def _explaining(task: Task) -> str:
    """Let one ask for heatmaps beforehand where no script keeps the photo for a second question."""
    if task.name == "search":
        return ""
    return '<p class="unscripted"><label><input type="checkbox" name="explain" value="true"> Show where it looked, too</label></p>'


def _choice(task: Task) -> str:
    """Let one choose where several answer the same question."""
    if task.name != "classify":
        return ""
    if len(task.served) == 1:
        return f'<input type="hidden" name="recogniser" value="{task.served[0].name}" form="{task.name}-form">'
    radios = "".join(
        f'<label><input type="radio" name="recogniser" value="{one.name}" form="{task.name}-form"{_if(place == 0, "checked")}> '
        f"{_TITLES[one.name]}</label>"
        for place, one in enumerate(task.served)
    )
    return f'<fieldset class="choice"><legend>Look for</legend>{radios}</fieldset>'


def _drop(task: Task, field: str, words: str, *, max_bytes: int) -> str:
    name = f"{task.name}-{field}"
    too_large = f"This photo is larger than {max_bytes // 2**20} MB. Send a smaller copy of it, such as a JPEG."
    return f"""<div class="drop">
<label for="{name}"><b class="by-mouse">Drop {words} here</b><span class="by-mouse">or paste it, or choose a file</span>
<b class="by-touch">Choose {words}</b></label>
<input type="file" id="{name}" name="{field}" accept="{_ACCEPTED}" required aria-describedby="{task.name}-hint"
 data-max-bytes="{max_bytes}" data-too-large="{too_large}">
<img alt="" hidden>
<label class="camera">Take a photo<input type="file" accept="image/*" capture="environment" tabindex="-1"></label>
</div>"""


def _thumbnails(task: Task) -> str:
    return "".join(f'<img src="/examples/{name}.jpg" class="of-{name}" alt="" width="64" height="48">' for name in task.examples)


def _facts(one: RecogniserInfo) -> str:
    """Tell what a recogniser knows, when it was trained and how good it was."""
    facts = {"Compares" if one.task == "verify" else "Knows": _known(one), "Trained": _trained(one), "Measured": _measured(one)}
    return "".join(f"<div><dt>{name}</dt><dd>{told}</dd></div>" for name, told in facts.items() if told)


def _known(one: RecogniserInfo) -> str:
    if one.task == "classify":
        names = "".join(f"<li>{escape(shown(name))}</li>" for name in one.class_names)
        counted = f"{len(one.class_names):,} {'parts' if one.name == 'parts' else 'classes'}"
        return f"<details><summary>{counted}</summary><ul>{names}</ul></details>"
    if one.name == "gallery":
        return f"{one.n_names:,} cars by {one.n_photos:,} photos"
    return "Any two photos of cars"


def _trained(one: RecogniserInfo) -> str:
    if one.trained is None:
        return ""
    day = date.fromisoformat(str(one.trained))
    return f"{day.day} {day:%B %Y}, on {one.n_train:,} photos"


def _measured(one: RecogniserInfo) -> str:
    figure = one.accuracy or one.eer
    if figure is None:
        return "" if one.name == "gallery" else "Not measured before it was saved: try photos of your own before you rely on it"
    interval = f"95 % interval {100 * figure.low:.1f} to {100 * figure.high:.1f} %"
    if isinstance(figure, Accuracy):
        counted = f"right on {figure.n_photos:,} photos"
    else:
        counted, interval = f"equal error rate on {figure.n_pairs:,} pairs", f"{interval}; as many false yes as false no"
    return f'{100 * figure.value:.1f} % {counted} <span class="soft">{interval}</span>'


def _if(is_set: bool, name: str, value: str = "") -> str:
    return "" if not is_set else f' {name}="{value}"' if value else f" {name}"
