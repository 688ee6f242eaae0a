"""A person signs in with Chromium, without a window: the page that the sign-in ends with is shown, and as it was meant.

    cargo build --bin entra-token --example local_tenant
    env ENTRA_TOKEN=target/debug/entra-token LOCAL_TENANT=target/debug/examples/local_tenant python tests/interop/chromium.py

Needs chromium, chromedriver and certutil. FINAL_PAGES may name a folder for pictures of the last pages.
"""

import contextlib
import json
import os
import pathlib
import re
import shlex
import shutil
import signal
import subprocess
import sys
import tempfile
import time
import urllib.parse

import _checks
from _checks import expect
from selenium import webdriver
from selenium.webdriver.chrome.service import Service
from selenium.webdriver.common.by import By
from selenium.webdriver.support.wait import WebDriverWait

DESKTOP = "cd9e0245-eed7-4fa7-98d1-d89daf959234"
ADELE = ("AdeleV@contoso.onmicrosoft.com", "local~adele.Q8fuWz4vKp")
# A policy wants a one-time code of him.
GRADY = ("GradyA@contoso.onmicrosoft.com", "local~grady.L5cnVd7jEw")
ONE_TIME_CODE = "492816"
# People are asked for consent to it.
WRITE = "api://ce4f2c9b-faff-47d7-b531-215741d25e35/Orders.Write"

DONE, FAILED = "You have signed in", "You are not signed in"

# A machine may be slow, and then everything is.
PATIENCE = 120

# Without the sandbox, which root does not have, nor who is in most containers; the pages are our own. Shared memory is small in
# containers. Nothing else in the browser is to ask anybody for anything.
CHROMIUM = """
    chromium --headless --no-sandbox --disable-dev-shm-usage --disable-gpu --no-first-run --no-default-browser-check
    --disable-background-networking --disable-component-update --disable-sync --disable-extensions --disable-breakpad
    --password-store=basic --remote-debugging-port=0
""".split()


@contextlib.contextmanager
def tenant():
    """A local tenant in the foreground, which seats nobody at a browser; gives the environment that leads to it."""
    with tempfile.TemporaryDirectory(prefix="tenant-") as folder:
        said = pathlib.Path(folder, "said")
        with said.open("w") as stderr:
            process = subprocess.Popen([os.environ["LOCAL_TENANT"]], stdin=subprocess.DEVNULL, stderr=stderr)
        try:
            found(said, r"^export LOCAL_TENANT_REFRESH_TOKEN=.*\n", process)
            exports = re.findall(r"^export (.*)$", said.read_text(), re.M)
            # Other proxies lead elsewhere, to another tenant for instance.
            kept = {name: value for name, value in os.environ.items() if not name.lower().endswith("_proxy")}
            yield kept | dict(word.split("=", 1) for line in exports for word in shlex.split(line))
        finally:
            process.send_signal(signal.SIGINT)
            process.wait(PATIENCE)


def found(file, pattern, process):
    """What a process that runs has said of that form, once it has."""
    return until(f"{file.name} {pattern}", lambda: re.findall(pattern, file.read_text(), re.M), process)[0]


def until(what, look, process=None):
    """What there is to be found, once it is there."""
    end = time.monotonic() + PATIENCE
    while True:
        is_over = process is not None and process.poll() is not None
        result = look()
        if result:
            return result
        expect(not is_over and time.monotonic() < end, f"{what}: not there {'at the end' if is_over else 'in time'}")
        time.sleep(0.05)


