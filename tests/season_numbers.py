"""A report's numbers by other code than the product's: whole tables in pandas, and no query that is clever."""

from collections import Counter
from dataclasses import dataclass
from datetime import datetime, timedelta
from itertools import pairwise

import numpy as np
import pandas as pd

from db.engine import Ledger

GAP, SILENCE = pd.Timedelta(minutes=30), pd.Timedelta(days=7)
DAY = pd.Timedelta(days=1)
KIND = ["label", "title", "category", "taxa"]
NEAR = 1 / 60  # hours: two formulas for the sun may differ so much
TIMES = {
    "observation": ["captured_at"],
    "media": ["received_at"],
    "prediction": ["predicted_at"],
    "review": ["at"],
    "sighting": ["seen_at"],
    "deployment": ["start", "end"],
    "link": [],
}
Kind = tuple[str, str, str, tuple[str, ...]]
Tables = dict[str, pd.DataFrame]


@dataclass(frozen=True, slots=True)
class SeenKind:
    """A row of the table of species: its pictures, and the events at each station."""

    pictures: int
    events: dict[str, int]


@dataclass(frozen=True, slots=True)
class News:
    """What came in in a span, and what was first answered in it."""

    received: int  # pictures that are no copies
    decisions: dict[str, int]
    species: dict[Kind, SeenKind]
    rejected: int
    same_content: int
    same_picture: int
    reexports: int


@dataclass(frozen=True, slots=True)
class Life:
    """What was captured in a period: ``hours`` has the least and the greatest count that each hour may have."""

    days: dict[str, float]  # by station
    gaps: dict[str, list[tuple[datetime, datetime]]]
    events: dict[Kind, int]
    unsure: int
    stations: dict[str, dict[str, int]]  # the events of each title
    hours: dict[str, list[tuple[int, int]]]  # by title
    by_clock: int
    accumulation: list[tuple[float, int]]


def tables(ledger: Ledger) -> Tables:
    """Read the tables whole, with times as such."""
    with ledger.engine.connect() as connection:
        read = {name: pd.read_sql_table(name, connection) for name in TIMES}
    for name, columns in TIMES.items():
        for column in columns:
            read[name][column] = pd.to_datetime(read[name][column], utc=True)
    stations = read["deployment"].set_index("id")
    read["observation"] = read["observation"].join(
        stations[["station", "longitude", "start", "end"]], on="deployment_id"
    )
    read["observation"]["taxa"] = read["observation"]["taxa"].map(tuple)
    return read


def news(of: Tables, since: datetime, until: datetime) -> News:
    """Count what came in, and what was first answered, after ``since`` and until ``until``."""
    said = pd.concat([
        of["prediction"][["media_id", "predicted_at"]].set_axis(["media_id", "at"], axis=1),
        of["review"][["media_id", "at"]],
    ])  # fmt: skip
    first = said.groupby("media_id")["at"].min()
    seen = _counted(of)
    seen = seen[seen["media_id"].isin(first.index[_within(first, since, until)])]
    answered = _with_starts(seen[seen["decision"] == "answered"])
    arrived = of["media"].loc[_within(of["media"]["received_at"], since, until), "id"]
    links = of["link"][(of["link"]["status"] != "undone") & of["link"]["media_id"].isin(arrived)]
    same, similar = (set(links.loc[links["kind"] == kind, "media_id"]) for kind in ("same_picture", "reexport"))
    files = of["sighting"].sort_values("id")
    files["again"] = files["media_id"].notna() & files.duplicated("media_id")
    files = files[_within(files["seen_at"], since, until)]
    return News(
        received=len(set(arrived) - same - similar),
        decisions=seen["decision"].value_counts().to_dict(),
        species={kind: SeenKind(len(rows), _by_station(rows[rows["starts"]])) for kind, rows in answered.groupby(KIND)},
        rejected=int((files["state"] == "rejected").sum()),
        same_content=int(files["again"].sum()),
        same_picture=len(same),
        reexports=len(similar - same),
    )


