"""The Streamlit and the FastAPI example in a headless browser, used as people would."""

import os
import signal

from conftest import answers, daemons, launcher, running, wait_until

TEXTS = ["Interest rates rose again.", "The cat sleeps on the sofa.", "A dog chased the ball."]


def test_a_streamlit_tab_keeps_its_notes_over_a_refresh_and_a_killed_daemon(
        store, tmp_path, open_page, picture):
    port, log = launcher.free_port(), tmp_path / "log"
    with running(store, log, "streamlit", "run", "streamlit_example.py", "--server.port", str(port),
                 "--server.headless", "true", "--browser.gatherUsageStats", "false",
                 "--server.fileWatcherType", "none"):
        wait_until(lambda: answers(port), log.read_text)
        page = open_page(f"http://127.0.0.1:{port}/")
        page.get_by_text("0 notes in this tab").wait_for()
        for count, text in enumerate(TEXTS, 1):
            page.get_by_label("A new note").fill(text)
            page.get_by_role("button", name="Keep").click()
            page.get_by_text(f"{count} note").wait_for()
        find(page, "central banks", TEXTS[0])
        picture(page, "streamlit")
        address = page.url
        assert "tab=" in address
        page.reload()
        page.get_by_text("3 notes in this tab").wait_for()
        find(page, "a sleeping kitten", TEXTS[1])
        assert page.url == address
        other = open_page(f"http://127.0.0.1:{port}/")  # sees nothing of it
        other.get_by_text("0 notes in this tab").wait_for()
        assert other.url != address
        os.kill(daemons(store)[0], signal.SIGKILL)
        page.reload()
        page.get_by_text("3 notes in this tab").wait_for()
        assert len(daemons(store)) == 1
        again = open_page(address)  # in another browser, as from a bookmark
        again.get_by_text("3 notes in this tab").wait_for()


def find(page, question, expected):
    page.get_by_label("Find").fill(question)
    page.get_by_label("Find").press("Enter")
    first = page.get_by_test_id("stMarkdownContainer").filter(has_text="(").first
    first.wait_for()
    wait_until(lambda: first.inner_text().startswith(expected), first.inner_text)


def test_a_fastapi_page_with_four_workers_serves_through_a_killed_daemon(
        store, tmp_path, open_page, picture):
    port, log = launcher.free_port(), tmp_path / "log"
    with running(store, log, "uvicorn", "fastapi_example:app", "--workers", "4", "--port", str(port)):
        wait_until(lambda: answers(port), log.read_text)
        page = open_page(f"http://127.0.0.1:{port}/")
        page.get_by_text("healthy, normal, 0 texts").wait_for()
        page.get_by_label("Its paragraphs").fill("\n".join(TEXTS))
        page.get_by_role("button", name="Put").click()
        page.get_by_text("3 paragraphs are kept").wait_for()
        page.get_by_text("healthy, normal, 3 texts").wait_for()
        for kill in (False, True):
            if kill:
                os.kill(daemons(store)[0], signal.SIGKILL)
                page.reload()
            for question, expected in (("central banks", TEXTS[0]), ("a sleeping kitten", TEXTS[1])) * 4:
                page.get_by_label("Question").fill(question)
                page.get_by_role("button", name="Search").click()
                page.locator("#found li").first.filter(has_text=expected).wait_for()
            if not kill:
                picture(page, "fastapi")
        page.get_by_label("File").fill("another")
        page.get_by_label("Question").fill("a sleeping kitten")
        with page.expect_response("**/search?**") as answer:
            page.get_by_role("button", name="Search").click()
        assert answer.value.json() == []
        assert len(daemons(store)) == 1