class Desk:
    """Where somebody works: a home folder with a cache, a browser with a profile, and one command at a time."""

    def __init__(self, folder, environment):
        self.folder, self.opened, self.running, self.driver = folder, folder / "opened", None, None
        browser = folder / "browser"
        database, profile = folder / ".pki/nssdb", folder / "profile"
        database.mkdir(parents=True)
        authority = ["-A", "-n", "local tenant", "-t", "C,,", "-i", environment["SSL_CERT_FILE"]]
        for arguments in (["-N", "--empty-password"], authority):
            subprocess.run(["certutil", "-d", f"sql:{database}", *arguments], check=True, timeout=PATIENCE)
        # The process group is the browser's own: who starts it sees to that.
        chromium = shlex.join([*CHROMIUM, f"--user-data-dir={profile}", f"--proxy-server={environment['HTTPS_PROXY']}"])
        browser.write_text(f"#!/bin/sh\necho $$ \"$1\" >>{self.opened}\nexec env HOME={folder} TMPDIR={folder} {chromium} \"$1\"\n")
        browser.chmod(0o700)
        self.port_file = profile / "DevToolsActivePort"
        kept = {name: value for name, value in environment.items() if name not in ("ENTRA_TOKEN_CACHE", "AZURE_CLIENT_SECRET")}
        self.environment = kept | {"XDG_STATE_HOME": str(folder / "state"), "BROWSER": str(browser)}

    def start(self, flow, *arguments, scope="User.Read", **streams):
        """Starts our program."""
        asked = [flow, "--tenant-id", _checks.TENANT, "--client-id", DESKTOP, "--scope", scope, "-o", "json", *arguments]
        files = {name: open(self.folder / name, "w") for name in ("stdout", "stderr")}
        self.running = subprocess.Popen([os.environ["ENTRA_TOKEN"], *asked], env=self.environment, **files, **streams)

    def end(self, status=0):
        """What the program printed at its end, which is to have that status."""
        ended = self.running.wait(PATIENCE)
        out, err = self.said("stdout"), self.said("stderr")
        expect(ended == status and "warning" not in err, f"ended with {ended} and said: {err}")
        expect(bool(out) == (status == 0), f"printed {len(out)} characters")
        return json.loads(out) if out else err

    def said(self, stream):
        return (self.folder / stream).read_text()

    def address(self):
        """The address of the sign-in page that the program printed."""
        return found(self.folder / "stderr", r"^(https://\S+)\n", self.running)

    def device_code(self):
        """The code that the program printed."""
        return found(self.folder / "stderr", r"^([A-Z0-9]{9})\n", self.running)

    def visit(self, url):
        """Opens a page by hand."""
        subprocess.Popen([self.environment["BROWSER"], url], start_new_session=True,
                         stdin=subprocess.DEVNULL, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)  # fmt: skip
        return self.browser()

    def browser(self):
        """The browser that was started, in our hands."""
        lines = until("the browser", lambda: self.port_file.exists() and self.port_file.read_text().split())
        options = webdriver.ChromeOptions()
        options.debugger_address = f"127.0.0.1:{lines[0]}"
        options.set_capability("goog:loggingPrefs", {"browser": "ALL"})
        self.driver = webdriver.Chrome(options, Service(shutil.which("chromedriver")))
        return self.driver

    def page(self, title):
        """Waits for a page."""
        WebDriverWait(self.driver, PATIENCE).until(lambda driver: driver.title == title, f"no page “{title}”")

    def send(self, button, **fields):
        """Fills in the form and sends it with a button."""
        for name, value in fields.items():
            field = self.driver.find_element(By.NAME, name)
            field.clear()
            field.send_keys(value)
        self.driver.find_element(By.XPATH, f"//button[text()='{button}']").click()

    def sign_in(self, person):
        self.page("Sign in")
        self.send("Sign in", username=person[0], password=person[1])

    def opens(self):
        """How often a browser was opened."""
        return len(self.opened.read_text().splitlines()) if self.opened.exists() else 0

    def leave(self):
        if self.running and self.running.poll() is None:
            self.running.kill()
            self.running.wait()
        if self.driver:
            self.driver.quit()
        for line in self.opened.read_text().splitlines() if self.opened.exists() else []:
            with contextlib.suppress(ProcessLookupError):
                os.killpg(int(line.split()[0]), signal.SIGKILL)


@contextlib.contextmanager
def desk(environment):
    # What was killed may still be at its last file.
    with tempfile.TemporaryDirectory(prefix="chromium-", ignore_cleanup_errors=True) as folder:
        desk = Desk(pathlib.Path(folder), environment)
        try:
            yield desk
        finally:
            desk.leave()


