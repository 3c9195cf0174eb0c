"""What a customer pays."""

__all__ = ["discounted"]


def discounted(cents: int, percent: int) -> int:
    """`cents` less a discount, rounded down to whole cents in the customer's favour."""
    if not 0 <= percent <= 100:
        raise ValueError(f"{percent} % is no discount")
    return cents * (100 - percent) // 100
