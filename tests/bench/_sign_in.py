"""A person's tokens: from the redirect's arrival, silently, from the cache, among hostile callers, and for many at once."""

import concurrent.futures
import contextlib
import html
import http.client
import os
import re
import resource
import select
import shlex
import socket
import ssl
import statistics
import subprocess
import sys
import time
import urllib.parse

from _cached import HIT_INSTRUCTIONS, left_alone
from _measure import (
    BINARY, PYTHON, SCOPE, TENANT,
    authorities, budget, cached, instructions, medians, table, tenant, until_good, write,
)  # fmt: skip
from _together import at_once

DESKTOP = "cd9e0245-eed7-4fa7-98d1-d89daf959234"
ARM_SCOPE = "https://management.core.windows.net//.default"

CALLBACK_MILLISECONDS = 15
RUNS = 20
HOSTILE = 10_000
IDLE = 500
CALLERS = 8
# The largest that is listened to is 64 KiB.
FORM = 65_000
# What a system allows a process if nobody says anything else: half of it is for connections.
FILES = 1024
GOOD_SECONDS = 1
GOOD_MEMORY = 64_000_000
PROCESSES = 50
# How long the person of those takes.
PERSON_SECONDS = 0.2
SECONDS = 3

MSAL = """
import msal, msal_extensions, sys
cache = msal_extensions.PersistedTokenCache(msal_extensions.FilePersistence(sys.argv[4]))
app = msal.PublicClientApplication(sys.argv[2], authority=sys.argv[1], instance_discovery=False, token_cache=cache)
(account,) = app.get_accounts()
result = app.acquire_token_silent_with_error([sys.argv[3]], account, force_refresh=True)
sys.exit(None if result and result.get("token_source") == "identity_provider" else f"no token: {result}")
"""


def sign_ins(folder):
    folder = folder / "sign-ins"
    folder.mkdir()
    log = Log(folder / "requests.log")
    with tenant("--log", str(log.file)) as environment:
        os.environ.update(environment)
        after_the_redirect(folder, log)
        silent_refresh(folder, log)
        hit(folder)
        hostile(folder, log)
        at_the_same_time(folder, log)


class Log:
    """The requests that the tenant had."""

    def __init__(self, file):
        self.file = file

    def clear(self):
        self.file.write_text("")

    def lines(self):
        return self.file.read_text().splitlines()

    def token_requests(self):
        return sum(bool(re.fullmatch(r"POST \S+/token", line)) for line in self.lines())


def command(*arguments, name="auth-code", scope=SCOPE):
    authority = f"{os.environ['LOCAL_TENANT_ORIGIN']}/{TENANT}"
    return [str(BINARY), name, "--authority", authority, "--client-id", DESKTOP, "--scope", scope, *arguments]


def at_home(home, **variables):
    """A home of its own, for somebody who has no secret."""
    home.mkdir(exist_ok=True)
    environment = cached(home)
    del environment["AZURE_CLIENT_SECRET"]
    return {**environment, **{name: str(value) for name, value in variables.items()}}


class Sitting:
    """A sign-in that has come as far as the redirect: somebody has signed in, and the browser is about to bring the answer."""

    def __init__(self, arguments, environment):
        pipes = {"stdout": subprocess.PIPE, "stderr": subprocess.PIPE, "stdin": subprocess.DEVNULL}
        self.process = subprocess.Popen(arguments, env=environment, text=True, **pipes)
        said = []
        while line := self.process.stderr.readline():
            said.append(line)
            if line.startswith("https://"):
                break
        else:
            sys.exit(f"there is no address to open: {''.join(said)}")
        page = load(line.strip())
        action = re.search(r'action="http://localhost:(\d+)"', page)
        if not action:
            sys.exit(f"nobody is sent back by this page: {page}")
        self.port = int(action[1])
        self.form = {name: html.unescape(value) for name, value in re.findall(r'<input type="hidden" name="(\w+)" value="([^"]*)"', page)}

    def answer(self):
        """Brings the answer, waits for the end, and gives what the process used since and until then, in milliseconds."""
        request = post(self.port, self.form)
        # The clock that counts the processor time of another process (clock_getcpuclockid(3)).
        before = time.clock_gettime(~self.process.pid << 3 | 2)
        start = time.perf_counter()
        with socket.create_connection(("127.0.0.1", self.port)) as connection:
            connection.sendall(request)
            _, status, usage = os.wait4(self.process.pid, 0)
            elapsed = time.perf_counter() - start
            page = connection.recv(4096)
        self.process.returncode = os.waitstatus_to_exitcode(status)
        with self.process:
            token, said = self.process.stdout.read(), self.process.stderr.read()
        if status != 0 or said or not re.fullmatch(r"eyJ[\w-]+\.[\w-]+\.[\w-]+\n", token) or not page.startswith(b"HTTP/1.1 200 "):
            sys.exit(f"a sign-in ended with {self.process.returncode}, printed {token!r}, said {said!r} and showed {page!r}")
        return (usage.ru_utime + usage.ru_stime - before) * 1000, elapsed * 1000


