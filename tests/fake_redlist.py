"""A local Red List: version 4 of the API as far as Trapline asks it, in the shapes that the real one answers in."""

import json
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from threading import Thread
from typing import Any
from urllib.parse import parse_qs, urlsplit

from db.redlist import Taxon, Trend, load

TOKEN = "a-token-of-ones-own"
TRENDS = [Trend.INCREASING, Trend.DECREASING, Trend.STABLE, Trend.UNKNOWN]


@dataclass
class FakeRedList:
    """What it knows, how it misbehaves, and what it was asked.

    It says of ``taxa`` what the rows say, and leaves out reintroductions. ``failures`` are answered first, one a
    request: a status and headers. ``patches`` change an assessment's answer before it is sent.
    """

    taxa: dict[str, Taxon] = field(default_factory=lambda: {taxon.scientific_name: taxon for taxon in load().taxa})
    failures: list[tuple[int, dict[str, str]]] = field(default_factory=list)
    patches: dict[str, Any] = field(default_factory=dict)
    more_locations: list[dict[str, str]] = field(default_factory=list)
    asked: list[str] = field(default_factory=list)
    url: str = ""

    def answer(self, path: str, authorization: str | None) -> tuple[int, dict[str, str], object]:
        """Give status, headers and body."""
        self.asked.append(path)
        if self.failures:
            status, headers = self.failures.pop(0)
            return status, headers, {"error": "it failed"}
        if authorization != f"Bearer {TOKEN}":
            return 401, {}, {"error": "Unauthorized"}
        parts = urlsplit(path)
        ids = dict(enumerate(self.taxa.values(), start=1000))
        if parts.path == "/api/v4/taxa/scientific_name":
            words = {key: values[0] for key, values in parse_qs(parts.query).items()}
            name = " ".join(words[key] for key in ("genus_name", "species_name", "infra_name") if key in words)
            found = [number for number, taxon in ids.items() if taxon.scientific_name == name]
            return (200, {}, _list(found[0], ids[found[0]])) if found else (404, {}, {"error": "Not found"})
        number = int(parts.path.removeprefix("/api/v4/assessment/"))
        return 200, {}, _assessment(number, ids[number]) | self._locations(ids[number]) | self.patches

    def _locations(self, taxon: Taxon) -> dict[str, Any]:
        here = [
            {"origin": "Native", "presence": "Extant", "code": code, "description": {"en": code}}
            for code in sorted(taxon.countries - taxon.reintroduced)
        ]
        return {"locations": here + self.more_locations}


@contextmanager
def fake_redlist() -> Iterator[FakeRedList]:
    """Serve it on a port of this machine."""
    fake = FakeRedList()

    class Handler(BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            status, headers, body = fake.answer(self.path, self.headers.get("Authorization"))
            content = json.dumps(body).encode()
            self.send_response(status)
            for name, value in {
                "Content-Type": "application/json",
                "Content-Length": str(len(content)),
                **headers,
            }.items():
                self.send_header(name, value)
            self.end_headers()
            self.wfile.write(content)

        def log_message(self, *_: object) -> None:
            """Keep the tests' output clean."""

    server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    fake.url = f"http://127.0.0.1:{server.server_port}"
    thread = Thread(target=server.serve_forever)
    thread.start()
    try:
        yield fake
    finally:
        server.shutdown()
        thread.join()
        server.server_close()


def _list(number: int, taxon: Taxon) -> dict[str, Any]:
    def one(identifier: int, year: int, scope: str, *, latest: bool) -> dict[str, Any]:
        code = {"Global": "1", "Mediterranean": "4"}[scope]
        return {
            "year_published": str(year),
            "latest": latest,
            "sis_taxon_id": 1,
            "url": f"https://www.iucnredlist.org/species/1/{identifier}",
            "assessment_id": identifier,
            "scopes": [{"description": {"en": scope}, "code": code}],
        }

    return {
        "taxon": {"sis_id": 1, "scientific_name": taxon.scientific_name},
        "assessments": [
            one(1, 1996, "Global", latest=False),
            one(2, 2010, "Mediterranean", latest=True),
            one(number, taxon.published, "Global", latest=True),
        ],
        "params": {},
    }


def _assessment(number: int, taxon: Taxon) -> dict[str, Any]:
    return {
        "assessment_id": number,
        "assessment_date": f"{taxon.assessed}-04-29T00:00:00.000Z",
        "year_published": str(taxon.published),
        "latest": True,
        "criteria": taxon.criteria or None,
        "citation": f"{taxon.citation} Accessed on 28 November 2026.",
        "population_trend": {"description": {"en": taxon.trend.title()}, "code": str(TRENDS.index(taxon.trend))},
        "red_list_category": {"version": "3.1", "description": {"en": "Its name"}, "code": taxon.category},
        "documentation": {"rationale": "Text that is not ours to keep."},
        "taxon": {"scientific_name": taxon.scientific_name},
    }
