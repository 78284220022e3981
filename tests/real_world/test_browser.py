"""Uploads with script, opened in a real Chromium: nothing of them runs."""

import shutil
import subprocess
from pathlib import Path

import pytest
import trio

from tests.http.house import House
from tests.http.test_server import served
from tests.security.test_media import ACTIVE

pytestmark = pytest.mark.heavy

BROWSER = next(filter(None, map(shutil.which, ("chromium", "chromium-browser", "google-chrome"))), None)


async def dom(url: str, folder: Path) -> str:
    """What the browser made of the page, after its scripts have run."""
    if BROWSER is None:
        pytest.skip("NOT TESTED, script in uploads: there is no Chromium on this machine")
    # A page that is saved instead of shown never becomes one, and headless Chromium waits for it for ever.
    done = subprocess.CompletedProcess([], 0, b"")
    with trio.move_on_after(6):
        done = await trio.run_process(
            [
                *(
                    BROWSER,
                    "--headless",
                    "--no-sandbox",
                    "--disable-gpu",
                    "--no-first-run",
                    "--no-proxy-server",
                ),
                *(
                    "--host-resolver-rules=MAP * ~NOTFOUND , EXCLUDE 127.0.0.1",
                    "--disable-background-networking",
                ),
                *(
                    f"--user-data-dir={folder}",
                    "--virtual-time-budget=1000",
                    "--timeout=5000",
                    "--dump-dom",
                    url,
                ),
            ],
            capture_stdout=True,
            stderr=subprocess.DEVNULL,
            check=False,
        )
    return bytes(done.stdout).decode(errors="replace")


async def test_the_browser_would_show_it_if_script_ran(tmp_path: Path) -> None:
    """Else the test below would prove nothing."""
    page = tmp_path / "page.html"
    page.write_bytes(ACTIVE["html"])
    assert "<title>PWNED</title>" in await dom(page.as_uri(), tmp_path / "profile")


@pytest.mark.parametrize("name", ["html", "svg", "xhtml"])
async def test_script_in_an_upload_does_not_run_in_chromium(tmp_path: Path, name: str) -> None:
    house = House()
    async with house.client() as client:
        done = await house.upload(client, ACTIVE[name], mime="text/html")
    async with served(house) as url:
        link = house.link(done.headers["Media-Id"], name="x.html")
        assert "PWNED" not in await dom(url + link, tmp_path / "profile")
