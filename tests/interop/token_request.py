"""Our token request beside MSAL Python's, as they arrive: the same fields, and headers that the platform knows.

    cargo run --example local_tenant -- env ENTRA_TOKEN=target/debug/entra-token python tests/interop/token_request.py
"""

import os

import msal
from _checks import CLIENT, SCOPE, entra_token, expect, run
from _recorder import WithoutTls, recorded, same_fields, same_headers, same_path, serve


def both():
    authority = serve()
    client = msal.ConfidentialClientApplication(
        CLIENT,
        client_credential=os.environ["AZURE_CLIENT_SECRET"],
        authority=f"https:{authority}",
        instance_discovery=False,
        http_client=WithoutTls(),
    )
    result = client.acquire_token_for_client([SCOPE])
    expect(result.get("access_token") == "recorded", result)
    expect(entra_token("--authority", f"http:{authority}") == "recorded\n", "another token")
    posts = recorded()
    expect(len(posts) == 2, f"{len(posts)} requests")
    return posts


msals, ours = both()
run(
    path=lambda: same_path(msals, ours),
    fields=lambda: same_fields(msals[2], ours[2]),
    headers=lambda: same_headers(msals, ours),
)
