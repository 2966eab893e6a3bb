"""What must hold behind any proxy, asked through it as browsers and programs do. Standard library only."""

import argparse
import gzip
import http.client
import json
import re
import ssl
import time
from urllib.parse import urljoin, urlsplit

parser = argparse.ArgumentParser()
for option in ["url", "port", "key", "log", "certificate", "only"]:
    parser.add_argument(f"--{option}")
asked = parser.parse_args()
PUBLIC = asked.url.rstrip("/")
HOST = urlsplit(PUBLIC).hostname
PATH = urlsplit(PUBLIC).path
# Not the proxy's own address, so that the log can tell the two apart.
CLIENT = "127.0.0.2"
PICTURE = {"prompt": "a red circle on a blue background", "size": "64x64"}


class ToLoopback(http.client.HTTPConnection):
    """A connection to the public name, which is this machine here."""

    def connect(self):
        self.sock = socket_to_proxy()
        if PUBLIC.startswith("https"):
            context = ssl.create_default_context(cafile=asked.certificate)
            self.sock = context.wrap_socket(self.sock, server_hostname=HOST)


def socket_to_proxy():
    import socket

    return socket.create_connection(("127.0.0.1", int(asked.port)), timeout=120, source_address=(CLIENT, 0))


def request(method, path, body=None, headers=None, key=True, connection=None):
    """One request; its status, headers and body."""
    connection = connection or ToLoopback(HOST)
    headers = dict(headers or {})
    if key:
        headers.setdefault("Authorization", f"Bearer {asked.key}")
    if body is not None:
        headers.setdefault("Content-Type", "application/json")
        body = body if isinstance(body, bytes) else json.dumps(body).encode()
    connection.request(method, path, body, headers)
    answer = connection.getresponse()
    return answer, answer.read()


def get(path, **options):
    return request("GET", path, **options)


def equal(seen, expected, what):
    assert seen == expected, f"{what}: {seen!r}, not {expected!r}"


def path_of(url):
    """The path of one of the server's links, which must begin with the public address."""
    assert url.startswith(PUBLIC + "/"), f"{url} does not begin with {PUBLIC}"
    parts = urlsplit(url)
    return parts.path + (f"?{parts.query}" if parts.query else "")


def the_page_and_all_its_parts_are_there():
    base = f"{PATH}/"
    answer, body = get(base, key=False)
    equal(answer.status, 200, base)
    parts = re.findall(r'(?:src|href)="([^"#]+)"', body.decode())
    assert len(parts) >= 6, parts
    seen, found = set(), [urljoin(base, part) for part in parts]
    while found:
        path = found.pop()
        if path in seen:
            continue
        seen.add(path)
        answer, body = get(path, key=False)
        equal(answer.status, 200, path)
        if path.endswith(".js"):
            found += [urljoin(path, part) for part in re.findall(r"from '([^']+)'", body.decode())]
    assert len(seen) >= 12, seen


def a_path_without_its_slash_leads_to_the_page():
    if PATH:
        answer, _ = get(PATH, key=False)
        assert answer.status in (301, 302, 307, 308), answer.status
        assert urlsplit(answer.headers["Location"]).path == f"{PATH}/", answer.headers["Location"]


def keys_are_passed_on():
    equal(get(f"{PATH}/v1/models")[0].status, 200, "with a key")
    answer, body = get(f"{PATH}/v1/models", key=False)
    equal(answer.status, 401, "without a key")
    assert "key" in json.loads(body)["error"]["message"]


def links_lead_through_the_proxy_and_pictures_are_kept():
    answer, body = request("POST", f"{PATH}/v1/images/generations", PICTURE)
    equal(answer.status, 200, body)
    link = path_of(json.loads(body)["data"][0]["url"])
    answer, picture = get(link, key=False)
    equal((answer.status, picture[:4]), (200, b"\x89PNG"), link)
    assert "immutable" in answer.headers["Cache-Control"], answer.headers["Cache-Control"]
    tag = answer.headers["ETag"]
    equal(get(link, key=False, headers={"If-None-Match": tag})[0].status, 304, "the tag")
    part, bytes_ = get(link, key=False, headers={"Range": "bytes=0-7"})
    equal((part.status, bytes_), (206, picture[:8]), "a range")
    named = {"name": "n", "prompt": "a red circle", "width": 64, "height": 64}
    _, body = request("POST", f"{PATH}/v1/images/imagine", named)
    _, body = request("POST", f"{PATH}/v1/images/{json.loads(body)['id']}/publish", b"")
    equal(get(path_of(json.loads(body)["url"]), key=False)[0].status, 200, "a published picture")
    _, body = get(f"{PATH}/v1/images?take=1")
    next_page = json.loads(body)["links"]["next"]
    assert next_page is None or path_of(next_page)
    _, body = get(f"{PATH}/openapi.json", headers={"Accept-Encoding": "gzip"}, key=False)
    equal(json.loads(gzip.decompress(body))["servers"][0]["url"], PUBLIC, "servers")


