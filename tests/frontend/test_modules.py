"""What the page's scripts do, in Chromium against endpoints that answer as the portal's do."""

import json
import re
from pathlib import Path

from playwright.sync_api import Route, expect

from tests.frontend.conftest import TabOpener


def test_confirm_asks_before_it_acts(open_tab: TabOpener) -> None:
    page = open_tab().open("/gallery/components/")
    shred = page.get_by_role("button", name="Shred")
    shred.click()
    dialog = page.locator("#confirm-dialog")
    expect(dialog).to_be_visible()
    go = dialog.get_by_role("button", name="Shred")
    expect(go).to_be_disabled()
    dialog.get_by_role("button", name="Cancel").click()
    assert "shredded" not in page.url
    shred.click()
    dialog.get_by_role("textbox").fill("etch-yield")
    go.click()
    page.wait_for_url("**shredded=1**")


def test_a_double_click_sends_a_form_once(open_tab: TabOpener) -> None:
    page = open_tab().open("/gallery/components/")
    sent: list[str] = []

    def answer(route: Route) -> None:
        sent.append(route.request.method)
        route.fulfill(status=204)

    page.route("**/gallery/sent/", answer)
    page.evaluate(
        """() => {
          const form = Object.assign(document.createElement("form"), { method: "post", action: "/gallery/sent/" });
          form.append(Object.assign(document.createElement("button"), { textContent: "Send once" }));
          document.querySelector("main").append(form);
        }"""
    )
    button = page.get_by_role("button", name="Send once")
    button.click(no_wait_after=True)
    page.wait_for_timeout(150)
    button.click(no_wait_after=True)
    page.wait_for_timeout(150)
    assert sent == ["POST"]


def test_copy_as_curl_is_a_command_that_works_in_a_shell(open_tab: TabOpener) -> None:
    page = open_tab().open("/gallery/components/")
    command = page.get_by_role("button", name="Copy as curl").get_attribute("data-copy") or ""
    assert '-H "Authorization: Bearer $MLP_TOKEN"' in command
    assert "-X POST" in command
    body = re.search(r"-d '(.*)'$", command, re.S)
    assert body is not None
    assert json.loads(body[1].replace("'\"'\"'", "'")) == {"parameters": {"alpha": 0.4, "label": "it's"}}
    page.get_by_role("button", name="Copy as curl").click()
    expect(page.locator("#toasts")).to_contain_text("Copied")


def test_times_are_relative_and_keep_the_absolute(open_tab: TabOpener) -> None:
    page = open_tab(language="ko").open("/gallery/components/")
    shown = page.locator(".panel time[data-relative]").nth(1)
    expect(shown).to_have_text("3분 전")
    assert re.match(r"\d{4}-\d\d-\d\d \d\d:\d\d", shown.get_attribute("title") or "")


def test_glossary_speaks_on_focus(open_tab: TabOpener) -> None:
    page = open_tab().open("/gallery/components/")
    page.locator(".term").first.focus()
    expect(page.get_by_role("tooltip")).to_contain_text("classification model")


def test_log_follows_reconnects_and_ends(open_tab: TabOpener) -> None:
    page = open_tab().open("/gallery/live/")
    expect(page.locator("[data-status]")).to_have_text("Ended", timeout=15000)
    lines = page.locator(".log-line").all_inner_texts()
    # 40 pieces, one of two lines, one joined with the next: none lost or doubled over the broken connection.
    assert len(lines) == 40
    assert lines[0].startswith("step 1:")
    assert any("step 12: loss 0.0833step 13:" in line for line in lines)
    assert lines[-1].startswith("step 40:")
    assert page.locator(".log-line.is-warning").count() == 1
    log = page.locator("[data-lines]")
    assert log.evaluate("e => e.scrollHeight - e.scrollTop - e.clientHeight") < 24
    log.evaluate("e => { e.scrollTop = 0; }")
    expect(page.locator("[data-follow]")).to_have_attribute("aria-pressed", "false")


def test_upload_goes_on_after_failures(open_tab: TabOpener, tmp_path: Path) -> None:
    file = tmp_path / "wafer.csv"
    file.write_text("die,bin\n" + "".join(f"{number},{number % 2}\n" for number in range(40)))
    page = open_tab().open("/gallery/components/")
    page.evaluate(
        "document.querySelector('[data-module=upload]').dataset.fields = JSON.stringify({ breaks: 1 })"
    )
    with page.expect_response(lambda answer: answer.url.endswith("/finish")) as finished:
        page.locator('input[type="file"]').set_input_files(file)
    expect(page.locator(".upload-item")).to_contain_text("Uploaded")
    held = page.evaluate(
        "url => fetch(url).then((answer) => answer.json())", finished.value.url.removesuffix("/finish")
    )
    assert held["finished"] is True
    assert held["offset"] == file.stat().st_size
    assert file.read_text().startswith(held["text"])


