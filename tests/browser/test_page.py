"""The page as a person meets it, in real Chromium. What it must say is what the recognisers answer when they are asked directly."""

import re
from io import BytesIO
from pathlib import Path

import pytest
from PIL import Image

from car_recog.data.images import upright_size
from car_recog.web.wording import classify_verdict, percent, search_verdict, shown, verify_verdict

pytestmark = pytest.mark.browser
CONTRASTS = Path(__file__).with_name("contrasts.js").read_text("utf-8")
PHONE = {"viewport": {"width": 360, "height": 740}, "is_mobile": True, "has_touch": True}


def choose(page, task, *photos):
    """Choose photos as a person does, and wait for what comes of it."""
    for place, photo in zip(page.locator(f"#{task} .drop > input").all(), photos, strict=True):
        place.set_input_files(photo)
    page.locator(f"#{task} .result").wait_for()


def verdict(page, task):
    return page.locator(f"#{task} .result h3").inner_text()


def jpeg(size, **options):
    file = BytesIO()
    Image.new("RGB", size, "teal").save(file, "JPEG", **options)
    return {"name": "photo.jpg", "mimeType": "image/jpeg", "buffer": file.getvalue()}


def test_the_first_view_tells_what_is_known(visit, shoot):
    page = visit()

    shoot(page, "first")
    facts = page.locator("#classify .facts").inner_text()
    assert "8 parts" in facts
    assert re.search(r"\d+\.\d % right on [\d,]+ photos\s+95 % interval", facts)
    assert page.locator("#classify .drop").bounding_box()["height"] > 250


def test_a_photo_is_answered_with_bars_and_numbers(visit, shoot, recognisers, answers):
    answer = answers[0]
    page = visit()
    choose(page, "classify", answer.source)

    shoot(page, "result")
    rows = page.locator("#classify .bars tr").all()
    assert verdict(page, "classify") == classify_verdict(answer, recogniser="parts", rejected_by="max_softmax")
    assert [row.locator("th").inner_text() for row in rows] == [shown(name) for name, _ in answer.top]
    assert [row.locator("td").last.inner_text() for row in rows] == [percent(share) for _, share in answer.top]
    widths = [row.locator(".filled").bounding_box()["width"] / row.locator(".track").bounding_box()["width"] for row in rows]
    assert widths == pytest.approx([share for _, share in answer.top], abs=0.01)
    link = page.locator("#classify .result a").get_attribute("href")
    assert link == f"https://cars.example/ask?about={answer.class_name}"


def test_an_unsure_answer_is_said_to_be_unsure(visit, shoot, answers):
    page = visit()
    choose(page, "classify", answers[1].source)

    shoot(page, "rejection")
    assert verdict(page, "classify").startswith("Not sure: perhaps ")
    assert page.locator("#classify .result a").count() == 0


def test_it_shows_where_it_looked_when_asked(visit, shoot, answers):
    page = visit()
    choose(page, "classify", answers[0].source)
    page.get_by_role("button", name="Show where it looked").click()
    heatmap = page.locator("#classify .heatmaps img")
    heatmap.wait_for()

    shoot(page, "heatmap")
    assert heatmap.evaluate("image => image.decode().then(() => image.naturalWidth)") == upright_size(answers[0].source)[0]


@pytest.mark.parametrize(("place", "name"), [(0, "same"), (1, "different"), (2, "unsure")])
def test_two_photos_are_compared(place, name, visit, shoot, pairs):
    photos, answer = list(pairs.items())[place]
    page = visit("/#verify")
    choose(page, "verify", *photos)

    if name != "unsure":
        shoot(page, f"verification-{name}")
    assert verdict(page, "verify") == verify_verdict(answer)
    scale, mark = page.locator("#verify .scale svg"), page.locator("#verify .scale .score")
    assert f"Score {answer.score:.3f}" in scale.get_attribute("aria-label")
    middle = mark.bounding_box()["x"] + mark.bounding_box()["width"] / 2 - scale.bounding_box()["x"]
    low = int(scale.get_attribute("aria-label").partition(" from ")[2].split()[0])
    assert middle / scale.bounding_box()["width"] == pytest.approx((answer.score - low) / (1 - low), abs=0.01)