def load(address):
    """A page of the tenant."""
    parts = urllib.parse.urlsplit(address)
    trust = ssl.create_default_context(cafile=os.environ["LOCAL_TENANT_CA"])
    with contextlib.closing(http.client.HTTPSConnection(parts.hostname, parts.port, context=trust)) as connection:
        connection.request("GET", f"{parts.path}?{parts.query}")
        return connection.getresponse().read().decode()


def post(port, form):
    """A callback, as the browser sends it."""
    body = urllib.parse.urlencode(form)
    head = f"POST / HTTP/1.1\r\nHost: localhost:{port}\r\nOrigin: {os.environ['LOCAL_TENANT_ORIGIN']}\r\n"
    return f"{head}Content-Type: application/x-www-form-urlencoded\r\nContent-Length: {len(body)}\r\n\r\n{body}".encode()


def get(port, target, *headers):
    return "".join(f"{line}\r\n" for line in (f"GET {target} HTTP/1.1", f"Host: localhost:{port}", *headers, "")).encode()


def after_the_redirect(folder, log):
    """What it takes from the redirect's arrival to the token, the answer checked against the system's authorities."""
    trust = authorities(folder)
    requests = []

    def measure():
        results = []
        for number in range(-2, RUNS):
            home = folder / f"redirect-{len(requests)}"
            sitting = Sitting(command("--no-browser"), at_home(home, SSL_CERT_FILE=trust))
            log.clear()
            result = sitting.answer()
            if log.token_requests() != 1:
                sys.exit(f"a sign-in without its token request: {log.lines()}")
            requests.append(len(log.lines()))
            if number >= 0:
                results.append(result)
        return [statistics.median(column) for column in zip(*results)]

    cpu, elapsed = until_good(measure, lambda result: result[0] <= CALLBACK_MILLISECONDS)
    budget("requests after a redirect", max(requests), 1)
    budget("milliseconds of processor time from the redirect to the end", cpu, CALLBACK_MILLISECONDS)
    table(
        ("from the redirect to the token, median", "entra-token"),
        (f"processor time (at most {CALLBACK_MILLISECONDS} ms)", f"{cpu:.1f} ms"),
        ("elapsed time", f"{elapsed:.1f} ms"),
        ("HTTP requests", max(requests)),
    )


def sign_in(arguments, environment):
    """Somebody signs in, and what that leaves is kept."""
    Sitting([*arguments, "--no-browser"], environment).answer()


