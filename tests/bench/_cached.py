"""A token that is cached: what it costs, what it leaves alone, and that it costs the same however much is stored."""

import base64
import json
import os
import re
import secrets
import subprocess
import sys

from _measure import (
    BINARY, CLIENT, NOISE, PYTHON, SCOPE, TENANT,
    budget, cached, exceeded, in_blocks, instructions, medians, table, until_good, write,
)  # fmt: skip

HIT_INSTRUCTIONS = 1_500_000
CAT_RATIO = 1.5
MSAL_TIMES = 150
# What else the machine does moves times this short by more than any change of ours would: instructions hold the line, and
# elapsed times are over a budget only where something is grossly wrong.
SLACK = 3
FLAT = 1.1
PARTITIONS = 100_000
SHARED_ENTRIES = 10_000
SHARED_MILLISECONDS = 50
RUNS = 300

# A hit is a look at a file. The names of system calls are those of every architecture.
FOREIGN_CALLS = re.compile(r"socket|connect|clone3?|v?fork|flock|rename\w*|unlink\w*|fsync|fdatasync")

MSAL = """
import msal, msal_extensions, os, sys
cache = msal_extensions.PersistedTokenCache(msal_extensions.FilePersistence(sys.argv[4]))
app = msal.ConfidentialClientApplication(sys.argv[2], client_credential=os.environ["AZURE_CLIENT_SECRET"],
    authority=sys.argv[1], instance_discovery=False, token_cache=cache)
result = app.acquire_token_for_client([sys.argv[3]])
sys.exit(None if result["token_source"] == sys.argv[5] else result["token_source"])
"""


def cached_token(folder):
    """A hit beside /bin/cat of the token from a file, and beside MSAL Python with its own cache."""
    authority = f"{os.environ['LOCAL_TENANT_ORIGIN']}/{TENANT}"
    environment = cached(folder, REQUESTS_CA_BUNDLE=os.environ["LOCAL_TENANT_CA"])
    ours = ([str(BINARY), "client-creds", write(folder, "cached.json", authority=authority)], environment)
    token = subprocess.run(ours[0], env=environment, stdout=subprocess.PIPE, check=True).stdout
    (folder / "token").write_bytes(token)
    if subprocess.run(ours[0], env=environment, stdout=subprocess.PIPE, check=True).stdout != token:
        sys.exit("the token is not cached")
    left_alone(*ours, folder)

    rows = [("cached token, median", "entra-token", "/bin/cat of the token", "ratio")]
    cat = (["/bin/cat", str(folder / "token")], environment)
    measured = until_good(lambda: in_blocks([ours, cat], RUNS), lambda pair: pair[0][1] / pair[1][1] <= CAT_RATIO)
    (cpu, wall), (cat_cpu, cat_wall) = measured
    budget("elapsed time of a cached token, against /bin/cat", wall / cat_wall, CAT_RATIO * SLACK)
    rows.append((f"elapsed time (aim: {CAT_RATIO} times)", f"{wall:.2f} ms", f"{cat_wall:.2f} ms", f"{wall / cat_wall:.2f}"))
    rows.append(("processor time", f"{cpu:.2f} ms", f"{cat_cpu:.2f} ms", f"{cpu / cat_cpu:.2f}"))
    count, cat_count = (instructions(command, folder, environment, must_fail=False) for command, _ in (ours, cat))
    budget("instructions, cached token", count, HIT_INSTRUCTIONS)
    table(*rows, ("instructions", f"{count:,}", f"{cat_count:,}", f"{count / cat_count:.2f}"))

    if PYTHON.exists():
        script = [str(PYTHON), "-c", MSAL, authority, CLIENT, SCOPE, str(folder / "msal.json")]
        subprocess.run([*script, "identity_provider"], env=environment, check=True)
        msal = ([*script, "cache"], environment)
        pair = until_good(lambda: in_blocks([ours, msal], 18, 2), lambda pair: pair[1][1] / pair[0][1] >= MSAL_TIMES)
        (cpu, wall), (msal_cpu, msal_wall) = pair
        budget("elapsed time of a cached token, in parts of MSAL Python's", MSAL_TIMES * wall / msal_wall, SLACK)
        table(
            ("cached token, each from its own cache, median", "entra-token", "MSAL Python", "times"),
            (f"elapsed time (aim: {MSAL_TIMES} times)", f"{wall:.2f} ms", f"{msal_wall:.0f} ms", f"{msal_wall / wall:.0f}"),
            ("processor time", f"{cpu:.2f} ms", f"{msal_cpu:.0f} ms", f"{msal_cpu / cpu:.0f}"),
        )


