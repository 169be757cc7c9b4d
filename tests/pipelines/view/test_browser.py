"""The pages in a browser: read, sorted, filtered, ticked, followed; nothing in a name ever runs."""

from __future__ import annotations

import os
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from pipelines.engine.heartbeat import Heartbeat
from pipelines.engine.store import Store
from pipelines.runs.failure import forget_failure, note_failure
from tests.browser import Listening, Windows
from tests.pipelines.view.served import Server, page_with, plain_makers, serving, write_run

ATTACKS = {
    "task": "\"><script>document.title='ran'</script>",
    "model": "<img src=x onerror=\"document.title='ran'\">",
    "method": "</script><svg/onload=document.title='ran'>",
}
ATTACK_NAME = "x\"'><img src=x onerror=document.title='ran'>"


class Opened(Listening):
    """A page, and what it complained of."""

    def __init__(self, browser: Windows, address: str, **window: Any) -> None:
        super().__init__(browser, **window)
        self.said: list[str] = []
        self.listen("console", lambda message: self.said.append(message.text))
        self.listen("pageerror", lambda error: self.said.append(str(error)))
        self.listen("dialog", lambda dialog: (self.said.append("dialog"), dialog.dismiss()))
        self.page.goto(address)

    def cells(self, column: int) -> list[str]:
        return self.page.locator(f"#runs tbody tr > :nth-child({column})").all_inner_texts()

    def names(self) -> list[str]:
        return self.page.locator("#runs tbody th a").all_inner_texts()

    def count(self) -> str:
        return self.page.inner_text("#count")


@pytest.fixture(scope="module")
def served(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Server]:
    root = tmp_path_factory.mktemp("many") / "runs"
    for number, task in enumerate(("ioi", "induction", "ioi", "docstring", "ioi")):
        method = ("eap", "exact-edges")[number % 2]
        write_run(
            root, f"{task}-{method}-{number}", task=task, method=method, edges=10**number, faithfulness=number / 4
        )
    write_run(root, "capital-eap-5", task="capital", is_finished=False)
    write_run(root, ATTACK_NAME.replace("/", ""), **ATTACKS)
    (root / "bad").mkdir()
    (root / "bad" / "run.json").write_text("<script>document.title='ran'</script>")
    with serving(root) as server:
        server.runs()
        yield server


@pytest.fixture
def index(browser: Windows, served: Server) -> Iterator[Opened]:
    opened = Opened(browser, served.address)
    opened.page.wait_for_selector("#runs tbody tr")
    yield opened
    assert opened.said == []
    assert opened.page.title() == f"Runs in {served.folder}"
    opened.close()


def test_every_run_has_a_row_that_says_what_it_is(index: Opened):
    assert index.count() == "8 runs"
    row = index.page.locator("#runs tbody tr", has_text="ioi-eap-4").inner_text()
    for text in ("10,000", "1.00 [0.90, 1.10]", "finished", "10000 edges"):
        assert text in row
    assert "interrupted, 0 of 1 job done" in index.page.locator("tr", has_text="capital-eap-5").inner_text()
    assert "is damaged" in index.page.locator("tr", has_text="bad").inner_text()


def test_faithfulness_beyond_its_scale_is_marked_for_eyes_and_for_screen_readers(browser: Windows, tmp_path: Path):
    values = {"low": -0.2, "some": 0.9, "whole": 1.02, "more": 1.1, "far": 2.41}
    for name, value in values.items():
        write_run(tmp_path, name, faithfulness=value)
    with serving(tmp_path) as server:
        opened = Opened(browser, server.address)
        opened.page.wait_for_selector("#runs tbody tr")
        dots, marks = {}, {}
        for name in values:
            row = opened.page.locator("#runs tbody tr", has=opened.page.get_by_role("link", name=name, exact=True))
            dots[name] = row.locator(".dot").evaluate("(dot) => parseFloat(dot.style.left)")
            marks[name] = (
                row.locator(".scale").get_attribute("class"),
                row.locator(".faithfulness .unseen").all_text_contents(),
            )
        opened.close()
    assert dots["low"] == 0 < dots["some"] < dots["whole"] < dots["more"] < dots["far"] == 100
    assert marks.pop("far") == ("scale above", [", above 1.5, beyond its scale"])
    assert marks.pop("low") == ("scale below", [", below 0, beyond its scale"])
    assert set(map(str, marks.values())) == {str(("scale", []))}