def silent_refresh(folder, log):
    """A new token for another resource by the sign-in that is kept, beside MSAL Python with the same sign-in."""
    trust = authorities(folder)
    environment = at_home(folder / "refresh", SSL_CERT_FILE=trust, REQUESTS_CA_BUNDLE=trust)
    sign_in(command(), environment)
    other = command("--silent", scope=ARM_SCOPE)
    ours = ([*other, "--force-refresh"], environment)
    requests = {}
    for what, arguments in (("of another resource", other), ("by force", ours[0])):
        log.clear()
        subprocess.run(arguments, env=environment, stdout=subprocess.DEVNULL, check=True)
        requests[what] = len(log.lines())
        budget(f"requests for a new token {what}", requests[what], 1)
        if log.token_requests() != 1:
            sys.exit(f"a new token {what} was not asked for: {log.lines()}")
    if not PYTHON.exists():
        ((cpu, wall),) = medians([ours], RUNS)
        rows = (("processor time", f"{cpu:.1f} ms"), ("elapsed time", f"{wall:.1f} ms"), ("HTTP requests", requests["by force"]))
        table(("silent refresh, the system's authorities, median", "entra-token"), *rows)
        return
    # The same sign-in in a file that is MSAL's.
    file = folder / "msal-sign-in.json"
    sign_in(command("--cache", str(file)), environment)
    authority = f"{os.environ['LOCAL_TENANT_ORIGIN']}/{TENANT}"
    msal = ([str(PYTHON), "-c", MSAL, authority, DESKTOP, ARM_SCOPE, str(file)], environment)
    log.clear()
    subprocess.run(msal[0], env=environment, check=True)
    msal_requests = len(log.lines())
    (cpu, wall), (msal_cpu, msal_wall) = medians([ours, msal], 10)
    table(
        ("silent refresh, the system's authorities, median", "entra-token", "MSAL Python", "ratio"),
        ("processor time", f"{cpu:.1f} ms", f"{msal_cpu:.0f} ms", f"{cpu / msal_cpu:.3f}"),
        ("elapsed time", f"{wall:.1f} ms", f"{msal_wall:.0f} ms", f"{wall / msal_wall:.3f}"),
        ("HTTP requests", requests["by force"], msal_requests, f"{requests['by force'] / msal_requests:.2f}"),
    )


def hit(folder):
    """A person's cached token, beside an app's."""
    environment = at_home(folder / "hit")
    sign_in(command(), environment)
    ours = command("--silent")
    left_alone(ours, environment, folder, "user-")
    app = cached(folder / "hit")
    parameters = write(folder, "hit.json", authority=f"{os.environ['LOCAL_TENANT_ORIGIN']}/{TENANT}")
    client = [str(BINARY), "client-creds", parameters]
    subprocess.run(client, env=app, stdout=subprocess.DEVNULL, check=True)
    count, app_count = (instructions(*case, must_fail=False) for case in ((ours, folder, environment), (client, folder, app)))
    (_, wall), (_, app_wall) = medians([(ours, environment), (client, app)], 100)
    budget("instructions, a person's cached token", count, HIT_INSTRUCTIONS)
    table(
        ("cached token", "a person's", "an app's", "ratio"),
        ("instructions", f"{count:,}", f"{app_count:,}", f"{count / app_count:.2f}"),
        ("elapsed time, median", f"{wall:.2f} ms", f"{app_wall:.2f} ms", f"{wall / app_wall:.2f}"),
    )


