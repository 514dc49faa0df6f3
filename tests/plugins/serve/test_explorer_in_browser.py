"""The explorer in a real browser: clicks, keys and drags change pictures, nothing leaves the page's origin, no errors.

It needs the package playwright and a Chromium of the system; `make test-browser` installs the former and says what is missing.
"""

from __future__ import annotations

import json
import shutil

import numpy as np
import pytest

from tests.plugins.serve.served import REGISTRY, served
from tests.plugins.serve.test_serve_process import running
from tfgen import DataSources
from tfgen.data.lookup import load_dataset
from tfgen_plugins.serve.explorer.routes import explored, explorer_routes

sync_api = pytest.importorskip("playwright.sync_api", reason="no playwright; run make test-browser")
CHROMIUM = next(filter(None, map(shutil.which, ("chromium", "chromium-browser", "google-chrome"))), None)
pytestmark = pytest.mark.skipif(CHROMIUM is None, reason="no Chromium on this machine")
_ARGUMENTS = ["--no-sandbox", "--disable-gpu", "--disable-background-networking", "--disable-component-update"]


@pytest.fixture(scope="module")
def models():
    found = [served("cvae", 16), served("pixelcnn", 16), served("realnvp", 256, "plane", "two_gaussians")]
    for model, data in zip(found, ("digits", "digits", "two_gaussians"), strict=True):
        model.run.data = load_dataset(data, REGISTRY, DataSources())
    return found


@pytest.fixture(scope="module")
def address(models):
    def routes(service):
        return explorer_routes(
            {model.name: service.batcher.call(lambda model=model: explored(model)) for model in models}
        )

    with running(models, routes=routes) as (found, _, _):
        yield found


@pytest.fixture(scope="module")
def browser():
    with sync_api.sync_playwright() as playwright:
        found = playwright.chromium.launch(executable_path=CHROMIUM, args=_ARGUMENTS)
        yield found
        found.close()


@pytest.fixture(params=[(1280, "light"), (390, "dark")], ids=["desktop", "phone"])
def page(request, browser, address):
    """Return the opened page; at the end of the test it had no error, and asked nothing of another origin."""
    width, scheme = request.param
    context = browser.new_context(viewport={"width": width, "height": 900}, color_scheme=scheme, has_touch=width < 500)
    page, errors = context.new_page(), []
    page.on("console", lambda message: errors.append(message.text) if message.type == "error" else None)
    page.on("pageerror", lambda error: errors.append(str(error)))
    page.on(
        "request", lambda asked: None if asked.url.startswith((address, "blob:", "data:")) else errors.append(asked.url)
    )
    page.goto(address)
    page.wait_for_selector("nav button")
    yield page
    assert errors == []
    assert page.evaluate("document.documentElement.scrollWidth <= window.innerWidth")
    assert page.text_content("#status") == ""
    context.close()


def pixels(page, selector="canvas.image"):
    """Return the red channel of a canvas."""
    found = page.evaluate(
        """selector => { const c = document.querySelector(selector);
        return [c.height, c.width, [...c.getContext("2d").getImageData(0, 0, c.width, c.height).data]] }""",
        selector,
    )
    return np.array(found[2], np.uint8).reshape(found[0], found[1], 4)[..., 0]


def open_view(page, name, model):
    page.select_option("#model", model)
    page.click(f"#view-{name}")
    page.wait_for_selector(f"#view[data-shown='#{model}|{name}']")  # or it would be built anew under the pointer


def test_a_point_of_the_plane_is_decoded_pixel_for_pixel(page, models):
    open_view(page, "latent", "cvae")
    page.wait_for_selector("canvas.image[data-place]")
    before = pixels(page)
    page.click("button:text-is('7')")
    plane = page.locator("canvas.touch")
    plane.focus()
    for _ in range(6):
        page.keyboard.press("Shift+ArrowRight")
    page.wait_for_timeout(500)
    cvae = models[0]
    place = json.loads(page.get_attribute("canvas.image", "data-place"))
    found = explored(cvae)["plane"]
    z = np.array(found["center"]) + np.array(place) @ np.array(found["axes"])
    expected = cvae.model.decode(np.float32([z]), [7]).numpy()[0, :, :, 0]
    np.testing.assert_array_equal(pixels(page), np.round(expected.astype(float) * 255 / 16))
    assert (pixels(page) != before).any()
    page.click("text=This code as every class")
    page.wait_for_selector(".pictures figure:nth-child(10)")