def test_rows_are_sorted_by_any_column_and_back(index: Opened):
    button = index.page.get_by_role("button", name="Edges")
    button.click()
    edges = [int(text.replace(",", "")) for text in index.cells(6) if text]
    assert edges == sorted(edges, reverse=True)
    assert index.page.locator("th[aria-sort=descending]").inner_text().strip() == "Edges"
    index.page.keyboard.press("Enter")  # the heading keeps the focus
    assert [int(text.replace(",", "")) for text in index.cells(6) if text] == edges[::-1]
    assert index.cells(6)[-1] == ""  # what has none comes last, either way
    index.page.get_by_role("button", name="Task").click()
    tasks = index.cells(3)[:-1]
    assert tasks == sorted(tasks, key=str.lower)


def test_rows_are_filtered_and_the_address_keeps_it(index: Opened):
    index.page.select_option("#task", "ioi")
    assert index.count() == "3 of 8 runs"
    index.page.fill("#q", "EAP-4 10000")
    assert index.names() == ["ioi-eap-4"]
    index.page.reload()
    index.page.wait_for_selector("#runs tbody tr")
    assert index.names() == ["ioi-eap-4"]
    index.page.click("#reset")
    index.page.wait_for_selector("#runs tbody tr:nth-child(8)")
    assert index.count() == "8 runs"
    index.page.select_option("#kind", "damaged")
    assert index.count() == "1 of 8 runs"


def test_two_are_ticked_by_keyboard_and_compared(browser: Windows, two_runs: Path):
    with serving(two_runs) as server:
        a, b = (row["folder"] for row in server.runs())
        opened = Opened(browser, server.address)
        opened.page.wait_for_selector("#runs tbody tr")
        for name in (a, b):
            opened.page.get_by_label(f"compare {name}").focus()
            opened.page.keyboard.press("Space")
        opened.page.get_by_role("link", name="Compare", exact=True).click()
        opened.page.wait_for_selector(".members")
        found = server.get(f"/compare.json?a={a}&b={b}").json
        overlap = opened.page.locator("table", has_text="Intersection over union").inner_text()
        assert f"{found['levels']['edges']['iou']:.2f}" in overlap
        ends = opened.page.locator(".scale .one").evaluate_all("marks => marks.map((mark) => mark.style.left)")
        assert set(ends) == {"100%"}, "a share ends at 1"
        assert "written beside this folder, with --out, is not looked for" in opened.page.inner_text("#status")
        assert opened.page.locator(".members.b li").all_inner_texts() == found["nodes"]["only_b"]
        assert opened.page.inner_text(".command code") == found["command"]
        assert opened.said == []
        opened.page.get_by_role("link", name="drawing").click()
        assert opened.page.title().startswith("pair by circuits compare")
        opened.close()


def test_a_run_whose_name_is_no_text_is_shown_opened_and_compared(browser: Windows, tmp_path: Path):
    name = os.fsdecode(b"caf\xe9 &?#\xff")
    for folder in ("ioi-eap-2", "ioi-eap-1"):
        write_run(tmp_path / "runs", folder)
    (tmp_path / "runs" / "ioi-eap-2").rename(tmp_path / "runs" / name)
    with serving(tmp_path / "runs", plain_makers(run=lambda folder: page_with("page of it"))) as server:
        server.runs()
        opened = Opened(browser, server.address)
        opened.page.wait_for_selector("#runs tbody tr")
        assert len(opened.names()) == 2
        for tick in opened.page.locator("#runs tbody input").all():
            tick.check()
        address = opened.page.get_by_role("link", name="Compare", exact=True).get_attribute("href")
        assert "caf%e9%20%26%3F%23%ff" in address
        for link in opened.page.locator("#runs tbody th a").all():
            assert server.get(link.get_attribute("href")).status == 200
        opened.close()
    assert opened.said == []


