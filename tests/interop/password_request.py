"""What we ask for when a name and a password are given beside what MSAL Python asks for, as it arrives: who checks the password, where
the federation takes it, the federation's word, and the tokens.

    cargo run --example local_tenant -- env ENTRA_TOKEN=target/debug/entra-token python tests/interop/password_request.py
"""

import datetime
import functools
import os
import pathlib
import re
import subprocess
import uuid
import warnings
import xml.etree.ElementTree
from urllib.parse import parse_qsl, unquote, urlsplit

import msal
from _checks import expect, run
from _recorder import ONLY_MSAL, Recorder, WithoutTls, same_fields, same_headers, serve

DESKTOP = "cd9e0245-eed7-4fa7-98d1-d89daf959234"
SCOPE = "User.Read"
NAME = "o'neil+test"
PASSWORD = "]]>&amp;<a b=\"c\">d'\t é %41+~"
AUDIENCE = "urn:federation:recorded"
DOCUMENTS = pathlib.Path(__file__).resolve().parents[1] / "federation"
SECURITY = "{http://docs.oasis-open.org/wss/2004/01/oasis-200401-wss-wssecurity-secext-1.0.xsd}"
UTILITY = "{http://docs.oasis-open.org/wss/2004/01/oasis-200401-wss-wssecurity-utility-1.0.xsd}"
ADDRESSING = "{http://www.w3.org/2005/08/addressing}"

# In what a federation is sent, each draws an id for the message. The times are each one's own too, if the second is another.
DRAWN, TIMES = f"{ADDRESSING}MessageID", {f"{UTILITY}Created", f"{UTILITY}Expires"}
# MSAL names that element after its predecessor, ADAL. Nothing refers to it.
NAMED = (f"{SECURITY}UsernameToken", f"{UTILITY}Id")
# MSAL does not tell there what it is and where it runs.
AT_REALM = {
    "own_value": {"client-request-id", "user-agent"},
    "only_msal": set(),
    "only_us": {"return-client-request-id", "x-client-os", "x-client-sku", "x-client-ver"},
}
# A federation gets nothing that is for Entra; but by our id a request is found in its log.
AT_FEDERATION = {"own_value": {"user-agent"}, "only_msal": set(), "only_us": {"client-request-id"}}
# Which of the platform's machines is near the person.
ROUTED = {"only_msal": ONLY_MSAL | {"x-anchormailbox"}}

# MSAL says at each sign-in that it is no way to sign in.
warnings.simplefilter("ignore", DeprecationWarning)


class Federations(Recorder):
    """Entra, and the federations of its domains."""

    # For each domain the document of its federation, or its address where it has none, and what it answers.
    domains = {
        "both.example": ("mex-adfs-2019-2022.xml", "rstr-13-saml11.xml"),
        "feb2005.example": ("mex-only-2005.xml", "rstr-2005-saml11.xml"),
        "saml2.example": ("mex-only-13.xml", "rstr-13-saml20.xml"),
        "active2005.example": ("trust/2005/usernamemixed", "rstr-2005-saml20.xml"),
        "active13.example": ("trust/13/usernamemixed", "rstr-13-saml11.xml"),
    }
    # Method, address, headers, body.
    asked = []

    def note(self):
        body = self.rfile.read(int(self.headers.get("Content-Length", 0)))
        self.asked.append((self.command, self.path, {name.lower(): value for name, value in self.headers.items()}, body))

    def do_GET(self):
        path = unquote(urlsplit(self.path).path)
        if path.endswith("/openid-configuration"):
            return super().do_GET()
        self.note()
        if path.endswith("/mex"):
            return self.send("application/soap+xml; charset=utf-8", self.document(path.split("/")[1]))
        self.answer(self.realm(path.rsplit("@", 1)[1]))

    def do_POST(self):
        self.note()
        if self.path.endswith("/usernamemixed"):
            _, answer = self.domains[self.path.split("/")[1]]
            return self.send("application/soap+xml; charset=utf-8", (DOCUMENTS / answer).read_bytes())
        self.answer({"token_type": "Bearer", "expires_in": 3599, "access_token": "recorded"})

    def realm(self, domain):
        if domain not in self.domains:
            return {"ver": "1.0", "account_type": "Managed", "domain_name": domain, "cloud_audience_urn": "urn:federation:MicrosoftOnline"}
        place, _ = self.domains[domain]
        member, end = ("federation_metadata_url", "mex") if place.endswith(".xml") else ("federation_active_auth_url", place)
        of_federation = {"account_type": "Federated", "federation_protocol": "WSTrust", "cloud_audience_urn": AUDIENCE}
        return {"ver": "1.0", "domain_name": domain, **of_federation, member: f"http://{self.headers['Host']}/{domain}/{end}"}

    def document(self, domain):
        """The document, with each port twice: we take the first, and MSAL the one with https."""
        text = (DOCUMENTS / self.domains[domain][0]).read_text()
        text = re.sub(r"https://[\w.:-]+/adfs/services/", f"http://{self.headers['Host']}/{domain}/", text)
        return re.sub(r"<wsdl:port .*?</wsdl:port>", lambda port: port[0] + with_https(port[0]), text, flags=re.S).encode()


def with_https(text):
    return text.replace("http://localhost:", "https://localhost:")


class WithPort(WithoutTls):
    """MSAL leaves the port out where it asks for a realm."""

    def request(self, method, url, **options):
        return super().request(method, url.replace("https://localhost/", f"https://{urlsplit(authority).netloc}/"), **options)


def recorded():
    """The requests since the last time."""
    asked, Federations.asked[:] = Federations.asked[:], []
    return asked