def test_a_dropped_folder_sends_its_files_by_their_paths(open_tab: TabOpener, tmp_path: Path) -> None:
    folder = tmp_path / "lot7" / "etch"
    folder.mkdir(parents=True)
    (folder / "wafer.csv").write_text("die,bin\n1,0\n")
    page = open_tab().open("/gallery/components/")
    place = page.locator(".drop")
    place.scroll_into_view_if_needed()
    box = place.bounding_box()
    assert box is not None
    session = page.context.new_cdp_session(page)
    with page.expect_request(lambda one: one.method == "POST" and one.url.endswith("/uploads")) as begun:
        for kind in ("dragEnter", "dragOver", "drop"):
            session.send(
                "Input.dispatchDragEvent",
                {
                    "type": kind,
                    "x": box["x"] + 20,
                    "y": box["y"] + 20,
                    "data": {"items": [], "files": [str(tmp_path / "lot7")], "dragOperationsMask": 1},
                },
            )
    assert begun.value.post_data_json["filename"] == "lot7/etch/wafer.csv"
    expect(page.locator(".upload-item")).to_contain_text("lot7/etch/wafer.csv")
    expect(page.locator(".upload-item")).to_contain_text("Uploaded")


def test_upload_says_why_it_was_refused(open_tab: TabOpener, tmp_path: Path) -> None:
    file = tmp_path / "tool.exe"
    file.write_bytes(b"MZ")
    page = open_tab().open("/gallery/components/")
    page.locator('input[type="file"]').set_input_files(file)
    expect(page.locator(".upload-item")).to_contain_text("Programs are not data.")
    expect(page.get_by_role("button", name="Try again")).to_be_visible()


def test_metric_chart_tells_values_and_takes_log_scale(open_tab: TabOpener) -> None:
    page = open_tab().open("/gallery/charts/")
    chart = page.locator('[data-source="loss"]')
    assert chart.locator(".legend-item").count() == 5
    last = chart.locator(".value").first.inner_text()
    chart.locator(".u-over").hover(position={"x": 20, "y": 20})
    expect(chart.locator(".value").first).not_to_have_text(last)
    chart.get_by_role("button", name="Log scale").click()
    expect(chart.get_by_role("button", name="Log scale")).to_have_attribute("aria-pressed", "true")
    chart.locator("summary").click()
    expect(chart.locator("tbody tr")).to_have_count(200)


def test_confusion_matrix_is_a_table(open_tab: TabOpener) -> None:
    table = open_tab().open("/gallery/charts/").locator('[data-source="cm"] table')
    expect(table.get_by_role("rowheader", name="fail")).to_be_visible()
    expect(table.locator("td.is-hit .count")).to_have_text(["70,112", "4,322"])


def test_wafer_draws_every_die_fast_and_in_step(open_tab: TabOpener) -> None:
    tab = open_tab()
    page = tab.open("/gallery/wafers/?across=312")
    wafer = page.locator('[data-source="big"]')
    dies = page.evaluate("JSON.parse(document.getElementById('big').textContent).x.length")
    assert dies > 76000
    first, second, third = (wafer.locator("canvas.wafer-canvas").nth(place) for place in range(3))
    box = second.bounding_box()
    assert box is not None
    page.mouse.move(box["x"] + box["width"] * 0.5, box["y"] + box["height"] * 0.03)
    expect(wafer.locator(".wafer-panel").nth(1).locator(".value")).to_have_text("fail")
    expect(wafer.locator(".wafer-status")).to_contain_text("Die (")
    for canvas in (first, second, third):
        colours = canvas.evaluate(
            """canvas => {
              const seen = canvas.getContext("2d").getImageData(0, 0, canvas.width, canvas.height);
              return new Set(new Uint32Array(seen.data.buffer)).size;
            }"""
        )
        assert colours > 3
    second.focus()
    before = wafer.locator(".wafer-status").inner_text()
    page.keyboard.press("ArrowDown")
    expect(wafer.locator(".wafer-status")).not_to_have_text(before)
    page.keyboard.press("+")
    page.keyboard.press("+")
    spent = page.evaluate(
        """async () => {
          const frames = [];
          for (let round = 0; round < 10; round += 1) {
            const start = performance.now();
            document.dispatchEvent(new CustomEvent("theme:change"));
            await new Promise(requestAnimationFrame);
            frames.push(performance.now() - start);
          }
          return Math.max(...frames);
        }"""
    )
    assert spent < 1000
    wafer.locator("summary").click()
    counts = (
        wafer.locator("tbody tr").filter(has_text="Actual").locator("td.num:nth-child(3)").all_inner_texts()
    )
    assert sum(int(count.replace(",", "")) for count in counts) == dies
    assert tab.wrong == []
