"""Certificates: whom a server is trusted by, who we are to it, and what is wrong when TLS says no.

Rules:
- A bundle that was named counts, then the one the environment names, then that of requests. The word `system`
  means the operating system, whatever the environment names.
- The trust store of the system is used for our own connections alone: nothing global is changed.
- What is wrong is said in our words: messages of libraries show files of their source and no next step.

Source: OpenSSL, `X509_STORE_CTX_get_error` for the codes; RFC 8446, section 6, for the alerts.
"""

from __future__ import annotations

import os
import ssl

from pytest_defend.errors import UsageError

__all__ = [
    "SYSTEM",
    "bundle_problem",
    "check_system",
    "chosen_bundle",
    "is_cut_off",
    "system_trust",
    "tls_problem",
]

SYSTEM = "system"
"""In place of a bundle: the authorities that the operating system trusts."""

_BUNDLES = ("REQUESTS_CA_BUNDLE", "CURL_CA_BUNDLE", "PIP_CERT", "SSL_CERT_FILE")
_NAME_IT = "name its bundle with --defend-ca-bundle, or trust what the system trusts with the word system"
_CODES = {
    9: "its certificate is not valid yet",
    10: "its certificate has expired",
    18: f"its certificate is signed by itself and not trusted here; {_NAME_IT}",
    19: f"its certificate is signed by an authority that is not trusted here; {_NAME_IT}",
    20: f"its certificate is signed by an authority that is not trusted here; {_NAME_IT}",
    62: "its certificate is for another name",
    64: "its certificate is for another address",
}
_CUT_OFF = (
    "it ended the TLS connection, as servers do that ask for a client certificate (--defend-client-cert) or"
    " do not accept it"
)
_ALERTS = {
    "CERTIFICATE_REQUIRED": "it asks for a client certificate; give one with --defend-client-cert",
    "HANDSHAKE_FAILURE": "it refuses the TLS connection; it may ask for a client certificate",
    "UNKNOWN_CA": "it does not trust the authority of the client certificate",
    "BAD_CERTIFICATE": "it does not accept the client certificate",
    "CERTIFICATE_UNKNOWN": "it does not accept the client certificate",
    "CERTIFICATE_EXPIRED": "it says the client certificate has expired",
    "CERTIFICATE_REVOKED": "it says the client certificate is revoked",
}


def chosen_bundle(cert: str) -> str:
    """The CA bundle to use: `cert`, else what the environment names; empty for that of requests."""
    if cert == SYSTEM:
        return ""
    return cert or next(filter(None, map(os.environ.get, _BUNDLES)), "")


def check_system() -> None:
    """See that the system can be asked whom it trusts.

    Raises:
        UsageError: The library that asks is not installed.
    """
    from importlib.util import find_spec  # noqa: PLC0415  # only who wants the system pays for it

    if find_spec("truststore") is None:
        hint = "Install pytest-defend[truststore], or name a file."
        raise UsageError("The CA bundle `system` needs the library truststore, which is missing.", hint=hint)


def system_trust(cert: str) -> ssl.SSLContext | None:
    """What trusts whom the operating system trusts, when that is wanted; None when a bundle is.

    Raises:
        UsageError: It is wanted and the library for it is not installed.
    """
    if cert != SYSTEM:
        return None
    check_system()
    import truststore  # noqa: PLC0415  # not a dependency: who wants it installs it

    return truststore.SSLContext(ssl.PROTOCOL_TLS_CLIENT)


def bundle_problem(bundle: str, client_cert: str = "") -> tuple[str, str] | None:
    """What is wrong with the files, and what to do; None when nothing is."""
    hint = f"Correct {', '.join(_BUNDLES)} or `cert` in the configuration of pip."
    if bundle and not os.path.exists(bundle):  # noqa: PTH110  # Path raises on odd texts
        return f"the CA bundle {bundle} does not exist", hint
    if bundle and not os.path.isdir(bundle) and not _loads(cafile=bundle):  # noqa: PTH112  # as above
        return f"the CA bundle {bundle} holds no certificate that can be read", hint
    if client_cert and not os.path.exists(client_cert):  # noqa: PTH110  # as above
        return f"the client certificate {client_cert} does not exist", "Correct --defend-client-cert."
    if client_cert and not _loads(client_cert=client_cert):
        problem = f"the client certificate {client_cert} is not one PEM file with certificate and key"
        return problem, "Correct --defend-client-cert."
    return None


def _loads(*, cafile: str = "", client_cert: str = "") -> bool:
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
    try:
        if cafile:
            context.load_verify_locations(cafile)
        if client_cert:
            context.load_cert_chain(client_cert, password=_no_password)
    except (OSError, ValueError):  # an SSLError is an OSError
        return False
    return True


def _no_password() -> str:
    """A key that asks for one is not asked for at the terminal."""
    raise ValueError


def tls_problem(error: BaseException) -> str:
    """What TLS says is wrong, in our words; empty when it is not TLS or says nothing known."""
    for cause in _chain(error):
        if isinstance(cause, ssl.SSLCertVerificationError):
            return _CODES.get(cause.verify_code, f"its certificate is not accepted: {cause.verify_message}")
        if isinstance(cause, ssl.SSLEOFError):
            return _CUT_OFF
        if isinstance(cause, ssl.SSLError):
            said = cause.reason or ""
            return next((words for alert, words in _ALERTS.items() if said.endswith(alert)), "")
    return ""


def is_cut_off(error: BaseException) -> bool:
    """Whether a connection over TLS just ended: what was sent may be sent again, as without TLS."""
    return any(isinstance(cause, ssl.SSLEOFError | ssl.SSLZeroReturnError) for cause in _chain(error))


def _chain(error: BaseException) -> list[BaseException]:
    """An error and the reasons behind it, as libraries hide them."""
    found: dict[int, BaseException] = {}
    waiting = [error]
    while waiting:
        each = waiting.pop()
        if id(each) not in found:  # a chain may be a circle
            found[id(each)] = each
            parts = (*each.args, getattr(each, "reason", None), each.__cause__, each.__context__)
            waiting += [part for part in parts if isinstance(part, BaseException)]
    return list(found.values())
