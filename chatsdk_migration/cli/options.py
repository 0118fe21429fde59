"""Command line options and the environment variables they fill in.

Here: each option once, with its help, and the way from the command line into the environment. Not here: what a
value means and whether it is valid (``settings.py``). Secrets go from here into this process's environment and on
to its children that way; never into their argument lists, run config or a log.
"""

from __future__ import annotations

import os
from collections.abc import Callable, Mapping
from functools import wraps
from inspect import Parameter, signature
from pathlib import Path
from typing import Annotated, Any

import typer
from dotenv import load_dotenv

from chatsdk_migration.errors import PermanentError

LARGEST_BATCH = 100_000
"""As in ``settings.py``."""

ApiKey = Annotated[str | None, typer.Option("--api-key", help="Stream API key [STREAM_API_KEY].", show_default=False)]
Secret = Annotated[
    str | None,
    typer.Option(
        "--secret",
        help="Stream API secret [STREAM_API_SECRET]; better set in the environment or .env, where ps cannot see it.",
        show_default=False,
    ),
]
TargetAppId = Annotated[
    str | None,
    typer.Option("--target-app-id", help="ChatSDK app to load into, a UUID [CHATSDK_APP_ID].", show_default=False),
]
DbHost = Annotated[str | None, typer.Option("--db-host", help="Target host [DB_HOST, else localhost].")]
DbPort = Annotated[int | None, typer.Option("--db-port", help="Target port [DB_PORT, else 5432].")]
DbName = Annotated[str | None, typer.Option("--db-name", help="Target database [DB_NAME, else chatsdk].")]
DbUser = Annotated[str | None, typer.Option("--db-user", help="Target role [DB_USER, else chatsdk].")]
DbPassword = Annotated[
    str | None,
    typer.Option("--db-password", help="Its password [DB_PASSWORD]; better set in the environment or .env."),
]
DbSsl = Annotated[
    bool | None,
    typer.Option("--db-ssl/--no-db-ssl", help="Verified TLS to the target, sslmode=verify-full [DB_SSL]."),
]
DbSslCa = Annotated[
    Path | None, typer.Option("--db-ssl-ca", help="CA certificate file [DB_SSL_CA, else the system's store].")
]
UserBatchSize = Annotated[
    int | None, typer.Option("--user-batch-size", min=1, max=LARGEST_BATCH, help="Users a transaction [500].")
]
ChannelBatchSize = Annotated[
    int | None, typer.Option("--channel-batch-size", min=1, max=LARGEST_BATCH, help="Channels a transaction [100].")
]
MessageBatchSize = Annotated[
    int | None, typer.Option("--message-batch-size", min=1, max=LARGEST_BATCH, help="Messages a transaction [1000].")
]
MaxRejects = Annotated[
    int | None,
    typer.Option("--max-rejects", min=0, help="Rejected records above which no new channel is taken (else any)."),
]
MaxRejectsPercent = Annotated[
    float | None,
    typer.Option(
        "--max-rejects-percent", min=0, max=100, help="The same in percent of the records read, from 10,000 on [0.1]."
    ),
]

SOURCE = {"api_key": ApiKey, "secret": Secret}
TARGET = {
    "target_app_id": TargetAppId,
    "db_host": DbHost,
    "db_port": DbPort,
    "db_name": DbName,
    "db_user": DbUser,
    "db_password": DbPassword,
    "db_ssl": DbSsl,
    "db_ssl_ca": DbSslCa,
}
LOAD = {
    "user_batch_size": UserBatchSize,
    "channel_batch_size": ChannelBatchSize,
    "message_batch_size": MessageBatchSize,
    "max_rejects": MaxRejects,
    "max_rejects_percent": MaxRejectsPercent,
}
"""Groups of options by name, for ``taking``."""

VARIABLES = {
    "api_key": "STREAM_API_KEY",
    "secret": "STREAM_API_SECRET",
    "target_app_id": "CHATSDK_APP_ID",
    "db_host": "DB_HOST",
    "db_port": "DB_PORT",
    "db_name": "DB_NAME",
    "db_user": "DB_USER",
    "db_password": "DB_PASSWORD",
    "db_ssl": "DB_SSL",
    "db_ssl_ca": "DB_SSL_CA",
    "user_batch_size": "CHATSDK_MIGRATION_USER_BATCH_SIZE",
    "channel_batch_size": "CHATSDK_MIGRATION_CHANNEL_BATCH_SIZE",
    "message_batch_size": "CHATSDK_MIGRATION_MESSAGE_BATCH_SIZE",
    "max_rejects": "CHATSDK_MIGRATION_MAX_REJECTS",
    "max_rejects_percent": "CHATSDK_MIGRATION_MAX_REJECTS_PERCENT",
}
"""Option name to the variable that ``Settings`` reads."""


def taking(*groups: Mapping[str, Any]) -> Callable[[Callable[..., None]], Callable[..., None]]:
    """Add groups of options to a command; what they are given goes into the environment before it runs."""
    added = {name: kind for group in groups for name, kind in group.items()}

    def decorate(command: Callable[..., None]) -> Callable[..., None]:
        own = signature(command, eval_str=True)

        @wraps(command)
        def run(**given: Any) -> None:
            into_environment(**{name: given.pop(name) for name in added})
            command(**given)

        parameters = [Parameter(name, Parameter.KEYWORD_ONLY, default=None, annotation=added[name]) for name in added]
        parameters += [one.replace(kind=Parameter.KEYWORD_ONLY) for one in own.parameters.values()]
        vars(run)["__signature__"] = own.replace(parameters=parameters)  # what typer reads
        run.__annotations__ = {one.name: one.annotation for one in parameters}
        return run

    return decorate


def into_environment(**options: Any) -> None:
    """Put the options that were given into this process's environment, over what stood there."""
    for name, value in options.items():
        if value is not None:
            os.environ[VARIABLES[name]] = str(value)


def read_environment_file(path: Path = Path(".env")) -> None:
    """Add what ``.env`` says to the environment, under what stands there; an empty variable counts as not set.

    Raises:
        PermanentError: The file is there and cannot be read.
    """
    for name in VARIABLES.values():
        if os.environ.get(name) == "":
            del os.environ[name]
    try:
        if path.exists():
            load_dotenv(path)
    except (OSError, UnicodeDecodeError) as error:
        reason = error.strerror if isinstance(error, OSError) else "it is not UTF-8 text"
        raise PermanentError(
            f"reading {path.absolute()}", str(reason), "Correct it, or run in another folder."
        ) from None


END = "--end-of-the-command-line"


def spread_variadic(arguments: list[str], option: str) -> list[str]:
    """Rewrite ``--channels a b c`` as ``--channels a --channels b --channels c``.

    Everything after the option up to the next option belongs to it, as in the tool this one replaces.

    Raises:
        PermanentError: Nothing follows: an empty shell variable must not come to mean "all".
    """
    spread: list[str] = []
    waiting = inside = False
    for argument in [*arguments, END]:
        if argument.startswith("-"):
            if waiting:
                raise PermanentError("reading the command line", f"{option} has no value", "Give at least one.")
            name, given, value = argument.partition("=")
            inside = name == option
            waiting = inside and not given
            if inside and given:
                spread += [option, value]
            elif not inside and argument is not END:
                spread.append(argument)
        elif inside:
            spread += [option, argument]
            waiting = False
        else:
            spread.append(argument)
    return spread
