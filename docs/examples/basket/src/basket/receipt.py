"""A receipt that other programs can read."""

from __future__ import annotations

from typing import TYPE_CHECKING

import tomli_w

if TYPE_CHECKING:
    from basket import Basket

__all__ = ["receipt"]


def receipt(basket: Basket) -> str:
    """The basket as a TOML document."""
    lines = [
        {"name": name, "price": price, "quantity": quantity}
        for name, (price, quantity) in basket.lines.items()
    ]
    return tomli_w.dumps({"total": basket.total, "line": lines})