def test_the_heatmaps_of_both_photos_are_shown(visit, pairs):
    page = visit("/#verify")
    choose(page, "verify", *next(iter(pairs)))
    page.get_by_role("button", name="Show where it looked").click()
    page.locator("#verify .heatmaps img").first.wait_for()

    assert page.locator("#verify .heatmaps img").count() == 2


def test_the_gallery_is_searched(visit, shoot, cars, recognisers):
    new = {str(sample.path): sample.class_name for sample in cars if sample.path.stem.endswith("_2")}
    results = [(photo, recognisers.gallery.search(photo)) for photo in sorted(new, key=lambda path: Path(path).stat().st_size)]
    results = [(photo, result) for photo, result in results if result.is_known]
    right = [(photo, result) for photo, result in results if f"/{new[photo]}_" in result.matches[0].source]
    photo, result = (right or results)[0]
    page = visit("/#search")
    choose(page, "search", photo)

    shoot(page, "gallery")
    assert verdict(page, "search") == search_verdict(result)
    assert page.locator("#search .match b").all_inner_texts() == [match.name for match in result.matches]
    assert page.locator("#search .match img").evaluate_all("images => images.every((image) => image.naturalWidth > 0)")


def test_a_file_that_is_no_photo_gets_advice(visit, shoot):
    page = visit()
    choose(page, "classify", {"name": "car.pdf", "mimeType": "application/pdf", "buffer": b"%PDF-1.7 and so on"})

    shoot(page, "error")
    assert "This is a PDF" in page.locator("#classify .result").inner_text()
    assert "This is a PDF" in page.locator("#classify .status").inner_text()


def test_a_photo_that_is_too_large_is_not_sent(visit, tmp_path):
    photo = tmp_path / "car.jpg"
    photo.write_bytes(b"\xff\xd8\xff" + bytes(20 * 2**20))
    page = visit()
    sent = []
    page.on("request", lambda request: sent.append(request.method))
    choose(page, "classify", photo)

    assert "larger than 20 MB" in page.locator("#classify .result").inner_text()
    assert "POST" not in sent


def test_a_photo_from_a_phone_stands_upright(visit):
    exif = Image.Exif()
    exif[0x0112] = 6
    page = visit()
    choose(page, "classify", jpeg((80, 40), exif=exif))

    assert page.locator("#classify .drop > img").evaluate("image => [image.naturalWidth, image.naturalHeight]") == [40, 80]


def test_a_slow_network_shows_progress_and_a_second_click_sends_nothing(visit):
    page = visit()
    page.context.new_cdp_session(page).send(
        "Network.emulateNetworkConditions", {"offline": False, "latency": 0, "downloadThroughput": -1, "uploadThroughput": 150_000}
    )
    sent = []
    page.on("request", lambda request: request.method == "POST" and sent.append(request.url))
    raw = jpeg((1500, 1500))
    page.locator("#classify .drop > input").set_input_files(raw | {"buffer": raw["buffer"] + bytes(300_000)})
    page.get_by_text(re.compile(r"Sending, [1-9]\d* %")).wait_for()
    button = page.get_by_role("button", name="What is this?")
    button.click(force=True)
    button.click(force=True)
    page.locator("#classify .result").wait_for()

    assert len(sent) == 1
    assert page.locator("progress").first.is_hidden()


def test_photos_can_be_dropped_and_pasted(visit):
    page = visit()
    transfer = page.evaluate_handle(
        """async () => {
          const photo = await (await fetch("/examples/parts.jpg")).blob();
          const transfer = new DataTransfer();
          transfer.items.add(new File([photo], "x.jpg", { type: photo.type }));
          return transfer;
        }"""
    )
    page.locator("#classify .drop").dispatch_event("drop", {"dataTransfer": transfer})
    page.locator("#classify .result").wait_for()
    dropped = verdict(page, "classify")
    page.reload()
    page.evaluate("() => document.querySelector('#classify .drop > input').value = ''")
    again = page.evaluate_handle(
        """async () => {
          const transfer = new DataTransfer();
          transfer.items.add(new File([await (await fetch("/examples/parts.jpg")).blob()], "x.jpg"));
          dispatchEvent(new ClipboardEvent("paste", { clipboardData: transfer }));
        }"""
    )
    page.locator("#classify .result").wait_for()

    assert again is not None
    assert verdict(page, "classify") == dropped


