"""`/api/security/...`: users, permissions and tokens, as far as trying things out needs them."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from flask import Response

from pytest_defend.server.refusals import Refused, as_json, as_text
from pytest_defend.stores.accounts import EVERY_REPOSITORY

if TYPE_CHECKING:
    from pytest_defend.server.calls import Call

__all__ = ["new_token", "put_permission", "put_user", "remove_user", "users"]

_TOKEN_LIFE_S = 3600


def users(call: Call) -> Response:
    """Every user."""
    call.need_admin()
    uri = f"{call.base}/api/security/users/"
    known = call.store.accounts.users()
    return as_json([{"name": user.name, "uri": uri + user.name, "realm": "internal"} for user in known])


def put_user(call: Call) -> Response:
    """Make a user, or give one another password."""
    call.need_admin()
    sent = call.body()
    if not isinstance(sent, dict) or not isinstance(sent.get("password"), str) or not sent["password"]:
        raise Refused(400, "Error parsing json body")
    admin = sent.get("admin") is True
    call.store.accounts.add_user(call.named["name"], sent["password"], admin=admin)
    return Response(status=201)


def remove_user(call: Call) -> Response:
    """Delete a user."""
    call.need_admin()
    name = call.named["name"]
    if name not in {user.name for user in call.store.accounts.users()}:
        raise Refused(404, f"User '{name}' does not exist")
    call.store.accounts.remove_user(name)
    return as_text(f"The user: '{name}' has been removed successfully.")


def put_permission(call: Call) -> Response:
    """Give users rights: `{"repositories": [KEY], "principals": {"users": {NAME: [RIGHT]}}}`."""
    call.need_admin()
    sent = call.body()
    try:
        keys = [EVERY_REPOSITORY if key == "ANY" else str(key) for key in sent["repositories"]]
        given: dict[str, Any] = sent["principals"]["users"]
        rows = [(name, key, "".join(map(str, rights))) for name, rights in given.items() for key in keys]
    except (KeyError, TypeError, AttributeError) as error:
        raise Refused(400, "Error parsing json body") from error
    strangers = given.keys() - {user.name for user in call.store.accounts.users()}
    if strangers:
        raise Refused(400, f"Permission target names users that do not exist: {', '.join(sorted(strangers))}")
    for row in rows:
        call.store.accounts.permit(*row)
    return Response(status=201)


def new_token(call: Call) -> Response:
    """Make an access token: of oneself, or as administrator of anybody."""
    name = str(call.request.form.get("username", "")) or call.user.name
    if name != call.user.name:
        call.need_admin()
    if name not in {user.name for user in call.store.accounts.users()}:
        raise Refused(400, f"User '{name}' does not exist")
    token = call.store.accounts.new_token(name)
    told = {"access_token": token, "token_type": "Bearer", "expires_in": _TOKEN_LIFE_S}
    return as_json({**told, "scope": "member-of-groups:*"})
