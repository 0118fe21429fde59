"""Everything an operator may set, from the environment, ``.env`` or a TOML file, validated once.

Here: names, units, defaults and their reasons. Not here: command line parsing (``cli/``), which only fills
the environment in, so that the web UI, a schedule and the command line read the same settings.
"""

from __future__ import annotations

import os
import tomllib
from pathlib import Path
from typing import Annotated, Literal, Self
from uuid import UUID

from pydantic import AfterValidator, BaseModel, ConfigDict, Field, SecretStr, ValidationError
from pydantic_settings import BaseSettings, PydanticBaseSettingsSource, SettingsConfigDict, TomlConfigSettingsSource

from chatsdk_migration.errors import PermanentError

CONFIG_FILE_VARIABLE = "CHATSDK_MIGRATION_CONFIG"
"""Names the optional TOML file; its keys are the field names below, its table ``[mapping]`` the mapping rules."""

ENVIRONMENT_PREFIX = "CHATSDK_MIGRATION_"
OTHER_VARIABLES = frozenset({"CONFIG", "DEMO_HOME"})
"""Variables with our prefix that are no settings."""

ChannelType = Literal["messaging", "group", "team", "livestream", "public", "private"]
MemberRole = Literal["owner", "admin", "moderator", "member"]


def _no_url(value: str) -> str:
    """Refuse a connection URL or string where one part of it belongs: it is shown in messages, with its password."""
    if "://" in value or "password=" in value:
        raise ValueError("give the name alone, not a connection string")
    return value


def _host(value: str) -> str:
    """Refuse all but a host's name or address, or the directory of a Unix socket."""
    is_directory = value.startswith("/") and not value.startswith("//")
    if any(mark in value for mark in "@=?") or ("/" in value and not is_directory):
        raise ValueError("give the host alone, not a URL or a connection string")
    return _no_url(value)


Name = Annotated[str, AfterValidator(_no_url)]
Host = Annotated[str, AfterValidator(_host)]