def hostile(folder, log):
    """Whatever others send to the port, and however many connections they hold, the good answer is taken at once."""
    memory = folder / "memory"
    measured = ["/usr/bin/time", "-q", "-o", str(memory), "-f", "%M", *command("--no-browser")]
    with files(FILES):
        sitting = Sitting(measured, at_home(folder / "hostile"))
    log.clear()
    start = time.perf_counter()
    with files(FILES + IDLE), contextlib.closing(Crowd(sitting.port)) as crowd:
        with concurrent.futures.ThreadPoolExecutor(CALLERS) as pool:
            for first in range(0, HOSTILE, HOSTILE // 10):
                crowd.gather()
                answers = pool.map(lambda number: call(sitting.port, number), range(first, first + HOSTILE // 10))
                refused = [re.match(rb"HTTP/1.1 4\d\d ", answer) is not None for answer in answers]
                budget("hostile callbacks without a refusal", refused.count(False), 0)
        storm = time.perf_counter() - start
        if log.lines():
            sys.exit(f"a hostile callback led to a request: {log.lines()}")
        crowd.gather()
        _, elapsed = sitting.answer()
    seconds, peak = elapsed / 1000, int(memory.read_text()) * 1024
    budget("seconds from the good callback to the end, after hostile ones", seconds, GOOD_SECONDS)
    budget("peak memory after hostile callbacks", peak, GOOD_MEMORY)
    budget("requests after hostile callbacks", len(log.lines()), 1)
    table(
        (f"{HOSTILE:,} hostile callbacks and {IDLE} idle connections, then the good callback", "entra-token"),
        ("the hostile ones are refused within", f"{storm:.1f} s"),
        (f"from the good one to the end (at most {GOOD_SECONDS} s)", f"{elapsed:.1f} ms"),
        (f"peak memory (at most {GOOD_MEMORY / 1e6:.0f} MB)", f"{peak / 1e6:.1f} MB"),
        ("HTTP requests", len(log.lines())),
    )


@contextlib.contextmanager
def files(limit):
    """Changes how many files this process, and those that it starts meanwhile, may have open."""
    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    resource.setrlimit(resource.RLIMIT_NOFILE, (limit if hard == resource.RLIM_INFINITY else min(limit, hard), hard))
    try:
        yield
    finally:
        resource.setrlimit(resource.RLIMIT_NOFILE, (soft, hard))


class Crowd:
    """Connections that are held and come to nothing. Half of them say nothing, the others keep back the last of a large form."""

    def __init__(self, port):
        self.port = port
        self.unfinished = post(port, {"code": "x" * FORM})[:-1]
        self.connections = []

    def gather(self):
        """Makes them complete again: who says nothing for long is hung up on."""
        poll = select.poll()
        for connection in self.connections:
            poll.register(connection, select.POLLIN)
        ended = {number for number, _ in poll.poll(0)}
        for connection in self.connections:
            if connection.fileno() in ended:
                connection.close()
        self.connections = [connection for connection in self.connections if connection.fileno() >= 0]
        while len(self.connections) < IDLE:
            connection = socket.create_connection(("127.0.0.1", self.port))
            self.connections.append(connection)
            if len(self.connections) % 2:
                connection.sendall(self.unfinished)

    def close(self):
        for connection in self.connections:
            connection.close()


def call(port, number):
    """One hostile callback; gives the first bytes of the answer, none where there is none."""
    forged = {"code": "0.AX0AsIEGrD36", "state": f"{number:043}", "session_state": "e4c05fbc-1389-47fd-b731-39ce56bc884b"}
    refusal = {"error": "access_denied", "error_description": "AADSTS65004: User declined to consent to access the app."}
    kinds = [
        lambda: post(port, forged),
        lambda: get(port, f"/?{urllib.parse.urlencode(forged)}"),
        lambda: post(port, {"code": forged["code"]}),
        lambda: post(port, {"code": forged["code"], "state": ""}),
        lambda: post(port, {**refusal, "state": forged["state"]}),
        lambda: get(port, f"/?{urllib.parse.urlencode(refusal)}"),
        lambda: b"\x16\x03\x01\x02\x00\x01\x00\x01\xfc\x03\x03" + os.urandom(500) + b"\r\n\r\n",
        lambda: get(port, "/favicon.ico"),
        lambda: get(port, "/", f"Cookie: {'x' * 100_000}"),
        lambda: get(port, "/", *(f"X-{count}: x" for count in range(1_000))),
    ]
    try:
        with socket.create_connection(("127.0.0.1", port), timeout=10) as connection:
            connection.sendall(kinds[number % len(kinds)]())
            return connection.recv(4096)
    except OSError:
        return b""


def at_the_same_time(folder, log):
    """Many that want the same person to sign in: the person is asked once."""
    home, opened, script = folder / "together", folder / "opened", folder / "browser"
    opens = f"echo opened >>{shlex.quote(str(opened))}; sleep {PERSON_SECONDS}; exec {shlex.quote(os.environ['BROWSER'])} \"$1\""
    script.write_text(f"#!/bin/sh\n{opens}\n")
    script.chmod(0o700)
    environment = at_home(home, BROWSER=script)
    log.clear()
    elapsed, outputs = at_once([(command(), environment)] * PROCESSES, home)
    for token, said in outputs:
        if not re.fullmatch(r"eyJ[\w-]+\.[\w-]+\.[\w-]+\n", token) or "error" in said or "warning" in said:
            sys.exit(f"one of {PROCESSES} sign-ins at once printed {token!r} and said {said!r}")
    browsers, signed_in = len(opened.read_text().splitlines()), sum("/authorize?" in line for line in log.lines())
    counts = {"browsers": browsers, "sign-ins": signed_in, "token requests": log.token_requests(), "different tokens": len(dict(outputs))}
    for what, count in counts.items():
        budget(f"{what} of {PROCESSES} that start together", count, 1)
    budget(f"seconds until all of {PROCESSES} sign-ins are done", elapsed, SECONDS)
    head = f"commands at once that need a sign-in, which takes the person {PERSON_SECONDS * 1000:.0f} ms"
    table((head, *counts, "all done within"), (PROCESSES, *counts.values(), f"{elapsed:.2f} s"))