def both(name):
    """The requests of MSAL and ours for somebody's tokens."""
    options = {"authority": f"https:{authority}", "instance_discovery": False, "http_client": WithPort()}
    found = msal.PublicClientApplication(DESKTOP, **options).acquire_token_by_username_password(name, PASSWORD, [SCOPE])
    expect(found.get("access_token") == "recorded", found)
    msals = recorded()
    asked = ["--authority", f"http:{authority}", "--client-id", DESKTOP, "--scope", SCOPE, "--username", name, "--password-file", "-"]
    command = [os.environ["ENTRA_TOKEN"], "username-password", *asked]
    done = subprocess.run(command, input=PASSWORD, capture_output=True, text=True, timeout=60)
    expect(done.stdout == "recorded\n", f"ended with {done.returncode} and said: {done.stderr}")
    return msals, recorded()


def compared(domain, *kinds):
    """The checks of the sign-in of somebody of that domain: the order of the requests, and each of them."""
    name = f"{NAME}@{domain}"
    msals, ours = both(name)
    checks = {"order": functools.partial(order, msals, ours, len(kinds))}
    checks |= {kind.__name__: functools.partial(kind, *pair, name) for kind, *pair in zip(kinds, msals, ours)}
    return {f"{domain.split('.')[0]}_{what}": check for what, check in checks.items()}


def order(msals, ours, count):
    """The same addresses one after the other. A name is written in more than one way there."""
    theirs, own = ([f"{method} {unquote(path)}" for method, path, _, _ in asked] for asked in (msals, ours))
    expect(theirs == own and len(own) == count, (theirs, own))
    return ", ".join(own)


def headers(msals, ours, **differences):
    return same_headers((None, msals[2], None), (None, ours[2], None), **differences)


def realm(msals, ours, name):
    """Ours has a name that nothing in the address can be taken for, whatever is in it."""
    path, query = ours[1].split("?")
    expect(unquote(path).endswith(f"/{name}") and re.fullmatch(r"[\w/.%-]+", path), path)
    expect(query == urlsplit(msals[1]).query, query)
    return headers(msals, ours, **AT_REALM)


def document(msals, ours, _):
    return headers(msals, ours, **AT_FEDERATION)


def trust(msals, ours, name):
    """The same XML, but for what is told above and the scheme of the address that each was given."""
    theirs, own = (list(elements(xml.etree.ElementTree.fromstring(body))) for _, _, _, body in (msals, ours))
    expect([element[:2] for element in theirs] == [element[:2] for element in own], (theirs, own))
    differ = {parts for one, other in zip(theirs, own) for parts in differing(one, other)}
    expect(differ - TIMES == {DRAWN, NAMED}, f"values differ: {differ}")
    expect(lifetime(theirs) == lifetime(own), (lifetime(theirs), lifetime(own)))
    given = {f"{SECURITY}Username": name, f"{SECURITY}Password": PASSWORD, f"EndpointReference/{ADDRESSING}Address": AUDIENCE}
    for end, value in given.items():
        expect([text for path, _, _, text in own if path.endswith(end)] == [value], own)
    return f"{len(own)} elements, for {lifetime(own)}; {headers(msals, ours, **AT_FEDERATION)}"


def elements(element, above=""):
    """The way to each element, the names of its attributes, those, and its text. Space between elements says nothing."""
    path = f"{above}/{element.tag}"
    is_space = len(element) > 0 and not (element.text or "").strip()
    expect(not (element.tail or "").strip(), f"text after {path}: {element.tail}")
    yield path, sorted(element.attrib), element.attrib, None if is_space else element.text
    for child in element:
        yield from elements(child, path)


def differing(msals, ours):
    """What has another value: the element, or its attribute."""
    path, names, attributes, text = ours
    tag = "{" + path.rsplit("/{", 1)[1]
    if msals[3] not in (text, text and with_https(text)):
        yield tag
    yield from ((tag, name) for name in names if msals[2][name] != attributes[name])


def lifetime(message):
    """For how long a message is good. That begins now, and the id of a message is nobody else's."""
    texts = {path.rsplit("}", 1)[1]: text for path, _, _, text in message}
    kind, drawn = texts["MessageID"].rsplit(":", 1)
    expect((kind, uuid.UUID(drawn).version, len(drawn)) == ("urn:uuid", 4, 36), texts["MessageID"])
    created, expires = (datetime.datetime.strptime(texts[name], "%Y-%m-%dT%H:%M:%SZ") for name in ("Created", "Expires"))
    age = datetime.datetime.now(datetime.timezone.utc).replace(tzinfo=None) - created
    expect(datetime.timedelta(0) <= age < datetime.timedelta(minutes=2), created)
    return expires - created


def in_order(body):
    """The fields. The order of scopes says nothing."""
    fields = parse_qsl(body.decode(), strict_parsing=True)
    return sorted((name, " ".join(sorted(value.split())) if name == "scope" else value) for name, value in fields)


def password(msals, ours, name):
    fields = dict(in_order(ours[3]))
    expect((fields["username"], fields["password"]) == (name, PASSWORD), fields)
    return f"{same_fields(in_order(msals[3]), in_order(ours[3]))}; {headers(msals, ours, **ROUTED)}"


def assertion(msals, ours, _):
    """Entra gets no password where it does not check it."""
    return f"{same_fields(in_order(msals[3]), in_order(ours[3]))}; {headers(msals, ours)}"


authority = serve(Federations)
run(
    **compared("managed.example", realm, password),
    **compared("both.example", realm, document, trust, assertion),
    **compared("feb2005.example", realm, document, trust, assertion),
    **compared("saml2.example", realm, document, trust, assertion),
    **compared("active2005.example", realm, trust, assertion),
    **compared("active13.example", realm, trust, assertion),
)
