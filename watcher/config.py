"""The configuration: ``config.toml`` and ``TRAPLINE_*`` variables, checked at once and all errors told together.

Each package owns the model of its own section; this file composes them and alone reads the file.
"""

import os
import tomllib
from pathlib import Path
from typing import Annotated, Any, Literal, get_args

from pydantic import BaseModel, ConfigDict, Field, ValidationError, field_validator
from pydantic_settings import BaseSettings, NoDecode, PydanticBaseSettingsSource, SettingsConfigDict

from db.exchange.settings import ProjectSettings
from db.settings import LedgerSettings
from ml.settings import ModelSettings
from training.settings import TrainingSettings
from watcher.detections.settings import DetectionsSettings
from watcher.redlist.settings import RedListSettings
from watcher.reports.settings import ReportSettings
from watcher.retraining import ScheduledRetraining

PREFIX = "TRAPLINE_"


class ConfigError(ValueError):
    """The configuration is wrong; the message has one line for each key at fault."""


class IntakeSettings(BaseModel):
    """How files are noticed and read."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    settle_seconds: float = Field(2, ge=0, description="a file is taken when it has not changed for this long")
    scan_minutes: float = Field(5, gt=0, description="a full look at every folder, whatever the events say")
    events: Literal["auto", "always", "never"] = Field(
        "auto", description="whether the file system's events are heard; auto: where it is not a network share"
    )
    poll_seconds: float = Field(30, ge=1, description="a full look at folders of which no events come")
    incomplete_minutes: float = Field(
        15, ge=0, description="a picture that ends too early may still grow for this long"
    )
    max_megapixels: int = Field(50, gt=0, description="a larger picture is rejected before it is decoded")
    decode_workers: int = Field(
        default_factory=lambda: max(1, min(4, os.cpu_count() or 1)), gt=0, description="processes that read pictures"
    )


class PipelineSettings(BaseModel):
    """How the model is asked."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    reanswer: bool = Field(
        default=False, description="after a promotion, let the new model answer the old pictures too"
    )


class Settings(BaseSettings):
    """Everything that can be set."""

    model_config = SettingsConfigDict(extra="forbid", frozen=True, env_prefix=PREFIX, env_nested_delimiter="__")

    data_dir: Path = Field(Path("trapline-data"), description="where Trapline keeps what it makes; on a local disk")
    inbox: Annotated[tuple[Path, ...], NoDecode] = Field((), description="the shared folders; Trapline only reads them")
    stations: Path | None = Field(
        None, description="the table of deployments, where it is not stations.csv at the top of the inbox"
    )
    intake: IntakeSettings = IntakeSettings()
    pipeline: PipelineSettings = PipelineSettings()
    detections: DetectionsSettings = DetectionsSettings()
    model: ModelSettings = ModelSettings()
    ledger: LedgerSettings = LedgerSettings()
    project: ProjectSettings = ProjectSettings()
    redlist: RedListSettings = RedListSettings()
    report: ReportSettings = ReportSettings()
    training: TrainingSettings = TrainingSettings()
    retraining: ScheduledRetraining = ScheduledRetraining()

    @field_validator("inbox", mode="before")
    @classmethod
    def _one_or_several(cls, value: object) -> object:
        """Take one folder or a list; in the variable ``TRAPLINE_INBOX`` they are separated as in ``PATH``."""
        return [part for part in value.split(os.pathsep) if part] if isinstance(value, str) else value

    @classmethod
    def settings_customise_sources(
        cls,
        settings_cls: type[BaseSettings],  # noqa: ARG003  # the signature is the library's
        init_settings: PydanticBaseSettingsSource,
        env_settings: PydanticBaseSettingsSource,
        dotenv_settings: PydanticBaseSettingsSource,  # noqa: ARG003
        file_secret_settings: PydanticBaseSettingsSource,  # noqa: ARG003
    ) -> tuple[PydanticBaseSettingsSource, ...]:
        """Let the environment win over the file, whose content arrives as arguments."""
        return env_settings, init_settings


def load_settings(file: Path | None = None) -> Settings:
    """Read ``file``, else the one that ``TRAPLINE_CONFIG`` names, else ``./config.toml`` where there is one.

    Relative folders in a file are relative to that file.

    Raises
    ------
    ConfigError
        The file is absent or not TOML, or keys are unknown or wrong: all of them, one line each.

    """
    named = file or (Path(os.environ[PREFIX + "CONFIG"]) if PREFIX + "CONFIG" in os.environ else None)
    path = named or Path("config.toml")
    content: dict[str, Any] = {}
    if named is not None or path.is_file():
        content = _read(path)
    if isinstance(section := content.get("redlist"), dict) and "token" in section:
        raise ConfigError(
            f"{path}: redlist.token: a token does not belong in a file that others read: put it into "
            "TRAPLINE_REDLIST__TOKEN, or name a file that holds it with redlist.token_file"
        )
    try:
        settings = Settings(**content)
    except ValidationError as error:
        raise ConfigError(_explain(error, path)) from error
    return _absolute(settings, path.resolve().parent)


def _read(path: Path) -> dict[str, Any]:
    try:
        return tomllib.loads(path.read_text(encoding="utf-8"))
    except OSError as error:
        raise ConfigError(
            f"{path} cannot be read ({error.strerror}): name the configuration with --config FILE"
        ) from error
    except (tomllib.TOMLDecodeError, UnicodeDecodeError) as error:
        raise ConfigError(f"{path} is not valid TOML: {error}") from error


def _explain(error: ValidationError, path: Path) -> str:
    """Say where, what was expected and what was found, for every key at fault."""
    lines = []
    for fault in error.errors():
        key = ".".join(str(part) for part in fault["loc"])
        variable = PREFIX + "__".join(str(part) for part in fault["loc"]).upper()
        place = variable if variable in os.environ else f"{path}: {key}"
        if fault["type"] == "extra_forbidden":
            known = _known_keys(fault["loc"][:-1])
            lines.append(f"{place}: unknown key; known here: {', '.join(known)}")
        else:
            expected = fault["msg"].removeprefix("Value error, ").replace("Input should be", "expected")
            lines.append(f"{place}: {expected}, found {fault['input']!r}")
    return "\n".join(lines)


def _known_keys(section: tuple[int | str, ...]) -> list[str]:
    model: type[BaseModel] = Settings
    for part in section:
        if isinstance(part, str):  # else the place in a list of sections
            annotation = model.model_fields[part].annotation
            inner = next(iter(get_args(annotation)), annotation)
            assert isinstance(inner, type)
            model = inner
    return sorted(model.model_fields)


def _absolute(settings: Settings, base: Path) -> Settings:
    """Make folders absolute, so that nothing depends on where a later command is started."""

    def at(path: Path | None) -> Path | None:
        return None if path is None else (base / path.expanduser()).resolve()

    return settings.model_copy(
        update={
            "data_dir": at(settings.data_dir),
            "inbox": tuple(at(folder) for folder in settings.inbox),
            "stations": at(settings.stations),
            "model": settings.model.model_copy(update={"weights_folder": at(settings.model.weights_folder)}),
            "ledger": settings.ledger.model_copy(update={"redlist": at(settings.ledger.redlist)}),
            "redlist": settings.redlist.model_copy(update={"token_file": at(settings.redlist.token_file)}),
            "report": settings.report.model_copy(update={"folder": at(settings.report.folder)}),
            "retraining": settings.retraining.model_copy(
                update={"datasets": tuple(at(folder) for folder in settings.retraining.datasets)}
            ),
        }
    )
