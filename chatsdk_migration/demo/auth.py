"""Who may ask: the key, the signed token, the refusals.

Here: the checks Stream makes before anything else. Not here: rate limits (``limits.py``).
"""

from __future__ import annotations

from collections.abc import Mapping

import jwt

from chatsdk_migration.demo.options import ServerOptions
from chatsdk_migration.demo.wire import NOT_ALLOWED, ApiError

ACCESS_KEY = 2
BAD_TOKEN = 5
TOKEN_EXPIRED = 40
BAD_SIGNATURE = 43
SUSPENDED = 99


class Gate:
    """Lets requests of one key and secret in; a token once found good is not decoded again."""

    def __init__(self, api_key: str, api_secret: str, options: ServerOptions) -> None:
        self.options = options
        self.api_key = api_key
        self.api_secret = api_secret
        self._good: set[tuple[str, str]] = set()

    def check(self, key: str | None, headers: Mapping[str, str]) -> None:
        """Raise the refusal Stream would give.

        Raises:
            ApiError: 401 with code 2, 5, 40 or 43, 403 with code 17 or 99, or the refusal set in the options.
        """
        if self.options.refuse is not None:
            raise ApiError(*self.options.refuse)
        if key != self.api_key:
            raise ApiError(401, ACCESS_KEY, "api_key not found" if key else "api_key not provided")
        if self.options.suspended:
            raise ApiError(403, SUSPENDED, "app is suspended")
        token = headers.get("Authorization", "")
        if not token or headers.get("stream-auth-type", "") != "jwt":
            raise ApiError(401, BAD_TOKEN, "auth token or auth type is missing")
        if (token, self.api_secret) not in self._good:
            self._decode(token)

    def _decode(self, token: str) -> None:
        try:
            claims = jwt.decode(token, self.api_secret, algorithms=["HS256"])
        except jwt.ExpiredSignatureError:
            raise ApiError(401, TOKEN_EXPIRED, "token is expired") from None
        except jwt.InvalidSignatureError:
            raise ApiError(401, BAD_SIGNATURE, "Token signature is invalid") from None
        except jwt.InvalidTokenError:
            raise ApiError(401, BAD_TOKEN, "token is malformed") from None
        if claims.get("server") is not True:
            raise ApiError(403, NOT_ALLOWED, "this endpoint is only allowed with a server token")
        if "exp" not in claims:
            self._good.add((token, self.api_secret))