def test_drawn_photos_can_be_tried(visit):
    page = visit()
    for task in ("classify", "verify", "search"):
        page.goto(f"{page.url.partition('#')[0]}#{task}")
        page.locator(f"#{task} .example").click()
        page.locator(f"#{task} .result").wait_for()

        assert page.locator(f"#{task} .result.bad").count() == 0


def test_the_keyboard_is_enough(visit, answers):
    page = visit()
    page.on("filechooser", lambda chooser: None)  # Playwright starts to watch for it with the first listener, which takes a while
    page.keyboard.press("Tab")
    assert page.locator(":focus").inner_text() == "To the question"
    page.keyboard.press("Enter")
    page.wait_for_function("document.activeElement.id === 'main'")
    for _ in range(2):  # past the list of classes
        page.keyboard.press("Tab")
    assert page.evaluate("document.activeElement.id") == "classify-photo"
    with page.expect_file_chooser() as chooser:
        page.keyboard.press("Enter")
    chooser.value.set_files(answers[0].source)
    page.locator("#classify .result").wait_for()
    order = []
    for _ in range(4):
        page.keyboard.press("Tab")
        order.append(page.locator(":focus").inner_text())
    page.keyboard.press("Shift+Tab")
    page.keyboard.press("Enter")

    assert [text.split("\n")[0] for text in order][:3] == ["What is this?", "Try a drawn photo", "Show where it looked"]
    page.locator("#classify .heatmaps").wait_for()
    assert page.locator(":focus").inner_text() == verdict(page, "classify")


def test_it_works_without_scripts(visit, answers, pairs):
    page = visit(java_script_enabled=False)
    page.set_input_files("#classify-photo", answers[0].source)
    page.locator("#classify").get_by_text("Show where it looked, too").click()
    page.get_by_role("button", name="What is this?").click()
    assert verdict(page, "classify") == classify_verdict(answers[0], recogniser="parts")
    assert page.locator("#classify .heatmaps img").count() == 1
    first, answer = next(iter(pairs.items()))
    page.set_input_files("#verify-a", first[0])
    page.set_input_files("#verify-b", first[1])
    page.get_by_role("button", name="Same car?").click()

    assert verdict(page, "verify") == verify_verdict(answer)


def test_nothing_is_wider_than_a_phone(visit, shoot, answers, pairs, cars):
    page = visit(**PHONE)
    assert page.get_by_text("Take a photo").first.is_visible()
    shoot(page, "phone-first")
    for task, photos in (("classify", [answers[1].source]), ("verify", next(iter(pairs))), ("search", [str(cars[2].path)])):
        page.goto(f"{page.url.partition('#')[0]}#{task}")
        choose(page, task, *photos)
        if task == "classify":
            shoot(page, "phone-result")

        assert page.evaluate("document.documentElement.scrollWidth") == 360
    assert page.locator("#classify .camera input").get_attribute("capture") == "environment"


@pytest.mark.parametrize("scheme", ["light", "dark"])
def test_every_text_stands_out_from_its_ground(scheme, visit, shoot, answers, pairs):
    page = visit(color_scheme=scheme)
    choose(page, "classify", answers[1].source)
    found = page.evaluate(CONTRASTS)
    page.goto(f"{page.url.partition('#')[0]}#verify")
    choose(page, "verify", *list(pairs)[2])
    if scheme == "dark":
        shoot(page, "dark")

    assert len(found) > 20
    assert [one for one in found + page.evaluate(CONTRASTS) if one["ratio"] < 4.5] == []