class MappingRules(BaseModel):
    """How Stream's words become ChatSDK's. Every default keeps private things private."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    channel_types: dict[str, ChannelType] = Field(default_factory=dict)
    """Stream channel type to ChatSDK type, overriding the safe rule of ``transform/channels.py``."""
    roles: dict[str, MemberRole] = Field(default_factory=dict)
    """Stream channel role to ChatSDK role, beyond the built-in ones."""
    emoji: dict[str, str] = Field(default_factory=dict)
    """Reaction type to emoji, beyond like, love, haha, wow, sad; maps to at most 50 characters."""
    members_without_read_state: Literal["read", "unread"] = "read"
    """Stream lists read state for at most 100 members; "read" spares the others a flood of unread badges."""
    user_message: Literal["all", "unread_and_mentions", "none"] = "all"
    """Which per-user message rows to write; "all" is what the live server does and costs members x messages rows."""
    carry_shadowed_messages: bool = False
    """ChatSDK does not filter by ``shadowed``: carrying them shows them to the whole channel."""
    carry_restricted_messages: bool = False
    """The same for messages with a restricted visibility list."""
    message_custom: Literal["drop", "attachment"] = "drop"
    """Custom message fields have no column; "attachment" keeps them in an attachment of type "custom"."""
    dm_cid: Literal["stream", "chatsdk"] = "stream"
    """"chatsdk" gives two-member direct messages the cid under which ChatSDK looks them up."""
    system_user_id: str = "stream-system"
    """Author of system messages that have none."""
    deleted_user_id: str = "stream-deleted-user"
    """Author of other messages whose author Stream no longer names."""


class Settings(BaseSettings):
    """Settings of one migration; secrets are never shown by ``repr`` nor dumped."""

    model_config = SettingsConfigDict(
        env_prefix=ENVIRONMENT_PREFIX,
        env_nested_delimiter="__",
        env_ignore_empty=True,  # docker-compose passes unset variables as empty ones
        extra="ignore",
        populate_by_name=True,
        frozen=True,
        hide_input_in_errors=True,  # a password may stand in the wrong place
    )

    stream_api_key: str = Field(default="", validation_alias="STREAM_API_KEY")
    stream_api_secret: SecretStr = Field(default=SecretStr(""), validation_alias="STREAM_API_SECRET")
    stream_chat_url: str | None = Field(default=None, validation_alias="STREAM_CHAT_URL")
    """The SDK's own variable; only for a proxy or a test server."""
    target_app_id: UUID | None = Field(default=None, validation_alias="CHATSDK_APP_ID")

    db_host: Host = Field(default="localhost", validation_alias="DB_HOST")
    db_port: int = Field(default=5432, validation_alias="DB_PORT", ge=1, le=65535)
    db_name: Name = Field(default="chatsdk", validation_alias="DB_NAME")
    db_user: Name = Field(default="chatsdk", validation_alias="DB_USER")
    db_password: SecretStr = Field(default=SecretStr(""), validation_alias="DB_PASSWORD")
    db_ssl: bool = Field(default=False, validation_alias="DB_SSL")
    """True means a verified connection (``sslmode=verify-full``); there is no unverified one."""
    db_ssl_ca: Path | None = Field(default=None, validation_alias="DB_SSL_CA")
    """CA certificate file; None uses the system's trust store."""

    user_batch_size: Annotated[int, Field(ge=1, le=100_000)] = 500
    channel_batch_size: Annotated[int, Field(ge=1, le=100_000)] = 100
    message_batch_size: Annotated[int, Field(ge=1, le=100_000)] = 1000
    """Rows written in one transaction; never sent to Stream, whose own page limits hold."""

    dagster_home: Path | None = Field(default=None, validation_alias="DAGSTER_HOME")
    """Dagster's own variable; processes that share it keep to Stream's limits together."""
    channels_in_flight: Annotated[int, Field(ge=1, le=256)] = 8
    """Channels read and loaded at the same time inside one run; each holds one database connection."""
    worker_processes: Annotated[int, Field(ge=1, le=64)] = Field(default_factory=lambda: min(os.cpu_count() or 1, 4))
    """Processes among which a run with many channels shares them; one Python process uses one core. Default: one for
    each core, at most four: PostgreSQL needs cores too."""
    rate_limit_share: Annotated[float, Field(gt=0, le=1)] = 1.0
    """Share of Stream's per-minute limits this tool may use; the customer's backend shares the same quota."""
    request_timeout_seconds: Annotated[float, Field(gt=0)] = 20.0
    """Stream's SDK default of 6 s is shorter than its slow answers on large pages."""

    max_rejects: Annotated[int, Field(ge=0)] | None = None
    """Rejected records in a run above which it takes no new channel; None: any number."""
    max_rejects_percent: Annotated[float, Field(ge=0, le=100)] = 0.1
    """The same in percent of the records read, once 10,000 were read (``budget.py``); 100 switches it off."""

    sync_overlap_minutes: Annotated[float, Field(ge=0)] = 10.0
    """How far a sync looks back behind what the last one saw: Stream's search index lags behind its messages."""
    sync_rescan_days: Annotated[float, Field(gt=0)] = 7.0
    """How far back messages are read again for deletions, which move nothing that could be asked for."""
    sync_rescan_calls: Annotated[int, Field(ge=0)] = 200
    """Calls to Stream that one sync may spend on that, beginning with the channels read longest ago; 0: none."""
    sync_rate_limit_share: Annotated[float, Field(gt=0, le=1)] = 0.5
    """Share of Stream's limits a sync may use: it runs beside the company's own backend, for days."""

    cutover_max_lag_seconds: Annotated[float, Field(ge=0)] = 3600.0
    """Lag above which a switch is not ready: what is behind has to be caught up while writes are frozen."""
    cutover_max_verify_age_hours: Annotated[float, Field(gt=0)] = 48.0
    """Age of the last whole verification above which a switch is not ready; two nights of the daily schedule."""
    cutover_max_differences: Annotated[int, Field(ge=0)] = 0
    """Differences that nothing explains above which it is not ready; the cutover itself tolerates none."""
    cutover_max_quarantined: Annotated[int, Field(ge=0)] = 0
    """Rejected records, neither replayed nor discarded, above which it is not ready."""
    cutover_max_conflicts: Annotated[int, Field(ge=0)] | None = None
    """Listed conflicts above which it is not ready; None: any number, as each is somebody's decision in ChatSDK."""
    cutover_step_max_age_minutes: Annotated[float, Field(gt=0)] = 60.0
    """Age above which an interrupted cutover repeats what it had done: the final sync, the verification."""

    sync_queue_url: str | None = None
    """SQS queue that gets Stream's events: a sync then looks at the channels they name. None: at all channels."""
    sync_queue_region: str | None = None
    """AWS region of the queue; None: as boto3 finds it."""
    sync_queue_endpoint_url: str | None = None
    """Another SQS than Amazon's: a VPC endpoint, or a local stand-in."""
    sync_queue_messages: Annotated[int, Field(ge=1, le=100_000)] = 5_000
    """Messages one sync takes from the queue; the others wait for the next."""
    sync_full_look_minutes: Annotated[float, Field(ge=0)] = 60.0
    """With a queue, how often all channels are looked at nevertheless: some of Stream's events are lost."""

    administrators: tuple[str, ...] = ()
    """People from Stream whom you made administrators in ChatSDK: comparisons and repairs leave them so."""

    mapping: MappingRules = Field(default_factory=MappingRules)

    @classmethod
    def settings_customise_sources(
        cls,
        settings_cls: type[BaseSettings],
        init_settings: PydanticBaseSettingsSource,
        env_settings: PydanticBaseSettingsSource,
        dotenv_settings: PydanticBaseSettingsSource,
        file_secret_settings: PydanticBaseSettingsSource,
    ) -> tuple[PydanticBaseSettingsSource, ...]:
        """Order of precedence: arguments, environment (the command line has put ``.env`` there), TOML file."""
        toml = TomlConfigSettingsSource(settings_cls, toml_file=os.environ.get(CONFIG_FILE_VARIABLE) or None)
        return init_settings, env_settings, toml

    @classmethod
    def load(cls) -> Self:
        """Read the settings.

        Raises:
            PermanentError: A value is not valid, or a name is unknown; the message names the variable, never the value.
        """
        _refuse_unknown_names(set(cls.model_fields))
        try:
            return cls()
        except ValidationError as error:
            found = "; ".join(f"{'.'.join(str(p) for p in e['loc'])}: {e['msg']}" for e in error.errors())
            raise PermanentError("reading the settings", found, "Correct the named settings and run again.") from None

    @property
    def app_id(self) -> str:
        """The target app's id in canonical form.

        Raises:
            PermanentError: None is set.
        """
        if self.target_app_id is None:
            raise PermanentError(
                "reading the settings", "no target app id is set", "Give --target-app-id or set CHATSDK_APP_ID."
            )
        return str(self.target_app_id)

    def libpq_parameters(self) -> dict[str, str]:
        """Give psycopg's connection parameters for the target database, password included."""
        parameters = {
            "host": self.db_host,
            "port": str(self.db_port),
            "dbname": self.db_name,
            "user": self.db_user,
            "password": self.db_password.get_secret_value(),
        }
        if not self.db_ssl:
            return parameters | {"sslmode": "disable"}  # libpq's default would accept TLS without verifying it
        return parameters | {"sslmode": "verify-full", "sslrootcert": str(self.db_ssl_ca or "system")}


def _refuse_unknown_names(known: set[str]) -> None:
    """Keep a misspelt setting from being taken for its default.

    Raises:
        PermanentError: The TOML file cannot be read, or it or the environment names a setting that does not exist.
    """
    variables = {name.removeprefix(ENVIRONMENT_PREFIX) for name in os.environ if name.startswith(ENVIRONMENT_PREFIX)}
    misspelt = [
        ENVIRONMENT_PREFIX + name
        for name in variables - OTHER_VARIABLES
        if name.lower() not in known and not name.startswith("MAPPING__")
    ]
    misspelt += [name for name in _toml_names() if name not in known]
    if misspelt:
        found = f"there is no setting {', '.join(sorted(misspelt))}"
        raise PermanentError("reading the settings", found, "Correct its name; chatsdk_migration/settings.py has all.")


def _toml_names() -> list[str]:
    path = os.environ.get(CONFIG_FILE_VARIABLE)
    if not path:
        return []
    try:
        with Path(path).open("rb") as file:
            return list(tomllib.load(file))
    except (OSError, ValueError) as error:
        reason = error.strerror if isinstance(error, OSError) else str(error)
        raise PermanentError(f"reading {path} ({CONFIG_FILE_VARIABLE})", str(reason), "Correct the file.") from None