def is_complete(tokens, person=ADELE):
    """Everything that a sign-in gives is there."""
    expect(tokens["account"]["username"] == person[0], tokens["account"])
    missing = [name for name in ("access_token", "refresh_token", "id_token") if not tokens.get(name)]
    expect(not missing, f"missing: {missing}")
    return tokens


def last_page(desk, title, name):
    """The page that a sign-in ends with: its words and its look, and that it gives nothing away."""
    driver = desk.driver
    WebDriverWait(driver, PATIENCE).until(lambda driver: driver.current_url.startswith("http://localhost"), "no way back")
    shown = driver.find_element(By.TAG_NAME, "body").text.split("\n")
    expect(driver.title == shown[0] == title and "Go back to the terminal" in shown[-1], f"{driver.title}: {shown}")
    expect(re.fullmatch(r"http://localhost:\d+/", driver.current_url), driver.current_url)
    asked = dict(urllib.parse.parse_qsl(urllib.parse.urlsplit(desk.address()).query))
    leaked = [name for name, value in asked.items() if len(value) > 8 and value in driver.page_source]
    expect(not leaked and "1.AX0A" not in driver.page_source, f"the page shows {leaked or 'the code'}")
    history = driver.execute_cdp_cmd("Page.getNavigationHistory", {})["entries"]
    expect(not [entry for entry in history if "code=" in entry["url"]], history)
    # The page's policy lets its own style pass, which is of one colour scheme or the other.
    complaints = [entry["message"] for entry in driver.get_log("browser") if "Content Security Policy" in entry["message"]]
    expect(not complaints, complaints)
    style = "const of = getComputedStyle(document.body); return [of.fontSize, of.maxWidth, of.color]"
    for scheme, colour in (("light", "rgb(0, 0, 0)"), ("dark", "rgb(255, 255, 255)")):
        driver.execute_cdp_cmd("Emulation.setEmulatedMedia", {"features": [{"name": "prefers-color-scheme", "value": scheme}]})
        look = driver.execute_script(style)
        if pictures := os.environ.get("FINAL_PAGES"):
            driver.save_screenshot(f"{pictures}/final-page-{name}-{scheme}.png")
        expect(look == ["18px", "512px", colour], f"{scheme}: {look}")


def browser(desk):
    """Our program starts the browser; the next command needs none."""
    desk.start("auth-code")
    desk.browser()
    desk.sign_in(ADELE)
    tokens = is_complete(desk.end())
    expect(tokens["source"] == "network" and desk.opens() == 1, f"source {tokens['source']}, {desk.opens()} browsers")
    address = desk.opened.read_text().split()[1]
    expect(address == desk.address() and "response_mode=form_post" in address, address)
    last_page(desk, DONE, "done")
    desk.start("auth-code", "--silent")
    again = desk.end()
    expect((again["source"], again["access_token"]) == ("cache", tokens["access_token"]), again["source"])
    desk.start("auth-code", "--silent", scope="https://management.azure.com//.default")
    expect(desk.end()["source"] == "refresh_token", "another token is not got by the refresh token")
    expect(desk.opens() == 1, f"{desk.opens()} browsers")
    return tokens["account"]["username"]


def second_try(desk):
    desk.start("auth-code")
    desk.browser()
    desk.sign_in((ADELE[0], "wrong"))
    WebDriverWait(desk.driver, PATIENCE).until(lambda driver: driver.find_elements(By.CLASS_NAME, "error"))
    expect(desk.running.poll() is None, "the program did not wait")
    desk.sign_in(ADELE)
    is_complete(desk.end())
    last_page(desk, DONE, "done")
    return "the second counts"


def second_factor(desk):
    desk.start("auth-code")
    desk.browser()
    desk.sign_in(GRADY)
    desk.page("Enter code")
    desk.send("Verify", otc=ONE_TIME_CODE)
    last_page(desk, DONE, "done")
    return is_complete(desk.end(), GRADY)["account"]["username"]


