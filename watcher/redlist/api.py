"""Asks the IUCN Red List's API, slowly, and remembers its answers for a week."""

import re
import time
from datetime import date
from http import HTTPStatus
from pathlib import Path
from typing import TypeVar

import requests
from pydantic import BaseModel, ValidationError
from urllib3.exceptions import InvalidHeader
from urllib3.util import Retry

from db.redlist import RedListError, Taxon
from db.redlist.assessment import Assessment, Assessments, revised
from ml.files import write_atomically
from watcher.redlist.settings import RedListSettings

WEEK = 7 * 24 * 3600.0
TRIES = 5
TIMEOUT = (10, 60)  # seconds to connect, and to wait for an answer
LONGEST_WAIT = 120.0  # seconds that the Red List may ask us to wait
LATER = "nothing is changed; run the same command again, and it goes on from here"
UPDATE = "nothing is changed; update Trapline, which knows version 4 of the API"

AnswerT = TypeVar("AnswerT", bound=BaseModel)


class RefreshError(RedListError):
    """The Red List cannot be asked; nothing is changed, and the message says what to do. It never holds the token."""


class RedListApi:
    """Asks for assessments, one request after another with a pause between.

    Answers are kept in ``cache``, cut down to what Trapline reads of them, so that a refresh that was cut off goes on.
    """

    def __init__(self, settings: RedListSettings, cache: Path) -> None:
        token = _token(settings)

        def signed(request: requests.PreparedRequest) -> requests.PreparedRequest:
            request.headers["Authorization"] = f"Bearer {token}"
            return request

        self._url = settings.url.rstrip("/")
        self._pause = settings.pause_seconds
        self._cache = cache
        self._session = requests.Session()
        self._session.auth = signed
        self._asked = float("-inf")

    def revised(self, taxon: Taxon, today: date) -> Taxon | None:
        """Give the row of a taxon as the Red List has it; None where it has no global assessment of it.

        Raises
        ------
        RefreshError
            The token is refused, the Red List cannot be reached or asks too long a wait, or answers in another shape.

        """
        name = taxon.scientific_name
        words = dict(zip(("genus_name", "species_name", "infra_name"), name.split(), strict=False))
        listed = self._answer(Assessments, "taxa/scientific_name", name.replace(" ", "-"), words)
        if listed is None or listed.current is None:
            return None
        slug = f"assessment-{listed.current}"
        assessment = self._answer(Assessment, f"assessment/{listed.current}", slug, {})
        if assessment is None:
            raise RefreshError(f"the Red List lists {slug} of {name} and does not have it: {LATER}")
        try:
            return revised(taxon, assessment, today)
        except ValueError as error:
            raise RefreshError(f"the Red List says of {name} what is not understood ({error}): {UPDATE}") from error

    def _answer(self, shape: type[AnswerT], path: str, slug: str, params: dict[str, str]) -> AnswerT | None:
        """Give what is remembered, or ask; None where the Red List knows nothing of it."""
        remembered = self._cache / f"{slug}.json"
        if remembered.exists() and time.time() - remembered.stat().st_mtime < WEEK:
            try:
                return shape.model_validate_json(remembered.read_bytes())
            except ValidationError:  # of an earlier release, which read less
                remembered.unlink()
        content = self._ask(path, params)
        if content is None:
            return None
        try:
            answer = shape.model_validate_json(content)
        except ValidationError as error:
            raise RefreshError(f"the Red List answers in another shape ({slug}: {_first(error)}): {UPDATE}") from error
        write_atomically(remembered, answer.model_dump_json().encode())
        return answer

    def _ask(self, path: str, params: dict[str, str]) -> bytes | None:
        for attempt in range(TRIES):
            time.sleep(max(0.0, self._asked + self._pause - time.monotonic()))
            self._asked = time.monotonic()
            try:
                got = self._session.get(
                    f"{self._url}/api/v4/{path}", params=params, timeout=TIMEOUT, allow_redirects=False
                )
            except requests.RequestException as error:
                raise RefreshError(
                    f"the Red List at {self._url} cannot be reached ({type(error).__name__}): "
                    f"check the network; {LATER}"
                ) from error
            if got.status_code != HTTPStatus.TOO_MANY_REQUESTS and got.status_code < HTTPStatus.INTERNAL_SERVER_ERROR:
                return _content(got)
            if attempt < TRIES - 1:
                time.sleep(_wait(got, self._pause * 2**attempt))
        raise RefreshError(f"the Red List does not answer now ({got.status_code}, {TRIES} times): {LATER}")


def _token(settings: RedListSettings) -> str:
    """Give the user's own token."""
    if settings.token is not None:
        place, token = "TRAPLINE_REDLIST__TOKEN", settings.token.get_secret_value()
    elif settings.token_file is not None:
        place = str(settings.token_file)
        try:
            token = settings.token_file.read_text(encoding="utf-8")
        except (OSError, UnicodeDecodeError) as error:
            raise RefreshError(
                f"{place} cannot be read: give redlist.token_file a text file with your token"
            ) from error
    else:
        raise RefreshError(
            "the Red List is asked with your own token, and there is none: get one at https://api.iucnredlist.org, "
            "then set TRAPLINE_REDLIST__TOKEN, or name a file that holds it with redlist.token_file"
        )
    if not re.fullmatch(r"[!-~]+", token.strip()):
        raise RefreshError(f"what {place} holds cannot be a token: one word of letters and digits is expected")
    return token.strip()


def _content(got: requests.Response) -> bytes | None:
    match got.status_code:
        case HTTPStatus.OK:
            return got.content
        case HTTPStatus.NOT_FOUND:
            return None
        case HTTPStatus.UNAUTHORIZED | HTTPStatus.FORBIDDEN:
            raise RefreshError(
                f"the Red List refuses the token ({got.status_code}): check TRAPLINE_REDLIST__TOKEN or "
                "redlist.token_file, or get a new one at https://api.iucnredlist.org; nothing is changed"
            )
        case status:
            raise RefreshError(f"the Red List answers {status}, which was not expected: check redlist.url, or {UPDATE}")


def _wait(got: requests.Response, usual: float) -> float:
    """Give the seconds to wait before the next try: what the Red List asks for, else the usual."""
    try:
        asked = Retry().parse_retry_after(got.headers.get("Retry-After", ""))
    except InvalidHeader:
        return usual
    if asked > LONGEST_WAIT:
        raise RefreshError(f"the Red List wants no question for {asked / 60:.0f} minutes: {LATER}")
    return max(asked, usual)


def _first(error: ValidationError) -> str:
    """Name the first key at fault."""
    fault = error.errors()[0]
    return f"{'.'.join(map(str, fault['loc'])) or 'all'}, {fault['msg']}"