def test_dragging_over_the_plane_changes_the_picture(page):
    open_view(page, "latent", "cvae")
    page.wait_for_selector("canvas.image[data-place]")
    box = page.locator("canvas.touch").bounding_box()
    places = set()
    page.mouse.move(box["x"] + 5, box["y"] + 5)
    page.mouse.down()
    for step in range(1, 9):
        before = page.get_attribute("canvas.image", "data-place")
        page.mouse.move(box["x"] + step * box["width"] / 9, box["y"] + step * box["height"] / 9)
        page.wait_for_function("before => document.querySelector('canvas.image').dataset.place !== before", arg=before)
        places.add(page.get_attribute("canvas.image", "data-place"))
    page.mouse.up()
    assert len(places) == 8


def test_a_path_between_two_examples(page):
    open_view(page, "between", "cvae")
    page.wait_for_selector("canvas.image[data-step]")
    middle = pixels(page, "canvas.image[data-step]")
    slider = page.locator("input[type=range]")
    slider.focus()
    page.keyboard.press("Home")
    assert page.get_attribute("canvas.image[data-step]", "data-step") == "0"
    assert (pixels(page, "canvas.image[data-step]") != middle).any()
    page.click("text=spherical")
    page.wait_for_function("() => document.querySelector('.command code').textContent.includes('--path spherical')")
    with page.expect_download() as download:
        page.click("text=Download PNG")
    assert download.value.suggested_filename == "interpolation.png"


def test_a_drawing_is_completed_with_a_likelihood_for_each(page):
    open_view(page, "complete", "pixelcnn")
    box = page.locator("canvas.touch").bounding_box()
    page.mouse.move(box["x"] + box["width"] / 2, box["y"] + 10)
    page.mouse.down()
    page.mouse.move(box["x"] + box["width"] / 2, box["y"] + box["height"] / 2, steps=4)
    page.mouse.up()
    page.click("button.main")
    page.wait_for_selector(".pictures figure:nth-child(6)")
    assert page.text_content(".pictures figcaption").endswith("nats")
    page.click("text=Forget the lower half")
    page.locator("canvas.touch").focus()
    page.keyboard.press("ArrowDown")
    page.keyboard.press(" ")


def test_a_drawing_is_classified_by_bayes_rule(page, models):
    open_view(page, "classify", "cvae")
    page.locator(".strip button").nth(12).click()
    page.wait_for_selector(".bars[data-best]")
    cvae = models[0]
    shown = [float(text.split()[0]) for text in page.locator(".bars > span:nth-child(3n)").all_text_contents()]
    examples = explored(cvae)["examples"]
    image = np.repeat(np.uint8([examples["x"][12]]), 10, axis=0)
    joint = (
        np.array([cvae.model.elbo(image[:1], [label], seed=0).numpy()[0] for label in range(10)])
        + examples["log_prior"]
    )
    share = np.exp(joint - joint.max())
    assert int(page.get_attribute(".bars", "data-best")) == int(np.argmax(shown))
    assert np.argmax(shown) == np.argmax(share)


def test_the_density_of_two_numbers_and_samples_over_it(page):
    open_view(page, "field", "plane")
    page.wait_for_function("() => document.body.innerText.includes('From dark to bright')")
    before = pixels(page, "canvas.touch")
    page.click("text=1,000 samples")
    page.wait_for_selector("canvas.touch[data-points='1000']")
    assert (pixels(page, "canvas.touch") != before).any()
    page.locator("canvas.touch").focus()
    page.keyboard.press("ArrowLeft")
    page.wait_for_function("() => document.body.innerText.includes('log p(')")


def test_samples_follow_seed_and_class(page):
    open_view(page, "samples", "cvae")
    page.wait_for_selector(".pictures figure:nth-child(24)")
    before = pixels(page, ".pictures canvas")
    page.click("text=Draw others")
    page.wait_for_function("() => document.querySelector('.command code').textContent.includes('--seed 1')")
    assert (pixels(page, ".pictures canvas") != before).any()
    page.click("button:text-is('3')")
    page.wait_for_function("() => document.querySelector('.command code').textContent.includes('--labels 3')")