def cancelled(desk):
    desk.start("auth-code")
    desk.browser()
    desk.page("Sign in")
    desk.send("Cancel")
    said = desk.end(status=6)
    last_page(desk, FAILED, "failed")
    desk.start("auth-code", "--silent")
    desk.end(status=4)
    return re.search("^error: (.*)", said, re.M)[1]


def consent(desk):
    """Who declines and then thinks better of it."""
    desk.start("auth-code", scope=WRITE)
    desk.browser()
    desk.sign_in(ADELE)
    desk.page("Permissions requested")
    desk.send("Cancel")
    declined = desk.end(status=6)
    last_page(desk, FAILED, "failed")
    # By hand, in the same browser, which still knows who signed in.
    desk.start("auth-code", "--no-browser", scope=WRITE)
    desk.driver.get(desk.address())
    desk.page("Permissions requested")
    desk.send("Accept")
    tokens = is_complete(desk.end())
    expect(WRITE in tokens["scope"].split(), tokens["scope"])
    return re.search("^error: (.*)", declined, re.M)[1]


def no_browser(desk):
    desk.start("auth-code", "--no-browser")
    address = desk.address()
    expect(desk.opens() == 0, "a browser was opened")
    desk.visit(address)
    desk.sign_in(ADELE)
    is_complete(desk.end())
    last_page(desk, DONE, "done")
    return "the printed address"


def manual(desk):
    """The browser ends at an address where nobody is, which is pasted."""
    desk.start("auth-code", "--manual", stdin=subprocess.PIPE, text=True)
    desk.visit(desk.address())
    desk.sign_in(ADELE)
    WebDriverWait(desk.driver, PATIENCE).until(lambda driver: "code=" in driver.current_url, "no code in an address")
    address = desk.driver.current_url
    expect(address.startswith("http://localhost/?"), address)
    expect(desk.opens() == 1, "a browser was opened")
    desk.running.stdin.write(address + "\n")
    desk.running.stdin.close()
    is_complete(desk.end())
    code = urllib.parse.parse_qs(urllib.parse.urlsplit(address).query)["code"][0]
    expect(code not in desk.said("stderr"), "the code is shown")
    return "pasted"


def device(desk):
    """The code is typed in somewhere else."""
    desk.start("device-code")
    page = desk.address()
    code = desk.device_code()
    expect(desk.opens() == 0, "a browser was opened")
    desk.visit(page)
    desk.page("Enter code")
    desk.send("Next", otc=code)
    desk.sign_in(ADELE)
    desk.page("Are you trying to sign in to desktop?")
    desk.send("Continue")
    desk.page("You have signed in")
    tokens = is_complete(desk.end())
    desk.start("auth-code", "--silent")
    expect(desk.end()["access_token"] == tokens["access_token"], "another token")
    return page


def declined_device(desk):
    desk.start("device-code")
    page = desk.address()
    code = desk.device_code()
    desk.visit(f"{page}?otc={code}")
    desk.page("Enter code")
    desk.send("Next")
    desk.sign_in(ADELE)
    desk.page("Are you trying to sign in to desktop?")
    desk.send("Cancel")
    return re.search("^error: (.*)", desk.end(status=6), re.M)[1]


def main():
    # Whoever ends this program ends the browsers too.
    signal.signal(signal.SIGTERM, lambda *_: sys.exit(1))
    missing = [name for name in ("chromium", "chromedriver", "certutil") if not shutil.which(name)]
    if missing:
        sys.exit(f"not installed: {', '.join(missing)}")
    with tenant() as environment:

        def at_desk(action):
            with desk(environment) as place:
                return action(place)

        _checks.run(
            sign_in_with_the_browser=lambda: at_desk(browser),
            wrong_password_first=lambda: at_desk(second_try),
            one_time_code=lambda: at_desk(second_factor),
            cancelled=lambda: at_desk(cancelled),
            consent_declined_and_given=lambda: at_desk(consent),
            browser_opened_by_hand=lambda: at_desk(no_browser),
            address_pasted=lambda: at_desk(manual),
            device_code=lambda: at_desk(device),
            device_code_declined=lambda: at_desk(declined_device),
        )


main()
