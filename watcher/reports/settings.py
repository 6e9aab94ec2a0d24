"""The ``[report]`` section of ``config.toml``."""

from pathlib import Path
from typing import Literal

from pydantic import BaseModel, ConfigDict, Field

from watcher.cron import CronOrNever, TimeZone


class ReportSettings(BaseModel):
    """When reports are written, where, and what is in them."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    nightly: CronOrNever = Field(
        "0 6 * * *", description="when the nightly report is written: minute hour day month weekday; empty: never"
    )
    weekly: CronOrNever = Field("0 6 * * 1", description="when the weekly report is written; empty: never")
    monthly: CronOrNever = Field("0 6 1 * *", description="when the monthly report is written; empty: never")
    timezone: TimeZone = Field(
        "UTC", description="the IANA time zone of these hours and of the times in the report, such as Africa/Nairobi"
    )
    folder: Path | None = Field(
        None, description="where reports are written, such as a folder on the share; else reports/ in the data folder"
    )
    language: Literal["en", "fr", "es", "pt", "sw", "id"] = Field("en", description="the language of the reports")
    pictures: int = Field(60, ge=0, description="pictures shown at most; a report stays below 1.5 MB in any case")
    days: int = Field(
        1, gt=0, description="days that the first report goes back; each later one starts at the last of its kind"
    )
    rate_days: int = Field(
        30, gt=0, description="the period of rates and activity, by capture time: at least so many days"
    )
    review: Literal["report", "apart", "none"] = Field(
        "report", description="where pictures to review are: in the report, in a file of its own beside it, nowhere"
    )
    model_days: int = Field(365, gt=0, description="a model older than this should be looked at: the report says so")
