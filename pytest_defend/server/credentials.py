"""Who asks: from the headers of a request to a user.

Rules:
- A secret is a password or an access token; as API key, a token.
- Wrong credentials are refused, also where none would be needed.
- A server without users lets everybody do everything; it is bound to loopback.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from pytest_defend.server.calls import ANONYMOUS
from pytest_defend.server.refusals import Refused
from pytest_defend.stores.accounts import Account

if TYPE_CHECKING:
    from flask import Request

    from pytest_defend.server.calls import Shop

__all__ = ["account_of"]


def account_of(request: Request, shop: Shop) -> Account:
    """Who asks.

    Raises:
        Refused: The credentials are not right, or there are none and there must be.
    """
    accounts = shop.store.accounts
    credentials = request.authorization
    if shop.open:
        return Account(name="admin", admin=True)
    if key := request.headers.get("X-JFrog-Art-Api", ""):
        return _found(accounts.by_token(key), Refused(403, "Bad props auth token: apiKey"))
    if credentials is None:
        if shop.anonymous:
            return Account(name=ANONYMOUS)
        raise Refused.unauthorized("Authentication is required")
    if credentials.type == "basic":
        account = accounts.by_password(credentials.username or "", credentials.password or "")
    else:
        account = accounts.by_token(credentials.token or "")
    return _found(account, Refused.unauthorized("Bad credentials"))


def _found(account: Account | None, refusal: Refused) -> Account:
    if account is None:
        raise refusal
    return account