def test_a_third_tick_says_what_takes_three(index: Opened):
    boxes = index.page.locator("#runs tbody input:not([disabled])")
    for number in range(3):
        boxes.nth(number).check()
    assert "3 runs are ticked" in index.page.inner_text("#ticked")
    assert not index.page.locator("#compare").is_visible()
    index.page.click("#untick")
    assert not index.page.locator("#ticked").is_visible()


def test_the_progress_of_a_running_job_is_followed_until_its_page_is_there(
    browser: Windows, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
):
    from playwright.sync_api import expect

    monkeypatch.setattr("pipelines.engine.heartbeat._WRITTEN_EVERY_S", 0.0)  # however fast pages open
    write_run(tmp_path, "ioi-eap-1", is_finished=False)
    with serving(tmp_path) as server, Heartbeat([Store(tmp_path)]) as heartbeat:
        heartbeat.beat("run ioi-eap-1", 0.25, 120.0)
        server.runs()
        index, one = Opened(browser, server.address), Opened(browser, f"{server.address}/run/ioi-eap-1")
        for page in (index.page, one.page):
            page.get_by_text("running, 25%").wait_for()
        heartbeat.beat("run ioi-eap-1", 0.75, 40.0)
        for page in (index.page, one.page):
            page.get_by_text("running, 75%").wait_for()
            assert page.locator("progress").get_attribute("value") == "0.75"
        heartbeat.beat("study of steps", 0.5, None)
        write_run(tmp_path, "ioi-eap-1")
        index.page.get_by_role("cell", name="finished").wait_for()
        index.page.get_by_text("Running as well: study of steps, 50%").wait_for()
        expect(one.page).to_have_title("page of ioi-eap-1")
        assert index.said == one.said == []
        index.close()
        one.close()


def test_an_interrupted_run_says_the_command_that_continues_it(browser: Windows, served: Server):
    opened = Opened(browser, f"{served.address}/run/capital-eap-5")
    opened.page.wait_for_selector(".command")
    assert opened.page.inner_text(".command code").startswith("circuits discover --config ")
    assert opened.said == []
    opened.close()


def test_a_failed_run_says_its_error_and_the_command_that_tries_again(browser: Windows, tmp_path: Path):
    folder = write_run(tmp_path, "ioi-eap-1", is_finished=False)
    note_failure(folder, ValueError("no memory for <img src=x onerror=alert(1)>."))
    with serving(tmp_path) as server:
        index = Opened(browser, server.address)
        row = index.page.locator("#runs tbody tr")
        row.wait_for()
        assert "failed, 0 of 1 job done" in row.inner_text()
        assert "no memory for <img src=x onerror=alert(1)>." in row.inner_text()
        one = Opened(browser, f"{server.address}/run/ioi-eap-1")
        one.page.wait_for_selector(".command")
        assert one.page.inner_text("#content .problem") == "no memory for <img src=x onerror=alert(1)>."
        assert "Try again with" in one.page.inner_text("#content")
        forget_failure(folder)
        one.page.get_by_text("Continue it with").wait_for()
        index.page.get_by_text("interrupted, 0 of 1 job done").wait_for()
        assert index.said == one.said == []
        index.close()
        one.close()


def test_nothing_in_a_name_runs(index: Opened):
    row = index.page.locator("#runs tbody tr", has_text="onerror").first
    for text in ATTACKS.values():
        assert text in row.inner_text()
    assert index.page.locator("#runs img, #runs svg, #runs script").count() == 0
    row.locator("a").click()
    assert index.page.title().startswith("page of x")
    index.page.go_back()
    index.page.wait_for_selector("#runs tbody tr")


def test_the_exported_page_works_under_its_policy(browser: Windows, two_runs: Path):
    from circuits.packaged import fetched_file
    from graphs.export.page.library import CYTOSCAPE
    from pipelines.cli.view import page_makers

    if fetched_file(CYTOSCAPE) is None:
        pytest.skip("the library that draws was not fetched (circuits fetch cytoscape)")
    with serving(two_runs, page_makers()) as server:
        a, b = (row["folder"] for row in server.runs())
        for path in (f"/run/{a}", f"/compare/page?a={a}&b={b}"):
            policy = server.get(path).headers["Content-Security-Policy"]
            assert "sandbox allow-scripts" in policy
            assert "unsafe" not in policy
            opened = Opened(browser, server.address + path)
            opened.page.wait_for_selector("#canvas canvas")
            assert opened.said == []
            with opened.page.expect_download() as download:
                opened.page.get_by_role("button", name="Save annotations").click()
            assert download.value.suggested_filename.endswith(".json")
            # A script that a prompt could have brought along, and a look at the server's own pages, are stopped.
            opened.page.evaluate("""() => {
                const script = document.createElement("script");
                script.textContent = "document.title = 'ran'";
                document.body.append(script);
            }""")
            assert opened.page.title() != "ran"
            assert opened.page.evaluate("fetch('/runs.json').then(() => 'read', () => 'stopped')") == "stopped"
            assert all("Content Security Policy" in text for text in opened.said)
            opened.close()


