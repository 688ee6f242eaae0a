"""Many processes at once, and processes that are killed: one request however many ask, and never half a cache."""

import base64
import concurrent.futures
import json
import os
import random
import re
import statistics
import subprocess
import sys
import time

from _measure import BINARY, CLIENT, TENANT, budget, cached, exceeded, table, tenant, write

PROCESSES = 200
SECONDS = 3
IDENTITIES = 10
ANSWERS_AFTER = 200
KILLS = 1_000
AT_ONCE = 8

DAEMON_SECOND_SECRET = "local~second.TWDtkwtDDb~xHKas1VOq-g6YYZY"
UNPRIVILEGED = ("fad69953-e8e0-4113-8097-c07974554be4", "local~unpriv.L1spNxnyVmihA.2O76UMFxFkM.R")
FABRIKAM = ("fabrikam.onmicrosoft.com", "603def7d-b61e-43f9-bdcd-99f52a83856f", "local~fabrik.n9ZhyiA4uoRgnatmUdjAWtGSU8p")


def stampede(folder):
    """Cold processes that start together, while the server takes its time: who asks, who gets what, and when all are done."""
    log = folder / "requests.log"
    rows = [(f"processes at once, the server answering after {ANSWERS_AFTER} ms", "token requests", "different tokens", "all done within")]
    with tenant("--answers-after", str(ANSWERS_AFTER), "--log", str(log)) as environment:
        os.environ.update(environment)
        for name, count, cases in (
            (f"{PROCESSES} with the same request", PROCESSES, identities(folder)[:1]),
            (f"100 over {IDENTITIES} identities", 100, identities(folder)),
        ):
            home = folder / f"stampede-{count}"
            home.mkdir()
            log.write_text("")
            elapsed, outputs = at_once([with_home(cases[index % len(cases)], home) for index in range(count)], home)
            requests = sum(line.startswith("POST ") for line in log.read_text().splitlines())
            tokens = {output for output, _ in outputs}
            per_case = [{output for output, _ in outputs[index :: len(cases)]} for index in range(len(cases))]
            for output, errors in outputs:
                if not re.fullmatch(r"eyJ[\w-]+\.[\w-]+\.[\w-]+\n", output) or errors:
                    sys.exit(f"a process of {name} printed {output!r} and said {errors!r}")
            budget(f"token requests of {name}", requests, len(cases))
            budget(f"different tokens of {name}", max(map(len, per_case)), 1)
            if len(tokens) != len(cases):
                exceeded.append(f"an identity has the token of another: {name}")
            if count == PROCESSES:
                budget(f"seconds until all of {name} are done", elapsed, SECONDS)
            rows.append((name, requests, len(tokens), f"{elapsed:.2f} s"))
    table(*rows)


def identities(folder):
    """Commands and variables of ten identities: tenants by all their names, apps, secrets."""
    origin = os.environ["LOCAL_TENANT_ORIGIN"]
    apps = [(CLIENT, os.environ["AZURE_CLIENT_SECRET"]), (CLIENT, DAEMON_SECOND_SECRET), UNPRIVILEGED]
    every = [(name, *app) for name in (TENANT, "contoso.onmicrosoft.com", "contoso.com") for app in apps] + [FABRIKAM]
    cases = []
    for number, (name, client, secret) in enumerate(every):
        parameters = write(folder, f"identity-{number}.json", authority=f"{origin}/{name}", client_id=client)
        cases.append(([str(BINARY), "client-creds", parameters], secret))
    assert len(cases) == IDENTITIES
    return cases


def with_home(case, home):
    command, secret = case
    return command, cached(home, AZURE_CLIENT_SECRET=secret)