def the_page_may_draw():
    origin = f"{urlsplit(PUBLIC).scheme}://{HOST}"
    answer, body = request("POST", f"{PATH}/v1/images/generations", PICTURE, {"Origin": origin})
    equal(answer.status, 200, body)
    answer, _ = request("POST", f"{PATH}/v1/images/generations", PICTURE, {"Origin": "https://evil.example"})
    equal(answer.status, 403, "another site's page")


def events_come_one_by_one():
    steps = 24
    body = json.dumps({"name": "n", "prompt": "a red circle", "steps": steps}).encode()
    connection = ToLoopback(HOST)
    headers = {"Accept": "text/event-stream", "Content-Type": "application/json", "Authorization": f"Bearer {asked.key}"}
    asked_at = time.monotonic()
    connection.request("POST", f"{PATH}/v1/images/imagine", body, headers)
    answer = connection.getresponse()
    equal(answer.status, 200, "events")
    moments = []
    while line := answer.readline():
        if line.startswith(b"event: "):
            moments.append((time.monotonic() - asked_at, line[7:].strip().decode()))
    names = [name for _, name in moments]
    equal((names[-1], names.count("step")), ("image", steps), names)
    # What was held back comes in one moment; how long a step takes is the machine's.
    apart = sum(1 for (one, _), (next_, _) in zip(moments, moments[1:]) if next_ - one > moments[-1][0] / steps / 4)
    assert apart >= steps / 2, f"{apart} events by themselves: {moments}"


def large_bodies_reach_the_server_and_larger_ones_its_own_limit():
    body = json.dumps(PICTURE).encode()
    answer, said = request("POST", f"{PATH}/v1/images/generations", body.ljust((32 << 20) - 1024))
    equal(answer.status, 200, said[:300])
    # Where no pictures are taken, 2 MiB are allowed.
    answer, said = request("POST", f"{PATH}/generations", body.ljust((2 << 20) + 1))
    equal(answer.status, 413, said[:300])
    assert "2097152 bytes" in json.loads(said)["error"], said


def connections_stay_open_on_both_sides():
    connection = ToLoopback(HOST)
    connection.connect()
    socket = connection.sock
    for _ in range(12):
        equal(get(f"{PATH}/healthz", connection=connection, key=False)[0].status, 200, "healthz")
        assert connection.sock is socket, "the proxy closed the connection"
    peers = re.findall(r"path=(?:/draw)?/healthz .*peer=([\d.:]+)", log(12))[-12:]
    assert len(set(peers)) <= 2, f"the proxy made {len(set(peers))} connections for 12 requests"


def the_log_names_the_client():
    get(f"{PATH}/readyz", headers={"X-Forwarded-For": "6.6.6.6"}, key=False)
    for _ in range(50):
        lines = [line for line in open(asked.log) if "/readyz" in line]
        if lines:
            break
        time.sleep(0.1)
    assert f"client={CLIENT} " in lines[-1], lines


def log(requests):
    """The server's log once it has so many lines about /healthz."""
    for _ in range(50):
        text = open(asked.log).read()
        if text.count("/healthz") >= requests:
            return text
        time.sleep(0.1)
    raise AssertionError("the log lacks requests")


CHECKS = [
    the_page_and_all_its_parts_are_there,
    a_path_without_its_slash_leads_to_the_page,
    keys_are_passed_on,
    links_lead_through_the_proxy_and_pictures_are_kept,
    the_page_may_draw,
    events_come_one_by_one,
    large_bodies_reach_the_server_and_larger_ones_its_own_limit,
    connections_stay_open_on_both_sides,
    the_log_names_the_client,
]
for check in CHECKS:
    if asked.only is None or asked.only in check.__name__:
        check()
        print("ok", check.__name__)
