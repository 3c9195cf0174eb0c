"""A shopping basket with quantities, discounts and a receipt."""

from basket.pricing import discounted
from basket.receipt import receipt

__all__ = ["Basket", "discounted", "receipt"]


class Basket:
    """What a customer wants to buy; prices are whole cents."""

    def __init__(self) -> None:
        self._lines: dict[str, tuple[int, int]] = {}

    def add(self, name: str, price: int, quantity: int = 1) -> None:
        """Put `quantity` pieces of a product into the basket."""
        if quantity < 1:
            raise ValueError(f"{quantity} pieces of {name} cannot be bought")
        _, before = self._lines.get(name, (price, 0))
        self._lines[name] = (price, before + quantity)

    @property
    def lines(self) -> dict[str, tuple[int, int]]:
        """Price and quantity of every product."""
        return dict(self._lines)

    @property
    def total(self) -> int:
        """What all of it costs, in cents."""
        return sum(price * quantity for price, quantity in self._lines.values())