def at_once(cases, folder):
    """Starts all, waits for all; gives the seconds from the first start to the last end, and what each printed and said."""
    files = [(folder / f"{number}.out", folder / f"{number}.err") for number in range(len(cases))]
    flags = os.O_WRONLY | os.O_CREAT | os.O_TRUNC
    processes = []
    start = time.perf_counter()
    for (command, environment), (out, err) in zip(cases, files):
        streams = [
            (os.POSIX_SPAWN_OPEN, 0, os.devnull, os.O_RDONLY, 0),
            (os.POSIX_SPAWN_OPEN, 1, str(out), flags, 0o600),
            (os.POSIX_SPAWN_OPEN, 2, str(err), flags, 0o600),
        ]
        processes.append(os.posix_spawn(command[0], command, environment, file_actions=streams))
    for process in processes:
        os.waitpid(process, 0)
    return time.perf_counter() - start, [(out.read_text(), err.read_text()) for out, err in files]


def kills(folder):
    """Writers that are killed at random moments of their lives. After each, the cache is as before or as after."""
    parameters = write(folder, "killed.json", authority=f"{os.environ['LOCAL_TENANT_ORIGIN']}/{TENANT}")
    command = [str(BINARY), "client-creds", parameters, "--force-refresh"]
    start = time.perf_counter()
    victims = [Victim(folder / f"kills-{number}", command) for number in range(AT_ONCE)]
    with concurrent.futures.ThreadPoolExecutor(AT_ONCE) as pool:
        list(pool.map(lambda victim: victim.die(KILLS // AT_ONCE), victims))
    total = {name: sum(getattr(victim, name) for victim in victims) for name in ("killed", "mid_write", "broken", "leftover", "kept")}
    budget("broken caches after a kill", total["broken"], 0)
    budget("kills that left more than one temporary file", total["leftover"], 0)
    budget("temporary files that a complete run did not clear away", total["kept"], 0)
    table(
        (f"writers killed at random moments, {AT_ONCE} at a time", "count"),
        ("killed", f"{total['killed']:,}"),
        ("in mid-write (a temporary file was left)", total["mid_write"]),
        ("broken caches", total["broken"]),
        ("more than one temporary file left", total["leftover"]),
        ("left after the next complete run", total["kept"]),
        ("time", f"{time.perf_counter() - start:.0f} s"),
    )


class Victim:
    """Processes with one cache, killed one after the other."""

    def __init__(self, home, command):
        home.mkdir()
        self.folder = home / "state/entra-token"
        self.command = command
        self.environment = cached(home)
        self.random = random.Random(str(home.name))
        self.lives = []
        self.killed = self.mid_write = self.broken = self.leftover = self.kept = 0

    def die(self, times):
        while self.killed < times:
            if len(self.lives) < 5:
                self.live()
                continue
            # A little longer than they live, so that the last moments come as often as the others.
            if not self.live(self.random.uniform(0, 1.2 * statistics.median(self.lives[-20:]))):
                continue
            self.killed += 1
            self.broken += not self.is_whole()
            left = len(self.temporary())
            self.leftover += left > 1
            if left:
                self.mid_write += 1
                self.live()
                self.kept += len(self.temporary())

    def live(self, seconds=None):
        """One run; whether it was killed."""
        start = time.perf_counter()
        null = subprocess.DEVNULL
        with subprocess.Popen(self.command, env=self.environment, stdin=null, stdout=null, stderr=subprocess.PIPE, text=True) as process:
            if seconds is not None:
                time.sleep(seconds)
                process.kill()
            said = process.stderr.read()
        if process.returncode == 0 and not said:
            self.lives.append(time.perf_counter() - start)
            return False
        if process.returncode < 0:
            return True
        sys.exit(f"a run ended with {process.returncode} and said: {said}")

    def temporary(self):
        return list(self.folder.glob(".*.tmp"))

    def is_whole(self):
        """Whether the cache is absent, or JSON with one token that is all there."""
        files = list(self.folder.glob("app-*.json"))
        if not files:
            return True
        try:
            (entry,) = json.loads(files[0].read_text())["AccessToken"].values()
            _, payload, signature = entry["secret"].split(".")
            json.loads(base64.urlsafe_b64decode(payload + "=="))
            return len(files) == 1 and len(base64.urlsafe_b64decode(signature + "==")) >= 64 and int(entry["expires_on"]) > time.time()
        except (ValueError, KeyError):
            return False