def left_alone(command, environment, folder, partition="app-"):
    """Looks at every system call of a hit: no network, no certificates, no thread, no lock, nothing written but the token."""
    log = folder / "strace.log"
    # What a process that cannot be dumped opens is shown to who may trace every process.
    probe = ["strace", "-qq", "-o", str(log), str(BINARY), "client-creds", "/nowhere.json"]
    subprocess.run(probe, env=environment, stderr=subprocess.DEVNULL)
    if not log.exists() or '/nowhere.json", ' not in log.read_text():
        print("system calls cannot be watched here")
        return
    traced = ["strace", "-f", "-qq", "-e", "signal=none", "-o", str(log), *command]
    subprocess.run(traced, env=environment, stdout=subprocess.DEVNULL, check=True)
    lines = [line.split(maxsplit=1)[1] for line in log.read_text().splitlines()]
    if not any(partition in line for line in lines):
        sys.exit("strace shows no look at the cache")
    for line in lines:
        call = line.partition("(")[0]
        writes = call in ("write", "writev", "pwrite64", "sendto") and not line.startswith(f"{call}(1,")
        opens = call.startswith("open") and re.search(r"O_(WRONLY|RDWR|CREAT)", line)
        certificate = environment["SSL_CERT_FILE"] in line or "/etc/ssl" in line
        lock = call == "fcntl" and "LK" in line
        if FOREIGN_CALLS.fullmatch(call) or writes or opens or certificate or lock:
            exceeded.append(f"a cached token has no need of this system call: {line}")
    print(f"{len(lines)} system calls for a cached token of {command[1]}")


def flat(folder):
    """The same hit with one identity in the folder, and with a hundred thousand."""
    authority = f"{os.environ['LOCAL_TENANT_ORIGIN']}/{TENANT}"
    parameters = write(folder, "flat.json", authority=authority)
    cases = []
    for name, partitions in (("one", 1), ("many", PARTITIONS)):
        home = folder / name
        home.mkdir()
        environment = cached(home)
        command = [str(BINARY), "client-creds", parameters]
        subprocess.run(command, env=environment, stdout=subprocess.DEVNULL, check=True)
        fill(home / "state/entra-token", partitions - 1)
        cases.append((command, environment))
    one, many = (instructions(command, folder, environment, must_fail=False) for command, environment in cases)
    (_, wall_one), (_, wall_many) = medians(cases, 100)
    budget(f"instructions of a cached token with {PARTITIONS:,} identities, against one", many / one, FLAT)
    table(
        ("cached token", "1 identity stored", f"{PARTITIONS:,} stored", "ratio"),
        ("instructions", f"{one:,}", f"{many:,}", f"{many / one:.3f}"),
        ("elapsed time, median", f"{wall_one:.2f} ms", f"{wall_many:.2f} ms", f"{wall_many / wall_one:.2f}"),
    )


def fill(folder, count):
    """Puts the caches of so many others beside the one that is there."""
    (own,) = folder.glob("app-*.json")
    content = own.read_bytes()
    descriptor = os.open(folder, os.O_RDONLY)
    for _ in range(count):
        name = f"app-{secrets.token_hex(16)}.json"
        file = os.open(name, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600, dir_fd=descriptor)
        os.write(file, content)
        os.close(file)
    os.close(descriptor)


def shared_file(folder):
    """One file of ten thousand tokens of other apps and for other resources, as MSAL Python writes it; ours is the last."""
    file = folder / "shared.json"
    authority = f"{os.environ['LOCAL_TENANT_ORIGIN']}/{TENANT}"
    environment = cached(folder)
    command = [str(BINARY), "client-creds", write(folder, "parameters.json", authority=authority), "--cache", str(file)]
    token = subprocess.run(command, env=environment, stdout=subprocess.PIPE, check=True).stdout.decode().strip()
    ours = json.loads(file.read_text())
    (own_key, own_entry), = ours["AccessToken"].items()
    own_entry.pop("authority", None)
    entries = dict(other(own_entry, number) for number in range(SHARED_ENTRIES - 1))
    entries[own_key] = own_entry
    apps = {f"appmetadata-{entry['environment']}-{entry['client_id']}": {"client_id": entry["client_id"], "environment": "localhost"}
            for entry in entries.values()}  # fmt: skip
    file.write_text(json.dumps({"AccessToken": entries, "AppMetadata": apps}, indent=4))
    if subprocess.run(command, env=environment, stdout=subprocess.PIPE, check=True).stdout.decode().strip() != token:
        sys.exit("the token in the shared file is not found")
    case = (command, environment)
    (_, wall), = until_good(lambda: medians([case], 30), lambda only: only[0][1] <= SHARED_MILLISECONDS)
    budget("milliseconds for a token from a shared file", wall, SHARED_MILLISECONDS * (1 + NOISE))
    table(
        (f"a shared file of {len(entries):,} tokens, {file.stat().st_size / 1e6:.0f} MB", "elapsed time, median"),
        ("its last token", f"{wall:.1f} ms"),
    )


def other(like, number):
    """Another app's token of 1.6 KB: its key and its entry."""
    client = f"{number:08x}-8214-40ba-b75a-b49e21fbb586"
    target = f"api://{number % 97:08x}-47d7-b531-215741d25e35/.default"
    parts = (base64.urlsafe_b64encode(os.urandom(size)).decode().rstrip("=") for size in (60, 900, 256))
    entry = {**like, "client_id": client, "target": target, "secret": "eyJ" + ".".join(parts)}
    return f"-localhost-accesstoken-{client}-{like['realm']}-{target}", entry