def life(of: Tables, begin: datetime, end: datetime, now: datetime | None = None) -> Life:
    """Count what was captured after ``begin`` and until ``end``, the effort beside it as it was known ``now``."""
    seen = _counted(of)
    seen = seen[seen["decision"] == "answered"]
    sure = (seen["time_source"] == "exif") & ~(
        (seen["captured_at"] < seen["start"]) | (seen["captured_at"] > seen["end"])
    )
    answered = _with_starts(seen[sure])
    answered = answered[_within(answered["captured_at"], begin, end)]
    events = answered[answered["starts"]].sort_values("captured_at")
    watched = _watched(of, begin, end, now or end)
    gaps = watched[watched["length"] > SILENCE]
    titles = events.drop_duplicates("title")
    new = Counter(time.floor("D") + DAY for time in titles["captured_at"])
    curve = [(begin, 0)]
    for day in sorted(new):
        curve.append((min(day, pd.Timestamp(end)), curve[-1][1] + new[day]))
    if curve[-1][0] < end:
        curve.append((end, curve[-1][1]))
    return Life(
        days={station: _effort(rows, end) for station, rows in watched.groupby("station")},
        gaps={station: sorted(zip(rows["a"], rows["b"], strict=True)) for station, rows in gaps.groupby("station")},
        events=events.groupby(KIND).size().to_dict(),
        unsure=int(_within(seen.loc[~sure, "captured_at"], begin, end).sum()),
        stations={station: rows["title"].value_counts().to_dict() for station, rows in events.groupby("station")},
        hours={title: _hours(rows) for title, rows in events.groupby("title")},
        by_clock=int(events["longitude"].isna().sum()),
        accumulation=[(_effort(watched, time), count) for time, count in curve],
    )


def _counted(of: Tables) -> pd.DataFrame:
    observations = of["observation"]
    return observations[observations["counted"].astype(bool)]


def _within(times: pd.Series, after: datetime, until: datetime) -> pd.Series:
    return (times > after) & (times <= until)


def _with_starts(answered: pd.DataFrame) -> pd.DataFrame:
    """Say of each answer whether an independent event starts with it: nothing of its kind came shortly before."""
    answered = answered.sort_values("captured_at", kind="stable")
    pause = answered.groupby(["deployment_id", "label"], dropna=False)["captured_at"].diff()
    return answered.assign(starts=~(pause <= GAP), category=answered["category"].fillna(""))


def _by_station(events: pd.DataFrame) -> dict[str, int]:
    return events["station"].value_counts().to_dict()


def _watched(of: Tables, begin: datetime, end: datetime, now: datetime) -> pd.DataFrame:
    """Give the pauses between the moments at which a camera is known to have stood there, cut to the period.

    ``length`` is that of the whole pause. Effort is what the short ones of them add up to.
    """
    signs = of["observation"][of["observation"]["time_source"] == "exif"]
    pauses = []
    for row in of["deployment"].itertuples():
        known = signs.loc[signs["deployment_id"] == row.id, "captured_at"]
        known = known[~((known < row.start) | (known > row.end))]  # no comparison holds with what is not recorded
        last = row.end if pd.isna(row.end) else min(row.end, max(pd.Timestamp(now), known.max()))
        moments = pd.Series([row.start, *known, last]).dropna().sort_values().tolist()
        pauses += [(row.station, a, b, b - a) for a, b in pairwise(moments)]
    watched = pd.DataFrame(pauses, columns=["station", "a", "b", "length"])
    watched["a"], watched["b"] = watched["a"].clip(lower=begin), watched["b"].clip(upper=end)
    return watched[watched["a"] < watched["b"]]


def _effort(watched: pd.DataFrame, until: datetime) -> float:
    """Give the camera-days up to a time."""
    short = watched[watched["length"] <= SILENCE]
    return float(((short["b"].clip(upper=until) - short["a"]).clip(lower=timedelta()) / DAY).sum())


def _hours(events: pd.DataFrame) -> list[tuple[int, int]]:
    """Count events by solar hour: those that are in it for sure, and those besides that may be."""
    clock = pd.to_datetime(events["captured_local"])
    utc = events["captured_at"].dt
    sun = utc.hour + utc.minute / 60 + utc.second / 3600 + events["longitude"] / 15 + _equation(events["captured_at"])
    hours = (sun % 24).where(events["longitude"].notna(), clock.dt.hour + 0.5)
    least, most = (np.floor((hours + shift) % 24).astype(int) for shift in (-NEAR, NEAR))
    return [
        (int(((least == hour) & (most == hour)).sum()), int(((least == hour) | (most == hour)).sum()))
        for hour in range(24)
    ]


def _equation(times: pd.Series) -> pd.Series:
    """Give how far a sundial is ahead of the mean sun, in hours, by the Astronomical Almanac's low precision formulas.

    As the U.S. Naval Observatory prints them ("Computing Approximate Solar Coordinates"), exact to some seconds.
    """
    days = (times - pd.Timestamp("2000-01-01T12:00Z")) / DAY
    anomaly, mean = np.radians(357.529 + 0.98560028 * days), 280.459 + 0.98564736 * days
    longitude = np.radians(mean + 1.915 * np.sin(anomaly) + 0.020 * np.sin(2 * anomaly))
    tilt = np.radians(23.439 - 0.00000036 * days)
    ascension = np.degrees(np.arctan2(np.cos(tilt) * np.sin(longitude), np.cos(longitude)))
    return ((mean - ascension + 180) % 360 - 180) / 15
