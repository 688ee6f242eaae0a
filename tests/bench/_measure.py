"""What the measurements share: the program, the tenant, the budgets, and how a figure is taken."""

import contextlib
import json
import os
import pathlib
import re
import statistics
import subprocess
import sys
import time

ROOT = pathlib.Path(__file__).resolve().parents[2]
TARGET = (ROOT / os.environ.get("CARGO_TARGET_DIR", "target")).resolve()
BINARY = TARGET / "release" / "entra-token"
LOCAL_TENANT = TARGET / "debug/examples/local_tenant"
PYTHON = pathlib.Path(os.environ.get("PYTHON") or TARGET / "interop/bin/python")
SYSTEM_BUNDLE = pathlib.Path("/etc/ssl/certs/ca-certificates.crt")

TENANT = "0587a79d-1516-432b-a35d-2869f97b9033"
CLIENT = "6cce9505-8214-40ba-b75a-b49e21fbb586"
SCOPE = "https://graph.microsoft.com/.default"

NOISE = 0.05
# Another process on the machine can spoil a measurement; it does not spoil three.
ATTEMPTS = 3

exceeded = []


def budget(what, value, limit):
    if value > limit:
        exceeded.append(f"{what}: {value:.2f} is over {limit}" if value < 100 else f"{what}: {value:,} is over {limit:,}")


def build():
    """The program as it is shipped, and the tenant."""
    subprocess.run(["cargo", "build", "--quiet", "--locked", "--release", "--bin", "entra-token"], cwd=ROOT, check=True)
    subprocess.run(["cargo", "build", "--quiet", "--locked", "--example", "local_tenant"], cwd=ROOT, check=True)


@contextlib.contextmanager
def tenant(*options):
    """Runs a local tenant, and gives the environment that leads a command to it."""
    show = [sys.executable, "-c", "import json, os, sys; print(json.dumps(dict(os.environ)), flush=True); sys.stdin.read()"]
    command = [LOCAL_TENANT, *options, *show]
    with subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True) as process:
        yield json.loads(process.stdout.readline())
        process.stdin.close()


def authorities(folder):
    """The system's authorities and the tenant's own, in a file."""
    file = folder / "authorities.pem"
    own = pathlib.Path(os.environ["LOCAL_TENANT_CA"]).read_bytes()
    file.write_bytes((SYSTEM_BUNDLE.read_bytes() if SYSTEM_BUNDLE.exists() else b"") + own)
    return file


def run(command, environment):
    """Processor time and elapsed time of a command, in milliseconds; it must succeed."""
    with open(os.devnull, "r+b") as null:
        streams = [(os.POSIX_SPAWN_DUP2, null.fileno(), stream) for stream in (0, 1)]
        start = time.perf_counter()
        process = os.posix_spawn(command[0], command, environment, file_actions=streams)
        _, status, usage = os.wait4(process, 0)
        elapsed = time.perf_counter() - start
    if status != 0:
        sys.exit(f"{command[0]} ended with {os.waitstatus_to_exitcode(status)}")
    return (usage.ru_utime + usage.ru_stime) * 1000, elapsed * 1000


def medians(commands, runs):
    """(processor, elapsed) for each command. They take turns, so that what disturbs one disturbs all."""
    results = [[run(*command) for _ in range(2)] and [] for command in commands]
    for _ in range(runs):
        for command, result in zip(commands, results):
            result.append(run(*command))
    return [tuple(statistics.median(column) for column in zip(*result)) for result in results]


def in_blocks(commands, runs, blocks=6):
    """The same, each many times before the next, as a script's loop runs them: what is new to a processor costs more."""
    results = [[] for _ in commands]
    for _ in range(blocks):
        for command, result in zip(commands, results):
            run(*command)
            result.extend(run(*command) for _ in range(runs // blocks))
    return [tuple(statistics.median(column) for column in zip(*result)) for result in results]


def until_good(measure, is_good):
    """What is measured, again where it is over a budget: the last counts."""
    for attempt in range(1, ATTEMPTS + 1):
        result = measure()
        if is_good(result):
            break
    if attempt > 1:
        print(f"measured {attempt} times, the last is shown: the ones before were over a budget")
    return result


def peak_memory(command, environment):
    """In bytes. A small parent asks: the system counts what a process held before it became the command."""
    measured = ["/usr/bin/time", "-f", "%M", *command]
    done = subprocess.run(measured, env=environment, stdout=subprocess.DEVNULL, stderr=subprocess.PIPE, text=True, check=True)
    return int(done.stderr.split()[-1]) * 1024


def instructions(command, folder, environment, must_fail):
    log = folder / "callgrind.log"
    callgrind = ["valgrind", "--tool=callgrind", "--callgrind-out-file=/dev/null", f"--log-file={log}"]
    done = subprocess.run([*callgrind, *command], env=environment, capture_output=True, text=True, stdin=subprocess.DEVNULL)
    if must_fail != (done.returncode != 0) or must_fail != done.stderr.startswith("error:"):
        sys.exit(f"{command} ended with {done.returncode} and said: {done.stderr}")
    return int(re.search(r"Collected : (\d+)", log.read_text())[1])


def table(*rows):
    """The first row is the head; its first column is text."""
    print()
    for index, row in enumerate(rows):
        print("| " + " | ".join(str(cell) for cell in row) + " |")
        if index == 0:
            print("|" + "---|" + "---:|" * (len(row) - 1))
    print(flush=True)


def write(folder, name, **changes):
    """A parameters file."""
    parameters = {"authority": f"https://login.microsoftonline.com/{TENANT}", "client_id": CLIENT, "scope": [SCOPE]}
    (folder / name).write_text(json.dumps({**parameters, **changes}))
    return str(folder / name)


def clean(**variables):
    """An environment without proxies, credentials or settings, in which nothing is cached if it does not say where."""
    kept = {name: os.environ[name] for name in ("PATH", "HOME") if name in os.environ}
    kept |= {"AZURE_CLIENT_SECRET": os.environ["AZURE_CLIENT_SECRET"], "ENTRA_TOKEN_CACHE": "none"}
    return {**kept, **{name: str(value) for name, value in variables.items()}}


def cached(folder, **variables):
    """The same with the default cache, in the state folder of a home of its own."""
    environment = clean(HOME=folder, XDG_STATE_HOME=folder / "state", SSL_CERT_FILE=os.environ["LOCAL_TENANT_CA"], **variables)
    del environment["ENTRA_TOKEN_CACHE"]
    return environment