@pytest.mark.parametrize(
    "path", ["/run/%3Cscript%3Edocument.title='ran'%3C%2Fscript%3E", "/compare?a=%3Cimg%20src=x%3E&b=y"]
)
def test_nothing_in_an_address_runs(browser: Windows, served: Server, path: str):
    opened = Opened(browser, served.address + path)
    opened.page.wait_for_selector(".problem")
    assert opened.page.title() != "ran"
    assert opened.page.locator("img, script:not([src])").count() == 0
    opened.close()


def test_a_page_that_smuggles_in_a_script_is_stopped_by_the_policy(browser: Windows, tmp_path: Path):
    from tests.pipelines.view.served import plain_makers

    write_run(tmp_path, "ioi-eap-1")
    bad = b"<!DOCTYPE html><title>page</title><script>document.title='ran'</script><img src=/runs.json>"
    with serving(tmp_path, plain_makers(run=lambda _: bad)) as server:
        opened = Opened(browser, f"{server.address}/run/ioi-eap-1")
        assert opened.page.title() == "page"
        assert any("Content Security Policy" in text for text in opened.said)
        opened.close()


def test_when_the_server_ends_the_page_says_so(browser: Windows, tmp_path: Path):
    write_run(tmp_path, "ioi-eap-1")
    with serving(tmp_path) as server:
        server.runs()
        opened = Opened(browser, server.address)
        opened.page.wait_for_selector("#runs tbody tr")
    opened.page.get_by_text("The server has ended").wait_for()
    opened.close()


@pytest.mark.parametrize(("dark", "width"), [pytest.param(False, 1280, marks=pytest.mark.slow), (True, 390)])
def test_pages_can_be_read_by_all_at_any_width(browser: Windows, two_runs: Path, dark: bool, width: int):
    from axe_playwright_python.sync_playwright import Axe

    with serving(two_runs) as server, Heartbeat([Store(two_runs)]) as heartbeat:
        heartbeat.beat("study of steps", 0.5, None)
        a, b = (row["folder"] for row in server.runs())
        opened = Opened(browser, server.address, width=width, height=844, dark=dark)
        for address, ready in (
            ("/", "#runs tbody tr"),
            (f"/compare?a={a}&b={b}", ".members"),
            ("/run/nothing", ".problem"),
        ):
            opened.page.goto(server.address + address)
            opened.page.wait_for_selector(ready)
            if address == "/":
                opened.page.locator("#runs tbody input").first.check()
            broken = [
                entry
                for entry in Axe().run(opened.page).response["violations"]
                if entry["impact"] in ("serious", "critical")
            ]
            assert broken == []
            assert opened.page.evaluate("document.documentElement.scrollWidth <= window.innerWidth")
        opened.close()


def test_five_hundred_runs_are_shown(browser: Windows, tmp_path: Path):
    """One that is copied: what is counted is the page."""
    write_run(tmp_path, "ioi-eap-0")
    record = (tmp_path / "ioi-eap-0" / "run.json").read_text()
    for number in range(1, 500):
        folder = tmp_path / f"ioi-eap-{number}"
        folder.mkdir()
        (folder / "run.json").write_text(record.replace("ioi-eap-0", folder.name))
    with serving(tmp_path) as server:
        opened = Opened(browser, server.address)
        opened.page.get_by_text("500 runs", exact=True).wait_for()
        assert len(opened.names()) == 500
        opened.page.fill("#q", "ioi-eap-499")
        assert opened.names() == ["ioi-eap-499"]
        opened.close()
